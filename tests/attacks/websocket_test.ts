/** Attacks on the door for WebSocket: each is refused with the right status or code, costs a bounded amount of memory, and
 * another client does not notice. @module */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { deadline } from "@std/async/deadline";
import { ByteWriter, type ControlPacket, encodePacket, PacketType, ReasonCode } from "../../src/packet/mod.ts";
import { readBytes } from "../transport/byte_stream_suite.ts";
import { clientFrame, frame, frames, hex, readFrame, text } from "../transport/websocket_wire.ts";
import { assertEmpty, assertServes, SMALL_LIMITS, until } from "./support.ts";
import { answerOn, expectClose, expectEnd, send, WebSocketBroker } from "./websocket_support.ts";

const MiB = 2 ** 20;

function bytesOf(packet: Exclude<ControlPacket, { message: unknown }>): Uint8Array {
  const writer = new ByteWriter();
  assert(encodePacket(writer, packet, 5, Infinity));
  return writer.buffer.slice(0, writer.length);
}

function connectPacket(clientId: string): Uint8Array {
  return bytesOf({
    type: PacketType.Connect,
    protocolVersion: 5,
    cleanStart: true,
    keepAlive: 0,
    clientId,
    will: undefined,
    userName: undefined,
    password: undefined,
    properties: {},
  });
}

const PINGREQ = Uint8Array.of(0xc0, 0);
const PINGRESP = { first: 0x82, payload: Uint8Array.of(0xd0, 0) };

async function expectConnack(wire: Parameters<typeof readFrame>[0]): Promise<void> {
  const { first, payload } = await readFrame(wire);
  assertEquals([first, payload[0], payload[3]], [0x82, 0x20, ReasonCode.Success]);
}

Deno.test("[MQTT-6.0.0-2] Packets over WebSocket: many in one frame, one in many frames, empty frames between them", async () => {
  await using broker = await WebSocketBroker.start();
  const other = await broker.connect();
  const wire = await broker.opened();
  await send(wire, clientFrame(0x82, frames(connectPacket("many"), PINGREQ)));
  const both = await readFrame(wire);
  assertEquals([both.first, both.payload[0]], [0x82, 0x20]);
  if (both.payload.at(-2) !== 0xd0) assertEquals(await readFrame(wire), PINGRESP);
  const one = [];
  for (const byte of PINGREQ) {
    one.push(
      clientFrame(0x82, new Uint8Array()),
      clientFrame(0x02, Uint8Array.of(byte)),
      clientFrame(0x00, new Uint8Array()),
    );
    one.push(clientFrame(0x89, text("between")), clientFrame(0x80, new Uint8Array()));
  }
  await send(wire, frames(...one));
  for (let answered = false; !answered;) {
    const answer = await readFrame(wire);
    if (answer.first === 0x8a) continue;
    assertEquals(answer, PINGRESP);
    answered = true;
  }
  await assertServes(other);
});

Deno.test("Every byte of request, frames and packets alone: the client is served", async () => {
  await using broker = await WebSocketBroker.start();
  const wire = await broker.wire();
  for (const byte of broker.request()) await send(wire, Uint8Array.of(byte));
  assertEquals((await answerOn(wire, 1)).status, 101);
  for (const byte of clientFrame(0x82, connectPacket("slow"))) await send(wire, Uint8Array.of(byte));
  await expectConnack(wire);
});

Deno.test("100,000 empty frames before CONNECT: they cost nothing, and CONNECT is served", async () => {
  await using broker = await WebSocketBroker.start();
  const other = await broker.connect();
  const wire = await broker.opened();
  const empty = clientFrame(0x82, new Uint8Array());
  for (let i = 0; i < 100; i++) await send(wire, frames(...Array.from({ length: 1000 }, () => empty)));
  await assertServes(other);
  await send(wire, clientFrame(0x82, connectPacket("patient")));
  await expectConnack(wire);
});

