/** Whether a cache is worth asking. When what is asked for is far more than fits, almost nothing that is kept is asked for
 * again, and keeping it, or only looking for it, costs more than to make it anew. So while fewer than one in sixteen
 * look-ups hit, only about one in sixteen is made: enough to notice when that changes. Room: pure. @module */

const HITS_SHARE_MIN = 1 / 16;
/** While thrashing, 2⁻⁴ of the look-ups are made. */
const TRIED_BITS = 4;
/** Fewer say nothing. */
const LOOKUPS_MIN = 256;

export class CacheGauge {
  readonly #entriesMax: number;
  /** Look-ups at which the share of hits is judged. */
  #judgedAt: number;
  /** Since the last judgement. */
  #lookups = 0;
  #hits = 0;
  #isThrashing = false;
  /** Which look-ups are made while thrashing. A regular choice could be of the same things each time. */
  #chance = 1;

  /** @param entriesMax how many the cache holds. */
  constructor(entriesMax: number) {
    this.#entriesMax = entriesMax;
    this.#judgedAt = Math.max(entriesMax * 2, LOOKUPS_MIN);
  }

  /** To be asked before each look-up; `false`: it is not to be made, and what is made instead not kept. */
  looks(): boolean {
    if (this.#isThrashing) {
      // A linear congruential generator (Numerical Recipes); its upper bits are the better ones.
      this.#chance = (Math.imul(this.#chance, 1664525) + 1013904223) | 0;
      if (this.#chance >>> (32 - TRIED_BITS) !== 0) return false;
    }
    if (++this.#lookups >= this.#judgedAt) this.#judge();
    return true;
  }

  hit(): void {
    this.#hits++;
  }

  #judge(): void {
    this.#isThrashing = this.#hits < this.#lookups * HITS_SHARE_MIN;
    this.#lookups = 0;
    this.#hits = 0;
    // Twice as many as fit, since each has to miss once, also where all of them fit. While thrashing, fewer: where all of
    // them fit, the cache fills slowly, and hits become more as it does.
    this.#judgedAt = this.#isThrashing
      ? Math.max(this.#entriesMax >>> 4, LOOKUPS_MIN >>> 2)
      : Math.max(this.#entriesMax * 2, LOOKUPS_MIN);
  }
}
