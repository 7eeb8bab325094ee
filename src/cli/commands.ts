/** What the program can be told to do: one row for each command, which the command line and the help are made of.
 * Room: pure. @module */

import { ACCOUNT_COMMANDS } from "./account_commands.ts";
import { CLIENT_COMMANDS } from "./client/client_commands.ts";

export interface Command {
  readonly about: string;
  /** What stands behind it: "FILE". With "…" at its end: one or more; in brackets: it may be left out. */
  readonly operands?: readonly string[];
  /** For the help of this command alone: what it does that its name does not say. */
  readonly details?: readonly string[];
  /** Options that mean something to it, by name; undefined = all that are no other command's. */
  readonly options?: readonly string[];
  readonly example?: string;
}

const FOLDER_OPTIONS = ["data-dir", "config", "set"];

/** Names of two words: the first is that of a group. */
export const COMMANDS = {
  serve: { about: "run the broker (the default)" },
  "check-config": {
    about: "check file, environment, options, and the certificates and keys that they name; list the doors, and end",
  },
  "store info": {
    about: "show what the data folder keeps, and how large it is",
    details: [
      "Shows sessions, queues, messages and sizes of the store in the data folder. Changes nothing, and may be called",
      "while a broker runs on it. Numbers of connected Clients are those of the last change that was written.",
    ],
    options: [...FOLDER_OPTIONS, "json"],
    example: "store info --data-dir /var/lib/quetzal --json",
  },
  "store check": {
    about: "look for damage in the store: exit code 1 if there is any",
    details: [
      "Reads the whole store: whether the file is as SQLite left it, whether everything that is referred to is there, and",
      "whether each message can be read. Changes nothing, and may be called while a broker runs on it.",
      "Exit codes: 0 nothing was found, 1 something was, or it could not be read.",
    ],
    options: [...FOLDER_OPTIONS, "json"],
    example: "store check --data-dir /var/lib/quetzal",
  },
  "store compact": {
    about: "give the free space in the store's file back to the disk; no broker may run",
    details: [
      "Writes the store anew without the space that it no longer needs. The broker must have ended: it uses free space",
      "again by itself, so that this is of use after a time with far more in the queues than usual. Needs as much free",
      "space on the disk as what is kept is large.",
    ],
    options: FOLDER_OPTIONS,
    example: "store compact --data-dir /var/lib/quetzal",
  },
  "store backup": {
    about: "copy the store into a file, also while a broker runs on it",
    operands: ["FILE"],
    details: [
      "The copy is the store of the instant at which it began. It is written beside FILE under another name, checked, and",
      "renamed; it holds the messages of others, and only its owner may read it.",
      "Exit codes: 0 all is in it, 1 it could not be made, or a part of the store could not be read, as it then says.",
      "To restore it: end the broker, copy it to quetzal.sqlite in the data folder, let it belong to the user that the",
      "broker runs as, and remove quetzal.sqlite-wal, -shm and -journal there.",
    ],
    options: [...FOLDER_OPTIONS, "force"],
    example: "store backup ./quetzal-backup.sqlite --data-dir /var/lib/quetzal",
  },
  ...ACCOUNT_COMMANDS,
  ...CLIENT_COMMANDS,
  help: {
    about: "show this help; `help config` lists every key of the configuration, `help user add` what `user add` does",
    operands: ["[TOPIC]"],
  },
  version: { about: "show the version" },
} as const satisfies Readonly<Record<string, Command>>;

export type CommandName = keyof typeof COMMANDS;
/** Those that work on the store. */
export type StoreCommandName = Extract<CommandName, `store ${string}`>;

export const COMMAND_NAMES = Object.keys(COMMANDS) as CommandName[];

export function isCommand(name: string): name is CommandName {
  return Object.hasOwn(COMMANDS, name);
}

export function commandOf(name: CommandName): Command {
  return COMMANDS[name];
}

/** "store" → its four commands; [] = there is no such group. */
export function commandsOfGroup(group: string): CommandName[] {
  return COMMAND_NAMES.filter((name) => name.startsWith(`${group} `));
}

/** Those that name this option as theirs. */
export function commandsTaking(option: string): CommandName[] {
  return COMMAND_NAMES.filter((name) => commandOf(name).options?.includes(option));
}

/** What the first words of commands are about. */
export const GROUPS: Readonly<Record<string, string>> = {
  store: "the store in the data folder",
  user: "who may come in",
  role: "names that rules and users share",
  acl: "what they may do",
  ban: "who is kept out",
  client: "the register of clients: who was here, and when",
  import: "accounts of other brokers",
};
