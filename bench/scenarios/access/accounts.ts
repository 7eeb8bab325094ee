/** The same accounts and rules for Quetzal and for Mosquitto: a few users, and many rules that every topic of the bench has
 * to pass before the one that allows it. @module */

import { pbkdf2Sync, randomBytes } from "node:crypto";
import { ACCOUNTS_FILE_NAME, AccountsStore, type NewRule } from "../../../src/auth/accounts_store.ts";
import { makeCredentials } from "../../../src/auth/password.ts";

export const PASSWORD = "correct horse battery staple";
/** Of Mosquitto 2.0's own tool; its hashes cost next to nothing. */
const MOSQUITTO_ITERATIONS = 101;

export interface BenchAccounts {
  /** All with `PASSWORD`. */
  readonly userNames: readonly string[];
  /** In their order; the last one allows the topics of the bench. */
  readonly rules: readonly NewRule[];
}

export function userNames(prefix: string, count: number): string[] {
  return Array.from({ length: count }, (_, index) => `${prefix}-${index + 1}`);
}

/** Half of the rules are for single users, half for everyone, among them some that deny and some with variables. */
export function benchAccounts(names: readonly string[], ruleCount: number): BenchAccounts {
  const rules: NewRule[] = [];
  for (let i = 0; i < ruleCount - 1; i++) {
    const topicFilter = [`plant/line-${i}/+/state`, `plant/%u/line-${i}/#`, `plant/line-${i}/%c/#`][i % 3];
    const action = (["all", "publish", "subscribe"] as const)[i % 3];
    const effect = i % 10 === 9 ? "deny" : "allow";
    const subject = i % 2 === 0
      ? { subjectKind: "user", subjectName: names[(i >> 1) % names.length] } as const
      : { subjectKind: "everyone", subjectName: "" } as const;
    rules.push({ effect, ...subject, action, topicFilter });
  }
  rules.push({ effect: "allow", subjectKind: "everyone", subjectName: "", action: "all", topicFilter: "bench/#" });
  return { userNames: names, rules };
}

/** Writes the file that a broker finds in this data folder. One record serves all users: what a check costs is the same. */
export async function writeQuetzalAccounts(dataDir: string, { userNames, rules }: BenchAccounts): Promise<void> {
  await Deno.mkdir(dataDir, { recursive: true });
  using store = await AccountsStore.open(`${dataDir}/${ACCOUNTS_FILE_NAME}`, { create: true });
  const credentials = await makeCredentials(PASSWORD);
  const users = userNames.map((name) => ({ name, credentials }));
  await store.import({ users, roles: [], rules, existingUsers: "keep" });
}

/** @returns the lines of its configuration. */
export function writeMosquittoAccounts(dir: string, { userNames, rules }: BenchAccounts): string[] {
  const salt = randomBytes(12);
  const hash = pbkdf2Sync(PASSWORD, salt, MOSQUITTO_ITERATIONS, 64, "sha512");
  const credentials = `$7$${MOSQUITTO_ITERATIONS}$${salt.toString("base64")}$${hash.toString("base64")}`;
  Deno.writeTextFileSync(`${dir}/passwd`, userNames.map((name) => `${name}:${credentials}\n`).join(""));
  Deno.writeTextFileSync(`${dir}/acl`, mosquittoRules(rules).join("\n") + "\n");
  // It warns of files that others can read.
  if (Deno.build.os !== "windows") { for (const name of ["passwd", "acl"]) Deno.chmodSync(`${dir}/${name}`, 0o600); }
  return [`password_file ${dir}/passwd`, `acl_file ${dir}/acl`, "allow_anonymous false"];
}

/** A rule for everyone is a pattern there, as Mosquitto's general topics hold for anonymous clients alone. */
function mosquittoRules(rules: readonly NewRule[]): string[] {
  const access = { all: "readwrite", publish: "write", subscribe: "read", retain: "write" };
  const textOf = ({ effect, action, topicFilter }: NewRule) =>
    `${effect === "deny" ? "deny" : access[action]} ${topicFilter}`;
  const general = rules.filter(({ subjectKind }) => subjectKind === "everyone").map((rule) =>
    `pattern ${textOf(rule)}`
  );
  const particular = Map.groupBy(rules.filter(({ subjectKind }) => subjectKind === "user"), (rule) => rule.subjectName);
  // Patterns are only for "pattern" lines there; in a user's own topics %u is text.
  const own = [...particular].flatMap(([name, list]) => [
    `user ${name}`,
    ...list.map((rule) => `topic ${textOf({ ...rule, topicFilter: rule.topicFilter.replace(/%[uc]/, name) })}`),
  ]);
  return [...general, ...own];
}
