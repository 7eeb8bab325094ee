/** The changes that wait to be handed to the disk. What comes and goes while it waits leaves no trace: a message that its
 * last receiver has acknowledged by then is never written.
 * In: changes, as the broker makes them. Out: one packed buffer. Room: pure. @module */

import type { ApplicationMessage } from "../packet/application_message.ts";
import type { OutgoingMessage } from "../session/outgoing_message.ts";
import { Change } from "./change.ts";
import {
  packDeleted,
  packMessage,
  packOutgoing,
  packProgress,
  packReference,
  packSession,
  packSubscription,
} from "./pack_changes.ts";
import { PackedWriter } from "./packed_bytes.ts";
import type { SessionRecord, SubscriptionRecord } from "./store.ts";
import type { StoredSession } from "./stored_session.ts";

/** What one change costs in memory beside a message. */
const CHANGE_BYTES = 100;
/** A row up to this length holds its message, if no other session waits for it. From 1,002 bytes on SQLite would give it a
 * page of its own, four times as large. */
const INLINE_BYTES_MAX = 900;
/** So many places for messages are kept, be they in use or not. */
const SLOTS_KEPT = 4096;

export class GatheredBatch {
  /** Its ticket. */
  number = 1;
  #isEmpty = true;
  #isTouched = false;
  #bytes = 0;
  /** Outgoing messages in the order of their puts; undefined = deleted again. */
  readonly #slots: (OutgoingMessage | undefined)[] = [];
  readonly #slotSessions: StoredSession[] = [];
  /** State and Packet Identifier at the last put. */
  readonly #slotProgress: number[] = [];
  #liveSlots = 0;
  /** In how many slots each long message is. */
  readonly #holders = new Map<ApplicationMessage, number>();
  /** Sessions with something in `deleted`. */
  readonly #deleting: StoredSession[] = [];
  /** The last word on each topic; undefined = deleted. */
  readonly #retained = new Map<string, ApplicationMessage | undefined>();
  /** Changes of sessions, subscriptions and incoming identifiers, packed as they came. */
  readonly #others = new PackedWriter();

  /** @param nextBodyKey the first key that no body in the file has. */
  constructor(public nextBodyKey: number) {}

  /** Nothing was told since the last `pack`. */
  get isEmpty(): boolean {
    return this.#isEmpty;
  }

  /** Nothing is left to be written. */
  get isVoid(): boolean {
    return !this.#isTouched && this.#liveSlots === 0 && this.#deleting.length === 0 && this.#retained.size === 0 &&
      this.#others.length === 0;
  }

  /** What it holds in memory. */
  get bytes(): number {
    return this.#bytes + this.#others.length;
  }

  /** Something is to be written although nothing was told: the time. */
  touch(): void {
    this.#isEmpty = false;
    this.#isTouched = true;
  }

