/** SubscriptionTrie against topicMatchesFilter over all filters. Spec §4.7. @module */

import { assert, assertEquals, assertFalse, assertGreater, assertLess, assertLessOrEqual } from "@std/assert";
import fc from "fast-check";
import { SubscriptionTrie } from "../../src/topic/subscription_trie.ts";
import { Matches } from "../../src/topic/matches.ts";
import { topicMatchesFilter } from "../../src/topic/topic_filter.ts";
import { topicFilter, topicName } from "./arbitraries.ts";
import { filterSet } from "../../bench/topic/subscription_trie_bench.ts";

interface Subscription {
  readonly of: string;
}

function matchesOf(trie: SubscriptionTrie<Subscription>, topicName: string): string[] {
  const found: string[] = [];
  trie.match(topicName, (subscription) => found.push(subscription.of));
  return found.sort();
}

function trieOf(filters: string[]): SubscriptionTrie<Subscription> {
  const trie = new SubscriptionTrie<Subscription>();
  for (const filter of filters) assert(trie.insert(filter, { of: filter }));
  return trie;
}

Deno.test("SubscriptionTrie.match() finds literal, + and # filters side by side", () => {
  const trie = trieOf([
    "a/b/c",
    "a/+/c",
    "a/#",
    "a/b/#",
    "+/+/+",
    "#",
    "a/b/c/#",
    "a/b",
    "a/b/c/d",
    "+",
    "b/#",
    "a/+/d",
  ]);
  assertEquals(matchesOf(trie, "a/b/c"), ["#", "+/+/+", "a/#", "a/+/c", "a/b/#", "a/b/c", "a/b/c/#"]);
  assertEquals(matchesOf(trie, "a"), ["#", "+", "a/#"]);
  assertEquals(matchesOf(trie, "x/y"), ["#"]);
});

Deno.test("[MQTT-4.7.2-1] SubscriptionTrie.match() keeps topics that begin with $ from a leading wildcard", () => {
  const trie = trieOf(["#", "+", "+/a", "+/#", "$SYS/#", "$SYS/+", "$SYS/a"]);
  assertEquals(matchesOf(trie, "$SYS/a"), ["$SYS/#", "$SYS/+", "$SYS/a"]);
  assertEquals(matchesOf(trie, "$SYS"), ["$SYS/#"]);
  assertEquals(matchesOf(trie, "x/a"), ["#", "+/#", "+/a"]);
});

Deno.test("[MQTT-4.7.3-4] SubscriptionTrie.match() normalises nothing", () => {
  const trie = trieOf(["\u00e9/+", "e\u0301/+", "E\u0301/#"]);
  assertEquals(matchesOf(trie, "\u00e9/x"), ["\u00e9/+"]);
  assertEquals(matchesOf(trie, "e\u0301/x"), ["e\u0301/+"]);
});

Deno.test("SubscriptionTrie.match() tells empty levels apart", () => {
  const trie = trieOf(["/", "//", "/+", "+/", "+/+", "/#", "+//", "//#", "+"]);
  assertEquals(matchesOf(trie, "/"), ["+/", "+/+", "/", "/#", "/+", "//#"]);
  assertEquals(matchesOf(trie, "//"), ["+//", "/#", "//", "//#"]);
  assertEquals(matchesOf(trie, "/finance"), ["+/+", "/#", "/+"]);
  assertEquals(matchesOf(trie, "finance"), ["+"]);
});

Deno.test("SubscriptionTrie.match() gives a value once for each of its matching filters", () => {
  const trie = new SubscriptionTrie<Subscription>();
  const value = { of: "x" };
  for (const filter of ["a/b", "a/+", "a/#", "c/#"]) trie.insert(filter, value);
  assertEquals(matchesOf(trie, "a/b"), ["x", "x", "x"]);
});

Deno.test("SubscriptionTrie.insert() and remove() say whether they changed anything", () => {
  for (const filter of ["a/b", "a/+", "#", "/", "+/#"]) {
    const trie = new SubscriptionTrie<Subscription>();
    const [one, two] = [{ of: "1" }, { of: "2" }];
    assertFalse(trie.remove(filter, one));
    assertEquals(trie.version, 0);
    assert(trie.insert(filter, one));
    assertFalse(trie.insert(filter, one));
    assertFalse(trie.remove(filter, two));
    assert(trie.insert(filter, two));
    assertFalse(trie.insert(filter, two));
    assertEquals([trie.size, trie.version], [2, 2]);
    assert(trie.remove(filter, one));
    assertFalse(trie.remove(filter, one));
    assertFalse(trie.remove(filter + "/x", two));
    assert(trie.remove(filter, two));
    assertEquals([trie.size, trie.nodeCount, trie.version], [0, 0, 4]);
  }
});

