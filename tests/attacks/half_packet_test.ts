/** Packets that never end, claim more than they bring, or come a byte at a time; connections that only take a place.
 * @module */

import { assert, assertEquals } from "@std/assert";
import { ByteWriter, Decoder, encodePacket, PacketType, ReasonCode } from "../../src/packet/mod.ts";
import { wire } from "../packet/support.ts";
import { TestBroker } from "../support/test_broker.ts";
import { assertServes, SMALL_LIMITS, SocketBroker, until } from "./support.ts";

const KiB = 1024;
const CONNECT = wire(`10 [ "MQTT" 05 02 00 00  00 "half" ]`);

Deno.test("Half a CONNECT and silence: the connection ends when connectTimeoutMs has passed, without a word", async () => {
  await using broker = await TestBroker.start({ config: { limits: { connectTimeoutMs: 5000 } } });
  const other = await broker.connect();
  const clients = Array.from({ length: 20 }, () => broker.client());
  for (const [i, client] of clients.entries()) await client.sendBytes(CONNECT.subarray(0, i % CONNECT.length));
  await assertServes(other);
  await broker.advance(4000);
  assertEquals(broker.server.snapshot().connections, 21);
  await broker.advance(1100);
  for (const client of clients) await client.expectClosed();
  await until(() => broker.server.snapshot().connections === 1, "only the other one is left");
  await assertServes(other);
});

Deno.test("[MQTT-3.1.2-22] Half a packet and silence after CONNECT: the Keep Alive ends it", async () => {
  await using broker = await TestBroker.start();
  const half = await broker.connect({ keepAlive: 10 });
  await half.sendBytes(wire("30 64 00 03 'a/b'"));
  await broker.advance(14_000);
  assertEquals(broker.server.snapshot().connections, 1);
  // More of the same packet is no Control Packet.
  await half.sendBytes(wire("'and some more'"));
  await broker.advance(1100);
  await half.expectDisconnect(ReasonCode.KeepAliveTimeout);
});

Deno.test("Half a packet and silence over TCP: it holds its place and nothing else; a reset takes it away", async () => {
  await using broker = await SocketBroker.start({ limits: { ...SMALL_LIMITS, connectTimeoutMs: 300 } });
  const other = await broker.connect();
  const early = await broker.client();
  await early.sendBytes(CONNECT.subarray(0, 5));
  await early.expectClosed();

  const half = await broker.connect();
  await half.subscribe("to/half");
  await half.sendBytes(wire("30 64 00 03 'a/b'"));
  await assertServes(other);
  // Closing with bytes of the broker unread makes the system send a reset.
  for (let i = 0; i < 20; i++) await other.publish("to/half", new Uint8Array(KiB));
  await other.expectNothing();
  half.drop();
  await until(() => broker.server.snapshot().connections === 1, "the broker has noticed");
  await assertServes(other);
});

Deno.test("Byte by byte: a whole session of a client that sends and reads single bytes", async () => {
  await using broker = await TestBroker.start();
  const client = broker.client({ readBytesMax: 1, writeBytesMax: 1, bufferBytes: 1 });
  const reading = (async () => {
    await client.expect(PacketType.Connack);
  })();
  await Promise.all([client.sendConnect(), reading]);
  const subscribing = client.subscribe("a/+", { qos: 2 });
  await subscribing;
  const publishing = client.publishAcknowledged("elsewhere", "x".repeat(300), { qos: 2 });
  await publishing;
  await Promise.all([client.publish("a/b", "y".repeat(3000)), client.expectPublish()]);
  await client.disconnect();
});

Deno.test("A claimed Remaining Length allocates nothing: the buffer follows what really comes", () => {
  const decoder = new Decoder({ sender: "client", connectPacketSizeMax: 1 << 16, userPropertiesMax: 10 });
  const feed = (bytes: Uint8Array) => {
    for (let from = 0; from < bytes.length;) {
      const room = decoder.room();
      const part = bytes.subarray(from, from + room.length);
      room.set(part);
      decoder.received(part.length);
      from += part.length;
      decoder.next();
    }
  };
  feed(CONNECT);
  decoder.maximumPacketSize = 268_435_460;
  feed(wire("30 ff ff ff 7f  00 01 'a'"));
  assert(decoder.bufferBytes <= KiB, `${decoder.bufferBytes} for a Fixed Header`);
  feed(new Uint8Array(200 * KiB));
  assert(decoder.bufferBytes <= 512 * KiB, `${decoder.bufferBytes} for 200 KiB`);
});

const CLAIMS = [
  ["before CONNECT, 256 MB", wire("10 ff ff ff 7f"), undefined],
  ["before CONNECT, one byte more than connectPacketSizeMax", wire("10 fe 1f"), undefined],
  ["before CONNECT, a Remaining Length of five bytes", wire("10 ff ff ff ff 01"), undefined],
] as const;
for (const [name, bytes] of CLAIMS) {
  Deno.test(`A claim ${name}: the connection ends at once, and nothing was waited for`, async () => {
    await using broker = await TestBroker.start({ config: { limits: SMALL_LIMITS } });
    const liar = broker.client();
    await liar.sendBytes(bytes);
    // Whatever it is told, it is over; the clock has not moved.
    while (await liar.receive().catch(() => undefined) !== undefined);
    await until(() => broker.server.snapshot().connections === 0, "it is gone");
  });
}

