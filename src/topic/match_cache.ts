/** Topic Name → what it led to, as long as no subscription changed: a bounded cache in front of the trie.
 * Empties itself when the version differs; when full it makes room without walking everything.
 *
 * Two generations instead of a list by last use: what is new or was used again is in the young one; when that is half
 * of the bounds, it becomes the old one, and what was old and not asked for since is forgotten all at once. So a hit
 * on something in steady use is one look-up and no bookkeeping.
 *
 * When the topics in use are far more than fit, almost nothing that is kept is asked for again, and keeping it is the
 * larger part of the cost. So while fewer than one in sixteen look-ups hit, only one in eight is kept: enough to notice
 * when that changes. Room: pure. @module */

import { invariant } from "../base/assert.ts";

/** Look-ups after which the share of hits is judged anew, at least. */
const JUDGED_LOOKUPS_MIN = 256;
const HITS_SHARE_MIN = 1 / 16;
/** While thrashing, one in so many is kept. */
const KEPT_SHARE = 8;

interface Entry<M> {
  readonly match: M;
  readonly weight: number;
}

export class MatchCache<M> {
  #young = new Map<string, Entry<M>>();
  #old = new Map<string, Entry<M>>();
  #youngWeight = 0;
  #oldWeight = 0;
  #version = 0;
  readonly #entriesMax: number;
  readonly #weightMax: number;
  /** Since the last judgement. */
  #lookups = 0;
  #hits = 0;
  #thrashing = false;
  /** Not kept since the last that was. */
  #passedOver = 0;

  /** @param entriesMax 0 keeps nothing.
   * @param weightMax the sum of weights that is kept: bounded memory however many subscribers one topic has. */
  constructor(entriesMax: number, weightMax: number) {
    invariant(entriesMax >= 0 && weightMax >= 0, "the bounds of a cache are numbers, not negative");
    this.#entriesMax = entriesMax;
    this.#weightMax = weightMax;
  }

  get size(): number {
    return this.#young.size + this.#old.size;
  }

  /** @returns undefined when not known under this version. */
  get(topicName: string, version: number): M | undefined {
    if (version !== this.#version) this.#renew(version);
    this.#lookups++;
    const entry = this.#young.get(topicName);
    if (entry !== undefined) {
      this.#hits++;
      return entry.match;
    }
    if (this.#old.size === 0) return undefined;
    const older = this.#old.get(topicName);
    if (older === undefined) return undefined;
    this.#hits++;
    this.#old.delete(topicName);
    this.#oldWeight -= older.weight;
    this.#keep(topicName, older);
    return older.match;
  }

  /** What alone exceeds the bounds is not kept.
   * @param weight the number of subscribers in `match`, or 1. */
  set(topicName: string, match: M, version: number, weight: number): void {
    if (version !== this.#version) this.#renew(version);
    this.#forget(topicName);
    if (weight > this.#weightMax || this.#entriesMax < 1 || this.#passesOver()) return;
    this.#keep(topicName, { match, weight });
  }

  clear(): void {
    // A Map that is cleared gets new tables, also an empty one.
    if (this.#young.size > 0) this.#young.clear();
    if (this.#old.size > 0) this.#old.clear();
    this.#youngWeight = 0;
    this.#oldWeight = 0;
  }

  /** Misses under a new version say nothing about the bounds: they are not judged. */
  #renew(version: number): void {
    this.clear();
    this.#version = version;
    this.#lookups = 0;
    this.#hits = 0;
    this.#thrashing = false;
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

  #passesOver(): boolean {
    // Twice the bound, since each topic has to miss once, also where all of them fit.
    if (this.#lookups >= JUDGED_LOOKUPS_MIN && this.#lookups >= 2 * this.#entriesMax) {
      this.#thrashing = this.#hits < this.#lookups * HITS_SHARE_MIN;
      this.#lookups = 0;
      this.#hits = 0;
    }
    if (!this.#thrashing) return false;
    if (++this.#passedOver < KEPT_SHARE) return true;
    this.#passedOver = 0;
    return false;
  }
}
