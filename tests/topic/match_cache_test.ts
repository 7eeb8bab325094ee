/** MatchCache: what it knows, and what it forgets. @module */

import { assert, assertEquals, assertGreater, assertLessOrEqual } from "@std/assert";
import fc from "fast-check";
import { MatchCache, type SubscriptionChanges } from "../../src/topic/match_cache.ts";

/** Changes that concern a topic when it is named. */
class NamedChanges implements SubscriptionChanges {
  readonly names: string[] = [];

  get version(): number {
    return this.names.length;
  }

  concern(topicName: string, since: number): boolean {
    return this.names.slice(since).includes(topicName);
  }
}

function cacheOf<M>(entriesMax: number, weightMax: number): MatchCache<M> {
  return new MatchCache<M>(entriesMax, weightMax, new NamedChanges());
}

Deno.test("MatchCache.get() knows what was set", () => {
  const cache = cacheOf<string>(10, 10);
  assertEquals(cache.get("a"), undefined);
  cache.set("a", "x", 1);
  assertEquals([cache.get("a"), cache.size], ["x", 1]);
  cache.set("a", "y", 3);
  assertEquals([cache.get("a"), cache.size], ["y", 1]);
});

Deno.test("MatchCache.get() does not know what a change concerned, and goes on knowing the rest", () => {
  const changes = new NamedChanges();
  const cache = new MatchCache<string>(10, 10, changes);
  changes.names.push("a");
  cache.set("a", "x", 1);
  cache.set("b", "y", 1);
  assertEquals([cache.get("a"), cache.get("b")], ["x", "y"]);
  changes.names.push("c", "b", "c");
  assertEquals([cache.get("a"), cache.get("b"), cache.get("b")], ["x", undefined, undefined]);
  cache.set("b", "z", 1);
  assertEquals([cache.get("a"), cache.get("b"), cache.size], ["x", "z", 2]);
});

Deno.test("MatchCache forgets everything after so many changes, so that it keeps nothing alive for long", () => {
  const changes = new NamedChanges();
  const cache = new MatchCache<string>(10, 10, changes);
  cache.set("a", "x", 1);
  for (let change = 0; change < 1_024; change++) changes.names.push("b");
  assertEquals([cache.get("a"), cache.size], ["x", 1]);
  changes.names.push("b");
  assertEquals([cache.get("c"), cache.size], [undefined, 0]);
});

Deno.test("MatchCache.clear() forgets everything", () => {
  const cache = cacheOf<string>(4, 10);
  for (const name of ["a", "b", "c", "d"]) cache.set(name, name, 1);
  cache.clear();
  assertEquals([cache.size, cache.get("a"), cache.get("d")], [0, undefined, undefined]);
});

Deno.test("MatchCache keeps what is asked for again when it makes room", () => {
  const cache = cacheOf<number>(100, 1_000);
  for (let index = 0; index < 1_000; index++) {
    cache.set(`once ${index}`, index, 1);
    if (index === 0) cache.set("steady", -1, 1);
    assertEquals(cache.get("steady"), -1, `after ${index}`);
    assertLessOrEqual(cache.size, 100);
  }
});

Deno.test("MatchCache does not keep what alone exceeds the bounds", () => {
  const cache = cacheOf<string>(10, 5);
  cache.set("a", "small", 1);
  cache.set("heavy", "x", 6);
  assertEquals([cache.get("heavy"), cache.get("a")], [undefined, "small"]);
  cache.set("just", "y", 5);
  assertEquals([cache.get("just"), cache.size], ["y", 1]);
  const none = cacheOf<string>(0, 5);
  none.set("a", "x", 1);
  assertEquals([none.get("a"), none.size], [undefined, 0]);
});

Deno.test("MatchCache forgets the former value when a heavier one does not fit", () => {
  const cache = cacheOf<string>(10, 5);
  cache.set("a", "former", 1);
  cache.set("a", "too heavy", 6);
  assertEquals(cache.get("a"), undefined);
});

