/** The table of options: what the command line accepts, and what the help shows. Room: pure. @module */

import { configKey } from "../config/keys.ts";
import { CONFIG_FILE_VARIABLE } from "../config/load.ts";
import { ACCOUNT_OPTIONS } from "./account_options.ts";
import { type CommandName, commandsTaking } from "./commands.ts";
import { LISTENER_OPTIONS } from "./listener_options.ts";

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
  /** May be given several times. */
  readonly repeatable?: true;
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
  optionOf("accounts", "accounts", "PLACE", "--accounts ./accounts.kv"),
  optionOf("durability", "durability", "full|normal|off", "--durability off"),
  { ...optionOf("allow-anonymous", "allowAnonymous", undefined, "--no-allow-anonymous"), negatable: true },
  optionOf("log-level", "log.level", "none|error|warning|info|debug", "--log-level debug"),
  optionOf("log-file", "log.file", "FILE", "--log-file ./quetzal.log"),
  optionOf("log-format", "log.format", "text|json", "--log-format json"),
  {
    name: "set",
    valueName: "KEY=VALUE",
    repeatable: true,
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
    goesWith: ["--print-config", ...commandsTaking("json")],
    about: "with --print-config and commands that show something: as JSON, for tools",
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
  ...ACCOUNT_OPTIONS.map((option) => ({ ...option, goesWith: commandsTaking(option.name) })),
  { name: "help", short: "h", about: "show this help, and end", example: "--help" },
  { name: "version", short: "V", about: "show the version, and end", example: "--version" },
];

function optionOf(name: string, key: string, valueName: string | undefined, example: string): Option {
  const { about, environmentName } = configKey(key)!;
  return { name, key, valueName, about, environmentName, example };
}
