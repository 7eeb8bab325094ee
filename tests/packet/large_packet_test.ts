/** A packet beyond 64 KiB: a buffer of its own, and a message that stays there. Mirrors src/packet/decoder.ts and
 * application_message.ts. @module */

import { assertEquals, assertNotStrictEquals, assertStrictEquals } from "@std/assert";
import {
  type ApplicationMessage,
  ByteWriter,
  type ControlPacket,
  Decoder,
  encodePacket,
  NEVER_EXPIRES,
  PublishFrameEncoder,
  type PublishPacket,
} from "../../src/packet/mod.ts";
import { addressFrame } from "../../src/packet/publish_frame.ts";
import { decoder, feed, fromPlain, plain, type PlainPublish, plainPublish, wire } from "./support.ts";

const KIB = 1024;
const MIB = 1024 * KIB;

/** Bytes that tell packets and places apart. */
function payloadOf(seed: number, bytes: number): Uint8Array {
  const payload = new Uint8Array(bytes);
  for (let i = 0; i < bytes; i++) payload[i] = (i * 31 + (i >>> 8) * 7 + seed * 13) & 0xff;
  return payload;
}

/** Equal, without looking for the differences of megabytes. */
function assertSame(actual: Uint8Array, expected: Uint8Array, what = "payload"): void {
  let at = 0;
  while (at < expected.length && actual[at] === expected[at]) at++;
  assertEquals([actual.length, at], [expected.length, expected.length], what);
}

function frameOf(parts: Partial<PlainPublish>, version: 4 | 5 = 5): Uint8Array {
  const writer = new ByteWriter();
  encodePacket(writer, fromPlain(plainPublish({ topicName: "a/b", ...parts })), version, Infinity);
  return writer.buffer.slice(0, writer.length);
}

/** The message of one large PUBLISH, while it is valid. */
function withMessage(
  parts: Partial<PlainPublish>,
  use: (message: ApplicationMessage, to: Decoder) => void,
  version: 4 | 5 = 5,
): void {
  const to = decoder({ version, sender: "server" });
  feed(to, frameOf(parts, version), (packet) => use((packet as PublishPacket).message, to));
}

Deno.test("Decoder.next() gives large and small packets as they came, whatever the reads bring", () => {
  const sent = [100, 70_000, 300_000, 3, 65_536, 65_530, 200_000, 70_000, 10].map((bytes, i) =>
    plainPublish({ topicName: `t/${i}`, payload: payloadOf(i, bytes), qos: i % 2 ? 1 : 0, packetIdentifier: i % 2 * i })
  );
  const frames = sent.map((it) => frameOf(it));
  const stream = new Uint8Array(frames.reduce((sum, frame) => sum + frame.length, 0));
  let at = 0;
  for (const frame of frames) {
    stream.set(frame, at);
    at += frame.length;
  }
  for (const readMax of [1000, 4096, 65_536, 100_001, Infinity]) {
    const received: PlainPublish[] = [];
    feed(decoder(), stream, (packet) => received.push(plain(packet) as PlainPublish), readMax);
    assertEquals(received.map((it) => it.topicName), sent.map((it) => it.topicName));
    for (let i = 0; i < sent.length; i++) assertSame(received[i].payload, sent[i].payload, `${i}, ${readMax} a read`);
  }
});

Deno.test("Decoder.room() fills the same buffer again with the next large packet, unless somebody holds it", () => {
  const to = decoder();
  const seen: ArrayBufferLike[] = [];
  let held: ApplicationMessage | undefined;
  const payload = payloadOf(1, 200_000);
  for (let i = 0; i < 4; i++) {
    feed(to, frameOf({ payload, qos: 1, packetIdentifier: 1 }), (packet) => {
      const { message } = packet as PublishPacket;
      seen.push(message.buffer.buffer);
      if (i === 2) {
        held = message.leased();
        held.hold();
      }
    });
  }
  assertStrictEquals(seen[1], seen[2]);
  assertNotStrictEquals(seen[2], seen[3]);
  assertSame(held!.payload, payload);
  assertEquals(held!.shared!.holders, 1); // the decoder has let go
  held!.letGo();
  assertEquals(held!.payload.length, 0); // its bytes are another's now
});

Deno.test("Decoder.room() gives 64 MiB to what was only announced, of all connections together", () => {
  const head = wire("30 80 80 80 08 00 01 61 00"); // 16 MiB
  const all = Array.from({ length: 6 }, () => decoder());
  const bufferOf = (to: Decoder) => {
    to.room().set(head);
    to.received(head.length);
    assertEquals(to.next(), undefined);
    to.room();
    return to.bufferBytes;
  };
  const sizes = all.map(bufferOf);
  assertEquals(sizes.map((bytes) => bytes > 16 * MIB), [true, true, true, true, false, false]);
  assertEquals(sizes[4], 64 * KIB);
  all[0].close();
  assertEquals(all[0].bufferBytes, 0);
  const next = decoder();
  assertEquals(bufferOf(next) > 16 * MIB, true);
  for (const to of [...all, next]) to.close();
});

Deno.test("Decoder.next() gives back what was announced when it has arrived", () => {
  const frame = frameOf({ payload: payloadOf(1, 15 * MIB) });
  const all = Array.from({ length: 6 }, () => decoder());
  for (const to of all) {
    let packets = 0;
    feed(to, frame, () => packets++);
    assertEquals([packets, to.bufferBytes > 15 * MIB], [1, true]);
  }
  for (const to of all) to.close();
});