Deno.test("SubscriptionTrie.remove() of a filter that others go through leaves them", () => {
  const filters = ["a/+", "a/+/b", "a/+/b/c", "a/+/b/#", "a/#", "a/+/d"];
  for (const removed of filters) {
    const trie = new SubscriptionTrie<Subscription>();
    const values = new Map(filters.map((filter) => [filter, { of: filter }]));
    for (const [filter, value] of values) trie.insert(filter, value);
    assert(trie.remove(removed, values.get(removed)!));
    for (const name of ["a", "a/x", "a/x/b", "a/x/b/c", "a/x/d", "a/x/b/c/e"]) {
      const expected = filters.filter((filter) => filter !== removed && topicMatchesFilter(name, filter)).sort();
      assertEquals(matchesOf(trie, name), expected, `${name} without ${removed}`);
    }
  }
});

Deno.test("SubscriptionTrie does what topicMatchesFilter() says of all filters, while they come and go", () => {
  const step = fc.record({ filter: topicFilter, which: fc.nat(2), inserts: fc.integer({ max: 2, min: 0 }) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), fc.array(topicName, { maxLength: 10 }), (steps, names) => {
      const trie = new SubscriptionTrie<Subscription>();
      const model = new Map<string, Subscription[]>();
      const values = Array.from({ length: 3 }, (_, which) => ({ of: `${which}` }));
      const check = () => {
        for (const name of names) {
          const expected: string[] = [];
          for (const [filter, values] of model) {
            if (topicMatchesFilter(name, filter)) { for (const value of values) expected.push(value.of); }
          }
          assertEquals(matchesOf(trie, name), expected.sort(), name);
        }
      };
      for (const { filter, which, inserts } of steps) {
        const there = model.get(filter) ?? [];
        const value = values[which];
        if (inserts > 0) {
          assertEquals(trie.insert(filter, value), !there.includes(value));
          if (!there.includes(value)) model.set(filter, [...there, value]);
        } else {
          // Removes what is there, if anything is, so that emptying is met often.
          const [first] = model.keys();
          const from = model.has(filter) ? filter : first ?? filter;
          const former = model.get(from) ?? [];
          const removed = former.includes(value) ? value : former[0] ?? value;
          assertEquals(trie.remove(from, removed), former.includes(removed));
          const rest = former.filter((value) => value !== removed);
          if (rest.length > 0) model.set(from, rest);
          else model.delete(from);
        }
        assertLessOrEqual(trie.nodeCount, model.size * 3);
      }
      check();
      for (const [filter, values] of [...model]) {
        for (const value of values) assert(trie.remove(filter, value));
        model.delete(filter);
        assertLessOrEqual(trie.nodeCount, model.size * 3);
        check();
      }
      assertEquals([trie.size, trie.nodeCount], [0, 0]);
    }),
    { numRuns: 500 },
  );
});

Deno.test("SubscriptionTrie.nodeCount is 0 after 10,000 filters came and went in another order", () => {
  const filters = filterSet(10_000);
  const trie = trieOf([]);
  const values = filters.map((filter) => ({ of: filter }));
  for (let index = 0; index < filters.length; index++) assert(trie.insert(filters[index], values[index]));
  assertEquals(trie.size, filters.length);
  for (let index = 0; index < filters.length; index++) {
    const other = index * 7_919 % filters.length;
    assert(trie.remove(filters[other], values[other]));
  }
  assertEquals([trie.size, trie.nodeCount], [0, 0]);
});

Deno.test("SubscriptionTrie takes filters and topics of 65,535 slashes without recursion, in a few nodes", () => {
  const slashes = "/".repeat(65_535);
  const pluses = "+/".repeat(32_767) + "+";
  const trie = trieOf([slashes, "/".repeat(65_534) + "#", pluses, "+/".repeat(32_767) + "#", "/".repeat(65_533) + "+"]);
  assertLess(trie.nodeCount, 20);
  assertEquals(matchesOf(trie, slashes).length, 3);
  assertEquals(matchesOf(trie, "/".repeat(32_767)).length, 2);
  assertEquals(matchesOf(trie, "a/".repeat(32_767) + "a").length, 2);
  assertEquals(matchesOf(trie, "a").length, 0);
});

