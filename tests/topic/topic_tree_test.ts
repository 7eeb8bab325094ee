/** TopicTree against topicMatchesFilter over all names. Spec §3.3.1.3, §4.7. @module */

import { assert, assertEquals, assertFalse, assertLess, assertLessOrEqual } from "@std/assert";
import fc from "fast-check";
import { topicMatchesFilter } from "../../src/topic/topic_filter.ts";
import { TopicTree } from "../../src/topic/topic_tree.ts";
import { topicFilter, topicName } from "./arbitraries.ts";

function treeOf(names: string[]): TopicTree<string> {
  const tree = new TopicTree<string>();
  for (const name of names) tree.set(name, `at ${name}`);
  return tree;
}

function namesOf(tree: TopicTree<string>, filter: string): string[] {
  const names: string[] = [];
  for (const [name, value] of tree.match(filter)) {
    assertEquals(value, `at ${name}`);
    names.push(name);
  }
  return names.sort();
}

Deno.test("TopicTree.set(), get() and delete() keep one value per name", () => {
  const tree = new TopicTree<string>();
  assertEquals([tree.get("a"), tree.delete("a"), tree.size, tree.nodeCount], [undefined, undefined, 0, 0]);
  assertEquals(tree.set("a", "1"), undefined);
  assertEquals(tree.set("a", "2"), "1");
  assertEquals([tree.get("a"), tree.get("a/"), tree.get("b"), tree.size], ["2", undefined, undefined, 1]);
  assertEquals(tree.delete("a"), "2");
  assertEquals([tree.size, tree.nodeCount, tree.get("a")], [0, 0, undefined]);
});

Deno.test("TopicTree.match() finds names by literal, + and # filters", () => {
  const tree = treeOf(["a", "a/b", "a/b/c", "a/d/c", "a/b!/c", "a!", "b", "/", "/a", "a/", "a//c", "$SYS/a", "$SYS"]);
  const cases: [filter: string, names: string[]][] = [
    ["a", ["a"]],
    ["x", []],
    ["a/#", ["a", "a/", "a//c", "a/b", "a/b!/c", "a/b/c", "a/d/c"]],
    ["a/+", ["a/", "a/b"]],
    ["a/+/c", ["a//c", "a/b!/c", "a/b/c", "a/d/c"]],
    ["a/b/#", ["a/b", "a/b/c"]],
    ["+", ["a", "a!", "b"]],
    ["+/+", ["/", "/a", "a/", "a/b"]],
    ["/+", ["/", "/a"]],
    ["/#", ["/", "/a"]],
    ["+/b/#", ["a/b", "a/b/c"]],
    ["x/#", []],
  ];
  for (const [filter, names] of cases) assertEquals(namesOf(tree, filter), names.toSorted(), filter);
});

Deno.test("[MQTT-4.7.2-1] TopicTree.match() keeps names that begin with $ from a leading wildcard", () => {
  const tree = treeOf(["$", "$SYS", "$SYS/a", "$SYS/a/b", "#".replace("#", "!"), "%", "a", "a/$SYS"]);
  assertEquals(namesOf(tree, "#"), ["!", "%", "a", "a/$SYS"]);
  assertEquals(namesOf(tree, "+"), ["!", "%", "a"]);
  assertEquals(namesOf(tree, "+/#"), ["!", "%", "a", "a/$SYS"]);
  assertEquals(namesOf(tree, "+/a"), []);
  assertEquals(namesOf(tree, "$SYS/#"), ["$SYS", "$SYS/a", "$SYS/a/b"]);
  assertEquals(namesOf(tree, "$SYS/+"), ["$SYS/a"]);
});

