/** MatchCache: what it knows, and what it forgets. @module */

import { assert, assertEquals, assertLessOrEqual } from "@std/assert";
import fc from "fast-check";
import { MatchCache, type PlacedTopic, type SubscriptionChanges } from "../../src/topic/match_cache.ts";

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

const PLACES = 1_000;
const topics = new Map<string, PlacedTopic>();

/** Always the same for a name, each in a place of its own. */
function topic(name: string): PlacedTopic {
  let topic = topics.get(name);
  if (topic === undefined) topics.set(name, topic = { name, place: topics.size });
  return topic;
}

function cacheOf<M>(entriesMax: number, weightMax: number, changes = new NamedChanges()): MatchCache<M> {
  return new MatchCache<M>(PLACES, entriesMax, weightMax, changes);
}

Deno.test("MatchCache.get() knows what was set", () => {
  const cache = cacheOf<string>(10, 10);
  assertEquals(cache.get(topic("a")), undefined);
  cache.set(topic("a"), "x", 1);
  assertEquals([cache.get(topic("a")), cache.size], ["x", 1]);
  cache.set(topic("a"), "y", 3);
  assertEquals([cache.get(topic("a")), cache.size], ["y", 1]);
});

Deno.test("MatchCache.get() does not know what a change concerned, and goes on knowing the rest", () => {
  const changes = new NamedChanges();
  const cache = cacheOf<string>(10, 10, changes);
  changes.names.push("a");
  cache.set(topic("a"), "x", 1);
  cache.set(topic("b"), "y", 1);
  assertEquals([cache.get(topic("a")), cache.get(topic("b"))], ["x", "y"]);
  changes.names.push("c", "b", "c");
  assertEquals([cache.get(topic("a")), cache.get(topic("b")), cache.get(topic("b"))], ["x", undefined, undefined]);
  cache.set(topic("b"), "z", 1);
  assertEquals([cache.get(topic("a")), cache.get(topic("b")), cache.size], ["x", "z", 2]);
});

Deno.test("MatchCache forgets everything after so many changes, so that it keeps nothing alive for long", () => {
  const changes = new NamedChanges();
  const cache = cacheOf<string>(10, 10, changes);
  cache.set(topic("a"), "x", 1);
  for (let change = 0; change < 1_024; change++) changes.names.push("b");
  assertEquals([cache.get(topic("a")), cache.size], ["x", 1]);
  changes.names.push("b");
  assertEquals([cache.get(topic("c")), cache.size], [undefined, 0]);
});

Deno.test("MatchCache.clear() forgets everything", () => {
  const cache = cacheOf<string>(4, 10);
  for (const name of ["a", "b", "c", "d"]) cache.set(topic(name), name, 1);
  cache.clear();
  assertEquals([cache.size, cache.get(topic("a")), cache.get(topic("d"))], [0, undefined, undefined]);
});

Deno.test("MatchCache does not take a topic for another one that has, or had, its place", () => {
  const cache = cacheOf<string>(10, 10);
  const [former, next] = [{ name: "a", place: 3 }, { name: "a", place: 3 }];
  cache.set(former, "x", 2);
  assertEquals([cache.get(former), cache.get(next)], ["x", undefined]);
  cache.set(next, "y", 1);
  assertEquals([cache.get(former), cache.get(next), cache.size], [undefined, "y", 1]);
});

Deno.test("MatchCache goes on keeping what is in use while more comes than fits", () => {
  const cache = cacheOf<number>(100, 1_000);
  cache.set(topic("steady"), -1, 1);
  for (let index = 0; index < 10 * PLACES; index++) {
    cache.set(
      { name: `once ${index}`, place: index % PLACES === topic("steady").place ? 0 : index % PLACES },
      index,
      1,
    );
    assertEquals(cache.get(topic("steady")), -1, `after ${index}`);
    assertLessOrEqual(cache.size, 100);
  }
});

Deno.test("MatchCache makes room for others when nobody asks for what it keeps", () => {
  const cache = cacheOf<string>(4, 100);
  for (const name of ["a", "b", "c", "d"]) assert(cache.set(topic(name), "former", 1));
  let misses = 0;
  while (!cache.set(topic("e"), "new", 1)) misses++;
  assertEquals(cache.get(topic("e")), "new");
  assertLessOrEqual(misses, PLACES);
});

Deno.test("MatchCache does not keep what alone exceeds the bounds", () => {
  const cache = cacheOf<string>(10, 5);
  cache.set(topic("a"), "small", 1);
  assertEquals(cache.set(topic("heavy"), "x", 6), false);
  assertEquals([cache.get(topic("heavy")), cache.get(topic("a"))], [undefined, "small"]);
  assertEquals(cache.set(topic("just"), "y", 4), true);
  assertEquals([cache.get(topic("just")), cache.size], ["y", 2]);
  const none = cacheOf<string>(0, 5);
  assertEquals([none.set(topic("a"), "x", 1), none.get(topic("a")), none.size], [false, undefined, 0]);
});

Deno.test("MatchCache forgets the former value when a heavier one does not fit", () => {
  const cache = cacheOf<string>(10, 5);
  cache.set(topic("a"), "former", 1);
  cache.set(topic("a"), "too heavy", 6);
  assertEquals([cache.get(topic("a")), cache.size], [undefined, 0]);
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
      const cache = new MatchCache<{ weight: number }>(31, entriesMax, weightMax, changes);
      const placed = (name: string) => topicsOfProperty[Number(name)];
      const latest = new Map<string, { weight: number }>();
      for (const { does, name, weight, changed } of steps) {
        if (changed !== undefined) {
          changes.names.push(changed);
          latest.delete(changed);
        }
        if (does === "set") {
          const match = { weight };
          if (cache.set(placed(name), match, weight)) latest.set(name, match);
          else latest.delete(name);
        } else {
          const match = cache.get(placed(name));
          if (match !== undefined) assert(match === latest.get(name), "stale");
        }
        assertLessOrEqual(cache.size, entriesMax);
      }
      const known = [...latest.keys()].map((name) => cache.get(placed(name))?.weight ?? 0);
      assertLessOrEqual(known.reduce((sum, weight) => sum + weight, 0), weightMax);
    }),
    { numRuns: 300 },
  );
});

const topicsOfProperty = Array.from({ length: 31 }, (_, place) => ({ name: String(place), place }));
