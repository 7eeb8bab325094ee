/** What a start tells people: how safe it is what the broker keeps, what came back, where it listens, what is not
 * as they may think, and why it could not start.
 * Room: pure. @module */

import type { LoadReport } from "../broker/load_store.ts";
import type { Config, Durability } from "../config/config.ts";
import {
  isLoopbackListener,
  type ListenerConfig,
  ListenError,
  provesWithoutAccounts,
  resolveListeners,
} from "../open_listeners.ts";
import { portPermissionHint, programName } from "./platform.ts";

export interface StartReport {
  /** For standard output; the last ones say where the broker listens. */
  readonly lines: readonly string[];
  readonly warnings: readonly string[];
}

/** What each promises, and what it can lose. */
const DURABILITIES: Readonly<Record<Durability, string>> = {
  full: "what is acknowledged is on the disk, and survives a power failure",
  normal: "what is acknowledged survives a crash of the broker; a crash of the system or a power failure can lose " +
    "the last moments",
  off: "everything is in memory only, and no files are written: it is lost when the broker ends",
};

export interface StartFacts {
  /** Where it listens, in the order of `resolveListeners`. */
  readonly urls: readonly string[];
  /** Default: false. */
  readonly hasAccounts?: boolean;
  readonly loaded: LoadReport & { readonly durationMs: number };
  /** What was done in the data folder that a person should know. */
  readonly notices?: readonly string[];
  /** A store is in the data folder, and is not used. */
  readonly hasUnusedStore?: boolean;
}

export function startReport(config: Config, facts: StartFacts): StartReport {
  const { urls, loaded, notices = [], hasUnusedStore = false, hasAccounts = false } = facts;
  const listeners = resolveListeners(config);
  const warnings = [
    ...notices,
    ...unusedKeys(config, listeners, hasAccounts),
    ...urls.flatMap((url, index) => doorWarnings(url, listeners[index], hasAccounts)),
  ];
  const lines = [`durability ${config.durability}: ${DURABILITIES[config.durability]}`];
  if (hasUnusedStore) lines.push(`the store in ${config.dataDir} stays as it is, and is not used`);
  if (config.durability !== "off") lines.push(describeLoaded(config, loaded));
  return { lines: [...lines, ...urls.map((url) => `listening on ${url}`)], warnings };
}

/** What was given, and leads to nothing: the broker is more open than its owner thinks. */
function unusedKeys({ tls, accounts }: Config, listeners: readonly ListenerConfig[], hasAccounts: boolean): string[] {
  const warnings: string[] = [];
  if (tls.certFile !== undefined && listeners.every((listener) => listener.tls === undefined)) {
    warnings.push(
      `the certificate ${tls.certFile} is not used, since no listener speaks TLS: --tls-port 8883 adds one`,
    );
  }
  if (!hasAccounts && accounts !== undefined) warnings.push(`there is no user in ${accounts} yet`);
  return warnings;
}

function doorWarnings(url: string, listener: ListenerConfig, hasAccounts: boolean): string[] {
  const { allowAnonymous } = listener;
  const isLoopback = isLoopbackListener(listener);
  if (allowAnonymous === true && !isLoopback) {
    return hasAccounts
      ? [`clients without a user name may connect to ${url}, with the rules for anonymous clients (allowAnonymous)`]
      : [`everybody who can reach ${url} may publish and subscribe (allowAnonymous)`];
  }
  if (hasAccounts) return [];
  if (listener.authenticators.includes("certificate")) {
    return [
      `who comes in at ${url} by a certificate may do everything that no rule forbids, as long as there is no user; ` +
      `from the first one on, only what a rule allows: "${programName()} user add NAME --no-password"`,
    ];
  }
  if (provesWithoutAccounts(listener) || (allowAnonymous ?? isLoopback)) return [];
  return [
    `anonymous clients are refused on ${url}, and there is no account yet: nobody can connect there; ` +
    `"${programName()} user add NAME" makes an account, --allow-anonymous lets everybody in`,
  ];
}

