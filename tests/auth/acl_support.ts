/** Accounts that a test writes down and changes. @module */

import type { AclAction, AclRule, AclSubjectKind, RoleRecord, UserRecord } from "../../src/auth/account_records.ts";
import { type Accounts, type AccountsSource, NO_ACCOUNTS } from "../../src/auth/accounts.ts";
import type { Identity } from "../../src/auth/authorizer.ts";

/** Holds what it is given, and tells of each change at once. */
export class ChangingAccounts implements AccountsSource {
  #accounts: Accounts;
  readonly #watchers = new Set<() => void>();

  constructor(parts: Partial<Accounts> = {}) {
    this.#accounts = { ...NO_ACCOUNTS, version: 1, ...parts };
  }

  get accounts(): Accounts {
    return this.#accounts;
  }

  get watcherCount(): number {
    return this.#watchers.size;
  }

  watch(changed: () => void): () => void {
    this.#watchers.add(changed);
    return () => void this.#watchers.delete(changed);
  }

  change(parts: Partial<Accounts>): void {
    this.#accounts = { ...this.#accounts, ...parts, version: this.#accounts.version + 1 };
    for (const changed of this.#watchers) changed();
  }

  /** As when somebody's credentials are hashed better: no new version, and nobody is told. */
  replaceSilently(): void {
    this.#accounts = { ...this.#accounts, users: new Map(this.#accounts.users) };
  }

  upgradeCredentials(): Promise<void> {
    return Promise.reject(new Error("no test of rights has credentials"));
  }
}

export function accountsOf(parts: Partial<Accounts>): Accounts {
  return { ...NO_ACCOUNTS, version: 1, ...parts };
}

export function usersOf(...users: (Partial<UserRecord> & { name: string })[]): Map<string, UserRecord> {
  return new Map(users.map((user) => [user.name, {
    isDisabled: false,
    roles: [],
    clientIds: [],
    credentials: undefined,
    credential: 1,
    createdAtMs: 0,
    changedAtMs: 0,
    ...user,
  }]));
}

export function rolesOf(...names: string[]): Map<string, RoleRecord> {
  return new Map(names.map((name) => [name, { name, createdAtMs: 0 }]));
}

/** "deny user greenhouse publish a/#", "allow everyone all #", in this order. */
export function rulesOf(...lines: string[]): AclRule[] {
  return lines.map((line, index) => {
    const words = line.split(" ");
    const subjectName = words.length === 5 ? words[2] : "";
    return {
      number: index + 1,
      effect: words[0] as AclRule["effect"],
      subjectKind: words[1] as AclSubjectKind,
      subjectName,
      action: words.at(-2) as AclAction,
      topicFilter: words.at(-1)!,
    };
  });
}

export function identityOf(parts: Partial<Identity> = {}): Identity {
  return { clientId: "sensor-1", userName: undefined, remoteHost: "192.0.2.1", ...parts };
}
