/** Which connections have something to write, and when it leaves: once, at the end of the event loop's turn.
 *
 * Two moments matter. Before a reader fills its buffer again, every run that still points into it is copied (`settle`).
 * When all that the turn had to do is done, each connection that got something starts one write (`flush`), so that a
 * hundred small packets cost one system call. @module */

import { ByteWriter } from "../packet/byte_writer.ts";
import type { Outbound } from "./outbound.ts";

/** Most connections only ever send acknowledgements. */
export const SHARED_BUFFER_BYTES_MIN = 512;
/** A larger buffer is let go when it has been written: the next is made for the size that the last turns needed. */
const SHARED_BUFFER_BYTES_MAX = 2048;
/** As many as write in one turn, more or less. */
const SHARED_BUFFERS_MAX = 256;

export class WriteTurn {
  readonly #unsettled: Outbound[] = [];
  readonly #dirty: Outbound[] = [];
  readonly #buffers: ByteWriter[] = [];
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

  /** An empty buffer with room for `bytes`. */
  takeBuffer(bytes: number): ByteWriter {
    const buffer = bytes <= SHARED_BUFFER_BYTES_MIN ? this.#buffers.pop() : undefined;
    if (buffer === undefined) return new ByteWriter(bytes);
    buffer.length = 0;
    return buffer;
  }

  /** What was in it has been written: it is for others now. */
  giveBuffer(buffer: ByteWriter): void {
    if (buffer.buffer.length <= SHARED_BUFFER_BYTES_MAX && this.#buffers.length < SHARED_BUFFERS_MAX) {
      this.#buffers.push(buffer);
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