Deno.test("A frame that says to be longer than its packets: they are served one by one, nothing is waited for or allocated", async () => {
  await using broker = await WebSocketBroker.start();
  const wire = await broker.opened();
  // 2^53 - 1 bytes, with a masking key of zeros.
  await send(wire, frames(hex("82 ff 00 1f ff ff ff ff ff ff 00 00 00 00"), connectPacket("endless")));
  await expectConnack(wire);
  for (let i = 0; i < 3; i++) {
    await send(wire, PINGREQ);
    assertEquals(await readFrame(wire), PINGRESP);
  }
});

Deno.test("A frame that ends before its packet does: the rest is waited for; a connection that ends there leaves nothing", async () => {
  await using broker = await WebSocketBroker.start();
  const connect = connectPacket("short");
  const wire = await broker.opened();
  await send(wire, clientFrame(0x82, connect.subarray(0, 5)));
  await send(wire, clientFrame(0x82, connect.subarray(5)));
  await expectConnack(wire);
  const cut = await broker.opened();
  await send(cut, clientFrame(0x82, connect.subarray(0, 5)));
  cut.close();
  await send(wire, clientFrame(0x82, hex("e0 00")));
  await expectClose(wire, 1000);
  await assertEmpty(broker.server);
});

Deno.test("A packet above the limit in a frame of 2^40 bytes: MQTT's own refusal, then Close", async () => {
  await using broker = await WebSocketBroker.start({ limits: { maximumPacketSize: 1024 } });
  const other = await broker.connect();
  const wire = await broker.opened();
  await send(wire, clientFrame(0x82, connectPacket("large")));
  await expectConnack(wire);
  await send(wire, frames(hex("82 ff 00 00 01 00 00 00 00 00 00 00 00 00"), hex("30 ff ff ff 7f")));
  const { first, payload } = await readFrame(wire);
  assertEquals([first, payload[0], payload[2]], [0x82, 0xe0, ReasonCode.PacketTooLarge]);
  await expectClose(wire, 1000);
  await assertServes(other);
});

const VIOLATIONS: [what: string, bytes: Uint8Array, code: number][] = [
  ["[MQTT-6.0.0-1] A text frame", clientFrame(0x81, connectPacket("text")), 1003],
  ["A frame that is not masked", frame(0x82, connectPacket("bare")), 1002],
  ["A compressed frame, which nobody agreed on", clientFrame(0xc2, connectPacket("bomb")), 1002],
  ["A ping in fragments", clientFrame(0x09, text("a")), 1002],
  ["A ping of 64 KiB", clientFrame(0x89, new Uint8Array(65_536)), 1002],
  ["A continuation of nothing", clientFrame(0x80, connectPacket("lost")), 1002],
  ["A length in more bytes than needed", hex("82 fe 00 01 00 00 00 00 10"), 1002],
];
for (const [what, bytes, code] of VIOLATIONS) {
  Deno.test(`${what}: Close ${code}, the Will is sent, and another client is served`, async () => {
    await using broker = await WebSocketBroker.start();
    const other = await broker.connect();
    await other.subscribe("will");
    const wire = await broker.opened();
    const connect = bytesOf({
      type: PacketType.Connect,
      protocolVersion: 5,
      cleanStart: true,
      keepAlive: 0,
      clientId: "breaker",
      will: { topicName: "will", payload: text("broke it"), qos: 0, retain: false, properties: {} },
      userName: undefined,
      password: undefined,
      properties: {},
    });
    await send(wire, clientFrame(0x82, connect));
    await expectConnack(wire);
    await send(wire, bytes);
    await expectClose(wire, code);
    wire.close();
    assertEquals((await other.expectPublish()).text, "broke it");
    await assertServes(other);
    // The same before CONNECT.
    const stranger = await broker.opened();
    await send(stranger, bytes);
    await expectClose(stranger, code);
  });
}

