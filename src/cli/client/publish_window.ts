/** So many publishes at a time: the next one begins when one of them has ended. Room: pure. @module */

export class PublishWindow {
  readonly #running = new Set<Promise<void>>();
  #failure: { readonly error: unknown } | undefined;

  constructor(readonly max: number) {}

  /** Resolves when one more may begin. @throws what the first of them failed with. */
  async add(publish: Promise<void>): Promise<void> {
    const running: Promise<void> = publish.catch((error) => {
      this.#failure ??= { error };
    }).finally(() => this.#running.delete(running));
    this.#running.add(running);
    if (this.#running.size >= this.max) await Promise.race(this.#running);
    this.#check();
  }

  /** Resolves when all have ended. @throws as `add`. */
  async empty(): Promise<void> {
    await Promise.all(this.#running);
    this.#check();
  }

  #check(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
  }
}
