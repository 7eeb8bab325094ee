/** MatchCache: what it knows, and what it forgets. @module */

import { assert, assertEquals, assertGreater, assertLessOrEqual } from "@std/assert";
import fc from "fast-check";
import { MatchCache } from "../../src/topic/match_cache.ts";
import { matchCacheHitWorkload, matchCacheThrashWorkload } from "../../bench/topic/match_cache_bench.ts";

Deno.test("MatchCache.get() knows what was set under the same version", () => {
  const cache = new MatchCache<string>(10, 10);
  assertEquals(cache.get("a", 1), undefined);
  cache.set("a", "x", 1, 1);
  assertEquals([cache.get("a", 1), cache.size], ["x", 1]);
  cache.set("a", "y", 1, 3);
  assertEquals([cache.get("a", 1), cache.size], ["y", 1]);
});

Deno.test("MatchCache empties itself when the version differs", () => {
  const cache = new MatchCache<string>(10, 10);
  cache.set("a", "x", 1, 1);
  assertEquals([cache.get("a", 2), cache.size], [undefined, 0]);
  assertEquals(cache.get("a", 1), undefined);
  cache.set("a", "x", 1, 1);
  cache.set("b", "y", 2, 1);
  assertEquals([cache.get("a", 2), cache.get("b", 2), cache.size], [undefined, "y", 1]);
});

Deno.test("MatchCache.clear() forgets everything", () => {
  const cache = new MatchCache<string>(4, 10);
  for (const name of ["a", "b", "c", "d"]) cache.set(name, name, 0, 1);
  cache.clear();
  assertEquals([cache.size, cache.get("a", 0), cache.get("d", 0)], [0, undefined, undefined]);
});

Deno.test("MatchCache keeps what is asked for again when it makes room", () => {
  const cache = new MatchCache<number>(100, 1_000);
  for (let index = 0; index < 1_000; index++) {
    cache.set(`once ${index}`, index, 0, 1);
    if (index === 0) cache.set("steady", -1, 0, 1);
    assertEquals(cache.get("steady", 0), -1, `after ${index}`);
    assertLessOrEqual(cache.size, 100);
  }
});

Deno.test("MatchCache does not keep what alone exceeds the bounds", () => {
  const cache = new MatchCache<string>(10, 5);
  cache.set("a", "small", 0, 1);
  cache.set("heavy", "x", 0, 6);
  assertEquals([cache.get("heavy", 0), cache.get("a", 0)], [undefined, "small"]);
  cache.set("just", "y", 0, 5);
  assertEquals([cache.get("just", 0), cache.size], ["y", 1]);
  const none = new MatchCache<string>(0, 5);
  none.set("a", "x", 0, 1);
  assertEquals([none.get("a", 0), none.size], [undefined, 0]);
});

Deno.test("MatchCache forgets the former value when a heavier one does not fit", () => {
  const cache = new MatchCache<string>(10, 5);
  cache.set("a", "former", 0, 1);
  cache.set("a", "too heavy", 0, 6);
  assertEquals(cache.get("a", 0), undefined);
});

Deno.test("MatchCache keeps the bounds, and never answers with anything but the latest value", () => {
  const step = fc.record({
    does: fc.constantFrom("get" as const, "set" as const, "set" as const),
    name: fc.integer({ min: 0, max: 30 }).map(String),
    weight: fc.integer({ min: 0, max: 12 }),
    changes: fc.integer({ min: 0, max: 40 }).map((n) => n === 0),
  });
  const bounds = [fc.integer({ min: 0, max: 9 }), fc.integer({ min: 0, max: 30 })] as const;
  fc.assert(
    fc.property(fc.array(step, { maxLength: 400 }), ...bounds, (steps, entriesMax, weightMax) => {
      const cache = new MatchCache<{ weight: number }>(entriesMax, weightMax);
      const latest = new Map<string, { weight: number }>();
      let version = 0;
      for (const { does, name, weight, changes } of steps) {
        if (changes) {
          version++;
          latest.clear();
        }
        if (does === "set") {
          const match = { weight };
          cache.set(name, match, version, weight);
          latest.set(name, match);
        } else {
          const match = cache.get(name, version);
          if (match !== undefined) assert(match === latest.get(name), "stale");
        }
        assertLessOrEqual(cache.size, entriesMax);
      }
      // What it still knows is within the bound of weights. Asking moves entries and may drop others, never adds any.
      const known = [...latest.keys()].map((name) => cache.get(name, version)?.weight ?? 0);
      assertLessOrEqual(Math.max(0, ...known), weightMax);
    }),
    { numRuns: 300 },
  );
});

Deno.test("MatchCache keeps the bound of weights with light and heavy entries mixed", () => {
  const cache = new MatchCache<number>(1_000, 100);
  for (let index = 0; index < 500; index++) cache.set(`${index}`, index, 0, 1 + index * 7 % 40);
  let weight = 0;
  // Young ones first: asking for an old one could push out others.
  for (let index = 499; index >= 0; index--) if (cache.get(`${index}`, 0) !== undefined) weight += 1 + index * 7 % 40;
  assertGreater(weight, 0);
  assertLessOrEqual(weight, 100);
});

Deno.test("MatchCache keeps little while nothing is asked for again, and everything once it is", () => {
  const cache = new MatchCache<number>(100, 1_000);
  const lookUp = (name: string) => {
    const known = cache.get(name, 0) !== undefined;
    if (!known) cache.set(name, 1, 0, 1);
    return known;
  };
  for (let index = 0; index < 10_000; index++) assertEquals(lookUp(`once ${index}`), false);
  let hits = 0;
  for (let round = 0; round < 100; round++) {
    for (let index = 0; index < 40; index++) if (lookUp(`again ${index}`)) hits++;
  }
  assertGreater(hits, 3_000);
});

Deno.test("MatchCache holds a set of topics that fits although each of them misses at first", () => {
  const cache = new MatchCache<number>(1_000, 10_000);
  let misses = 0;
  for (let round = 0; round < 10; round++) {
    for (let index = 0; index < 500; index++) {
      if (cache.get(`${index}`, 0) !== undefined) continue;
      misses++;
      cache.set(`${index}`, index, 0, 1);
    }
  }
  assertEquals(misses, 500);
});

Deno.test("the workloads of the match cache bench hit and miss as they say", () => {
  assertEquals(matchCacheHitWorkload(10)(), 10);
  assertEquals(matchCacheThrashWorkload(100, 10)(), 100);
});
