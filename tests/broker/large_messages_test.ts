/** Messages beyond 64 KiB, whose Payloads are kept and sent from where they were read: every receiver gets what was sent,
 * whatever else holds the same bytes, and whoever leaves in the middle. @module */

import { assertEquals } from "@std/assert";
import { largeBuffers, pooledSize } from "../../src/base/buffer_pool.ts";
import { getLog } from "../../src/base/log.ts";
import { makeConfig } from "../../src/config/config.ts";
import { PacketType, type ProtocolVersion, type QoS } from "../../src/packet/mod.ts";
import { startServer } from "../../src/server.ts";
import type { ByteStream } from "../../src/transport/byte_stream.ts";
import type { Listener } from "../../src/transport/listener.ts";
import { listenTls } from "../../src/transport/tls.ts";
import { listenWebSocket } from "../../src/transport/websocket.ts";
import { connectWebSocket } from "../../src/transport/websocket_client.ts";
import { HAS_OPENSSL, TestAuthority } from "../support/certificates.ts";
import { connectTls } from "../support/deno_tls.ts";
import { TestBroker } from "../support/test_broker.ts";
import { TestClient } from "../support/test_client.ts";

const LASTING = { sessionExpiryInterval: 1000 };
const SIZES = [70_000, 300_000, 65_536, 90_001, 1_200_000];
const ROUNDS = 3;
const MESSAGES = SIZES.length * ROUNDS;
/** Nobody is dropped for being slow: the test's clients read one after the other. */
const LIMITS = { outboundBytesMax: 1 << 30, outboundMarkBytes: 1 << 28 };

/** Different in every place, and for every number. */
function payloadOf(number: number): Uint8Array {
  const payload = new Uint8Array(SIZES[number % SIZES.length]);
  for (let i = 0; i < payload.length; i++) payload[i] = (i * 31 + (i >>> 8) * 7 + number * 13) & 0xff;
  payload[0] = number;
  return payload;
}

/** The number of the message that this is, byte by byte. */
function numberOf(payload: Uint8Array): number {
  const expected = payloadOf(payload[0]);
  let at = 0;
  while (at < expected.length && payload[at] === expected[at]) at++;
  assertEquals([payload.length, at], [expected.length, expected.length], `message ${payload[0]}`);
  return payload[0];
}

/** Takes `count` messages, and acknowledges each. @returns their numbers. */
async function take(client: TestClient, count: number): Promise<number[]> {
  const numbers: number[] = [];
  while (numbers.length < count) {
    const packet = await client.receive();
    if (packet === undefined) throw new Error(`closed after ${numbers.length} messages`);
    if (packet.type === PacketType.Pubrel) await client.acknowledge(PacketType.Pubcomp, packet.packetIdentifier);
    if (packet.type !== PacketType.Publish) continue;
    numbers.push(numberOf(packet.payload));
    if (packet.qos === 1) await client.acknowledge(PacketType.Puback, packet.packetIdentifier);
    if (packet.qos === 2) await client.acknowledge(PacketType.Pubrec, packet.packetIdentifier);
  }
  return numbers;
}

const ALL = Array.from({ length: MESSAGES }, (_, number) => number);

/** Publishes all to clients of every kind at once. @param open a Network Connection. */
async function exchange(open: () => ByteStream | Promise<ByteStream>): Promise<void> {
  const connect = async (clientId: string, protocolVersion: ProtocolVersion = 5, properties = {}) => {
    const client = new TestClient(await open());
    await client.connect({ clientId, protocolVersion, properties });
    return client;
  };
  const kinds: [ProtocolVersion, QoS, number][] = [[4, 0, 0], [5, 0, 0], [4, 1, 0], [5, 1, 9], [5, 2, 0], [4, 2, 0]];
  const subscribers: TestClient[] = [];
  for (const [version, qos, identifier] of kinds) {
    const subscriber = await connect(`subscriber-${version}-${qos}`, version);
    const properties = identifier > 0 ? { subscriptionIdentifiers: [identifier] } : {};
    await subscriber.subscribe("large/+", { qos, properties });
    subscribers.push(subscriber);
  }
  const away = await connect("away", 5, LASTING);
  await away.subscribe("large/#", { qos: 1 });
  await away.disconnect();
  const leaver = await connect("leaver");
  await leaver.subscribe("large/+", { qos: 1 });

  const publisher = await connect("publisher");
  const takes = subscribers.map((subscriber) => take(subscriber, MESSAGES));
  for (const number of ALL) {
    const qos = (number % 3) as QoS;
    const options = { retain: number % 4 === 0, properties: { contentType: "x" } };
    const topicName = `large/${number}`;
    if (qos === 0) await publisher.publish(topicName, payloadOf(number), options);
    else await publisher.publishAcknowledged(topicName, payloadOf(number), { ...options, qos });
    if (number === 7) leaver.drop(); // in the middle of whatever is being written to it
  }
  for (const numbers of await Promise.all(takes)) assertEquals(numbers, ALL);

  const back = new TestClient(await open());
  await back.connect({ clientId: "away", cleanStart: false, properties: LASTING });
  assertEquals(await take(back, ALL.filter((number) => number % 3 > 0).length), ALL.filter((number) => number % 3 > 0));
  const late = await connect("late");
  await late.subscribe("large/+", { qos: 1 });
  const retained = ALL.filter((number) => number % 4 === 0);
  assertEquals((await take(late, retained.length)).sort((a, b) => a - b), retained);
  for (const client of [...subscribers, publisher, back, late]) client.drop();
}

