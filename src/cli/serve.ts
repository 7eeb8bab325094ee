/** `serve`: runs the broker until it is told to end. In: a configuration. Out: an exit code. @module */

import { closeLog, configureLog, flushLog, getLog, type Log, START_ROOM } from "../base/log.ts";
import type { Config } from "../config/config.ts";
import { hasStore } from "../persistence/data_folder.ts";
import { type ServerParts, startServer } from "../server.ts";
import { ExitCode } from "./arguments.ts";
import { STOP_SIGNALS } from "./platform.ts";
import { explainLogFileError, explainStartError, startReport } from "./start_report.ts";
import type { Terminal } from "./terminal.ts";

/** What a shell reports for a program that ended by Ctrl+C: 128 + SIGINT. */
const INTERRUPTED = 130;

export type ServeParts = Pick<ServerParts, "newStore" | "storeThread">;

/** @param parts `newStore`: begin with an empty store although a damaged one was set aside. */
export async function serve(config: Config, parts: ServeParts, terminal: Terminal): Promise<ExitCode> {
  try {
    await configureLog(config.log);
  } catch (error) {
    terminal.complain(`quetzal: ${explainLogFileError(error, config.log.file!)}`);
    return ExitCode.Failed;
  }
  try {
    return await runBroker(config, parts, terminal, getLog(START_ROOM));
  } finally {
    await closeLog();
  }
}

/** @param log of the start report: into the log file; the terminal shows it anyway. */
async function runBroker(config: Config, parts: ServeParts, terminal: Terminal, log: Log): Promise<ExitCode> {
  let server;
  try {
    server = await startServer(config, getLog("broker"), parts);
  } catch (error) {
    const line = explainStartError(error);
    log.error(line);
    terminal.complain(`quetzal: ${line}`);
    return ExitCode.Failed;
  }

  let stopping: Promise<void> | undefined;
  const onSignal = () => {
    if (stopping !== undefined) {
      // Somebody insists.
      flushLog();
      Deno.exit(INTERRUPTED);
    }
    stopping = server.stop();
  };
  for (const signal of STOP_SIGNALS) Deno.addSignalListener(signal, onSignal);

  // Who waits for "listening" may send a signal at once: the listeners are there already.
  const report = startReport(config, {
    ...server,
    hasUnusedStore: config.durability === "off" && hasStore(config.dataDir),
  });
  for (const line of report.warnings) {
    log.warning(line);
    terminal.complain(`warning: ${line}`);
  }
  for (const line of report.lines) {
    log.info(line);
    terminal.print(line);
  }

  try {
    await server.finished;
    await stopping;
    return ExitCode.Ok;
  } finally {
    for (const signal of STOP_SIGNALS) Deno.removeSignalListener(signal, onSignal);
  }
}
