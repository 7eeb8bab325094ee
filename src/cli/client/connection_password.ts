/** Where the password of a connection comes from. It is never part of a message, and a profile only names its file.
 * @module */

import { CommandError } from "../answer.ts";
import { UsageError } from "../arguments.ts";
import type { Terminal } from "../terminal.ts";
import type { GivenClientOptions } from "./client_option.ts";
import type { GivenConnection } from "./connection_options.ts";
import { flagOf, lastOf } from "./given_values.ts";

export const PASSWORD_VARIABLE = "QUETZAL_PASSWORD";

/** The first that is there: the prompt, the argument, the file, the environment. @throws UsageError, CommandError */
export async function findPassword(
  given: GivenClientOptions,
  { password, settings }: GivenConnection,
  terminal: Terminal,
): Promise<string | undefined> {
  if (flagOf(given, "password-prompt")) return askPassword(settings.userName, terminal);
  if (password !== undefined) {
    if (!flagOf(given, "quiet")) {
      const where = lastOf(given, "pw") === undefined ? "the URL" : "-P";
      terminal.complain(
        `quetzal: a password in ${where} can be read by everybody who lists this machine's processes; ` +
          `rather use --password-prompt, --password-file or ${PASSWORD_VARIABLE}`,
      );
    }
    return password;
  }
  if (settings.passwordFile !== undefined) return await readPasswordFile(settings.passwordFile);
  // Empty means "not set", as compose files write it.
  return terminal.environment[PASSWORD_VARIABLE] || undefined;
}

async function askPassword(userName: string | undefined, terminal: Terminal): Promise<string> {
  if (terminal.askSecret === undefined) {
    throw new UsageError(
      `--password-prompt: there is no terminal to ask on; use --password-file, or set ${PASSWORD_VARIABLE}`,
    );
  }
  return await terminal.askSecret(userName === undefined ? "Password:" : `Password of ${userName}:`);
}

async function readPasswordFile(path: string): Promise<string> {
  try {
    return (await Deno.readTextFile(path)).replace(/\r?\n[^]*$/, "");
  } catch (error) {
    throw new CommandError(`the password cannot be read: ${error instanceof Error ? error.message : error}`);
  }
}
