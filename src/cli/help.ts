/** `help`, `--help`: every command and option; `help config`: every key of the configuration;
 * `help store info`, `store info --help`: one command. @module */

import { CONFIG_KEYS, configKey } from "../config/keys.ts";
import { VERSION } from "../config/version.ts";
import { UsageError } from "./arguments.ts";
import { type Option, OPTIONS } from "./options.ts";
import { COMMAND_NAMES, type CommandName, commandOf, commandsOfGroup, GROUPS, isCommand } from "./commands.ts";
import { programName } from "./platform.ts";
import type { Terminal } from "./terminal.ts";

/** @throws UsageError for a topic that there is no help on. */
export function showHelp(terminal: Terminal, topic: string): void {
  terminal.print(helpOn(topic));
}

function helpOn(topic: string): string {
  if (topic === "") return generalHelp();
  if (topic === "config") return configHelp();
  if (commandsOfGroup(topic).length > 0) return groupHelp(topic);
  if (isCommand(topic) && commandOf(topic).details !== undefined) return commandHelp(topic);
  throw new UsageError(`there is no help on "${topic}"; try help, help config, help store, or help user add`);
}

function generalHelp(): string {
  return [
    `Quetzal ${VERSION}: an MQTT broker (5.0, 3.1.1 and 3.1).`,
    "",
    `Usage: ${programName()} [COMMAND] [OPTIONS]`,
    "",
    "Commands:",
    ...describeAll(),
    "",
    `More on each: ${programName()} help user, ${programName()} help user add`,
    "",
    "Options:",
    ...OPTIONS.filter(isGeneral).flatMap(describeOption),
    "",
    "An option wins over its environment variable, that over the file, and the file over the default.",
    "Every key of the configuration has an environment variable and can be set with --set: help config lists them.",
    "Exit codes: 0 ended as asked, 1 could not run, 2 the command line or the configuration is wrong.",
  ].join("\n");
}

/** Commands of one word, and groups, in the table's order. */
function describeAll(): string[] {
  const rows = new Map<string, string>();
  for (const name of COMMAND_NAMES) {
    const [first] = name.split(" ");
    const commands = commandsOfGroup(first).map((command) => command.slice(first.length + 1));
    if (commands.length === 0) rows.set(withOperands(name), commandOf(name).about);
    else rows.set(`${first} …`, `${GROUPS[first]}: ${commands.join(", ")}`);
  }
  return describe([...rows]);
}

/** The help of a command shows what only some commands of groups take. */
function isGeneral({ goesWith }: Option): boolean {
  return goesWith === undefined || goesWith.some((name) => !name.includes(" "));
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
    `Usage: ${programName()} ${withOperands(name)} [OPTIONS]`,
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
  return describe(names.map((name) => [withOperands(name), commandOf(name).about]));
}

function describe(rows: readonly (readonly [name: string, about: string])[]): string[] {
  const width = Math.max(...rows.map(([name]) => name.length)) + 2;
  return rows.map(([name, about]) => `  ${name.padEnd(width)}${about}`);
}

function withOperands(name: CommandName): string {
  return [name, ...commandOf(name).operands ?? []].join(" ");
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
