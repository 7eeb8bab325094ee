/** The memory of verdicts: keys, ages, bounds. @module */

import { assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import { VerdictMemory } from "../../src/auth/verdict_memory.ts";
import { FakeClock } from "../support/fake_clock.ts";

const make = (verdictsRememberedMax = 8, verdictRememberedS = 60) => {
  const clock = new FakeClock();
  return { clock, memory: new VerdictMemory({ verdictsRememberedMax, verdictRememberedS }, clock) };
};

Deno.test("VerdictMemory.keyOf() tells parts apart, and processes", () => {
  const { memory } = make();
  assertEquals(memory.keyOf("ab", "c"), memory.keyOf("ab", "c"));
  assertNotEquals(memory.keyOf("ab", "c"), memory.keyOf("a", "bc"));
  assertNotEquals(memory.keyOf("a1:b"), memory.keyOf("a", "b"));
  assertNotEquals(memory.keyOf("a"), make().memory.keyOf("a"));
  const long = new Uint8Array(100_000).fill(97);
  assertEquals(memory.keyOf("ä", long), memory.keyOf(new TextEncoder().encode("ä"), long));
  assertNotEquals(memory.keyOf("ä", long), memory.keyOf("ä", long.subarray(1)));
  assertThrows(() => memory.keyOf("half a pair: \ud800"), RangeError);
  assertEquals(memory.keyOf("b"), memory.keyOf(Uint8Array.of(98)), "nothing of the one before is left");
});

Deno.test("VerdictMemory remembers right and wrong, for a while", () => {
  const { memory, clock } = make();
  memory.remember("r", true);
  memory.remember("w", false);
  clock.advance(59_999);
  assertEquals([memory.recall("r"), memory.recall("w"), memory.recall("x")], [true, false, undefined]);
  clock.advance(1);
  assertEquals([memory.recall("r"), memory.recall("w"), memory.size], [undefined, undefined, 0]);
});

Deno.test("VerdictMemory is bounded, the least recently used leave first, and wrong ones push out no right ones", () => {
  const { memory } = make(8);
  for (let i = 0; i < 6; i++) memory.remember(`right ${i}`, true);
  memory.recall("right 0");
  memory.remember("right 6", true);
  assertEquals([memory.recall("right 0"), memory.recall("right 1")], [true, undefined]);
  for (let i = 0; i < 1000; i++) memory.remember(`wrong ${i}`, false);
  assertEquals(memory.size, 8);
  assertEquals([memory.recall("right 0"), memory.recall("wrong 999"), memory.recall("wrong 0")], [
    true,
    false,
    undefined,
  ]);
});

Deno.test("VerdictMemory without places or without time remembers nothing", () => {
  for (const { memory } of [make(0), make(8, 0)]) {
    memory.remember("a", true);
    assertEquals([memory.recall("a"), memory.size], [undefined, 0]);
  }
});
