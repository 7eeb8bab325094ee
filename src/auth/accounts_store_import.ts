/** Many users, roles and rules at once, in as few atomic operations as Deno KV allows: one, up to 400 records. A crash
 * between two leaves less allowed than there will be, never more than there was or will be: with the first operation the
 * accounts are closed, and rules that deny come before roles and users, and those before rules that allow. What is
 * missing comes with the same import once more. @module */

import type { AclRule, RoleRecord, UserRecord } from "./account_records.ts";
import { AccountsError, type AccountsKv } from "./accounts_store_place.ts";
import { ROLE, roleKey, RULE, userKey } from "./accounts_store_keys.ts";
import { type Change, makeChange, MUTATIONS_MAX } from "./accounts_store_change.ts";
import { type NewRule, ruleProblem, ruleText } from "./accounts_store_compare.ts";
import { listRecords } from "./accounts_store_data.ts";
import { checkedRole, checkedUser, RecordReader } from "./accounts_store_records.ts";
import type { NewUser } from "./accounts_store.ts";

export interface AccountsBatch {
  readonly users: readonly NewUser[];
  readonly roles: readonly string[];
  /** They get their numbers in this order. */
  readonly rules: readonly NewRule[];
  /** What to do with a user that is there: "keep" it as it is, or "replace" what is given of it. */
  readonly existingUsers: "keep" | "replace";
  /** From now on what no rule allows is refused, also when there are no users. Default: as soon as there are. */
  readonly closes?: boolean;
}

export interface ImportReport {
  usersAdded: number;
  usersReplaced: number;
  /** Those that were there. */
  usersKept: number;
  rolesAdded: number;
  rulesAdded: number;
  /** Rules that were there, or twice in the batch. */
  rulesKnown: number;
}

type Step = { readonly rule: AclRule } | { readonly role: string } | { readonly user: NewUser };

interface Plan {
  readonly steps: readonly Step[];
  readonly rulesKnown: number;
}

/** @throws AccountsError: a record of it is not fit to be kept (nothing is imported then), or the store fails. */
export async function importAccounts(kv: AccountsKv, batch: AccountsBatch, nowMs: number): Promise<ImportReport> {
  requireFit(batch, nowMs);
  const report: ImportReport = {
    usersAdded: 0,
    usersReplaced: 0,
    usersKept: 0,
    rolesAdded: 0,
    rulesAdded: 0,
    rulesKnown: 0,
  };
  let plan: Plan | undefined;
  for (let at = 0; plan === undefined || at < plan.steps.length;) {
    const round = await makeChange(kv, async (change) => {
      const present: Plan = plan ?? await makePlan(kv, batch, change);
      if (batch.users.length > 0 || batch.closes) change.isClosing = true;
      const steps = new Steps(kv, change, nowMs, batch.existingUsers === "replace");
      const next = await steps.take(present.steps, at);
      return { plan: present, next, done: steps.done };
    });
    plan = round.plan;
    at = round.next;
    for (const name of Object.keys(round.done) as (keyof typeof round.done)[]) report[name] += round.done[name];
  }
  return { ...report, rulesKnown: plan.rulesKnown };
}

/** Before anything is written. */
function requireFit({ users, roles, rules }: AccountsBatch, nowMs: number): void {
  const names = new Set<string>();
  for (const user of users) {
    checkedUser(newUserRecord(user, 0, nowMs));
    if (names.has(user.name)) {
      throw new AccountsError("refused", `the user ${JSON.stringify(user.name)} is here a second time`);
    }
    names.add(user.name);
  }
  for (const name of roles) checkedRole({ name, createdAtMs: nowMs });
  for (const rule of rules) {
    const problem = ruleProblem(rule);
    if (problem !== undefined) throw new AccountsError("refused", `${problem}: ${rule.topicFilter}`);
  }
}

