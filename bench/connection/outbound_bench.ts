/** Outbound: frames of 80 bytes on their way to one connection, as runs of a read buffer or as copies; and Payloads of
 * 256 KiB, copied or written from where they lie. @module */

import { SharedBuffer } from "../../src/base/buffer_pool.ts";
import { Outbound } from "../../src/connection/outbound.ts";
import { Traffic } from "../../src/connection/traffic.ts";
import { WriteTurn } from "../../src/connection/write_turn.ts";
import type { ByteStream } from "../../src/transport/byte_stream.ts";

const FRAME_BYTES = 80;

/** Takes everything at once. */
const sink: ByteStream = {
  remoteAddress: "bench",
  remoteHost: "bench",
  read: () => Promise.resolve(null),
  write: (bytes) => Promise.resolve(bytes.length),
  endWriting() {},
  close() {},
};

/** @returns one run: `frames` frames of one read, then one write; it resolves to the bytes that were written.
 * @param kind contiguous: frames that lie side by side; scattered: every other one; copies: encoded anew. */
export function outboundWorkload(kind: "contiguous" | "scattered" | "copies", frames: number): () => Promise<number> {
  const writeTurn = new WriteTurn(1 << 30);
  const traffic = new Traffic();
  let written = () => {};
  const outbound = new Outbound(sink, writeTurn, traffic, 1 << 30, {
    relieved: () => {},
    wroteAll: () => written(),
    brokeWriting: () => {},
  });
  const source = new Uint8Array(frames * FRAME_BYTES * 2);
  const step = kind === "contiguous" ? FRAME_BYTES : FRAME_BYTES * 2;
  return async () => {
    const before = traffic.bytesSent;
    const done = new Promise<void>((resolve) => written = resolve);
    for (let i = 0, at = 0; i < frames; i++, at += step) {
      if (kind === "copies") outbound.appendCopy(source, at, at + FRAME_BYTES);
      else outbound.appendRun(source, at, at + FRAME_BYTES);
    }
    writeTurn.settle();
    await done;
    return traffic.bytesSent - before;
  };
}

for (const kind of ["contiguous", "scattered", "copies"] as const) {
  const run = outboundWorkload(kind, 800);
  Deno.bench(`a read of 64 KiB, ${kind}`, { group: "outbound" }, async () => void await run());
}

const PAYLOAD_BYTES = 256 * 1024;
const HEAD_BYTES = 20;
const PLACE = { payloadStart: 512, payloadEnd: 512 + PAYLOAD_BYTES, payloadFront: 512 };

/** @returns one run: `frames` heads, each with a large Payload; it resolves to the bytes that were written. */
export function largeOutboundWorkload(kind: "copied" | "shared", frames: number): () => Promise<number> {
  const writeTurn = new WriteTurn(1 << 30);
  const traffic = new Traffic();
  let written = () => {};
  const outbound = new Outbound(sink, writeTurn, traffic, 1 << 30, {
    relieved: () => {},
    wroteAll: () => written(),
    brokeWriting: () => {},
  });
  const head = new Uint8Array(HEAD_BYTES);
  const payloads = Array.from({ length: frames }, () => new SharedBuffer(new Uint8Array(512 + PAYLOAD_BYTES)));
  return async () => {
    const before = traffic.bytesSent;
    const done = new Promise<void>((resolve) => written = resolve);
    for (const shared of payloads) {
      outbound.appendCopy(head, 0, HEAD_BYTES);
      const { bytes } = shared;
      if (kind === "shared") outbound.appendPayload({ shared, buffer: bytes, ...PLACE });
      else outbound.appendCopy(bytes, 512, bytes.length);
    }
    await done;
    return traffic.bytesSent - before;
  };
}

for (const kind of ["copied", "shared"] as const) {
  const run = largeOutboundWorkload(kind, 4);
  Deno.bench(`four Payloads of 256 KiB, ${kind}`, { group: "large" }, async () => void await run());
}
