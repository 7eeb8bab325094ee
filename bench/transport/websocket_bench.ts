/** WebSocket on the way in: unmasking, and taking frames apart. The reason for UNMASK_BY_BYTE_MAX.
 * In: a length. Out: a byte or a count, so that nothing is optimised away. @module */

import { FrameDecoder, frameOf, Opcode, unmask } from "../../src/transport/websocket_frame.ts";

const KEY = 0x37fa213d;
const READ_BYTES = 65_536;

/** @param by bytes: the plain loop; words: as the transport does it. @returns the last byte. */
export function unmaskOnce(by: "bytes" | "words", length: number): number {
  const bytes = new Uint8Array(length + 1);
  unmaskTimes(by, bytes, 1);
  return bytes[length];
}

function unmaskTimes(by: "bytes" | "words", bytes: Uint8Array, times: number): void {
  for (let n = 0; n < times; n++) {
    if (by === "words") unmask(bytes, 1, bytes.length, 1, KEY, 0);
    else for (let at = 1, i = 0; at < bytes.length; at++, i++) bytes[at] ^= KEY >>> (24 - 8 * (i & 3));
  }
}

/** @returns one run: a read with `count` frames of `payloadBytes`; it returns the bytes that they carried. */
export function websocketDecodeWorkload(payloadBytes: number, count: number): () => number {
  const one = frameOf(Opcode.Binary, new Uint8Array(payloadBytes).fill(0x61), KEY);
  const source = new Uint8Array(one.length * count);
  for (let i = 0; i < count; i++) source.set(one, i * one.length);
  const into = new Uint8Array(source.length);
  const decoder = new FrameDecoder("client");
  return () => {
    // As the socket does.
    into.set(source);
    return decoder.decode(into, into.length);
  };
}

for (const length of [16, 32, 64, 128, 256, 1024, 65_536]) {
  const bytes = new Uint8Array(length + 1);
  const times = Math.max(1, Math.floor(65_536 / length));
  Deno.bench(
    `byte by byte, ${length} B (${times})`,
    { group: `unmask ${length}` },
    () => unmaskTimes("bytes", bytes, times),
  );
  Deno.bench(`unmask, ${length} B (${times})`, { group: `unmask ${length}` }, () => unmaskTimes("words", bytes, times));
}
for (const payloadBytes of [16, 80, 256, 4096, 65_000]) {
  const count = Math.floor(READ_BYTES / (payloadBytes + 8));
  const run = websocketDecodeWorkload(payloadBytes, count);
  Deno.bench(`a read of 64 KiB, ${count} frames of ${payloadBytes} B`, { group: "decode" }, () => void run());
}
