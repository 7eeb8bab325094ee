/** Records as they come out of Deno KV: checked, each field of them. One that is wrong is an error that names its key, and
 * is never passed over: a rule that denies and is not seen opens a door. Room: pure. @module */

import * as v from "valibot";
import {
  ACL_ACTIONS,
  ACL_SUBJECT_KINDS,
  type AclRule,
  BAN_KINDS,
  type BanRecord,
  type RoleRecord,
  type UserRecord,
} from "./account_records.ts";
import { banProblem, clientIdProblem, nameProblem, subjectProblem } from "./account_names.ts";
import { aclFilterProblem } from "./acl_pattern.ts";
import { AccountsError, notOurs, withoutSecrets } from "./accounts_store_place.ts";
import { banKey, isSameKey, keyText, roleKey, ruleKey, userKey } from "./accounts_store_keys.ts";

/** Of the layout. A program refuses accounts of a higher one. */
export const SCHEMA = 1;

/** What is true of all accounts together; each change replaces it. */
export interface StoreState {
  /** Of the last change; 0 = there was none. */
  readonly version: number;
  readonly isClosed: boolean;
  /** The highest number that a rule was given. */
  readonly lastRule: number;
}

/** What one change has touched. "all" = too much to name it. */
export type Touched = "all" | {
  readonly users: readonly string[];
  readonly roles: readonly string[];
  readonly rules: readonly number[];
  readonly bans: readonly { readonly kind: BanRecord["kind"]; readonly name: string }[];
};

function textBy(problem: (text: string) => string | undefined) {
  return v.pipe(v.string(), v.check((text) => problem(text) === undefined, ({ input }) => problem(input) ?? ""));
}

const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const timeMs = v.pipe(v.number(), v.finite());
const bytes = v.pipe(v.instance(Uint8Array), v.minLength(1));
/** More would be a way to stop a broker, not to keep a password. */
const iterations = v.pipe(v.number(), v.safeInteger(), v.minValue(1), v.maxValue(100_000_000));
const smallNumber = v.pipe(v.number(), v.safeInteger(), v.minValue(1), v.maxValue(0xFFFFFFFF));

const scramKeys = v.strictObject({ iterations, salt: bytes, storedKey: bytes, serverKey: bytes });
const credentials = v.variant("kind", [
  v.strictObject({ kind: v.literal("scram"), sha256: scramKeys, sha512: scramKeys }),
  v.strictObject({ kind: v.literal("pbkdf2-sha512"), iterations, salt: bytes, hash: bytes }),
  v.strictObject({ kind: v.literal("sha512"), salt: bytes, hash: bytes }),
  v.strictObject({
    kind: v.literal("argon2id"),
    memoryKiB: smallNumber,
    passes: smallNumber,
    lanes: smallNumber,
    salt: bytes,
    hash: bytes,
  }),
]);

const userName = textBy(nameProblem);

const userSchema = v.strictObject({
  name: userName,
  isDisabled: v.boolean(),
  roles: v.array(userName),
  clientIds: v.array(textBy(clientIdProblem)),
  credentials: v.undefinedable(credentials),
  credential: count,
  createdAtMs: timeMs,
  changedAtMs: timeMs,
});

const roleSchema = v.strictObject({ name: userName, createdAtMs: timeMs });

const ruleSchema = v.pipe(
  v.strictObject({
    number: v.pipe(count, v.minValue(1)),
    effect: v.picklist(["allow", "deny"]),
    subjectKind: v.picklist(ACL_SUBJECT_KINDS),
    subjectName: v.string(),
    action: v.picklist(ACL_ACTIONS),
    topicFilter: textBy(aclFilterProblem),
  }),
  v.check(
    (rule) => subjectProblem(rule.subjectKind, rule.subjectName) === undefined,
    ({ input }) => subjectProblem(input.subjectKind, input.subjectName) ?? "",
  ),
);

const banSchema = v.pipe(
  v.strictObject({
    kind: v.picklist(BAN_KINDS),
    name: v.string(),
    untilMs: v.undefinedable(timeMs),
    reason: v.string(),
    createdAtMs: timeMs,
  }),
  v.check(
    (ban) => banProblem(ban.kind, ban.name) === undefined,
    ({ input }) => banProblem(input.kind, input.name) ?? "",
  ),
);

const formatSchema = v.object({ schema: v.pipe(v.number(), v.safeInteger(), v.minValue(1)) });
const stateSchema = v.strictObject({ version: count, isClosed: v.boolean(), lastRule: count });
const touchedSchema = v.union([
  v.literal("all"),
  v.strictObject({
    users: v.array(v.string()),
    roles: v.array(v.string()),
    rules: v.array(v.number()),
    bans: v.array(v.strictObject({ kind: v.picklist(BAN_KINDS), name: v.string() })),
  }),
]);

