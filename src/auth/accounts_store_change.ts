/** One change of accounts: gathers what to put and delete, and commits it in one atomic operation that also raises the
 * version and notes what was touched. Two programs may change at once: whoever comes second finds another version, and
 * does its work again on what is there then. @module */

import { serialize } from "node:v8";
import { delay } from "@std/async/delay";
import { invariant } from "../base/assert.ts";
import type { AclRule, BanKind, BanRecord, RoleRecord, UserRecord } from "./account_records.ts";
import { AccountsError, type AccountsKv, withoutSecrets } from "./accounts_store_place.ts";
import { banKey, changeKey, FORMAT_KEY, roleKey, ruleKey, STATE_KEY, userKey } from "./accounts_store_keys.ts";
import {
  checkedBan,
  checkedRole,
  checkedRule,
  checkedUser,
  RecordReader,
  SCHEMA,
  type StoreState,
  type Touched,
} from "./accounts_store_records.ts";

/** Deno KV takes 1,000 mutations, 100 checks, 800 KiB of values and 80 KiB of keys in one operation, and 64 KiB in one
 * value. 400 keys of at most 110 bytes are within that. */
export const MUTATIONS_MAX = 400;
const VALUES_BYTES_MAX = 500_000;
const VALUE_BYTES_MAX = 65_536;
/** Beyond it, a change does not name what it touched. */
const TOUCHED_BYTES_MAX = 40_000;
/** Whoever is further behind reads everything. */
export const CHANGES_KEPT = 1000;
/** Two programs in turn need one or two; a hundred at once need more. */
const TRIES_MAX = 1000;
const RETRY_DELAY_MS_MAX = 20;

export class Change {
  /** Sets it for good. */
  isClosing = false;
  readonly #state: StoreState;
  #lastRule: number;
  readonly #puts: { readonly key: Deno.KvKey; readonly value: unknown }[] = [];
  readonly #deletes: Deno.KvKey[] = [];
  readonly #checks: Deno.KvEntryMaybe<unknown>[] = [];
  readonly #users = new Set<string>();
  readonly #roles = new Set<string>();
  readonly #rules = new Set<number>();
  readonly #bans: { readonly kind: BanKind; readonly name: string }[] = [];
  #valuesBytes = 0;
  #touchedBytes = 0;

  constructor(state: StoreState) {
    this.#state = state;
    this.#lastRule = state.lastRule;
  }

  /** The version that it will make. */
  get version(): number {
    return this.#state.version + 1;
  }

  get isEmpty(): boolean {
    return this.#puts.length + this.#deletes.length === 0 && this.#lastRule === this.#state.lastRule && !this.#closes;
  }

  /** true: what is still to do is for another change. */
  get isFull(): boolean {
    return this.#puts.length + this.#deletes.length >= MUTATIONS_MAX || this.#valuesBytes >= VALUES_BYTES_MAX;
  }

