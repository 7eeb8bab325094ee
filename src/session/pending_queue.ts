/** The QoS 1 and 2 messages that wait for a Client: it is away, or its Receive Maximum is reached. Bounded by count and
 * by bytes. Spec §4.1, §4.9. Room: pure. @module */

import { ByteBudget } from "../base/byte_budget.ts";
import { RingQueue } from "../base/ring_queue.ts";
import type { OutgoingMessage } from "./outgoing_message.ts";

/** What gives way when the queue is full: the message that arrives, or the oldest ones. */
export type QueuePolicy = "drop-newest" | "drop-oldest";

/** A walk through the whole queue for what has expired comes once in this time. */
const PASS_MS = 1_000;
/** So much every session may queue, whatever others hold of the total. */
const SHARE_BYTES = 64 * 1024;

export class PendingQueue {
  readonly #queue = new RingQueue<OutgoingMessage>();
  #bytes = 0;
  /** No message in the queue expires before this; Infinity = none expires. A lower bound. */
  #earliestExpiryMs = Infinity;
  /** Not before then the whole queue is looked through again. */
  #nextPassMs = -Infinity;

  /** @param total what the queues of all sessions may hold together. Default: no bound. */
  constructor(
    readonly messagesMax: number,
    readonly bytesMax: number,
    readonly policy: QueuePolicy,
    readonly total: ByteBudget = new ByteBudget(Infinity),
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

  hasRoomFor(bytes: number): boolean {
    return this.#queue.length < this.messagesMax && this.#bytes + bytes <= this.bytesMax &&
      this.#totalHasRoomFor(bytes);
  }

  /** Appends; when full, drops what has expired, and then by the policy.
   * @param wallMs the present, for what expires.
   * @param dropped told of each message that did not stay, be it the new one or old ones. */
  push(outgoing: OutgoingMessage, wallMs: number, dropped: (outgoing: OutgoingMessage) => void): void {
    const bytes = outgoing.bytes;
    if (!this.hasRoomFor(bytes)) {
      if (this.#earliestExpiryMs <= wallMs) this.#dropExpired(wallMs, dropped);
      // What others hold of the total does not become less by emptying this queue.
      const canHelp = bytes <= this.bytesMax && (bytes <= SHARE_BYTES || this.total.hasRoomFor(bytes - this.#bytes));
      if (this.policy === "drop-oldest" && canHelp) {
        while (this.#queue.length > 0 && !this.hasRoomFor(bytes)) dropped(this.shift()!);
      }
      if (!this.hasRoomFor(bytes)) return dropped(outgoing);
    }
    this.restore(outgoing);
  }

  /** Appends whatever the limits say: what was in the queue before a restart stays in it. */
  restore(outgoing: OutgoingMessage): void {
    this.#queue.push(outgoing);
    this.#bytes += outgoing.bytes;
    this.total.take(outgoing.bytes);
    if (outgoing.expiresAtMs < this.#earliestExpiryMs) this.#earliestExpiryMs = outgoing.expiresAtMs;
  }

  shift(): OutgoingMessage | undefined {
    const outgoing = this.#queue.shift();
    if (outgoing !== undefined) this.#left(outgoing);
    return outgoing;
  }

  peek(): OutgoingMessage | undefined {
    return this.#queue.peek();
  }

  /** Takes out what `keep` refuses, in one pass; the order of the rest stays. */
  filter(keep: (outgoing: OutgoingMessage) => boolean): void {
    for (let remaining = this.#queue.length; remaining > 0; remaining--) {
      const outgoing = this.shift()!; // gives its bytes back first: `keep` may pass it on to another queue
      if (keep(outgoing)) this.restore(outgoing);
    }
  }

  /** The session has ended. */
  clear(): void {
    this.#queue.clear();
    this.total.giveBack(this.#bytes);
    this.#bytes = 0;
  }

  [Symbol.iterator](): Iterator<OutgoingMessage> {
    return this.#queue[Symbol.iterator]();
  }

  #totalHasRoomFor(bytes: number): boolean {
    return this.#bytes + bytes <= SHARE_BYTES || this.total.hasRoomFor(bytes);
  }

  #left(outgoing: OutgoingMessage): void {
    this.#bytes -= outgoing.bytes;
    this.total.giveBack(outgoing.bytes);
  }

  /** From the head on, which is all there is to do when all have the same interval; now and then in the whole queue. */
  #dropExpired(wallMs: number, dropped: (outgoing: OutgoingMessage) => void): void {
    for (let head = this.peek(); head !== undefined && head.expiresAtMs <= wallMs; head = this.peek()) {
      dropped(this.shift()!);
    }
    if (wallMs < this.#nextPassMs) return;
    this.#nextPassMs = wallMs + PASS_MS;
    this.#earliestExpiryMs = Infinity;
    this.filter((outgoing) => {
      if (outgoing.expiresAtMs > wallMs) return true;
      dropped(outgoing);
      return false;
    });
  }
}
