/** Encoding acknowledgements without an object.
 * In: a count. Out: the bytes they take, so that a test can run it tiny. @module */

import { ByteWriter, encodeAcknowledgement } from "../../src/packet/mod.ts";

/** Appends `count` acknowledgements. @returns the bytes they take. */
export function acknowledge(writer: ByteWriter, count: number): number {
  writer.length = 0;
  for (let i = 1; i <= count; i++) encodeAcknowledgement(writer, 4, i & 0xffff || 1, 0, 5);
  return writer.length;
}

const writer = new ByteWriter();
Deno.bench("PUBACK (10,000)", () => {
  acknowledge(writer, 10_000);
});