Deno.test("permessage-deflate is offered: it is not agreed on", async () => {
  await using broker = await WebSocketBroker.start();
  const wire = await broker.wire();
  await send(wire, broker.request({ "Sec-WebSocket-Extensions": "permessage-deflate; client_max_window_bits" }));
  const { status, head } = await answerOn(wire, 1);
  assertEquals([status, /extensions/i.test(head)], [101, false]);
});

Deno.test("A flood of pings from a client that reads no pong: few pongs are made, and another client is served", async () => {
  await using broker = await WebSocketBroker.start();
  const other = await broker.connect();
  const wire = await broker.opened();
  const pings = frames(...Array.from({ length: 1000 }, () => clientFrame(0x89, new Uint8Array(125))));
  for (let i = 0; i < 800; i++) {
    await send(wire, pings);
    if (i % 200 === 0) await assertServes(other);
  }
  await send(wire, clientFrame(0x82, connectPacket("flood")));
  let pongBytes = 0;
  for (;;) {
    const { first, payload } = await readFrame(wire);
    if (first === 0x82) break;
    pongBytes += 2 + payload.length;
  }
  // 100 MiB of pings came. What the sockets themselves buffer, some MiB, is answered, and nothing waits behind that.
  assert(pongBytes < 50 * MiB, `${pongBytes} bytes of pongs were kept`);
  await assertServes(other);
});

Deno.test("Pings keep nobody connected who sends no CONNECT", async () => {
  await using broker = await WebSocketBroker.start({ limits: { connectTimeoutMs: 200 } });
  const wire = await broker.opened();
  const pings = (async () => {
    for (;;) {
      await send(wire, clientFrame(0x89, text("still here")));
      await readFrame(wire);
    }
  })();
  await deadline(assertRejects(() => pings), 15_000);
  await until(() => broker.server.snapshot().connections === 0, "it is gone");
});

Deno.test("A subscriber over WebSocket that never reads: its bytes are bounded, and another gets everything", async () => {
  const limits = { ...SMALL_LIMITS, backpressureMsMax: 50 };
  await using broker = await WebSocketBroker.start({ limits });
  await (await broker.connect()).subscribe("flood");
  const healthy = await broker.connect();
  await healthy.subscribe("flood");
  const publisher = await broker.connect();
  let bytesMax = 0;
  for (let i = 0; i < 1000; i++) {
    await publisher.publish("flood", new Uint8Array(32 * 1024));
    assertEquals((await healthy.expectPublish()).payload.length, 32 * 1024);
    bytesMax = Math.max(bytesMax, broker.server.snapshot().outboundBytes);
  }
  assert(bytesMax > limits.outboundMarkBytes, "it never was behind");
  assert(bytesMax < 2 * limits.outboundBytesMax, `${bytesMax} bytes waited`);
});

Deno.test("WebSocket's Close without DISCONNECT sends the Will, and with DISCONNECT does not; both are answered", async () => {
  await using broker = await WebSocketBroker.start();
  const other = await broker.connect();
  await other.subscribe("will/+");
  for (const says of [true, false]) {
    const will = { topicName: `will/${says ? "polite" : "rude"}` };
    const client = await broker.connect({ will });
    if (says) await client.send({ type: PacketType.Disconnect, reasonCode: 0, properties: {} });
    client.stream.endWriting();
    await client.expectClosed();
  }
  assertEquals((await other.expectPublish()).topicName, "will/rude");
  await other.expectNothing();
});

