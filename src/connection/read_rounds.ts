/** While more connections have something to read than the runtime reads in one pass of its event loop, they are read in
 * rounds: nobody a second time before all others were. With fewer it costs a comparison for each read.
 *
 * Deno's scheduler (tokio) lets a task do 128 operations in a row. What is beyond that comes later, but behind whatever
 * has become ready meanwhile, and each time in the opposite order: of a thousand busy Clients those that were just
 * answered are read again and again, a few packets at a time, and others wait for seconds. So who was read in a pass
 * that used all its operations is read again only when a pass did not: then nothing is left that is ready. @module */

/** tokio's budget of a task. */
export const READS_OF_PASS_MAX = 128;

export class ReadRounds {
  /** That brought something, in this pass of the event loop. */
  #reads = 0;
  #next: PromiseWithResolvers<void> | undefined = undefined;
  #waiting = 0;
  #isWatching = false;
  /** Since the watch began to look. */
  #wasFull = false;

  /** @param isWriting whether the event loop is kept from reading by what is still to be written. */
  constructor(readonly isWriting: () => boolean) {}

  /** Called for each read; `endPass` must follow. */
  wasRead(): void {
    this.#reads++;
  }

  /** Resolves when whoever was read before may be read again; undefined: at once. */
  next(): Promise<void> | undefined {
    if (this.#next === undefined) return undefined;
    this.#waiting++;
    // Also behind a round after which nobody has said anything: a reader that was held up comes without a read.
    this.#startWatch();
    return this.#next.promise;
  }

  /** All reads that have completed in this pass have been handled. */
  endPass(): void {
    const reads = this.#reads;
    this.#reads = 0;
    if (reads >= READS_OF_PASS_MAX) this.#wait();
    else if (reads > 0 && this.#next !== undefined) this.#begin();
  }

  #wait(): void {
    this.#next ??= Promise.withResolvers();
    this.#wasFull = true;
    this.#startWatch();
  }

  #startWatch(): void {
    if (this.#isWatching) return;
    this.#isWatching = true;
    setTimeout(this.#watch);
  }

  #begin(): void {
    const next = this.#next!;
    // After a large round comes another one, without a pass between them in which some are read twice.
    this.#next = this.#waiting >= READS_OF_PASS_MAX ? Promise.withResolvers() : undefined;
    this.#waiting = 0;
    next.resolve();
  }

  /** A full pass may have been the last: no smaller one follows. That is so when nothing was read from one timer to the
   * next, which leaves the event loop time to look at all sockets, nor in the pass of the second timer, where reads
   * come behind timers and before immediates. */
  readonly #watch = (): void => {
    this.#wasFull = false;
    setTimeout(() => setImmediate(this.#judge));
  };

  readonly #judge = (): void => {
    if (this.#wasFull || this.isWriting()) {
      setTimeout(this.#watch);
      return;
    }
    this.#isWatching = false;
    if (this.#next !== undefined) this.#begin();
  };
}