/** What goes into the store is checked as what comes out of it. @throws AccountsError */
export function checkedUser(user: UserRecord): UserRecord {
  return checked(userSchema, user, `the user ${JSON.stringify(user.name)}`);
}

export function checkedRole(role: RoleRecord): RoleRecord {
  return checked(roleSchema, role, `the role ${JSON.stringify(role.name)}`);
}

export function checkedRule(rule: AclRule): AclRule {
  return checked(ruleSchema, rule, "the rule");
}

export function checkedBan(ban: BanRecord): BanRecord {
  return checked(banSchema, ban, `the ban of ${JSON.stringify(ban.name)}`);
}

function checked<T>(schema: v.GenericSchema<unknown, T>, record: T, what: string): T {
  const result = v.safeParse(schema, record);
  if (result.success) return record;
  throw new AccountsError("refused", `${what} cannot be kept: ${issueText(result.issues)}`);
}

/** Reads records of one place. */
export class RecordReader {
  constructor(readonly place: string) {}

  user(entry: Deno.KvEntry<unknown>): UserRecord {
    const user = this.#parse(userSchema, entry, "remove that user and add it anew");
    return this.#requireKey(entry, user, userKey(user.name));
  }

  role(entry: Deno.KvEntry<unknown>): RoleRecord {
    const role = this.#parse(roleSchema, entry, "remove that role and add it anew");
    return this.#requireKey(entry, role, roleKey(role.name));
  }

  rule(entry: Deno.KvEntry<unknown>): AclRule {
    const rule = this.#parse(ruleSchema, entry, "remove the rule of that number and add it anew");
    return this.#requireKey(entry, rule, ruleKey(rule.number));
  }

  ban(entry: Deno.KvEntry<unknown>): BanRecord {
    const ban = this.#parse(banSchema, entry, "lift that ban and add it anew");
    return this.#requireKey(entry, ban, banKey(ban.kind, ban.name));
  }

  state(entry: Deno.KvEntryMaybe<unknown>): StoreState {
    if (entry.versionstamp === null) return { version: 0, isClosed: false, lastRule: 0 };
    return this.#parse(stateSchema, entry, "put a copy of the file in its place");
  }

  /** @returns undefined: it is gone or of no use, and everything is to be read. */
  touched(entry: Deno.KvEntryMaybe<unknown>): Touched | undefined {
    const result = v.safeParse(touchedSchema, entry.value);
    return result.success ? result.output : undefined;
  }

  /** @throws AccountsError: they are not accounts, or of a newer program. */
  requireFormat(entry: Deno.KvEntry<unknown>): void {
    const result = v.safeParse(formatSchema, entry.value);
    if (!result.success) throw notOurs(this.place);
    const { schema } = result.output;
    if (schema <= SCHEMA) return;
    throw new AccountsError(
      "unavailable",
      `the accounts in ${
        withoutSecrets(this.place)
      } were written by a newer version of Quetzal (layout ${schema}; this ` +
        `one knows ${SCHEMA}): use that version`,
    );
  }

  #parse<T>(schema: v.GenericSchema<unknown, T>, entry: Deno.KvEntry<unknown>, advice: string): T {
    const result = v.safeParse(schema, entry.value);
    if (result.success) return result.output;
    throw this.#damaged(entry.key, issueText(result.issues), advice);
  }

  #requireKey<T>(entry: Deno.KvEntry<unknown>, record: T, key: Deno.KvKey): T {
    if (isSameKey(entry.key, key)) return record;
    throw this.#damaged(entry.key, `it belongs under ${keyText(key)}`, "remove what stands under the wrong key");
  }

  #damaged(key: Deno.KvKey, finding: string, advice: string): AccountsError {
    const place = withoutSecrets(this.place);
    return new AccountsError("damaged", `the record ${keyText(key)} in ${place} is not valid (${finding}): ${advice}`);
  }
}

/** Never the value itself: it may be a key. */
function issueText([issue]: [v.BaseIssue<unknown>, ...v.BaseIssue<unknown>[]]): string {
  const path = v.getDotPath(issue);
  const text = reasonText(issue);
  return path === null ? text : `${path}: ${text}`;
}

function reasonText(issue: v.BaseIssue<unknown>): string {
  if (issue.type === "check") return issue.message;
  // Of a field that is not there, or of one that should not be.
  if (issue.type === "strict_object" && issue.path !== undefined) {
    return issue.expected === "never" ? "unknown" : "missing";
  }
  return `${issue.expected} expected`;
}