Deno.test("TopicTree does what topicMatchesFilter() says of all names, while they come and go", () => {
  const step = fc.record({ name: topicName, sets: fc.integer({ min: 0, max: 2 }) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), fc.array(topicFilter, { maxLength: 10 }), (steps, filters) => {
      const tree = new TopicTree<string>();
      const model = new Map<string, string>();
      for (const { name, sets } of steps) {
        const former = model.get(name);
        if (sets > 0) {
          assertEquals(tree.set(name, `at ${name}`), former);
          model.set(name, `at ${name}`);
        } else {
          assertEquals(tree.delete(name), former);
          model.delete(name);
        }
        assertEquals(tree.size, model.size);
      }
      for (const filter of filters) {
        const expected = [...model.keys()].filter((name) => topicMatchesFilter(name, filter)).sort();
        assertEquals(namesOf(tree, filter), expected, filter);
      }
      for (const name of model.keys()) tree.delete(name);
      assertEquals([tree.size, tree.nodeCount], [0, 0]);
    }),
    { numRuns: 1_000 },
  );
});

Deno.test("TopicTree.match() gives every name that stays, none twice and none wrong, while others come and go", () => {
  const change = fc.record({ name: topicName, sets: fc.boolean() });
  fc.assert(
    fc.property(
      fc.array(topicName, { maxLength: 40 }),
      topicFilter,
      fc.array(fc.array(change, { maxLength: 4 }), { maxLength: 40 }),
      (names, filter, changes) => {
        const tree = treeOf(names);
        const steady = new Set(names);
        const ever = new Set(names);
        const seen = new Set<string>();
        const walk = tree.match(filter);
        for (let round = 0;; round++) {
          const result = walk.next();
          if (result.done) break;
          const [name, value] = result.value;
          assertFalse(seen.has(name), `${name} came twice`);
          assert(ever.has(name) && topicMatchesFilter(name, filter), `${name} does not belong`);
          assertEquals(value, `at ${name}`);
          seen.add(name);
          for (const { name, sets } of changes[round] ?? []) {
            if (sets) {
              tree.set(name, `at ${name}`);
              ever.add(name);
            } else {
              tree.delete(name);
              steady.delete(name);
            }
          }
        }
        assert(walk.next().done);
        assert(walk.ended);
        for (const name of steady) if (topicMatchesFilter(name, filter)) assert(seen.has(name), `${name} is missing`);
      },
    ),
    { numRuns: 1_000 },
  );
});

Deno.test("TopicTree.match() goes on rightly while pages before, under and after it come and go", () => {
  const name = (index: number) => `n/${String(index).padStart(5, "0")}`;
  const tree = treeOf(Array.from({ length: 6_000 }, (_, index) => name(index)));
  // Every tenth stays; the others go, first those behind the walk, then some ahead of it, and some behind come again.
  const seen = new Set<string>();
  for (const [at] of tree.match("+/#")) {
    assertFalse(seen.has(at), `${at} came twice`);
    seen.add(at);
    if (seen.size % 100 !== 0) continue;
    const here = Number(at.slice(2));
    for (let index = Math.max(0, here - 900); index < here + 300; index++) {
      if (index % 10 !== 0) tree.delete(name(index));
    }
    for (let index = 0; index < here - 2_000; index++) tree.set(name(index), `at ${name(index)}`);
  }
  for (let index = 0; index < 6_000; index += 10) assert(seen.has(name(index)), `${name(index)} is missing`);
});

Deno.test("TopicTree keeps 20,000 names findable through splits and joins of its pages", () => {
  const names = Array.from({ length: 20_000 }, (_, index) => `n/${index * 7_919 % 20_000}/${index % 3}`);
  const tree = treeOf(names);
  assertLessOrEqual(tree.nodeCount, 20_000 / 64);
  let last = "";
  let count = 0;
  for (const [name] of tree.match("n/#")) {
    assertLess(last, name);
    last = name;
    count++;
  }
  assertEquals(count, 20_000);
  assertEquals(namesOf(tree, "+/17/+"), [`n/17/${names.findIndex((name) => name.startsWith("n/17/")) % 3}`]);
  for (let index = 0; index < names.length; index++) {
    if (index % 100 !== 0) assertEquals(tree.delete(names[index]), `at ${names[index]}`);
  }
  // 200 names are left, from all over: pages that had become small have joined.
  assertEquals([...tree.match("#")].length, 200);
  assertLessOrEqual(tree.nodeCount, 8);
  for (let index = 0; index < names.length; index += 100) tree.delete(names[index]);
  assertEquals([tree.size, tree.nodeCount], [0, 0]);
});

