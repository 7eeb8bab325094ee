/** Memory for small payloads, cut from larger pieces: an ArrayBuffer of its own for each costs several times as much as all
 * else that is done for a message. One that is kept keeps its piece. @module */

/** What one small payload that is kept holds in memory at most. */
const PIECE_BYTES = 8192;
/** Larger ones have memory of their own: at most so much of a piece is lost when the next is begun. */
const SMALL_BYTES_MAX = 1024;
/** Up to here a loop, eight bytes a step, is faster than the view that `set` needs. */
const LOOP_BYTES_MAX = 256;
/** The view of a larger read buffer is not kept, as the buffer would be with it. */
const SOURCE_BYTES_MAX = 64 * 1024;

let piece = new ArrayBuffer(PIECE_BYTES);
let pieceView: DataView = new DataView(piece);
let used = 0;
/** Most often it is the read buffer of the message before. */
let lastSource: Uint8Array | undefined = undefined;
let sourceView = pieceView;

/** @returns source[start, end) in memory that nobody else writes to. */
export function ownBytes(source: Uint8Array, start: number, end: number): Uint8Array {
  const length = end - start;
  if (length > SMALL_BYTES_MAX) return source.slice(start, end);
  if (used + length > PIECE_BYTES) {
    piece = new ArrayBuffer(PIECE_BYTES);
    pieceView = new DataView(piece);
    used = 0;
  }
  const bytes = new Uint8Array(piece, used, length);
  if (length > LOOP_BYTES_MAX || source.length > SOURCE_BYTES_MAX) bytes.set(source.subarray(start, end));
  else copyByWords(source, start, end);
  used += length;
  return bytes;
}

/** To `used` in the piece. */
function copyByWords(source: Uint8Array, start: number, end: number): void {
  if (source !== lastSource) {
    lastSource = source;
    sourceView = new DataView(source.buffer, source.byteOffset, source.length);
  }
  const from = sourceView;
  const to = pieceView;
  let at = used;
  for (; start + 8 <= end; start += 8, at += 8) to.setBigInt64(at, from.getBigInt64(start));
  for (; start < end; start++, at++) to.setInt8(at, from.getInt8(start));
}
