/** When reading from the connection stops, so that unread messages do not fill the memory.
 *
 * Messages of QoS 1 and 2 need this in 3.x, and in 5.0 for Servers that send more than the Receive Maximum (Mosquitto 2.0
 * does): a client that left would get the same again. For QoS 0 the only brake is the connection
 * itself. But what the Server answers comes by the same way: while an answer is awaited reading goes on, since the
 * program may do nothing else before it has come, and QoS 0 messages beyond twice the bound are dropped, as that QoS
 * allows. @module */

import type { EngineContext } from "./engine_context.ts";

/** Of QoS 0 messages that nobody has read, in all subscriptions. */
const UNREAD_BYTES_MAX = 1024 * 1024;

export class ReadPause {
  #unreadBytes = 0;
  #isPaused = false;
  /** QoS 0 messages that were dropped. */
  dropped = 0;

  /** @param unacknowledged messages of QoS 1 and 2 that wait for the program. */
  constructor(readonly context: EngineContext, readonly unacknowledged: () => number, readonly resumed: () => void) {}

  get isPaused(): boolean {
    return this.#isPaused;
  }

  /** Asked before a QoS 0 message is taken in. */
  get mustDrop(): boolean {
    if (this.#unreadBytes < UNREAD_BYTES_MAX * 2) return false;
    this.dropped++;
    return true;
  }

  unreadBytesChanged(bytes: number): void {
    this.#unreadBytes += bytes;
    if (this.#isPaused) this.update();
  }

  /** Something has changed that it depends on. */
  update(): void {
    const { link } = this.context;
    if (link === undefined) return;
    const mustPause = this.#mustPause();
    if (mustPause === this.#isPaused) return;
    this.#isPaused = mustPause;
    if (mustPause) link.pauseReading();
    else {
      link.resumeReading();
      this.resumed();
    }
  }

  /** A new connection is read from. */
  disconnected(): void {
    this.#isPaused = false;
  }

  #mustPause(): boolean {
    const { context } = this;
    const { receiveMaximum } = context.settings;
    const waiting = this.unacknowledged();
    // Nothing of QoS 1 and 2 may be dropped: a program that reads nothing gets no answers either, and loses the connection.
    if (waiting >= receiveMaximum * 2) return true;
    // A Server of 5.0 that keeps to the Receive Maximum is always read.
    const tooMany = context.protocolVersion === 5 ? receiveMaximum + 1 : receiveMaximum;
    // Once it has stopped, it goes on when there is something to be gained by it.
    const unreadBytesMax = this.#isPaused ? UNREAD_BYTES_MAX / 2 : UNREAD_BYTES_MAX;
    const isFull = this.#unreadBytes > unreadBytesMax || waiting >= tooMany;
    return isFull && !context.awaitsAnswer;
  }
}
