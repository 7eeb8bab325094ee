/** What a PendingQueue holds, and what it may hold: by count, by bytes, and of the memory that all sessions share.
 * Room: pure. @module */

import type { ByteBudget } from "../base/byte_budget.ts";

/** So much every session may queue in memory, whatever others hold of the total. */
const SHARE_BYTES = 64 * 1024;
/** With drop-oldest, until the oldest is read back and dropped, the queue may be so many times as long as its limits. */
const OVERDRAFT = 2;

export class QueueLimits {
  /** Messages, those on the disk alone included. */
  length = 0;
  /** Of all of them, by `OutgoingMessage.bytes`. */
  bytes = 0;
  /** Of those in memory. */
  memoryBytes = 0;

  /** @param total what the queues of all sessions may hold in memory together. */
  constructor(readonly messagesMax: number, readonly bytesMax: number, readonly total: ByteBudget) {}

  /** At least half of either limit. Never when empty: a queue that is allowed no messages has nobody to wait for. */
  get isHalfFull(): boolean {
    if (this.length === 0) return false;
    return this.length * 2 >= this.messagesMax || this.bytes * 2 >= this.bytesMax;
  }

  get isExceeded(): boolean {
    return this.length > this.messagesMax || this.bytes > this.bytesMax;
  }

  /** One more message of so many `bytes` is within the limits. */
  allow(bytes: number): boolean {
    return this.length < this.messagesMax && this.bytes + bytes <= this.bytesMax;
  }

  /** The same, until the oldest is read back and dropped. */
  allowOverdraft(bytes: number): boolean {
    return this.length < this.messagesMax * OVERDRAFT && this.bytes + bytes <= this.bytesMax * OVERDRAFT;
  }

  memoryHasRoomFor(bytes: number): boolean {
    return this.memoryBytes + bytes <= SHARE_BYTES || this.total.hasRoomFor(bytes);
  }

  /** An empty queue would have room in memory: what others hold of the total does not become less by emptying this one. */
  emptyMemoryHasRoomFor(bytes: number): boolean {
    return bytes <= SHARE_BYTES || this.total.hasRoomFor(bytes - this.memoryBytes);
  }

  /** What the head of the queue is filled up to. @param max if nobody else needs the total. @param held by the head now. */
  headBytesMax(max: number, held: number): number {
    return this.total.hasRoomFor(max - held) ? max : Math.min(max, SHARE_BYTES);
  }

  /** A message came into memory. */
  cameIn(bytes: number): void {
    this.length++;
    this.bytes += bytes;
    this.memoryBytes += bytes;
    this.total.take(bytes);
  }

  /** It left it. */
  wentOut(bytes: number): void {
    this.length--;
    this.bytes -= bytes;
    this.memoryBytes -= bytes;
    this.total.giveBack(bytes);
  }

  /** So much more is on the disk alone; less, if negative. */
  addOnDisk(messages: number, bytes: number): void {
    this.length += messages;
    this.bytes += bytes;
  }

  clear(): void {
    this.total.giveBack(this.memoryBytes);
    this.length = 0;
    this.bytes = 0;
    this.memoryBytes = 0;
  }
}
