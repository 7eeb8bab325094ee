/** SCRAM, the Server's side of one conversation. RFC 5802, RFC 7677. Room: pure; bytes in, bytes out, no clock, no user.
 *
 *     Client                                      Server
 *     n,,n=user,r=cnonce                     →
 *                                            ←    r=cnonce+snonce,s=salt,i=iterations
 *     c=biws,r=cnonce+snonce,p=ClientProof   →
 *                                            ←    v=ServerSignature
 *
 * There is no channel binding: its flag may be "n" or "y" (the Client could, and sees that we do not offer it), not "p".
 * @module */

import type { ScramKeys } from "./credentials.ts";
import { areEqual, digest, hmac, type ScramHash } from "./password.ts";

/** What does not fit the grammar, or asks for what is not offered. The text is for the log and holds nothing secret. */
export class ScramError extends Error {
  override readonly name = "ScramError";
}

/** Of one message. The longest that are legitimate are a user name, a nonce and a few bytes. */
export const SCRAM_MESSAGE_BYTES_MAX = 4096;
const NONCE_LENGTH_MAX = 256;

export interface ScramFirst {
  /** `gs2-header`: it comes again in the last message, so that nobody can change it on the way. */
  readonly header: string;
  /** `client-first-message-bare` */
  readonly bare: string;
  readonly userName: string;
  readonly nonce: string;
}

const HEADER = /^(?<flag>n|y|p=[A-Za-z0-9.-]+),(?:a=(?<authzid>[^,]*))?,/;
/** Printable ASCII without the comma. */
const NONCE = /^[\x21-\x2B\x2D-\x7E]+$/;
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/** @throws ScramError */
export function parseClientFirst(data: Uint8Array): ScramFirst {
  const text = decode(data);
  const match = HEADER.exec(text);
  if (match === null) throw new ScramError("the first message has no GS2 header");
  const { flag, authzid } = match.groups as { flag: string; authzid: string | undefined };
  if (flag.startsWith("p")) throw new ScramError("channel binding is not offered");
  const bare = text.slice(match[0].length);
  const [name = "", nonceText = ""] = bare.split(",", 2);
  if (name.startsWith("m=")) throw new ScramError("a mandatory extension is not known");
  if (!name.startsWith("n=") || !nonceText.startsWith("r=")) throw new ScramError("the first message lacks n= or r=");
  const userName = decodeName(name.slice(2));
  if (userName === "") throw new ScramError("the user name is empty");
  if (authzid !== undefined && decodeName(authzid) !== userName) {
    throw new ScramError("acting for another user is not offered");
  }
  const nonce = nonceText.slice(2);
  if (!NONCE.test(nonce) || nonce.length > NONCE_LENGTH_MAX) throw new ScramError("the nonce is malformed");
  return { header: match[0], bare, userName, nonce };
}

/** From client-first to server-final, with the keys of the user whom client-first names. */
export class ScramConversation {
  /** server-first */
  readonly challenge: Uint8Array;
  readonly #challengeText: string;
  readonly #nonce: string;

  /** @param serverNonce printable ASCII without commas, never used twice. */
  constructor(
    readonly hash: ScramHash,
    readonly first: ScramFirst,
    readonly keys: ScramKeys,
    serverNonce: string,
  ) {
    this.#nonce = first.nonce + serverNonce;
    this.#challengeText = `r=${this.#nonce},s=${keys.salt.toBase64()},i=${keys.iterations}`;
    this.challenge = encoder.encode(this.#challengeText);
  }

  /** @returns server-final; undefined when the proof is wrong. @throws ScramError */
  prove(data: Uint8Array): Uint8Array | undefined {
    const text = decode(data);
    const proofAt = text.lastIndexOf(",p=");
    if (proofAt < 0) throw new ScramError("the last message has no proof");
    const withoutProof = text.slice(0, proofAt);
    const [binding, nonce] = withoutProof.split(",", 2);
    if (binding !== `c=${encoder.encode(this.first.header).toBase64()}`) {
      throw new ScramError("the GS2 header has changed on the way");
    }
    if (nonce !== `r=${this.#nonce}`) throw new ScramError("the nonce is not the one of this conversation");
    const proof = fromBase64(text.slice(proofAt + 3));
    const { storedKey, serverKey } = this.keys;
    if (proof.length !== storedKey.length) throw new ScramError("the proof has the wrong length");
    const authMessage = `${this.first.bare},${this.#challengeText},${withoutProof}`;
    const clientKey = hmac(this.hash, storedKey, authMessage);
    for (let i = 0; i < clientKey.length; i++) clientKey[i] ^= proof[i];
    if (!areEqual(digest(this.hash, clientKey), storedKey)) return undefined;
    return encoder.encode(`v=${hmac(this.hash, serverKey, authMessage).toBase64()}`);
  }
}

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function decode(data: Uint8Array): string {
  if (data.length > SCRAM_MESSAGE_BYTES_MAX) throw new ScramError("the message is too long");
  let text: string;
  try {
    text = decoder.decode(data);
  } catch {
    throw new ScramError("the message is not UTF-8");
  }
  if (text.includes("\0")) throw new ScramError("the message has a NUL");
  return text;
}

/** `saslname`: "=2C" is a comma, "=3D" an equals sign, and no other "=" is allowed. */
function decodeName(text: string): string {
  if (/=(?!2C|3D)/.test(text)) throw new ScramError("the user name has an equals sign that is not =2C or =3D");
  return text.replaceAll("=2C", ",").replaceAll("=3D", "=");
}

/** Strict: what is decoded is what was sent. */
function fromBase64(text: string): Uint8Array {
  if (!BASE64.test(text)) throw new ScramError("the proof is not Base64");
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}
