/** Mirrors src/topic/level_hash.ts. @module */

import { assert, assertEquals, assertGreater, assertLess, assertNotEquals } from "@std/assert";
import { levelHash } from "../../src/topic/level_hash.ts";

const hashOf = (level: string) => levelHash(level, 0, level.length);

Deno.test("levelHash() is the same wherever the level stands, and a positive small integer", () => {
  for (const level of ["", "a", "sensor-1", "\u00e9\u{1f600}", "x".repeat(1_000)]) {
    const text = `area/${level}/temperature`;
    const hash = levelHash(text, 5, 5 + level.length);
    assertEquals(hash, hashOf(level));
    assert(Number.isInteger(hash) && hash >= 1 && hash <= 2 ** 30, `${hash}`);
  }
});

Deno.test("levelHash() tells characters apart that change places across its parts", () => {
  const [a, b] = ["a", "b"].map((unit) => unit.repeat(256));
  assertNotEquals(hashOf(a + b), hashOf(b + a));
});

Deno.test("levelHash() spreads levels that look alike over the lower bits", () => {
  for (const make of [(n: number) => `${n}`, (n: number) => `device${n}`, (n: number) => String.fromCharCode(n + 1)]) {
    const places = new Set(Array.from({ length: 4_096 }, (_, index) => hashOf(make(index)) & 4_095));
    // Chance leaves 1/e of the places empty.
    assertGreater(places.size, 2_200);
    assertLess(places.size, 4_096);
  }
});
