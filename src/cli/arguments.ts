/** The command line: texts → a command, its flags, and the settings that were given. Room: pure; nothing is read or run. @module */

import { parseArgs } from "@std/cli/parse-args";
import type { GivenOption } from "../config/load.ts";
import { nearest } from "../config/keys.ts";
import { ACCOUNT_OPTIONS } from "./account_options.ts";
import { COMMAND_NAMES, type CommandName, commandOf, commandsOfGroup, isCommand } from "./commands.ts";
import { type Option, OPTIONS } from "./options.ts";

export { type Option, OPTIONS };

/** What a shell sees when the program ends. */
export const ExitCode = { Ok: 0, Failed: 1, Usage: 2 } as const;
export type ExitCode = typeof ExitCode[keyof typeof ExitCode];

const WHY_NO_PASSWORD =
  "a password is no argument: everybody who lists this machine's processes would see it, and it " +
  "would stay in the shell's history; leave it out and you are asked for it, or use --password-stdin";
/** More of them make no message. */
const LISTED_MAX = 6;

/** The command line is wrong; the message says what to do. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

export interface CommandLine {
  readonly command: CommandName;
  /** After the command: `help config`, `store backup FILE`, `acl allow ACTION FILTER`. */
  readonly operands: readonly string[];
  readonly configFile: string | undefined;
  readonly given: readonly GivenOption[];
  readonly printConfig: boolean;
  readonly json: boolean;
  readonly newStore: boolean;
  readonly force: boolean;
  /** Names of the flags that were given. */
  readonly flags: ReadonlySet<string>;
  /** What was given of options with a value that set no key, by name. */
  readonly values: ReadonlyMap<string, readonly string[]>;
}

/** @throws UsageError */
export function parseCommandLine(args: readonly string[]): CommandLine {
  const flags = OPTIONS.filter((option) => option.valueName === undefined);
  const unknown: string[] = [];
  const words: string[] = [];
  const parsed = parseArgs(args, {
    string: OPTIONS.filter((option) => option.valueName !== undefined).map((option) => option.name),
    boolean: flags.map((option) => option.name),
    negatable: flags.filter((option) => option.negatable).map((option) => option.name),
    collect: OPTIONS.filter((option) => option.repeatable).map((option) => option.name),
    alias: Object.fromEntries(
      OPTIONS.map(({ name, short, aliases = [] }) => [name, short === undefined ? aliases : [short, ...aliases]]),
    ),
    // null: "not given" is not "false".
    default: Object.fromEntries(flags.map((option) => [option.name, null])),
    unknown: (arg, key) => {
      if (key === undefined || key === null) words.push(arg);
      else unknown.push(arg);
      return false;
    },
  });

  for (const option of OPTIONS) {
    if (option.valueName === undefined) refuseOtherThanBoolean(option, args);
    else if ([parsed[option.name]].flat().includes("")) {
      throw new UsageError(`--${option.name} needs a value: ${option.example}`);
    }
  }
  if (unknown.length > 0) throw new UsageError(unknownOption(unknown[0]));
  // What stands behind "--".
  words.push(...parsed._.map(String));

  const asked = parsed.help
    ? helpOn(words)
    : parsed.version
    ? { command: "version" as const, operands: [] }
    : commandIn(words);
  for (const option of OPTIONS) {
    if (isGiven(parsed[option.name])) requireCompany(option, asked.command, parsed);
  }
  return {
    command: asked.command,
    operands: asked.operands,
    configFile: parsed.config as string | undefined,
    given: [...givenOptions(parsed), ...givenKeys(parsed.set as string[])],
    printConfig: parsed["print-config"] === true,
    json: parsed.json === true,
    newStore: parsed["new-store"] === true,
    force: parsed.force === true,
    flags: new Set(flags.filter(({ name }) => parsed[name] === true).map(({ name }) => name)),
    values: new Map(
      OPTIONS.filter(({ name, key, valueName }) =>
        key === undefined && valueName !== undefined && isGiven(parsed[name])
      )
        .map(({ name }) => [name, [parsed[name]].flat() as string[]]),
    ),
  };
}

interface Asked {
  readonly command: CommandName;
  readonly operands: readonly string[];
}

/** `store backup FILE` */
function commandIn(words: readonly string[]): Asked {
  const twoWords = words.slice(0, 2).join(" ");
  const command = words.length === 0 ? "serve" : isCommand(twoWords) ? twoWords : words[0];
  if (!isCommand(command)) throw new UsageError(unknownCommand(words));
  const operands = words.slice(command.split(" ").length);
  if (command === "help") return { command, operands };
  const { operands: names = [], options = [], example } = commandOf(command);
  const missing = names[operands.length];
  if (missing !== undefined) {
    throw new UsageError(`${command} needs ${names.length === 1 ? "a " : ""}${names.join(" and ")}: ${example}`);
  }
  if (operands.length > names.length && !names.at(-1)?.endsWith("…")) {
    // It may be a password.
    if (options.includes("password-stdin")) throw new UsageError(`${command} takes a NAME alone; ${WHY_NO_PASSWORD}`);
    const files = ACCOUNT_OPTIONS.filter(({ name, valueName }) => valueName === "FILE" && options.includes(name));
    throw new UsageError(standsAlone(operands[names.length], files.map(({ name }) => name)));
  }
  return { command, operands };
}

