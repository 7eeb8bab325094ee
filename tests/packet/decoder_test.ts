/** The stream: cut anywhere, bounded, and a buffer that fits the traffic. Spec §2.1. @module */

import { assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { type ControlPacket, Decoder, PeerError, ProtocolError, type PublishPacket } from "../../src/packet/mod.ts";
import { FRONT_BYTES } from "../../src/packet/message_copy.ts";
import { pooledSize } from "../../src/base/buffer_pool.ts";
import { READ_BUFFER_BYTES } from "../../src/packet/read_buffers.ts";
import { assertDecodeError, decodeAll, decoder, feed, plain, wire } from "./support.ts";

const KIB = 1024;

/** One of each packet that a client may send, in 5.0. */
const stream = wire(`
  10 [ "MQTT" 05 c6 00 3c [ 21 00 0a 26 "k" "v" ] "dev1" [ 18 00 00 00 05 ] "w" "gone" "user" "pass" ]
  82 [ 00 01 [ 0b 05 ] "a/#" 01 "b" 02 ]
  30 [ "a/b" [ 01 01 ] 'hello' ]
  32 [ "a/b" 00 02 00 300*61 ]
  c0 00
  40 02 00 07
  50 03 00 08 97
  62 02 00 08
  70 04 00 09 00 00
  a2 [ 00 03 00 "b" ]
  f0 [ 19 [ 15 "m" ] ]
  e0 [ 04 [ 11 ff ff ff ff ] ]`);

Deno.test("Decoder.next() gives the same packets however the stream is cut in two", () => {
  const whole = decodeAll(stream);
  assertEquals(whole.length, 12);
  for (let cut = 1; cut < stream.length; cut++) {
    const to = decoder();
    const packets: unknown[] = [];
    feed(to, stream.subarray(0, cut), (packet) => packets.push(plain(packet)));
    feed(to, stream.subarray(cut), (packet) => packets.push(plain(packet)));
    assertEquals(packets, whole, `cut at ${cut}`);
  }
});

Deno.test("Decoder.next() gives the same packets at every size of read", () => {
  const whole = decodeAll(stream);
  for (const size of [1, 2, 3, 5, 7, 64, 100]) assertEquals(decodeAll(stream, {}, size), whole, `${size} bytes a read`);
});

Deno.test("Decoder.next() gives all packets of one read, and then undefined", () => {
  const to = decoder();
  const bytes = wire("c0 00".repeat(100));
  to.room().set(bytes);
  to.received(bytes.length);
  for (let i = 0; i < 100; i++) assertEquals(to.next(), { type: 12 });
  assertEquals(to.next(), undefined);
  assertEquals(to.next(), undefined);
  assertEquals(to.pendingBytes, 0);
});

Deno.test("Decoder.next() on nothing is undefined", () => {
  const to = decoder();
  assertEquals(to.next(), undefined);
  to.room();
  to.received(0);
  assertEquals(to.next(), undefined);
});

Deno.test("a packet that trickles in costs the same for each byte", () => {
  // What `next()` does is counted by the reads of the buffer: it may look at the Fixed Header only.
  const to = decoder();
  const body = 200_000;
  const bytes = new Uint8Array(4 + body);
  bytes.set(wire("30 c0 9a 0c 00 01 61 00"));
  let moved = 0;
  let buffer = 0;
  for (let at = 0; at < bytes.length; at++) {
    const room = to.room();
    if (to.bufferBytes !== buffer) {
      moved += at;
      buffer = to.bufferBytes;
    }
    room[0] = bytes[at];
    to.received(1);
    const packet = to.next();
    assertEquals(packet !== undefined, at === bytes.length - 1);
  }
  // Doubling: all copies together are less than twice the packet.
  assertEquals(moved < 2 * bytes.length, true);
});

Deno.test("[MQTT-1.5.5-1] a Remaining Length of five bytes is malformed, as soon as its fourth byte is there", () => {
  assertDecodeError(wire("30 80 80 80 80 01"), {}, ["Malformed", 0x81, "MQTT-1.5.5-1"]);
  assertDecodeError(wire("30 ff ff ff ff"), {}, ["Malformed", 0x81, "MQTT-1.5.5-1"]);
  assertDecodeError(wire("10 80 80 80 80"), {}, ["Malformed", 0x81, "MQTT-1.5.5-1"]);
});

Deno.test("[MQTT-1.5.5-1] a Remaining Length that is not in its shortest form is malformed", () => {
  for (const length of ["80 00", "ff 00", "80 80 00", "ff ff 00", "80 80 80 00", "84 80 80 00"]) {
    assertDecodeError(wire(`c0 ${length}`), {}, ["Malformed", 0x81, "MQTT-1.5.5-1"]);
    assertDecodeError(wire(`c0 ${length}`), {}, ["Malformed", 0x81, "MQTT-1.5.5-1"], 1);
  }
});

Deno.test("Decoder.next() reads a Remaining Length of one to four bytes", () => {
  for (const size of [0, 1, 127, 128, 16_383, 16_384, 2_097_151, 2_097_152]) {
    const body = size < 4 ? 4 : size;
    const frame = wire(`30 [ "a" ${body - 3}*62 ]`);
    const [packet] = decodeAll(frame, { version: 4 }) as { payload: Uint8Array }[];
    assertEquals(packet.payload.length, body - 3);
  }
});

Deno.test("Control Packet type 0 is malformed", () => {
  for (let flags = 0; flags < 16; flags++) {
    for (const version of [3, 4, 5] as const) {
      for (const sender of ["client", "server"] as const) {
        assertDecodeError(Uint8Array.of(flags, 0), { version, sender }, ["Malformed", 0x81, "§2.1.2"]);
      }
    }
  }
});

Deno.test("[MQTT-2.1.3-1] each first byte is taken or refused as table 2-2 says", () => {
  const good = { 1: 0, 4: 0, 5: 0, 6: 2, 7: 0, 8: 2, 10: 2, 12: 0, 14: 0, 15: 0 } as Record<number, number>;
  for (let type = 1; type < 16; type++) {
    if (type === 3) continue;
    for (let flags = 0; flags < 16; flags++) {
      // One byte of body, so that a good Fixed Header waits for more.
      const to = decoder();
      to.room().set([type << 4 | flags, 1]);
      to.received(2);
      if (good[type] === flags) assertEquals(to.next(), undefined);
      else {
        const error = assertThrows(() => to.next(), PeerError);
        assertEquals(error.reasonCode, type in good ? 0x81 : 0x82, `type ${type}, flags ${flags}`);
      }
    }
  }
});

Deno.test("a packet beyond the bound fails with its Fixed Header, before anything is made for it", () => {
  for (const first of ["10", "30", "82", "f0"]) {
    const to = new Decoder({ sender: "client", connectPacketSizeMax: 1000, userPropertiesMax: 10 });
    // What is announced later does not hold before a CONNECT came.
    to.maximumPacketSize = 1_000_000;
    to.room().set(wire(`${first} e6 07`)); // 998: together 1001
    to.received(3);
    const error = assertThrows(() => to.next(), ProtocolError);
    assertEquals([error.reasonCode, error.statement], [0x95, "MQTT-3.2.2-15"]);
    assertEquals(to.bufferBytes, READ_BUFFER_BYTES);
  }
});

Deno.test("[MQTT-3.2.2-15] after CONNECT the bound is maximumPacketSize, to the byte", () => {
  const connect = wire(`10 [ "MQTT" 05 02 00 00 00 "a" ]`);
  const publishOf = (size: number) => wire(`30 [ "a" 00 ${size - 6}*61 ]`);
  const connected = () => {
    const to = new Decoder({ sender: "client", connectPacketSizeMax: 100, userPropertiesMax: 10 });
    feed(to, connect, () => {});
    return to;
  };
  const count = (to: Decoder, bytes: Uint8Array) => {
    let packets = 0;
    feed(to, bytes, () => packets++);
    return packets;
  };
  const before = connected();
  assertEquals(count(before, publishOf(100)), 1);
  assertThrows(() => count(before, publishOf(101)), ProtocolError);
  const larger = connected();
  larger.maximumPacketSize = 120;
  assertEquals(count(larger, publishOf(120)), 1);
  const error = assertThrows(() => count(larger, publishOf(121)), ProtocolError);
  assertEquals(error.reasonCode, 0x95);
  const smaller = connected();
  smaller.maximumPacketSize = 50;
  assertThrows(() => count(smaller, publishOf(51)), ProtocolError);
});

Deno.test("[MQTT-3.1.2-24] a Server's packet beyond the bound of the client is refused", () => {
  assertDecodeError(wire(`30 [ "a" 00 'xyz' ]`), { sender: "server", maximumPacketSize: 8 }, [
    "Protocol",
    0x95,
    "MQTT-3.1.2-24",
  ]);
});

Deno.test("Decoder.room() grows with what arrives, not with what a Remaining Length claims", () => {
  const to = decoder({ maximumPacketSize: 300_000_000 });
  assertEquals(to.room().length, READ_BUFFER_BYTES);
  to.room().set(wire("30 fc ff ff 7f 00 01 61")); // claims 268,435,452 bytes
  to.received(7);
  assertEquals(to.next(), undefined);
  let received = 7;
  while (received < 3_000_000) {
    const count = Math.min(to.room().length, 5000);
    to.received(count);
    received += count;
    assertEquals(to.next(), undefined);
    assertEquals(to.bufferBytes <= Math.max(64 * KIB, 2 * received + KIB), true, `${to.bufferBytes} for ${received}`);
  }
});

Deno.test("Decoder.room() takes a fourth more than the packet under way at most", () => {
  const size = 100_000;
  const to = decoder({ version: 4, maximumPacketSize: size });
  const frame = wire(`30 [ "a" ${size - 4 - 3}*62 ]`);
  assertEquals(frame.length, size);
  let largest = 0;
  let packets = 0;
  let at = 0;
  while (at < frame.length) {
    const room = to.room();
    largest = Math.max(largest, to.bufferBytes);
    const count = Math.min(room.length, frame.length - at);
    room.set(frame.subarray(at, at + count));
    to.received(count);
    at += count;
    while (to.next() !== undefined) packets++;
  }
  assertEquals([packets, largest], [1, pooledSize(FRONT_BYTES + size + 4096)]);
  assertEquals(to.room().length, 64 * KIB);
});

/** One read of `count` bytes of PINGREQs. */
function read(to: Decoder, count: number): void {
  const room = to.room();
  for (let i = 0; i < count; i++) room[i] = i % 2 === 0 ? 0xc0 : 0;
  to.received(count);
  while (to.next() !== undefined);
}

Deno.test("Decoder.room() is small at first, 64 KiB for a busy connection, and small again for an idle one", () => {
  const to = decoder();
  assertEquals(to.room().length, READ_BUFFER_BYTES);
  read(to, READ_BUFFER_BYTES - 2);
  assertEquals(to.room().length, READ_BUFFER_BYTES);
  read(to, READ_BUFFER_BYTES);
  assertEquals(to.room().length, 2 * KIB);
  read(to, 2 * KIB);
  assertEquals(to.room().length, 16 * KIB);
  read(to, 16 * KIB);
  assertEquals(to.room().length, 64 * KIB);
  for (let i = 0; i < 5; i++) read(to, 64 * KIB);
  assertEquals(to.room().length, 64 * KIB);
  // Some little reads between large ones change nothing.
  for (let i = 0; i < 20; i++) read(to, i % 7 === 6 ? 32 * KIB : 2);
  assertEquals(to.room().length, 64 * KIB);
  for (let i = 0; i < 8; i++) read(to, 2);
  assertEquals(to.room().length, READ_BUFFER_BYTES);
});

Deno.test("Decoder.trim() makes the buffer small at once, and keeps what is not a packet yet", () => {
  const to = decoder();
  read(to, READ_BUFFER_BYTES);
  read(to, 2 * KIB);
  to.room().set(wire("40 02"));
  to.received(2);
  assertEquals(to.next(), undefined);
  to.trim();
  assertEquals(to.bufferBytes, READ_BUFFER_BYTES);
  to.room().set([0x12, 0x34]);
  to.received(2);
  assertEquals(to.next(), { type: 4, packetIdentifier: 0x1234, reasonCode: 0, properties: {} });
});

Deno.test("small read buffers serve one Decoder after the other, and never two at once", () => {
  const buffers = new Set<Uint8Array>();
  const decoders = Array.from({ length: 1000 }, () => decoder());
  for (const to of decoders) {
    const room = to.room();
    assertEquals([room.length, buffers.has(room)], [READ_BUFFER_BYTES, false]);
    room.fill(buffers.size);
    buffers.add(room);
  }
  let number = 0;
  for (const buffer of buffers) assertEquals(new Set(buffer), new Set([number++ & 0xff]));
  // One grows, one shrinks, one ends: each buffer is given back once.
  read(decoders[0], READ_BUFFER_BYTES);
  assertEquals(decoders[0].room().length, 2 * KIB);
  const taken = decoder();
  assertEquals(buffers.has(taken.room()), true, "of the one that grew");
  decoders[0].close();
  decoders[1].close();
  const next = decoder();
  assertEquals(buffers.has(next.room()) && next.room() !== taken.room(), true, "of the one that ended");
  assertEquals(buffers.has(decoder().room()), false);
});

Deno.test("Decoder.trim() never loses bytes that do not fit into the small buffer", () => {
  const to = decoder({ version: 4 });
  read(to, READ_BUFFER_BYTES);
  const frame = wire(`30 [ "a" 5000*62 ]`);
  to.room().set(frame.subarray(0, 2000));
  to.received(2000);
  assertEquals(to.next(), undefined);
  to.trim();
  for (let at = 2000; at < frame.length;) {
    const room = to.room();
    const part = frame.subarray(at, at + room.length);
    room.set(part);
    to.received(part.length);
    at += part.length;
  }
  assertEquals((to.next() as PublishPacket).message.payloadBytes, 5000);
});

Deno.test("views stay valid until room() is called, also when more packets are taken", () => {
  const to = decoder({ version: 4 });
  const bytes = wire(`30 [ "a" 'first' ] 30 [ "b" 'second' ] 30 08 "c" 'thi'`);
  to.room().set(bytes);
  to.received(bytes.length);
  const views: Uint8Array[] = [];
  for (let packet = to.next(); packet !== undefined; packet = to.next()) {
    views.push((packet as PublishPacket).message.payload);
  }
  const text = views.map((view) => new TextDecoder().decode(view));
  assertEquals(text, ["first", "second"]);
  assertStrictEquals(views[0].buffer, views[1].buffer);
});

Deno.test("Decoder.received() throws RangeError for more than the room", () => {
  const to = decoder();
  const room = to.room();
  assertThrows(() => to.received(room.length + 1), RangeError);
  assertThrows(() => to.received(-1), RangeError);
});

Deno.test("packets other than PUBLISH do not refer to the read buffer", () => {
  const to = decoder();
  let packet: ControlPacket | undefined;
  feed(to, wire(`10 [ "MQTT" 05 c6 00 00 [ 15 "m" 16 "data" ] "a" 00 "w" "will" "u" "pass" ]`), (it) => packet = it);
  to.room().fill(0xee);
  const { will, password, properties } = packet as Extract<ControlPacket, { type: 1 }>;
  const text = (bytes: Uint8Array | undefined) => new TextDecoder().decode(bytes);
  assertEquals([will?.payload, password, properties.authenticationData].map(text), ["will", "pass", "data"]);
});