const REQUESTS: [what: string, headers: Readonly<Record<string, string | undefined>>, status: number][] = [
  ["No Origin, as clients that are no browsers", {}, 101],
  ["A page from this host", { Origin: "http://localhost:3000" }, 101],
  ["A foreign page", { Origin: "https://evil.example" }, 403],
  ["A foreign page whose name now points here", { Origin: "http://evil.example", Host: "evil.example" }, 403],
  ["A page in a sandbox", { Origin: "null" }, 403],
  ["No subprotocol", { "Sec-WebSocket-Protocol": undefined }, 400],
  ["A foreign subprotocol", { "Sec-WebSocket-Protocol": "chat" }, 400],
  ["A header of 9,000 bytes", { Cookie: "x".repeat(9000) }, 431],
  ["200 headers", Object.fromEntries(Array.from({ length: 200 }, (_, n) => [`X-${n}`, ""])), 431],
  ["7,000 spaces for a regular expression to stumble over", { "Sec-WebSocket-Protocol": `x${" ".repeat(7000)}y` }, 400],
  ["7,000 commas", { "Sec-WebSocket-Protocol": ",".repeat(7000) }, 400],
  ["7,000 digits as a port", { Origin: `http://localhost:${"1".repeat(7000)}` }, 403],
];
for (const [what, headers, status] of REQUESTS) {
  Deno.test(`${what}: ${status}`, async () => {
    await using broker = await WebSocketBroker.start();
    assertEquals(await broker.statusFor(headers), status);
    await assertServes(await broker.connect());
    await until(() => broker.failures.length === (status === 101 ? 0 : 1), "the owner hears of those refused");
  });
}

Deno.test("Where origins are listed, those pages alone may connect", async () => {
  await using broker = await WebSocketBroker.start({}, { origins: ["https://app.example"] });
  assertEquals(await broker.statusFor({ Origin: "https://app.example" }), 101);
  assertEquals(await broker.statusFor({ Origin: "http://localhost:3000" }), 403);
  assertEquals(await broker.statusFor({ Origin: "http://app.example" }), 403);
});

Deno.test("Requests that never end: so many at most, so long at most, and those who are in are served", async () => {
  await using broker = await WebSocketBroker.start({}, { handshakesMax: 5, handshakeTimeoutMs: 1000 });
  const other = await broker.connect();
  const stalled = await Promise.all(Array.from({ length: 50 }, () => broker.wire()));
  const ends = stalled.map(async (wire, index) => {
    try {
      // Some send a header now and then; that buys no time.
      await send(wire, text("GET /mqtt HTTP/1.1\r\n"));
      while (index % 2 === 0) {
        await send(wire, text("X: 1\r\n"));
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    } catch {
      return; // closed
    }
    await expectEnd(wire);
  });
  await assertServes(other);
  await deadline(Promise.all(ends), 15_000);
  await assertServes(await broker.connect());
  // Those beyond the five were closed at once; on a slow machine some come when a place has become free.
  const { length } = broker.failures;
  assert(length >= 5 && length < 50, `${length} handshakes were begun`);
});

Deno.test("A client that is sent away by MQTT hears why, and then Close 1000", async () => {
  await using broker = await WebSocketBroker.start();
  const wire = await broker.opened();
  await send(wire, clientFrame(0x82, connectPacket("twice")));
  await expectConnack(wire);
  await send(wire, clientFrame(0x82, connectPacket("twice")));
  const { first, payload } = await readFrame(wire);
  assertEquals([first, payload[0], payload[2]], [0x82, 0xe0, ReasonCode.ProtocolError]);
  assertEquals(await readBytes(wire, 4), hex("88 02 03 e8"));
  await send(wire, clientFrame(0x88, hex("03 e8")));
  await expectEnd(wire);
  await until(() => broker.server.snapshot().connections === 0, "it is gone");
});

Deno.test("Connections that come and go in the middle of everything leave nothing behind", async () => {
  await using broker = await WebSocketBroker.start();
  const other = await broker.connect();
  const request = broker.request();
  const all = frames(
    request,
    clientFrame(0x89, text("ping")),
    clientFrame(0x82, connectPacket("")),
    clientFrame(0x88, hex("03 e8")),
  );
  for (let cut = 0; cut <= all.length; cut += 3) {
    const wire = await broker.wire();
    await send(wire, all.subarray(0, cut));
    wire.close();
  }
  await assertServes(other);
  await other.disconnect();
  await assertEmpty(broker.server);
});
