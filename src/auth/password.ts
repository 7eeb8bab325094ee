/** Passwords ⇄ credentials: what is kept so that a password can be recognised, and cannot be read.
 * New records are SCRAM's (RFC 5802 §3), whose keys come from PBKDF2 at the present strength, so that one record serves
 * SCRAM and plain passwords. The other kinds are imported from Mosquitto, and give way at the next login.
 * Room: no state. The slow part runs in threads of the runtime's own (argon2id: in slices of this one). @module */

import { hmac as hmacOf } from "@noble/hashes/hmac";
import { sha256, sha512 } from "@noble/hashes/sha2";
import type { Credentials, ScramKeys } from "./credentials.ts";
import { preparePassword } from "../base/saslprep.ts";

export type ScramHash = "SHA-256" | "SHA-512";

/** How slow the derivation is, by hash. A client that does SCRAM has to do as much at each login (unless it remembers). */
export interface PasswordStrength {
  readonly sha256Iterations: number;
  readonly sha512Iterations: number;
}

/** OWASP Password Storage Cheat Sheet, PBKDF2. */
export const PRESENT_STRENGTH: PasswordStrength = { sha256Iterations: 600_000, sha512Iterations: 220_000 };
/** What a CONNECT can carry. */
export const PASSWORD_BYTES_MAX = 65_535;

const SALT_BYTES = 16;
const HASHES = {
  "SHA-256": { sha2: sha256, bytes: 32 },
  "SHA-512": { sha2: sha512, bytes: 64 },
} as const;

const encoder = new TextEncoder();

/** @param password text, or the bytes of a CONNECT.
 * @throws RangeError for an empty or too long password, or fewer than 1 iterations. */
export async function makeCredentials(
  password: string | Uint8Array,
  strength: PasswordStrength = PRESENT_STRENGTH,
): Promise<Credentials & { readonly kind: "scram" }> {
  const bytes = typeof password === "string" ? encoder.encode(password) : password;
  if (bytes.length === 0) throw new RangeError("a password is not empty");
  if (bytes.length > PASSWORD_BYTES_MAX) throw new RangeError(`a password has at most ${PASSWORD_BYTES_MAX} bytes`);
  // One after the other: each takes a core, and whoever calls this counts with one.
  const sha256 = await scramKeys("SHA-256", bytes, newSalt(), strength.sha256Iterations);
  const sha512 = await scramKeys("SHA-512", bytes, newSalt(), strength.sha512Iterations);
  return { kind: "scram", sha256, sha512 };
}

function newSalt(): Uint8Array<ArrayBuffer> {
  return crypto.getRandomValues(new Uint8Array(SALT_BYTES));
}

/** RFC 5802 §3. */
export async function scramKeys(
  hash: ScramHash,
  password: Uint8Array,
  salt: Uint8Array,
  iterations: number,
): Promise<ScramKeys> {
  const saltedPassword = await pbkdf2(hash, preparePassword(password), salt, iterations, HASHES[hash].bytes);
  const clientKey = hmac(hash, saltedPassword, "Client Key");
  return {
    iterations,
    salt,
    storedKey: digest(hash, clientKey),
    serverKey: hmac(hash, saltedPassword, "Server Key"),
  };
}

export function hmac(hash: ScramHash, key: Uint8Array, data: string | Uint8Array): Uint8Array {
  return hmacOf(HASHES[hash].sha2, key, typeof data === "string" ? encoder.encode(data) : data);
}

export function digest(hash: ScramHash, ...parts: readonly Uint8Array[]): Uint8Array {
  const state = HASHES[hash].sha2.create();
  for (const part of parts) state.update(part);
  return state.digest();
}

/** In constant time for equal lengths; lengths are no secret. */
export function areEqual(left: Uint8Array, right: Uint8Array): boolean {
  if (left.length !== right.length) return false;
  let difference = 0;
  for (let i = 0; i < left.length; i++) difference |= left[i] ^ right[i];
  return difference === 0;
}

async function pbkdf2(
  hash: ScramHash,
  password: Uint8Array<ArrayBuffer>,
  salt: Uint8Array,
  iterations: number,
  bytes: number,
): Promise<Uint8Array> {
  if (!Number.isSafeInteger(iterations) || iterations < 1) throw new RangeError("PBKDF2 needs at least one iteration");
  const key = await crypto.subtle.importKey("raw", password, "PBKDF2", false, ["deriveBits"]);
  return new Uint8Array(
    await crypto.subtle.deriveBits({ name: "PBKDF2", hash, salt: salt.slice(), iterations }, key, bytes * 8),
  );
}

/** Is it this password? @throws when the record is damaged (no iterations, no hash). */
export async function verifyPassword(credentials: Credentials, password: Uint8Array): Promise<boolean> {
  switch (credentials.kind) {
    case "scram": {
      const { salt, iterations, storedKey } = credentials.sha256;
      return areEqual((await scramKeys("SHA-256", password, salt, iterations)).storedKey, storedKey);
    }
    // Mosquitto knows no SASLprep: its hashes are of the bytes as they came.
    case "pbkdf2-sha512": {
      const { salt, iterations, hash } = credentials;
      requireHash(hash);
      return areEqual(await pbkdf2("SHA-512", password.slice(), salt, iterations, hash.length), hash);
    }
    case "sha512":
      return areEqual(digest("SHA-512", password, credentials.salt), credentials.hash);
    case "argon2id": {
      const { salt, hash, memoryKiB, passes, lanes } = credentials;
      requireHash(hash);
      // Loaded by those only who have such records.
      const { argon2idAsync } = await import("@noble/hashes/argon2");
      const options = { m: memoryKiB, t: passes, p: lanes, dkLen: hash.length, asyncTick: ARGON2_SLICE_MS };
      return areEqual(await argon2idAsync(password, salt, options), hash);
    }
  }
}

/** How long others wait at most while an argon2id hash is computed in this thread. */
const ARGON2_SLICE_MS = 4;

/** An empty hash would equal the first bytes of any. */
function requireHash(hash: Uint8Array): void {
  if (hash.length < 16) throw new RangeError("a hash of a password has at least 16 bytes");
}

/** Should they be made anew when the password is known for a moment? */
export function isOutdated(credentials: Credentials, strength: PasswordStrength = PRESENT_STRENGTH): boolean {
  return credentials.kind !== "scram" || credentials.sha256.iterations < strength.sha256Iterations ||
    credentials.sha512.iterations < strength.sha512Iterations;
}

/** Credentials that no password fits, and that take as long to check as real ones. */
export function dummyCredentials(strength: PasswordStrength = PRESENT_STRENGTH): Credentials {
  const keys = (hash: ScramHash, iterations: number): ScramKeys => {
    const key = () => crypto.getRandomValues(new Uint8Array(HASHES[hash].bytes));
    return { iterations, salt: newSalt(), storedKey: key(), serverKey: key() };
  };
  return {
    kind: "scram",
    sha256: keys("SHA-256", strength.sha256Iterations),
    sha512: keys("SHA-512", strength.sha512Iterations),
  };
}
