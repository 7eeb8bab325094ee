/** Packet Identifiers in use towards one Client. Spec §2.2.1 [MQTT-2.2.1-4].
 * Identifiers are handed out in rising order and reused only after a whole round, which keeps a late acknowledgement
 * of the last round from hitting a new message. One bit an identifier, in pages that come and go: a session holds those
 * that have one in use and the one that the count stands in, a quiet one 128 bytes. Room: pure. @module */

const IDENTIFIER_MAX = 65_535;
/** 1024 identifiers a page. */
const PAGE_SHIFT = 10;
const PAGE_WORDS = 1 << (PAGE_SHIFT - 5);

class Page {
  readonly bits = new Uint32Array(PAGE_WORDS);
  inUse = 0;

  constructor(readonly index: number) {}
}

export class PacketIdentifiers {
  #last: number;
  #inUse = 0;
  /** The page of the last identifier that was handed out or looked at. */
  #current: Page | undefined = undefined;
  /** The others. */
  #pages: Map<number, Page> | undefined = undefined;

  /** @param last the first that is handed out comes after it. */
  constructor(last = 0) {
    this.#last = last;
  }

  get inUse(): number {
    return this.#inUse;
  }

  /** @returns a free identifier, or 0 when all 65,535 are in use. */
  acquire(): number {
    if (this.#inUse === IDENTIFIER_MAX) return 0;
    let candidate = this.#last;
    do {
      candidate = candidate === IDENTIFIER_MAX ? 1 : candidate + 1;
    } while (!this.#take(candidate));
    this.#last = candidate;
    return candidate;
  }

  /** Marks an identifier of a loaded session as used. @returns false if it was in use already. */
  reserve(packetIdentifier: number): boolean {
    if (!this.#take(packetIdentifier)) return false;
    if (packetIdentifier > this.#last) this.#last = packetIdentifier;
    return true;
  }

  isInUse(packetIdentifier: number): boolean {
    const index = packetIdentifier >>> PAGE_SHIFT;
    const page = this.#current?.index === index ? this.#current : this.#pages?.get(index);
    if (page === undefined) return false;
    return (page.bits[(packetIdentifier >>> 5) & (PAGE_WORDS - 1)] & (1 << (packetIdentifier & 31))) !== 0;
  }

  /** A no-op for an identifier that is free. */
  release(packetIdentifier: number): void {
    const index = packetIdentifier >>> PAGE_SHIFT;
    const current = this.#current;
    const page = current !== undefined && current.index === index ? current : this.#pages?.get(index);
    if (page === undefined) return;
    const word = (packetIdentifier >>> 5) & (PAGE_WORDS - 1);
    const mask = 1 << (packetIdentifier & 31);
    if ((page.bits[word] & mask) === 0) return;
    page.bits[word] &= ~mask;
    page.inUse--;
    this.#inUse--;
    // The current one stays: the next identifier is in it.
    if (page.inUse === 0 && page !== current) this.#pages!.delete(index);
  }

  /** @returns false if it is in use. */
  #take(packetIdentifier: number): boolean {
    const index = packetIdentifier >>> PAGE_SHIFT;
    const current = this.#current;
    const page = current !== undefined && current.index === index ? current : this.#turnTo(index);
    const word = (packetIdentifier >>> 5) & (PAGE_WORDS - 1);
    const mask = 1 << (packetIdentifier & 31);
    if ((page.bits[word] & mask) !== 0) return false;
    page.bits[word] |= mask;
    page.inUse++;
    this.#inUse++;
    return true;
  }

  /** Makes page `index` the current one, and lets the former one go if nothing in it is in use. */
  #turnTo(index: number): Page {
    const former = this.#current;
    if (former !== undefined && former.inUse > 0) (this.#pages ??= new Map()).set(former.index, former);
    const known = this.#pages?.get(index);
    if (known !== undefined) this.#pages!.delete(index);
    return this.#current = known ?? new Page(index);
  }
}