Deno.test("SubscriptionTrie keeps nested filters of many levels apart without a node per level", () => {
  // One after the other they part one level deeper: the longest chain that so many filters can make.
  const filters = Array.from({ length: 500 }, (_, depth) => "a/".repeat(depth) + "+");
  const trie = new SubscriptionTrie<Subscription>();
  const values = filters.map((filter) => ({ of: filter }));
  for (let index = 0; index < filters.length; index++) trie.insert(filters[index], values[index]);
  assertLessOrEqual(trie.nodeCount, 1_500);
  assertEquals(matchesOf(trie, "a/".repeat(499) + "a"), [filters[499]]);
  assertEquals(matchesOf(trie, "a/".repeat(1_000) + "a"), []);
  for (let index = 0; index < filters.length; index++) trie.remove(filters[index], values[index]);
  assertEquals(trie.nodeCount, 0);
});

Deno.test("SubscriptionTrie.match() of a/a/a/… against all mixtures of a and + gives each of them once", () => {
  const levels = 12;
  const filters = Array.from(
    { length: 2 ** levels },
    (_, bits) => Array.from({ length: levels }, (_, level) => (bits >> level) & 1 ? "a" : "+").join("/"),
  );
  const trie = trieOf(filters);
  const name = "a/".repeat(levels - 1) + "a";
  assertEquals(matchesOf(trie, name), filters.toSorted());
  assertEquals(matchesOf(trie, name + "/a"), []);
  assertEquals(matchesOf(trie, "b/".repeat(levels - 1) + "b"), [filters[0]]);
});

Deno.test("SubscriptionTrie holds 100,000 values on one filter, and each goes alone", () => {
  for (const filter of ["a/b", "a/+", "a/#"]) {
    const trie = new SubscriptionTrie<Subscription>();
    const values = Array.from({ length: 100_000 }, (_, index) => ({ of: `${index}` }));
    for (const value of values) trie.insert(filter, value);
    let count = 0;
    trie.match("a/b", () => count++);
    assertEquals([count, trie.size], [100_000, 100_000]);
    for (const value of values) if (!trie.remove(filter, value)) throw new Error(`${value.of} is not there`);
    assertEquals([trie.size, trie.nodeCount], [0, 0]);
  }
});

Deno.test("SubscriptionTrie.match() lets its visitor change the trie and match again", () => {
  const trie = trieOf(["a/b/c/+", "a/b/c/#", "x/y/z/+"]);
  const seen: string[] = [];
  trie.match("a/b/c/d", (subscription) => {
    seen.push(subscription.of);
    trie.insert(`a/b/+/${seen.length}`, { of: "new" });
    trie.insert(`a/+/c/${seen.length}`, { of: "new" });
    trie.match("x/y/z/1", (inner) => seen.push(inner.of));
    assert(trie.remove(subscription.of, subscription));
  });
  assertEquals(seen.toSorted(), ["a/b/c/#", "a/b/c/+", "x/y/z/+", "x/y/z/+"]);
  assertEquals(matchesOf(trie, "a/b/c/d"), []);
  assertEquals(matchesOf(trie, "a/b/c/1"), ["new", "new"]);
});

Deno.test("SubscriptionTrie.match() is whole again after its visitor threw", () => {
  const trie = trieOf(["a/+", "+/b"]);
  for (let round = 0; round < 2; round++) {
    let message = "";
    try {
      trie.match("a/b", () => {
        throw new Error("a bug in a visitor");
      });
    } catch (error) {
      message = (error as Error).message;
    }
    assertEquals(message, "a bug in a visitor");
    assertEquals(matchesOf(trie, "a/b"), ["+/b", "a/+"]);
  }
});

Deno.test("SubscriptionTrie.collectBytes() finds what collect() finds, and what topicMatchesFilter() says, whatever the topic", () => {
  const trie = new SubscriptionTrie<Subscription>();
  const matches = new Matches<Subscription>();
  const collected = (collect: () => void) => {
    matches.clear();
    collect();
    return matches.toArray().map((subscription) => subscription.of).toSorted();
  };
  let literals = 0;
  fc.assert(
    fc.property(
      fc.uniqueArray(fc.oneof(topicFilter, topicName), { maxLength: 30 }),
      topicName,
      fc.boolean(),
      (filters, name, isAmong) => {
        if (isAmong && !filters.includes(name)) filters.push(name);
        const values = filters.map((of) => ({ of }));
        for (const value of values) trie.insert(value.of, value);
        const buffer = new TextEncoder().encode(`/${name}/`);
        const expected = filters.filter((filter) => topicMatchesFilter(name, filter)).toSorted();
        assertEquals(collected(() => trie.collectBytes(buffer, 1, buffer.length - 1, matches)), expected);
        assertEquals(collected(() => trie.collect(name, matches)), expected);
        if (expected.includes(name)) literals++;
        for (const value of values) trie.remove(value.of, value);
      },
    ),
    { numRuns: 300 },
  );
  assertEquals(trie.nodeCount, 0);
  assertGreater(literals, 10);
});
