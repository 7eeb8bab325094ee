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
import { QueueLimits } from "./queue_limits.ts";
import { QueueTail } from "./queue_tail.ts";
import type { StoredRun } from "./stored_run.ts";

/** What gives way when the queue is full: the message that arrives, or the oldest ones. */
export type QueuePolicy = "drop-newest" | "drop-oldest";

/** A walk through all that is in memory for what has expired comes once in this time. */
const PASS_MS = 1_000;
/** The same for what is on the disk: a long queue is some tens of MiB to read. */
const SWEEP_MS = 10_000;

export class PendingQueue {
  readonly #head = new RingQueue<OutgoingMessage>();
  #headBytes = 0;
  /** undefined when it would be empty. */
  #tail: QueueTail | undefined = undefined;
  readonly #limits: QueueLimits;
  /** No message in memory expires before this; Infinity = none expires. A lower bound. */
  #earliestExpiryMs = Infinity;
  /** Not before then all in memory are looked through again. */
  #nextPassMs = -Infinity;
  /** Not before then the runs are. */
  #nextSweepMs = -Infinity;
  #isOverdrawn = false;
  #isSweepDue = false;

  /** @param total what the queues of all sessions may hold in memory together. Default: no bound.
   * @param memoryBytesMax what may stay in memory of messages that the store has. Infinity = the store cannot be read,
   * and everything stays. */
  constructor(
    messagesMax: number,
    bytesMax: number,
    readonly policy: QueuePolicy,
    total: ByteBudget = new ByteBudget(Infinity),
    readonly memoryBytesMax = Infinity,
  ) {
    this.#limits = new QueueLimits(messagesMax, bytesMax, total);
  }

  get length(): number {
    return this.#limits.length;
  }

  /** Bytes by `OutgoingMessage.bytes`. A body that several sessions wait for counts in each. */
  get bytes(): number {
    return this.#limits.bytes;
  }

  /** Those of them that are in memory, and in the total. */
  get memoryBytes(): number {
    return this.#limits.memoryBytes;
  }

  /** At least half full: its publishers should wait if the Client is there. */
  get isFilling(): boolean {
    return this.#limits.isHalfFull;
  }

  /** Some of its messages are on the disk alone. */
  get hasRuns(): boolean {
    return this.#tail !== undefined;
  }

  /** The run behind the head: the next to be read back. */
  get firstRun(): StoredRun | undefined {
    return this.#tail?.firstRun;
  }

  /** The head is half used up, and a run follows. */
  get isShort(): boolean {
    return this.#tail !== undefined && this.#headBytes * 2 <= this.#headBytesMax();
  }

  /** A message was taken beyond the limits, since the oldest is on the disk: it is to be read back, and dropped. */
  get isOverdrawn(): boolean {
    return this.#isOverdrawn;
  }

  /** Bytes, by `OutgoingMessage.messageBytes`, that the first run may be asked for: as much as the head has room for, and
   * never nothing. */
  get readBytesMax(): number {
    const run = this.firstRun!;
    const room = this.#headBytesMax() - this.#headBytes;
    return Math.max(1, Math.floor(room * run.messageBytes / Math.max(1, run.bytes)));
  }

  /** @param bytes of a message that has to stay in memory. */
  hasRoomFor(bytes: number): boolean {
    return this.#limits.allow(bytes) && this.#limits.memoryHasRoomFor(bytes);
  }

