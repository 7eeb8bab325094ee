/** The packets that the load generator of the curves sends beyond those of the scenarios, and what its payloads say.
 * Payload: nonce (2) | publisher (2) | sequence number (4) | check of the Topic Name (4) | moment it was due, in µs (4) |
 * filling | sequence number again (4), in payloads that have the room. @module */

export const PUBLISHER_AT = 2;
export const SEQUENCE_AT = 4;
export const TOPIC_CHECK_AT = 8;
export const DUE_AT = 12;
export const PAYLOAD_BYTES_MIN = 16;
/** From here on the sequence number stands at the end, too. */
export const SECOND_SEQUENCE_BYTES_MIN = 20;

const encoder = new TextEncoder();

/** FNV-1a. */
export function checkOf(bytes: Uint8Array, start: number, end: number): number {
  let check = 0x811c9dc5;
  for (let at = start; at < end; at++) check = Math.imul(check ^ bytes[at], 0x01000193);
  return check >>> 0;
}

/** SUBSCRIBE or UNSUBSCRIBE with many Topic Filters, as 3.1.1 has them. */
function filtersFrame(firstByte: number, packetIdentifier: number, filters: readonly string[], options: number[]) {
  const parts = filters.map((filter) => encoder.encode(filter));
  const length = parts.reduce((sum, part) => sum + 2 + part.length + options.length, 2);
  const head = [firstByte];
  for (let rest = length; head.length === 1 || rest > 0; rest >>= 7) {
    head.push((rest & 0x7f) | (rest > 0x7f ? 0x80 : 0));
  }
  const frame = new Uint8Array(head.length + length);
  frame.set(head);
  frame[head.length] = packetIdentifier >> 8;
  frame[head.length + 1] = packetIdentifier;
  let at = head.length + 2;
  for (const part of parts) {
    frame[at] = part.length >> 8;
    frame[at + 1] = part.length;
    frame.set(part, at + 2);
    frame.set(options, at + 2 + part.length);
    at += 2 + part.length + options.length;
  }
  return frame;
}

export function subscribeFrame(packetIdentifier: number, filters: readonly string[], qos: 0 | 1): Uint8Array {
  return filtersFrame(0x82, packetIdentifier, filters, [qos]);
}

export function unsubscribeFrame(packetIdentifier: number, filters: readonly string[]): Uint8Array {
  return filtersFrame(0xa2, packetIdentifier, filters, []);
}

/** Topic Names as bytes, one behind the other: a million of them as strings and arrays would be most of the generator. */
export class TopicList {
  readonly #bytes: Uint8Array;
  readonly #ends: Uint32Array;
  readonly #checks: Uint32Array;

  constructor(names: readonly string[]) {
    this.#ends = new Uint32Array(names.length + 1);
    this.#checks = new Uint32Array(names.length);
    const bytes = new Uint8Array(names.reduce((sum, name) => sum + 3 * name.length, 0));
    let end = 0;
    names.forEach((name, index) => {
      const start = end;
      end += encoder.encodeInto(name, bytes.subarray(start)).written;
      this.#ends[index + 1] = end;
      this.#checks[index] = checkOf(bytes, start, end);
    });
    this.#bytes = bytes.slice(0, end);
  }

  get size(): number {
    return this.#checks.length;
  }

  bytesOf(index: number): number {
    return this.#ends[index + 1] - this.#ends[index];
  }

  check(index: number): number {
    return this.#checks[index];
  }

  /** Copies the name; by a loop, since it is short. */
  write(index: number, target: Uint8Array, at: number): void {
    const end = this.#ends[index + 1];
    for (let from = this.#ends[index]; from < end; from++) target[at++] = this.#bytes[from];
  }
}
