/** Contract: what must survive a restart. Types only.
 *
 * The dispatcher tells the store of each change as it makes it (all calls are synchronous and return at once), and the
 * store gathers them: the changes of one turn are one batch. `ticket` is the number of the batch of the last change;
 * when `safe` has reached a ticket, everything that was told before under it has survived whatever may happen. What
 * acknowledges a change waits for that. A store without a disk is always safe.
 * Only sessions that persist, those that have a Will Message (a broker that dies owes it), and retained messages are ever
 * told of: what is not persistent costs nothing here.
 * A message body may be referred to by many outgoing messages and a retained one: it is the same body when
 * `ApplicationMessage.serial` is the same, and is kept once. @module */

import type { ApplicationMessage } from "../packet/application_message.ts";
import type { OutgoingMessage } from "../session/outgoing_message.ts";
import type { Will } from "../session/will.ts";
import type { QoS } from "../packet/control_packet.ts";

export interface SessionRecord {
  readonly clientId: string;
  readonly userName: string | undefined;
  /** Where its Client is or was last: rules may go by it when the Will Message is sent. */
  readonly remoteHost: string;
  /** false: `expiresAtMs` and `willDueAtMs` are its deadlines. true, after a restart: its Client has lost its connection
   * with the broker that was. */
  readonly isConnected: boolean;
  /** Seconds. */
  readonly sessionExpiryInterval: number;
  /** Milliseconds of the wall clock; Infinity = connected, or never. */
  readonly expiresAtMs: number;
  readonly will: Will | undefined;
  /** Milliseconds of the wall clock at which the Will Message is due; Infinity = its Client is connected. */
  readonly willDueAtMs: number;
}

export interface SubscriptionRecord {
  /** With `$share/name/`. */
  readonly fullFilter: string;
  readonly qos: QoS;
  readonly noLocal: boolean;
  readonly retainAsPublished: boolean;
  /** 0 = none. */
  readonly subscriptionIdentifier: number;
}

/** One queued or unfinished message of a session. `position` gives the order. */
export interface OutgoingRecord {
  readonly message: ApplicationMessage;
  readonly qos: 1 | 2;
  readonly retain: boolean;
  readonly subscriptionIdentifiers: readonly number[] | undefined;
  readonly expiresAtMs: number;
  /** The full filter of the Shared Subscription that it came by. */
  readonly sharedFilter: string | undefined;
  readonly state: number;
  readonly packetIdentifier: number;
  readonly position: number;
}

/** Queued messages of one session that are left in the store: those between two positions, both included. */
export interface QueuedRun {
  readonly firstPosition: number;
  readonly lastPosition: number;
  /** At least 1. */
  readonly messages: number;
  /** Of all of them, by `deliveryBytes`. */
  readonly messageBytes: number;
}

/** Takes in what an earlier broker left, in this order: each session, then its subscriptions, its outgoing messages and
 * runs of them by position, its incoming QoS 2 identifiers; retained messages in between or after.
 * A store that `canRead` gives queued messages as runs, unless they came by a Shared Subscription: those may have to be
 * handed over at once. */
export interface StoreVisitor {
  session(record: SessionRecord): void;
  subscription(clientId: string, record: SubscriptionRecord): void;
  outgoing(clientId: string, record: OutgoingRecord): void;
  queuedRun(clientId: string, run: QueuedRun): void;
  incomingQoS2(clientId: string, packetIdentifier: number): void;
  retained(message: ApplicationMessage): void;
}

export interface Store {
  /** Called once, before any change. @throws when what is there cannot be read; the broker must not start. */
  load(visitor: StoreVisitor): Promise<void>;

  putSession(record: SessionRecord): void;
  /** And all that belongs to it. */
  deleteSession(clientId: string): void;
  putSubscription(clientId: string, record: SubscriptionRecord): void;
  deleteSubscription(clientId: string, fullFilter: string): void;
  /** A new one, or a changed `state` and `packetIdentifier` of the same position. */
  putOutgoing(clientId: string, outgoing: OutgoingMessage): void;
  deleteOutgoing(clientId: string, outgoing: OutgoingMessage): void;
  /** true: what waits long need not stay in memory, since `readOutgoing` brings it back. */
  readonly canRead: boolean;
  /** Reads queued messages of a session, by position from `firstPosition` to `lastPosition`, and stops after the one with
   * which `bytesMax` by `deliveryBytes` are reached. Sees every change that was told before, and waits for it if need be.
   * @param answer called once, later, never from within a call of the dispatcher; not called any more once the session
   * is deleted. An empty list = none is there. An Error: the disk cannot be read; may be tried again. */
  readOutgoing(
    clientId: string,
    firstPosition: number,
    lastPosition: number,
    bytesMax: number,
    answer: (records: readonly OutgoingRecord[] | Error) => void,
  ): void;

  putIncomingQoS2(clientId: string, packetIdentifier: number): void;
  deleteIncomingQoS2(clientId: string, packetIdentifier: number): void;
  putRetained(message: ApplicationMessage): void;
  deleteRetained(topicName: string): void;

  /** Number of changes told so far: the same before and after means that nothing needs to wait. */
  readonly changes: number;
  /** The batch that holds the last change. */
  readonly ticket: number;
  /** All batches up to this one are safe. Never above `ticket`; equal to it in a store without a disk. */
  readonly safe: number;
  /** Bytes of the changes that are not safe yet: when the disk is slower than the publishers, these wait. */
  readonly waitingBytes: number;
  /** Called after `safe` grew, never from within a call of the dispatcher. */
  onSafe: (() => void) | undefined;
  /** The turn is over: what was gathered may be handed to the disk. Cheap when there is nothing. */
  endTurn(): void;
  /** undefined: all is well. Otherwise why the disk refuses (full, read-only, broken), for people; what was told waits, and
   * is written when it takes it again. Meanwhile requests that need it are refused with Quota exceeded. */
  readonly trouble: string | undefined;
  /** Milliseconds to add to the machine's wall clock for the time that deadlines are told in. Known after `load`. Not 0 when
   * the clock was set since the store began: deadlines then keep what was left of them. */
  readonly wallOffsetMs: number;
  /** Waits until everything told is safe, or the disk has refused it once more, then ends. */
  close(): Promise<void>;
}
