/** The small read buffers of connections that have little to say, cut from larger pieces: a buffer of its own costs an idle
 * connection more for its management than for its bytes. Those of connections that ended serve the next ones. Room: pure.
 * @module */

/** Enough for nearly every CONNECT, and for PINGREQ. */
export const READ_BUFFER_BYTES = 256;
const PIECE_BYTES = 64 * 1024;
/** Of those that wait for a connection: 1 MiB. More than that goes back to the engine, piece by piece. */
const WAITING_MAX = 4096;

const waiting: Uint8Array[] = [];
let piece = new ArrayBuffer(0);
let pieceUsed = 0;

/** A buffer of READ_BUFFER_BYTES; what is in it is of earlier use. */
export function takeReadBuffer(): Uint8Array {
  const buffer = waiting.pop();
  if (buffer !== undefined) return buffer;
  if (pieceUsed === piece.byteLength) {
    piece = new ArrayBuffer(PIECE_BYTES);
    pieceUsed = 0;
  }
  pieceUsed += READ_BUFFER_BYTES;
  return new Uint8Array(piece, pieceUsed - READ_BUFFER_BYTES, READ_BUFFER_BYTES);
}

/** @param buffer one that was taken, and that nobody reads or writes any more. */
export function giveReadBuffer(buffer: Uint8Array): void {
  if (waiting.length < WAITING_MAX) waiting.push(buffer);
}