Deno.test("MatchCache keeps the bounds, and never answers with anything but the latest value", () => {
  const step = fc.record({
    does: fc.constantFrom("get" as const, "set" as const, "set" as const),
    name: fc.integer({ min: 0, max: 30 }).map(String),
    weight: fc.integer({ min: 0, max: 12 }),
    changed: fc.option(fc.integer({ min: 0, max: 30 }).map(String), { freq: 10 }).map((name) => name ?? undefined),
  });
  const bounds = [fc.integer({ min: 0, max: 9 }), fc.integer({ min: 0, max: 30 })] as const;
  fc.assert(
    fc.property(fc.array(step, { maxLength: 400 }), ...bounds, (steps, entriesMax, weightMax) => {
      const changes = new NamedChanges();
      const cache = new MatchCache<{ weight: number }>(entriesMax, weightMax, changes);
      const latest = new Map<string, { weight: number }>();
      for (const { does, name, weight, changed } of steps) {
        if (changed !== undefined) {
          changes.names.push(changed);
          latest.delete(changed);
        }
        if (does === "set") {
          const match = { weight };
          if (cache.set(name, match, weight)) latest.set(name, match);
          else latest.delete(name);
        } else {
          const match = cache.get(name);
          if (match !== undefined) assert(match === latest.get(name), "stale");
        }
        assertLessOrEqual(cache.size, entriesMax);
      }
      // What it still knows is within the bound of weights. Asking moves entries and may drop others, never adds any.
      const known = [...latest.keys()].map((name) => cache.get(name)?.weight ?? 0);
      assertLessOrEqual(Math.max(0, ...known), weightMax);
    }),
    { numRuns: 300 },
  );
});

Deno.test("MatchCache keeps the bound of weights with light and heavy entries mixed", () => {
  const cache = cacheOf<number>(1_000, 100);
  for (let index = 0; index < 500; index++) cache.set(`${index}`, index, 1 + index * 7 % 40);
  let weight = 0;
  // Young ones first: asking for an old one could push out others.
  for (let index = 499; index >= 0; index--) if (cache.get(`${index}`) !== undefined) weight += 1 + index * 7 % 40;
  assertGreater(weight, 0);
  assertLessOrEqual(weight, 100);
});

/** As the broker asks. @returns whether it was known. */
function lookUp(cache: MatchCache<number>, index: number): boolean {
  if (cache.isMiniature && !cache.samples(Math.imul(index, 0x9e3779b1) >>> 16)) return false;
  if (cache.get(`${index}`) !== undefined) return true;
  cache.set(`${index}`, index, 1);
  return false;
}

Deno.test("MatchCache keeps little while more topics come in turn than fit, and everything once they fit", () => {
  const cache = cacheOf<number>(2_048, 10_000);
  for (let index = 0; index < 20_000; index++) lookUp(cache, index % 3_000);
  assertEquals(cache.isMiniature, true);
  assertLessOrEqual(cache.size, 64);
  for (let index = 0; index < 20_000; index++) lookUp(cache, index % 1_000);
  assertEquals(cache.isMiniature, false);
  for (let index = 0; index < 1_000; index++) assert(lookUp(cache, index));
});

Deno.test("MatchCache lets go of what came first and was not asked for again", () => {
  const cache = cacheOf<number>(4, 100);
  for (const name of ["a", "b", "c", "d"]) cache.set(name, 1, 1);
  assertEquals([cache.get("a"), cache.get("c")], [1, 1]);
  const known = () => ["a", "b", "c", "d", "e", "f", "g"].filter((name) => cache.get(name) !== undefined).join("");
  cache.set("e", 1, 1);
  cache.set("f", 1, 1);
  assertEquals(cache.size, 4);
  assertEquals(known(), "acef");
});

Deno.test("MatchCache in miniature for no entries at all asks for none", () => {
  const cache = cacheOf<number>(0, 100);
  assertEquals([cache.isMiniature, cache.samples(0)], [true, false]);
});

Deno.test("MatchCache holds a set of topics that fits although each of them misses at first", () => {
  const cache = cacheOf<number>(500, 10_000);
  let misses = 0;
  for (let round = 0; round < 10; round++) {
    for (let index = 0; index < 500; index++) {
      if (cache.get(`${index}`) !== undefined) continue;
      misses++;
      cache.set(`${index}`, index, 1);
    }
  }
  assertEquals(misses, 500);
});
