/** A clock that stands still until a test moves it. @module */

import type { Clock } from "../../src/base/clock.ts";

export class FakeClock implements Clock {
  #monotonicMs = 1_000;
  #wallMs = Date.UTC(2026, 0, 1);
  #reads = 0;
  #waiting: { readonly reads: number; readonly resolve: () => void }[] = [];

  monotonicMs(): number {
    this.#reads++;
    if (this.#waiting.length > 0) this.#wake();
    return this.#monotonicMs;
  }

  wallMs(): number {
    return this.#wallMs;
  }

  /** Resolves after somebody has asked for the time so many times more: a server does so once in each turn. */
  read(times: number): Promise<void> {
    return new Promise((resolve) => this.#waiting.push({ reads: this.#reads + times, resolve }));
  }

  #wake(): void {
    const ready = this.#waiting.filter(({ reads }) => reads <= this.#reads);
    this.#waiting = this.#waiting.filter(({ reads }) => reads > this.#reads);
    for (const { resolve } of ready) resolve();
  }

  advance(ms: number): void {
    this.#monotonicMs += ms;
    this.#wallMs += ms;
  }
}
