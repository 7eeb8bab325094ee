/** What a client's certificate says about its owner: bytes (DER) → `PeerCertificate`. RFC 5280 §4.1, §4.2.1.6.
 * Names decide who somebody is, so they are read from the structure itself: a text that lists them ("DNS:a, URI:b")
 * lets one name pretend to be two. Who calls has verified the certificate. Room: pure. @module */

import { createHash } from "node:crypto";
import type { PeerCertificate } from "./byte_stream.ts";

/** One element: its tag, and where its content is. */
interface Element {
  readonly tag: number;
  readonly content: Uint8Array;
}

const SEQUENCE = 0x30;
const OBJECT_IDENTIFIER = 0x06;
const OCTET_STRING = 0x04;
/** [0] version and [3] extensions of TBSCertificate */
const VERSION = 0xA0;
const EXTENSIONS = 0xA3;
/** 2.5.4.3 and 2.5.29.17 */
const COMMON_NAME = "550403";
const SUBJECT_ALT_NAME = "551d11";
/** [1], [2] and [6] of GeneralName, all IA5String */
const EMAIL = 0x81;
const DNS = 0x82;
const URI = 0x86;

/** @throws Error for bytes that are no certificate. */
export function peerCertificate(der: Uint8Array): PeerCertificate {
  const [certificate] = elements(der);
  expect(certificate, SEQUENCE);
  const [toBeSigned] = elements(certificate.content);
  expect(toBeSigned, SEQUENCE);
  const fields = elements(toBeSigned.content);
  // serialNumber, signature, issuer, validity, subject: version 1 leaves the field before them out.
  const subject = fields[fields[0]?.tag === VERSION ? 5 : 4];
  expect(subject, SEQUENCE);
  const names = alternativeNames(fields.find((field) => field.tag === EXTENSIONS));
  return {
    commonName: commonName(subject.content),
    dnsNames: namesOf(names, DNS),
    emailAddresses: namesOf(names, EMAIL),
    uris: namesOf(names, URI),
    fingerprint: fingerprintOf(der),
  };
}

/** SHA-256: "AB:CD:…" */
export function fingerprintOf(der: Uint8Array): string {
  return createHash("sha256").update(der).digest("hex").toUpperCase().replace(/..(?=.)/g, "$&:");
}

/** undefined unless there is exactly one: with two, which is meant would be a guess. */
function commonName(subject: Uint8Array): string | undefined {
  const found: (string | undefined)[] = [];
  for (const set of elements(subject)) {
    for (const attribute of elements(set.content)) {
      const [type, value] = elements(attribute.content);
      if (type?.tag === OBJECT_IDENTIFIER && hex(type.content) === COMMON_NAME) {
        found.push(value === undefined ? undefined : stringOf(value));
      }
    }
  }
  return found.length === 1 ? found[0] : undefined;
}

function alternativeNames(extensions: Element | undefined): Element[] {
  if (extensions === undefined) return [];
  const [list] = elements(extensions.content);
  expect(list, SEQUENCE);
  for (const extension of elements(list.content)) {
    const parts = elements(extension.content);
    if (parts.length < 2 || hex(parts[0].content) !== SUBJECT_ALT_NAME) continue;
    // extnID, critical (may be left out), extnValue
    const value = parts[parts.length - 1];
    expect(value, OCTET_STRING);
    const [names] = elements(value.content);
    expect(names, SEQUENCE);
    return elements(names.content);
  }
  return [];
}

function namesOf(names: readonly Element[], tag: number): string[] {
  return names.filter((name) => name.tag === tag).map(({ content }) => clean(ascii(content)))
    .filter((name) => name !== undefined);
}

/** The kinds of string that a name may have; undefined for others, and for what is no text. */
function stringOf({ tag, content }: Element): string | undefined {
  switch (tag) {
    case 0x0C: // UTF8String
      return clean(decode(content, "utf-8"));
    case 0x13: // PrintableString
    case 0x16: // IA5String
      return clean(ascii(content));
    case 0x14: // TeletexString, in practice Latin-1
      return clean(Array.from(content, (byte) => String.fromCharCode(byte)).join(""));
    case 0x1E: // BMPString
      return clean(decode(content, "utf-16be"));
    default:
      return undefined;
  }
}

function decode(bytes: Uint8Array, encoding: string): string | undefined {
  try {
    return new TextDecoder(encoding, { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

function ascii(bytes: Uint8Array): string | undefined {
  return bytes.every((byte) => byte < 0x80) ? String.fromCharCode(...bytes) : undefined;
}

/** A name with NUL in it looks shorter than it is to others; an empty one is none. */
function clean(name: string | undefined): string | undefined {
  return name === undefined || name === "" || name.includes("\0") ? undefined : name;
}

/** The elements that stand one behind the other in `bytes`. X.690 §8.1, with lengths of up to three bytes. */
function elements(bytes: Uint8Array): Element[] {
  const found: Element[] = [];
  for (let at = 0; at < bytes.length;) {
    const tag = bytes[at++];
    let length = bytes[at++];
    if (length >= 0x80) {
      const lengthBytes = length & 0x7F;
      if (lengthBytes === 0 || lengthBytes > 3) throw notACertificate();
      length = 0;
      for (let count = 0; count < lengthBytes; count++) length = length << 8 | bytes[at++];
    }
    if (!(at + length <= bytes.length)) throw notACertificate();
    found.push({ tag, content: bytes.subarray(at, at + length) });
    at += length;
  }
  return found;
}

function expect(element: Element | undefined, tag: number): asserts element is Element {
  if (element?.tag !== tag) throw notACertificate();
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function notACertificate(): Error {
  return new Deno.errors.InvalidData("these bytes are no certificate");
}
