/** Rows of the table of options: those of the commands on accounts. Which command takes which is said in the commands'
 * table. Room: pure. @module */

import type { Option } from "./options.ts";

export const ACCOUNT_OPTIONS: readonly Option[] = [
  {
    name: "user",
    valueName: "NAME",
    repeatable: true,
    about: "whom it is about: a user",
    example: "--user sensor-1",
  },
  {
    name: "role",
    valueName: "NAME",
    repeatable: true,
    about: "a role; with `user add` and `user set` it may be given several times",
    example: "--role reader",
  },
  {
    name: "client-id",
    valueName: "ID",
    repeatable: true,
    about: "a Client Identifier; with `user add` and `user set` it may be given several times",
    example: "--client-id sensor-1-a",
  },
  {
    name: "address",
    valueName: "ADDRESS",
    repeatable: true,
    about: "whom it is about: an IP address, or a network",
    example: "--address 10.0.0.0/8",
  },
  { name: "anonymous", about: "whom it is about: clients without a user name", example: "--anonymous" },
  { name: "everyone", about: "whom it is about: all clients", example: "--everyone" },
  { name: "no-password", about: "the user gets no password", example: "--no-password" },
  {
    name: "password-stdin",
    about: "take the password from standard input, one line",
    example: "--password-stdin",
  },
  { name: "no-roles", about: "take all roles away", example: "--no-roles" },
  { name: "no-client-ids", about: "take all Client Identifiers away", example: "--no-client-ids" },
  {
    name: "for",
    valueName: "TIME",
    about: "how long: a number with s, min, h or d; without it, until it is lifted",
    example: "--for 90min",
  },
  { name: "reason", valueName: "TEXT", about: "why, for those who read the list", example: "--reason testing" },
  { name: "passwd", valueName: "FILE", about: "Mosquitto's password file", example: "--passwd /etc/mosquitto/passwd" },
  { name: "acl", valueName: "FILE", about: "Mosquitto's ACL file", example: "--acl /etc/mosquitto/acl" },
  { name: "dry-run", about: "show what would be done, and change nothing", example: "--dry-run" },
];
