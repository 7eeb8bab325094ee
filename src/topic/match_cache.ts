/** Topic Name → what it led to, as long as no subscription that matches it comes or goes: a bounded cache in front of the
 * trie. When full it makes room without walking everything.
 *
 * What is to go is found by a hand that goes round the entries (CLOCK, Corbató 1968): one that was asked for since it came
 * by stays, the next one that was not goes. So a hit is one look-up and a mark, and nothing is moved; and as many topics
 * as the bound says are held for good.
 *
 * A change of subscriptions empties nothing. An entry remembers up to which change it is right; the next hit on it asks
 * whether one of those since concerns its topic. So Clients that come, subscribe and go cost the topics of others a
 * comparison each.
 *
 * While the topics in use are more than fit, most are neither looked for nor kept (base/cache_gauge.ts). Room: pure.
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
  /** Asked for since the hand came by. */
  isUsed = false;
  /** Its index in the round. */
  place = 0;

  constructor(readonly topicName: string, readonly match: M, readonly weight: number, public version: number) {}
}

export class MatchCache<M> {
  readonly #entries = new Map<string, Entry<M>>();
  /** All of them, as the hand meets them. */
  readonly #round: Entry<M>[] = [];
  #hand = 0;
  #weight = 0;
  readonly #entriesMax: number;
  readonly #weightMax: number;
  readonly #changes: SubscriptionChanges;
  /** The version that was cleared last. */
  #clearedVersion: number;
  readonly #gauge: CacheGauge;

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
    return this.#round.length;
  }

  /** true: it does not pay now to ask for each topic, and `samples` says for which ones to ask, and what to keep. */
  get isMiniature(): boolean {
    return this.#gauge.isMiniature || this.#entriesMax === 0;
  }

  /** @param topicHash equal for equal topics. */
  samples(topicHash: number): boolean {
    return this.#entriesMax > 0 && this.#gauge.samples(topicHash);
  }

  /** @returns undefined when it is not known, or may have changed. */
  get(topicName: string): M | undefined {
    const { version } = this.#changes;
    if (version - this.#clearedVersion > CHANGES_MAX) this.clear();
    const entry = this.#entries.get(topicName);
    if (entry === undefined) return undefined;
    // Read before it is written: most are marked, and what is not written to stays where it is in the processor's cache.
    if (!entry.isUsed) entry.isUsed = true;
    this.#gauge.hit();
    if (entry.version !== version) {
      if (this.#changes.concern(topicName, entry.version)) return undefined;
      entry.version = version;
    }
    return entry.match;
  }

  /** To be called after a `get` that found nothing, before anything changes.
   * @param weight the number of subscribers in `match`, or 1.
   * @returns whether it was kept: what alone exceeds the bounds is not. */
  set(topicName: string, match: M, weight: number): boolean {
    const former = this.#entries.get(topicName);
    if (former !== undefined) this.#remove(former);
    const { divisor } = this.#gauge;
    const entriesMax = this.#entriesMax / divisor;
    const weightMax = this.#weightMax / divisor;
    if (weight > weightMax || entriesMax < 1) return false;
    const isFull = this.#round.length >= entriesMax || this.#weight + weight > weightMax;
    while (this.#round.length >= entriesMax || this.#weight + weight > weightMax) {
      this.#makeRoom();
      if (this.#gauge.lost(1)) {
        this.clear();
        return false;
      }
    }
    const entry = new Entry(topicName, match, weight, this.#changes.version);
    this.#put(entry, this.#round.length);
    // Just behind the hand, which comes to it last.
    if (isFull) {
      this.#put(this.#round[this.#hand], entry.place);
      this.#put(entry, this.#hand++);
    }
    this.#entries.set(topicName, entry);
    this.#weight += weight;
    return true;
  }

  #put(entry: Entry<M>, place: number): void {
    this.#round[place] = entry;
    entry.place = place;
  }

  clear(): void {
    // A Map that is cleared gets new tables, also an empty one.
    if (this.#entries.size > 0) this.#entries.clear();
    this.#round.length = 0;
    this.#hand = 0;
    this.#weight = 0;
    this.#clearedVersion = this.#changes.version;
  }

  /** There is an entry. Each is spared once at most. */
  #makeRoom(): void {
    const round = this.#round;
    for (;; this.#hand++) {
      if (this.#hand >= round.length) this.#hand = 0;
      const entry = round[this.#hand];
      if (!entry.isUsed) return this.#remove(entry);
      entry.isUsed = false;
    }
  }

  /** The last of the round takes its place. */
  #remove(entry: Entry<M>): void {
    const last = this.#round.pop()!;
    if (last !== entry) this.#put(last, entry.place);
    this.#entries.delete(entry.topicName);
    this.#weight -= entry.weight;
  }
}
