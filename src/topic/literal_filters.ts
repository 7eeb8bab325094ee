/** Topic Filters without wildcards, by their text: found by the code units of a Topic Name where they stand, with no string made of
 * it. Open addressing, at most half full, neighbours move up when one goes. The hashes stand apart: what is not there, which is
 * most, is known without a look at a filter. Room: pure. @module */

import { levelHash } from "./level_hash.ts";
import type { TopicLevels } from "./topic_levels.ts";

/** A power of two. */
const SLOTS_MIN = 8;

export class LiteralFilter<T> {
  /** 0 is none's. */
  readonly hash: number;

  constructor(readonly text: string, public values: T) {
    this.hash = wholeHash(text);
  }
}

export class LiteralFilters<T> {
  #hashes = new Int32Array(SLOTS_MIN);
  #filters: (LiteralFilter<T> | undefined)[] = new Array(SLOTS_MIN).fill(undefined);
  #mask = SLOTS_MIN - 1;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get(text: string): LiteralFilter<T> | undefined {
    const hash = wholeHash(text);
    for (let slot = hash & this.#mask; this.#hashes[slot] !== 0; slot = (slot + 1) & this.#mask) {
      const filter = this.#filters[slot]!;
      if (this.#hashes[slot] === hash && filter.text === text) return filter;
    }
  }

  /** The filter that is just this Topic Name. */
  find(topic: TopicLevels): LiteralFilter<T> | undefined {
    const hash = topic.wholeHash;
    const hashes = this.#hashes;
    const mask = this.#mask;
    for (let slot = hash & mask; hashes[slot] !== 0; slot = (slot + 1) & mask) {
      if (hashes[slot] !== hash) continue;
      const filter = this.#filters[slot]!;
      if (isText(filter.text, topic)) return filter;
    }
  }

  /** There is none with this text. */
  add(text: string, values: T): void {
    if (++this.#size * 2 > this.#filters.length) this.#resize(this.#filters.length * 2);
    this.#put(new LiteralFilter(text, values));
  }

  /** It is one of these. */
  remove(filter: LiteralFilter<T>): void {
    const hashes = this.#hashes;
    const filters = this.#filters;
    const mask = this.#mask;
    let hole = filter.hash & mask;
    while (filters[hole] !== filter) hole = (hole + 1) & mask;
    for (let slot = (hole + 1) & mask; hashes[slot] !== 0; slot = (slot + 1) & mask) {
      // It may move up to the hole unless that is before the place that its hash asks for.
      if (((slot - hashes[slot]) & mask) < ((slot - hole) & mask)) continue;
      hashes[hole] = hashes[slot];
      filters[hole] = filters[slot];
      hole = slot;
    }
    hashes[hole] = 0;
    filters[hole] = undefined;
    this.#size--;
    if (filters.length > SLOTS_MIN && this.#size * 8 < filters.length) this.#resize(filters.length / 4);
  }

  #put(filter: LiteralFilter<T>): void {
    let slot = filter.hash & this.#mask;
    while (this.#hashes[slot] !== 0) slot = (slot + 1) & this.#mask;
    this.#hashes[slot] = filter.hash;
    this.#filters[slot] = filter;
  }

  #resize(length: number): void {
    const former = this.#filters;
    const slots = Math.max(length, SLOTS_MIN);
    this.#hashes = new Int32Array(slots);
    this.#filters = new Array(slots).fill(undefined);
    this.#mask = slots - 1;
    for (const filter of former) if (filter !== undefined) this.#put(filter);
  }
}

function wholeHash(text: string): number {
  return levelHash(text, 0, text.length);
}

function isText(text: string, { units, length }: TopicLevels): boolean {
  if (text.length !== length) return false;
  for (let at = 0; at < length; at++) if (text.charCodeAt(at) !== units[at]) return false;
  return true;
}
