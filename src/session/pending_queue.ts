/** The QoS 1 and 2 messages that wait for a Client: it is away, or its Receive Maximum is reached. Bounded by count and
 * by bytes. Spec §4.1, §4.9. Room: pure. @module */

import { RingQueue } from "../base/ring_queue.ts";
import type { OutgoingMessage } from "./outgoing_message.ts";

/** What gives way when the queue is full: the message that arrives, or the oldest ones. */
export type QueuePolicy = "drop-newest" | "drop-oldest";

export class PendingQueue {
  readonly #queue = new RingQueue<OutgoingMessage>();
  #bytes = 0;

  constructor(
    readonly messagesMax: number,
    readonly bytesMax: number,
    readonly policy: QueuePolicy,
  ) {}

  get length(): number {
    return this.#queue.length;
  }

  /** Bytes by `OutgoingMessage.bytes`. A body that several sessions wait for counts in each. */
  get bytes(): number {
    return this.#bytes;
  }

  /** At least half full: its publishers should wait if the Client is there. Never when empty: a queue that is allowed
   * no messages has nobody to wait for. */
  get isFilling(): boolean {
    if (this.#queue.length === 0) return false;
    return this.#queue.length * 2 >= this.messagesMax || this.#bytes * 2 >= this.bytesMax;
  }

  /** Appends, or drops by the policy.
   * @param dropped told of each message that did not stay, be it the new one or old ones. */
  push(outgoing: OutgoingMessage, dropped: (outgoing: OutgoingMessage) => void): void {
    const bytes = outgoing.bytes;
    if (this.#isFullFor(bytes)) {
      if (this.policy === "drop-newest" || bytes > this.bytesMax) return dropped(outgoing);
      while (this.#queue.length > 0 && this.#isFullFor(bytes)) dropped(this.shift()!);
      if (this.#isFullFor(bytes)) return dropped(outgoing);
    }
    this.#queue.push(outgoing);
    this.#bytes += bytes;
  }

  /** Appends what was in the queue before a restart, whatever the limits say now. */
  restore(outgoing: OutgoingMessage): void {
    this.#queue.push(outgoing);
    this.#bytes += outgoing.bytes;
  }

  shift(): OutgoingMessage | undefined {
    const outgoing = this.#queue.shift();
    if (outgoing !== undefined) this.#bytes -= outgoing.bytes;
    return outgoing;
  }

  peek(): OutgoingMessage | undefined {
    return this.#queue.peek();
  }

  /** Takes out what `keep` refuses, in one pass; the order of the rest stays. */
  filter(keep: (outgoing: OutgoingMessage) => boolean): void {
    for (let remaining = this.#queue.length; remaining > 0; remaining--) {
      const outgoing = this.#queue.shift()!;
      if (keep(outgoing)) this.#queue.push(outgoing);
      else this.#bytes -= outgoing.bytes;
    }
  }

  [Symbol.iterator](): Iterator<OutgoingMessage> {
    return this.#queue[Symbol.iterator]();
  }

  #isFullFor(bytes: number): boolean {
    return this.#queue.length >= this.messagesMax || this.#bytes + bytes > this.bytesMax;
  }
}
