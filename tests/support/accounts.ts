/** Accounts in temporary files, records to put into them, and programs of their own that change them. @module */

import fc from "fast-check";
import { deadline } from "@std/async/deadline";
import type { AclRule, UserRecord } from "../../src/auth/account_records.ts";
import type { Accounts, AccountsSource } from "../../src/auth/accounts.ts";
import { ACCOUNTS_FILE_NAME, AccountsError, AccountsStore, type NewRule } from "../../src/auth/accounts_store.ts";
import type { Credentials } from "../../src/auth/credentials.ts";
import type { Log } from "../../src/base/log.ts";
import { TemporaryFolder } from "./store_files.ts";

/** A folder with an accounts file. */
export class AccountsFolder implements Disposable {
  readonly folder = new TemporaryFolder();
  readonly #open: AccountsStore[] = [];

  get place(): string {
    return this.folder.file(ACCOUNTS_FILE_NAME);
  }

  /** Closed with this. */
  async open(create = true, now?: () => number): Promise<AccountsStore> {
    const store = await AccountsStore.open(this.place, now === undefined ? { create } : { create, now });
    this.#open.push(store);
    return store;
  }

  [Symbol.dispose](): void {
    for (const store of this.#open) store.close();
    this.folder[Symbol.dispose]();
  }
}

/** Lines as they come, and a promise for the one that a test waits for. */
export class LineLog implements Log {
  readonly lines: string[] = [];
  #news = Promise.withResolvers<void>();
  readonly isEnabled = () => true;
  readonly error = (line: string) => this.#add(`error: ${line}`);
  readonly warning = (line: string) => this.#add(`warning: ${line}`);
  readonly info = (line: string) => this.#add(line);
  readonly debug = (line: string) => this.#add(line);

  #add(line: string): void {
    this.lines.push(line);
    const news = this.#news;
    this.#news = Promise.withResolvers();
    news.resolve();
  }

  async until(pattern: RegExp): Promise<string> {
    for (;;) {
      const line = this.lines.find((line) => pattern.test(line));
      if (line !== undefined) return line;
      await this.#news.promise;
    }
  }
}

export function rule(topicFilter: string, parts: Partial<NewRule> = {}): NewRule {
  return { effect: "allow", subjectKind: "everyone", subjectName: "", action: "all", topicFilter, ...parts };
}

/** Not made of any password. */
export function scramCredentials(seed: number): Credentials {
  const keys = { iterations: 4096, salt: bytes(seed), storedKey: bytes(seed + 1), serverKey: bytes(seed + 2) };
  return { kind: "scram", sha256: keys, sha512: { ...keys, salt: bytes(seed + 3) } };
}

export function oldCredentials(seed: number): Credentials {
  return { kind: "sha512", salt: bytes(seed), hash: bytes(seed + 1) };
}

function bytes(seed: number): Uint8Array {
  return new Uint8Array(16).fill(seed);
}

/** @returns what it says. @throws unless it is refused so. */
export async function refusal(kind: AccountsError["kind"], action: Promise<unknown>): Promise<string> {
  const outcome = await action.then((value) => ({ value }), (error: unknown) => ({ error }));
  if ("error" in outcome && outcome.error instanceof AccountsError && outcome.error.kind === kind) {
    return outcome.error.message;
  }
  throw new Error(`expected an AccountsError of the kind "${kind}"`, {
    cause: "error" in outcome ? outcome.error : outcome.value,
  });
}

/** What a random program may do to accounts; each is carried out as far as it is not refused. */
export type RandomStep = (store: AccountsStore) => Promise<unknown>;

const name = fc.constantFrom("reader", "writer", "sensor-1", "ä".repeat(60), "\u{1F331}", "__proto__");
const filter = fc.constantFrom("a/b", "a/%u/#", "+/state", "#", "$SYS/#");

export const randomStep: fc.Arbitrary<RandomStep> = fc.oneof(
  fc.tuple(name, fc.subarray(["role-1", "role-2"])).map(([name, roles]): RandomStep => (store) =>
    store.addUser({ name, roles, credentials: scramCredentials(1) })
  ),
  fc.tuple(name, fc.boolean()).map(([name, isDisabled]): RandomStep => (store) =>
    store.updateUser(name, (user) => ({ ...user, isDisabled }))
  ),
  name.map((name): RandomStep => (store) => store.removeUser(name)),
  fc.constantFrom("role-1", "role-2").map((role): RandomStep => (store) => store.addRole(role)),
  fc.constantFrom("role-1", "role-2").map((role): RandomStep => (store) => store.removeRole(role)),
  fc.tuple(fc.constantFrom("allow", "deny"), fc.option(name), filter).map(
    ([effect, user, filter]): RandomStep => (store) =>
      store.addRule(
        rule(filter, user === null ? { effect } : { effect, subjectKind: "user", subjectName: user }),
      ),
  ),
  fc.nat(12).map((number): RandomStep => (store) => store.removeRule(number)),
  fc.tuple(name, fc.boolean()).map(([name, isBan]): RandomStep => (store) =>
    isBan ? store.addBan({ kind: "user", name, untilMs: undefined, reason: "" }) : store.removeBan("user", name)
  ),
  fc.tuple(fc.array(name, { maxLength: 4 }), fc.array(filter, { maxLength: 3 })).map(
    ([names, filters]): RandomStep => (store) =>
      store.import({
        users: names.map((name) => ({ name, roles: ["role-1"] })),
        roles: ["role-1"],
        rules: filters.map((filter, at) => rule(filter, { effect: at === 0 ? "allow" : "deny" })),
        existingUsers: "replace",
      }),
  ),
);

/** Refusals are no failures: a random program asks for much that is not there. */
export async function carryOut(store: AccountsStore, step: RandomStep): Promise<void> {
  try {
    await step(store);
  } catch (error) {
    if (!(error instanceof AccountsError) || error.kind !== "refused") throw error;
  }
}

/** For comparisons, whatever the order of the maps is. */
export function sortedUsers(users: Iterable<UserRecord>): UserRecord[] {
  return [...users].sort((one, other) => one.name < other.name ? -1 : 1);
}

export function numbersOf(rules: Iterable<AclRule>): number[] {
  return Array.from(rules, ({ number }) => number);
}

/** How long a test waits for what must come. Only ever reached when a test fails. */
const PATIENCE_MS = 30_000;

/** Keeps the process alive meanwhile, which the timers of a view and of a register do not. */
export function comes<T>(promise: Promise<T>): Promise<T> {
  return deadline(promise, PATIENCE_MS);
}

/** Until accounts are as wanted; also at once. */
export async function accountsWhere(
  view: AccountsSource,
  isWanted: (accounts: Accounts) => boolean,
): Promise<Accounts> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const look = () => isWanted(view.accounts) && resolve();
  const stop = view.watch(look);
  look();
  await comes(promise);
  stop();
  return view.accounts;
}
