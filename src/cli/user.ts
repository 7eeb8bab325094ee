/** `user add`, `user passwd`, …: who may come in. @module */

import type { AclRule, UserRecord } from "../auth/account_records.ts";
import { clientIdProblem, nameProblem } from "../auth/account_names.ts";
import { makeCredentials } from "../auth/password.ts";
import type { AccountAction, AccountTask } from "./account_task.ts";
import { type Answer, CommandError, counted, table, timeText } from "./answer.ts";
import { UsageError } from "./arguments.ts";
import { banText } from "./ban.ts";
import { askNewPassword } from "./prompt.ts";
import { describeRule } from "../auth/acl_decision.ts";

export const USER_ACTIONS = {
  "user add": addUser,
  "user passwd": setPassword,
  "user set": setUser,
  "user remove": removeUser,
  "user list": listUsers,
  "user show": showUser,
  "user disable": (task) => setDisabled(task, true),
  "user enable": (task) => setDisabled(task, false),
} satisfies Record<string, AccountAction>;

async function addUser(task: AccountTask): Promise<Answer> {
  const { accounts, operand: name } = task;
  const problem = nameProblem(name);
  if (problem !== undefined) throw new UsageError(problem);
  const roles = task.values("role") ?? [];
  const clientIds = checkedClientIds(task.values("client-id") ?? []);
  if (task.has("no-password") && task.has("password-stdin")) {
    throw new UsageError("--no-password and --password-stdin exclude each other; leave one of them out");
  }
  // What can be refused is refused before anybody types a password.
  if (await accounts.user(name) !== undefined) {
    throw new CommandError(`there is a user "${name}" already; user passwd sets its password, user set the rest`);
  }
  await requireRoles(task, roles);
  const isFirst = (await accounts.users()).length === 0;
  const credentials = task.has("no-password")
    ? undefined
    : await makeCredentials(await askNewPassword(name, task.has("password-stdin"), task.terminal));
  const user = await accounts.addUser({ name, roles, clientIds, credentials });
  const warnings: string[] = [];
  if (isFirst && (await accounts.rules()).every((rule) => rule.effect === "deny")) {
    warnings.push("from now on what no rule allows is refused, and no rule allows anything: see help acl allow");
  }
  return { lines: [`added the user "${name}"`], json: plainUser(user), warnings };
}

async function setPassword(task: AccountTask): Promise<Answer> {
  const { operand: name } = task;
  await requireUser(task);
  const credentials = await makeCredentials(await askNewPassword(name, task.has("password-stdin"), task.terminal));
  const user = await task.accounts.updateUser(name, (user) => ({ ...user, credentials }));
  return { lines: [`set the password of "${name}"`], json: plainUser(user), warnings: ofDisabled(user) };
}

async function setUser(task: AccountTask): Promise<Answer> {
  const roles = newList(task, "role", "no-roles");
  const clientIds = newList(task, "client-id", "no-client-ids");
  if (roles === undefined && clientIds === undefined) {
    throw new UsageError("user set needs one of --role, --no-roles, --client-id or --no-client-ids");
  }
  if (clientIds !== undefined) checkedClientIds(clientIds);
  await requireUser(task);
  await requireRoles(task, roles ?? []);
  const user = await task.accounts.updateUser(task.operand, (user) => ({
    ...user,
    roles: roles ?? user.roles,
    clientIds: clientIds ?? user.clientIds,
  }));
  const lines = describeUser(user).slice(0, 4);
  return { lines, json: plainUser(user), warnings: ofDisabled(user) };
}

/** @returns undefined = it stays as it is. */
function newList(task: AccountTask, option: string, none: string): readonly string[] | undefined {
  const values = task.values(option);
  if (values !== undefined && task.has(none)) {
    throw new UsageError(`--${option} and --${none} exclude each other; leave one of them out`);
  }
  return task.has(none) ? [] : values === undefined ? undefined : [...new Set(values)];
}

async function removeUser(task: AccountTask): Promise<Answer> {
  const { accounts, operand: name } = task;
  const rules = await accounts.removeUser(name);
  const isLast = (await accounts.users()).length === 0;
  return {
    lines: [`removed the user "${name}"${rules === 0 ? "" : `, and ${counted(rules, "rule")} for it`}`],
    json: { name, rules },
    warnings: isLast ? ["this was the last user; who is not known stays out all the same"] : [],
  };
}

