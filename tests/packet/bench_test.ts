/** The benches of packet/, run tiny so that they never rot. @module */

import { assertEquals } from "@std/assert";
import { ByteWriter, PublishFrameEncoder } from "../../src/packet/mod.ts";
import { acknowledge } from "../../bench/packet/acknowledgement_bench.ts";
import { copyByLoop, copyBySet, readAsText, readByDecoder } from "../../bench/packet/bytes_bench.ts";
import { decodeReads } from "../../bench/packet/decode_bench.ts";
import { borrowedMessage, encodeFrames } from "../../bench/packet/publish_frame_bench.ts";
import { DECODE_WORKLOADS, decoderFor, frames } from "../../bench/packet/publish_workload.ts";

Deno.test("decode_bench runs tiny", () => {
  for (const workload of Object.values(DECODE_WORKLOADS)) {
    const { bytes, packets } = frames(workload, 1000);
    assertEquals(decodeReads(decoderFor(workload.version), bytes, 2), [
      packets * 2,
      packets * 2 * workload.payloadBytes,
    ]);
  }
});

Deno.test("publish_frame_bench runs tiny", () => {
  const message = borrowedMessage();
  const encoder = new PublishFrameEncoder();
  const size = message.frameEnd - message.frameStart;
  assertEquals(encodeFrames(encoder, message, 2, 3, 5, 0), size * 6);
  assertEquals(encodeFrames(encoder, message, 2, 3, 4, 0), (size - 1) * 6);
  assertEquals(encodeFrames(encoder, message, 2, 3, 5, 1), (size + 2) * 6);
});

Deno.test("acknowledgement_bench runs tiny", () => {
  assertEquals(acknowledge(new ByteWriter(), 3), 12);
});

Deno.test("bytes_bench runs tiny", () => {
  assertEquals([copyByLoop(3, 2), copyBySet(3, 2)], [0x61, 0x61]);
  assertEquals([readByDecoder(3, 2), readAsText(3, 2)], [6, 6]);
});
