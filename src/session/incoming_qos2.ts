/** The Packet Identifiers of QoS 2 messages that a Client sent and has not released. Spec §4.3.3 [MQTT-4.3.3-10].
 * The broker forwards a QoS 2 message when it arrives ("method B" of the specification's figure 4.3), so the identifier
 * is all that must be remembered. Room: pure. @module */

export class IncomingQoS2 {
  /** Allocated with the first use: most sessions never have one. */
  #identifiers: Set<number> | undefined = undefined;

  get size(): number {
    return this.#identifiers?.size ?? 0;
  }

  has(packetIdentifier: number): boolean {
    return this.#identifiers?.has(packetIdentifier) ?? false;
  }

  add(packetIdentifier: number): void {
    (this.#identifiers ??= new Set()).add(packetIdentifier);
  }

  /** PUBREL. @returns false when the identifier is unknown. */
  release(packetIdentifier: number): boolean {
    return this.#identifiers?.delete(packetIdentifier) ?? false;
  }

  values(): Iterable<number> {
    return this.#identifiers ?? [];
  }
}
