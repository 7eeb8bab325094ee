/** Memory for the copies of small messages: cut from pieces, since an ArrayBuffer of its own for each costs more than all
 * else that is done for a message, and the collector most of all.
 *
 * A piece lives as long as anything refers to it: the collector sees to that, and nobody can be left with bytes that have
 * become another message's. What has to be counted is only that a few messages that stay do not keep many pieces: who
 * keeps one says so (`hold`), and says when it is done (`letGo`); and a piece that is no longer among the newest is
 * vacated when less than half of it is held: those that stay get memory of their own. So what is held takes twice its bytes at
 * most, beside the newest pieces. A hold that is never given back costs one needless copy, if anything. Room: pure. @module */

/** 250 messages of 256 bytes. */
const PIECE_BYTES = 64 * 1024;
/** Larger messages have memory of their own: at most so much of a piece is lost when the next is begun. */
export const SMALL_MESSAGE_BYTES_MAX = 4096;
/** What is under way at full speed is done before its piece is no longer one of these: 2 MiB. */
const NEWEST_PIECES = 32;

/** A message that lies in a piece. */
export interface Tenant {
  piece: Piece | undefined;
  /** Where it stands among the held ones of its piece. */
  pieceIndex: number;
  /** What it takes of the piece. */
  readonly spanStart: number;
  readonly spanEnd: number;
  /** Its bytes are now the whole of `own`. */
  moveTo(own: Uint8Array): void;
}

export class Piece {
  readonly bytes = new Uint8Array(PIECE_BYTES);
  readonly view: DataView = new DataView(this.bytes.buffer);
  used = 0;
  #heldBytes = 0;
  #isNewest = true;
  /** Those that are held, in no order. */
  readonly #tenants: Tenant[] = [];

  hold(tenant: Tenant): void {
    tenant.pieceIndex = this.#tenants.length;
    this.#tenants.push(tenant);
    this.#heldBytes += tenant.spanEnd - tenant.spanStart;
  }

  letGo(tenant: Tenant): void {
    const tenants = this.#tenants;
    const last = tenants.pop()!;
    if (last !== tenant) {
      tenants[tenant.pieceIndex] = last;
      last.pieceIndex = tenant.pieceIndex;
    }
    this.#heldBytes -= tenant.spanEnd - tenant.spanStart;
    if (!this.#isNewest) this.#vacateIfSparse();
  }

  /** It is no longer one of the newest. */
  grewOld(): void {
    this.#isNewest = false;
    this.#vacateIfSparse();
  }

  #vacateIfSparse(): void {
    if (this.#heldBytes * 2 >= PIECE_BYTES) return;
    const tenants = this.#tenants;
    for (const tenant of tenants) {
      tenant.piece = undefined;
      tenant.moveTo(this.bytes.slice(tenant.spanStart, tenant.spanEnd));
    }
    tenants.length = 0;
    this.#heldBytes = 0;
  }
}

let newest: Piece | undefined = undefined;
const newestPieces: (Piece | undefined)[] = new Array(NEWEST_PIECES).fill(undefined);
let turn = 0;

/** @param bytes SMALL_MESSAGE_BYTES_MAX at most.
 * @returns a piece with so much room from `used` on, which the caller raises by as much. */
export function pieceFor(bytes: number): Piece {
  if (newest !== undefined && newest.used + bytes <= PIECE_BYTES) return newest;
  newestPieces[turn]?.grewOld();
  newest = new Piece();
  newestPieces[turn] = newest;
  turn = (turn + 1) % NEWEST_PIECES;
  return newest;
}
