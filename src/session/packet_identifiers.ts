/** Packet Identifiers in use towards one Client, and what each is used for. Spec §2.2.1 [MQTT-2.2.1-4].
 * Identifiers are handed out in rising order and reused only after a whole round, which keeps a late acknowledgement
 * of the last round from hitting a new message. One byte an identifier, in pages that come and go: a session holds those
 * that have one in use and the one that the count stands in, a quiet one 128 bytes. Room: pure. @module */

const IDENTIFIER_MAX = 65_535;
/** 128 identifiers a page. */
const PAGE_SHIFT = 7;
const PAGE_SIZE = 1 << PAGE_SHIFT;

/** What an identifier in use stands for. */
export const IdentifierUse = {
  Free: 0,
  /** A packet, or a message that is kept until it is acknowledged: whoever took it knows more. */
  Kept: 1,
  /** A message of which nothing but this is remembered (OutgoingWindow.openUnkept). */
  AwaitingPuback: 2,
  AwaitingPubrec: 3,
  AwaitingPubcomp: 4,
} as const;
export type IdentifierUse = typeof IdentifierUse[keyof typeof IdentifierUse];

class Page {
  readonly uses = new Uint8Array(PAGE_SIZE);
  inUse = 0;

  constructor(public index: number) {}
}

export class PacketIdentifiers {
  #last: number;
  #inUse = 0;
  /** The page of the last identifier that was handed out. */
  #current: Page | undefined = undefined;
  /** The others that have one in use. */
  #pages: Map<number, Page> | undefined = undefined;
  /** The last one that became free: the count goes through the pages, and mostly needs one more as one is done. */
  #spare: Page | undefined = undefined;

  /** @param last the first that is handed out comes after it. */
  constructor(last = 0) {
    this.#last = last;
  }

  get inUse(): number {
    return this.#inUse;
  }

  /** @returns a free identifier, or 0 when all 65,535 are in use. */
  acquire(use: IdentifierUse = IdentifierUse.Kept): number {
    if (this.#inUse === IDENTIFIER_MAX) return 0;
    let candidate = after(this.#last);
    while (!this.#take(candidate, use)) {
      // A page that is full is passed in one step: a Client that leaves all but one unanswered must not cost 65,535.
      candidate = after(this.#pageOf(candidate)!.inUse < PAGE_SIZE ? candidate : candidate | (PAGE_SIZE - 1));
    }
    this.#last = candidate;
    return candidate;
  }

  /** Marks an identifier of a loaded session as used. @returns false if it was in use already. */
  reserve(packetIdentifier: number): boolean {
    if (!this.#take(packetIdentifier, IdentifierUse.Kept)) return false;
    if (packetIdentifier > this.#last) this.#last = packetIdentifier;
    return true;
  }

  useOf(packetIdentifier: number): IdentifierUse {
    const page = this.#pageOf(packetIdentifier);
    if (page === undefined) return IdentifierUse.Free;
    return page.uses[packetIdentifier & (PAGE_SIZE - 1)] as IdentifierUse;
  }

  isInUse(packetIdentifier: number): boolean {
    return this.useOf(packetIdentifier) !== IdentifierUse.Free;
  }

  /** @param packetIdentifier one in use. @param use not Free. */
  change(packetIdentifier: number, use: IdentifierUse): void {
    this.#pageOf(packetIdentifier)!.uses[packetIdentifier & (PAGE_SIZE - 1)] = use;
  }

  /** A no-op for an identifier that is free. */
  release(packetIdentifier: number): void {
    const page = this.#pageOf(packetIdentifier);
    if (page === undefined || page.uses[packetIdentifier & (PAGE_SIZE - 1)] === IdentifierUse.Free) return;
    page.uses[packetIdentifier & (PAGE_SIZE - 1)] = IdentifierUse.Free;
    page.inUse--;
    this.#inUse--;
    // The current one stays: the next identifier is in it.
    if (page.inUse > 0 || page === this.#current) return;
    this.#pages!.delete(page.index);
    this.#spare = page;
  }

  #pageOf(packetIdentifier: number): Page | undefined {
    const index = packetIdentifier >>> PAGE_SHIFT;
    const current = this.#current;
    return current !== undefined && current.index === index ? current : this.#pages?.get(index);
  }

  /** @returns false if it is in use. */
  #take(packetIdentifier: number, use: IdentifierUse): boolean {
    const known = this.#pageOf(packetIdentifier);
    if (known !== undefined && known.uses[packetIdentifier & (PAGE_SIZE - 1)] !== IdentifierUse.Free) return false;
    const page = known !== undefined && known === this.#current ? known : this.#turnTo(packetIdentifier >>> PAGE_SHIFT);
    page.uses[packetIdentifier & (PAGE_SIZE - 1)] = use;
    page.inUse++;
    this.#inUse++;
    return true;
  }

  /** Makes page `index` the current one, and lets the former one go if nothing in it is in use. */
  #turnTo(index: number): Page {
    const former = this.#current;
    if (former !== undefined) {
      if (former.inUse > 0) (this.#pages ??= new Map()).set(former.index, former);
      else this.#spare = former;
    }
    const known = this.#pages?.get(index);
    if (known !== undefined) {
      this.#pages!.delete(index);
      return this.#current = known;
    }
    const page = this.#spare ?? new Page(index);
    this.#spare = undefined;
    page.index = index;
    return this.#current = page;
  }
}

/** 0 is none. */
function after(packetIdentifier: number): number {
  return packetIdentifier === IDENTIFIER_MAX ? 1 : packetIdentifier + 1;
}
