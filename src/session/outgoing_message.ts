/** One QoS 1 or QoS 2 message on its way to one Client: queued, sent, acknowledged. Spec §4.3, §4.4.
 * The same object moves from the pending queue to the outgoing window. Room: pure. @module */

import { type ApplicationMessage, deliveryBytes } from "../packet/application_message.ts";
import type { Subscription } from "./subscription.ts";

/** What the sender waits for. §4.3.2, §4.3.3 */
export const OutgoingState = {
  /** In the pending queue, without a Packet Identifier. */
  Queued: 0,
  AwaitingPuback: 1,
  AwaitingPubrec: 2,
  AwaitingPubcomp: 3,
} as const;
export type OutgoingState = typeof OutgoingState[keyof typeof OutgoingState];

export class OutgoingMessage {
  state: OutgoingState = OutgoingState.Queued;
  /** 0 while queued. */
  packetIdentifier = 0;
  /** The PUBLISH left at least once: the next time DUP is 1 [MQTT-3.3.1-1]. */
  wasSent = false;
  /** It took one from the send quota of this Network Connection, and its end gives it back. */
  takesQuota = false;
  /** The window's own note: those that were opened earlier have smaller numbers. */
  openedAs = 0;
  /** The place in the session's order, unique within the session and growing: the store's key. 0 = not stored. */
  position = 0;
  /** The store's ticket before which a QoS 2 PUBLISH must not leave. 0 = none. */
  waitsForTicket = 0;

  /** The store's own notes, which nobody else reads: it has handed the message to the disk; the batch and the place in it
   * that hold the last change. */
  isOnDisk = false;
  batchNumber = 0;
  batchSlot = 0;

  /** Bytes that the queue's limit counts: what this message would free. */
  readonly bytes: number;
  #hasEnded = false;

  constructor(
    /** Owned or leased: it outlives the turn. */
    readonly message: ApplicationMessage,
    readonly qos: 1 | 2,
    readonly retain: boolean,
    readonly subscriptionIdentifiers: readonly number[] | undefined,
    /** Milliseconds of the wall clock; Infinity = never. */
    readonly expiresAtMs: number,
    /** The Shared Subscription that chose this session, so that another member can take over. */
    readonly sharedBy: Subscription | undefined,
  ) {
    message.hold();
    this.bytes = OUTGOING_OVERHEAD_BYTES + deliveryBytes(message, subscriptionIdentifiers);
  }

  /** It is finished: its message is no longer kept for its sake. A second call does nothing. */
  end(): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.message.letGo();
  }

  /** Of the message and its Subscription Identifiers: as the store counts it. */
  get messageBytes(): number {
    return this.bytes - OUTGOING_OVERHEAD_BYTES;
  }
}

/** What one queued message costs beside its bytes: the objects around it, measured with a million of them. */
export const OUTGOING_OVERHEAD_BYTES = 160;
