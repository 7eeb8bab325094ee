/** Copies a range of bytes. A view for `TypedArray.set` costs more than a loop over words; see bench/packet/bytes_bench.ts.
 * Room: pure. @module */

/** Shorter ranges are copied byte by byte: they are not worth a view. */
const WORD_COPY_BYTES_MIN = 8;
/** Longer ranges go through `TypedArray.set`. */
const WORD_COPY_BYTES_MAX = 384;

/** Copies source[start, end) to `target` at `at`, and the two do not overlap. @returns the offset behind it. */
export function copyBytes(target: Uint8Array, at: number, source: Uint8Array, start: number, end: number): number {
  if (end - start > WORD_COPY_BYTES_MAX) target.set(source.subarray(start, end), at);
  else if (end - start >= WORD_COPY_BYTES_MIN) {
    return copyWords(target, viewOf(target), at, source, viewOf(source), start, end);
  } else {
    for (let from = start, to = at; from < end; from++, to++) target[to] = source[from];
  }
  return at + end - start;
}

let newestArray: Uint8Array | undefined = undefined;
let newestView: DataView | undefined = undefined;
let otherArray: Uint8Array | undefined = undefined;
let otherView: DataView | undefined = undefined;

/** A view of just this array, remembered until those of two others were made: read buffers bring many messages each, and
 * between two of them stands at most what is encoded from the one and copied to the next. */
export function viewOf(array: Uint8Array): DataView {
  if (array === newestArray) return newestView!;
  if (array === otherArray) return otherView!;
  otherArray = newestArray;
  otherView = newestView;
  newestArray = array;
  return newestView = new DataView(array.buffer, array.byteOffset, array.byteLength);
}

/** The same with views of just these arrays: eight bytes a step, and the last step goes back as far as it must to have
 * eight, which is half the time of single bytes for the rest. The ranges do not overlap. */
export function copyWords(
  target: Uint8Array,
  targetView: DataView,
  at: number,
  source: Uint8Array,
  sourceView: DataView,
  start: number,
  end: number,
): number {
  const by = at - start;
  if (end - start > WORD_COPY_BYTES_MAX) {
    target.set(source.subarray(start, end), at);
  } else if (end - start >= WORD_COPY_BYTES_MIN) {
    const last = end - 8;
    for (; start < last; start += 8) targetView.setBigInt64(start + by, sourceView.getBigInt64(start));
    targetView.setBigInt64(last + by, sourceView.getBigInt64(last));
  } else {
    for (; start < end; start++) target[start + by] = source[start];
  }
  return end + by;
}
