/** Mirrors src/packet/message_memory.ts: what the copies of small messages share, and when they part. @module */

import { assert, assertEquals, assertNotStrictEquals, assertStrictEquals } from "@std/assert";
import fc from "fast-check";
import { type ApplicationMessage, type PublishPacket } from "../../src/packet/mod.ts";
import { SMALL_MESSAGE_BYTES_MAX } from "../../src/packet/message_memory.ts";
import { decoder, feed, wire } from "./support.ts";

const MIB = 1_048_576;
const DECODER = decoder({ maximumPacketSize: MIB });

/** An owned copy of a message whose payload says who it is. */
function owned(number: number, payloadBytes: number, qos = 1): ApplicationMessage {
  let copy: ApplicationMessage | undefined;
  const filler = "61".padStart(4, " ");
  const text = `${
    qos === 1 ? "32" : "33"
  } [ "t/${number}" 00 09 [ 03 "c" ] '${number}' ${payloadBytes}*${filler.trim()} ]`;
  feed(DECODER, wire(text), (packet) => void (copy = (packet as PublishPacket).message.owned()));
  return copy!;
}

function assertIntact(message: ApplicationMessage, number: number, payloadBytes: number): void {
  assertEquals(message.topicName, `t/${number}`);
  assertEquals(new TextDecoder().decode(message.payload), `${number}${"a".repeat(payloadBytes)}`);
  assertEquals(message.properties, { contentType: "c" });
}

/** So much goes by that no piece of before is among the newest any more. */
function letPass(): void {
  for (let i = 0; i < 4 * MIB / 2048; i++) owned(i, 2048);
}

Deno.test("small messages lie in one piece, large ones alone", () => {
  const [one, two] = [owned(1, 10), owned(2, 10)];
  if (one.piece === two.piece) assertStrictEquals(one.buffer, two.buffer);
  else assertStrictEquals(owned(3, 10).buffer, two.buffer); // a piece had just ended
  assertIntact(one, 1, 10);
  assertIntact(two, 2, 10);
  const large = owned(4, SMALL_MESSAGE_BYTES_MAX);
  assertEquals([large.piece, large.spanStart], [undefined, 0]);
  assertEquals(large.buffer.length, large.spanEnd);
  assertIntact(large, 4, SMALL_MESSAGE_BYTES_MAX);
});

Deno.test("one message that is held among many that are not does not keep their piece", () => {
  const held = owned(7, 100);
  held.hold();
  const { piece, buffer } = held;
  assert(piece !== undefined);
  letPass();
  assertEquals(held.piece, undefined);
  assertNotStrictEquals(held.buffer, buffer);
  assertEquals(held.buffer.length, held.spanEnd - held.spanStart);
  assertIntact(held, 7, 100);
  held.letGo(); // from no piece: nothing happens
  assertIntact(held, 7, 100);
});

Deno.test("a piece of which most is held stays, until more than half is let go", () => {
  const messages = Array.from({ length: 200 }, (_, i) => owned(i, 1000));
  for (const message of messages) message.hold();
  letPass();
  const byPiece = Map.groupBy(messages.filter(({ piece }) => piece !== undefined), ({ piece }) => piece);
  const tenants = [...byPiece.values()].toSorted((a, b) => b.length - a.length)[0];
  assert(tenants.length > 50); // 64 KiB of some 1,020 bytes each
  const half = tenants.length - 32; // 32 of them are below half of 64 KiB
  for (const message of tenants.slice(0, half - 1)) message.letGo();
  assertEquals(tenants.slice(half).every(({ piece }) => piece !== undefined), true);
  for (const message of tenants.slice(half - 1, half + 1)) message.letGo();
  assertEquals(tenants.slice(half + 1).map(({ piece }) => piece), tenants.slice(half + 1).map(() => undefined));
  for (const [i, message] of messages.entries()) assertIntact(message, i, 1000);
});

Deno.test("ApplicationMessage.apart() has bytes of its own, held or not, and its frame", () => {
  for (const isHeld of [false, true]) {
    const message = owned(5, 20);
    if (isHeld) message.hold();
    const frameBytes = message.frameEnd - message.frameStart;
    message.apart();
    assertEquals([message.piece, message.buffer.length, message.frameStart], [undefined, frameBytes, 0]);
    assertIntact(message, 5, 20);
    assertStrictEquals(message.apart().buffer, message.buffer);
    if (isHeld) message.letGo();
  }
});

Deno.test("whatever is held, let go and set apart, in any order: all bytes stay what they were", () => {
  const sizes = fc.integer({ min: 0, max: SMALL_MESSAGE_BYTES_MAX + 200 });
  const steps = fc.array(fc.tuple(fc.constantFrom("new", "hold", "letGo", "apart", "pass"), sizes, fc.nat()), {
    maxLength: 60,
  });
  fc.assert(
    fc.property(steps, (steps) => {
      const known: { message: ApplicationMessage; number: number; bytes: number; holds: number }[] = [];
      for (const [what, bytes, choice] of steps) {
        const one = known[choice % Math.max(1, known.length)];
        if (what === "new") known.push({ message: owned(choice, bytes), number: choice, bytes, holds: 0 });
        else if (what === "pass") { for (let i = 0; i < 100; i++) owned(i, 4000); }
        else if (one === undefined) continue;
        else if (what === "hold") one.message.hold(), one.holds++;
        else if (what === "letGo" && one.holds > 0) one.message.letGo(), one.holds--;
        else if (what === "apart") one.message.apart();
        for (const { message, number, bytes } of known) assertIntact(message, number, bytes);
      }
    }),
    { numRuns: 30 },
  );
});
