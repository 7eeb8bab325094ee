/** A payload that says which message it is, so that whoever receives it knows what came, and how long it was on its way.
 * Layout: run (4) | publisher (4) | sequence (8, double) | sent at (8, double: ms of performance.now of the process that
 * sent it, and reads it) | filling. Room: pure. @module */

export const STAMP_BYTES = 24;

/** One publisher's payload, whose stamp is changed for each message. */
export class StampedPayload {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly #view: DataView;

  /** @param run a number of this run: retained or late messages of another one are no duplicates of it. */
  constructor(size: number, run: number, publisher: number) {
    this.bytes = new Uint8Array(size);
    // Letters, not zeros: a link that compresses should have something to do, and a person something to see.
    for (let at = STAMP_BYTES; at < size; at++) this.bytes[at] = 0x61 + at % 26;
    this.#view = new DataView(this.bytes.buffer);
    this.#view.setUint32(0, run);
    this.#view.setUint32(4, publisher);
  }

  stamp(sequence: number, sentAtMs: number): Uint8Array<ArrayBuffer> {
    this.#view.setFloat64(8, sequence);
    this.#view.setFloat64(16, sentAtMs);
    return this.bytes;
  }
}

/** Reads stamps; one object for all, since there are many. */
export class StampReader {
  publisher = 0;
  sequence = 0;
  sentAtMs = 0;

  constructor(private readonly run: number) {}

  /** @returns false: it is no message of this run. */
  read(payload: Uint8Array): boolean {
    if (payload.length < STAMP_BYTES) return false;
    const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
    if (view.getUint32(0) !== this.run) return false;
    this.publisher = view.getUint32(4);
    this.sequence = view.getFloat64(8);
    this.sentAtMs = view.getFloat64(16);
    return true;
  }
}

/** A number that another run is unlikely to have. */
export function newRun(): number {
  return crypto.getRandomValues(new Uint32Array(1))[0];
}
