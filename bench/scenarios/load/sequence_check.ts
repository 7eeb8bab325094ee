/** Whether the numbers 0, 1, 2, … that one publisher sent reach its subscriber, each once and in this order. @module */

export class SequenceCheck {
  delivered = 0;
  duplicated = 0;
  /** Came after a later one. */
  disordered = 0;
  #next = 0;
  /** Numbers that were passed over, and have not come since. */
  readonly #missing = new Set<number>();

  /** @returns whether it is the first of this number. */
  take(sequence: number): boolean {
    if (sequence >= this.#next) {
      for (let missing = this.#next; missing < sequence; missing++) this.#missing.add(missing);
      this.#next = sequence + 1;
    } else if (this.#missing.delete(sequence)) {
      this.disordered++;
    } else {
      this.duplicated++;
      return false;
    }
    this.delivered++;
    return true;
  }

  /** @param published how many numbers were sent. */
  lost(published: number): number {
    return published - this.delivered;
  }
}
