/** MatchCache: all hits, nothing but misses, and subscriptions that come and go. @module */

import { MatchCache, type PlacedTopic } from "../../src/topic/match_cache.ts";
import { Matches } from "../../src/topic/matches.ts";
import { SubscriptionTrie } from "../../src/topic/subscription_trie.ts";
import { filterSet, topicSet } from "./subscription_trie_bench.ts";

function placedTopics(names: readonly string[]): PlacedTopic[] {
  return names.map((name, place) => ({ name, place }));
}

/** @returns one run: each of `topics` names is looked up and known; it returns how many hits that were. */
export function matchCacheHitWorkload(topics: number): () => number {
  const cache = new MatchCache<number>(topics, topics * 2, topics * 2, new SubscriptionTrie());
  const placed = placedTopics(topicSet(100_000, topics));
  for (const topic of placed) cache.set(topic, 1, 1);
  return () => {
    let hits = 0;
    for (const topic of placed) hits += cache.get(topic) ?? 0;
    return hits;
  };
}

/** @returns one run: `topics` names in turn through a cache of `entriesMax`, far too small for them, each looked up,
 * matched, and kept if there is room; it returns how many misses that were. */
export function matchCacheThrashWorkload(topics: number, entriesMax: number): () => number {
  return missWorkload(topics, entriesMax);
}

/** The same without a cache. */
export function noCacheWorkload(topics: number): () => number {
  return missWorkload(topics, 0);
}

function missWorkload(topics: number, entriesMax: number): () => number {
  const filters = 10_000;
  const trie = new SubscriptionTrie<object>();
  for (const filter of filterSet(filters)) trie.insert(filter, { filter });
  const cache = new MatchCache<object[]>(topics, entriesMax, entriesMax * 10, trie);
  const matches = new Matches<object>();
  const names = Array.from({ length: topics }, (_, index) => `${topicSet(filters, 1)[0]}/${index}`);
  const placed = placedTopics(names);
  return () => {
    let misses = 0;
    for (const topic of placed) {
      if (cache.get(topic) !== undefined) continue;
      misses++;
      trie.collect(topic.name, matches);
      const match = matches.toArray();
      matches.clear();
      cache.set(topic, match, match.length || 1);
    }
    return misses;
  };
}

/** @returns one run: while `topics` names are looked up in turn, a filter that matches none of them comes or goes before
 * each `lookups`th; it returns how many hits that were. */
export function matchCacheChurnWorkload(topics: number, lookups: number): () => number {
  const trie = new SubscriptionTrie<object>();
  const filters = filterSet(10_000);
  for (const filter of filters) trie.insert(filter, { filter });
  const cache = new MatchCache<object[]>(topics, topics * 2, topics * 20, trie);
  const matches = new Matches<object>();
  const placed = placedTopics(topicSet(filters.length, topics));
  const guest = {};
  return () => {
    let hits = 0;
    for (let index = 0; index < placed.length; index++) {
      const filter = `guest/${index}/#`;
      if (index % lookups === 0 && !trie.insert(filter, guest)) trie.remove(filter, guest);
      if (cache.get(placed[index]) !== undefined) {
        hits++;
        continue;
      }
      trie.collect(placed[index].name, matches);
      cache.set(placed[index], matches.toArray(), 1);
      matches.clear();
    }
    return hits;
  };
}

const hits = matchCacheHitWorkload(10_000);
Deno.bench("10,000 hits", () => void hits());
const group = "100,000 topics in turn, 10,000 fit";
const thrash = matchCacheThrashWorkload(100_000, 10_000);
const none = noCacheWorkload(100_000);
Deno.bench("no cache", { group, baseline: true }, () => void none());
Deno.bench("a cache that thrashes", { group }, () => void thrash());

const churn = matchCacheChurnWorkload(1_000, 100);
Deno.bench("1,000 topics, a filter comes or goes every 100 look-ups", () => void churn());