for (
  const [name, bytes, reasonCode] of [
    ["256 MB", wire("30 ff ff ff 7f"), ReasonCode.PacketTooLarge],
    ["one byte more than the Maximum Packet Size", wire("30 fd ff 07"), ReasonCode.PacketTooLarge],
    ["a Remaining Length of five bytes", wire("30 ff ff ff ff 01"), ReasonCode.MalformedPacket],
    ["a Remaining Length longer than needed", wire("c0 80 00"), ReasonCode.MalformedPacket],
  ] as const
) {
  Deno.test(`After CONNECT, ${name}: DISCONNECT 0x${reasonCode.toString(16)} before a byte of it has come`, async () => {
    await using broker = await TestBroker.start({ config: { limits: SMALL_LIMITS } });
    const other = await broker.connect();
    const liar = await broker.connect();
    await liar.sendBytes(bytes);
    await liar.expectDisconnect(reasonCode);
    await assertServes(other);
  });
}

Deno.test("A payload that fills a packet to the Maximum Packet Size passes, one byte more does not", async () => {
  await using broker = await TestBroker.start({ config: { limits: SMALL_LIMITS } });
  const client = await broker.connect();
  await client.subscribe("t");
  // Fixed Header 4, topic 2 + 1, no properties 1.
  const largest = SMALL_LIMITS.maximumPacketSize - 8;
  await client.publish("t", new Uint8Array(largest));
  assertEquals((await client.expectPublish()).payload.length, largest);
  await client.publish("t", new Uint8Array(0));
  assertEquals((await client.expectPublish()).payload.length, 0);
  await client.publish("t", new Uint8Array(largest + 1));
  await client.expectDisconnect(ReasonCode.PacketTooLarge);
});

Deno.test("65,535 levels in Topic Filters, Topic Names and Will Topics are refused one by one, and overflow nothing", async () => {
  await using broker = await TestBroker.start({ config: { limits: { connectPacketSizeMax: 200_000 } } });
  const client = await broker.connect();
  const slashes = "/".repeat(65_535);
  const pluses = "+/".repeat(32_767);
  const shared = `$share/g/${"/".repeat(65_526)}`;
  const suback = await client.subscribe([slashes, pluses, `${pluses}#`, shared, "fine"]);
  const invalid = ReasonCode.TopicFilterInvalid;
  assertEquals(suback.reasonCodes, [invalid, invalid, invalid, invalid, 0]);
  assertEquals(
    await client.publishAcknowledged(slashes, "x", { qos: 1, retain: true }),
    ReasonCode.TopicNameInvalid,
  );
  await client.publish(slashes, "x");
  const unsuback = await client.unsubscribe([slashes, pluses]);
  assertEquals(unsuback.reasonCodes.length, 2);
  const dying = broker.client();
  await dying.sendConnect({ will: { topicName: slashes } });
  assertEquals((await dying.expect(PacketType.Connack)).reasonCode, ReasonCode.TopicNameInvalid);
  await assertServes(client);
});

Deno.test("65,535 levels where they are allowed: matched without recursion, and forgotten again", async () => {
  const limits = { topicLevelsMax: 65_536 };
  await using broker = await TestBroker.start({ config: { limits } });
  const client = await broker.connect();
  const slashes = "/".repeat(65_535);
  const filters = [slashes, "+/".repeat(32_767) + "#", "#"];
  await client.subscribe(filters);
  await client.publish(slashes, "deep", { retain: true });
  assertEquals((await client.expectPublish()).text, "deep");
  await client.subscribe("#");
  assertEquals((await client.expectPublish()).retain, true);
  await client.unsubscribe(filters);
  assertEquals(broker.server.snapshot().subscriptionNodes, 0);
  await client.publish(slashes, "", { retain: true });
  await client.expectNothing();
  assertEquals(broker.server.snapshot().retainedMessages, 0);
});

Deno.test("Thousands of User Properties: up to userPropertiesMax they pass in order, more is 0x97 or 0x82, none is quadratic", async () => {
  await using broker = await TestBroker.start();
  const client = await broker.connect();
  await client.subscribe("t");
  const userProperties = Array.from({ length: 1000 }, (_, i): [string, string] => [`k${i % 7}`, `${i}`]);
  await client.publish("t", "x", { properties: { userProperties } });
  assertEquals((await client.expectPublish()).properties.userProperties, userProperties);
  await client.publish("t", "x", { properties: { userProperties: [...userProperties, ["one", "more"]] } });
  const disconnect = await client.expect(PacketType.Disconnect);
  assert(disconnect.reasonCode >= 0x80);
  await client.expectClosed();

  // 100,000 of them in one packet: refused at the first too many.
  const flooder = await broker.connect();
  await flooder.sendBytes(wire(`30 [ 00 01 't' [ ${"26 00 00 00 00 ".repeat(100_000)} ] ]`));
  assert((await flooder.expect(PacketType.Disconnect)).reasonCode >= 0x80);

  const connecting = broker.client();
  const connect = new ByteWriter();
  encodePacket(
    connect,
    {
      type: PacketType.Connect,
      protocolVersion: 5,
      cleanStart: true,
      keepAlive: 0,
      clientId: "many",
      will: undefined,
      userName: undefined,
      password: undefined,
      properties: { userProperties: Array.from({ length: 1001 }, (): [string, string] => ["", ""]) },
    },
    5,
    Infinity,
  );
  await connecting.sendBytes(connect.written.slice());
  assert((await connecting.expect(PacketType.Connack)).reasonCode >= 0x80);
});
