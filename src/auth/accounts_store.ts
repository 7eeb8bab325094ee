/** The accounts on the disk, or in a remote Deno KV: users, roles, rules, bans, and the register of clients.
 * Several programs may have the same accounts open and change them: each change is one atomic operation, or says how it is
 * cut. A running broker looks at the version, and reads what changes have touched (accounts_view.ts).
 * ```
 * ["quetzal", "format"]       { schema }                                checked by every change
 * ["version"]                 { version, isClosed, lastRule }           checked and replaced by every change
 * ["change", version]         { users, roles, rules, bans } | "all"     what it touched; the last 1,000
 * ["user", name]              UserRecord    a name of more than 96 bytes stands here as its SHA-256
 * ["role", name]              RoleRecord
 * ["rule", number]            AclRule
 * ["ban", kind, name]         BanRecord
 * ["pretence-secret"]         32 bytes: accounts_store_secret.ts; as what follows, without a change of the version
 * ["client", clientId]        a ClientRecord, and whose it is           these three: accounts_store_clients.ts
 * ["client-id", hash, part]   the bytes of a long Client Identifier
 * ["gone", atMs, clientId]    true: of a Client that is not connected
 * ```
 * @module */

import type { AclRule, BanKind, BanRecord, ClientRecord, RoleRecord, UserRecord } from "./account_records.ts";
import type { Credentials } from "./credentials.ts";
import {
  ACCOUNTS_FILE_NAME,
  AccountsError,
  type AccountsErrorKind,
  AccountsKv,
  notOurs,
} from "./accounts_store_place.ts";
import { BAN, banKey, FORMAT_KEY, ROLE, roleKey, RULE, ruleKey, USER, userKey } from "./accounts_store_keys.ts";
import { type Change, makeChange, readHead } from "./accounts_store_change.ts";
import { type AccountsData, listRecords, readAccounts } from "./accounts_store_data.ts";
import { type AccountsBatch, importAccounts, type ImportReport, newUserRecord } from "./accounts_store_import.ts";
import { forgetClient, listClients, readClient } from "./accounts_store_clients.ts";
import { isSameCredentials, isSameRule, type NewRule, ruleProblem } from "./accounts_store_compare.ts";
import { checkedUser, RecordReader, SCHEMA } from "./accounts_store_records.ts";

export { ACCOUNTS_FILE_NAME, AccountsError, type AccountsErrorKind };
export type { AccountsBatch, AccountsData, ImportReport, NewRule };

/** What a person says of a new user; the rest is the store's. */
export type NewUser =
  & Pick<UserRecord, "name">
  & Partial<Pick<UserRecord, "isDisabled" | "roles" | "clientIds" | "credentials">>;

export class AccountsStore implements Disposable {
  /** For the files beside this one: an open Deno KV. */
  readonly kv: AccountsKv;
  readonly #reader: RecordReader;
  readonly #now: () => number;

  private constructor(kv: AccountsKv, now: () => number) {
    this.kv = kv;
    this.#reader = new RecordReader(kv.place);
    this.#now = now;
  }

  /** @param place a file's path, or the URL of a remote Deno KV.
   * @param options.create make the file if it is not there; without it that is an error of the kind "missing".
   * @param options.now wall clock, milliseconds.
   * @throws AccountsError */
  static async open(
    place: string,
    { create, now = Date.now }: { create: boolean; now?: () => number },
  ): Promise<AccountsStore> {
    const kv = await AccountsKv.open(place, { create });
    try {
      await requireOurs(kv, create);
      return new AccountsStore(kv, now);
    } catch (error) {
      kv.close();
      throw error;
    }
  }

  /** An absolute path, or a URL. */
  get place(): string {
    return this.kv.place;
  }

  /** Everything, as of one version. @param previous what this returned before: only what has changed is read, and
   * `previous` itself comes back if nothing has. @throws AccountsError, as all that follow. */
  async read(previous?: AccountsData): Promise<AccountsData> {
    return await readAccounts(this.kv, previous);
  }

