/** src/cli/client/bench_sequence.ts, stamped_payload.ts @module */

import { assert, assertEquals } from "@std/assert";
import * as fc from "fast-check";
import { SequenceCheck } from "../../../src/cli/client/bench_sequence.ts";
import { STAMP_BYTES, StampedPayload, StampReader } from "../../../src/cli/client/stamped_payload.ts";

Deno.test("SequenceCheck counts what a set of all numbers would count", () => {
  fc.assert(fc.property(fc.array(fc.nat(30), { maxLength: 100 }), (sequences) => {
    const check = new SequenceCheck();
    const seen = new Set<number>();
    let [duplicated, disordered, highest] = [0, 0, -1];
    for (const sequence of sequences) {
      const isFirst = !seen.has(sequence);
      assertEquals(check.take(sequence), isFirst);
      if (!isFirst) duplicated++;
      else if (sequence < highest) disordered++;
      seen.add(sequence);
      highest = Math.max(highest, sequence);
    }
    assertEquals([check.received, check.duplicated, check.disordered], [seen.size, duplicated, disordered]);
    assertEquals(check.lost(31), 31 - seen.size);
  }));
});

Deno.test("SequenceCheck keeps a bounded number of gaps: what is older counts as lost, and is no gain when it comes", () => {
  const check = new SequenceCheck();
  const sent = 40_000;
  // Every other one.
  for (let sequence = 1; sequence < sent; sequence += 2) check.take(sequence);
  assertEquals(check.lost(sent), sent / 2);
  assertEquals(check.take(0), false);
  assertEquals(check.take(sent - 2), true);
  assertEquals([check.lost(sent), check.duplicated, check.disordered], [sent / 2 - 1, 1, 1]);
});

Deno.test("StampReader reads what StampedPayload wrote, of this run alone", () => {
  const payload = new StampedPayload(30, 0xffff_ffff, 7);
  const reader = new StampReader(0xffff_ffff);
  // As a view at an odd place of a larger buffer, which is how messages may come.
  const buffer = new Uint8Array(64);
  buffer.set(payload.stamp(2 ** 40 + 1, 1234.567), 3);
  assert(reader.read(buffer.subarray(3, 33)));
  assertEquals([reader.publisher, reader.sequence, reader.sentAtMs], [7, 2 ** 40 + 1, 1234.567]);
  assert(!reader.read(buffer.subarray(3, 3 + STAMP_BYTES - 1)));
  assert(!new StampReader(1).read(payload.bytes));
});
