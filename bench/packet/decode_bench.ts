/** Decoding PUBLISH as a busy connection does: reads of 64 KiB, each full of packets.
 * In: a count of reads. Out: what was decoded, so that a test can run it tiny. @module */

import type { Decoder } from "../../src/packet/mod.ts";
import { DECODE_WORKLOADS, decoderFor, frames } from "./publish_workload.ts";

/** Feeds `reads` reads to a decoder. @returns [packets, payload bytes] that came out. */
export function decodeReads(decoder: Decoder, bytes: Uint8Array, reads: number): [packets: number, bytes: number] {
  let packets = 0;
  let payloadBytes = 0;
  for (let i = 0; i < reads; i++) {
    let at = 0;
    while (at < bytes.length) {
      const room = decoder.room();
      const count = Math.min(room.length, bytes.length - at);
      room.set(bytes.subarray(at, at + count));
      decoder.received(count);
      at += count;
      for (let packet = decoder.next(); packet !== undefined; packet = decoder.next()) {
        packets++;
        if (packet.type === 3) payloadBytes += packet.message.payloadBytes;
      }
    }
  }
  return [packets, payloadBytes];
}

for (const [name, workload] of Object.entries(DECODE_WORKLOADS)) {
  const { bytes, packets } = frames(workload);
  const decoder = decoderFor(workload.version);
  const reads = Math.ceil(10_000 / packets);
  Deno.bench(`decode PUBLISH ${name} (${reads * packets} packets)`, () => {
    decodeReads(decoder, bytes, reads);
  });
}
