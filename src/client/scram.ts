/** SCRAM-SHA-256, the Client's side. RFC 5802, RFC 7677. The password never leaves: the Server gets a proof that holds for one
 * conversation, and has to prove in turn that it knows the user. Without channel binding. @module */

import { preparePassword, saslprep } from "../base/saslprep.ts";
import type { AuthenticationConversation, AuthenticationMethod } from "./authentication_method.ts";
import { MqttError } from "./errors.ts";

export interface ScramOptions {
  readonly userName: string;
  readonly password: string;
  /** A Server that asks for fewer wants the password guessed. Default 4,096, the least that RFC 7677 allows. */
  readonly iterationsMin?: number;
  /** One that asks for more wants to keep us busy. Default 10,000,000: some seconds. */
  readonly iterationsMax?: number;
}

/** The Server did not hold to the method, or is not the one that knows the user. Nothing secret is in the text. */
export class ScramError extends MqttError {
  override readonly name = "ScramError";
}

const NONCE_BYTES = 18;
const ITERATIONS_MIN = 4096;
const ITERATIONS_MAX = 10_000_000;
const SALT_BYTES_MAX = 1024;
/** `n,,`: no channel binding, acting for nobody else. */
const HEADER = "n,,";

/** ```ts
 * const client = await connect("mqtts://broker.example.com", {
 *   authentication: scramSha256({ userName: "sensor-1", password }),
 * });
 * ``` */
export function scramSha256(options: ScramOptions): AuthenticationMethod {
  return {
    name: "SCRAM-SHA-256",
    begin: () => new ScramConversation(options, crypto.getRandomValues(new Uint8Array(NONCE_BYTES)).toBase64()),
  };
}

/** For tests, which know what the nonce has to be. */
export class ScramConversation implements AuthenticationConversation {
  readonly #bare: string;
  #serverSignature: Uint8Array | undefined = undefined;
  #isProved = false;

  constructor(readonly options: ScramOptions, readonly nonce: string) {
    this.#bare = `n=${saslName(saslprep(options.userName) ?? options.userName)},r=${nonce}`;
  }

  first(): Uint8Array {
    return encoder.encode(HEADER + this.#bare);
  }

  async next(data: Uint8Array | undefined): Promise<Uint8Array> {
    if (this.#serverSignature !== undefined) throw new ScramError("the Server asks again after the proof");
    const serverFirst = decode(data);
    const { nonce, salt, iterations } = this.#read(serverFirst);
    const withoutProof = `c=${encoder.encode(HEADER).toBase64()},r=${nonce}`;
    const authMessage = encoder.encode(`${this.#bare},${serverFirst},${withoutProof}`);
    const saltedPassword = await derive(preparePassword(encoder.encode(this.options.password)), salt, iterations);
    const clientKey = await hmac(saltedPassword, encoder.encode("Client Key"));
    const proof = await hmac(await sha256(clientKey), authMessage);
    for (let i = 0; i < proof.length; i++) proof[i] ^= clientKey[i];
    const serverKey = await hmac(saltedPassword, encoder.encode("Server Key"));
    this.#serverSignature = await hmac(serverKey, authMessage);
    return encoder.encode(`${withoutProof},p=${proof.toBase64()}`);
  }

  finish(data: Uint8Array | undefined): void {
    const serverFinal = decode(data);
    if (serverFinal.startsWith("e=")) throw new ScramError("the Server says that the exchange failed");
    const signature = /^v=([A-Za-z0-9+/]+=*)(?:,|$)/.exec(serverFinal)?.[1];
    if (this.#serverSignature === undefined || signature === undefined) {
      throw new ScramError("the Server has not proved that it knows the user");
    }
    if (this.#isProved || !areEqual(fromBase64(signature), this.#serverSignature)) {
      throw new ScramError("the Server's proof is wrong: it does not know the user");
    }
    this.#isProved = true;
  }

  #read(serverFirst: string): { nonce: string; salt: Uint8Array<ArrayBuffer>; iterations: number } {
    if (serverFirst.startsWith("m=")) throw new ScramError("the Server asks for an extension that is not known");
    const match = /^r=([\x21-\x2B\x2D-\x7E]+),s=([A-Za-z0-9+/]+=*),i=([1-9][0-9]*)(?:,|$)/.exec(serverFirst);
    if (match === null) throw new ScramError("the Server's challenge is malformed");
    const [, nonce, salt, iterationsText] = match;
    if (!nonce.startsWith(this.nonce) || nonce.length === this.nonce.length) {
      throw new ScramError("the Server's nonce does not go on from ours");
    }
    const { iterationsMin = ITERATIONS_MIN, iterationsMax = ITERATIONS_MAX } = this.options;
    const iterations = Number(iterationsText);
    if (iterations < iterationsMin || iterations > iterationsMax) {
      throw new ScramError(`the Server asks for ${iterationsText} iterations`);
    }
    const saltBytes = fromBase64(salt);
    if (saltBytes.length > SALT_BYTES_MAX) throw new ScramError("the Server's salt is too long");
    return { nonce, salt: saltBytes, iterations };
  }
}

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function decode(data: Uint8Array | undefined): string {
  if (data === undefined) throw new ScramError("the Server's Authentication Data is missing");
  try {
    return decoder.decode(data);
  } catch {
    throw new ScramError("the Server's Authentication Data is not UTF-8");
  }
}

function fromBase64(text: string): Uint8Array<ArrayBuffer> {
  try {
    return Uint8Array.fromBase64(text);
  } catch {
    throw new ScramError("the Server's Base64 is malformed");
  }
}

/** `saslname`: the comma and the equals sign have a meaning of their own. */
function saslName(text: string): string {
  return text.replaceAll("=", "=3D").replaceAll(",", "=2C");
}

async function derive(
  password: Uint8Array<ArrayBuffer>,
  salt: Uint8Array<ArrayBuffer>,
  iterations: number,
): Promise<Uint8Array> {
  const key = await crypto.subtle.importKey("raw", password, "PBKDF2", false, ["deriveBits"]);
  const parameters = { name: "PBKDF2", hash: "SHA-256", salt, iterations };
  return new Uint8Array(await crypto.subtle.deriveBits(parameters, key, 256));
}

async function hmac(key: Uint8Array, data: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
  const algorithm = { name: "HMAC", hash: "SHA-256" };
  const imported = await crypto.subtle.importKey("raw", new Uint8Array(key), algorithm, false, ["sign"]);
  return new Uint8Array(await crypto.subtle.sign("HMAC", imported, data));
}

async function sha256(data: Uint8Array): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", new Uint8Array(data)));
}

/** In a time that does not tell where they differ. */
function areEqual(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  let difference = 0;
  for (let i = 0; i < a.length; i++) difference |= a[i] ^ b[i];
  return difference === 0;
}
