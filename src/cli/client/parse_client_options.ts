/** The arguments of one command of the client, by its own table. Room: pure.
 *
 * It reads as mosquitto_pub does, and not as @std/cli/parse-args would: what stands behind an option with a value is its
 * value, whatever it looks like (`-m -5` publishes a temperature below zero), `-D` takes three or four of them, and letters
 * cannot be put together. `--name=value` is understood besides. @module */

import { nearest } from "../../config/keys.ts";
import { UsageError } from "../arguments.ts";
import type { ClientOption, GivenClientOptions } from "./client_option.ts";

/** @throws UsageError */
export function parseClientOptions(
  command: string,
  table: readonly ClientOption[],
  args: readonly string[],
): GivenClientOptions {
  const flags = new Set<string>();
  const values = new Map<string, string[][]>();
  const operands: string[] = [];
  for (let at = 0; at < args.length;) {
    const arg = args[at++];
    if (arg === "--") {
      operands.push(...args.slice(at));
      break;
    }
    if (!arg.startsWith("-") || arg === "-") {
      operands.push(arg);
      continue;
    }
    const sign = arg.startsWith("--") ? arg.indexOf("=") : -1;
    const written = sign < 0 ? arg : arg.slice(0, sign);
    const option = find(table, written);
    if (option === undefined) throw new UsageError(unknownOption(command, table, arg));
    if (option.refusal !== undefined) throw new UsageError(`${written}: ${option.refusal}`);
    const { valueNames = [] } = option;
    if (valueNames.length === 0) {
      if (sign >= 0) throw new UsageError(`${arg}: ${written} is a flag; write it without a value`);
      flags.add(option.name);
      continue;
    }
    const given: string[] = sign < 0 ? [] : [arg.slice(sign + 1)];
    while (given.length < (option.countOf?.(given) ?? valueNames.length)) {
      if (at === args.length) throw new UsageError(needsValue(written, option));
      given.push(args[at++]);
    }
    if (option.ignored) continue;
    const earlier = values.get(option.name);
    if (earlier === undefined || !option.repeatable) values.set(option.name, [given]);
    else earlier.push(given);
  }
  return { flags, values, operands };
}

/** "-t", "--topic" */
export function spellings({ name, short, aliases = [] }: ClientOption): string[] {
  return [...(short === undefined ? [] : [short]), name, ...aliases].map((spelling) =>
    spelling.length === 1 ? `-${spelling}` : `--${spelling}`
  );
}

function find(table: readonly ClientOption[], written: string): ClientOption | undefined {
  return table.find((option) => spellings(option).includes(written));
}

function needsValue(written: string, { valueNames = [], example }: ClientOption): string {
  return `${written} needs ${valueNames.length === 1 ? "a value" : valueNames.join(", ")}: ${example}`;
}

function unknownOption(command: string, table: readonly ClientOption[], arg: string): string {
  const name = arg.replace(/=.*$/s, "");
  const letters = /^-([A-Za-z]{2,})$/.exec(name)?.[1];
  if (letters !== undefined && [...letters].every((letter) => find(table, `-${letter}`) !== undefined)) {
    return `${name}: letters stand alone here; write ${[...letters].map((letter) => `-${letter}`).join(" ")}`;
  }
  const meant = nearest(name, table.filter(({ refusal }) => refusal === undefined).flatMap(spellings));
  return `there is no option ${name}; ` +
    (meant === undefined || name.length === 2 ? `${command} --help lists the options` : `did you mean ${meant}?`);
}