async function listUsers({ accounts }: AccountTask): Promise<Answer> {
  const users = await accounts.users();
  const rows = users.map((user) => [
    user.name,
    user.isDisabled ? "disabled" : "enabled",
    passwordText(user),
    user.roles.join(" "),
    user.clientIds.join(" "),
  ]);
  return {
    lines: table(["NAME", "STATE", "PASSWORD", "ROLES", "CLIENT IDS"], rows, "there are no users"),
    json: users.map(plainUser),
  };
}

async function showUser(task: AccountTask): Promise<Answer> {
  const user = await requireUser(task);
  const rules = (await task.accounts.rules()).filter((rule) => isFor(rule, user));
  const bans = (await task.accounts.bans()).filter((ban) =>
    ban.kind === "user" && ban.name === user.name && (ban.untilMs ?? Infinity) > task.nowMs
  );
  return {
    lines: [
      ...describeUser(user),
      ...rules.map((rule) => `rule ${rule.number}`.padEnd(COLUMN) + describeRule(rule)),
      ...bans.map((ban) => "ban".padEnd(COLUMN) + banText(ban)),
    ],
    json: { ...plainUser(user), rules, bans },
  };
}

/** Its own, and those of its roles; what holds for everyone is not about it. */
function isFor({ subjectKind, subjectName }: AclRule, user: UserRecord): boolean {
  if (subjectKind === "role") return user.roles.includes(subjectName);
  return subjectKind === "user" && subjectName === user.name;
}

async function setDisabled({ accounts, operand: name }: AccountTask, isDisabled: boolean): Promise<Answer> {
  const user = await accounts.updateUser(name, (user) => ({ ...user, isDisabled }));
  return { lines: [`the user "${name}" is ${isDisabled ? "disabled" : "enabled"}`], json: plainUser(user) };
}

async function requireUser({ accounts, operand: name }: AccountTask): Promise<UserRecord> {
  const user = await accounts.user(name);
  if (user === undefined) throw new CommandError(`there is no user "${name}"; user list shows them`);
  return user;
}

/** A role that is mistyped would give no rights, and nobody would see why. */
async function requireRoles({ accounts }: AccountTask, names: readonly string[]): Promise<void> {
  if (names.length === 0) return;
  const known = (await accounts.roles()).map((role) => role.name);
  const missing = names.find((name) => !known.includes(name));
  if (missing !== undefined) {
    throw new CommandError(`there is no role "${missing}"; role add adds it, role list shows those that are there`);
  }
}

function checkedClientIds(clientIds: readonly string[]): readonly string[] {
  const problem = clientIds.map(clientIdProblem).find((text) => text !== undefined);
  if (problem !== undefined) throw new UsageError(`--client-id: ${problem}`);
  return clientIds;
}

function ofDisabled(user: UserRecord): string[] {
  return user.isDisabled ? [`the user "${user.name}" is disabled all the same; user enable lets it in`] : [];
}

const COLUMN = 12;

function describeUser(user: UserRecord): string[] {
  const rows = [
    ["user", user.name],
    ["state", user.isDisabled ? "disabled" : "enabled"],
    ["roles", user.roles.join(" ") || "none"],
    ["client ids", user.clientIds.join(" ") || "any that no other user has claimed"],
    ["password", passwordText(user)],
    ["added", timeText(user.createdAtMs)],
    ["changed", timeText(user.changedAtMs)],
  ];
  return rows.map(([name, value]) => name.padEnd(COLUMN) + value);
}

function passwordText({ credentials }: UserRecord): string {
  if (credentials === undefined) return "none";
  return credentials.kind === "scram" ? "set" : `set (${credentials.kind})`;
}

/** Of the password only that there is one, and how it is kept. */
function plainUser({ name, isDisabled, roles, clientIds, credentials, createdAtMs, changedAtMs }: UserRecord) {
  const password = credentials?.kind ?? null;
  return { name, isDisabled, roles, clientIds, password, createdAtMs, changedAtMs };
}