  /** Appends; when full, drops what has expired, and then by the policy. With drop-oldest, and the oldest on the disk,
   * the new one is taken beyond the limits until `readBack` has brought the oldest.
   * @param outgoing with its position, if the store is going to have it.
   * @param wallMs the present, for what expires.
   * @param dropped told of each message that did not stay, be it the new one or old ones. */
  push(outgoing: OutgoingMessage, wallMs: number, dropped: (outgoing: OutgoingMessage) => void): void {
    const { bytes } = outgoing;
    const isForRun = this.#isForRun(outgoing);
    if (!this.#hasRoom(bytes, isForRun) && !this.#makeRoom(bytes, isForRun, wallMs, dropped)) return dropped(outgoing);
    const goesToRun = isForRun &&
      ((this.#tail !== undefined && this.#tail.endsInRun) || !this.#staysInMemory(bytes));
    if (!goesToRun) return this.restore(outgoing);
    (this.#tail ??= new QueueTail()).leaveToStore(outgoing);
    this.#limits.addOnDisk(1, bytes);
  }

  /** Appends whatever the limits say: what was in the queue before a restart stays in it. */
  restore(outgoing: OutgoingMessage): void {
    const { bytes } = outgoing;
    if (this.#tail === undefined) this.#addToHead(outgoing, bytes);
    else this.#tail.add(outgoing);
    this.#cameIn(outgoing, bytes);
  }

  /** The same for a run. */
  restoreRun(run: StoredRun): void {
    (this.#tail ??= new QueueTail()).addRun(run);
    this.#limits.addOnDisk(run.messages, run.bytes);
  }

  shift(): OutgoingMessage | undefined {
    const outgoing = this.#head.shift();
    if (outgoing === undefined) return undefined;
    const { bytes } = outgoing;
    this.#headBytes -= bytes;
    this.#limits.wentOut(bytes);
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
      this.#addToHead(outgoing, bytes);
      this.#cameIn(outgoing, bytes);
    }
    run.firstPosition = throughPosition + 1;
    if (run.firstPosition <= run.lastPosition) return 0;
    const tail = this.#tail!;
    this.#limits.addOnDisk(-run.messages, -run.bytes);
    tail.endFirstRun((outgoing) => this.#addToHead(outgoing, outgoing.bytes));
    if (tail.isEmpty) this.#tail = undefined;
    return run.messages;
  }

  /** A message left `run`: it is in memory again, or gone. */
  tookFromRun(run: StoredRun, outgoing: OutgoingMessage): void {
    const { messages, bytes } = run;
    run.take(1, outgoing.messageBytes);
    this.#limits.addOnDisk(run.messages - messages, run.bytes - bytes);
  }

  /** Drops the oldest as far as a message was taken beyond the limits. `isOverdrawn` afterwards: as far as they are in
   * memory; the next run is to be read. */
  trim(dropped: (outgoing: OutgoingMessage) => void): void {
    if (!this.#isOverdrawn) return;
    while (this.#head.length > 0 && this.#limits.isExceeded) dropped(this.shift()!);
    this.#isOverdrawn = this.#tail !== undefined && this.#limits.isExceeded;
  }

  /** A run that may hold expired messages, when a full queue needs their room; the first such one of `wallMs`. */
  runToSweep(wallMs: number): StoredRun | undefined {
    const run = this.#isSweepDue ? this.#tail?.runWithExpired(wallMs) : undefined;
    if (run === undefined) this.#isSweepDue = false;
    return run;
  }

  /** Takes out of memory what `keep` refuses, in one pass; the order of the rest stays. */
  filter(keep: (outgoing: OutgoingMessage) => boolean): void {
    // Gives its bytes back first: `keep` may pass it on to another queue.
    for (let remaining = this.#head.length; remaining > 0; remaining--) {
      const outgoing = this.shift()!;
      if (!keep(outgoing)) continue;
      this.#addToHead(outgoing, outgoing.bytes);
      this.#cameIn(outgoing, outgoing.bytes);
    }
    this.#tail?.filter((outgoing) => {
      this.#limits.wentOut(outgoing.bytes);
      const isKept = keep(outgoing);
      if (isKept) this.#cameIn(outgoing, outgoing.bytes);
      return isKept;
    });
  }

  /** The session has ended. */
  clear(): void {
    this.#head.clear();
    this.#headBytes = 0;
    this.#tail = undefined;
    this.#limits.clear();
    this.#isOverdrawn = this.#isSweepDue = false;
  }

  /** Those in memory. */
  *[Symbol.iterator](): Iterator<OutgoingMessage> {
    yield* this.#head;
    if (this.#tail !== undefined) yield* this.#tail;
  }

  #isForRun(outgoing: OutgoingMessage): boolean {
    return this.memoryBytesMax !== Infinity && outgoing.position !== 0 && outgoing.sharedBy === undefined;
  }

  #hasRoom(bytes: number, isForRun: boolean): boolean {
    return this.#limits.allow(bytes) && (isForRun || this.#limits.memoryHasRoomFor(bytes));
  }

  #staysInMemory(bytes: number): boolean {
    return this.#limits.memoryBytes + bytes <= this.memoryBytesMax && this.#limits.memoryHasRoomFor(bytes);
  }

  #headBytesMax(): number {
    return this.#limits.headBytesMax(this.memoryBytesMax, this.#headBytes);
  }

  /** @returns false when the policy gives up the new one. */
  #makeRoom(
    bytes: number,
    isForRun: boolean,
    wallMs: number,
    dropped: (outgoing: OutgoingMessage) => void,
  ): boolean {
    if (this.#earliestExpiryMs <= wallMs) this.#dropExpired(wallMs, dropped);
    if (this.#tail !== undefined && wallMs >= this.#nextSweepMs) {
      this.#nextSweepMs = wallMs + SWEEP_MS;
      this.#isSweepDue = true;
    }
    const limits = this.#limits;
    const canHelpToDrop = bytes <= limits.bytesMax && (isForRun || limits.emptyMemoryHasRoomFor(bytes));
    if (this.policy === "drop-oldest" && canHelpToDrop) {
      while (this.#head.length > 0 && !this.#hasRoom(bytes, isForRun)) dropped(this.shift()!);
      const memoryHasRoom = isForRun || limits.memoryHasRoomFor(bytes);
      if (this.#tail !== undefined && memoryHasRoom && !limits.allow(bytes)) {
        this.#isOverdrawn = true;
        return limits.allowOverdraft(bytes);
      }
    }
    return this.#hasRoom(bytes, isForRun);
  }

  #addToHead(outgoing: OutgoingMessage, bytes: number): void {
    this.#head.push(outgoing);
    this.#headBytes += bytes;
  }

  #cameIn(outgoing: OutgoingMessage, bytes: number): void {
    this.#limits.cameIn(bytes);
    if (outgoing.expiresAtMs < this.#earliestExpiryMs) this.#earliestExpiryMs = outgoing.expiresAtMs;
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
