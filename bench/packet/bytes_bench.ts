/** Where a loop is cheaper than a call into the engine: the reasons for the bounds in copy_bytes.ts and utf8.ts.
 * In: a length. Out: a sum, so that nothing is optimised away. @module */

import { copyBytes } from "../../src/packet/copy_bytes.ts";
import { decodeUtf8, utf8Kind } from "../../src/packet/utf8.ts";

const source = new Uint8Array(4096).fill(0x61);
const target = new Uint8Array(4096);
const textDecoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

export function copyByLoop(length: number, times: number): number {
  for (let n = 0; n < times; n++) for (let i = 0; i < length; i++) target[i + 1] = source[i + 3];
  return target[length];
}

export function copyBySet(length: number, times: number): number {
  for (let n = 0; n < times; n++) target.set(source.subarray(3, 3 + length), 1);
  return target[length];
}

export function copyByWords(length: number, times: number): number {
  for (let n = 0; n < times; n++) copyBytes(target, 1, source, 3, 3 + length);
  return target[length];
}

export function readByDecoder(length: number, times: number): number {
  let sum = 0;
  for (let n = 0; n < times; n++) sum += textDecoder.decode(source.subarray(0, length)).length;
  return sum;
}

export function readAsText(length: number, times: number): number {
  let sum = 0;
  for (let n = 0; n < times; n++) sum += decodeUtf8(source, 0, length, utf8Kind(source, 0, length) as 0).length;
  return sum;
}

for (const length of [16, 32, 64, 128, 256]) {
  Deno.bench(`loop ${length} B (1,000)`, { group: `copy ${length}` }, () => {
    copyByLoop(length, 1000);
  });
  Deno.bench(`words ${length} B (1,000)`, { group: `copy ${length}` }, () => {
    copyByWords(length, 1000);
  });
  Deno.bench(`set ${length} B (1,000)`, { group: `copy ${length}` }, () => {
    copyBySet(length, 1000);
  });
}
for (const length of [8, 16, 32, 64, 128]) {
  Deno.bench(`TextDecoder ${length} B (1,000)`, { group: `text ${length}` }, () => {
    readByDecoder(length, 1000);
  });
  Deno.bench(`utf8Kind and decodeUtf8 ${length} B (1,000)`, { group: `text ${length}` }, () => {
    readAsText(length, 1000);
  });
}
