/** The help of one command of the client: `quetzal pub --help`, `quetzal help pub`. Room: pure. @module */

import { programName } from "../platform.ts";
import type { ClientCommand } from "./client_command.ts";
import type { ClientOption } from "./client_option.ts";
import { spellings } from "./parse_client_options.ts";

export function clientHelp(name: string, about: string, command: ClientCommand): string {
  const called = `${programName()} ${name}`;
  const refused = command.options.filter(({ refusal }) => refusal !== undefined).flatMap(spellings);
  return [
    `${about[0].toUpperCase()}${about.slice(1)}.`,
    "",
    "Usage:",
    ...command.usages.map((usage) => `  ${called} ${usage}`),
    "",
    ...command.details,
    "",
    "Options:",
    ...command.options.filter(({ refusal }) => refusal === undefined).flatMap(describe),
    "",
    ...(refused.length === 0
      ? []
      : [`Known from Mosquitto's clients, and not here (each says why): ${refused.join(" ")}`, ""]),
    "Examples:",
    ...command.examples.map((example) => `  ${programName()} ${example}`),
  ].join("\n");
}

function describe(option: ClientOption): string[] {
  const values = (option.valueNames ?? []).map((value) => ` ${value}`).join("");
  return [`  ${spellings(option).join(", ")}${values}`, `      ${option.about}`, `      (e.g. ${option.example})`];
}
