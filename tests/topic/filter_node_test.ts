/** Mirrors src/topic/filter_node.ts. @module */

import { assert, assertEquals, assertGreater } from "@std/assert";
import { ChildTable, FilterNode, nodeText } from "../../src/topic/filter_node.ts";
import { levelHash } from "../../src/topic/level_hash.ts";

/** As the walk does it: what the table gives may only have the same hash. */
function find(table: ChildTable<object>, level: string): FilterNode<object> | undefined {
  const node = table.find(levelHash(level, 0, level.length), level, 0, level.length);
  return node?.text === level ? node : undefined;
}

Deno.test("ChildTable finds what was added and not removed, while it grows and shrinks", () => {
  const table = new ChildTable<object>();
  const model = new Map<string, FilterNode<object>>();
  const levels = Array.from({ length: 3_000 }, (_, index) => `level${index}`);
  // Waves: more and more come, then more and more go.
  for (let step = 0; step < 30_000; step++) {
    const level = levels[step * 7_919 % levels.length];
    const grows = Math.floor(step / 5_000) % 2 === 0;
    const there = model.get(level);
    if (grows && there === undefined) {
      const node = new FilterNode<object>(level);
      table.add(node);
      model.set(level, node);
    } else if (!grows && there !== undefined) {
      table.remove(there);
      model.delete(level);
    }
    assertEquals(table.count, model.size);
    if (step % 1_000 === 999) {
      for (const level of levels) assert(find(table, level) === model.get(level), level);
    }
  }
});

Deno.test("ChildTable tells levels apart that have the same hash", () => {
  // So many that some pairs are certain to: 200,000² / 2³¹.
  const levels = Array.from({ length: 200_000 }, (_, index) => `${index}`);
  const hashes = new Set(levels.map((level) => levelHash(level, 0, level.length)));
  assertGreater(levels.length - hashes.size, 0);
  const table = new ChildTable<object>();
  const nodes = levels.map((level) => new FilterNode<object>(level));
  for (const node of nodes) table.add(node);
  for (const node of nodes) assert(find(table, node.text) === node, node.text);
  for (const node of nodes.slice(1)) table.remove(node);
  assert(table.only() === nodes[0]);
});

Deno.test("nodeText() gives the levels that were asked for, whatever it shares", () => {
  for (let index = 0; index < 20_000; index++) {
    const level = `${index}`.repeat(1 + index % 9);
    const text = `before/${level}/after`;
    assertEquals(nodeText(text, 7, 7 + level.length), level);
    assertEquals(nodeText(text, 7, text.length), `${level}/after`);
  }
});
