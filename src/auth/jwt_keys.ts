/** The keys that tokens are verified with, from a file that is read again when it changes. RFC 7515, 7517, 7518.
 * What a token says about its algorithm is never believed: the kind of key decides.
 *
 *     "secret"      HS256                        the bytes of the file, without newlines at its end; 32 at least
 *     "public-key"  RS256 or ES256               PEM, "BEGIN PUBLIC KEY"; RSA of 2,048 bits at least, or P-256
 *     "jwks"        RS256 and ES256, by `kid`    {"keys": […]}
 *
 * @module */

import { createLocalJWKSet, importSPKI, type JSONWebKeySet, type JWTVerifyGetKey } from "jose";
import type { Clock } from "../base/clock.ts";
import type { Log } from "../base/log.ts";

export const JWT_KEY_KINDS = ["secret", "public-key", "jwks"] as const;
export type JwtKeyKind = typeof JWT_KEY_KINDS[number];

export interface JwtKeys {
  readonly algorithms: readonly ("HS256" | "RS256" | "ES256")[];
  readonly find: JWTVerifyGetKey;
}

/** The file is not there, or not what it should be. The text names the file and what to do. */
export class JwtKeyError extends Error {
  override readonly name = "JwtKeyError";
}

/** RFC 7518 §3.2: as many as the hash. */
const SECRET_BYTES_MIN = 32;
/** RFC 7518 §3.3. */
const RSA_BITS_MIN = 2048;
const FILE_BYTES_MAX = 1024 * 1024;
/** Between two looks whether the file has changed. */
const LOOK_EVERY_MS = 1000;

export class JwtKeyFile {
  #keys: JwtKeys;
  /** Of the file that `#keys` came from. */
  #mark: string;
  /** Of a file that could not be used: said once. */
  #badMark = "";
  #lookedAtMs: number;
  #looking: Promise<void> | undefined;

  private constructor(
    readonly path: string,
    readonly kind: JwtKeyKind,
    readonly clock: Clock,
    readonly log: Log,
    keys: JwtKeys,
    mark: string,
  ) {
    this.#keys = keys;
    this.#mark = mark;
    this.#lookedAtMs = clock.monotonicMs();
  }

  /** @throws JwtKeyError */
  static async open(path: string, kind: JwtKeyKind, clock: Clock, log: Log): Promise<JwtKeyFile> {
    const mark = await markOf(path);
    return new JwtKeyFile(path, kind, clock, log, await readKeys(path, kind), mark);
  }

  /** The keys as of the file, at most a second late. Those of the last good one while the file cannot be used. */
  async keys(): Promise<JwtKeys> {
    const nowMs = this.clock.monotonicMs();
    if (this.#looking === undefined && nowMs - this.#lookedAtMs >= LOOK_EVERY_MS) {
      this.#lookedAtMs = nowMs;
      this.#looking = this.#look().finally(() => this.#looking = undefined);
    }
    await this.#looking;
    return this.#keys;
  }

  async #look(): Promise<void> {
    let mark = "none";
    try {
      mark = await markOf(this.path);
      if (mark === this.#mark) return;
      this.#keys = await readKeys(this.path, this.kind);
      this.#mark = mark;
      this.#badMark = "";
      this.log.info(`The keys for tokens were read again from ${this.path}.`);
    } catch (error) {
      // It may be in the middle of being written: the next look tries again.
      if (mark !== this.#badMark) this.log.warning(`${(error as Error).message} The keys from before are used.`);
      this.#badMark = mark;
    }
  }
}

async function markOf(path: string): Promise<string> {
  try {
    const { mtime, size, ino } = await Deno.stat(path);
    return `${mtime?.getTime()} ${size} ${ino}`;
  } catch (error) {
    throw new JwtKeyError(`The key file ${path} ${whyUnread(error)}.`);
  }
}

async function readKeys(path: string, kind: JwtKeyKind): Promise<JwtKeys> {
  const fail = (why: string) => new JwtKeyError(`The key file ${path} ${why}.`);
  let bytes: Uint8Array<ArrayBuffer>;
  try {
    bytes = await Deno.readFile(path);
  } catch (error) {
    throw fail(whyUnread(error));
  }
  if (bytes.length > FILE_BYTES_MAX) throw fail("is too large to be a key");
  if (kind === "secret") return secretKeys(bytes, fail);
  const text = new TextDecoder().decode(bytes);
  return kind === "public-key" ? await publicKeys(text, fail) : jwksKeys(text, fail);
}

function whyUnread(error: unknown): string {
  if (error instanceof Deno.errors.NotFound) return "cannot be read: there is no such file";
  if (error instanceof Deno.errors.PermissionDenied) {
    return "cannot be read: let the user that the broker runs as read it";
  }
  return `cannot be read: ${(error as Error).message}`;
}

type Fail = (why: string) => JwtKeyError;

function secretKeys(bytes: Uint8Array, fail: Fail): JwtKeys {
  // A public key taken for a secret lets everybody sign.
  const text = new TextDecoder().decode(bytes);
  if (text.includes("-----BEGIN ")) throw fail(`is PEM, and no secret: its kind is "public-key"`);
  if (/^\s*\{[^]*"(?:keys|kty)"/.test(text)) {
    throw fail(`is JSON with keys, and no secret: the kind of a key set is "jwks"`);
  }
  let end = bytes.length;
  while (end > 0 && (bytes[end - 1] === 0x0a || bytes[end - 1] === 0x0d)) end--;
  if (end < SECRET_BYTES_MIN) throw fail(`has ${end} bytes; a secret for HS256 has at least ${SECRET_BYTES_MIN}`);
  const secret = bytes.slice(0, end);
  return { algorithms: ["HS256"], find: () => secret };
}

async function publicKeys(text: string, fail: Fail): Promise<JwtKeys> {
  if (text.includes("PRIVATE KEY-----")) throw fail("holds a private key; what belongs here is the public one");
  if (!text.includes("-----BEGIN PUBLIC KEY-----")) throw fail(`has no "-----BEGIN PUBLIC KEY-----"`);
  for (const algorithm of ["RS256", "ES256"] as const) {
    let key: Awaited<ReturnType<typeof importSPKI>>;
    try {
      key = await importSPKI(text, algorithm);
    } catch {
      continue;
    }
    const { modulusLength } = key.algorithm as { modulusLength?: number };
    if (modulusLength !== undefined && modulusLength < RSA_BITS_MIN) {
      throw fail(`has an RSA key of ${modulusLength} bits; ${RSA_BITS_MIN} are the least`);
    }
    return { algorithms: [algorithm], find: () => key };
  }
  throw fail("has a public key that is neither RSA nor on the curve P-256");
}

function jwksKeys(text: string, fail: Fail): JwtKeys {
  let find: JWTVerifyGetKey;
  let keySet: JSONWebKeySet;
  try {
    keySet = JSON.parse(text);
    find = createLocalJWKSet(keySet);
  } catch {
    throw fail(`is no JSON Web Key Set: {"keys": […]}`);
  }
  if (keySet.keys.length === 0) throw fail("has no keys");
  if (keySet.keys.some((key) => key.kty === "oct" || "d" in key)) {
    throw fail("holds secret or private keys; a JSON Web Key Set here has public ones only");
  }
  return { algorithms: ["RS256", "ES256"], find };
}
