/** The command line: texts → a command, its flags, and the settings that were given. The table `OPTIONS` is what is
 * accepted and what the help shows. Room: pure; nothing is read or run. @module */

import { parseArgs } from "@std/cli/parse-args";
import { CONFIG_FILE_VARIABLE, type GivenOption } from "../config/load.ts";
import { configKey, nearest } from "../config/keys.ts";

/** What a shell sees when the program ends. */
export const ExitCode = { Ok: 0, Failed: 1, Usage: 2 } as const;
export type ExitCode = typeof ExitCode[keyof typeof ExitCode];

/** The command line is wrong; the message says what to do. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

export const COMMANDS = {
  serve: "run the broker (the default)",
  "check-config": "check file, environment and options, and end",
  help: "show this help; `help config` lists every key of the configuration",
  version: "show the version",
} as const;
export type CommandName = keyof typeof COMMANDS;

export interface Option {
  /** Without the dashes. */
  readonly name: string;
  readonly short?: string;
  /** What stands for the value in the help; undefined = a flag. */
  readonly valueName?: string;
  /** The configuration's key that it sets. */
  readonly key?: string;
  readonly environmentName?: string;
  /** Also as `--no-…`. */
  readonly negatable?: true;
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
  { name: "json", about: "with --print-config: as JSON, for tools", example: "--print-config --json" },
  { name: "help", short: "h", about: "show this help, and end", example: "--help" },
  { name: "version", short: "V", about: "show the version, and end", example: "--version" },
];

function optionOf(name: string, key: string, valueName: string | undefined, example: string): Option {
  const { about, environmentName } = configKey(key)!;
  return { name, key, valueName, about, environmentName, example };
}

export interface CommandLine {
  readonly command: CommandName;
  /** After the command: `help config`. */
  readonly topic: string | undefined;
  readonly configFile: string | undefined;
  readonly given: readonly GivenOption[];
  readonly printConfig: boolean;
  readonly json: boolean;
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
    alias: Object.fromEntries(OPTIONS.flatMap((option) => option.short ? [[option.name, option.short]] : [])),
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

  const [command = "serve", topic, ...more] = words;
  const file = [topic, command].find((word) => word !== undefined && /\.jsonc?$|[/\\]/i.test(word));
  if (file !== undefined) throw new UsageError(`"${file}" stands alone; did you mean --config ${file}?`);
  if (!Object.hasOwn(COMMANDS, command)) {
    const meant = nearest(command, Object.keys(COMMANDS));
    throw new UsageError(
      `there is no command "${command}"; ` +
        (meant === undefined ? `the commands are ${Object.keys(COMMANDS).join(", ")}` : `did you mean ${meant}?`),
    );
  }
  if (more.length > 0 || (topic !== undefined && command !== "help")) {
    throw new UsageError(`"${more[0] ?? topic}" stands alone; an option begins with --`);
  }

  return {
    command: parsed.help ? "help" : parsed.version ? "version" : command as CommandName,
    topic,
    configFile: parsed.config as string | undefined,
    given: [...givenOptions(parsed), ...givenKeys(parsed.set as string[])],
    printConfig: parsed["print-config"] === true,
    json: parsed.json === true,
  };
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
