/** `import mosquitto`: users and rules of Mosquitto's files. @module */

import type { AccountsBatch, ImportReport } from "../auth/accounts_store.ts";
import { describeRule } from "../auth/acl_decision.ts";
import { type ImportedRule, ImportError, parseAclFile, parsePasswordFile } from "../auth/mosquitto_import.ts";
import type { AccountAction, AccountTask } from "./account_task.ts";
import { type Answer, CommandError, counted } from "./answer.ts";
import { UsageError } from "./arguments.ts";

export const IMPORT_ACTIONS = {
  "import mosquitto": importMosquitto,
} satisfies Record<string, AccountAction>;

/** More names make no line. */
const NAMES_SHOWN = 10;

async function importMosquitto(task: AccountTask): Promise<Answer> {
  const passwordFile = task.value("passwd");
  const aclFile = task.value("acl");
  if (passwordFile === undefined && aclFile === undefined) {
    throw new UsageError("import mosquitto needs --passwd FILE, --acl FILE, or both");
  }
  const problems: string[] = [];
  const users = await parsed(passwordFile, parsePasswordFile, problems);
  const rules = await parsed(aclFile, parseAclFile, problems);
  if (problems.length > 0) throw new CommandError([...problems, "nothing was imported"].join("\n"));

  const present = await task.present();
  // With an ACL file, be it empty, Mosquitto refuses what it does not allow, also where nobody has a user name.
  const closes = aclFile !== undefined;
  const batch: AccountsBatch = { users, roles: [], rules, existingUsers: "keep", closes };
  const kept = new Set(users.map(({ name }) => name).filter((name) => present.users.has(name)));
  const known = new Set(present.rules.map(textOf));
  const warnings: string[] = [];
  if (kept.size > 0) {
    warnings.push(`already there, and left as they are: ${counted(kept.size, "user")} (${shown([...kept])})`);
  }
  if (closes && !present.isClosed && present.users.size + users.length === 0) {
    warnings.push(
      "from now on what no rule allows is refused, and who is not known stays out: add users, or set allowAnonymous",
    );
  }
  const without = usersWithout(rules, new Set([...present.users.keys(), ...users.map(({ name }) => name)]));
  if (without.length > 0) warnings.push(`there are rules for users that do not exist: ${shown(without)}`);

  const report = task.has("dry-run") ? undefined : summaryOf(await task.accounts.import(batch));
  const newUsers = users.filter(({ name }) => !kept.has(name));
  const newRules = rules.map(textOf).filter((text) => !known.has(text));
  const lines = report !== undefined ? describeReport(report) : [
    ...newUsers.map(({ name, credentials }) => `would add the user "${name}" (${credentials.kind})`),
    ...newRules.map((text) => `would add the rule: ${text}`),
    "nothing was imported (--dry-run)",
  ];
  const notes = differences(rules, { hasUsers: users.length > 0, hasAclFile: aclFile !== undefined });
  return {
    lines: [...lines, ...notes.map((note) => `note: ${note}`)],
    json: {
      dryRun: report === undefined,
      users: users.map(({ name, credentials }) => ({ name, password: credentials.kind, isNew: !kept.has(name) })),
      rules: rules.map((rule) => ({ ...rule, isNew: !known.has(textOf(rule)) })),
      report: report ?? null,
      notes,
    },
    warnings,
  };
}

function summaryOf({ usersAdded, usersKept, rulesAdded, rulesKnown }: ImportReport) {
  return { usersAdded, usersKept, rulesAdded, rulesKnown };
}

function describeReport({ usersAdded, rulesAdded, rulesKnown }: ReturnType<typeof summaryOf>): string[] {
  const first = `imported ${counted(usersAdded, "user")} and ${counted(rulesAdded, "rule")}`;
  return rulesKnown === 0 ? [first] : [first, `already there: ${counted(rulesKnown, "rule")}`];
}

/** "allow user reader subscribe a/#": the same for the same rule. */
function textOf(rule: ImportedRule): string {
  return describeRule({ ...rule, number: 0 });
}

/** Whom rules are for, and who is not there. */
function usersWithout(rules: readonly ImportedRule[], names: ReadonlySet<string>): string[] {
  const about = rules.filter((rule) => rule.subjectKind === "user").map((rule) => rule.subjectName);
  return [...new Set(about)].filter((name) => !names.has(name));
}

/** @param problems gets what is wrong with the file. */
async function parsed<T>(
  path: string | undefined,
  parse: (text: string, path: string) => T[],
  problems: string[],
): Promise<T[]> {
  if (path === undefined) return [];
  try {
    return parse(await readText(path), path);
  } catch (error) {
    if (error instanceof ImportError) problems.push(...error.problems);
    else if (error instanceof CommandError) problems.push(error.message);
    else throw error;
    return [];
  }
}

async function readText(path: string): Promise<string> {
  let bytes: Uint8Array;
  try {
    bytes = await Deno.readFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) throw new CommandError(`there is no file ${path}`);
    if (error instanceof Deno.errors.PermissionDenied) {
      throw new CommandError(`this user may not read the file ${path}`);
    }
    throw new CommandError(`the file ${path} cannot be read: ${(error as Error).message}`);
  }
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new CommandError(`${path}: the file is no UTF-8 text`);
  }
}

/** Where the same files mean something else here. */
function differences(
  rules: readonly ImportedRule[],
  { hasUsers, hasAclFile }: { hasUsers: boolean; hasAclFile: boolean },
): string[] {
  const notes: string[] = [];
  if (hasUsers) {
    notes.push("passwords stay as they are; SCRAM works for a user after the first login with the password itself");
  }
  if (!hasAclFile) {
    notes.push(
      "without an ACL file Mosquitto allows everything; here what no rule allows is refused: " +
        'acl allow --everyone all "#" allows it all',
    );
    return notes;
  }
  if (rules.some((rule) => rule.effect === "allow" && rule.action !== "publish")) {
    notes.push(
      "a subscription to more than a rule allows is refused; Mosquitto accepts it, and delivers only what is allowed",
    );
  }
  if (rules.some((rule) => rule.subjectKind === "everyone" && /%[uc]/.test(rule.topicFilter))) {
    notes.push(
      "a user name or Client Identifier with / + # or $ in it fills no pattern that allows; to Mosquitto / and $ are like " +
        "other characters, and + and # refuse everything",
    );
  }
  if (rules.some((rule) => rule.subjectKind === "anonymous")) {
    notes.push("rules for clients without a user name matter where allowAnonymous lets such clients in");
  }
  return notes;
}

function shown(names: readonly string[]): string {
  const more = names.length - NAMES_SHOWN;
  return names.slice(0, NAMES_SHOWN).join(", ") + (more > 0 ? ` and ${more} more` : "");
}
