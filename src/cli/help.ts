/** `help`, `--help`: every command and option; `help config`: every key of the configuration. @module */

import { CONFIG_KEYS, configKey } from "../config/keys.ts";
import { VERSION } from "../config/version.ts";
import { COMMANDS, type Option, OPTIONS, UsageError } from "./arguments.ts";
import { programName } from "./platform.ts";
import type { Terminal } from "./terminal.ts";

/** @throws UsageError for a topic that there is no help on. */
export function showHelp(terminal: Terminal, topic: string | undefined): void {
  if (topic !== undefined && topic !== "config") {
    throw new UsageError(`there is no help on "${topic}"; try help, or help config`);
  }
  terminal.print(topic === "config" ? configHelp() : generalHelp());
}

function generalHelp(): string {
  const commands = Object.entries(COMMANDS).map(([name, about]) => `  ${name.padEnd(14)}${about}`);
  return [
    `Quetzal ${VERSION}: an MQTT broker (5.0, 3.1.1 and 3.1).`,
    "",
    `Usage: ${programName()} [COMMAND] [OPTIONS]`,
    "",
    "Commands:",
    ...commands,
    "",
    "Options:",
    ...OPTIONS.flatMap(describeOption),
    "",
    "An option wins over its environment variable, that over the file, and the file over the default.",
    "Every key of the configuration has an environment variable and can be set with --set: help config lists them.",
    "Exit codes: 0 ended as asked, 1 could not run, 2 the command line or the configuration is wrong.",
  ].join("\n");
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
