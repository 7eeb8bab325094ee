/** The QoS 1 and 2 messages that wait for a Client: it is away, or its Receive Maximum is reached. Bounded by count and
 * by bytes. Spec §4.1, §4.9. Room: pure.
 *
 * With a store that can be read, a long queue keeps its beginning in memory and leaves the rest on the disk, as runs:
 *
 *     head: message message …  |  tail: run message message run …
 *
 * The tail begins with a run, or there is none. What must stay in memory stands behind or between runs in its place:
 * messages of a Shared Subscription, which may have to be handed over at once, and those that the store does not have.
 * Who owns the queue reads the first run back when the head runs short (`isShort`, `readBack`). @module */

import { ByteBudget } from "../base/byte_budget.ts";
import { RingQueue } from "../base/ring_queue.ts";
import type { OutgoingMessage } from "./outgoing_message.ts";
import { StoredRun } from "./stored_run.ts";

/** What gives way when the queue is full: the message that arrives, or the oldest ones. */
export type QueuePolicy = "drop-newest" | "drop-oldest";

/** A walk through all that is in memory for what has expired comes once in this time. */
const PASS_MS = 1_000;
/** The same for what is on the disk: a long queue is some tens of MiB to read. */
const SWEEP_MS = 10_000;
/** So much every session may queue in memory, whatever others hold of the total. */
const SHARE_BYTES = 64 * 1024;
/** With drop-oldest, until the oldest is read back and dropped, the queue may be so many times as long as its limits. */
const OVERDRAFT = 2;

export class PendingQueue {
  readonly #head = new RingQueue<OutgoingMessage>();
  /** Begins with a run; undefined when it would be empty. */
  #tail: RingQueue<StoredRun | OutgoingMessage> | undefined = undefined;
  /** The run that the queue ends in. */
  #lastRun: StoredRun | undefined = undefined;
  #length = 0;
  #bytes = 0;
  /** Of those in memory. */
  #memoryBytes = 0;
  #headBytes = 0;
  /** No message in memory expires before this; Infinity = none expires. A lower bound. */
  #earliestExpiryMs = Infinity;
  /** Not before then all in memory are looked through again. */
  #nextPassMs = -Infinity;
  /** Not before then the runs are. */
  #nextSweepMs = -Infinity;
  #isOverdrawn = false;
  #isSweepDue = false;

  /** @param total what the queues of all sessions may hold in memory together. Default: no bound.
   * @param memoryBytesMax what may stay in memory of messages that the store has. Infinity = the store cannot be read, and
   * everything stays. */
  constructor(
    readonly messagesMax: number,
    readonly bytesMax: number,
    readonly policy: QueuePolicy,
    readonly total: ByteBudget = new ByteBudget(Infinity),
    readonly memoryBytesMax = Infinity,
  ) {}

  get length(): number {
    return this.#length;
  }

  /** Bytes by `OutgoingMessage.bytes`. A body that several sessions wait for counts in each. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Those of them that are in memory, and in the total. */
  get memoryBytes(): number {
    return this.#memoryBytes;
  }

