/** `check-config`: would a broker start with this configuration? Looks at the doors that it would open, and reads the files
 * that they need. Opens no port, and writes nothing. @module */

import type { Log } from "../base/log.ts";
import { systemClock } from "../base/clock.ts";
import type { Config } from "../config/config.ts";
import { jwtKey } from "../config/jwt_key.ts";
import type { LoadedConfig } from "../config/load.ts";
import { doorOf, type ListenerConfig, resolveListeners } from "../open_listeners.ts";
import { ExitCode } from "./arguments.ts";
import type { Terminal } from "./terminal.ts";

/** Reached only when loading found no problem. */
export async function checkConfigCommand(loaded: LoadedConfig, terminal: Terminal): Promise<ExitCode> {
  const { config, values } = loaded;
  const listeners = resolveListeners(config);
  // Doors may share a certificate: what is said of it is said once.
  const warnings = new Set<string>();
  const problems = new Set([
    ...await problemsOf(listeners.map((listener) => () => checkCertificates(listener, warningsTo(warnings)))),
    ...await problemsOf([() => checkJwtKey(config, warningsTo(warnings))]),
  ]);
  for (const warning of warnings) terminal.complain(`warning: ${warning}`);
  for (const problem of problems) terminal.complain(`quetzal: ${problem}`);
  if (problems.size > 0) return ExitCode.Usage;
  const given = values.filter((value) => value.origin !== "default").length;
  terminal.print(`the configuration is right (${given} of ${values.length} keys set, the others at defaults)`);
  for (const listener of listeners) terminal.print(`it listens on ${urlOf(listener)}`);
  return ExitCode.Ok;
}

async function problemsOf(checks: readonly (() => Promise<void>)[]): Promise<string[]> {
  const problems: string[] = [];
  for (const check of checks) {
    try {
      await check();
    } catch (error) {
      problems.push(error instanceof Error ? error.message : String(error));
    }
  }
  return problems;
}

/** @throws Error that says which file is wrong, and how. */
async function checkCertificates({ tls }: ListenerConfig, log: Log): Promise<void> {
  if (tls === undefined) return;
  const { readCredentials } = await import("../transport/certificate_files.ts");
  const { checkedByHandshake } = await import("../transport/tls_trial.ts");
  await checkedByHandshake(readCredentials(tls, log), tls);
}

/** @throws JwtKeyError */
async function checkJwtKey(config: Config, log: Log): Promise<void> {
  const key = jwtKey(config);
  if (key === undefined) return;
  const { JwtKeyFile } = await import("../auth/jwt_keys.ts");
  await JwtKeyFile.open(key.keyFile, key.keyKind, systemClock, log);
}

function warningsTo(warnings: Set<string>): Log {
  const warning = (text: string) => void warnings.add(text);
  return { isEnabled: (level) => level === "warning", error: warning, warning, info: () => {}, debug: () => {} };
}

/** As the broker prints it once it listens: "wss://0.0.0.0:8084/mqtt". */
function urlOf(listener: ListenerConfig): string {
  const { type, port, webSocket } = listener;
  if (type === "unix") return `unix:${doorOf(listener)}`;
  return `${type}://${doorOf(listener)}${webSocket?.path ?? ""}${port === 0 ? " (a free port)" : ""}`;
}
