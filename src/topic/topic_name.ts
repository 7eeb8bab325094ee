/** Topic Names: a string in, whether it is one, and what can be said of it, out. Spec §4.7.
 * Nothing is normalised, folded or trimmed [MQTT-4.7.3-4]. Room: pure; no split, no recursion. @module */

const NULL = 0x00;
const NUMBER_SIGN = 0x23;
const DOLLAR = 0x24;
const PLUS = 0x2b;
const SLASH = 0x2f;

/** A Topic Name and a Topic Filter are UTF-8 Encoded Strings: two bytes of length. */
export const TOPIC_BYTES_MAX = 65_535;

/** At least one character [MQTT-4.7.3-1], no U+0000 [MQTT-4.7.3-2], at most 65,535 bytes of UTF-8 [MQTT-4.7.3-3], and no
 * wildcards [MQTT-4.7.0-1]. A string with half a surrogate pair has no UTF-8 and is none either. */
export function isValidTopicName(name: string): boolean {
  for (let index = 0; index < name.length; index++) {
    const unit = name.charCodeAt(index);
    if (unit === NULL || unit === NUMBER_SIGN || unit === PLUS) return false;
  }
  return name.length > 0 && fitsUtf8String(name);
}

/** Levels, empty ones included: 1 for "finance", 2 for "/finance", 3 for "a//b". Also for a Topic Filter. */
export function topicLevels(name: string): number {
  let levels = 1;
  for (let index = 0; index < name.length; index++) {
    if (name.charCodeAt(index) === SLASH) levels++;
  }
  return levels;
}

/** Topics that begin with $ are the Server's own; no leading wildcard matches them [MQTT-4.7.2-1]. */
export function isServerTopic(name: string): boolean {
  return name.charCodeAt(0) === DOLLAR;
}

/** Whether `text` can be a UTF-8 Encoded String: well-formed, and at most `bytesMax` bytes. Spec §1.5.4. */
export function fitsUtf8String(text: string, bytesMax: number = TOPIC_BYTES_MAX): boolean {
  if (text.length > bytesMax || !text.isWellFormed()) return false;
  // A code unit becomes three bytes at most (a surrogate pair, two units, becomes four).
  if (text.length * 3 <= bytesMax) return true;
  let bytes = 0;
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index);
    if (unit < 0x80) bytes += 1;
    else if (unit < 0x800) bytes += 2;
    else if (unit >= 0xd800 && unit <= 0xdfff) bytes += 2;
    else bytes += 3;
  }
  return bytes <= bytesMax;
}
