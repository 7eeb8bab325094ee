/** Copies a range of bytes. A view for `TypedArray.set` costs more than a loop over words; see bench/packet/bytes_bench.ts.
 * Room: pure. @module */

/** Longer ranges go through `TypedArray.set`. */
export const SHORT_COPY_BYTES = 32;
/** The same for a copy by words. */
const WORD_COPY_BYTES = 256;

/** Copies source[start, end) to `target` at `at`. @returns the offset behind it. */
export function copyBytes(target: Uint8Array, at: number, source: Uint8Array, start: number, end: number): number {
  const length = end - start;
  if (length > SHORT_COPY_BYTES) {
    target.set(source.subarray(start, end), at);
  } else {
    for (let i = 0; i < length; i++) target[at + i] = source[start + i];
  }
  return at + length;
}

let lastArray: Uint8Array | undefined = undefined;
let lastView: DataView | undefined = undefined;

/** A view of just this array, remembered until another one's is asked for: read buffers bring many messages each. */
export function viewOf(array: Uint8Array): DataView {
  if (array !== lastArray) {
    lastArray = array;
    lastView = new DataView(array.buffer, array.byteOffset, array.byteLength);
  }
  return lastView!;
}

/** The same between two buffers of which there are views: eight bytes a step.
 * @param targetView, sourceView of just these arrays. */
export function copyWords(
  target: Uint8Array,
  targetView: DataView,
  at: number,
  source: Uint8Array,
  sourceView: DataView,
  start: number,
  end: number,
): number {
  if (end - start > WORD_COPY_BYTES) {
    target.set(source.subarray(start, end), at);
    return at + end - start;
  }
  for (; start + 8 <= end; start += 8, at += 8) targetView.setBigInt64(at, sourceView.getBigInt64(start));
  for (; start < end; start++, at++) target[at] = source[start];
  return at;
}
