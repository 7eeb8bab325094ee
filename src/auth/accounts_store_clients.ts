/** The register of clients in the store: one record for each Client, and an index of those that are gone, the one that is
 * gone longest first. These records are nobody's rights: they change without a change of the version. @module */

import * as v from "valibot";
import type { ClientRecord } from "./account_records.ts";
import { AccountsError, type AccountsKv, withoutSecrets } from "./accounts_store_place.ts";
import { keyText, nameInKey } from "./accounts_store_keys.ts";

export const CLIENT = "client";
const CLIENT_ID = "client-id";
const GONE = "gone";
/** In UTF-16 units. A Client Identifier may have 65,535 bytes, and a value of Deno KV, in which text may take two bytes
 * for each character, 65,536. */
const ID_IN_RECORD_LENGTH_MAX = 8192;
const ID_PART_BYTES = 60_000;

/** A record, and which broker keeps it: several may share a store. */
export interface StoredClient {
  readonly record: ClientRecord;
  readonly owner: string;
}

const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const timeMs = v.pipe(v.number(), v.finite());
const storedSchema = v.strictObject({
  owner: v.string(),
  /** How many parts of the Client Identifier stand under keys of their own; 0 = it is in the record. */
  idParts: v.pipe(count, v.maxValue(2)),
  record: v.strictObject({
    clientId: v.string(),
    userName: v.undefinedable(v.string()),
    protocolVersion: v.picklist([3, 4, 5]),
    keepAlive: count,
    remoteAddress: v.string(),
    listenerUrl: v.string(),
    isConnected: v.boolean(),
    firstConnectedAtMs: timeMs,
    connectedAtMs: timeMs,
    connectCount: count,
    disconnectedAtMs: v.undefinedable(timeMs),
    disconnectReasonCode: v.undefinedable(count),
    disconnectReason: v.string(),
    lastAction: v.string(),
    lastActionAtMs: timeMs,
  }),
});

export function clientKey(clientId: string): Deno.KvKey {
  return [CLIENT, nameInKey(clientId)];
}

function goneKey(atMs: number, key: Deno.KvKey): Deno.KvKey {
  return [GONE, atMs, key[1]];
}

function partKey(key: Deno.KvKey, part: number): Deno.KvKey {
  return [CLIENT_ID, key[1], part];
}

/** @throws AccountsError: the record is not valid. */
export async function parseClient(kv: AccountsKv, entry: Deno.KvEntry<unknown>): Promise<StoredClient> {
  const result = v.safeParse(storedSchema, entry.value);
  const clientId = result.success ? await readId(kv, entry.key, result.output) : undefined;
  if (result.success && clientId !== undefined && keyText(clientKey(clientId)) === keyText(entry.key)) {
    const { record, owner } = result.output;
    return { record: { ...record, clientId }, owner };
  }
  throw new AccountsError(
    "damaged",
    `the record ${keyText(entry.key)} in ${
      withoutSecrets(kv.place)
    } is not valid: forget that client, and it is registered ` +
      "anew with its next connection",
  );
}

async function readId(
  kv: AccountsKv,
  key: Deno.KvKey,
  { idParts, record }: v.InferOutput<typeof storedSchema>,
): Promise<string | undefined> {
  if (idParts === 0) return record.clientId;
  const entries = await kv.getMany(Array.from({ length: idParts }, (_, part) => partKey(key, part)));
  const parts = entries.map(({ value }) => value).filter((value) => value instanceof Uint8Array);
  if (parts.length < idParts) return undefined;
  const decoder = new TextDecoder();
  return parts.map((part) => decoder.decode(part, { stream: true })).join("") + decoder.decode();
}

/** @returns undefined: there is none. */
export async function readClient(kv: AccountsKv, clientId: string): Promise<ClientRecord | undefined> {
  const entry = await kv.get(clientKey(clientId));
  return entry.versionstamp === null ? undefined : (await parseClient(kv, entry)).record;
}

export async function* listClients(kv: AccountsKv): AsyncGenerator<ClientRecord> {
  for await (const entry of kv.list([CLIENT])) yield (await parseClient(kv, entry)).record;
}

/** One that is damaged is forgotten, too. @returns false: there was none. */
export async function forgetClient(kv: AccountsKv, clientId: string): Promise<boolean> {
  const entry = await kv.get(clientKey(clientId));
  if (entry.versionstamp === null) return false;
  const batch = new ClientBatch(kv);
  batch.delete(entry);
  await batch.commit();
  return true;
}

