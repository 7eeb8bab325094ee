/** setTimeout in the test's hand, for the few places at the door that use it. @module */

export class FakeTime {
  readonly #setTimeout = globalThis.setTimeout;
  readonly #clearTimeout = globalThis.clearTimeout;
  readonly #callbacks = new Map<number, { readonly callback: () => void; readonly delayMs: number }>();
  #next = 1;

  constructor() {
    const set = (callback: () => void, delayMs = 0) => {
      this.#callbacks.set(this.#next, { callback, delayMs });
      return this.#next++;
    };
    globalThis.setTimeout = set as unknown as typeof setTimeout;
    globalThis.clearTimeout = ((id?: number) => void this.#callbacks.delete(id ?? 0)) as typeof clearTimeout;
  }

  /** Of what waits, in milliseconds. */
  get delays(): number[] {
    return [...this.#callbacks.values()].map(({ delayMs }) => delayMs);
  }

  /** All that waits is due. */
  ring(): void {
    const due = [...this.#callbacks.values()];
    this.#callbacks.clear();
    for (const { callback } of due) callback();
  }

  [Symbol.dispose](): void {
    globalThis.setTimeout = this.#setTimeout;
    globalThis.clearTimeout = this.#clearTimeout;
  }
}
