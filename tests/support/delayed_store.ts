/** A store whose disk is as slow as the test wants, and whose machine can crash: changes reach the MemoryStore inside
 * only when their batch is committed.
 * It commits by itself, in a turn after the one that told it, until `hold` is called. @module */

import type { ApplicationMessage } from "../../src/packet/application_message.ts";
import { MemoryStore } from "../../src/persistence/memory_store.ts";
import type { SessionRecord, Store, StoreVisitor, SubscriptionRecord } from "../../src/persistence/store.ts";
import { OutgoingMessage } from "../../src/session/outgoing_message.ts";

interface Change {
  readonly apply: (store: MemoryStore) => void;
  readonly bytes: number;
}

/** What a change without a message counts. */
const CHANGE_BYTES = 100;

export class DelayedStore implements Store {
  /** What has survived. */
  readonly memory: MemoryStore;
  onSafe: (() => void) | undefined = undefined;
  trouble: string | undefined = undefined;
  wallOffsetMs = 0;
  readonly canRead = true;
  #changes = 0;
  #ticket = 0;
  #safe = 0;
  /** The batch that is gathered has the number after the last one that was handed over. */
  #handedOver = 0;
  #gathered: Change[] = [];
  #batches: Change[][] = [];
  #waitingBytes = 0;
  #isHeld = false;
  #isCrashed = false;
  /** Reads that wait for what was told before them. */
  #readers: (() => void)[] = [];
  #wake: (() => void) | undefined;

  /** @param memory what an earlier store left. */
  constructor(memory = new MemoryStore()) {
    this.memory = memory;
  }

  get changes(): number {
    return this.#changes;
  }

  get ticket(): number {
    return this.#ticket;
  }

  get safe(): number {
    return this.#safe;
  }

  get waitingBytes(): number {
    return this.#waitingBytes;
  }

  /** Batches that were handed over and are not safe. */
  get waiting(): number {
    return this.#batches.length;
  }

  /** From now on nothing becomes safe until `commit` or `release`. */
  hold(): void {
    this.#isHeld = true;
  }

  /** Resolves when `count` batches wait for the disk. */
  async held(count = 1): Promise<void> {
    while (this.#batches.length < count) await new Promise<void>((resolve) => this.#wake = resolve);
  }

  /** The disk writes the oldest batches that wait: all, or so many. */
  commit(count = this.#batches.length): void {
    if (this.#isCrashed) return;
    for (const batch of this.#batches.splice(0, count)) {
      for (const { apply, bytes } of batch) {
        apply(this.memory);
        this.#waitingBytes -= bytes;
      }
      this.#safe++;
    }
    this.onSafe?.();
    for (const read of this.#readers.splice(0)) read();
  }

  /** The disk is quick again. */
  release(): void {
    this.#isHeld = false;
    this.commit();
  }

  /** The machine stops at this instant: what is not safe is lost, and so is all that the broker does from now on.
   * @returns what a broker after the crash finds. */
  crash(): DelayedStore {
    this.#isCrashed = true;
    return new DelayedStore(this.memory);
  }

  load(visitor: StoreVisitor): Promise<void> {
    return this.memory.load(visitor);
  }

  putSession(record: SessionRecord): void {
    this.#tell((store) => store.putSession(record));
  }

  deleteSession(clientId: string): void {
    this.#tell((store) => store.deleteSession(clientId));
  }

  putSubscription(clientId: string, record: SubscriptionRecord): void {
    this.#tell((store) => store.putSubscription(clientId, record));
  }

  deleteSubscription(clientId: string, fullFilter: string): void {
    this.#tell((store) => store.deleteSubscription(clientId, fullFilter));
  }

  putOutgoing(clientId: string, outgoing: OutgoingMessage): void {
    const asItIs = copyOf(outgoing);
    this.#tell((store) => store.putOutgoing(clientId, asItIs), outgoing.message.buffer.byteLength);
  }

  deleteOutgoing(clientId: string, outgoing: OutgoingMessage): void {
    const asItIs = copyOf(outgoing);
    this.#tell((store) => store.deleteOutgoing(clientId, asItIs));
  }

  /** In a turn after the one that asked, behind everything that was told before. */
  readOutgoing(...[clientId, first, last, bytesMax, answer]: Parameters<Store["readOutgoing"]>): void {
    this.endTurn();
    const ticket = this.#handedOver;
    const read = () => {
      if (this.#isCrashed) return;
      if (this.#safe >= ticket) this.memory.readOutgoing(clientId, first, last, bytesMax, answer);
      else this.#readers.push(read);
    };
    setTimeout(read);
  }

  putIncomingQoS2(clientId: string, packetIdentifier: number): void {
    this.#tell((store) => store.putIncomingQoS2(clientId, packetIdentifier));
  }

  deleteIncomingQoS2(clientId: string, packetIdentifier: number): void {
    this.#tell((store) => store.deleteIncomingQoS2(clientId, packetIdentifier));
  }

  putRetained(message: ApplicationMessage): void {
    this.#tell((store) => store.putRetained(message), message.buffer.byteLength);
  }

  deleteRetained(topicName: string): void {
    this.#tell((store) => store.deleteRetained(topicName));
  }

  endTurn(): void {
    if (this.#gathered.length === 0) return;
    this.#batches.push(this.#gathered);
    this.#gathered = [];
    this.#handedOver++;
    this.#wake?.();
    if (!this.#isHeld) setTimeout(() => this.#isHeld || this.commit());
  }

  close(): Promise<void> {
    this.endTurn();
    this.#isHeld = false;
    this.commit();
    return Promise.resolve();
  }

  #tell(apply: Change["apply"], messageBytes = 0): void {
    this.#changes++;
    this.#ticket = this.#handedOver + 1;
    const bytes = CHANGE_BYTES + messageBytes;
    this.#waitingBytes += bytes;
    this.#gathered.push({ apply, bytes });
  }
}

/** The broker goes on changing its own. */
function copyOf(outgoing: OutgoingMessage): OutgoingMessage {
  const { message, qos, retain, subscriptionIdentifiers, expiresAtMs, sharedBy } = outgoing;
  const copy = new OutgoingMessage(message, qos, retain, subscriptionIdentifiers, expiresAtMs, sharedBy);
  return Object.assign(copy, outgoing);
}
