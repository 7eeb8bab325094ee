/** The command line: texts → a command, its flags, and the settings that were given. The table `OPTIONS` is what is
 * accepted and what the help shows. Room: pure; nothing is read or run. @module */

import { parseArgs } from "@std/cli/parse-args";
import { CONFIG_FILE_VARIABLE, type GivenOption } from "../config/load.ts";
import { configKey, nearest } from "../config/keys.ts";
import { COMMAND_NAMES, type CommandName, commandOf, commandsOfGroup, isCommand } from "./commands.ts";
import { LISTENER_OPTIONS } from "./listener_options.ts";

/** What a shell sees when the program ends. */
export const ExitCode = { Ok: 0, Failed: 1, Usage: 2 } as const;
export type ExitCode = typeof ExitCode[keyof typeof ExitCode];

/** The command line is wrong; the message says what to do. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

export interface Option {
  /** Without the dashes. */
  readonly name: string;
  readonly short?: string;
  /** Other names that are understood, as other programs have them. */
  readonly aliases?: readonly string[];
  /** What stands for the value in the help; undefined = a flag. */
  readonly valueName?: string;
  /** The configuration's key that it sets. */
  readonly key?: string;
  readonly environmentName?: string;
  /** Also as `--no-…`. */
  readonly negatable?: true;
  /** Commands, or another option, without which it means nothing; undefined = it goes with all. */
  readonly goesWith?: readonly (CommandName | `--${string}`)[];
  readonly about: string;
  readonly example: string;
}

export const OPTIONS: readonly Option[] = [
  {
    name: "config",
    short: "c",
    valueName: "FILE",
    environmentName: CONFIG_FILE_VARIABLE,
    about: "read the configuration from this file (JSON with comments)",
    example: "--config ./quetzal.jsonc",
  },
  optionOf("host", "host", "ADDRESS", "--host 0.0.0.0"),
  { ...optionOf("port", "port", "NUMBER", "--port 1884"), short: "p" },
  ...LISTENER_OPTIONS,
  optionOf("data-dir", "dataDir", "FOLDER", "--data-dir /var/lib/quetzal"),
  optionOf("durability", "durability", "full|normal|off", "--durability off"),
  { ...optionOf("allow-anonymous", "allowAnonymous", undefined, "--no-allow-anonymous"), negatable: true },
  optionOf("log-level", "log.level", "none|error|warning|info|debug", "--log-level debug"),
  optionOf("log-file", "log.file", "FILE", "--log-file ./quetzal.log"),
  optionOf("log-format", "log.format", "text|json", "--log-format json"),
  {
    name: "set",
    valueName: "KEY=VALUE",
    about: "set any key of the configuration; may be given several times",
    example: "--set limits.connectionsMax=500 --set limits.maximumPacketSize=8MiB",
  },
  {
    name: "print-config",
    about: "show each value and where it came from, and end",
    example: "--print-config",
  },
  {
    name: "json",
    goesWith: ["--print-config", "store info", "store check"],
    about: "with --print-config, `store info` and `store check`: as JSON, for tools",
    example: "--print-config --json",
  },
  {
    name: "new-store",
    goesWith: ["serve"],
    // No key of the configuration: there it would stay, and give up the next damaged store without a question.
    about: "begin with an empty store although a damaged one was set aside; nothing happens if a store is there",
    example: "--new-store",
  },
  {
    name: "force",
    goesWith: ["store backup"],
    about: "with `store backup`: replace a file that is there",
    example: "store backup ./quetzal-backup.sqlite --force",
  },
  { name: "help", short: "h", about: "show this help, and end", example: "--help" },
  { name: "version", short: "V", about: "show the version, and end", example: "--version" },
];

function optionOf(name: string, key: string, valueName: string | undefined, example: string): Option {
  const { about, environmentName } = configKey(key)!;
  return { name, key, valueName, about, environmentName, example };
}

export interface CommandLine {
  readonly command: CommandName;
  /** After the command: `help config`, `store backup FILE`. */
  readonly operand: string | undefined;
  readonly configFile: string | undefined;
  readonly given: readonly GivenOption[];
  readonly printConfig: boolean;
  readonly json: boolean;
  readonly newStore: boolean;
  readonly force: boolean;
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
    collect: ["set"],
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

  const asked = parsed.help ? helpOn(words) : parsed.version ? { command: "version" as const } : commandIn(words);
  for (const option of OPTIONS) {
    if (isGiven(parsed[option.name])) requireCompany(option, asked.command, parsed);
  }
  return {
    command: asked.command,
    operand: asked.operand,
    configFile: parsed.config as string | undefined,
    given: [...givenOptions(parsed), ...givenKeys(parsed.set as string[])],
    printConfig: parsed["print-config"] === true,
    json: parsed.json === true,
    newStore: parsed["new-store"] === true,
    force: parsed.force === true,
  };
}

interface Asked {
  readonly command: CommandName;
  readonly operand?: string;
}

/** `store backup FILE` */
function commandIn(words: readonly string[]): Asked {
  const twoWords = words.slice(0, 2).join(" ");
  const command = words.length === 0 ? "serve" : isCommand(twoWords) ? twoWords : words[0];
  if (!isCommand(command)) throw new UsageError(unknownCommand(words));
  const [operand, ...more] = words.slice(command.split(" ").length);
  if (command === "help") return { command, operand: operand === undefined ? undefined : words.slice(1).join(" ") };
  const { operand: name, example } = commandOf(command);
  if (name !== undefined && operand === undefined) throw new UsageError(`${command} needs a ${name}: ${example}`);
  const alone = name === undefined ? operand : more[0];
  if (alone !== undefined) throw new UsageError(standsAlone(alone));
  return { command, operand };
}

/** `store backup --help` is `help store backup`. */
function helpOn(words: readonly string[]): Asked {
  if (commandsOfGroup(words[0] ?? "").length === 0) {
    commandIn(words);
    return { command: "help" };
  }
  const topic = words.slice(0, 2).join(" ");
  return { command: "help", operand: isCommand(topic) ? topic : words[0] };
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
  const meant = nearest(first, COMMAND_NAMES.flatMap((name) => [name, name.split(" ")[0]]));
  return `there is no command "${first}"; ` +
    (meant === undefined ? `the commands are ${COMMAND_NAMES.join(", ")}` : `did you mean ${meant}?`);
}

function standsAlone(word: string): string {
  return looksLikeFile(word)
    ? `"${word}" stands alone; did you mean --config ${word}?`
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
  if (!isThere) throw new UsageError(`--${name} goes with ${listed(goesWith)}`);
  const { options } = commandOf(command);
  if (options !== undefined && !options.includes(name)) {
    throw new UsageError(
      `--${name} means nothing to ${command}; it takes ${listed(options.map((name) => `--${name}`))}`,
    );
  }
}

/** "a, b or c" */
function listed(names: readonly string[]): string {
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
  const names = OPTIONS.flatMap((option) => option.negatable ? [option.name, `no-${option.name}`] : [option.name]);
  const meant = nearest(name.replace(/^-+/, ""), names);
  if (meant !== undefined) return `there is no option ${name}; did you mean --${meant}?`;
  return `there is no option ${name}; --help lists the options`;
}