function describeLoaded(
  { dataDir }: Config,
  { sessions, messages, retainedMessages, durationMs }: StartFacts["loaded"],
) {
  if (sessions + messages + retainedMessages === 0) return `the store in ${dataDir} is empty`;
  return `${counted(sessions, "session")}, ${counted(messages, "queued message")} and ` +
    `${counted(retainedMessages, "retained message")} came back from ${dataDir} in ${(durationMs / 1000).toFixed(1)} s`;
}

/** "1 session", "1,200 sessions" */
function counted(number: number, what: string): string {
  return `${number.toLocaleString("en-US")} ${what}${number === 1 ? "" : "s"}`;
}

/** Those whose message is for a person. By name: to load what throws them, tokens and all, would take a part of the time that a start has. */
const SAY_WHAT_TO_DO = ["DataFolderError", "StartRefusedError", "AccountsError", "JwtKeyError"];

/** One line with what to do. */
export function explainStartError(error: unknown): string {
  if (error instanceof ListenError) return explainListenError(error.cause, error.listener);
  const message = messageOf(error);
  return error instanceof Error && SAY_WHAT_TO_DO.includes(error.name) ? message : `cannot start: ${message}`;
}

function explainListenError(error: unknown, listener: ListenerConfig): string {
  if (listener.type === "unix") return explainSocketError(error, listener);
  const { host, port } = listener;
  const option = optionFor(listener, "port");
  if (error instanceof Deno.errors.AddrInUse) {
    return `port ${port} on ${host} is in use: another broker may be running; ` +
      `end it, or choose another port with ${option} (0 takes a free one)`;
  }
  if (error instanceof Deno.errors.AddrNotAvailable) {
    return `this machine has no address ${host}; choose one with ${
      optionFor(listener, "host")
    } (127.0.0.1, 0.0.0.0, ::)`;
  }
  if (error instanceof Deno.errors.PermissionDenied) {
    return `port ${port} on ${host} is not allowed: ${portPermissionHint(port, option)}`;
  }
  const message = messageOf(error);
  if (/lookup|No such host|not known/i.test(message)) {
    return `the host ${host} is not known; ` +
      `choose an address with ${optionFor(listener, "host")} (127.0.0.1, 0.0.0.0, ::)`;
  }
  return `cannot listen on ${host}, port ${port} (${listener.askedBy}): ${message}`;
}

function explainSocketError(error: unknown, listener: ListenerConfig): string {
  const what = `the socket ${listener.socketPath} cannot be made: `;
  const another = `choose another path with ${optionFor(listener, "socketPath")}`;
  if (error instanceof Deno.errors.AddrInUse) {
    return `${what}another broker may be listening there; end it, or ${another}`;
  }
  if (error instanceof Deno.errors.NotFound) return `${what}its folder is not there; make the folder first`;
  if (error instanceof Deno.errors.PermissionDenied) return `${what}this user may not write there; ${another}`;
  return what + messageOf(error);
}

const OPTION_OF_KEY: Readonly<Record<string, string>> = {
  port: "--port",
  tlsPort: "--tls-port",
  wsPort: "--ws-port",
  wssPort: "--wss-port",
  unixPath: "--unix",
};

/** Where the user can say it in another way: an option, or the key of an item of the list. */
function optionFor({ askedBy }: ListenerConfig, name: "host" | "port" | "socketPath"): string {
  const option = OPTION_OF_KEY[askedBy];
  return option === undefined ? `${askedBy}.${name}` : name === "host" ? "--host" : option;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** One line with what to do. */
export function explainLogFileError(error: unknown, file: string): string {
  const what = `the log file ${file} cannot be opened: `;
  if (error instanceof Deno.errors.NotFound) return what + "its folder is not there; make the folder first";
  if (error instanceof Deno.errors.IsADirectory) return what + "it is a folder; name a file, not a folder";
  if (error instanceof Deno.errors.PermissionDenied) {
    // Windows says this of a folder, too.
    return what + "this user may not write it; name a file, not a folder, where this user may write";
  }
  return what + messageOf(error);
}
