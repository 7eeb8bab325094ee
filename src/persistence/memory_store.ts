/** The store without a disk: keeps everything for as long as the process lives. For embedding, and as the model that a
 * store with a disk is tested against.
 * A dispatcher that is made anew on the same MemoryStore goes on where the former one was. @module */

import { type ApplicationMessage, deliveryBytes } from "../packet/application_message.ts";
import type { OutgoingMessage } from "../session/outgoing_message.ts";
import type { OutgoingRecord, SessionRecord, Store, StoreVisitor, SubscriptionRecord } from "./store.ts";

interface StoredSession {
  record: SessionRecord;
  readonly subscriptions: Map<string, SubscriptionRecord>;
  readonly outgoing: Map<number, OutgoingRecord>;
  readonly incomingQoS2: Set<number>;
}

export class MemoryStore implements Store {
  readonly #sessions = new Map<string, StoredSession>();
  readonly #retained = new Map<string, ApplicationMessage>();
  #changes = 0;
  /** Nothing to wait for: memory is as safe as it gets here. */
  readonly ticket = 0;
  readonly safe = 0;
  readonly waitingBytes = 0;
  readonly trouble = undefined;
  readonly wallOffsetMs = 0;
  /** What is read back from memory saves none. */
  readonly canRead = false;
  onSafe: (() => void) | undefined = undefined;

  get changes(): number {
    return this.#changes;
  }

  load(visitor: StoreVisitor): Promise<void> {
    for (const [clientId, stored] of this.#sessions) {
      visitor.session(stored.record);
      for (const record of stored.subscriptions.values()) visitor.subscription(clientId, record);
      const inOrder = [...stored.outgoing.values()].sort((a, b) => a.position - b.position);
      for (const record of inOrder) visitor.outgoing(clientId, record);
      for (const packetIdentifier of stored.incomingQoS2) visitor.incomingQoS2(clientId, packetIdentifier);
    }
    for (const message of this.#retained.values()) visitor.retained(message);
    return Promise.resolve();
  }

  putSession(record: SessionRecord): void {
    this.#changes++;
    const stored = this.#sessions.get(record.clientId);
    if (stored !== undefined) {
      stored.record = record;
      return;
    }
    this.#sessions.set(record.clientId, {
      record,
      subscriptions: new Map(),
      outgoing: new Map(),
      incomingQoS2: new Set(),
    });
  }

  deleteSession(clientId: string): void {
    this.#changes++;
    this.#sessions.delete(clientId);
  }

  putSubscription(clientId: string, record: SubscriptionRecord): void {
    this.#changes++;
    this.#sessions.get(clientId)?.subscriptions.set(record.fullFilter, record);
  }

  deleteSubscription(clientId: string, fullFilter: string): void {
    this.#changes++;
    this.#sessions.get(clientId)?.subscriptions.delete(fullFilter);
  }

  putOutgoing(clientId: string, outgoing: OutgoingMessage): void {
    this.#changes++;
    this.#sessions.get(clientId)?.outgoing.set(outgoing.position, {
      message: outgoing.message,
      qos: outgoing.qos,
      retain: outgoing.retain,
      subscriptionIdentifiers: outgoing.subscriptionIdentifiers,
      expiresAtMs: outgoing.expiresAtMs,
      sharedFilter: outgoing.sharedBy?.fullFilter,
      state: outgoing.state,
      packetIdentifier: outgoing.packetIdentifier,
      position: outgoing.position,
    });
  }

  deleteOutgoing(clientId: string, outgoing: OutgoingMessage): void {
    this.#changes++;
    this.#sessions.get(clientId)?.outgoing.delete(outgoing.position);
  }

  readOutgoing(
    clientId: string,
    firstPosition: number,
    lastPosition: number,
    bytesMax: number,
    answer: (records: readonly OutgoingRecord[] | Error) => void,
  ): void {
    const asked = this.#sessions.get(clientId);
    queueMicrotask(() => {
      const stored = this.#sessions.get(clientId);
      if (stored === undefined || stored !== asked) return;
      const inOrder = [...stored.outgoing.values()]
        .filter(({ position, packetIdentifier }) =>
          position >= firstPosition && position <= lastPosition && packetIdentifier === 0
        )
        .sort((a, b) => a.position - b.position);
      const records: OutgoingRecord[] = [];
      for (let bytes = 0, i = 0; i < inOrder.length && bytes < bytesMax; i++) {
        records.push(inOrder[i]);
        bytes += deliveryBytes(inOrder[i].message, inOrder[i].subscriptionIdentifiers);
      }
      answer(records);
    });
  }

  putIncomingQoS2(clientId: string, packetIdentifier: number): void {
    this.#changes++;
    this.#sessions.get(clientId)?.incomingQoS2.add(packetIdentifier);
  }

  deleteIncomingQoS2(clientId: string, packetIdentifier: number): void {
    this.#changes++;
    this.#sessions.get(clientId)?.incomingQoS2.delete(packetIdentifier);
  }

  putRetained(message: ApplicationMessage): void {
    this.#changes++;
    this.#retained.set(message.topicName, message);
  }

  deleteRetained(topicName: string): void {
    this.#changes++;
    this.#retained.delete(topicName);
  }

  endTurn(): void {}

  close(): Promise<void> {
    return Promise.resolve();
  }
}
