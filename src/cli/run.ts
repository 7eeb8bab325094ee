/** The command line, from arguments to exit code: finds the command and turns what it throws into one clear line.
 * @module */

import { ConfigError } from "../config/config.ts";
import { StoreThread } from "../persistence/thread_handle.ts";
import { CommandError } from "./answer.ts";
import { isAccountCommand } from "./account_commands.ts";
import { type CommandLine, ExitCode, parseCommandLine, UsageError } from "./arguments.ts";
import { isClientCommand } from "./client/client_commands.ts";
import { loadConfiguration, printConfiguration, UnreadableFileError } from "./configuration.ts";
import { showHelp } from "./help.ts";
import { processTerminal, type Terminal } from "./terminal.ts";
import { showVersion } from "./version.ts";

/** @returns the exit code; of the client's commands also those of Mosquitto's clients. Never throws for what a user did; a bug shows its stack. */
export async function runCommandLine(
  args: readonly string[],
  terminal: Terminal = processTerminal(),
): Promise<number> {
  try {
    const [first = "", ...others] = args;
    // Their options are not those of the broker: -h is a host.
    if (isClientCommand(first)) {
      const { runClientCommand } = await import("./client/run_client_command.ts");
      return await runClientCommand(first, others, terminal);
    }
    return await runCommand(parseCommandLine(args), terminal);
  } catch (error) {
    if (error instanceof UsageError) {
      terminal.complain(`quetzal: ${error.message}`);
      return ExitCode.Usage;
    }
    if (error instanceof ConfigError) {
      for (const problem of error.problems) terminal.complain(`quetzal: ${problem}`);
      return ExitCode.Usage;
    }
    if (error instanceof UnreadableFileError || error instanceof CommandError) {
      terminal.complain(`quetzal: ${error.message}`);
      return ExitCode.Failed;
    }
    throw error;
  }
}

async function runCommand(commandLine: CommandLine, terminal: Terminal): Promise<number> {
  if (commandLine.command === "help") {
    const [topic = ""] = commandLine.operands;
    if (isClientCommand(topic)) {
      const { showClientHelp } = await import("./client/run_client_command.ts");
      return await showClientHelp(topic, terminal);
    }
    showHelp(terminal, commandLine.operands.join(" "));
    return ExitCode.Ok;
  }
  if (isClientCommand(commandLine.command)) {
    throw new UsageError(
      `${commandLine.command} stands first, and its options behind it: ${commandLine.command} --help`,
    );
  }
  if (commandLine.command === "version") {
    showVersion(terminal);
    return ExitCode.Ok;
  }
  const loaded = await loadConfiguration(commandLine, terminal);
  if (commandLine.printConfig) {
    printConfiguration(loaded, commandLine.json, terminal);
    return ExitCode.Ok;
  }
  if (commandLine.command === "check-config") {
    const { checkConfigCommand } = await import("./check_config.ts");
    return await checkConfigCommand(loaded, terminal);
  }
  // The broker, the store's tools and the accounts are loaded only by those who use them.
  if (isAccountCommand(commandLine.command)) {
    const { runAccountCommand } = await import("./accounts_command.ts");
    return await runAccountCommand(commandLine.command, loaded.config, commandLine, terminal);
  }
  if (commandLine.command !== "serve") {
    const { runStoreCommand } = await import("./store.ts");
    return await runStoreCommand(commandLine.command, loaded.config.dataDir, commandLine, terminal);
  }
  if (commandLine.newStore && loaded.config.durability === "off") {
    throw new UsageError("--new-store means nothing with durability off, which keeps no store; leave one of them out");
  }
  const { newStore } = commandLine;
  // The store's thread takes as long to begin as the broker to be loaded.
  const storeThread = loaded.config.durability === "off" ? undefined : new StoreThread();
  try {
    const { serve } = await import("./serve.ts");
    return await serve(loaded.config, { newStore, storeThread }, terminal);
  } finally {
    storeThread?.end();
  }
}
