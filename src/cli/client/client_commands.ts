/** Rows of the table of commands: those of the client. Their options are tables of their own, since `-h` and `-V` mean there
 * what they mean to Mosquitto's clients. Room: pure. @module */

import type { Command } from "../commands.ts";

export const CLIENT_COMMANDS = {
  pub: { about: "publish messages; takes the options of mosquitto_pub" },
  sub: { about: "subscribe, and print what comes; takes the options of mosquitto_sub" },
  rr: { about: "publish a request, and print the response; takes the options of mosquitto_rr" },
  inspect: { about: "show the packets of a connection as a sequence chart" },
  ping: { about: "measure how long messages take through the broker and back" },
  bench: { about: "measure how many messages a broker bears, and verify each delivery" },
  watch: { about: "show topics as a tree on the terminal, as they come in" },
  station: { about: "let this machine say that it is there, and how it is" },
  profile: { about: "keep an address, an identity and a will under a name: save, list, show, remove" },
} as const satisfies Readonly<Record<string, Command>>;

export type ClientCommandName = keyof typeof CLIENT_COMMANDS;

export function isClientCommand(name: string): name is ClientCommandName {
  return Object.hasOwn(CLIENT_COMMANDS, name);
}
