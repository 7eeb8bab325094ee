/** A Topic Name cut into its levels, so that a match can compare and look up each of them without making a string of it. In:
 * a string, or the bytes that it came in. Out: its code units, and where each level ends. One object serves match after
 * match. Room: pure. @module */

import { unitsHash } from "./level_hash.ts";

const DOLLAR = 0x24;
const SLASH = 0x2f;
const NOT_ASCII = 0x80;

/** Code units and levels for which room is kept. */
const UNITS_KEPT = 256;
const LEVELS_KEPT = 64;

export class TopicLevels {
  /** The Topic Name, one after the other; those behind it mean nothing. */
  units = new Uint16Array(UNITS_KEPT);
  /** Where each level ends in `units`. */
  readonly ends: number[] = [];
  count = 0;
  /** 0 = not yet. */
  readonly #hashes: number[] = [];

  read(topicName: string): void {
    const { length } = topicName;
    const units = this.#begin(length);
    for (let at = 0; at < length; at++) {
      const unit = topicName.charCodeAt(at);
      units[at] = unit;
      if (unit === SLASH) this.#end(at);
    }
    this.#end(length);
  }

  /** [start, end) is well-formed UTF-8. */
  readBytes(buffer: Uint8Array, start: number, end: number): void {
    const units = this.#begin(end - start);
    for (let from = start, at = 0; from < end; from++, at++) {
      const byte = buffer[from];
      if (byte >= NOT_ASCII) return this.#readUtf8(buffer, from, end, at);
      units[at] = byte;
      if (byte === SLASH) this.#end(at);
    }
    this.#end(end - start);
  }

  /** What follows, from the first character that is not ASCII on. Apart from the loop that nearly all need no more than. */
  #readUtf8(buffer: Uint8Array, from: number, end: number, at: number): void {
    const { units } = this;
    while (from < end) {
      const first = buffer[from++];
      if (first < NOT_ASCII) {
        units[at] = first;
        if (first === SLASH) this.#end(at);
      } else if (first < 0xe0) {
        units[at] = (first & 0x1f) << 6 | (buffer[from++] & 0x3f);
      } else if (first < 0xf0) {
        units[at] = (first & 0x0f) << 12 | (buffer[from++] & 0x3f) << 6 | (buffer[from++] & 0x3f);
      } else {
        const character = (first & 0x07) << 18 | (buffer[from++] & 0x3f) << 12 | (buffer[from++] & 0x3f) << 6 |
          (buffer[from++] & 0x3f);
        // A surrogate pair, as in a string.
        units[at++] = 0xd800 | (character - 0x10000) >>> 10;
        units[at] = 0xdc00 | (character & 0x3ff);
      }
      at++;
    }
    this.#end(at);
  }

  get length(): number {
    return this.ends[this.count - 1];
  }

  /** No leading wildcard matches those that begin with $ [MQTT-4.7.2-1]. */
  get isServerTopic(): boolean {
    return this.length > 0 && this.units[0] === DOLLAR;
  }

  startOf(level: number): number {
    return level === 0 ? 0 : this.ends[level - 1] + 1;
  }

  /** @see levelHash. */
  hashOf(level: number): number {
    const known = this.#hashes[level];
    if (known !== 0) return known;
    return this.#hashes[level] = unitsHash(this.units, this.startOf(level), this.ends[level]);
  }

  /** Of all levels with the slashes between them. @see levelHash. */
  get wholeHash(): number {
    return unitsHash(this.units, 0, this.length);
  }

  textOf(level: number): string {
    let text = "";
    for (let at = this.startOf(level); at < this.ends[level]; at++) text += String.fromCharCode(this.units[at]);
    return text;
  }

  /** @returns `units` with room for `length`, and not much more than is needed. */
  #begin(length: number): Uint16Array {
    this.count = 0;
    if (this.ends.length > LEVELS_KEPT) this.ends.length = this.#hashes.length = LEVELS_KEPT;
    if (length > this.units.length) this.units = new Uint16Array(length);
    else if (length <= UNITS_KEPT && this.units.length > UNITS_KEPT) this.units = new Uint16Array(UNITS_KEPT);
    return this.units;
  }

  #end(at: number): void {
    this.ends[this.count] = at;
    this.#hashes[this.count] = 0;
    this.count++;
  }
}
