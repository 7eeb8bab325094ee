/** Memory for the payloads of received messages. @module */

import { assertEquals } from "@std/assert";
import { ownBytes } from "../../src/client/payload_pool.ts";

/** Around the bounds between the ways of copying, and what a word of eight bytes leaves. */
const LENGTHS = [0, 1, 7, 8, 9, 15, 16, 64, 127, 128, 129, 255, 256, 257, 1023, 1024, 1025, 9000];

Deno.test("ownBytes() keeps what it was given, whatever is written to the source and to other payloads", () => {
  const inMiddle = new Uint8Array(20_000).subarray(13, 10_013);
  const sources = [new Uint8Array(64 * 1024), inMiddle, new Uint8Array(64 * 1024 + 1)];
  const kept: { payload: Uint8Array; expected: number[] }[] = [];
  let seed = 0;
  for (const start of [0, 1, 3, 8]) {
    for (const length of LENGTHS) {
      for (const source of sources) {
        const expected = Array.from({ length }, () => (seed = (seed * 29 + 17) % 251));
        source.fill(255);
        source.set(expected, start);
        kept.push({ payload: ownBytes(source, start, start + length), expected });
      }
    }
  }
  for (const { payload, expected } of kept) assertEquals([...payload], expected);
});
