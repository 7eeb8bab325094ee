/** Contract: what the broker knows of accounts, in memory, as of the last change. Types only; `accounts_view.ts` keeps it
 * up to date from the store. Maps and lists are never changed in place: a change is a new `Accounts`. Except for better
 * credentials, which are no change of what anybody may do. @module */

import type { AclRule, BanRecord, RoleRecord, UserRecord } from "./account_records.ts";

export interface Accounts {
  /** Grows with each change of anything that rights are made of; not when credentials are hashed better. */
  readonly version: number;
  /** true from the first user on, also when all are removed again: who is not known stays out, and what no rule allows is
   * refused. false: there are no accounts; rules that forbid hold, all else is allowed. */
  readonly isClosed: boolean;
  readonly users: ReadonlyMap<string, UserRecord>;
  readonly roles: ReadonlyMap<string, RoleRecord>;
  /** By number. */
  readonly rules: readonly AclRule[];
  readonly bans: readonly BanRecord[];
}

/** Those who need the present accounts hold this. */
export interface AccountsSource {
  readonly accounts: Accounts;
  /** Called after `accounts` was replaced. @returns stops it. */
  watch(changed: () => void): () => void;
  /** Puts better credentials in the place of those that `user` had, unless they were changed meanwhile. */
  upgradeCredentials(user: UserRecord, credentials: NonNullable<UserRecord["credentials"]>): Promise<void>;
}

export const NO_ACCOUNTS: Accounts = {
  version: 0,
  isClosed: false,
  users: new Map(),
  roles: new Map(),
  rules: [],
  bans: [],
};
