/** Packet Identifiers: taken and given back with a window of open ones in between. @module */

import { PacketIdentifiers } from "../../src/session/packet_identifiers.ts";

/** @returns one run: `count` identifiers, each given back when `open` others were taken after it; it returns how many
 * are in use at the end. */
export function packetIdentifiersWorkload(open: number, count: number): () => number {
  const identifiers = new PacketIdentifiers();
  const inUse: number[] = Array.from({ length: open }, () => identifiers.acquire());
  return () => {
    for (let i = 0; i < count; i++) {
      const slot = i % open;
      identifiers.release(inUse[slot]);
      inUse[slot] = identifiers.acquire();
    }
    return identifiers.inUse;
  };
}

for (const open of [1, 1_000, 65_000]) {
  const run = packetIdentifiersWorkload(open, 10_000);
  Deno.bench(`10,000 identifiers, ${open.toLocaleString("en")} open`, () => void run());
}