Deno.test("ApplicationMessage.leased() stays where it was read, its Topic Name and Properties apart from the head", () => {
  const contentType = "text/plain";
  const cases: [Partial<PlainPublish>, 4 | 5][] = [
    [{}, 4],
    [{}, 5],
    [{ qos: 0, packetIdentifier: 0 }, 5],
    [{ properties: { contentType } }, 5],
    [{ properties: { userProperties: [["k", "v"]], messageExpiryInterval: 7, contentType } }, 5],
    [{ subscriptionIdentifiers: [5], properties: { contentType, responseTopic: "r" } }, 5],
    [{ topicName: "t".repeat(510) }, 5],
  ];
  for (const [parts, version] of cases) {
    const payload = payloadOf(3, 100_000);
    withMessage({ qos: 1, packetIdentifier: 9, payload, ...parts }, (message) => {
      const { properties, topicName, topicStart, payloadStart } = message;
      const leased = message.leased();
      assertStrictEquals(leased, message.leased());
      assertStrictEquals(leased.buffer.buffer, message.buffer.buffer);
      // The head that it came with, and 64 bytes.
      assertEquals(leased.payloadFront >= payloadStart - topicStart + 64, true);
      for (const it of [message, leased]) {
        assertEquals([it.topicName, it.properties, it.bytes], [topicName, properties, leased.bytes]);
        assertSame(it.payload, payload);
      }
      // The next turn: what is written has its head before the Payload.
      leased.buffer.fill(0xee, leased.payloadStart - leased.payloadFront, leased.payloadStart);
      const regions = new Uint8Array(leased.bytes);
      assertEquals(leased.copyRegions(regions, 0), regions.length);
      assertEquals(new TextDecoder().decode(regions.subarray(2, 2 + topicName.length)), topicName);
      assertSame(regions.subarray(regions.length - payload.length), payload);
      assertEquals(leased.properties, properties);
      assertSame(leased.payload, payload);
    }, version);
  }
});

Deno.test("ApplicationMessage.hold() keeps a leased message until the last letGo()", () => {
  const payload = payloadOf(4, 100_000);
  let leased: ApplicationMessage;
  const to = decoder({ sender: "server" });
  feed(to, frameOf({ qos: 1, packetIdentifier: 9, payload }), (packet) => {
    leased = (packet as PublishPacket).message.leased();
    leased.hold();
    leased.hold();
  });
  const { shared } = leased!;
  to.room();
  leased!.letGo();
  assertEquals(shared!.holders, 1);
  assertSame(leased!.payload, payload);
  leased!.letGo();
  assertEquals([shared!.holders, leased!.payload.length, leased!.shared], [0, 0, undefined]);
});

Deno.test("ApplicationMessage.owned() never gives its bytes back, held before or not", () => {
  const payload = payloadOf(4, 100_000);
  for (const isHeld of [false, true]) {
    const to = decoder({ sender: "server" });
    let owned: ApplicationMessage;
    let shared: ApplicationMessage["shared"];
    feed(to, frameOf({ qos: 1, packetIdentifier: 9, payload }), (packet) => {
      const { message } = packet as PublishPacket;
      shared = message.shared;
      const leased = message.leased();
      if (isHeld) leased.hold();
      owned = message.owned();
      assertStrictEquals(owned, leased);
      assertEquals(owned.shared, undefined);
    });
    to.room();
    if (isHeld) owned!.letGo();
    assertEquals(shared!.holders >= 1, true);
    assertSame(owned!.payload, payload);
  }
});

Deno.test("ApplicationMessage.leased() copies where there is no Topic Name, or one too long for the front", () => {
  const payload = payloadOf(6, 100_000);
  for (const topicName of ["", "t".repeat(511)]) {
    withMessage({ qos: 1, packetIdentifier: 9, payload, topicName, topicAlias: 3 }, (message) => {
      message.topicName ||= "resolved";
      const { buffer, topicStart, topicEnd, shared, payload: copied } = message.leased();
      assertNotStrictEquals(buffer.buffer, message.buffer.buffer);
      assertEquals(new TextDecoder().decode(buffer.subarray(topicStart, topicEnd)), message.topicName);
      assertEquals(shared, undefined);
      assertSame(copied, payload);
    });
  }
});

Deno.test("PublishFrameEncoder.encode() leaves a large Payload where it is, if its message stays", () => {
  const by = new PublishFrameEncoder();
  const payload = payloadOf(7, 100_000);
  const check = (message: ApplicationMessage, version: 4 | 5, isCopied: boolean) => {
    const frame = by.encode(message, version, 1, false, undefined, NEVER_EXPIRES, 0, true);
    const head = frame.buffer.slice(frame.start, frame.end);
    assertEquals(frame.size - head.length, isCopied ? 0 : payload.length);
    const whole = new Uint8Array(frame.size);
    whole.set(head);
    if (!isCopied) whole.set(message.payload, head.length);
    addressFrame(whole, 0, frame, 1, false, false, 1, 0, undefined);
    const packets: ControlPacket[] = [];
    feed(decoder({ version, sender: "server" }), whole, (packet) => packets.push(plain(packet) as ControlPacket));
    const [received] = packets as unknown as PlainPublish[];
    assertEquals([received.topicName, received.qos], ["a/b", 1]);
    assertSame(received.payload, payload);
  };
  withMessage({ qos: 1, packetIdentifier: 9, payload }, (message) => {
    for (const version of [4, 5] as const) {
      check(message, version, false); // borrowed, of a buffer that can be held
      check(message.leased(), version, false);
    }
  });
  withMessage({ qos: 1, packetIdentifier: 9, payload }, (message) => {
    message.shared = undefined; // as if it stood in a buffer that is filled again
    check(message, 4, true);
    check(message.owned(), 4, false);
  });
});
