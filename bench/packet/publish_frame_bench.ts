/** Encoding PUBLISH for its receivers: as received, encoded anew, and found again.
 * In: a count of messages and receivers. Out: bytes that would be sent, so that a test can run it tiny. @module */

import { ApplicationMessage, NEVER_EXPIRES, PublishFrameEncoder, type QoS } from "../../src/packet/mod.ts";
import { DECODE_WORKLOADS, decoderFor, frames } from "./publish_workload.ts";

/** Encodes each of `messages` messages for `receivers` receivers of one kind. */
export function encodeFrames(
  encoder: PublishFrameEncoder,
  message: ApplicationMessage,
  messages: number,
  receivers: number,
  version: 4 | 5,
  qos: QoS,
): number {
  let bytes = 0;
  for (let i = 0; i < messages; i++) {
    message.renew();
    for (let j = 0; j < receivers; j++) {
      const frame = encoder.encode(message, version, qos, false, undefined, NEVER_EXPIRES, 0, true);
      bytes += frame.end - frame.start;
    }
  }
  return bytes;
}

/** A message as the decoder hands it out. */
export function borrowedMessage(): ApplicationMessage {
  const workload = DECODE_WORKLOADS["64 B, QoS 0, 5.0, one topic"];
  const decoder = decoderFor(5);
  const { bytes } = frames(workload, 256);
  decoder.room().set(bytes);
  decoder.received(bytes.length);
  const packet = decoder.next();
  if (packet?.type !== 3) throw new Error("no PUBLISH");
  return packet.message;
}

const message = borrowedMessage();
const encoder = new PublishFrameEncoder();
Deno.bench("PUBLISH 64 B, sent on as received (10,000)", () => {
  encodeFrames(encoder, message, 10_000, 1, 5, 0);
});
Deno.bench("PUBLISH 64 B, 5.0 → 3.1.1 (10,000)", () => {
  encodeFrames(encoder, message, 10_000, 1, 4, 0);
});
Deno.bench("PUBLISH 64 B, QoS 1, one receiver (10,000)", () => {
  encodeFrames(encoder, message, 10_000, 1, 5, 1);
});
Deno.bench("PUBLISH 64 B, QoS 1, 100 receivers (10,000)", () => {
  encodeFrames(encoder, message, 100, 100, 5, 1);
});
