/** UTF-8 Encoded Strings without their length. Spec §1.5.4.
 * In: a range of bytes, or a string. Out: a verdict, a string, or bytes. Room: pure.
 * Strict: no U+0000, no surrogates, no overlong form, nothing above U+10FFFF; U+FEFF is kept wherever it stands. @module */

/** What a range of bytes is. The two well-formed kinds are 0 and 1, so `kind < 0` means "refuse". */
export const Utf8Kind = { Ascii: 0, Multibyte: 1, IllFormed: -1, ContainsNul: -2 } as const;
export type Utf8Kind = typeof Utf8Kind[keyof typeof Utf8Kind];

/** Bytes a UTF-8 Encoded String or Binary Data may have: its length is two bytes. §1.5.4, §1.5.6 */
export const STRING_BYTES_MAX = 65_535;

/** Judges a range in one pass, without making a string. Unicode 15, table 3-7 (well-formed byte sequences). */
export function utf8Kind(buffer: Uint8Array, start: number, end: number): Utf8Kind {
  let at = start;
  let kind: Utf8Kind = Utf8Kind.Ascii;
  while (at < end) {
    const lead = buffer[at++];
    if (lead < 0x80) {
      if (lead === 0) return Utf8Kind.ContainsNul;
      continue;
    }
    kind = Utf8Kind.Multibyte;
    // The bounds of the second byte are what excludes overlong forms (E0, F0), surrogates (ED) and > U+10FFFF (F4).
    let low = 0x80;
    let high = 0xbf;
    let more: number;
    if (lead < 0xc2) return Utf8Kind.IllFormed;
    else if (lead < 0xe0) more = 1;
    else if (lead < 0xf0) {
      more = 2;
      if (lead === 0xe0) low = 0xa0;
      else if (lead === 0xed) high = 0x9f;
    } else if (lead < 0xf5) {
      more = 3;
      if (lead === 0xf0) low = 0x90;
      else if (lead === 0xf4) high = 0x8f;
    } else return Utf8Kind.IllFormed;
    if (at + more > end) return Utf8Kind.IllFormed;
    const second = buffer[at++];
    if (second < low || second > high) return Utf8Kind.IllFormed;
    while (--more > 0) if ((buffer[at++] & 0xc0) !== 0x80) return Utf8Kind.IllFormed;
  }
  return kind;
}

// ignoreBOM means "do not treat it as a mark", so U+FEFF stays in the string [MQTT-1.5.4-3].
const textDecoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const textEncoder = new TextEncoder();

/** Below this a call into the runtime costs more than a loop here; see bench/packet/bytes_bench.ts. */
const SHORT_STRING_BYTES = 64;

/** For each length of a short string a list of its character codes, used again. */
const unitsOf: number[][] = Array.from({ length: SHORT_STRING_BYTES + 1 }, (_, length) => new Array(length).fill(0));

/** The string of a range that `utf8Kind` found well-formed. */
export function decodeUtf8(buffer: Uint8Array, start: number, end: number, kind: Utf8Kind): string {
  if (kind === Utf8Kind.Ascii && end - start <= SHORT_STRING_BYTES) {
    // A list that is there: half the time of a view, which would have to be turned into one.
    const units = unitsOf[end - start];
    for (let at = start, to = 0; at < end; at++, to++) units[to] = buffer[at];
    return String.fromCharCode.apply(null, units);
  }
  return textDecoder.decode(buffer.subarray(start, end));
}

/** Bytes of `text` in UTF-8, or -1 when it holds U+0000 or half a surrogate pair and so cannot be sent. */
export function utf8Bytes(text: string): number {
  let bytes = text.length;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0x80) {
      if (unit === 0) return -1;
    } else if (unit < 0x800) bytes++;
    else if (unit < 0xd800 || unit > 0xdfff) bytes += 2;
    else {
      const low = text.charCodeAt(++i);
      if (unit > 0xdbff || !(low >= 0xdc00 && low <= 0xdfff)) return -1;
      bytes += 2;
    }
  }
  return bytes;
}

/** Writes `text`, which takes `bytes` bytes, at `at`. `target` must have the room. @returns the offset behind it. */
export function writeUtf8(target: Uint8Array, at: number, text: string, bytes: number): number {
  if (bytes === text.length && bytes <= SHORT_STRING_BYTES) {
    for (let i = 0; i < bytes; i++) target[at + i] = text.charCodeAt(i);
  } else {
    textEncoder.encodeInto(text, target.subarray(at, at + bytes));
  }
  return at + bytes;
}
