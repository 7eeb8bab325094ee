/** `profile save|list|show|remove`: addresses, identities and wills under a name. @module */

import { resolve } from "node:path";
import { CommandError, table } from "../answer.ts";
import { UsageError } from "../arguments.ts";
import type { Terminal } from "../terminal.ts";
import type { ClientCommand } from "./client_command.ts";
import type { GivenClientOptions } from "./client_option.ts";
import { CONNECTION_OPTIONS } from "./connection_option_table.ts";
import { readConnection } from "./connection_options.ts";
import { type ConnectionSettings, DEFAULT_URL } from "./connection_settings.ts";
import { flagOf, lastOf } from "./given_values.ts";
import { ProfileStore } from "./profile_store.ts";

/** They say how a single run is, and not how a broker is reached. */
const NOT_KEPT = new Set(["property", "pw", "password-prompt", "debug", "packets", "quiet", "id-prefix"]);
const OPTIONS = [
  { name: "json", about: "list and show: as JSON", example: "list --json" },
  ...CONNECTION_OPTIONS.filter(({ name }) => !NOT_KEPT.has(name)),
];

export const PROFILE: ClientCommand = {
  usages: ["save NAME [OPTIONS]", "list", "show NAME", "remove NAME"],
  details: [
    "A profile keeps what --help of pub and sub has on the connection: address, Client Identifier, user, TLS, session, will.",
    "--profile NAME of every other command begins with it, and options beside it win. A file in the configuration folder",
    "(XDG_CONFIG_HOME or ~/.config; on Windows APPDATA) holds each. A password is never in it; --password-file names where it is.",
  ],
  options: OPTIONS,
  examples: [
    "profile save greenhouse -L mqtts://broker.example -i reader -u reader --cafile ./ca.crt --password-file ./password",
    "sub --profile greenhouse -t '#'",
    "profile remove greenhouse",
  ],
  run: (given, terminal) => Promise.resolve(profile(given, terminal)),
};

function profile(given: GivenClientOptions, terminal: Terminal): number {
  const [verb, name, ...others] = given.operands;
  if (others.length > 0) throw new UsageError(`"${others[0]}" stands alone`);
  const store = new ProfileStore(terminal);
  if (verb === "list") {
    if (name !== undefined) throw new UsageError(`list takes no name; profile show ${name} shows one`);
    list(store, flagOf(given, "json"), terminal);
    return 0;
  }
  if (verb !== "save" && verb !== "show" && verb !== "remove") {
    throw new UsageError("one of save, list, show and remove says what to do with profiles: profile list");
  }
  if (name === undefined) throw new UsageError(`${verb} needs the NAME of a profile: profile ${verb} greenhouse`);
  if (verb === "save") {
    const settings = settingsOf(given, store);
    const verdict = store.names().includes(name) ? "replaced" : "saved";
    terminal.print(`${verdict} ${store.save(name, settings)}`);
  } else if (verb === "remove") {
    store.remove(name);
    terminal.print(`removed the profile "${name}"`);
  } else {
    // It is JSON, and so is what is shown.
    terminal.print(JSON.stringify(store.load(name), undefined, 2));
  }
  return 0;
}

function settingsOf(given: GivenClientOptions, store: ProfileStore): ConnectionSettings {
  const base = lastOf(given, "profile");
  const { settings, password } = readConnection(given, base === undefined ? {} : store.load(base));
  if (password !== undefined) {
    throw new UsageError("a profile keeps no password; leave it out of the URL, and name a file with --password-file");
  }
  const { tls, passwordFile } = settings;
  // It is used from anywhere.
  const absolute = (path: string | undefined) => path === undefined ? undefined : resolve(path);
  return {
    ...settings,
    passwordFile: absolute(passwordFile),
    tls: tls === undefined ? undefined : {
      ...tls,
      caFile: absolute(tls.caFile),
      certFile: absolute(tls.certFile),
      keyFile: absolute(tls.keyFile),
    },
  };
}

function list(store: ProfileStore, isJson: boolean, terminal: Terminal): void {
  const profiles = store.names().flatMap((name) => {
    try {
      return [{ name, settings: store.load(name) }];
    } catch (error) {
      // One that is spoilt does not hide the others.
      if (!(error instanceof CommandError)) throw error;
      terminal.complain(`quetzal: ${error.message}`);
      return [];
    }
  });
  if (isJson) {
    return terminal.print(JSON.stringify(profiles.map(({ name, settings }) => ({ name, ...settings })), undefined, 2));
  }
  const rows = profiles.map((
    { name, settings: { url = DEFAULT_URL, clientId = "", userName = "" } },
  ) => [name, url, clientId, userName]);
  for (const line of table(["PROFILE", "URL", "CLIENT IDENTIFIER", "USER"], rows, "there are no profiles")) {
    terminal.print(line);
  }
}
