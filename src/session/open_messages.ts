/** The unfinished messages of one window, by Packet Identifier. Identifiers rise, so those in use stand close together, and
 * the low bits of an identifier are its place: no hashing, and nothing is made for a message. Room: pure. @module */

import type { OutgoingMessage } from "./outgoing_message.ts";

const SLOTS_FIRST = 8;
/** All identifiers have a place of their own then. */
const SLOTS_MAX = 65_536;
/** Up to this many slots are kept, however few are in use: halving would save little and cost on each burst. */
const SLOTS_KEPT = 64;
const NO_SLOTS: (OutgoingMessage | undefined)[] = [];

export class OpenMessages {
  /** Its length is 0 or a power of two. */
  #slots = NO_SLOTS;
  #size = 0;
  #opened = 0;
  /** Halving was in vain with this many, and is tried again with half of them. */
  #shrinksBelow = Infinity;

  get size(): number {
    return this.#size;
  }

  /** @returns undefined when nothing is open under this identifier. */
  get(packetIdentifier: number): OutgoingMessage | undefined {
    const slots = this.#slots;
    const outgoing = slots[packetIdentifier & (slots.length - 1)];
    return outgoing !== undefined && outgoing.packetIdentifier === packetIdentifier ? outgoing : undefined;
  }

  /** true: the place of this identifier is free. false: another one has it, and an identifier should be passed over rather
   * than that a few stragglers make the table as large as all identifiers. */
  hasPlaceFor(packetIdentifier: number): boolean {
    if (this.#size * 2 >= this.#slots.length) this.#resize(Math.max(SLOTS_FIRST, this.#slots.length * 2));
    return this.#slots[packetIdentifier & (this.#slots.length - 1)] === undefined;
  }

  /** @param outgoing with an identifier under which nothing is open. */
  add(outgoing: OutgoingMessage): void {
    while (!this.hasPlaceFor(outgoing.packetIdentifier)) this.#resize(this.#slots.length * 2);
    this.#slots[outgoing.packetIdentifier & (this.#slots.length - 1)] = outgoing;
    outgoing.openedAs = ++this.#opened;
    this.#size++;
  }

  /** @param outgoing one that `get` gives. */
  delete(outgoing: OutgoingMessage): void {
    const slots = this.#slots;
    slots[outgoing.packetIdentifier & (slots.length - 1)] = undefined;
    this.#size--;
    if (slots.length > SLOTS_KEPT && this.#size * 8 <= slots.length && this.#size < this.#shrinksBelow) this.#shrink();
  }

  /** In the order in which they were added. */
  inOrder(): OutgoingMessage[] {
    const open = this.#slots.filter((outgoing) => outgoing !== undefined);
    return open.sort((a, b) => a.openedAs - b.openedAs);
  }

  #resize(slotCount: number): void {
    if (slotCount > SLOTS_MAX) return;
    const slots = new Array<OutgoingMessage | undefined>(slotCount).fill(undefined);
    for (const outgoing of this.#slots) {
      if (outgoing !== undefined) slots[outgoing.packetIdentifier & (slotCount - 1)] = outgoing;
    }
    this.#slots = slots;
    this.#shrinksBelow = Infinity;
  }

  /** To half, unless two would have the same place then. */
  #shrink(): void {
    const half = this.#slots.length / 2;
    for (let i = 0; i < half; i++) {
      if (this.#slots[i] !== undefined && this.#slots[i + half] !== undefined) {
        this.#shrinksBelow = this.#size / 2;
        return;
      }
    }
    this.#resize(half);
  }
}
