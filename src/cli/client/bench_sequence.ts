/** Whether the numbers 0, 1, 2, … that one publisher sent reach one subscriber, each once. Numbers that come in order cost
 * one comparison; what was passed over is kept as ranges, and no more of them than a bound. Room: pure. @module */

/** Ranges of missing numbers that may be waited for; the oldest beyond is lost for good. */
const GAPS_MAX = 4096;

interface Gap {
  /** The first missing one, and the one behind the last. */
  first: number;
  end: number;
}

export class SequenceCheck {
  /** Numbers that came, each counted once. */
  received = 0;
  duplicated = 0;
  /** Came after a later one, for the first time. */
  disordered = 0;
  #next = 0;
  /** In order. */
  readonly #gaps: Gap[] = [];
  /** Below this number nobody knows any more whether it came before. */
  #forgottenBelow = 0;

  /** @returns whether it came for the first time. */
  take(sequence: number): boolean {
    if (sequence === this.#next) {
      this.#next++;
      this.received++;
      return true;
    }
    if (sequence > this.#next) {
      this.#gaps.push({ first: this.#next, end: sequence });
      if (this.#gaps.length > GAPS_MAX) this.#forgottenBelow = this.#gaps.shift()!.end;
      this.#next = sequence + 1;
      this.received++;
      return true;
    }
    if (sequence < this.#forgottenBelow || !this.#close(sequence)) {
      this.duplicated++;
      return false;
    }
    this.disordered++;
    this.received++;
    return true;
  }

  /** @param sent how many numbers there were. */
  lost(sent: number): number {
    return sent - this.received;
  }

  /** Takes one number out of the gaps. @returns whether it was in one. */
  #close(sequence: number): boolean {
    const at = this.#gaps.findLastIndex(({ first }) => first <= sequence);
    const gap = this.#gaps[at];
    if (gap === undefined || sequence >= gap.end) return false;
    const { end } = gap;
    if (gap.first === sequence) gap.first++;
    else gap.end = sequence;
    if (sequence + 1 < end && gap.end === sequence) this.#gaps.splice(at + 1, 0, { first: sequence + 1, end });
    else if (gap.first === gap.end) this.#gaps.splice(at, 1);
    return true;
  }
}
