/** The keys under which accounts are kept: the layout of `AccountsStore`. A name stands in a key as it is, or as its hash
 * if it is long: Deno KV takes 2 KiB a key, and 80 KiB of keys in one operation. Room: pure. @module */

import { sha256 } from "@noble/hashes/sha2";
import type { BanKind } from "./account_records.ts";
import { byteLength } from "./account_names.ts";

/** 500 such names are within the 80 KiB of an operation. */
const NAME_IN_KEY_BYTES_MAX = 96;

const encoder = new TextEncoder();

export const FORMAT_KEY: Deno.KvKey = ["quetzal", "format"];
export const STATE_KEY: Deno.KvKey = ["version"];
export const SECRET_KEY: Deno.KvKey = ["pretence-secret"];
export const USER = "user";
export const ROLE = "role";
export const RULE = "rule";
export const BAN = "ban";
export const CHANGE = "change";

/** A hash is bytes, so that it is never the name of another. */
export function nameInKey(name: string): string | Uint8Array {
  const isShort = name.length <= NAME_IN_KEY_BYTES_MAX && byteLength(name) <= NAME_IN_KEY_BYTES_MAX;
  return isShort ? name : sha256(encoder.encode(name));
}

export function userKey(name: string): Deno.KvKey {
  return [USER, nameInKey(name)];
}

export function roleKey(name: string): Deno.KvKey {
  return [ROLE, nameInKey(name)];
}

export function ruleKey(number: number): Deno.KvKey {
  return [RULE, number];
}

export function banKey(kind: BanKind, name: string): Deno.KvKey {
  return [BAN, kind, nameInKey(name)];
}

export function changeKey(version: number): Deno.KvKey {
  return [CHANGE, version];
}

/** For people. */
export function keyText(key: Deno.KvKey): string {
  const parts = key.map((part) => part instanceof Uint8Array ? `hash ${part.toHex()}` : JSON.stringify(part));
  return `[${parts.join(", ")}]`;
}

export function isSameKey(one: Deno.KvKey, other: Deno.KvKey): boolean {
  return keyText(one) === keyText(other);
}