  putOutgoing(session: StoredSession, outgoing: OutgoingMessage): void {
    this.#isEmpty = false;
    const progress = outgoing.state << 16 | outgoing.packetIdentifier;
    if (outgoing.batchNumber === this.number) {
      this.#slotProgress[outgoing.batchSlot] = progress;
      return;
    }
    outgoing.batchNumber = this.number;
    outgoing.batchSlot = this.#slots.length;
    this.#slots.push(outgoing);
    this.#slotSessions.push(session);
    this.#slotProgress.push(progress);
    this.#liveSlots++;
    this.#bytes += CHANGE_BYTES;
    this.#hold(outgoing);
    // What changes of a message in the file, it changes when the message has left the queue.
    if (!outgoing.isOnDisk) session.lastPut = this.number;
    if (this.#slots.length > SLOTS_KEPT && this.#slots.length > this.#liveSlots * 2) this.#closeGaps();
  }

  deleteOutgoing(session: StoredSession, outgoing: OutgoingMessage): void {
    this.#isEmpty = false;
    if (outgoing.batchNumber === this.number) {
      this.#slots[outgoing.batchSlot] = undefined;
      this.#liveSlots--;
      this.#bytes -= CHANGE_BYTES;
      this.#letGo(outgoing);
      outgoing.batchNumber = 0;
    }
    if (!outgoing.isOnDisk) return;
    outgoing.isOnDisk = false;
    const { deleted } = session;
    const { position } = outgoing;
    // Of the batches before the one that the disk may have, nothing needs to be known.
    if (position > session.deletedUpTo || session.deletedUpToIn < this.number - 1) session.deletedUpTo = position;
    session.deletedUpToIn = this.number;
    if (deleted.length === 0) this.#deleting.push(session);
    else if (deleted[deleted.length - 1] === position - 1) {
      deleted[deleted.length - 1] = position;
      return;
    }
    deleted.push(position, position);
    this.#bytes += CHANGE_BYTES;
  }

  putRetained(message: ApplicationMessage): void {
    this.#setRetained(message.topicName, message);
  }

  deleteRetained(topicName: string): void {
    this.#setRetained(topicName, undefined);
  }

  putSession(session: StoredSession, record: SessionRecord): void {
    packSession(this.#other(Change.PutSession, session), record);
  }

  deleteSession(session: StoredSession): void {
    session.isGone = true;
    this.#other(Change.DeleteSession, session);
  }

  putSubscription(session: StoredSession, record: SubscriptionRecord): void {
    packSubscription(this.#other(Change.PutSubscription, session), record);
  }

  deleteSubscription(session: StoredSession, fullFilter: string): void {
    this.#other(Change.DeleteSubscription, session).string(fullFilter);
  }

  putIncomingQoS2(session: StoredSession, packetIdentifier: number): void {
    this.#other(Change.PutIncomingQoS2, session).uint16(packetIdentifier);
  }

  deleteIncomingQoS2(session: StoredSession, packetIdentifier: number): void {
    this.#other(Change.DeleteIncomingQoS2, session).uint16(packetIdentifier);
  }

  /** Writes the batch out, and begins the next one. */
  pack(writer: PackedWriter, storeMs: number, machineMs: number): void {
    writer.reserve(this.bytes);
    writer.float64(storeMs);
    writer.float64(machineMs);
    /** Keys of the bodies that this batch holds already. */
    const bodies = new Set<number>();
    this.#packOutgoing(writer, bodies);
    this.#packRetained(writer, bodies);
    for (const session of this.#deleting) packDeleted(writer, session);
    // Sessions are deleted last: what was told of them before goes with them.
    writer.raw(this.#others.written);
    this.begin();
  }

  /** Forgets everything, and takes the next number. */
  begin(): void {
    this.number++;
    this.#isEmpty = true;
    this.#isTouched = false;
    this.#bytes = 0;
    this.#slots.length = 0;
    this.#slotSessions.length = 0;
    this.#slotProgress.length = 0;
    this.#liveSlots = 0;
    this.#holders.clear();
    for (const session of this.#deleting) session.deleted.length = 0;
    this.#deleting.length = 0;
    this.#retained.clear();
    this.#others.clear();
  }

  #setRetained(topicName: string, message: ApplicationMessage | undefined): void {
    this.#isEmpty = false;
    const former = this.#retained.get(topicName);
    if (former !== undefined) this.#bytes -= former.bytes;
    if (former !== undefined || this.#retained.has(topicName)) this.#bytes -= CHANGE_BYTES + topicName.length;
    this.#retained.set(topicName, message);
    this.#bytes += CHANGE_BYTES + topicName.length + (message?.bytes ?? 0);
  }

  /** A long message counts once, however many sessions it is for; one that is in the file already, nothing. */
  #hold(outgoing: OutgoingMessage): void {
    if (outgoing.isOnDisk) return;
    const { messageBytes, message } = outgoing;
    if (messageBytes <= INLINE_BYTES_MAX) {
      this.#bytes += messageBytes;
      return;
    }
    const holders = this.#holders.get(message) ?? 0;
    if (holders === 0) this.#bytes += messageBytes;
    this.#holders.set(message, holders + 1);
  }

  #letGo(outgoing: OutgoingMessage): void {
    if (outgoing.isOnDisk) return;
    const { messageBytes, message } = outgoing;
    if (messageBytes > INLINE_BYTES_MAX) {
      const holders = this.#holders.get(message)! - 1;
      if (holders > 0) {
        this.#holders.set(message, holders);
        return;
      }
      this.#holders.delete(message);
    }
    this.#bytes -= messageBytes;
  }

  /** While the disk takes nothing, what comes and goes must not pile up. */
  #closeGaps(): void {
    let to = 0;
    for (let from = 0; from < this.#slots.length; from++) {
      const outgoing = this.#slots[from];
      if (outgoing === undefined) continue;
      this.#slots[to] = outgoing;
      this.#slotSessions[to] = this.#slotSessions[from];
      this.#slotProgress[to] = this.#slotProgress[from];
      outgoing.batchSlot = to++;
    }
    this.#slots.length = this.#slotSessions.length = this.#slotProgress.length = to;
  }

  #other(change: number, session: StoredSession): PackedWriter {
    this.#isEmpty = false;
    this.#others.uint8(change);
    this.#others.float64(session.key);
    return this.#others;
  }

  #packOutgoing(writer: PackedWriter, bodies: Set<number>): void {
    const slots = this.#slots;
    for (let i = 0; i < slots.length; i++) {
      const outgoing = slots[i];
      const session = this.#slotSessions[i];
      if (outgoing === undefined || session.isGone) continue;
      const { message } = outgoing;
      const progress = this.#slotProgress[i];
      if (outgoing.isOnDisk) {
        packProgress(writer, session, outgoing, progress);
        continue;
      }
      outgoing.isOnDisk = true;
      const isShared = message.bodyKey !== 0 || message.retain || !isShort(outgoing) ||
        this.#liveAfter(i)?.message === message; // the receivers of one message come one after the other
      const bodyKey = isShared ? this.#packBody(writer, message, bodies) : 0;
      packOutgoing(writer, session, outgoing, progress, bodyKey);
    }
  }

  #liveAfter(slot: number): OutgoingMessage | undefined {
    for (let i = slot + 1; i < this.#slots.length; i++) if (this.#slots[i] !== undefined) return this.#slots[i];
    return undefined;
  }

  #packRetained(writer: PackedWriter, bodies: Set<number>): void {
    for (const [topicName, message] of this.#retained) {
      if (message === undefined) {
        writer.uint8(Change.DeleteRetained);
        writer.string(topicName);
        continue;
      }
      const isShared = message.bodyKey !== 0 || message.bytes > INLINE_BYTES_MAX;
      const bodyKey = isShared ? this.#packBody(writer, message, bodies) : 0;
      writer.uint8(Change.PutRetained);
      writer.string(topicName);
      packReference(writer, message, bodyKey);
    }
  }

  /** Also one that is on the disk already: it may be gone by the time of this batch, and one that is there is left alone. */
  #packBody(writer: PackedWriter, message: ApplicationMessage, bodies: Set<number>): number {
    if (message.bodyKey === 0) message.bodyKey = this.nextBodyKey++;
    if (bodies.has(message.bodyKey)) return message.bodyKey;
    bodies.add(message.bodyKey);
    writer.uint8(Change.PutBody);
    writer.float64(message.bodyKey);
    packMessage(writer, message);
    return message.bodyKey;
  }
}

/** With what stands beside the message in its row. */
function isShort({ messageBytes, sharedBy }: OutgoingMessage): boolean {
  return messageBytes + (sharedBy?.fullFilter.length ?? 0) <= INLINE_BYTES_MAX;
}
