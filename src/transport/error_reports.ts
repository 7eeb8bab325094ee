/** Errors that can come by the thousand, told at most once a second. Room: pure; the clock is given. @module */

const INTERVAL_MS = 1000;

export class ErrorReports {
  #lastMs = -Infinity;
  #untold = 0;

  constructor(readonly monotonicMs: () => number = () => performance.now()) {}

  /** Tells `onError`, or counts it for the next time. */
  add(error: Error, onError: (error: unknown) => void): void {
    const nowMs = this.monotonicMs();
    if (nowMs - this.#lastMs < INTERVAL_MS) {
      this.#untold++;
      return;
    }
    this.#lastMs = nowMs;
    const untold = this.#untold;
    this.#untold = 0;
    if (untold === 0) return onError(error);
    onError(new Error(`${error.message} (and ${untold} more since the last report)`, { cause: error }));
  }
}
