/** SASLprep: one spelling of a password, however a keyboard made it. RFC 4013, RFC 3454. Room: pure.
 * Done: mapping (§2.1), NFKC (§2.2), prohibited characters (§2.3). Left out: the rule on text in both directions (§2.4) and
 * characters that Unicode 3.2 did not have (§2.5), which libraries of clients leave out, too; both only refuse passwords.
 * What cannot be prepared is used as it came, as PostgreSQL does: a plain password of any bytes works, and the same bytes
 * always lead to the same key. So does a long one: to put thousands of accents of one letter in order takes a second, and
 * strangers choose what is checked. @module */

/** "Commonly mapped to nothing", RFC 3454 B.1. */
const NOTHING = /[\u00AD\u034F\u1806\u180B-\u180D\u200B-\u200D\u2060\uFE00-\uFE0F\uFEFF]/gu;
/** Spaces that are not ASCII's, C.1.2, but U+200B, which B.1 takes. */
const SPACES = /[\u00A0\u1680\u2000-\u200A\u202F\u205F\u3000]/gu;
/** C.2.1, C.2.2, C.3 (private use), C.4 (no characters), C.6 to C.9; surrogates (C.5) cannot come out of UTF-8. */
const PROHIBITED =
  // deno-lint-ignore no-control-regex
  /[\u0000-\u001F\u007F-\u009F\u0340\u0341\u06DD\u070F\u180E\u200C-\u200F\u2028-\u202E\u2060-\u2063\u206A-\u206F\u2FF0-\u2FFB\uFEFF\uFFF9-\uFFFD\u{1D173}-\u{1D17A}\u{E0001}\u{E0020}-\u{E007F}\p{Private_Use}\p{Noncharacter_Code_Point}]/u;

/** @returns undefined when `text` has a prohibited character, or nothing is left of it. */
export function saslprep(text: string): string | undefined {
  const prepared = text.replace(SPACES, " ").replace(NOTHING, "").normalize("NFKC");
  return prepared === "" || PROHIBITED.test(prepared) ? undefined : prepared;
}

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const encoder = new TextEncoder();

/** Far beyond what a person types; and what takes a millisecond at most. */
export const PREPARED_BYTES_MAX = 1024;

/** The bytes that keys are derived from. */
export function preparePassword(password: Uint8Array): Uint8Array<ArrayBuffer> {
  if (password.length > PREPARED_BYTES_MAX) return password.slice();
  let text: string | undefined;
  try {
    text = saslprep(decoder.decode(password));
  } catch {
    // Not UTF-8: bytes that no keyboard made.
  }
  return text === undefined ? password.slice() : encoder.encode(text);
}
