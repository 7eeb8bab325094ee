/** The time, read once for each turn of the engine. @module */

import type { Clock } from "../base/clock.ts";

export class EngineTime {
  /** Milliseconds that never jump, as of the beginning of the turn. */
  monotonicMs: number;
  /** Milliseconds since 1970-01-01 UTC. The machine's clock is asked for it once: a clock that is set lets nothing expire. */
  wallMs: number;
  #wallOriginMs: number;
  #isRunning = false;

  /** @param endOfTurn calls back after what is under way. @param onEnd the turn is over. */
  constructor(
    readonly clock: Clock,
    readonly endOfTurn: (callback: () => void) => void,
    readonly onEnd: () => void,
  ) {
    this.monotonicMs = clock.monotonicMs();
    this.wallMs = clock.wallMs();
    this.#wallOriginMs = this.wallMs - this.monotonicMs;
  }

  /** The store's time differs from the machine's by so much. */
  addToWall(offsetMs: number): void {
    this.#wallOriginMs += offsetMs;
    this.wallMs += offsetMs;
  }

  /** Called with each event; only the first of a turn does anything. */
  begin(): void {
    if (this.#isRunning) return;
    this.#isRunning = true;
    this.monotonicMs = this.clock.monotonicMs();
    this.wallMs = Math.floor(this.#wallOriginMs + this.monotonicMs);
    this.endOfTurn(this.#end);
  }

  readonly #end = (): void => {
    this.#isRunning = false;
    this.onEnd();
  };
}
