/** Rights at 10, 1,000 and 10,000 rules: a verdict that is remembered, one that is not, the first of a Client that has just
 * come, and the first after a change of the accounts. A third of the rules are about single users, a third about roles, of
 * which each user has one, and a third about everyone. @module */

import type { AclRule, UserRecord } from "../../src/auth/account_records.ts";
import { type Accounts, type AccountsSource, NO_ACCOUNTS } from "../../src/auth/accounts.ts";
import { AclAuthorizer } from "../../src/auth/acl_authorizer.ts";
import type { Identity } from "../../src/auth/authorizer.ts";
import { systemClock } from "../../src/base/clock.ts";

const ROLES = 10;
const TOPICS = 500;

export type AclBenchKind = "warm" | "cold" | "new client" | "changed accounts";

/** Accounts that are replaced without anybody being told: the authorizer looks each time. */
class BenchAccounts implements AccountsSource {
  accounts: Accounts;

  constructor(rules: number) {
    this.accounts = accountsWith(rules);
  }

  watch(): () => void {
    return () => {};
  }

  upgradeCredentials(): Promise<void> {
    return Promise.resolve();
  }
}

function accountsWith(rules: number): Accounts {
  const users = new Map<string, UserRecord>();
  for (let index = 0; index < Math.max(1, rules / 3); index++) {
    users.set(`user-${index}`, {
      name: `user-${index}`,
      isDisabled: false,
      roles: [`role-${index % ROLES}`],
      clientIds: [],
      credentials: undefined,
      credential: 1,
      createdAtMs: 0,
      changedAtMs: 0,
    });
  }
  const roles = new Map(Array.from({ length: ROLES }, (_, index) => [`role-${index}`, {
    name: `role-${index}`,
    createdAtMs: 0,
  }]));
  return {
    ...NO_ACCOUNTS,
    version: 1,
    isClosed: true,
    users,
    roles,
    rules: Array.from({ length: rules }, (_, index) => ruleOf(index)),
  };
}

function ruleOf(index: number): AclRule {
  const part = Math.floor(index / 3);
  const rule = { number: index + 1, action: "all" } as const;
  switch (index % 3) {
    case 0:
      return {
        ...rule,
        effect: "allow",
        subjectKind: "everyone",
        subjectName: "",
        topicFilter: `site/${part}/${part < 10 ? "%c" : "sensor-1"}/#`,
      };
    case 1:
      return {
        ...rule,
        effect: part % 2 === 0 ? "deny" : "allow",
        subjectKind: "role",
        subjectName: `role-${part % ROLES}`,
        topicFilter: `site/${part}/+/config`,
      };
    default:
      return {
        ...rule,
        effect: "allow",
        subjectKind: "user",
        subjectName: `user-${part}`,
        topicFilter: `own/${part}/#`,
      };
  }
}

/** @returns one run: `decisions` of them; it returns how many were allowed, which is half, but for odd numbers. */
export function aclWorkload(kind: AclBenchKind, rules: number, decisions: number): () => number {
  const source = new BenchAccounts(rules);
  // One verdict is never the one that is asked for next.
  const options = kind === "cold" ? { verdictsPerIdentityMax: 1 } : {};
  const authorizer = new AclAuthorizer({ source, clock: systemClock }, options);
  const client = (): Identity => ({
    clientId: "sensor-1",
    userName: "user-0",
    remoteHost: "192.0.2.1",
    credential: 1,
  });
  const sites = Math.ceil(rules / 3);
  const topics = Array.from(
    { length: TOPICS },
    (_, index) =>
      `site/${Math.floor(index / 2) % sites}/${index % 2 === 0 ? "sensor-1" : "sensor-2"}/temperature/${index}`,
  );
  let identity = client();
  return () => {
    let allowed = 0;
    for (let index = 0; index < decisions; index++) {
      if (kind === "new client") identity = client();
      if (kind === "changed accounts") source.accounts = { ...source.accounts, version: source.accounts.version + 1 };
      if (authorizer.mayPublish(identity, topics[index % TOPICS], 0, false)) allowed++;
    }
    return allowed;
  };
}

for (const rules of [10, 1_000, 10_000]) {
  for (const kind of ["warm", "cold", "new client", "changed accounts"] as const) {
    const decisions = kind === "warm" || kind === "cold" ? 1_000 : 10;
    const run = aclWorkload(kind, rules, decisions);
    Deno.bench(`${rules} rules, ${kind}: ${decisions} decisions`, { group: kind }, () => void run());
  }
}
