/** What the client tells its store, if it has one, and what must not leave before the store is safe. The same rules as the
 * broker's: an outgoing QoS 2 identifier before its PUBLISH, the state before PUBREL, an incoming identifier before PUBREC
 * and its release before PUBCOMP. Without a store everything is safe at once. @module */

import { RingQueue } from "../base/ring_queue.ts";
import type { Store } from "../persistence/store.ts";
import type { OutgoingMessage } from "../session/outgoing_message.ts";

interface Held {
  readonly ticket: number;
  readonly action: () => void;
}

export class SessionJournal {
  /** By rising ticket: they are held in the order of the changes. */
  readonly #held = new RingQueue<Held>();
  #isDirty = false;

  /** @param endOfTurn calls back after what is under way: then what was gathered goes to the disk. */
  constructor(
    readonly store: Store | undefined,
    readonly clientId: string,
    readonly endOfTurn: (callback: () => void) => void,
    /** Begins a turn of the engine for what was held. */
    readonly inTurn: (action: () => void) => void,
  ) {
    if (store !== undefined) store.onSafe = () => this.#release();
  }

  get isKept(): boolean {
    return this.store !== undefined;
  }

  /** Why the disk refuses. */
  get trouble(): string | undefined {
    return this.store?.trouble;
  }

  putSession(sessionExpiryInterval: number): void {
    if (this.store === undefined) return;
    this.store.putSession({
      clientId: this.clientId,
      userName: undefined,
      remoteHost: "",
      isConnected: false,
      sessionExpiryInterval,
      expiresAtMs: Infinity,
      will: undefined,
      willDueAtMs: Infinity,
    });
    this.#changed();
  }

  putOutgoing(outgoing: OutgoingMessage): void {
    if (this.store === undefined) return;
    this.store.putOutgoing(this.clientId, outgoing);
    outgoing.waitsForTicket = this.store.ticket;
    this.#changed();
  }

  deleteOutgoing(outgoing: OutgoingMessage): void {
    if (this.store === undefined || outgoing.position === 0) return;
    this.store.deleteOutgoing(this.clientId, outgoing);
    outgoing.position = 0;
    this.#changed();
  }

  /** What was told of it last has survived. */
  isSafe(outgoing: OutgoingMessage): boolean {
    return this.store === undefined || outgoing.waitsForTicket <= this.store.safe;
  }

  putIncomingQoS2(packetIdentifier: number): void {
    if (this.store === undefined) return;
    this.store.putIncomingQoS2(this.clientId, packetIdentifier);
    this.#changed();
  }

  deleteIncomingQoS2(packetIdentifier: number): void {
    if (this.store === undefined) return;
    this.store.deleteIncomingQoS2(this.clientId, packetIdentifier);
    this.#changed();
  }

  /** Runs `action` when every change told so far is safe, behind those that wait already; at once if nothing waits. */
  whenSafe(action: () => void): void {
    const { store } = this;
    if (store === undefined || (this.#held.length === 0 && store.ticket <= store.safe)) action();
    else this.#held.push({ ticket: store.ticket, action });
  }

  /** Nothing that is held happens any more. */
  close(): void {
    this.#held.clear();
    if (this.store !== undefined) this.store.onSafe = undefined;
  }

  #changed(): void {
    if (this.#isDirty) return;
    this.#isDirty = true;
    this.endOfTurn(() => {
      this.#isDirty = false;
      this.store!.endTurn();
    });
  }

  #release(): void {
    this.inTurn(() => {
      const { safe } = this.store!;
      for (let held = this.#held.peek(); held !== undefined && held.ticket <= safe; held = this.#held.peek()) {
        this.#held.shift();
        held.action();
      }
    });
  }
}
