/** Between the read buffer and the dispatcher: whether the next packet of a Client may go through. @module */

/** Who closes a gate. Each opens only what it closed itself. */
export const GateKeeper = {
  /** The broker: a CONNECT waits for its verdict, or a publisher for its subscribers. */
  Broker: 1,
  /** The writer: the Client does not read its answers, so it is asked for no further questions. */
  Writer: 2,
} as const;
export type GateKeeper = typeof GateKeeper[keyof typeof GateKeeper];

/** Closed: no further packet is handed over; the rest stays in the read buffer, and TCP slows the Client down. */
export class ReadGate {
  #closedBy = 0;
  /** Made for a reader that waits: most of the time the gate is open again before the reader looks. */
  #opened: PromiseWithResolvers<void> | undefined = undefined;

  get isClosed(): boolean {
    return this.#closedBy !== 0;
  }

  /** Resolves when the gate is opened; undefined: it is open. */
  get opened(): Promise<void> | undefined {
    if (this.#closedBy === 0) return undefined;
    this.#opened ??= Promise.withResolvers();
    return this.#opened.promise;
  }

  close(keeper: GateKeeper): void {
    this.#closedBy |= keeper;
  }

  /** A no-op while another keeper wants it closed. */
  open(keeper: GateKeeper): void {
    this.#closedBy &= ~keeper;
    if (this.#closedBy !== 0 || this.#opened === undefined) return;
    this.#opened.resolve();
    this.#opened = undefined;
  }
}