  async users(): Promise<UserRecord[]> {
    return await Array.fromAsync(listRecords(this.kv, USER, (entry) => this.#reader.user(entry)));
  }

  async user(name: string): Promise<UserRecord | undefined> {
    return (await this.#userEntry(name)).user;
  }

  /** From the first one on, accounts are closed: who is not known stays out. Its roles must exist. */
  async addUser(user: NewUser): Promise<UserRecord> {
    return await this.#change(async (change) => {
      const { entry } = await this.#userEntry(user.name);
      if (entry.versionstamp !== null) throw refused(`there is a user ${quoted(user.name)} already`);
      await this.#requireRoles(user.roles ?? []);
      const record = newUserRecord(user, change.version, this.#now());
      change.putUser(record);
      return record;
    });
  }

  /** @param change makes the new record; its name cannot change, `changedAtMs` is set here, and so is `credential` when the
   * credentials are others. It may be called several times. Roles that are new to the user must exist.
   * @returns the new record. */
  async updateUser(name: string, change: (user: UserRecord) => UserRecord): Promise<UserRecord> {
    return await this.#change(async (gathered) => {
      const { entry, user } = await this.#userEntry(name);
      if (user === undefined) throw unknownUser(name);
      const wanted = change(user);
      if (wanted.name !== name) throw refused("a user keeps its name: add a new one and remove the old one");
      await this.#requireRoles(wanted.roles.filter((role) => !user.roles.includes(role)));
      const credential = isSameCredentials(wanted.credentials, user.credentials) ? user.credential : gathered.version;
      const record = { ...wanted, credential, changedAtMs: this.#now() };
      gathered.expect(entry);
      gathered.putUser(record);
      return record;
    });
  }

  /** With its rules. Those that allow go first and those that deny last, so that a crash in between opens nothing.
   * @returns how many rules went with it. */
  async removeUser(name: string): Promise<number> {
    return await this.#removeSubject("user", name, userKey(name), (change) => change.deleteUser(name));
  }

  /** Puts better credentials for the same password in the place of those of `user`, unless they were changed meanwhile. The
   * version stays as it is: nobody's rights change.
   * @returns the user as it is now; undefined: it is gone. */
  async upgradeCredentials(user: UserRecord, credentials: Credentials): Promise<UserRecord | undefined> {
    for (;;) {
      const { entry, user: present } = await this.#userEntry(user.name);
      if (present === undefined || present.credential !== user.credential) return present;
      if (!isSameCredentials(present.credentials, user.credentials)) return present;
      const { format } = await readHead(this.kv);
      const record = checkedUser({ ...present, credentials });
      if (await this.kv.commit(this.kv.atomic().check(format, entry).set(entry.key, record))) return record;
    }
  }

  async roles(): Promise<RoleRecord[]> {
    return await Array.fromAsync(listRecords(this.kv, ROLE, (entry) => this.#reader.role(entry)));
  }

  async addRole(name: string): Promise<RoleRecord> {
    return await this.#change(async (change) => {
      if ((await this.kv.get(roleKey(name))).versionstamp !== null) {
        throw refused(`there is a role ${quoted(name)} already`);
      }
      const role = { name, createdAtMs: this.#now() };
      change.putRole(role);
      return role;
    });
  }

  /** Takes it from all users, and removes it with its rules. @returns how many rules, and how many users had it. */
  async removeRole(name: string): Promise<{ rules: number; users: number }> {
    if ((await this.kv.get(roleKey(name))).versionstamp === null) throw unknownRole(name);
    let users = 0;
    for (let taken = -1; taken !== 0; users += taken) {
      taken = await this.#change((change) => this.#takeRole(change, name));
    }
    const rules = await this.#removeSubject("role", name, roleKey(name), (change) => change.deleteRole(name));
    return { rules, users };
  }

  async rules(): Promise<AclRule[]> {
    return await Array.fromAsync(listRecords(this.kv, RULE, (entry) => this.#reader.rule(entry)));
  }

  /** @returns its number; that of an identical one if there is one already. */
  async addRule(rule: NewRule): Promise<number> {
    return await this.#change(async (change) => {
      const problem = ruleProblem(rule);
      if (problem !== undefined) throw refused(problem);
      const same = (await this.rules()).find((other) => isSameRule(rule, other));
      if (same !== undefined) return same.number;
      if (rule.subjectKind === "role") await this.#requireRoles([rule.subjectName]);
      const number = change.takeRuleNumbers(1);
      change.putRule({ ...rule, number });
      return number;
    });
  }

  async removeRule(number: number): Promise<void> {
    await this.#change(async (change) => {
      if ((await this.kv.get(ruleKey(number))).versionstamp === null) throw refused(`there is no rule ${number}`);
      change.deleteRule(number);
    });
  }

  async bans(): Promise<BanRecord[]> {
    return await Array.fromAsync(listRecords(this.kv, BAN, (entry) => this.#reader.ban(entry)));
  }

  /** In the place of an earlier one of the same kind and name. */
  async addBan(ban: Omit<BanRecord, "createdAtMs">): Promise<void> {
    // deno-lint-ignore require-await -- nothing has to be read for it
    await this.#change(async (change) => change.putBan({ ...ban, createdAtMs: this.#now() }));
  }

  async removeBan(kind: BanKind, name: string): Promise<void> {
    await this.#change(async (change) => {
      if ((await this.kv.get(banKey(kind, name))).versionstamp === null) {
        throw refused(`there is no ban of the ${kind} ${quoted(name)}`);
      }
      change.deleteBan(kind, name);
    });
  }