  /** At least half full: its publishers should wait if the Client is there. Never when empty: a queue that is allowed
   * no messages has nobody to wait for. */
  get isFilling(): boolean {
    if (this.#length === 0) return false;
    return this.#length * 2 >= this.messagesMax || this.#bytes * 2 >= this.bytesMax;
  }

  /** Some of its messages are on the disk alone. */
  get hasRuns(): boolean {
    return this.#tail !== undefined;
  }

  /** The run behind the head: the next to be read back. */
  get firstRun(): StoredRun | undefined {
    return this.#tail?.peek() as StoredRun | undefined;
  }

  /** The head is half used up, and a run follows. */
  get isShort(): boolean {
    return this.#tail !== undefined && this.#headBytes * 2 <= this.#headBytesMax();
  }

  /** A message was taken beyond the limits, since the oldest is on the disk: it is to be read back, and dropped. */
  get isOverdrawn(): boolean {
    return this.#isOverdrawn;
  }

  /** Bytes of `message.buffer`s that the first run may be asked for: as much as the head has room for, and never nothing. */
  get readBytesMax(): number {
    const run = this.firstRun!;
    const room = this.#headBytesMax() - this.#headBytes;
    return Math.max(1, Math.floor(room * run.messageBytes / Math.max(1, run.bytes)));
  }

  /** @param bytes of a message that has to stay in memory. */
  hasRoomFor(bytes: number): boolean {
    return this.#isWithin(bytes, 1) && this.#memoryHasRoomFor(bytes);
  }

  /** Appends; when full, drops what has expired, and then by the policy. With drop-oldest, and the oldest on the disk, the
   * new one is taken beyond the limits until `readBack` has brought the oldest.
   * @param outgoing with its position, if the store is going to have it.
   * @param wallMs the present, for what expires.
   * @param dropped told of each message that did not stay, be it the new one or old ones. */
  push(outgoing: OutgoingMessage, wallMs: number, dropped: (outgoing: OutgoingMessage) => void): void {
    if (!this.#hasRoom(outgoing) && !this.#makeRoom(outgoing, wallMs, dropped)) return dropped(outgoing);
    const goesToRun = this.#isForRun(outgoing) &&
      (this.#lastRun !== undefined || !this.#staysInMemory(outgoing.bytes));
    if (!goesToRun) return this.restore(outgoing);
    if (this.#lastRun === undefined) this.#addRun(new StoredRun(outgoing.position, outgoing.position));
    this.#lastRun!.add(outgoing);
    this.#length++;
    this.#bytes += outgoing.bytes;
  }

  /** Appends whatever the limits say: what was in the queue before a restart stays in it. */
  restore(outgoing: OutgoingMessage): void {
    const { bytes } = outgoing;
    if (this.#tail === undefined) {
      this.#head.push(outgoing);
      this.#headBytes += bytes;
    } else {
      this.#tail.push(outgoing);
      this.#lastRun = undefined;
    }
    this.#cameIn(outgoing, bytes);
  }

  /** The same for a run. */
  restoreRun(run: StoredRun): void {
    this.#addRun(run);
    this.#length += run.messages;
    this.#bytes += run.bytes;
  }

  shift(): OutgoingMessage | undefined {
    const outgoing = this.#head.shift();
    if (outgoing === undefined) return undefined;
    const { bytes } = outgoing;
    this.#headBytes -= bytes;
    this.#wentOut(bytes);
    return outgoing;
  }

  /** undefined also when the next one is on the disk. */
  peek(): OutgoingMessage | undefined {
    return this.#head.peek();
  }

  /** What was read of the first run goes to the head. What stands behind the run follows once it is used up.
   * @param messages in their order. @param throughPosition the run holds nothing up to this any more.
   * @returns how many the run was thought to hold and does not: 0, or the store has lost some. */
  readBack(messages: readonly OutgoingMessage[], throughPosition: number): number {
    const run = this.firstRun!;
    for (const outgoing of messages) {
      this.tookFromRun(run, outgoing);
      const { bytes } = outgoing;
      this.#head.push(outgoing);
      this.#headBytes += bytes;
      this.#cameIn(outgoing, bytes);
    }
    run.firstPosition = throughPosition + 1;
    return run.firstPosition > run.lastPosition ? this.#endFirstRun() : 0;
  }

  /** A message left `run`: it is in memory again, or gone. */
  tookFromRun(run: StoredRun, outgoing: OutgoingMessage): void {
    this.#length -= run.messages;
    this.#bytes -= run.bytes;
    run.take(1, outgoing.messageBytes);
    this.#length += run.messages;
    this.#bytes += run.bytes;
  }

  /** Drops the oldest as far as a message was taken beyond the limits. `isOverdrawn` afterwards: as far as they are in
   * memory; the next run is to be read. */
  trim(dropped: (outgoing: OutgoingMessage) => void): void {
    if (!this.#isOverdrawn) return;
    while (this.#head.length > 0 && !this.#isWithin(0, 0)) dropped(this.shift()!);
    this.#isOverdrawn = this.#tail !== undefined && !this.#isWithin(0, 0);
  }

  /** A run that may hold expired messages, when a full queue needs their room; the first such one of `wallMs`. */
  runToSweep(wallMs: number): StoredRun | undefined {
    for (const element of this.#isSweepDue ? this.#tail ?? [] : []) {
      if (element instanceof StoredRun && element.earliestExpiryMs <= wallMs) return element;
    }
    this.#isSweepDue = false;
    return undefined;
  }

  /** Takes out of memory what `keep` refuses, in one pass; the order of the rest stays. */
  filter(keep: (outgoing: OutgoingMessage) => boolean): void {
    // Gives its bytes back first: `keep` may pass it on to another queue.
    for (let remaining = this.#head.length; remaining > 0; remaining--) {
      const outgoing = this.shift()!;
      if (!keep(outgoing)) continue;
      this.#head.push(outgoing);
      this.#headBytes += outgoing.bytes;
      this.#cameIn(outgoing, outgoing.bytes);
    }
    const tail = this.#tail;
    if (tail === undefined) return;
    this.#lastRun = undefined;
    for (let remaining = tail.length; remaining > 0; remaining--) {
      const element = tail.shift()!;
      if (element instanceof StoredRun) {
        tail.push(element);
        this.#lastRun = element;
        continue;
      }
      this.#wentOut(element.bytes);
      if (!keep(element)) continue;
      tail.push(element);
      this.#lastRun = undefined;
      this.#cameIn(element, element.bytes);
    }
  }

  /** The session has ended. */
  clear(): void {
    this.#head.clear();
    this.#tail = undefined;
    this.#lastRun = undefined;
    this.total.giveBack(this.#memoryBytes);
    this.#length =
      this.#bytes =
      this.#memoryBytes =
      this.#headBytes =
        0;
    this.#isOverdrawn = this.#isSweepDue = false;
  }

  /** Those in memory. */
  *[Symbol.iterator](): Iterator<OutgoingMessage> {
    yield* this.#head;
    if (this.#tail === undefined) return;
    for (const element of this.#tail) if (!(element instanceof StoredRun)) yield element;
  }

  #isForRun(outgoing: OutgoingMessage): boolean {
    return this.memoryBytesMax !== Infinity && outgoing.position !== 0 && outgoing.sharedBy === undefined;
  }

  #isWithin(bytes: number, messages: number, times = 1): boolean {
    return this.#length + messages <= this.messagesMax * times && this.#bytes + bytes <= this.bytesMax * times;
  }

  #hasRoom(outgoing: OutgoingMessage): boolean {
    const { bytes } = outgoing;
    return this.#isWithin(bytes, 1) && (this.#isForRun(outgoing) || this.#memoryHasRoomFor(bytes));
  }

  #memoryHasRoomFor(bytes: number): boolean {
    return this.#memoryBytes + bytes <= SHARE_BYTES || this.total.hasRoomFor(bytes);
  }

  #staysInMemory(bytes: number): boolean {
    return this.#memoryBytes + bytes <= this.memoryBytesMax && this.#memoryHasRoomFor(bytes);
  }

  /** What the head is filled up to. */
  #headBytesMax(): number {
    const max = this.memoryBytesMax;
    return this.total.hasRoomFor(max - this.#headBytes) ? max : Math.min(max, SHARE_BYTES);
  }

  /** @returns false when the policy gives up the new one. */
  #makeRoom(outgoing: OutgoingMessage, wallMs: number, dropped: (outgoing: OutgoingMessage) => void): boolean {
    const { bytes } = outgoing;
    if (this.#earliestExpiryMs <= wallMs) this.#dropExpired(wallMs, dropped);
    if (this.#tail !== undefined && wallMs >= this.#nextSweepMs) {
      this.#nextSweepMs = wallMs + SWEEP_MS;
      this.#isSweepDue = true;
    }
    if (this.policy === "drop-oldest" && this.#canHelpToDrop(outgoing)) {
      while (this.#head.length > 0 && !this.#hasRoom(outgoing)) dropped(this.shift()!);
      const memoryHasRoom = this.#isForRun(outgoing) || this.#memoryHasRoomFor(bytes);
      if (this.#tail !== undefined && memoryHasRoom && !this.#isWithin(bytes, 1)) {
        this.#isOverdrawn = true;
        return this.#isWithin(bytes, 1, OVERDRAFT);
      }
    }
    return this.#hasRoom(outgoing);
  }

  /** What others hold of the total does not become less by emptying this queue. */
  #canHelpToDrop(outgoing: OutgoingMessage): boolean {
    const { bytes } = outgoing;
    if (bytes > this.bytesMax) return false;
    return this.#isForRun(outgoing) || bytes <= SHARE_BYTES || this.total.hasRoomFor(bytes - this.#memoryBytes);
  }

  #addRun(run: StoredRun): void {
    (this.#tail ??= new RingQueue()).push(run);
    this.#lastRun = run;
  }

  #endFirstRun(): number {
    const tail = this.#tail!;
    const run = tail.shift() as StoredRun;
    const missing = run.messages;
    this.#length -= missing;
    this.#bytes -= run.bytes;
    if (this.#lastRun === run) this.#lastRun = undefined;
    for (let next = tail.peek(); next !== undefined && !(next instanceof StoredRun); next = tail.peek()) {
      tail.shift();
      this.#head.push(next);
      this.#headBytes += next.bytes;
    }
    if (tail.length === 0) this.#tail = undefined;
    return missing;
  }

  #cameIn(outgoing: OutgoingMessage, bytes: number): void {
    this.#length++;
    this.#bytes += bytes;
    this.#memoryBytes += bytes;
    this.total.take(bytes);
    if (outgoing.expiresAtMs < this.#earliestExpiryMs) this.#earliestExpiryMs = outgoing.expiresAtMs;
  }

  #wentOut(bytes: number): void {
    this.#length--;
    this.#bytes -= bytes;
    this.#memoryBytes -= bytes;
    this.total.giveBack(bytes);
  }

  /** From the head on, which is all there is to do when all have the same interval; now and then all in memory. */
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
