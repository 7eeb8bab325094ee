/** `help`, `--help`: every command and option; `help config`: every key of the configuration;
 * `help store info`, `store info --help`: one command. @module */

import { CONFIG_KEYS, configKey } from "../config/keys.ts";
import { VERSION } from "../config/version.ts";
import { type Option, OPTIONS, UsageError } from "./arguments.ts";
import { COMMAND_NAMES, type CommandName, commandOf, commandsOfGroup, isCommand } from "./commands.ts";
import { programName } from "./platform.ts";
import type { Terminal } from "./terminal.ts";

/** @throws UsageError for a topic that there is no help on. */
export function showHelp(terminal: Terminal, topic: string | undefined): void {
  terminal.print(helpOn(topic));
}

function helpOn(topic: string | undefined): string {
  if (topic === undefined) return generalHelp();
  if (topic === "config") return configHelp();
  if (commandsOfGroup(topic).length > 0) return groupHelp(topic);
  if (isCommand(topic) && commandOf(topic).details !== undefined) return commandHelp(topic);
  throw new UsageError(`there is no help on "${topic}"; try help, help config, or help store`);
}

function generalHelp(): string {
  return [
    `Quetzal ${VERSION}: an MQTT broker (5.0, 3.1.1 and 3.1).`,
    "",
    `Usage: ${programName()} [COMMAND] [OPTIONS]`,
    "",
    "Commands:",
    ...describeCommands(COMMAND_NAMES),
    "",
    "Options:",
    ...OPTIONS.flatMap(describeOption),
    "",
    "An option wins over its environment variable, that over the file, and the file over the default.",
    "Every key of the configuration has an environment variable and can be set with --set: help config lists them.",
    "Exit codes: 0 ended as asked, 1 could not run, 2 the command line or the configuration is wrong.",
  ].join("\n");
}

function groupHelp(group: string): string {
  return [
    `Usage: ${programName()} ${group} COMMAND [OPTIONS]`,
    "",
    "Commands:",
    ...describeCommands(commandsOfGroup(group)),
    "",
    `More on each: ${programName()} help ${commandsOfGroup(group)[0]}`,
  ].join("\n");
}

function commandHelp(name: CommandName): string {
  const { about, details = [], options = [], example } = commandOf(name);
  return [
    `${capital(about)}.`,
    "",
    `Usage: ${programName()} ${withOperand(name)} [OPTIONS]`,
    "",
    ...details,
    "",
    "Options:",
    ...OPTIONS.filter((option) => options.includes(option.name)).flatMap(describeOption),
    "",
    `Example: ${programName()} ${example}`,
  ].join("\n");
}

function describeCommands(names: readonly CommandName[]): string[] {
  const width = Math.max(...names.map((name) => withOperand(name).length)) + 2;
  return names.map((name) => `  ${withOperand(name).padEnd(width)}${commandOf(name).about}`);
}

function withOperand(name: CommandName): string {
  const { operand } = commandOf(name);
  return operand === undefined ? name : `${name} ${operand}`;
}

function capital(text: string): string {
  return text[0].toUpperCase() + text.slice(1);
}

function describeOption(option: Option): string[] {
  const short = option.short === undefined ? "" : `-${option.short}, `;
  const name = option.negatable ? `--${option.name}, --no-${option.name}` : `--${option.name}`;
  const value = option.valueName === undefined ? "" : ` ${option.valueName}`;
  const facts: string[] = [];
  const defaultValue = option.key === undefined ? undefined : configKey(option.key)!.defaultValue;
  if (defaultValue !== undefined) facts.push(`default ${defaultValue}`);
  if (option.environmentName !== undefined) facts.push(option.environmentName);
  facts.push(`e.g. ${option.example}`);
  return [`  ${short}${name}${value}`, `      ${option.about}`, `      (${facts.join("; ")})`];
}

function configHelp(): string {
  const lines = CONFIG_KEYS.flatMap((key) => [
    key.path,
    `    ${key.about}`,
    `    ${key.allowed}; default: ${key.defaultValue === undefined ? "none" : JSON.stringify(key.defaultValue)}; ` +
    key.environmentName,
  ]);
  return [
    "The keys of the configuration, as in --set KEY=VALUE; in a file the part before the dot is an object:",
    '  { "port": 1884, "limits": { "connectionsMax": 500 } }',
    "Sizes may be written as 64KiB, 16MiB or 1GiB in options and in environment variables.",
    "",
    ...lines,
  ].join("\n");
}
