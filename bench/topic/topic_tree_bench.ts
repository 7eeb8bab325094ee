/** TopicTree with 100,000 retained topics. @module */

import { TopicTree } from "../../src/topic/topic_tree.ts";

/** `count` different names: ten sensors a device, a hundred devices a site. */
export function nameSet(count: number): string[] {
  return Array.from(
    { length: count },
    (_, index) => `site${Math.floor(index / 1_000)}/device${Math.floor(index / 10) % 100}/sensor${index % 10}`,
  );
}

function treeOf(names: string[]): TopicTree<object> {
  const tree = new TopicTree<object>();
  for (const name of names) tree.set(name, { name });
  return tree;
}

/** @returns one run: all that matches `filter` among `count` names; it returns how many those are. */
export function retainedMatchWorkload(count: number, filter: string): () => number {
  const tree = treeOf(nameSet(count));
  return () => {
    let matches = 0;
    tree.match(filter).advance(Infinity, () => void matches++);
    return matches;
  };
}

/** @returns one run: a tree of `count` names that come in another order is built; it returns its size. */
export function retainedSetWorkload(count: number): () => number {
  const names = nameSet(count);
  return () => {
    const tree = new TopicTree<object>();
    for (let index = 0; index < count; index++) tree.set(names[index * 7_919 % count], names);
    return tree.size;
  };
}

/** @returns one run: each of `count` names that are there gets a new value. */
export function retainedResetWorkload(count: number): () => number {
  const names = nameSet(count);
  const tree = treeOf(names);
  return () => {
    for (const name of names) tree.set(name, names);
    return tree.size;
  };
}

const count = 100_000;
for (const filter of ["#", "site5/#", "+/device7/sensor3", "+/+/sensor3", "+/+/none", "site5/device5/sensor5"]) {
  const run = retainedMatchWorkload(count, filter);
  Deno.bench(`${filter} among 100,000`, () => void run());
}
const set = retainedSetWorkload(count);
Deno.bench("set 100,000 new names", () => void set());
const reset = retainedResetWorkload(count);
Deno.bench("set 100,000 names again", () => void reset());
