/** Rows of the table of commands: those on accounts, rights, bans and the register of clients. Room: pure. @module */

import type { Command } from "./commands.ts";

/** Where the accounts are, and how to answer: what all of them take. */
const PLACE_OPTIONS = ["data-dir", "accounts", "config", "set", "json"];
const SUBJECT_OPTIONS = ["user", "role", "client-id", "address", "anonymous", "everyone"];
const BAN_OPTIONS = ["address", "user", "client-id"];

const PASSWORD_DETAILS = [
  "The password is asked for, and nothing is shown while it is typed. For scripts: --password-stdin takes one line from",
  "standard input. It is never an argument: those are seen by everybody who lists the machine's processes, and stay in",
  "the shell's history.",
];
const RULE_DETAILS = [
  "ACTION is publish (retained messages, too), subscribe (and receive), retain (publish retained ones), or all.",
  "FILTER is a Topic Filter. In it %u stands for the user name, %c for the Client Identifier, and ${role} for each role",
  "of the user. No name that a client gives itself acts as a wildcard. Write a rule without $share/NAME/: a shared",
  "subscription is judged by the filter behind that.",
  "Whom it is for, exactly one: --user, --role, --client-id, --address (or a network: 10.0.0.0/8), --anonymous (clients",
  "without a user name), --everyone. From the first user on, what no rule allows is refused. `acl explain` shows what",
  "decides.",
];

