/** What a start tells people: how safe it is what the broker keeps, what came back, where it listens, what is not
 * as they may think, and why it could not start.
 * Room: pure. @module */

import type { LoadReport } from "../broker/load_store.ts";
import type { Config, Durability } from "../config/config.ts";
import { DataFolderError } from "../persistence/data_folder.ts";
import { isLoopbackHost } from "../transport/address.ts";
import { portPermissionHint } from "./platform.ts";

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
  /** Where it listens. */
  readonly urls: readonly string[];
  readonly loaded: LoadReport & { readonly durationMs: number };
  /** What was done in the data folder that a person should know. */
  readonly notices?: readonly string[];
  /** A store is in the data folder, and is not used. */
  readonly hasUnusedStore?: boolean;
}

export function startReport(config: Config, facts: StartFacts): StartReport {
  const { urls, loaded, notices = [], hasUnusedStore = false } = facts;
  const warnings = [...notices];
  for (const url of urls) {
    const isLoopback = isLoopbackHost(hostOf(url));
    if (config.allowAnonymous === true && !isLoopback) {
      warnings.push(`everybody who can reach ${url} may publish and subscribe (allowAnonymous)`);
    } else if (config.allowAnonymous === false || (config.allowAnonymous === undefined && !isLoopback)) {
      warnings.push(
        `anonymous clients are refused on ${url}, and there are no accounts yet: nobody can connect there; ` +
          "--allow-anonymous lets everybody in",
      );
    }
  }
  const lines = [`durability ${config.durability}: ${DURABILITIES[config.durability]}`];
  if (hasUnusedStore) lines.push(`the store in ${config.dataDir} stays as it is, and is not used`);
  if (config.durability !== "off") lines.push(describeLoaded(config, loaded));
  return { lines: [...lines, ...urls.map((url) => `listening on ${url}`)], warnings };
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

/** "mqtt://[::1]:1883" → "[::1]" */
function hostOf(url: string): string {
  const authority = url.slice(url.indexOf("://") + 3);
  return authority.slice(0, authority.lastIndexOf(":"));
}

/** One line with what to do. */
export function explainStartError(error: unknown, config: Config): string {
  const { host, port } = config;
  const message = error instanceof Error ? error.message : String(error);
  if (error instanceof DataFolderError) return message;
  if (error instanceof Deno.errors.AddrInUse) {
    return `port ${port} on ${host} is in use: another broker may be running; ` +
      `end it, or choose another port with --port (--port 0 takes a free one)`;
  }
  if (error instanceof Deno.errors.AddrNotAvailable) {
    return `this machine has no address ${host}; choose one with --host (127.0.0.1, 0.0.0.0, ::)`;
  }
  if (error instanceof Deno.errors.PermissionDenied) {
    return `port ${port} on ${host} is not allowed: ${portPermissionHint(port)}`;
  }
  if (/lookup|No such host|not known/i.test(message)) {
    return `the host ${host} is not known; choose an address with --host (127.0.0.1, 0.0.0.0, ::)`;
  }
  return `cannot start on ${host}, port ${port}: ${message}`;
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
  return what + (error instanceof Error ? error.message : String(error));
}