Deno.test("TopicTree fills its pages when names come in order", () => {
  const tree = treeOf(Array.from({ length: 25_600 }, (_, index) => `n/${String(index).padStart(5, "0")}`));
  assertEquals(tree.nodeCount, 100);
});

Deno.test("TopicWalk goes on in a later turn, also after a loop was left", () => {
  const tree = treeOf(Array.from({ length: 1_000 }, (_, index) => `a/${index}`));
  const walk = tree.match("#");
  const seen = new Set<string>();
  for (const [name] of walk) {
    seen.add(name);
    if (seen.size === 10) break;
  }
  assertFalse(walk.ended);
  for (const [name] of walk) seen.add(name);
  assertEquals(seen.size, 1_000);
  assert(walk.ended);
});

Deno.test("TopicWalk.advance() stops after so many names, whether they match or not", () => {
  const names = Array.from({ length: 1_000 }, (_, index) => `a/${index}/b`);
  const tree = treeOf([...names, "z/0/c"]);
  const found: string[] = [];
  const walk = tree.match("+/+/c");
  let slices = 1;
  while (walk.advance(100, (name) => void found.push(name))) slices++;
  assertEquals(found, ["z/0/c"]);
  // A name and a jump to where it would have to go on; so each of the thousand counts, and few more.
  assertLessOrEqual(slices, 22);
  assertLess(5, slices);
  assertFalse(walk.advance(100, () => assert(false)));
});

Deno.test("TopicWalk.advance() stops when the visitor says so, and loses nothing", () => {
  const tree = treeOf(["a/1", "a/2", "a/3"]);
  const found: string[] = [];
  const walk = tree.match("a/+");
  while (walk.advance(1_000, (name) => found.push(name) > 100 || false));
  assertEquals(found, ["a/1", "a/2", "a/3"]);
});

Deno.test("TopicTree.match() skips branches that cannot match", () => {
  const names: string[] = [];
  for (let device = 0; device < 100; device++) {
    for (let sensor = 0; sensor < 100; sensor++) names.push(`d/${device}/${sensor}`);
  }
  const tree = treeOf(names);
  /** Names that are looked at, at most. */
  const looks = (filter: string) => {
    const walk = tree.match(filter);
    let looks = 1;
    while (walk.advance(1, () => {})) looks++;
    return looks;
  };
  assertLessOrEqual(looks("d/5/7"), 1);
  assertLessOrEqual(looks("d/5/+"), 102);
  assertLessOrEqual(looks("+/+/7"), 302);
  assertLessOrEqual(looks("d/+"), 102);
  assertLessOrEqual(looks("x/#"), 2);
});

Deno.test("TopicTree takes names and filters of 65,535 slashes without recursion", () => {
  const slashes = "/".repeat(65_535);
  const tree = treeOf([slashes, "/".repeat(65_534), "/".repeat(65_534) + "a", "b"]);
  assertEquals(namesOf(tree, slashes), [slashes]);
  assertEquals(namesOf(tree, "/".repeat(65_534) + "+").length, 2);
  assertEquals(namesOf(tree, "/".repeat(65_534) + "#").length, 3);
  assertEquals(namesOf(tree, "+/".repeat(32_767) + "#").length, 3);
  assertEquals(namesOf(tree, "+/".repeat(32_767) + "+").length, 0);
  for (const name of [slashes, "/".repeat(65_534), "/".repeat(65_534) + "a", "b"]) tree.delete(name);
  assertEquals([tree.size, tree.nodeCount], [0, 0]);
});