/** `store backup --help` is `help store backup`. */
function helpOn(words: readonly string[]): Asked {
  if (commandsOfGroup(words[0] ?? "").length === 0) {
    commandIn(words);
    return { command: "help", operands: [] };
  }
  return { command: "help", operands: isCommand(words.slice(0, 2).join(" ")) ? words.slice(0, 2) : [words[0]] };
}

function unknownCommand(words: readonly string[]): string {
  const [first, second] = words;
  const group = commandsOfGroup(first);
  if (group.length > 0) {
    const names = group.map((name) => name.slice(first.length + 1));
    if (second === undefined) return `${first} needs one of ${names.join(", ")}: ${group[0]}`;
    const meant = nearest(second, names);
    return `there is no command "${first} ${second}"; ` +
      (meant === undefined ? `the commands are ${group.join(", ")}` : `did you mean ${first} ${meant}?`);
  }
  if (looksLikeFile(first)) return standsAlone(first);
  const firstWords = new Set(COMMAND_NAMES.map((name) => name.split(" ")[0]));
  const meant = nearest(first, firstWords);
  return `there is no command "${first}"; ` +
    (meant === undefined ? `the commands are ${[...firstWords].join(", ")}` : `did you mean ${meant}?`);
}

/** @param fileOptions of the command; without any, a file is the configuration's. */
function standsAlone(word: string, fileOptions: readonly string[] = []): string {
  const names = fileOptions.length > 0 ? fileOptions : ["config"];
  return looksLikeFile(word)
    ? `"${word}" stands alone; did you mean ${names.map((name) => `--${name} ${word}`).join(" or ")}?`
    : `"${word}" stands alone; an option begins with --`;
}

function looksLikeFile(word: string): boolean {
  return /\.jsonc?$|[/\\]/i.test(word);
}

/** "not given" is null of a flag, undefined of one with a value, and [] of one that may be given several times. */
function isGiven(value: unknown): boolean {
  return value !== undefined && value !== null && !(Array.isArray(value) && value.length === 0);
}

/** `--json` of a command that prints no JSON would be taken for heard, and so would `--port` of one that never listens. */
function requireCompany(
  { name, goesWith }: Option,
  command: CommandName,
  parsed: Readonly<Record<string, unknown>>,
): void {
  if (command === "help" || command === "version") return;
  const isThere = goesWith === undefined ||
    goesWith.some((other) => other.startsWith("--") ? parsed[other.slice(2)] === true : other === command);
  if (!isThere) throw new UsageError(`--${name} goes with ${listed(goesWith, "help COMMAND shows what each takes")}`);
  const { options } = commandOf(command);
  if (options !== undefined && !options.includes(name)) {
    const names = options.map((option) => `--${option}`);
    throw new UsageError(`--${name} means nothing to ${command}; it takes ${listed(names, `help ${command}`)}`);
  }
}

/** "a, b or c" @param whereAll what shows them all, if they are too many to be shown here. */
function listed(names: readonly string[], whereAll: string): string {
  if (names.length > LISTED_MAX) return `${names.slice(0, 3).join(", ")} and others (${whereAll})`;
  return names.length < 2 ? names.join() : `${names.slice(0, -1).join(", ")} or ${names.at(-1)}`;
}

function givenOptions(parsed: Readonly<Record<string, unknown>>): GivenOption[] {
  const given: GivenOption[] = [];
  for (const { name, key, negatable } of OPTIONS) {
    const value = parsed[name];
    if (key === undefined || value === undefined || value === null) continue;
    given.push({ path: key, text: String(value), from: negatable && value === false ? `--no-${name}` : `--${name}` });
  }
  return given;
}

/** `--set limits.connectionsMax=500` */
function givenKeys(assignments: readonly string[]): GivenOption[] {
  return assignments.map((assignment) => {
    const sign = assignment.indexOf("=");
    if (sign <= 0) throw new UsageError(`--set ${assignment}: write --set KEY=VALUE, as in --set sysIntervalS=5`);
    return { path: assignment.slice(0, sign), text: assignment.slice(sign + 1), from: "--set" };
  });
}

/** `--json=yes` would be taken for true, and `--help=no`, too. */
function refuseOtherThanBoolean(option: Option, args: readonly string[]): void {
  for (const arg of args) {
    const match = /^--(?:no-)?([^=]+)=(.*)$/s.exec(arg);
    if (match !== null && match[1] === option.name && match[2] !== "true" && match[2] !== "false") {
      throw new UsageError(`${arg}: --${option.name} is a flag; write it without a value`);
    }
  }
}

function unknownOption(arg: string): string {
  const name = arg.replace(/=.*$/s, "");
  if (/^--?pass(word)?$/i.test(name)) return `there is no option ${name}; ${WHY_NO_PASSWORD}`;
  const names = OPTIONS.flatMap((option) => option.negatable ? [option.name, `no-${option.name}`] : [option.name])
    // What takes something away is never meant by what asks for something, nor the other way round.
    .filter((other) => other.startsWith("no-") === /^--?no-/.test(name));
  const meant = nearest(name.replace(/^-+/, ""), names);
  if (meant !== undefined) return `there is no option ${name}; did you mean --${meant}?`;
  return `there is no option ${name}; --help lists the options`;
}