/** Deno KV takes 1,000 mutations, 80 KiB of keys and 800 KiB of values in one operation. A Client takes three mutations,
 * and with a long Client Identifier five, each with a key of at most 115 bytes. */
const MUTATIONS_MAX = 500;
const VALUES_BYTES_MAX = 400_000;

/** Beside the texts, with the names of the fields. */
const RECORD_BYTES = 400;

/** What is written in one atomic operation. */
export class ClientBatch {
  readonly #kv: AccountsKv;
  readonly #operation: Deno.AtomicOperation;
  #mutations = 0;
  #valuesBytes = 0;

  constructor(kv: AccountsKv) {
    this.#kv = kv;
    this.#operation = kv.atomic();
  }

  get isFull(): boolean {
    return this.#mutations >= MUTATIONS_MAX || this.#valuesBytes >= VALUES_BYTES_MAX;
  }

  get isEmpty(): boolean {
    return this.#mutations === 0;
  }

  /** @param goneAtMs of the record that was there: its place in the index. */
  put({ record, owner }: StoredClient, goneAtMs: number | undefined): void {
    const key = clientKey(record.clientId);
    const isLong = record.clientId.length > ID_IN_RECORD_LENGTH_MAX;
    const idParts = isLong ? this.#putId(key, record.clientId) : 0;
    const goneNow = record.isConnected ? undefined : record.disconnectedAtMs;
    if (goneAtMs !== undefined && goneAtMs !== goneNow) this.#delete(goneKey(goneAtMs, key));
    if (goneNow !== undefined) this.#set(goneKey(goneNow, key), true, 8);
    const kept = isLong ? { ...record, clientId: "" } : record;
    this.#set(key, { owner, idParts, record: kept }, bytesOf(kept, owner));
  }

  /** Also one that is damaged. */
  delete(entry: Deno.KvEntry<unknown>): void {
    const result = v.safeParse(storedSchema, entry.value);
    this.#delete(entry.key);
    if (!result.success) return;
    const { record, idParts } = result.output;
    if (record.disconnectedAtMs !== undefined) this.#delete(goneKey(record.disconnectedAtMs, entry.key));
    for (let part = 0; part < idParts; part++) this.#delete(partKey(entry.key, part));
  }

  /** Of the index, when no record answers to it. */
  deleteGone(key: Deno.KvKey): void {
    this.#delete(key);
  }

  async commit(): Promise<void> {
    if (!this.isEmpty) await this.#kv.commit(this.#operation);
  }

  #putId(key: Deno.KvKey, clientId: string): number {
    const bytes = new TextEncoder().encode(clientId);
    let parts = 0;
    for (let at = 0; at < bytes.length; at += ID_PART_BYTES) {
      this.#set(partKey(key, parts++), bytes.slice(at, at + ID_PART_BYTES), Math.min(ID_PART_BYTES, bytes.length - at));
    }
    return parts;
  }

  #set(key: Deno.KvKey, value: unknown, bytes: number): void {
    this.#operation.set(key, value);
    this.#valuesBytes += bytes;
    this.#mutations++;
  }

  #delete(key: Deno.KvKey): void {
    this.#operation.delete(key);
    this.#mutations++;
  }
}

/** About, and rather too much: to serialize a record takes half as long as to write it. */
function bytesOf(record: ClientRecord, owner: string): number {
  const { clientId, userName = "", remoteAddress, listenerUrl, disconnectReason, lastAction } = record;
  const texts = [owner, clientId, userName, remoteAddress, listenerUrl, disconnectReason, lastAction];
  return texts.reduce((bytes, text) => bytes + 2 * text.length, RECORD_BYTES);
}

/** Of those that are gone, the ones that are gone longest.
 * @returns the entries of the index with what they point to (a record that came back meanwhile, or nothing, may be there). */
export async function listGone(
  kv: AccountsKv,
  limit: number,
): Promise<{ indexKey: Deno.KvKey; entry: Deno.KvEntryMaybe<unknown>; isGone: boolean }[]> {
  const index = await Array.fromAsync(kv.list([GONE], limit), ({ key }) => key);
  const entries = await kv.getMany(index.map((key) => [CLIENT, key[2]]));
  return entries.map((entry, at) => {
    const result = v.safeParse(storedSchema, entry.value);
    const record = result.success ? result.output.record : undefined;
    const isGone = record !== undefined && !record.isConnected && record.disconnectedAtMs === index[at][1];
    return { indexKey: index[at], entry, isGone };
  });
}