/** Takes the numbers of all new rules at once, so that they stand in the order of the batch whatever is written first. */
async function makePlan(kv: AccountsKv, batch: AccountsBatch, change: Change): Promise<Plan> {
  await requireRoles(kv, batch);
  const reader = new RecordReader(kv.place);
  const known = new Set<string>();
  for await (const rule of listRecords(kv, RULE, (entry) => reader.rule(entry))) known.add(ruleText(rule));
  const fresh: NewRule[] = [];
  for (const rule of batch.rules) {
    const text = ruleText(rule);
    if (!known.has(text)) fresh.push(rule);
    known.add(text);
  }
  const first = change.takeRuleNumbers(fresh.length);
  const numbered = fresh.map((rule, index) => ({ rule: { ...rule, number: first + index } }));
  const steps = [
    ...numbered.filter(({ rule }) => rule.effect === "deny"),
    ...[...new Set(batch.roles)].map((role) => ({ role })),
    ...batch.users.map((user) => ({ user })),
    ...numbered.filter(({ rule }) => rule.effect === "allow"),
  ];
  return { steps, rulesKnown: batch.rules.length - fresh.length };
}

async function requireRoles(kv: AccountsKv, { users, roles, rules }: AccountsBatch): Promise<void> {
  const needed = new Set([
    ...users.flatMap((user) => user.roles ?? []),
    ...rules.filter((rule) => rule.subjectKind === "role").map((rule) => rule.subjectName),
  ]);
  if (needed.size === 0) return;
  const reader = new RecordReader(kv.place);
  const known = new Set(roles);
  for await (const role of listRecords(kv, ROLE, (entry) => reader.role(entry))) known.add(role.name);
  for (const name of needed) {
    if (!known.has(name)) throw new AccountsError("refused", `there is no role ${JSON.stringify(name)}: add it first`);
  }
}

/** As many steps as one change holds. */
class Steps {
  readonly done = { usersAdded: 0, usersReplaced: 0, usersKept: 0, rolesAdded: 0, rulesAdded: 0 };
  readonly #reader: RecordReader;

  constructor(
    readonly kv: AccountsKv,
    readonly change: Change,
    readonly nowMs: number,
    readonly replaces: boolean,
  ) {
    this.#reader = new RecordReader(kv.place);
  }

  /** @returns where to go on. */
  async take(steps: readonly Step[], start: number): Promise<number> {
    const some = steps.slice(start, start + MUTATIONS_MAX);
    const keys = some.flatMap((step) =>
      "role" in step ? [roleKey(step.role)] : "user" in step ? [userKey(step.user.name)] : []
    );
    const entries = await this.kv.getMany(keys);
    let entryAt = 0;
    let at = start;
    for (const step of some) {
      if (this.change.isFull) break;
      if ("rule" in step) this.#rule(step.rule);
      else if ("role" in step) this.#role(step.role, entries[entryAt++]);
      else this.#user(step.user, entries[entryAt++]);
      at++;
    }
    return at;
  }

  #rule(rule: AclRule): void {
    this.change.putRule(rule);
    this.done.rulesAdded++;
  }

  #role(name: string, entry: Deno.KvEntryMaybe<unknown>): void {
    if (entry.versionstamp !== null) return;
    this.change.putRole({ name, createdAtMs: this.nowMs } satisfies RoleRecord);
    this.done.rolesAdded++;
  }

  #user(user: NewUser, entry: Deno.KvEntryMaybe<unknown>): void {
    const fresh = newUserRecord(user, this.change.version, this.nowMs);
    if (entry.versionstamp === null) {
      this.change.putUser(fresh);
      this.done.usersAdded++;
    } else if (this.replaces) {
      this.change.putUser(replaced(this.#reader.user(entry), user, fresh));
      this.done.usersReplaced++;
    } else {
      this.done.usersKept++;
    }
  }
}

/** What the batch does not say of it stays: one that is disabled is not let in by this. */
function replaced(present: UserRecord, user: NewUser, fresh: UserRecord): UserRecord {
  return {
    ...present,
    isDisabled: user.isDisabled ?? present.isDisabled,
    roles: user.roles === undefined ? present.roles : fresh.roles,
    clientIds: user.clientIds ?? present.clientIds,
    ...(user.credentials === undefined ? {} : { credentials: user.credentials, credential: fresh.credential }),
    changedAtMs: fresh.changedAtMs,
  };
}

/** @param version of the change that makes it: a user who is removed and added again has another `credential`. */
export function newUserRecord(user: NewUser, version: number, nowMs: number): UserRecord {
  return {
    name: user.name,
    isDisabled: user.isDisabled ?? false,
    roles: [...new Set(user.roles)],
    clientIds: user.clientIds ?? [],
    credentials: user.credentials,
    credential: version,
    createdAtMs: nowMs,
    changedAtMs: nowMs,
  };
}
