/** The time that deadlines are told in: it goes on evenly, whatever becomes of the machine's clock.
 *
 * While a broker runs, its time is the machine's clock at the start plus what a clock that never jumps has counted since.
 * Each batch notes it beside what the machine's clock says at that moment. At the next start, the machine's clock tells
 * how long nobody was there: the difference to its own note. A clock that has been set back since then, or that was set
 * while the broker ran (a small computer that begins in 1970 until the network tells it better), makes nothing expire
 * and revives nothing. Room: pure. @module */

import type { Clock } from "../base/clock.ts";

/** Two readings of the same instant, in milliseconds. */
export interface ClockMark {
  readonly storeMs: number;
  readonly machineMs: number;
}

/** Smaller differences are how well two clocks agree. */
const TOLERANCE_MS = 1000;

/** Milliseconds to add to the machine's clock for the store's time.
 * @param mark the last one of the broker before; undefined = there was none. */
export function offsetAfter(mark: ClockMark | undefined, machineMs: number): number {
  if (mark === undefined) return 0;
  const awayMs = Math.max(0, machineMs - mark.machineMs);
  const offsetMs = mark.storeMs + awayMs - machineMs;
  return Math.abs(offsetMs) < TOLERANCE_MS ? 0 : offsetMs;
}

export class StoreTime {
  /** Added to the machine's clock as it was at the start. */
  readonly offsetMs: number;
  readonly #originMs: number;
  #lastDifferenceMs: number;

  constructor(readonly clock: Clock, mark: ClockMark | undefined) {
    const machineMs = clock.wallMs();
    this.offsetMs = offsetAfter(mark, machineMs);
    this.#originMs = machineMs - clock.monotonicMs() + this.offsetMs;
    this.#lastDifferenceMs = this.offsetMs;
  }

  /** To be written with the next batch. */
  mark(): ClockMark {
    const mark = this.#read();
    this.#lastDifferenceMs = mark.storeMs - mark.machineMs;
    return mark;
  }

  /** The machine's clock was set since the last mark: one should be written although nothing else is. */
  get hasJumped(): boolean {
    const { storeMs, machineMs } = this.#read();
    return Math.abs(storeMs - machineMs - this.#lastDifferenceMs) >= TOLERANCE_MS;
  }

  #read(): ClockMark {
    return {
      storeMs: Math.floor(this.#originMs + this.clock.monotonicMs()),
      machineMs: Math.floor(this.clock.wallMs()),
    };
  }
}
