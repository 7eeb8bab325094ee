/** Whether a cache is worth asking. When what is asked for is more than fits, what is kept is mostly pushed out before it is
 * asked for again, and keeping it, or only looking for it, costs more than to make it anew. Then the cache is run in
 * miniature: for one in 64 things, chosen by a hash, and with one 64th of the room. What happens to those is what
 * would happen to all ("miniature simulation", Waldspurger et al., USENIX ATC 2017), so the cache comes back when it
 * pays, and not before. Room: pure. @module */

/** A cache that does not pay any more pays again from so many times as many hits on: so it does not go to and fro. */
const HITS_AGAIN = 1.5;
/** In miniature one in 2⁶ things is looked for, if the miniature holds enough of them to say something. */
const SAMPLE_BITS_MAX = 6;
const MINIATURE_ENTRIES_MIN = 64;
/** Of a miniature is judged after so many times as many look-ups as the whole cache has room: while it fills it says nothing. */
const MINIATURE_ROUNDS = 4;

export class CacheGauge {
  readonly #entriesMax: number;
  readonly #hitsMin: number;
  readonly #sampleBits: number;
  #hits = 0;
  /** Pushed out to make room. While nothing is, misses say nothing: each thing has to miss once. */
  #lost = 0;
  #isMiniature = false;
  /** Look-ups until the miniature is judged, those that are not made included. */
  #judgedIn = 0;

  /** @param entriesMax how many the cache holds.
   * @param hitsMin what a miss costs against what a hit spares: below so many hits for each thing that is pushed out it does
   * not pay. */
  constructor(entriesMax: number, hitsMin = 0.5) {
    this.#entriesMax = entriesMax;
    this.#hitsMin = hitsMin;
    const bits = Math.floor(Math.log2(Math.max(entriesMax, 1) / MINIATURE_ENTRIES_MIN));
    this.#sampleBits = Math.min(Math.max(bits, 0), SAMPLE_BITS_MAX);
  }

  /** true: only what `samples` chooses is to be looked for and kept. */
  get isMiniature(): boolean {
    return this.#isMiniature;
  }

  /** By how much the room is to be divided. */
  get divisor(): number {
    return this.#isMiniature ? 1 << this.#sampleBits : 1;
  }

  /** To be asked before each look-up in miniature. @param hash of the thing: its lower bits decide. */
  samples(hash: number): boolean {
    if (--this.#judgedIn <= 0) this.#judgeMiniature();
    return (hash & ((1 << this.#sampleBits) - 1)) === 0;
  }

  hit(): void {
    this.#hits++;
  }

  /** @param count of things that were pushed out. @returns true: the cache is a miniature from now on. */
  lost(count: number): boolean {
    this.#lost += count;
    if (this.#isMiniature || this.#hits + this.#lost < this.#entriesMax) return false;
    this.#begin(this.#hits < this.#lost * this.#hitsMin);
    return this.#isMiniature;
  }

  /** Where nothing was pushed out, topics have become few: then it pays again, even if none of them was chosen. */
  #judgeMiniature(): void {
    this.#begin(this.#hits < this.#lost * this.#hitsMin * HITS_AGAIN);
  }

  #begin(isMiniature: boolean): void {
    this.#isMiniature = isMiniature;
    this.#judgedIn = this.#entriesMax * MINIATURE_ROUNDS;
    this.#hits = 0;
    this.#lost = 0;
  }
}
