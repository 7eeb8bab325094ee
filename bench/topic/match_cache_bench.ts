/** MatchCache: all hits, and nothing but misses. @module */

import { MatchCache } from "../../src/topic/match_cache.ts";
import { SubscriptionTrie } from "../../src/topic/subscription_trie.ts";
import { filterSet, topicSet } from "./subscription_trie_bench.ts";

/** @returns one run: each of `topics` names is looked up and known; it returns how many hits that were. */
export function matchCacheHitWorkload(topics: number): () => number {
  const cache = new MatchCache<number>(topics * 2, topics * 2);
  const names = topicSet(100_000, topics);
  for (const name of names) cache.set(name, 1, 0, 1);
  return () => {
    let hits = 0;
    for (const name of names) hits += cache.get(name, 0) ?? 0;
    return hits;
  };
}

/** @returns one run: `topics` names in turn through a cache of `entriesMax`, far too small for them, each looked up,
 * matched and kept as the dispatcher does it; it returns how many misses that were. */
export function matchCacheThrashWorkload(topics: number, entriesMax: number): () => number {
  return missWorkload(topics, new MatchCache<object[]>(entriesMax, entriesMax * 10));
}

/** The same without a cache. */
export function noCacheWorkload(topics: number): () => number {
  return missWorkload(topics, undefined);
}

function missWorkload(topics: number, cache: MatchCache<object[]> | undefined): () => number {
  const filters = 10_000;
  const trie = new SubscriptionTrie<object>();
  for (const filter of filterSet(filters)) trie.insert(filter, { filter });
  const names = Array.from({ length: topics }, (_, index) => `${topicSet(filters, 1)[0]}/${index}`);
  return () => {
    let misses = 0;
    for (const name of names) {
      if (cache?.get(name, 0) !== undefined) continue;
      misses++;
      const match: object[] = [];
      trie.match(name, (value) => match.push(value));
      cache?.set(name, match, 0, match.length || 1);
    }
    return misses;
  };
}

const hits = matchCacheHitWorkload(10_000);
Deno.bench("10,000 hits", () => void hits());
const group = "100,000 topics in turn, 10,000 fit";
const thrash = matchCacheThrashWorkload(100_000, 10_000);
const none = noCacheWorkload(100_000);
Deno.bench("no cache", { group, baseline: true }, () => void none());
Deno.bench("a cache that thrashes", { group }, () => void thrash());
