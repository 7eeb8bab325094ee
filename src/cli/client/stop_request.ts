/** Ctrl+C and its like: the first one asks, so that DISCONNECT can be sent; the second one ends the program as always.
 * @module */

import { STOP_SIGNALS } from "../platform.ts";

export class StopRequest implements Disposable {
  readonly #controller = new AbortController();
  readonly #listener = () => this.stop();

  constructor() {
    for (const signal of STOP_SIGNALS) Deno.addSignalListener(signal, this.#listener);
  }

  /** Aborted when somebody asked. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  stop(): void {
    this[Symbol.dispose]();
    this.#controller.abort();
  }

  /** Resolves when somebody asks. */
  get asked(): Promise<void> {
    if (this.signal.aborted) return Promise.resolve();
    return new Promise((resolve) => this.signal.addEventListener("abort", () => resolve(), { once: true }));
  }

  [Symbol.dispose](): void {
    for (const signal of STOP_SIGNALS) Deno.removeSignalListener(signal, this.#listener);
  }
}
