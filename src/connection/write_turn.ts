/** Which connections have something to write, and when it leaves: once, at the end of the event loop's turn.
 *
 * Two moments matter. Before a reader fills its buffer again, every run that still points into it is copied (`settle`).
 * When all that the turn had to do is done, each connection that got something starts one write (`flush`), so that a
 * hundred small packets cost one system call. @module */

import type { Outbound } from "./outbound.ts";
import { OutboundBuffers } from "./outbound_buffers.ts";

export class WriteTurn {
  readonly #unsettled: Outbound[] = [];
  readonly #dirty: Outbound[] = [];
  readonly buffers = new OutboundBuffers();
  #flushScheduled = false;
  /** Bytes that wait in all connections together. */
  bytes = 0;

  /** @param bytesMax the sum over all connections from which QoS 0 is dropped for those that are congested. */
  constructor(readonly bytesMax: number) {}

  /** `outbound` refers to bytes that it has not copied. Called once for each run. */
  addUnsettled(outbound: Outbound): void {
    this.#unsettled.push(outbound);
  }

  /** `outbound` has bytes to write. Called once until it was flushed. */
  addDirty(outbound: Outbound): void {
    this.#dirty.push(outbound);
    if (!this.#flushScheduled) {
      this.#flushScheduled = true;
      queueMicrotask(this.flush);
    }
  }

  /** Copies what still points into somebody's read buffer. */
  settle(): void {
    const unsettled = this.#unsettled;
    for (let i = 0; i < unsettled.length; i++) unsettled[i].settle();
    unsettled.length = 0;
  }

  readonly flush = (): void => {
    this.settle();
    this.#flushScheduled = false;
    const dirty = this.#dirty;
    for (let i = 0; i < dirty.length; i++) dirty[i].startWriting();
    dirty.length = 0;
  };
}
