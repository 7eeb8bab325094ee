/** Topic → what it led to, as long as no subscription that matches it comes or goes: a bounded cache in front of the trie.
 * Topics that are known have places (packet/known_topics.ts); what is kept of one lies at its place here. So there is
 * nothing to look up, and a topic that is not among the known ones costs nothing.
 *
 * What does not fit is not kept, and a hand goes round the places (CLOCK, Corbató 1968), one at a time: what was not asked
 * for since it came by goes. So what is in use stays, also while more is in use than fits.
 *
 * A change of subscriptions empties nothing. An entry remembers up to which change it is right; the next hit on it asks
 * whether one of those since concerns its topic. So Clients that come, subscribe and go cost the topics of others a
 * comparison each. Room: pure. @module */

import { invariant } from "../base/assert.ts";

/** Changes after which all is forgotten: what has ended is not kept alive for long by topics that nobody publishes to. */
const CHANGES_MAX = 1024;

/** What entries may become wrong by. */
export interface SubscriptionChanges {
  /** Grows by one with each change. */
  readonly version: number;
  /** Whether one of the changes after version `since` may concern the topic. */
  concern(topicName: string, since: number): boolean;
}

/** A topic that has a place, until another one takes it. */
export interface PlacedTopic {
  readonly name: string;
  readonly place: number;
}

/** A class and not a literal: what V8 learns of a literal (all of them live long) it applies to what is put into it, so
 * also matches that are not kept would be made in the old generation, and stay until a major collection. */
class Entry<M> {
  /** Asked for since the hand came by. */
  isUsed = false;

  constructor(readonly topic: PlacedTopic, readonly match: M, readonly weight: number, public version: number) {}
}

export class MatchCache<M> {
  /** By place; none at first, as many programs hold a broker that is never used. */
  #entries: (Entry<M> | undefined)[] = [];
  #size = 0;
  #hand = 0;
  #weight = 0;
  readonly #places: number;
  readonly #entriesMax: number;
  readonly #weightMax: number;
  readonly #changes: SubscriptionChanges;
  /** The version that was cleared last. */
  #clearedVersion: number;

  /** @param places there are for topics.
   * @param entriesMax 0 keeps nothing.
   * @param weightMax the sum of weights that is kept: bounded memory however many subscribers one topic has. */
  constructor(places: number, entriesMax: number, weightMax: number, changes: SubscriptionChanges) {
    invariant(entriesMax >= 0 && weightMax >= 0, "the bounds of a cache are numbers, not negative");
    this.#places = places;
    this.#entriesMax = entriesMax;
    this.#weightMax = weightMax;
    this.#changes = changes;
    this.#clearedVersion = changes.version;
  }

  get size(): number {
    return this.#size;
  }

  /** @returns undefined when it is not known, or may have changed. */
  get(topic: PlacedTopic): M | undefined {
    const { version } = this.#changes;
    if (version - this.#clearedVersion > CHANGES_MAX) this.clear();
    const entry = this.#entries[topic.place];
    if (entry === undefined || entry.topic !== topic) return undefined;
    // Read before it is written: most are marked, and what is not written to stays where it is in the processor's cache.
    if (!entry.isUsed) entry.isUsed = true;
    if (entry.version !== version) {
      if (this.#changes.concern(topic.name, entry.version)) return undefined;
      entry.version = version;
    }
    return entry.match;
  }

  /** To be called after a `get` that found nothing, before anything changes.
   * @param weight the number of subscribers in `match`, or 1.
   * @returns whether it is kept: if not, there was no room, and some is made for another time. */
  set(topic: PlacedTopic, match: M, weight: number): boolean {
    this.#remove(topic.place);
    if (this.#size >= this.#entriesMax || this.#weight + weight > this.#weightMax) {
      // No room is enough for what alone exceeds the bound.
      if (weight <= this.#weightMax) this.#makeRoom();
      return false;
    }
    if (this.#entries.length === 0) this.#entries = new Array(this.#places).fill(undefined);
    this.#entries[topic.place] = new Entry(topic, match, weight, this.#changes.version);
    this.#size++;
    this.#weight += weight;
    return true;
  }

  clear(): void {
    if (this.#size > 0) this.#entries.fill(undefined);
    this.#size = 0;
    this.#weight = 0;
    this.#clearedVersion = this.#changes.version;
  }

  #makeRoom(): void {
    const place = this.#hand;
    this.#hand = place + 1 < this.#places ? place + 1 : 0;
    const entry = this.#entries[place];
    if (entry === undefined) return;
    if (entry.isUsed) entry.isUsed = false;
    else this.#remove(place);
  }

  #remove(place: number): void {
    const entry = this.#entries[place];
    if (entry === undefined) return;
    this.#entries[place] = undefined;
    this.#size--;
    this.#weight -= entry.weight;
  }
}
