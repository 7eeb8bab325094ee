/** Topic Name → what it led to, as long as no subscription that matches it comes or goes: a bounded cache in front of the
 * trie. When full it makes room without walking everything.
 *
 * Two generations instead of a list by last use: what is new or was used again is in the young one; when that is half
 * of the bounds, it becomes the old one, and what was old and not asked for since is forgotten all at once. So a hit
 * on something in steady use is one look-up and no bookkeeping.
 *
 * A change of subscriptions empties nothing. An entry remembers up to which change it is right; the next hit on it asks
 * whether one of those since concerns its topic. So Clients that come, subscribe and go cost the topics of others a
 * comparison each.
 *
 * While the topics in use are far more than fit, most are neither looked for nor kept (base/cache_gauge.ts). Room: pure.
 * @module */

import { invariant } from "../base/assert.ts";
import { CacheGauge } from "../base/cache_gauge.ts";

/** Changes after which all is forgotten: what has ended is not kept alive for long by topics that nobody publishes to. */
const CHANGES_MAX = 1024;

/** What entries may become wrong by. */
export interface SubscriptionChanges {
  /** Grows by one with each change. */
  readonly version: number;
  /** Whether one of the changes after version `since` may concern the topic. */
  concern(topicName: string, since: number): boolean;
}

/** A class and not a literal: what V8 learns of a literal (all of them live long) it applies to what is put into it, so
 * also matches that are not kept would be made in the old generation, and stay until a major collection. */
class Entry<M> {
  constructor(readonly match: M, readonly weight: number, public version: number) {}
}

export class MatchCache<M> {
  #young = new Map<string, Entry<M>>();
  #old = new Map<string, Entry<M>>();
  #youngWeight = 0;
  #oldWeight = 0;
  readonly #entriesMax: number;
  readonly #weightMax: number;
  readonly #changes: SubscriptionChanges;
  /** The version that was cleared last. */
  #clearedVersion: number;
  readonly #gauge: CacheGauge;
  /** Whether the last `get` looked. */
  #looked = true;

  /** @param entriesMax 0 keeps nothing.
   * @param weightMax the sum of weights that is kept: bounded memory however many subscribers one topic has. */
  constructor(entriesMax: number, weightMax: number, changes: SubscriptionChanges) {
    invariant(entriesMax >= 0 && weightMax >= 0, "the bounds of a cache are numbers, not negative");
    this.#entriesMax = entriesMax;
    this.#weightMax = weightMax;
    this.#changes = changes;
    this.#clearedVersion = changes.version;
    this.#gauge = new CacheGauge(entriesMax);
  }

  get size(): number {
    return this.#young.size + this.#old.size;
  }

  /** @returns undefined when it is not known, or may have changed. */
  get(topicName: string): M | undefined {
    this.#looked = this.#gauge.looks();
    if (!this.#looked) return undefined;
    const { version } = this.#changes;
    if (version - this.#clearedVersion > CHANGES_MAX) this.clear();
    let entry = this.#young.get(topicName);
    if (entry === undefined) {
      if (this.#old.size === 0) return undefined;
      entry = this.#old.get(topicName);
      if (entry === undefined) return undefined;
      this.#old.delete(topicName);
      this.#oldWeight -= entry.weight;
      this.#keep(topicName, entry);
    }
    this.#gauge.hit();
    if (entry.version !== version) {
      if (this.#changes.concern(topicName, entry.version)) return undefined;
      entry.version = version;
    }
    return entry.match;
  }

  /** To be called after a `get` that found nothing, before anything changes.
   * @param weight the number of subscribers in `match`, or 1.
   * @returns whether it was kept: what alone exceeds the bounds is not, nor most while the cache thrashes. */
  set(topicName: string, match: M, weight: number): boolean {
    if (!this.#looked) return false;
    this.#forget(topicName);
    if (weight > this.#weightMax || this.#entriesMax < 1) return false;
    this.#keep(topicName, new Entry(match, weight, this.#changes.version));
    return true;
  }

  clear(): void {
    // A Map that is cleared gets new tables, also an empty one.
    if (this.#young.size > 0) this.#young.clear();
    if (this.#old.size > 0) this.#old.clear();
    this.#youngWeight = 0;
    this.#oldWeight = 0;
    this.#clearedVersion = this.#changes.version;
  }

  #forget(topicName: string): void {
    const entry = this.#young.get(topicName);
    if (entry !== undefined) {
      this.#young.delete(topicName);
      this.#youngWeight -= entry.weight;
    } else if (this.#old.size > 0) {
      const older = this.#old.get(topicName);
      if (older === undefined) return;
      this.#old.delete(topicName);
      this.#oldWeight -= older.weight;
    }
  }

  #keep(topicName: string, entry: Entry<M>): void {
    const { weight } = entry;
    const isHalfFull = this.#young.size * 2 >= this.#entriesMax || (this.#youngWeight + weight) * 2 > this.#weightMax;
    if (isHalfFull && this.#young.size > 0) {
      this.#old = this.#young;
      this.#oldWeight = this.#youngWeight;
      this.#young = new Map();
      this.#youngWeight = 0;
    }
    // One heavy entry, or a bound of one entry, leaves no room for an old half.
    if (this.size >= this.#entriesMax || this.#oldWeight + this.#youngWeight + weight > this.#weightMax) {
      this.#old = new Map();
      this.#oldWeight = 0;
    }
    this.#young.set(topicName, entry);
    this.#youngWeight += weight;
  }
}