  /** See `importAccounts`. */
  async import(batch: AccountsBatch): Promise<ImportReport> {
    return await importAccounts(this.kv, batch, this.#now());
  }

  /** The register; not at one instant. */
  clients(): AsyncGenerator<ClientRecord> {
    return listClients(this.kv);
  }

  async client(clientId: string): Promise<ClientRecord | undefined> {
    return await readClient(this.kv, clientId);
  }

  /** @returns false: it was not in the register. One that is connected comes back with its next arrival only. */
  async forgetClient(clientId: string): Promise<boolean> {
    return await forgetClient(this.kv, clientId);
  }

  /** May be called again. */
  close(): void {
    this.kv.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #change<T>(prepare: (change: Change) => Promise<T>): Promise<T> {
    return makeChange(this.kv, prepare);
  }

  async #userEntry(name: string): Promise<{ entry: Deno.KvEntryMaybe<unknown>; user: UserRecord | undefined }> {
    const entry = await this.kv.get(userKey(name));
    return { entry, user: entry.versionstamp === null ? undefined : this.#reader.user(entry) };
  }

  async #requireRoles(names: readonly string[]): Promise<void> {
    const entries = await this.kv.getMany(names.map(roleKey));
    const missing = entries.findIndex((entry) => entry.versionstamp === null);
    if (missing >= 0) throw unknownRole(names[missing]);
  }

  /** @returns from how many users; 0 = nobody has it any more. */
  async #takeRole(change: Change, name: string): Promise<number> {
    const holders = (await this.users()).filter((user) => user.roles.includes(name)).slice(0, HOLDERS_AT_ONCE);
    const entries = await Promise.all(holders.map((user) => this.#userEntry(user.name)));
    for (const { entry, user } of entries) {
      if (user === undefined) continue;
      change.expect(entry);
      change.putUser({ ...user, roles: user.roles.filter((role) => role !== name), changedAtMs: this.#now() });
    }
    return holders.length;
  }

  /** @param remove of the user or role itself. @returns how many rules. */
  async #removeSubject(
    kind: "user" | "role",
    name: string,
    key: Deno.KvKey,
    remove: (change: Change) => void,
  ): Promise<number> {
    if ((await this.kv.get(key)).versionstamp === null) throw kind === "user" ? unknownUser(name) : unknownRole(name);
    let removed = 0;
    let isRemoved = false;
    for (let isDone = false; !isDone;) {
      const round = await this.#change(async (change) => {
        const own = (await this.rules()).filter((rule) => rule.subjectKind === kind && rule.subjectName === name);
        const allowing = own.filter((rule) => rule.effect === "allow");
        const denying = own.filter((rule) => rule.effect === "deny");
        const steps = [
          ...allowing.map((rule) => () => change.deleteRule(rule.number)),
          ...(isRemoved ? [] : [() => remove(change)]),
          ...denying.map((rule) => () => change.deleteRule(rule.number)),
        ];
        let taken = 0;
        while (taken < steps.length && !change.isFull) steps[taken++]();
        return { taken, isBeyondAllowing: taken > allowing.length, isDone: taken === steps.length };
      });
      removed += round.taken - (!isRemoved && round.isBeyondAllowing ? 1 : 0);
      isRemoved ||= round.isBeyondAllowing;
      isDone = round.isDone;
    }
    return removed;
  }
}

/** Each takes a check, and Deno KV allows 100 in one operation. */
const HOLDERS_AT_ONCE = 90;

/** Accounts bear a mark from the moment on that something is in them. */
async function requireOurs(kv: AccountsKv, create: boolean): Promise<void> {
  for (;;) {
    const { format } = await readHead(kv);
    if (format.versionstamp !== null) return;
    // Between the two another program may have begun these accounts: its mark is among what is listed.
    for await (const _ of kv.list([], 1)) {
      if ((await kv.get(FORMAT_KEY)).versionstamp === null) throw notOurs(kv.place);
    }
    if (!create || await kv.commit(kv.atomic().check(format).set(FORMAT_KEY, { schema: SCHEMA }))) return;
  }
}

function refused(message: string): AccountsError {
  return new AccountsError("refused", message);
}

function unknownUser(name: string): AccountsError {
  return refused(`there is no user ${quoted(name)}`);
}

function unknownRole(name: string): AccountsError {
  return refused(`there is no role ${quoted(name)}: add it first`);
}

function quoted(name: string): string {
  return JSON.stringify(name);
}