Deno.test("large messages come as they were sent, however little a read or a write takes", async () => {
  for (const bytes of [undefined, 50_021, 7919]) {
    await using broker = await TestBroker.start({ config: { limits: LIMITS } });
    await exchange(() => broker.open({ readBytesMax: bytes, writeBytesMax: bytes }));
  }
});

Deno.test("large messages come as they were sent from a store on the disk", async () => {
  const dataDir = await Deno.makeTempDir();
  try {
    await using broker = await TestBroker.start({ config: { dataDir, durability: "normal", limits: LIMITS } });
    await exchange(() => broker.open());
  } finally {
    await Deno.remove(dataDir, { recursive: true });
  }
});

Deno.test({
  name: "large messages come as they were sent over TLS and WebSocket",
  ignore: !HAS_OPENSSL && Deno.env.get("CI") !== "true",
  fn: async () => {
    const authority = TestAuthority.make();
    const limits = { handshakesMax: 100, handshakeTimeoutMs: 10_000 };
    const log = getLog("transport");
    const config = makeConfig({
      sysIntervalS: 0,
      durability: "off",
      accounts: "/nonexistent/accounts.kv",
      limits: LIMITS,
    });
    const options = { host: "127.0.0.1", port: 0, tcpBacklog: 16, limits, log, ...authority.server() };
    const door = (url: string) => Number(new URL(url.replace(/^\w+/, "https")).port);
    const layers: [Listener, (listener: Listener) => () => Promise<ByteStream>][] = [
      [await listenTls(options), ({ url }) => () => connectTls("127.0.0.1", door(url), authority)],
      [
        listenWebSocket(await listenTls(options), { origins: undefined, closeTimeoutMs: 1000, limits }),
        ({ url }) => async () => {
          const host = `127.0.0.1:${door(url)}`;
          return await connectWebSocket(await connectTls("127.0.0.1", door(url), authority), { host });
        },
      ],
    ];
    for (const [listener, opener] of layers) {
      const server = await startServer(config, log, { listeners: [listener] });
      try {
        await exchange(opener(listener));
      } finally {
        await server.stop();
      }
    }
    authority.remove();
  },
});

Deno.test("what a large message took is free again when its receiver has acknowledged it", async () => {
  await using broker = await TestBroker.start({ config: { limits: LIMITS } });
  const publisher = await broker.connect();
  for (const qos of [1, 2] as const) {
    const receiver = await broker.connect({ protocolVersion: 4 });
    await receiver.subscribe("large", { qos });
    const payload = payloadOf(1);
    // Read without a decoder, which would take buffers of the same pool.
    const frame = new Uint8Array(1 + 3 + 2 + "large".length + 2 + payload.length);
    for (let number = 1; number <= 10; number++) {
      const before = largeBuffers.idleBytes;
      await publisher.publishAcknowledged("large", payload, { qos });
      await publisher.expectNothing();
      for (let at = 0; at < frame.length;) at += (await receiver.stream.read(frame.subarray(at)))!;
      const whileKept = largeBuffers.idleBytes;
      if (qos === 1) await receiver.acknowledge(PacketType.Puback, number);
      else {
        await receiver.acknowledge(PacketType.Pubrec, number);
        await receiver.expect(PacketType.Pubrel);
        await receiver.acknowledge(PacketType.Pubcomp, number);
      }
      await receiver.expectNothing();
      assertEquals(largeBuffers.idleBytes - whileKept, pooledSize(payload.length + 5000), `message ${number}`);
      // From the second on, nothing new is made.
      if (number > 1) assertEquals(largeBuffers.idleBytes, before, `message ${number}`);
    }
    receiver.drop();
  }
});

Deno.test("a message that waits for a slow receiver keeps its bytes, though others have acknowledged it", async () => {
  await using broker = await TestBroker.start({ config: { limits: LIMITS } });
  const slow = await broker.connect();
  await slow.subscribe("large", { qos: 1 });
  const quick = await broker.connect();
  await quick.subscribe("large", { qos: 1 });
  const publisher = await broker.connect();
  for (const number of ALL) {
    await publisher.publishAcknowledged("large", payloadOf(number), { qos: 1 });
    assertEquals(await take(quick, 1), [number]);
  }
  assertEquals(await take(slow, MESSAGES), ALL);
});

Deno.test("a PUBACK that comes before its message was written gives nobody its bytes", async () => {
  await using broker = await TestBroker.start({ config: { limits: LIMITS } });
  const hasty = await broker.connect();
  await hasty.subscribe("large", { qos: 1 });
  const publisher = await broker.connect();
  // The memory between them holds 64 KiB: the rest of each message waits to be written.
  for (const number of ALL) {
    await publisher.publishAcknowledged("large", payloadOf(number), { qos: 1 });
    await hasty.acknowledge(PacketType.Puback, number + 1);
  }
  const numbers: number[] = [];
  while (numbers.length < MESSAGES) numbers.push(numberOf((await hasty.expectPublish()).payload));
  assertEquals(numbers, ALL);
});
