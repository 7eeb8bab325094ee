/** WebSocket frames by hand, for tests: right ones and wrong ones. RFC 6455 §5.2. @module */

import type { ByteStream } from "../../src/transport/byte_stream.ts";
import { readBytes } from "./byte_stream_suite.ts";

const KEY = Uint8Array.of(0x37, 0xfa, 0x21, 0x3d);

/** As a server sends it. @param first FIN, RSV and opcode: 0x82. */
export function frame(first: number, payload: Uint8Array): Uint8Array {
  return frames(Uint8Array.of(first, ...lengthOf(payload, 0)), payload);
}

/** As a client sends it: masked. */
export function clientFrame(first: number, payload: Uint8Array, key: Uint8Array = KEY): Uint8Array {
  const masked = payload.map((byte, index) => byte ^ key[index % 4]);
  return frames(Uint8Array.of(first, ...lengthOf(payload, 0x80)), key, masked);
}

function lengthOf({ length }: Uint8Array, mask: number): number[] {
  if (length < 126) return [mask | length];
  if (length < 65_536) return [mask | 126, length >>> 8, length & 0xff];
  return [mask | 127, 0, 0, 0, 0, length >>> 24, (length >>> 16) & 0xff, (length >>> 8) & 0xff, length & 0xff];
}

/** One behind the other. */
export function frames(...parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** The next frame that a server sent, of less than 64 KiB. */
export async function readFrame(wire: ByteStream): Promise<{ first: number; payload: Uint8Array }> {
  const [first, short] = await readBytes(wire, 2);
  const length = short < 126 ? short : new DataView((await readBytes(wire, 2)).buffer).getUint16(0);
  return { first, payload: await readBytes(wire, length) };
}

export function text(characters: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(characters);
}

/** "82 02" */
export function hex(digits: string): Uint8Array {
  return Uint8Array.fromHex(digits.replaceAll(" ", ""));
}