export const ACCOUNT_COMMANDS = {
  "user add": {
    about: "add a user, and ask for the password",
    operands: ["NAME"],
    details: [
      "From the first user on, the broker lets in only those whom it knows, and allows only what a rule allows.",
      "--client-id names the Client Identifiers that this user may use, and nobody else (* stands for any characters, %u",
      "for the name). Without it: any that no other user has claimed. --no-password is for users who come in by a",
      "certificate or a token.",
      ...PASSWORD_DETAILS,
    ],
    options: [...PLACE_OPTIONS, "role", "client-id", "no-password", "password-stdin"],
    example: "user add sensor-1 --role reader --client-id sensor-1-*",
  },
  "user passwd": {
    about: "set a user's password; those who are connected with the former one are closed",
    operands: ["NAME"],
    details: PASSWORD_DETAILS,
    options: [...PLACE_OPTIONS, "password-stdin"],
    example: "user passwd sensor-1",
  },
  "user set": {
    about: "set a user's roles or Client Identifiers anew",
    operands: ["NAME"],
    details: [
      "What is given takes the place of what was there: --role a --role b leaves these two roles. --no-roles and",
      "--no-client-ids take all away; a user without Client Identifiers may use any that no other user has claimed.",
    ],
    options: [...PLACE_OPTIONS, "role", "client-id", "no-roles", "no-client-ids"],
    example: "user set sensor-1 --role reader --role writer",
  },
  "user remove": {
    about: "remove a user; its connections are closed",
    operands: ["NAME"],
    details: [
      "The rules for this user go with it. When the last user is gone, the broker does not open again: who is not known",
      "stays out.",
    ],
    options: PLACE_OPTIONS,
    example: "user remove sensor-1",
  },
  "user list": {
    about: "list the users",
    details: ["Shows no passwords, and nothing that they could be found from."],
    options: PLACE_OPTIONS,
    example: "user list --json",
  },
  "user show": {
    about: "show one user, with its rules, those of its roles, and its bans",
    operands: ["NAME"],
    details: ["Shows no password, and nothing that it could be found from."],
    options: PLACE_OPTIONS,
    example: "user show sensor-1",
  },
  "user disable": {
    about: "keep a user out without removing it; its connections are closed",
    operands: ["NAME"],
    details: ["Everything stays as it is for `user enable`."],
    options: PLACE_OPTIONS,
    example: "user disable sensor-1",
  },
  "user enable": {
    about: "let a user in again that was disabled",
    operands: ["NAME"],
    details: ["Takes back what `user disable` did."],
    options: PLACE_OPTIONS,
    example: "user enable sensor-1",
  },
  "role add": {
    about: "add a role: a name that rules and users share",
    operands: ["NAME"],
    details: ["Give it to users with `user add --role` and `user set --role`, and rights with `acl allow --role`."],
    options: PLACE_OPTIONS,
    example: "role add reader",
  },
  "role remove": {
    about: "remove a role, with its rules, and from all users",
    operands: ["NAME"],
    details: ["Says how many users had it, and how many rules it had."],
    options: PLACE_OPTIONS,
    example: "role remove reader",
  },
  "role list": {
    about: "list the roles, with how many users and rules name each",
    details: ["A role with no rules gives no rights."],
    options: PLACE_OPTIONS,
    example: "role list",
  },
  "acl allow": {
    about: "add a rule that allows",
    operands: ["ACTION", "FILTER"],
    details: RULE_DETAILS,
    options: [...PLACE_OPTIONS, ...SUBJECT_OPTIONS],
    example: 'acl allow --role reader subscribe "sensors/%u/#"',
  },
  "acl deny": {
    about: "add a rule that forbids",
    operands: ["ACTION", "FILTER"],
    details: RULE_DETAILS,
    options: [...PLACE_OPTIONS, ...SUBJECT_OPTIONS],
    example: 'acl deny --anonymous all "greenhouse/#"',
  },
  "acl list": {
    about: "list the rules with their numbers, in the order in which they are asked",
    details: [
      "Rules for the user are asked first, then those for its Client Identifier, its roles, its address, clients without",
      "a user name, and everyone; in each, those that deny before those that allow. The first one that fits decides.",
    ],
    options: PLACE_OPTIONS,
    example: "acl list",
  },
  "acl remove": {
    about: "remove rules by their numbers; numbers are not given again",
    operands: ["NUMBER…"],
    details: ["All of them or, if one is not there, none. `acl list` shows the numbers."],
    options: PLACE_OPTIONS,
    example: "acl remove 3 4",
  },
  "acl explain": {
    about: "say whether something is allowed, and which rule decides: exit code 0 allowed, 1 refused",
    operands: ["ACTION", "TOPIC"],
    details: [
      "ACTION is publish, subscribe or retain; TOPIC is a Topic Name, for subscribe a Topic Filter. Without --user: as a",
      "client without a user name. With --client-id it is also asked whether that client may connect at all (bans, and",
      "whose Client Identifier it is). The broker's own judgement, on the accounts as they are now; rights that come in a",
      "token are not known here.",
      "Exit codes: 0 allowed, 1 refused (or the accounts could not be read), 2 the command line is wrong.",
    ],
    options: [...PLACE_OPTIONS, "user", "client-id", "address"],
    example: "acl explain --user sensor-1 --client-id sensor-1-a publish sensors/sensor-1/temperature",
  },
  "ban add": {
    about: "keep an address, a user or a Client Identifier out; those who are connected are closed",
    details: [
      "Exactly one of --address (or a network: 10.0.0.0/8), --user, --client-id. Without --for it holds until",
      "`ban remove`. One that is banned already gets the new time and reason.",
    ],
    options: [...PLACE_OPTIONS, ...BAN_OPTIONS, "for", "reason"],
    example: "ban add --address 192.0.2.7 --for 1h --reason testing",
  },
  "ban list": {
    about: "list the bans",
    details: ["Those that are over are not shown."],
    options: PLACE_OPTIONS,
    example: "ban list",
  },
  "ban remove": {
    about: "lift a ban",
    details: ["Exactly one of --address, --user, --client-id, as `ban list` shows it."],
    options: [...PLACE_OPTIONS, ...BAN_OPTIONS],
    example: "ban remove --address 192.0.2.7",
  },
  "client list": {
    about: "list the clients that were here, as the register has them",
    details: [
      "A running broker writes the register with a short delay: who comes and leaves within seconds; what those did last",
      "who stay once a minute, at most a hundred of them in a second, and PINGREQ once an hour.",
    ],
    options: PLACE_OPTIONS,
    example: "client list --json",
  },
  "client show": {
    about: "show what the register has of one client",
    operands: ["CLIENT-ID"],
    details: [
      "When it came first and last, when and why it left, what it did last, its address, Keep Alive and protocol version.",
    ],
    options: PLACE_OPTIONS,
    example: "client show sensor-1-a",
  },
  "client forget": {
    about: "take one client out of the register",
    operands: ["CLIENT-ID"],
    details: ["Its session is not touched; when it connects again, it is in the register again."],
    options: PLACE_OPTIONS,
    example: "client forget sensor-1-a",
  },
  "import mosquitto": {
    about: "take users and rules over from Mosquitto's files",
    details: [
      "Reads the file of mosquitto_passwd ($6$, $7$ and $argon2id$; passwords stay valid, and are hashed anew at the next",
      "login) and the file of acl_file. If a line is wrong, it says which, and imports nothing. Users that are there already",
      "stay as they are. With --acl, as with --passwd, what no rule allows is refused from then on. --dry-run shows what",
      "would be, and changes nothing. What the files mean to Mosquitto and not here is said at the end.",
    ],
    options: [...PLACE_OPTIONS, "passwd", "acl", "dry-run"],
    example: "import mosquitto --passwd /etc/mosquitto/passwd --acl /etc/mosquitto/acl --dry-run",
  },
} as const satisfies Readonly<Record<string, Command>>;

/** Those that work on accounts. */
export type AccountCommandName = keyof typeof ACCOUNT_COMMANDS;

export function isAccountCommand(name: string): name is AccountCommandName {
  return Object.hasOwn(ACCOUNT_COMMANDS, name);
}
