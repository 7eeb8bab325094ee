/** Which connections have something to write, and when it leaves: once, at the end of the event loop's turn.
 *
 * Two moments matter. Before a reader fills its buffer again, every run that still points into it is copied (`settle`).
 * When all that the turn had to do is done, each connection that got something starts one write (`flush`), so that a
 * hundred small packets cost one system call.
 *
 * Of very many connections only as many as the runtime writes to at once: Deno's scheduler (tokio) lets a task do 128
 * operations in one pass of the event loop. Those beyond that are queued, woken and polled one by one, which costs twice
 * as much, so they are left to the next pass. @module */

import type { FrameReferrers } from "../packet/layout_frames.ts";
import { PublishFrameEncoder } from "../packet/publish_frame.ts";
import type { Outbound } from "./outbound.ts";
import { OutboundBuffers } from "./outbound_buffers.ts";
import { ReadRounds } from "./read_rounds.ts";

/** A few less than 128, for the reads of the same pass that complete at once. */
const WRITES_OF_PASS_MAX = 120;

export class WriteTurn implements FrameReferrers {
  readonly #unsettled: Outbound[] = [];
  readonly #dirty: Outbound[] = [];
  /** Of `#dirty`: those before it were flushed in earlier passes. */
  #flushed = 0;
  readonly buffers = new OutboundBuffers();
  readonly readRounds = new ReadRounds(() => this.#flushed > 0);
  /** Makes the frames that are not sent on as they came. */
  readonly frames: PublishFrameEncoder = new PublishFrameEncoder(this);
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
    this.#scheduleFlush();
  }

  /** A read has brought something: a turn begins, or goes on. */
  wasRead(): void {
    this.readRounds.wasRead();
    this.#scheduleFlush();
  }

  #scheduleFlush(): void {
    if (this.#flushScheduled) return;
    this.#flushScheduled = true;
    queueMicrotask(this.flush);
  }

  /** Nobody refers to bytes that will be overwritten. */
  get isSettled(): boolean {
    return this.#unsettled.length === 0;
  }

  /** Copies what still points into somebody's read buffer, or to frames of the encoder. */
  settle(): void {
    const unsettled = this.#unsettled;
    for (let i = 0; i < unsettled.length; i++) unsettled[i].settle();
    unsettled.length = 0;
  }

  readonly flush = (): void => {
    this.settle();
    this.readRounds.endPass();
    const dirty = this.#dirty;
    const end = Math.min(dirty.length, this.#flushed + WRITES_OF_PASS_MAX);
    for (let i = this.#flushed; i < end; i++) dirty[i].startWriting();
    this.#flushScheduled = end < dirty.length;
    if (this.#flushScheduled) {
      this.#flushed = end;
      setImmediate(this.#flushInNextPass);
    } else {
      this.#flushed = 0;
      dirty.length = 0;
    }
  };

  /** An immediate runs at the end of the pass that it is asked for in: the second one is in the next. */
  readonly #flushInNextPass = (): void => {
    setImmediate(this.flush);
  };
}
