/** Which names and networks an account record may hold, and what to tell a person whose one it may not.
 * In: text. Out: undefined if it is well, else a reason that begins "a …". Room: pure. @module */

import { networkText, parseNetwork } from "../base/networks.ts";
import type { AclSubjectKind, BanKind } from "./account_records.ts";

/** Deno KV takes 64 KiB a value, and a record holds more than its name. */
export const NAME_BYTES_MAX = 1024;
/** A Client Identifier may have 65,535 bytes; one that is longer than this can be neither named by a rule nor banned. */
export const CLIENT_ID_BYTES_MAX = 8192;

// deno-lint-ignore no-control-regex
const CONTROLS = /[\u0000-\u001f\u007f-\u009f]/;

const encoder = new TextEncoder();

/** In UTF-8. */
export function byteLength(text: string): number {
  return encoder.encode(text).length;
}

/** Of users and roles. */
export function nameProblem(name: string): string | undefined {
  return textProblem(name, "name", NAME_BYTES_MAX);
}

export function clientIdProblem(clientId: string): string | undefined {
  return textProblem(clientId, "Client Identifier", CLIENT_ID_BYTES_MAX);
}

function textProblem(text: string, what: string, bytesMax: number): string | undefined {
  if (text === "") return `a ${what} has at least one character`;
  if (!text.isWellFormed()) return `a ${what} is Unicode text, without half a character`;
  if (CONTROLS.test(text)) return `a ${what} has no control characters`;
  const bytes = byteLength(text);
  return bytes > bytesMax ? `a ${what} has at most ${bytesMax} bytes, this one has ${bytes}` : undefined;
}

/** Of a rule. */
export function subjectProblem(kind: AclSubjectKind, name: string): string | undefined {
  if (kind === "user" || kind === "role") return nameProblem(name);
  if (kind === "client-id") return clientIdProblem(name);
  if (kind === "address") return networkProblem(name);
  return name === "" ? undefined : `a rule for "${kind}" has no name`;
}

export function banProblem(kind: BanKind, name: string): string | undefined {
  if (kind === "user") return nameProblem(name);
  return kind === "client-id" ? clientIdProblem(name) : networkProblem(name);
}

export function networkProblem(text: string): string | undefined {
  const normal = normalNetwork(text);
  if (normal === undefined) {
    return "an address is one such as 192.0.2.7 or 2001:db8::7, or a network such as 10.0.0.0/8 or fd00::/8";
  }
  return normal === text
    ? undefined
    : `an address or network is kept in one spelling, and for this one it is ${normal}`;
}

/** What a person wrote in the spelling that is kept: "10.1.2.3/8" is 10.0.0.0/8. @returns undefined if it is none. */
export function normalNetwork(text: string): string | undefined {
  const network = parseNetwork(text);
  return network === undefined ? undefined : networkText(network);
}

/** Of a single address, in network order: 4, also of an IPv4 address within IPv6, or 16. @returns undefined if it is none. */
export function addressBytes(text: string): Uint8Array | undefined {
  const network = parseNetwork(text);
  if (network === undefined || text.includes("/")) return undefined;
  return Uint8Array.from(network.words.flatMap((word) => [24, 16, 8, 0].map((shift) => word >>> shift & 0xFF)));
}
