/** Topic Names on the wire: the rules that a field must keep, and its hash. Spec §3.3.2.1, §4.7. In: a range of bytes.
 * Out: the string. Room: pure; what a Topic Name means is topic/'s. @module */

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
  let at = start;
  // Four bytes a step: names that are met once are many.
  for (; at + 4 <= end; at += 4) {
    const word = buffer[at] | (buffer[at + 1] << 8) | (buffer[at + 2] << 16) | (buffer[at + 3] << 24);
    // # is + without one bit.
    const wildcards = (word | 0x08080808) ^ 0x2b2b2b2b;
    if (((word | zeros(word) | zeros(wildcards)) & EACH_TOP_BIT) !== 0) return checkWithCare(buffer, start, end);
  }
  for (; at < end; at++) {
    const byte = buffer[at];
    if (byte === 0 || byte === PLUS || byte === HASH || byte >= NOT_ASCII) return checkWithCare(buffer, start, end);
  }
}

const EACH_TOP_BIT = 0x80808080 | 0;

/** Has top bits only if one of the four bytes is 0. (Mycroft 1987; "Hacker's Delight", 6-1.) */
function zeros(word: number): number {
  return (word - 0x01010101) & ~word & EACH_TOP_BIT;
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
