/** What a command has to say: for people as lines, for tools as one value. Room: pure. @module */

import { escapeControls } from "../base/log.ts";
import type { ExitCode } from "./arguments.ts";

export interface Answer {
  /** Names in them are as they came: they are escaped when they are printed. */
  readonly lines: readonly string[];
  /** For `--json`: no passwords, and nothing that they could be found from. */
  readonly json: unknown;
  /** What is worth a second look. */
  readonly warnings?: readonly string[];
  /** Default 0. */
  readonly code?: ExitCode;
}

/** What was asked for could not be done; the message says why. */
export class CommandError extends Error {
  override readonly name = "CommandError";
}

/** Rows under their heads, in columns. @param none what to say in their place if there are no rows. */
export function table(heads: readonly string[], rows: readonly (readonly string[])[], none?: string): string[] {
  if (rows.length === 0 && none !== undefined) return [none];
  const all = [heads, ...rows].map((row) => row.map(escapeControls));
  // Not Math.max(...): there may be more rows than a call takes arguments.
  const widths = heads.map((_, column) => all.reduce((width, row) => Math.max(width, row[column].length), 0));
  return all.map((row) => row.map((cell, column) => cell.padEnd(widths[column])).join("  ").trimEnd());
}

/** "2026-01-31T12:00:00Z" */
export function timeText(ms: number): string {
  return new Date(ms).toISOString().replace(/\.\d+Z$/, "Z");
}

/** "1 rule", "2 rules" */
export function counted(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}

/** "role reader", "everyone" */
export function subjectText(kind: string, name: string): string {
  return name === "" ? kind : `${kind} ${name}`;
}