  get #closes(): boolean {
    return this.isClosing && !this.#state.isClosed;
  }

  /** The change is made only if this record is still the one that was read. Needed where the version does not tell: of
   * credentials, which are upgraded without one. */
  expect(entry: Deno.KvEntryMaybe<unknown>): void {
    this.#checks.push(entry);
  }

  /** @throws AccountsError: it is not fit to be kept. As do the other put…. */
  putUser(user: UserRecord): void {
    this.isClosing = true;
    this.#put(userKey(user.name), checkedUser(user));
    this.#touchUser(user.name);
  }

  deleteUser(name: string): void {
    this.#deletes.push(userKey(name));
    this.#touchUser(name);
  }

  putRole(role: RoleRecord): void {
    this.#put(roleKey(role.name), checkedRole(role));
    this.#touchRole(role.name);
  }

  deleteRole(name: string): void {
    this.#deletes.push(roleKey(name));
    this.#touchRole(name);
  }

  /** For rules that are to stand in this order. @returns the first of them. */
  takeRuleNumbers(count: number): number {
    const first = this.#lastRule + 1;
    this.#lastRule += count;
    return first;
  }

  putRule(rule: AclRule): void {
    invariant(rule.number <= this.#lastRule, "a rule has a number that was taken");
    this.#put(ruleKey(rule.number), checkedRule(rule));
    this.#touchRule(rule.number);
  }

  deleteRule(number: number): void {
    this.#deletes.push(ruleKey(number));
    this.#touchRule(number);
  }

  putBan(ban: BanRecord): void {
    this.#put(banKey(ban.kind, ban.name), checkedBan(ban));
    this.#touchBan(ban.kind, ban.name);
  }

  deleteBan(kind: BanKind, name: string): void {
    this.#deletes.push(banKey(kind, name));
    this.#touchBan(kind, name);
  }

  /** @returns false: others were faster. */
  async commit(
    kv: AccountsKv,
    format: Deno.KvEntryMaybe<unknown>,
    state: Deno.KvEntryMaybe<unknown>,
  ): Promise<boolean> {
    const operation = kv.atomic().check(format, state, ...this.#checks);
    for (const { key, value } of this.#puts) operation.set(key, value);
    for (const key of this.#deletes) operation.delete(key);
    if (format.versionstamp === null) operation.set(FORMAT_KEY, { schema: SCHEMA });
    operation.set(
      STATE_KEY,
      {
        version: this.version,
        isClosed: this.#state.isClosed || this.isClosing,
        lastRule: this.#lastRule,
      } satisfies StoreState,
    );
    operation.set(changeKey(this.version), this.#touched);
    operation.delete(changeKey(this.version - CHANGES_KEPT));
    return await kv.commit(operation);
  }

  get #touched(): Touched {
    if (this.#touchedBytes > TOUCHED_BYTES_MAX) return "all";
    return { users: [...this.#users], roles: [...this.#roles], rules: [...this.#rules], bans: this.#bans };
  }

  #put(key: Deno.KvKey, value: unknown): void {
    const bytes = serialize(value).length;
    if (bytes >= VALUE_BYTES_MAX) {
      throw new AccountsError("refused", `a record of ${bytes} bytes cannot be kept: Deno KV takes ${VALUE_BYTES_MAX}`);
    }
    this.#valuesBytes += bytes;
    this.#puts.push({ key, value });
  }

  #touchUser(name: string): void {
    this.#users.add(name);
    this.#touchedBytes += serialize(name).length;
  }

  #touchRole(name: string): void {
    this.#roles.add(name);
    this.#touchedBytes += serialize(name).length;
  }

  #touchRule(number: number): void {
    this.#rules.add(number);
    this.#touchedBytes += serialize(number).length;
  }

  #touchBan(kind: BanKind, name: string): void {
    this.#bans.push({ kind, name });
    // Beside the names, the object with its two fields' names.
    this.#touchedBytes += serialize({ kind, name }).length;
  }
}

/** What all accounts begin with, read at one instant. */
export interface Head {
  readonly format: Deno.KvEntryMaybe<unknown>;
  readonly stateEntry: Deno.KvEntryMaybe<unknown>;
  readonly state: StoreState;
}

/** @throws AccountsError: these are not accounts that this program may use. */
export async function readHead(kv: AccountsKv): Promise<Head> {
  const [format, stateEntry] = await kv.getMany([FORMAT_KEY, STATE_KEY]);
  const reader = new RecordReader(kv.place);
  if (format.versionstamp !== null) reader.requireFormat(format);
  return { format, stateEntry, state: reader.state(stateEntry) };
}

/** Makes one change. `prepare` reads what it needs and says what to do; it is called again when somebody else has changed
 * accounts meanwhile. Nothing is written when it asks for nothing.
 * @returns what `prepare` returned the last time. @throws AccountsError, and what `prepare` throws. */
export async function makeChange<T>(kv: AccountsKv, prepare: (change: Change) => Promise<T>): Promise<T> {
  for (let tries = 0; tries < TRIES_MAX; tries++) {
    const head = await readHead(kv);
    const change = new Change(head.state);
    const result = await prepare(change);
    if (change.isEmpty || await change.commit(kv, head.format, head.stateEntry)) return result;
    // By chance, so that two programs do not meet again and again.
    await delay(Math.random() * RETRY_DELAY_MS_MAX);
  }
  throw new AccountsError(
    "unavailable",
    `the accounts in ${withoutSecrets(kv.place)} are being changed by others all the time: try again`,
  );
}
