/** What a start tells people: where the broker listens, what is not as they may think, and why it could not start.
 * Room: pure. @module */

import type { Config } from "../config/config.ts";
import { isLoopbackHost } from "../transport/address.ts";
import { portPermissionHint } from "./platform.ts";

export interface StartReport {
  /** For standard output; the last ones say where the broker listens. */
  readonly lines: readonly string[];
  readonly warnings: readonly string[];
}

export function startReport(config: Config, urls: readonly string[]): StartReport {
  const warnings: string[] = [];
  if (config.durability !== "off") {
    warnings.push(
      `durability: the memory store keeps nothing over a restart; running as off, not as ${config.durability}`,
    );
  }
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
  return { lines: urls.map((url) => `listening on ${url}`), warnings };
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
