/** A store whose disk is as slow as the test wants, and whose machine can crash: changes reach the MemoryStore inside
 * only when their batch is committed. It gives queued messages as runs and reads them back, as one with a disk does.
 * It commits and answers by itself, in a turn after the one that told it, until `hold` is called. @module */

import { type ApplicationMessage, deliveryBytes } from "../../src/packet/application_message.ts";
import { MemoryStore } from "../../src/persistence/memory_store.ts";
import type {
  OutgoingRecord,
  SessionRecord,
  Store,
  StoreVisitor,
  SubscriptionRecord,
} from "../../src/persistence/store.ts";
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
  #readers: Reader[] = [];
  /** Told; the store inside may not know yet. */
  readonly #deletions = new Map<string, number>();
  #wake: (() => void) | undefined;
  /** What reads are answered with, instead of records. */
  readError: Error | undefined = undefined;
  /** Reads that were answered. */
  readsAnswered = 0;
  /** All that was asked, in its order. */
  readonly reads: { readonly clientId: string; readonly bytesMax: number }[] = [];

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

  /** Reads that may be answered: all that was told before them is safe. */
  get readable(): number {
    return this.#readers.filter(({ ticket }) => ticket <= this.#safe).length;
  }

  /** From now on nothing becomes safe until `commit` or `release`, and nothing is read until `answerRead` or `release`. */
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
    if (!this.#isHeld) this.#answerReadable();
  }

  /** The oldest read that may be answered is. */
  answerRead(): void {
    const index = this.#readers.findIndex(({ ticket }) => ticket <= this.#safe);
    if (index === -1 || this.#isCrashed) return;
    const [{ clientId, deletions, first, last, bytesMax, answer }] = this.#readers.splice(index, 1);
    if (this.#deletionsOf(clientId) !== deletions) return;
    this.readsAnswered++;
    answer(this.readError ?? this.#read(clientId, first, last, bytesMax));
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
    const { visit, end } = withRuns(visitor);
    const loaded = this.memory.load(visit);
    end();
    return loaded;
  }

  putSession(record: SessionRecord): void {
    this.#tell((store) => store.putSession(record), record.will?.message.buffer.byteLength);
  }

  deleteSession(clientId: string): void {
    this.#deletions.set(clientId, this.#deletionsOf(clientId) + 1);
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
    this.#tell((store) => store.putOutgoing(clientId, asItIs), outgoing.messageBytes);
  }

  deleteOutgoing(clientId: string, outgoing: OutgoingMessage): void {
    const asItIs = copyOf(outgoing);
    this.#tell((store) => store.deleteOutgoing(clientId, asItIs));
  }

  readOutgoing(...[clientId, first, last, bytesMax, answer]: Parameters<Store["readOutgoing"]>): void {
    const deletions = this.#deletionsOf(clientId);
    this.reads.push({ clientId, bytesMax });
    this.#readers.push({ ticket: this.#ticket, clientId, deletions, first, last, bytesMax, answer });
    if (!this.#isHeld) setTimeout(() => this.#isHeld || this.#answerReadable());
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

  #answerReadable(): void {
    for (let left = this.readable; left > 0 && !this.#isCrashed; left--) this.answerRead();
  }

  #deletionsOf(clientId: string): number {
    return this.#deletions.get(clientId) ?? 0;
  }

  #read(clientId: string, first: number, last: number, bytesMax: number): OutgoingRecord[] {
    const records: OutgoingRecord[] = [];
    let bytes = 0;
    const ignore = () => {};
    this.memory.load({
      session: ignore,
      subscription: ignore,
      queuedRun: ignore,
      incomingQoS2: ignore,
      retained: ignore,
      outgoing: (owner, record) => {
        const { position, packetIdentifier, message, subscriptionIdentifiers } = record;
        if (owner !== clientId || packetIdentifier !== 0 || position < first || position > last) return;
        if (bytes < bytesMax) records.push(record);
        bytes += deliveryBytes(message, subscriptionIdentifiers);
      },
    });
    return records;
  }

  #tell(apply: Change["apply"], messageBytes = 0): void {
    this.#changes++;
    this.#ticket = this.#handedOver + 1;
    const bytes = CHANGE_BYTES + messageBytes;
    this.#waitingBytes += bytes;
    this.#gathered.push({ apply, bytes });
  }
}

interface Reader {
  readonly ticket: number;
  readonly clientId: string;
  /** Sessions of this Client that had been deleted by then. */
  readonly deletions: number;
  readonly first: number;
  readonly last: number;
  readonly bytesMax: number;
  readonly answer: Parameters<Store["readOutgoing"]>[4];
}

/** What waits for no Packet Identifier and did not come by a Shared Subscription is told of as runs. */
function withRuns(visitor: StoreVisitor): { readonly visit: StoreVisitor; readonly end: () => void } {
  let run: OutgoingRecord[] = [];
  let owner = "";
  const endRun = () => {
    if (run.length === 0) return;
    visitor.queuedRun(owner, {
      firstPosition: run[0].position,
      lastPosition: run[run.length - 1].position,
      messages: run.length,
      messageBytes: run.reduce(
        (sum, { message, subscriptionIdentifiers }) => sum + deliveryBytes(message, subscriptionIdentifiers),
        0,
      ),
    });
    run = [];
  };
  const visit: StoreVisitor = {
    session: (record) => {
      endRun();
      visitor.session(record);
    },
    subscription: (clientId, record) => visitor.subscription(clientId, record),
    outgoing: (clientId, record) => {
      owner = clientId;
      if (record.packetIdentifier === 0 && record.sharedFilter === undefined) run.push(record);
      else {
        // One in flight may stand among those of a run; one of a Shared Subscription ends it.
        if (record.packetIdentifier === 0) endRun();
        visitor.outgoing(clientId, record);
      }
    },
    queuedRun: (clientId, record) => visitor.queuedRun(clientId, record),
    incomingQoS2: (clientId, packetIdentifier) => {
      endRun();
      visitor.incomingQoS2(clientId, packetIdentifier);
    },
    retained: (message) => {
      endRun();
      visitor.retained(message);
    },
  };
  return { visit, end: endRun };
}

/** The broker goes on changing its own. */
function copyOf(outgoing: OutgoingMessage): OutgoingMessage {
  const { message, qos, retain, subscriptionIdentifiers, expiresAtMs, sharedBy } = outgoing;
  const copy = new OutgoingMessage(message, qos, retain, subscriptionIdentifiers, expiresAtMs, sharedBy);
  return Object.assign(copy, outgoing);
}
