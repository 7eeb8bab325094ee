/** SubscriptionTrie at 1,000 and 100,000 filters: a third of them literal, a third with +, a third with #, overlapping; and
 * what grows: one kind of filter from 1 to 1,000,000, and the depth of topics. @module */

import { SubscriptionTrie } from "../../src/topic/subscription_trie.ts";

/** `count` different filters, six for each device. */
export function filterSet(count: number): string[] {
  return Array.from({ length: count }, (_, index) => {
    const device = Math.floor(index / 6);
    const [area, site] = [`area${device % 10}`, `site${device % 97}`];
    switch (index % 6) {
      case 0:
        return `${area}/${site}/device${device}/temperature`;
      case 1:
        return `${area}/${site}/device${device}/humidity`;
      case 2:
        return `${area}/+/device${device}/temperature`;
      case 3:
        return `+/${site}/device${device}/+`;
      case 4:
        return `${area}/${site}/device${device}/#`;
      default:
        return `+/+/device${device}/#`;
    }
  });
}

/** Topic Names that five filters of `filterSet(count)` match each. */
export function topicSet(count: number, topics: number): string[] {
  const devices = Math.floor(count / 6);
  return Array.from({ length: topics }, (_, index) => {
    const device = index * 7_919 % devices;
    return `area${device % 10}/site${device % 97}/device${device}/temperature`;
  });
}

function trieOf(filters: string[]): SubscriptionTrie<{ filter: string }> {
  const trie = new SubscriptionTrie<{ filter: string }>();
  for (const filter of filters) trie.insert(filter, { filter });
  return trie;
}

/** @returns one run: each of `topics` names is matched; it returns how many subscriptions that gave. */
export function matchWorkload(filters: number, topics: number): () => number {
  const trie = trieOf(filterSet(filters));
  const names = topicSet(filters, topics);
  let matches = 0;
  const visit = () => void matches++;
  return () => {
    matches = 0;
    for (const name of names) trie.match(name, visit);
    return matches;
  };
}

/** @returns one run: `changes` filters go and come again; it returns how many are there afterwards. */
export function insertRemoveWorkload(filters: number, changes: number): () => number {
  const all = filterSet(filters);
  const values = all.map((filter) => ({ filter }));
  const trie = new SubscriptionTrie<{ filter: string }>();
  for (let index = 0; index < filters; index++) trie.insert(all[index], values[index]);
  return () => {
    for (let change = 0; change < changes; change++) {
      const index = change * 7_919 % filters;
      trie.remove(all[index], values[index]);
      trie.insert(all[index], values[index]);
    }
    return trie.size;
  };
}

/** @returns one run: a/a/a/… is matched against all mixtures of a and + in so many levels. */
export function mixtureWorkload(levels: number): () => number {
  const filters = Array.from(
    { length: 2 ** levels },
    (_, bits) => Array.from({ length: levels }, (_, level) => (bits >> level) & 1 ? "a" : "+").join("/"),
  );
  const trie = trieOf(filters);
  const name = "a/".repeat(levels - 1) + "a";
  let matches = 0;
  return () => {
    matches = 0;
    trie.match(name, () => void matches++);
    return matches;
  };
}

/** One filter of a kind for each device. */
const KINDS = {
  "exact": (device: number) => `area${device % 10}/site${device % 97}/device${device}/temperature`,
  "+": (device: number) => `area${device % 10}/+/device${device}/temperature`,
  "#": (device: number) => `area${device % 10}/site${device % 97}/device${device}/#`,
} as const;
export type FilterKind = keyof typeof KINDS;

function kindTrie(kind: FilterKind, filters: number) {
  const all = Array.from({ length: filters }, (_, device) => KINDS[kind](device));
  const values = all.map((filter) => ({ filter }));
  const trie = new SubscriptionTrie<{ filter: string }>();
  for (let device = 0; device < filters; device++) trie.insert(all[device], values[device]);
  return { trie, all, values };
}

/** @returns one run: each of `topics` names, of devices all over, is matched as a new string, since what costs is a topic
 * that was not met before; it returns how many subscriptions that gave. */
export function matchKindWorkload(kind: FilterKind, filters: number, topics: number): () => number {
  const { trie } = kindTrie(kind, filters);
  const names = Array.from({ length: topics }, (_, index) => KINDS.exact(index * 7_919 % filters));
  let matches = 0;
  const visit = () => void matches++;
  return () => {
    matches = 0;
    for (const name of names) trie.match(` ${name}`.slice(1), visit);
    return matches;
  };
}

/** @returns one run: `changes` filters of one kind go and come again; it returns how many are there afterwards. */
export function changeKindWorkload(kind: FilterKind, filters: number, changes: number): () => number {
  const { trie, all, values } = kindTrie(kind, filters);
  return () => {
    for (let change = 0; change < changes; change++) {
      const device = change * 7_919 % filters;
      trie.remove(all[device], values[device]);
      trie.insert(all[device], values[device]);
    }
    return trie.size;
  };
}

/** @returns one run: `topics` names of so many levels are matched against 1,000 filters, each with a + at some level: at
 * each level the trie forks. It returns how many subscriptions that gave. */
export function depthWorkload(levels: number, topics: number): () => number {
  const level = (depth: number, plusAt: number) => depth === plusAt ? "+" : `level${depth}`;
  const trie = trieOf(Array.from({ length: 1_000 }, (_, index) => {
    return Array.from({ length: levels }, (_, depth) => level(depth, index % levels)).join("/") + `/${index}`;
  }));
  const start = Array.from({ length: levels }, (_, depth) => `level${depth}`).join("/");
  let matches = 0;
  const visit = () => void matches++;
  return () => {
    matches = 0;
    for (let index = 0; index < topics; index++) trie.match(`${start}/${index % 1_000}`, visit);
    return matches;
  };
}

// Built when first run: 100,000 filters would make every other bench wait.
function lazily(make: () => () => number): () => void {
  let run: (() => number) | undefined;
  return () => void (run ??= make())();
}

for (const filters of [1_000, 100_000]) {
  const group = `${filters.toLocaleString("en")} filters`;
  Deno.bench(`match 1,000 topics, ${group}`, lazily(() => matchWorkload(filters, 1_000)));
  Deno.bench(`remove and insert 1,000 filters, ${group}`, lazily(() => insertRemoveWorkload(filters, 1_000)));
}
Deno.bench("match a/a/a/… against 4,096 mixtures of a and +", lazily(() => mixtureWorkload(12)));

for (const kind of Object.keys(KINDS) as FilterKind[]) {
  for (const filters of [1, 1_000, 1_000_000]) {
    const group = `${filters.toLocaleString("en")} filters of the kind ${kind}`;
    Deno.bench(`match 1,000 topics, ${group}`, lazily(() => matchKindWorkload(kind, filters, 1_000)));
    Deno.bench(`remove and insert 1,000 filters, ${group}`, lazily(() => changeKindWorkload(kind, filters, 1_000)));
  }
}
for (const levels of [1, 8, 64]) {
  Deno.bench(`match 100 topics that fork at each of ${levels} levels`, lazily(() => depthWorkload(levels, 100)));
}
