/** `user …`, `role …`, `acl …`, `ban …`, `client …`, `import …`: opens the accounts, does what was asked, and says so to
 * people or to tools. A broker that runs sees the change by itself. @module */

import { dirname } from "node:path";
import { escapeControls } from "../base/log.ts";
import { exists } from "../base/files.ts";
import { AccountsError, AccountsStore } from "../auth/accounts_store.ts";
import { accountsPlace, isRemote } from "../auth/accounts_store_place.ts";
import type { Config } from "../config/config.ts";
import type { AccountCommandName } from "./account_commands.ts";
import { type AccountAction, AccountTask } from "./account_task.ts";
import { ACL_ACTIONS } from "./acl.ts";
import { type Answer, CommandError } from "./answer.ts";
import { type CommandLine, ExitCode } from "./arguments.ts";
import { BAN_ACTIONS } from "./ban.ts";
import { CLIENT_ACTIONS } from "./client.ts";
import { IMPORT_ACTIONS } from "./import.ts";
import { ROLE_ACTIONS } from "./role.ts";
import type { Terminal } from "./terminal.ts";
import { USER_ACTIONS } from "./user.ts";

const ACTIONS: Readonly<Record<AccountCommandName, AccountAction>> = {
  ...USER_ACTIONS,
  ...ROLE_ACTIONS,
  ...ACL_ACTIONS,
  ...BAN_ACTIONS,
  ...CLIENT_ACTIONS,
  ...IMPORT_ACTIONS,
};

/** Those that make the accounts when there are none yet. */
const MAKING: readonly AccountCommandName[] = [
  "user add",
  "role add",
  "acl allow",
  "acl deny",
  "ban add",
  "import mosquitto",
];

/** @throws UsageError */
export async function runAccountCommand(
  command: AccountCommandName,
  config: Config,
  commandLine: CommandLine,
  terminal: Terminal,
): Promise<ExitCode> {
  const place = accountsPlace(config);
  const create = MAKING.includes(command) && !commandLine.flags.has("dry-run");
  const folder = isRemote(place) || exists(dirname(place)) ? undefined : dirname(place);
  try {
    const accounts = await openAccounts(place, create);
    try {
      const task = new AccountTask(accounts, terminal, Date.now(), commandLine);
      const code = say(await act(command, task), commandLine.json, terminal);
      // A misspelt folder would have accounts that no broker obeys.
      if (create && folder !== undefined) {
        terminal.complain(`warning: the folder ${escapeControls(folder)} was not there, and was made`);
      }
      return code;
    } finally {
      if (accounts instanceof AccountsStore) accounts.close();
    }
  } catch (error) {
    if (!(error instanceof AccountsError || error instanceof CommandError)) throw error;
    for (const line of error.message.split("\n")) terminal.complain(`quetzal: ${escapeControls(line)}`);
    return ExitCode.Failed;
  }
}

/** @returns why there are none yet. */
async function openAccounts(place: string, create: boolean): Promise<AccountsStore | AccountsError> {
  try {
    return await AccountsStore.open(place, { create });
  } catch (error) {
    if (error instanceof AccountsError && error.kind === "missing") return error;
    throw error;
  }
}

/** A list of what is not there yet is empty: a broker without accounts is well. */
async function act(command: AccountCommandName, task: AccountTask): Promise<Answer> {
  if (command.endsWith(" list") && task.missing.length > 0) return { lines: [], json: [], warnings: task.missing };
  return await ACTIONS[command](task);
}

function say(
  { lines, json, warnings = [], code = ExitCode.Ok }: Answer,
  asJson: boolean,
  terminal: Terminal,
): ExitCode {
  if (asJson) terminal.print(JSON.stringify(json, null, 2));
  else for (const line of lines) terminal.print(escapeControls(line));
  for (const warning of warnings) terminal.complain(`warning: ${escapeControls(warning)}`);
  return code;
}
