/** Mirrors src/session/packet_identifiers.ts. @module */

import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { IdentifierUse, PacketIdentifiers } from "../../src/session/packet_identifiers.ts";

Deno.test("PacketIdentifiers.acquire() rises to 65,535 and goes on with 1, without 0", () => {
  const identifiers = new PacketIdentifiers();
  for (let expected = 1; expected <= 65_535; expected++) {
    assertEquals(identifiers.acquire(), expected);
    identifiers.release(expected);
  }
  assertEquals(identifiers.acquire(), 1);
  assertEquals(identifiers.inUse, 1);
});

Deno.test("[MQTT-2.2.1-4] an identifier in use is stepped over, also at the wrap", () => {
  const identifiers = new PacketIdentifiers();
  assertEquals([identifiers.reserve(65_535), identifiers.reserve(1), identifiers.reserve(2)], [true, true, true]);
  assertEquals(identifiers.acquire(), 3);
});

Deno.test("PacketIdentifiers.acquire() gives 0 when all 65,535 are in use, and the freed one next", () => {
  const identifiers = new PacketIdentifiers();
  for (let i = 0; i < 65_535; i++) identifiers.acquire();
  assertEquals([identifiers.acquire(), identifiers.inUse], [0, 65_535]);
  identifiers.release(4_711);
  assertEquals([identifiers.acquire(), identifiers.acquire()], [4_711, 0]);
});

Deno.test("PacketIdentifiers.reserve() refuses one in use; release() of a free one does nothing", () => {
  const identifiers = new PacketIdentifiers();
  identifiers.release(7);
  assertEquals([identifiers.reserve(7), identifiers.reserve(7), identifiers.inUse], [true, false, 1]);
  identifiers.release(7);
  identifiers.release(7);
  assertEquals(identifiers.inUse, 0);
});

Deno.test("PacketIdentifiers goes on behind the last one, also from page to page", () => {
  const identifiers = new PacketIdentifiers();
  identifiers.reserve(40_000);
  identifiers.release(40_000);
  assertEquals(identifiers.acquire(), 40_001);
});

Deno.test("[MQTT-2.2.1-4] no identifier is given twice, whatever is acquired and released", () => {
  fc.assert(
    fc.property(
      fc.array(fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1000, max: 1050 }))),
      (steps) => {
        const identifiers = new PacketIdentifiers();
        const inUse = new Set<number>([1_010]); // the page ends at 1,024
        identifiers.reserve(1_010);
        for (const step of steps) {
          if (step === 0) {
            const identifier = identifiers.acquire();
            assertEquals(inUse.has(identifier) || identifier < 1, false);
            inUse.add(identifier);
          } else {
            identifiers.release(step);
            inUse.delete(step);
          }
          assertEquals(identifiers.inUse, inUse.size);
        }
      },
    ),
  );
});

Deno.test("PacketIdentifiers remembers what each is used for, from page to page and when a page is used again", () => {
  const identifiers = new PacketIdentifiers();
  const uses = [IdentifierUse.Kept, IdentifierUse.AwaitingPuback, IdentifierUse.AwaitingPubrec] as const;
  for (let i = 0; i < 1_000; i++) identifiers.acquire(uses[i % 3]);
  for (let i = 0; i < 1_000; i++) assertEquals(identifiers.useOf(i + 1), uses[i % 3]);
  identifiers.change(3, IdentifierUse.AwaitingPubcomp);
  assertEquals([identifiers.useOf(3), identifiers.useOf(1_001)], [IdentifierUse.AwaitingPubcomp, IdentifierUse.Free]);
  for (let i = 1; i <= 1_000; i++) identifiers.release(i);
  for (let i = 0; i < 1_000; i++) assertEquals(identifiers.isInUse(i + 1), false);
  assertEquals([identifiers.acquire(), identifiers.useOf(1_001)], [1_001, IdentifierUse.Kept]);
});
