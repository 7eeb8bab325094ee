/** Queued messages of one session that are in the store alone: known by their number and weight, and read back when
 * their turn comes. Room: pure. @module */

import { OUTGOING_OVERHEAD_BYTES, type OutgoingMessage } from "./outgoing_message.ts";

export class StoredRun {
  messages = 0;
  /** By `OutgoingMessage.messageBytes`. */
  messageBytes = 0;
  /** None of them expires before this, in milliseconds of the wall clock; Infinity = none expires. A lower bound; 0 =
   * nobody knows, as after a restart. */
  earliestExpiryMs = Infinity;
  /** The store is being asked for some of them: who has asked will come back to this very run. */
  isBeingRead = false;

  /** @param firstPosition, lastPosition between which they are, both included; others of the session are not. */
  constructor(public firstPosition: number, public lastPosition: number) {}

  /** What they would weigh in memory, by `OutgoingMessage.bytes`: the queue's limit counts them so. */
  get bytes(): number {
    return this.messageBytes + this.messages * OUTGOING_OVERHEAD_BYTES;
  }

  /** The next one. */
  add(outgoing: OutgoingMessage): void {
    this.lastPosition = outgoing.position;
    this.messages++;
    this.messageBytes += outgoing.messageBytes;
    if (outgoing.expiresAtMs < this.earliestExpiryMs) this.earliestExpiryMs = outgoing.expiresAtMs;
  }

  /** Takes over all of the run behind it, of which nothing is left in between. @returns false: it is being read. */
  join(next: StoredRun): boolean {
    if (next.isBeingRead) return false;
    this.lastPosition = next.lastPosition;
    this.messages += next.messages;
    this.messageBytes += next.messageBytes;
    this.earliestExpiryMs = Math.min(this.earliestExpiryMs, next.earliestExpiryMs);
    return true;
  }

  /** Some left it. The store may have counted differently: never below nothing. */
  take(messages: number, messageBytes: number): void {
    this.messages = Math.max(0, this.messages - messages);
    this.messageBytes = Math.max(0, this.messageBytes - messageBytes);
  }
}
