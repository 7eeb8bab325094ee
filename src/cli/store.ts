/** `store info`, `store check`, `store compact`, `store backup`: what a person does with the store's file. @module */

import { escapeControls } from "../base/log.ts";
import { DataFolderError } from "../persistence/data_folder.ts";
import { backUpInThread } from "../persistence/backup_thread.ts";
import { checkStore, type Progress } from "../persistence/store_check.ts";
import { compactStore } from "../persistence/store_compact.ts";
import { explainTrouble, StoreDamageError, StoreFile, StoreToolError } from "../persistence/store_file.ts";
import { readStatistics } from "../persistence/store_statistics.ts";
import { type CommandLine, ExitCode } from "./arguments.ts";
import type { StoreCommandName } from "./commands.ts";
import { STOP_SIGNALS } from "./platform.ts";
import { describeStatistics, formatBytes } from "./store_report.ts";
import type { Terminal } from "./terminal.ts";

/** A line for people is not written more often. */
const PROGRESS_INTERVAL_MS = 100;

interface Task {
  readonly folder: string;
  /** FILE */
  readonly operand: string | undefined;
  readonly json: boolean;
  readonly force: boolean;
  readonly terminal: Terminal;
  readonly progress: Progress;
}

const COMMANDS: Readonly<Record<StoreCommandName, (task: Task) => ExitCode | Promise<ExitCode>>> = {
  "store info": showInfo,
  "store check": check,
  "store compact": compact,
  "store backup": backUp,
};

/** @param folder the data folder. */
export async function runStoreCommand(
  command: StoreCommandName,
  folder: string,
  { operands: [operand], json, force }: CommandLine,
  terminal: Terminal,
): Promise<ExitCode> {
  const progress = progressOf(terminal);
  try {
    return await COMMANDS[command]({ folder, operand, json, force, terminal, progress });
  } catch (error) {
    const explained = explainTrouble(error, folder);
    if (!(explained instanceof DataFolderError || explained instanceof StoreToolError)) throw error;
    terminal.progress?.("");
    terminal.complain(`quetzal: ${explained.message}`);
    return ExitCode.Failed;
  }
}

function showInfo({ folder, json, terminal }: Task): ExitCode {
  using store = new StoreFile(folder);
  store.requireWhole();
  store.requirePresentSchema();
  const statistics = readStatistics(store, Date.now());
  if (json) terminal.print(JSON.stringify(statistics, null, 2));
  else for (const line of describeStatistics(statistics, Date.now())) terminal.print(line);
  return ExitCode.Ok;
}

function check({ folder, json, terminal, progress }: Task): ExitCode {
  const { file, findings } = findingsIn(folder, progress);
  terminal.progress?.("");
  const code = findings.length === 0 ? ExitCode.Ok : ExitCode.Failed;
  if (json) {
    terminal.print(JSON.stringify({ file, findings }, null, 2));
  } else if (code === ExitCode.Ok) {
    terminal.print(`${file}: nothing is wrong`);
  } else {
    for (const finding of findings) terminal.complain(`quetzal: ${escapeControls(finding)}`);
    terminal.complain(
      `quetzal: ${file} is damaged; put a backup in its place while no broker runs (a start that finds the damage sets ` +
        "the file aside)",
    );
  }
  return code;
}

function findingsIn(folder: string, progress: Progress): { file: string; findings: readonly string[] } {
  try {
    using store = new StoreFile(folder);
    store.requirePresentSchema();
    const findings = checkStore(store.database, progress);
    if (store.logDamage !== undefined) findings.unshift(store.logDamage);
    return { file: store.path, findings };
  } catch (error) {
    if (error instanceof StoreDamageError) return { file: error.file, findings: [error.finding] };
    throw error;
  }
}

function compact({ folder, terminal, progress }: Task): ExitCode {
  progress("writing the store anew");
  const { bytesBefore, bytesAfter, notices } = compactStore(folder);
  terminal.progress?.("");
  for (const notice of notices) terminal.complain(`warning: ${notice}`);
  terminal.print(`${formatBytes(bytesBefore)} before, ${formatBytes(bytesAfter)} now`);
  return ExitCode.Ok;
}

async function backUp({ folder, operand, force, terminal, progress }: Task): Promise<ExitCode> {
  const file = operand!;
  const stop = new AbortController();
  const onSignal = () => stop.abort();
  for (const signal of STOP_SIGNALS) Deno.addSignalListener(signal, onSignal);
  let code: ExitCode = ExitCode.Ok;
  try {
    const bytes = await backUpInThread(folder, file, {
      force,
      progress: (done, total) => progress(`copied ${Math.floor(100 * done / total)} %`),
      incomplete: (damage) => {
        terminal.complain(`warning: not all that was acknowledged is in ${file}: ${damage}`);
        code = ExitCode.Failed;
      },
      signal: stop.signal,
    });
    terminal.progress?.("");
    terminal.print(`${file}: ${formatBytes(bytes)}, checked`);
    return code;
  } finally {
    for (const signal of STOP_SIGNALS) Deno.removeSignalListener(signal, onSignal);
  }
}

function progressOf({ progress }: Terminal): (text: string) => void {
  if (progress === undefined) return () => {};
  let lastMs = -Infinity;
  return (text) => {
    if (performance.now() - lastMs < PROGRESS_INTERVAL_MS) return;
    lastMs = performance.now();
    progress(text);
  };
}
