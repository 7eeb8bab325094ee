/** Packet Identifiers in use towards one Client. Spec §2.2.1 [MQTT-2.2.1-4].
 * Identifiers are handed out in rising order and reused only after a whole round, which keeps a late acknowledgement
 * of the last round from hitting a new message. Room: pure. @module */

const IDENTIFIER_MAX = 65_535;

export class PacketIdentifiers {
  #last = 0;
  #inUse = 0;
  /** One bit an identifier, allocated with the first use: an idle session has none. */
  #bits: Uint32Array | undefined = undefined;

  get inUse(): number {
    return this.#inUse;
  }

  /** @returns a free identifier, or 0 when all 65,535 are in use. */
  acquire(): number {
    if (this.#inUse === IDENTIFIER_MAX) return 0;
    const bits = this.#bits ??= new Uint32Array(2048);
    let candidate = this.#last;
    do {
      candidate = candidate === IDENTIFIER_MAX ? 1 : candidate + 1;
    } while ((bits[candidate >>> 5] & (1 << (candidate & 31))) !== 0);
    bits[candidate >>> 5] |= 1 << (candidate & 31);
    this.#last = candidate;
    this.#inUse++;
    return candidate;
  }

  /** Marks an identifier of a loaded session as used. @returns false if it was in use already. */
  reserve(packetIdentifier: number): boolean {
    const bits = this.#bits ??= new Uint32Array(2048);
    const mask = 1 << (packetIdentifier & 31);
    if ((bits[packetIdentifier >>> 5] & mask) !== 0) return false;
    bits[packetIdentifier >>> 5] |= mask;
    if (packetIdentifier > this.#last) this.#last = packetIdentifier;
    this.#inUse++;
    return true;
  }

  /** A no-op for an identifier that is free. */
  release(packetIdentifier: number): void {
    const bits = this.#bits;
    if (bits === undefined) return;
    const mask = 1 << (packetIdentifier & 31);
    if ((bits[packetIdentifier >>> 5] & mask) === 0) return;
    bits[packetIdentifier >>> 5] &= ~mask;
    if (--this.#inUse === 0 && this.#last > IDENTIFIER_MAX / 2) {
      // Nothing is open: a quiet session gives its 8 KiB back. The count goes on where it was.
      this.#bits = undefined;
    }
  }
}
