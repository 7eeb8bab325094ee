/** A clock that stands still until a test moves it. @module */

import type { Clock } from "../../src/base/clock.ts";

export class FakeClock implements Clock {
  #monotonicMs = 1_000.375; // as of a real one, not whole
  #wallMs = Date.UTC(2026, 0, 1);

  monotonicMs(): number {
    return this.#monotonicMs;
  }

  wallMs(): number {
    return this.#wallMs;
  }

  /** As when somebody sets the clock of the machine. */
  setWall(wallMs: number): void {
    this.#wallMs = wallMs;
  }

  advance(ms: number): void {
    this.#monotonicMs += ms;
    this.#wallMs += ms;
  }
}
