/** All accounts of a store, read as of one version: in full, or only what changes since an earlier reading have touched.
 * @module */

import type { AclRule, BanKind, BanRecord, RoleRecord, UserRecord } from "./account_records.ts";
import { AccountsError, type AccountsKv, withoutSecrets } from "./accounts_store_place.ts";
import { BAN, banKey, changeKey, keyText, ROLE, roleKey, RULE, ruleKey, USER, userKey } from "./accounts_store_keys.ts";
import { CHANGES_KEPT, readHead } from "./accounts_store_change.ts";
import { RecordReader, type StoreState, type Touched } from "./accounts_store_records.ts";

/** Never changed in place. */
export interface AccountsData {
  readonly version: number;
  readonly isClosed: boolean;
  readonly users: ReadonlyMap<string, UserRecord>;
  readonly roles: ReadonlyMap<string, RoleRecord>;
  /** By number, in ascending order. */
  readonly rules: ReadonlyMap<number, AclRule>;
  /** By `banName`. */
  readonly bans: ReadonlyMap<string, BanRecord>;
}

/** Readings until one falls between two changes. */
const ROUNDS_MAX = 100;

/** @param previous an earlier reading of the same store. @returns `previous` itself if nothing has changed.
 * @throws AccountsError: a record is not valid, or the store cannot be read. */
export async function readAccounts(kv: AccountsKv, previous?: AccountsData): Promise<AccountsData> {
  let data = previous;
  for (let round = 0; round < ROUNDS_MAX; round++) {
    const { state } = await readHead(kv);
    // The version is the same before and after: nothing was changed while the records were read.
    if (data !== undefined && data.version === state.version) return data;
    data = await readChanges(kv, data, state) ?? await readAll(kv, state);
  }
  throw new AccountsError(
    "unavailable",
    `the accounts in ${withoutSecrets(kv.place)} change faster than they can be read`,
  );
}

async function readAll(kv: AccountsKv, state: StoreState): Promise<AccountsData> {
  const reader = new RecordReader(kv.place);
  const users = new Map<string, UserRecord>();
  const roles = new Map<string, RoleRecord>();
  const rules = new Map<number, AclRule>();
  const bans = new Map<string, BanRecord>();
  for await (const user of listRecords(kv, USER, (entry) => reader.user(entry))) users.set(user.name, user);
  for await (const role of listRecords(kv, ROLE, (entry) => reader.role(entry))) roles.set(role.name, role);
  for await (const rule of listRecords(kv, RULE, (entry) => reader.rule(entry))) rules.set(rule.number, rule);
  for await (const ban of listRecords(kv, BAN, (entry) => reader.ban(entry))) {
    bans.set(banName(ban.kind, ban.name), ban);
  }
  return { version: state.version, isClosed: state.isClosed, users, roles, rules, bans };
}

export async function* listRecords<T>(
  kv: AccountsKv,
  kind: string,
  read: (entry: Deno.KvEntry<unknown>) => T,
): AsyncGenerator<T> {
  for await (const entry of kv.list([kind])) yield read(entry);
}

/** @returns undefined: everything is to be read. */
async function readChanges(
  kv: AccountsKv,
  data: AccountsData | undefined,
  state: StoreState,
): Promise<AccountsData | undefined> {
  // A lower version: another file was copied over this one.
  if (data === undefined || state.version < data.version || state.version - data.version > CHANGES_KEPT) {
    return undefined;
  }
  const { version } = data;
  const keys = Array.from({ length: state.version - version }, (_, index) => changeKey(version + 1 + index));
  const reader = new RecordReader(kv.place);
  const changes = (await kv.getMany(keys)).map((entry) => reader.touched(entry));
  const named = changes.filter((touched) => touched !== undefined && touched !== "all");
  if (named.length < changes.length) return undefined;
  return await applyChanges(kv, data, state, named);
}

async function applyChanges(
  kv: AccountsKv,
  data: AccountsData,
  state: StoreState,
  changes: readonly Exclude<Touched, "all">[],
): Promise<AccountsData> {
  const reader = new RecordReader(kv.place);
  const users = unique(changes.flatMap((change) => change.users));
  const roles = unique(changes.flatMap((change) => change.roles));
  const rules = unique(changes.flatMap((change) => change.rules));
  const bans = changes.flatMap((change) => change.bans);
  const entries = [
    ...users.map((name) => [userKey(name), name] as const),
    ...roles.map((name) => [roleKey(name), name] as const),
    ...rules.map((number) => [ruleKey(number), number] as const),
    ...bans.map(({ kind, name }) => [banKey(kind, name), banName(kind, name)] as const),
  ];
  const read = await kv.getMany(entries.map(([key]) => key));
  const next = {
    version: state.version,
    isClosed: state.isClosed,
    users: users.length === 0 ? data.users : new Map(data.users),
    roles: roles.length === 0 ? data.roles : new Map(data.roles),
    rules: rules.length === 0 ? data.rules : new Map(data.rules),
    bans: bans.length === 0 ? data.bans : new Map(data.bans),
  };
  const put = <Name, T>(
    map: ReadonlyMap<Name, T>,
    name: Name,
    at: number,
    parse: (entry: Deno.KvEntry<unknown>) => T,
  ) => {
    const entry = read[at];
    if (entry.versionstamp === null) (map as Map<Name, T>).delete(name);
    else (map as Map<Name, T>).set(name, parse(entry));
  };
  let at = 0;
  for (const name of users) put(next.users, name, at++, (entry) => reader.user(entry));
  for (const name of roles) put(next.roles, name, at++, (entry) => reader.role(entry));
  for (const number of rules) put(next.rules, number, at++, (entry) => reader.rule(entry));
  for (const { kind, name } of bans) put(next.bans, banName(kind, name), at++, (entry) => reader.ban(entry));
  if (rules.length > 0) next.rules = new Map([...next.rules].sort(([one], [other]) => one - other));
  return next;
}

function unique<T>(values: readonly T[]): T[] {
  return [...new Set(values)];
}

/** One text for kind and name. */
export function banName(kind: BanKind, name: string): string {
  return keyText([kind, name]);
}
