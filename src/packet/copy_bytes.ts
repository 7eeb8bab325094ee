/** Copies a range of bytes. A view for `TypedArray.set` costs more than a short loop; see bench/packet/bytes_bench.ts.
 * In: two buffers. Out: the offset behind the copy. Room: pure. @module */

/** Longer ranges go through `TypedArray.set`. */
export const SHORT_COPY_BYTES = 32;

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
