/** Which names, networks and filters an account record may hold, and what to tell a person whose one it may not.
 * In: text. Out: undefined if it is well, else a reason that begins "a …". Room: pure. @module */

import { isSharedFilter, isValidTopicFilter } from "../topic/mod.ts";
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
  // Each UTF-16 code unit takes one to three bytes: most texts need no encoding to be known as short.
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

/** Of a rule: it may hold %u, %c and ${role}, which are characters like others here. */
export function ruleFilterProblem(filter: string): string | undefined {
  if (isSharedFilter(filter)) {
    return "a rule's Topic Filter is without $share/…/: a shared one is judged as the rest of it";
  }
  if (!isValidTopicFilter(filter)) {
    return "a Topic Filter is not empty, has + as a whole level only and # as the last one only, as in a/+/b/#";
  }
  return filter.isWellFormed() ? undefined : "a Topic Filter is Unicode text, without half a character";
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

/** Addresses that begin with the same bits. */
export interface Network {
  /** 4 or 16; zero behind the prefix. */
  readonly bytes: Uint8Array;
  /** Bits. */
  readonly prefix: number;
}

/** "10.0.0.0/8", "fd00::/8", or one address. An IPv4 address within IPv6 (`::ffff:10.0.0.1`) is taken as IPv4; bits behind
 * the prefix are taken as zero. @returns undefined if it is neither. */
export function parseNetwork(text: string): Network | undefined {
  const [, address, prefixText] = /^([^/]*)(?:\/(\d{1,3}))?$/.exec(text) ?? [];
  let bytes = address === undefined ? undefined : parseAddress(address);
  if (bytes === undefined) return undefined;
  let prefix = prefixText === undefined ? bytes.length * 8 : Number(prefixText);
  if (prefix > bytes.length * 8) return undefined;
  if (isMapped(bytes) && prefix >= 96) {
    bytes = bytes.slice(12);
    prefix -= 96;
  }
  return { bytes: bytes.map((byte, index) => byte & maskOf(prefix - index * 8)), prefix };
}

/** What a person wrote in the spelling that is kept: "10.1.2.3/8" is 10.0.0.0/8. @returns undefined if it is none. */
export function normalNetwork(text: string): string | undefined {
  const network = parseNetwork(text);
  return network === undefined ? undefined : networkText(network);
}

/** @param bits how many of a byte's eight are kept; any number. */
function maskOf(bits: number): number {
  if (bits <= 0) return 0;
  return bits >= 8 ? 0xFF : 0xFF << (8 - bits) & 0xFF;
}

/** The one spelling in which networks are kept: a whole address without "/32". */
export function networkText({ bytes, prefix }: Network): string {
  const address = bytes.length === 4 ? bytes.join(".") : new URL(`http://[${groupsOf(bytes)}]`).hostname.slice(1, -1);
  return prefix === bytes.length * 8 ? address : `${address}/${prefix}`;
}

function groupsOf(bytes: Uint8Array): string {
  return Array.from({ length: 8 }, (_, at) => (bytes[at * 2] << 8 | bytes[at * 2 + 1]).toString(16)).join(":");
}

/** @param address as of `parseAddress`. */
export function networkHolds(network: Network, address: Uint8Array): boolean {
  if (network.bytes.length !== address.length) return false;
  return network.bytes.every((byte, index) => byte === (address[index] & maskOf(network.prefix - index * 8)));
}

/** As the bytes that rules compare: 4, also for an IPv4 address within IPv6, or 16. @returns undefined if it is none. */
export function addressBytes(text: string): Uint8Array | undefined {
  const bytes = parseAddress(text);
  return bytes !== undefined && isMapped(bytes) ? bytes.slice(12) : bytes;
}

function isMapped(bytes: Uint8Array): boolean {
  return bytes.length === 16 && bytes[10] === 0xFF && bytes[11] === 0xFF &&
    bytes.subarray(0, 10).every((byte) => byte === 0);
}

function parseAddress(text: string): Uint8Array<ArrayBuffer> | undefined {
  if (!text.includes(":")) return parseIPv4(text);
  const bare = text.startsWith("[") && text.endsWith("]") ? text.slice(1, -1) : text;
  // Only what an address can be made of: the parser of URLs that decides would take more.
  if (!/^[0-9a-f:.]+$/i.test(bare)) return undefined;
  const url = URL.parse(`http://[${bare}]`);
  return url === null ? undefined : expand(url.hostname.slice(1, -1));
}

function parseIPv4(text: string): Uint8Array<ArrayBuffer> | undefined {
  // Without leading zeros: some programs take those for octal.
  if (!/^(?:(?:0|[1-9]\d{0,2})(?:\.(?!$)|$)){4}$/.test(text)) return undefined;
  const parts = text.split(".").map(Number);
  return parts.every((part) => part <= 255) ? Uint8Array.from(parts) : undefined;
}

/** @param address as URLs have it: hexadecimal groups, with "::" once at most. */
function expand(address: string): Uint8Array<ArrayBuffer> {
  const [head, tail] = address.split("::").map((half) => half === "" ? [] : half.split(":"));
  const groups = tail === undefined ? head : [...head, ...Array(8 - head.length - tail.length).fill("0"), ...tail];
  return Uint8Array.from(groups.flatMap((group) => [parseInt(group, 16) >> 8, parseInt(group, 16) & 0xFF]));
}
