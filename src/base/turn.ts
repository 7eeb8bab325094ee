/** One turn of the broker or of the client: everything that happens before the event loop goes on. The time is read once, at its
 * first event; at its end the store may hand over what was gathered. @module */

import type { Clock } from "./clock.ts";

/** How it gets called back: given to it, so that a simulation decides the order. */
export interface Scheduler {
  /** After what is under way now, before the event loop waits: `queueMicrotask`. */
  endOfTurn(callback: () => void): void;
}

export class Turn {
  /** Milliseconds that never jump, as of the beginning of the turn. */
  monotonicMs: number;
  /** Milliseconds since 1970-01-01 UTC, as of the beginning of the turn. The machine's clock is asked for it once, at the
   * start, and the store may know better (`addToWall`); from then on it goes on with the other one. So a clock that is
   * set, or jumps, ends no session and lets no message expire while the broker runs. */
  wallMs: number;
  #wallOriginMs: number;
  #isRunning = false;

  constructor(readonly clock: Clock, readonly scheduler: Scheduler, readonly onEnd: () => void) {
    this.monotonicMs = clock.monotonicMs();
    this.wallMs = clock.wallMs();
    this.#wallOriginMs = this.wallMs - this.monotonicMs;
  }

  /** The store has told by how much its time differs from the machine's: from now on `wallMs` is the store's. */
  addToWall(offsetMs: number): void {
    this.#wallOriginMs += offsetMs;
    this.wallMs += offsetMs;
  }

  /** Called with each event; only the first of a turn does anything. */
  begin(): void {
    if (this.#isRunning) return;
    this.#isRunning = true;
    this.monotonicMs = this.clock.monotonicMs();
    // Whole: a fraction would turn the largest Message Expiry Interval into one second more than its four bytes hold.
    this.wallMs = Math.floor(this.#wallOriginMs + this.monotonicMs);
    this.scheduler.endOfTurn(this.#end);
  }

  readonly #end = (): void => {
    this.#isRunning = false;
    this.onEnd();
  };
}
