/** What every command that needs the configuration does first: read the file, load, warn. @module */

import { CONFIG_FILE_VARIABLE, loadConfig, type LoadedConfig, readConfigFile } from "../config/load.ts";
import { show } from "../config/config.ts";
import { table } from "./answer.ts";
import type { CommandLine } from "./arguments.ts";
import type { Terminal } from "./terminal.ts";

/** A file that was named and cannot be read. */
export class UnreadableFileError extends Error {
  override readonly name = "UnreadableFileError";
}

/** @throws ConfigError, UnreadableFileError */
export async function loadConfiguration(commandLine: CommandLine, terminal: Terminal): Promise<LoadedConfig> {
  const path = commandLine.configFile ?? (terminal.environment[CONFIG_FILE_VARIABLE] || undefined);
  const from = commandLine.configFile === undefined ? CONFIG_FILE_VARIABLE : "--config";
  const loaded = loadConfig({
    file: path === undefined ? undefined : { path, text: await readFile(path, from) },
    environment: terminal.environment,
    options: commandLine.given,
  });
  for (const warning of loaded.warnings) terminal.complain(`warning: ${warning}`);
  return loaded;
}

/** `--print-config`: a table, or a list of objects for tools. */
export function printConfiguration(loaded: LoadedConfig, json: boolean, terminal: Terminal): void {
  if (json) {
    terminal.print(JSON.stringify(loaded.values, null, 2));
    return;
  }
  const rows = loaded.values.map(({ key, value, origin, from }) => [
    key,
    value === undefined ? "(not set)" : show(value),
    from === "" ? origin : `${origin}: ${from}`,
  ]);
  for (const line of table(["KEY", "VALUE", "FROM"], rows)) terminal.print(line);
}

/** @param from what named the file. */
async function readFile(path: string, from: string): Promise<string> {
  try {
    return await readConfigFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) throw new UnreadableFileError(`there is no file ${path} (${from})`);
    if (error instanceof Deno.errors.PermissionDenied) {
      throw new UnreadableFileError(`the file ${path} (${from}) may not be read by this user`);
    }
    if (error instanceof Deno.errors.IsADirectory) {
      throw new UnreadableFileError(`${path} (${from}) is a folder; name a file in it`);
    }
    if (error instanceof Error && error.name === "ConfigError") throw error;
    throw new UnreadableFileError(`the file ${path} (${from}) cannot be read: ${(error as Error).message}`);
  }
}
