/** Bytes that many may take from, and all together not more than a maximum. @module */

export class ByteBudget {
  #used = 0;

  constructor(readonly bytesMax: number) {}

  get used(): number {
    return this.#used;
  }

  hasRoomFor(bytes: number): boolean {
    return this.#used + bytes <= this.bytesMax;
  }

  /** Does not ask whether there is room. */
  take(bytes: number): void {
    this.#used += bytes;
  }

  giveBack(bytes: number): void {
    this.#used -= bytes;
  }
}
