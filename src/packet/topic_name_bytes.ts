/** Topic Names on the wire: the rules that a field must keep, and a cache of those that were met before.
 * Spec §3.3.2.1, §4.7. In: a range of bytes. Out: the string. Room: pure; what a Topic Name means is topic/'s.
 * A connection mostly repeats a topic, and a broker sees few topics many times: a known one costs a comparison of
 * bytes, no validation and no new string (and its string already carries its hash for the tables of the router). @module */

import { CacheGauge } from "../base/cache_gauge.ts";
import { illFormedString } from "./byte_reader.ts";
import { ProtocolError } from "./errors.ts";
import { decodeUtf8, utf8Kind } from "./utf8.ts";

const PLUS = 0x2b;
const HASH = 0x23;
const NOT_ASCII = 0x80;

/** Refuses wildcards and emptiness in a Topic Name that is well-formed UTF-8. The packet can be parsed and its content
 * is not allowed, which is what §1.2 calls a Protocol Error (0x90 is for well-formed names that are not accepted). */
export function checkTopicName(buffer: Uint8Array, start: number, end: number, statement: string): void {
  if (start === end) throw new ProtocolError("MQTT-4.7.3-1", "a Topic Name is empty");
  for (let at = start; at < end; at++) {
    if (buffer[at] === PLUS || buffer[at] === HASH) {
      throw new ProtocolError(statement, "a Topic Name contains a wildcard character");
    }
  }
}

/** Whether the field [start, end) is a Topic Name, without making a string of it. @throws when it is not one. */
export function checkTopicNameField(buffer: Uint8Array, start: number, end: number): void {
  for (let at = start; at < end; at++) {
    const byte = buffer[at];
    if (byte === 0 || byte === PLUS || byte === HASH || byte >= NOT_ASCII) return checkWithCare(buffer, start, end);
  }
}

/** Apart from the loop that nearly all Topic Names need no more than. */
function checkWithCare(buffer: Uint8Array, start: number, end: number): void {
  const kind = utf8Kind(buffer, start, end);
  if (kind < 0) throw illFormedString(kind, "MQTT-3.3.2-1");
  checkTopicName(buffer, start, end, "MQTT-3.3.2-2");
}

/** Reads the Topic Name [start, end). @throws when it is not one. */
export function decodeTopicName(buffer: Uint8Array, start: number, end: number): string {
  const kind = utf8Kind(buffer, start, end);
  if (kind < 0) throw illFormedString(kind, "MQTT-3.3.2-1");
  checkTopicName(buffer, start, end, "MQTT-3.3.2-2");
  return decodeUtf8(buffer, start, end, kind);
}

/** Slots of the cache; a power of two. With 128 bytes each, 1 MiB for the process. */
const SLOTS = 8192;
/** Longer Topic Names are read anew each time. */
const CACHED_BYTES_MAX = 128;

let slotBytes = new Uint8Array(0);
/** The same, four bytes in one, to compare with fewer steps: all of a small PUBLISH is decoded in a tenth less time.
 * Little-endian, as are all machines that Deno runs on. */
let slotWords = new Int32Array(0);
const slotLengths = new Uint8Array(SLOTS);
const slotNames: string[] = new Array(SLOTS).fill("");
/** In miniature, names of one slot in 64 are kept: the lower bits of the hash are the slot. */
const gauge = new CacheGauge(SLOTS);

/** Of a string. Others than `topicNameHash` of its bytes. */
export function textHash(text: string): number {
  let hash = text.length;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0xcc9e2d51);
  return mixed(hash);
}

function mixed(hash: number): number {
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}

/** A number by which to look up a Topic Name, or to choose some of all. Four bytes a step, as one multiplication per byte
 * takes as long as all the rest of a PUBLISH. Each step and the final mixing (of MurmurHash3, Appleby 2008) are
 * reversible, so that no bit of the text is lost on the way. */
export function topicNameHash(buffer: Uint8Array, start: number, end: number): number {
  let hash = end - start;
  let at = start;
  for (; at + 4 <= end; at += 4) {
    const word = buffer[at] | (buffer[at + 1] << 8) | (buffer[at + 2] << 16) | (buffer[at + 3] << 24);
    hash = Math.imul(hash ^ word, 0xcc9e2d51);
  }
  for (; at < end; at++) hash = Math.imul(hash ^ buffer[at], 0x1b873593);
  return mixed(hash);
}

/** Remembers Topic Names for all connections of the process, one per slot; a new one takes the place of the old.
 * Only names that were found valid are kept, so a hit needs no check. */
export const topicNameCache = {
  /** The slot that holds the Topic Name [start, end), filled now if need be; -1 when it is too long to be kept, or topics
   * are too many. */
  slotOf(buffer: Uint8Array, start: number, end: number): number {
    const length = end - start;
    if (length > CACHED_BYTES_MAX) return -1;
    const hash = topicNameHash(buffer, start, end);
    if (gauge.isMiniature && !gauge.samples(hash)) return -1;
    const slot = hash & (SLOTS - 1);
    if (this.holds(slot, buffer, start, end)) {
      gauge.hit();
    } else {
      const name = decodeTopicName(buffer, start, end);
      if (slotBytes.length === 0) {
        slotBytes = new Uint8Array(SLOTS * CACHED_BYTES_MAX);
        slotWords = new Int32Array(slotBytes.buffer);
      }
      const base = slot * CACHED_BYTES_MAX;
      for (let i = 0; i < length; i++) slotBytes[base + i] = buffer[start + i];
      if (slotLengths[slot] !== 0) gauge.lost(1);
      slotLengths[slot] = length;
      slotNames[slot] = name;
    }
    return slot;
  },

  /** Whether `slot` holds just these bytes. */
  holds(slot: number, buffer: Uint8Array, start: number, end: number): boolean {
    const length = end - start;
    if (length === 0 || slotLengths[slot] !== length) return false;
    const cached = slotBytes;
    const base = slot * CACHED_BYTES_MAX;
    let at = start;
    for (let word = base >>> 2; at + 4 <= end; at += 4, word++) {
      const read = buffer[at] | (buffer[at + 1] << 8) | (buffer[at + 2] << 16) | (buffer[at + 3] << 24);
      if (slotWords[word] !== read) return false;
    }
    for (; at < end; at++) if (cached[base + at - start] !== buffer[at]) return false;
    return true;
  },

  nameOf(slot: number): string {
    return slotNames[slot];
  },
};
