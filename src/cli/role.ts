/** `role add`, `role remove`, `role list`. @module */

import { nameProblem } from "../auth/account_names.ts";
import type { AccountAction, AccountTask } from "./account_task.ts";
import { type Answer, CommandError, counted, table } from "./answer.ts";
import { UsageError } from "./arguments.ts";

export const ROLE_ACTIONS = {
  "role add": addRole,
  "role remove": removeRole,
  "role list": listRoles,
} satisfies Record<string, AccountAction>;

async function addRole({ accounts, operand: name }: AccountTask): Promise<Answer> {
  const problem = nameProblem(name);
  if (problem !== undefined) throw new UsageError(problem);
  const role = await accounts.addRole(name);
  return { lines: [`added the role "${name}"`], json: role };
}

async function removeRole({ accounts, operand: name }: AccountTask): Promise<Answer> {
  if (!(await accounts.read()).roles.has(name)) {
    throw new CommandError(`there is no role "${name}"; role list shows those that are there`);
  }
  const { rules, users } = await accounts.removeRole(name);
  return {
    lines: [`removed the role "${name}", from ${counted(users, "user")} and with ${counted(rules, "rule")}`],
    json: { name, rules, users },
  };
}

async function listRoles({ accounts }: AccountTask): Promise<Answer> {
  const { roles, users, rules } = await accounts.read();
  const listed = [...roles.values()].map((role) => ({
    ...role,
    users: [...users.values()].filter((user) => user.roles.includes(role.name)).length,
    rules: [...rules.values()].filter((rule) => rule.subjectKind === "role" && rule.subjectName === role.name).length,
  }));
  const rows = listed.map((role) => [role.name, String(role.users), String(role.rules)]);
  return { lines: table(["NAME", "USERS", "RULES"], rows, "there are no roles"), json: listed };
}
