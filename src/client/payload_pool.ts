/** Memory for small payloads, cut from larger pieces: an ArrayBuffer of its own for each costs several times as much as all
 * else that is done for a message. One that is kept keeps its piece. @module */

/** What one small payload that is kept holds in memory at most. */
const PIECE_BYTES = 8192;
/** Larger ones have memory of their own: at most so much of a piece is lost when the next is begun. */
const SMALL_BYTES_MAX = 1024;
/** Up to here a loop is faster than the view that `set` needs. */
const LOOP_BYTES_MAX = 128;

let piece = new ArrayBuffer(PIECE_BYTES);
let used = 0;

/** @returns source[start, end) in memory that nobody else writes to. */
export function ownBytes(source: Uint8Array, start: number, end: number): Uint8Array {
  const length = end - start;
  if (length > SMALL_BYTES_MAX) return source.slice(start, end);
  if (used + length > PIECE_BYTES) {
    piece = new ArrayBuffer(PIECE_BYTES);
    used = 0;
  }
  const bytes = new Uint8Array(piece, used, length);
  used += length;
  if (length > LOOP_BYTES_MAX) bytes.set(source.subarray(start, end));
  else for (let i = 0; i < length; i++) bytes[i] = source[start + i];
  return bytes;
}
