/** What a password that is a token looks like. A module of its own: doors that take no tokens load no library for them.
 * Room: pure. @module */

/** header.payload.signature in base64url, RFC 7515 §3.1; "eyJ" is `{"`, with which a header begins. */
const FORM = /^eyJ[\w-]*\.[\w-]+\.[\w-]*$/;
const decoder = new TextDecoder("latin1");

/** Cheap, and no promise that it is a good one. */
export function looksLikeToken(password: Uint8Array): boolean {
  return FORM.test(decoder.decode(password));
}
