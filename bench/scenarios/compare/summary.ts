/** What came of the runs: for each row, protocol and contestant the median of the rounds, with all that is needed to know
 * where it was measured. This is what is kept for a version. @module */

import type { MachineUse } from "../../native/load_shape.ts";
import { median } from "../report.ts";
import type { Contestant } from "./contestants.ts";
import type { CompareRun } from "./measure.ts";
import { type CompareRow, type Protocol, PROTOCOLS, ROWS } from "./rows.ts";

export interface Cell {
  /** Median of the rounds that came to something. */
  readonly value?: number;
  readonly min?: number;
  readonly max?: number;
  /** Of the median round, processor time of the broker for a delivery or a connect, in µs. */
  readonly brokerUs?: number;
  /** Share of its core that the generator used: near 1 it is the limit itself. */
  readonly generatorBusy?: number;
  readonly rounds: number;
  /** Rounds that other programs disturbed in spite of repetition. */
  readonly disturbedRounds?: number;
  readonly problems?: readonly string[];
  /** Why there is nothing. */
  readonly missing?: string;
}

export interface SummaryRow {
  readonly row: string;
  readonly protocol: Protocol;
  /** Of the project, when it was measured; with a + behind it, something was not committed. */
  readonly commit: string;
  /** 2026-01-31 */
  readonly date: string;
  readonly cells: Readonly<Record<string, Cell>>;
}

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGiB: number;
  /** "Linux 6.18.44" */
  readonly system: string;
  readonly deno: string;
  /** In words: which core runs what. */
  readonly pinning: string;
}

export interface Summary {
  readonly version: string;
  readonly machine: Machine;
  readonly generator: string;
  readonly rounds: number;
  readonly seconds: number;
  readonly contestants: readonly Pick<Contestant, "id" | "title" | "version" | "isOurs">[];
  readonly rows: readonly SummaryRow[];
}

export function rowsOf(
  runs: readonly CompareRun[],
  origin: Pick<SummaryRow, "commit" | "date">,
): SummaryRow[] {
  const rows: SummaryRow[] = [];
  for (const { rowId: row, protocol } of runs) {
    if (rows.some((other) => other.row === row && other.protocol === protocol)) continue;
    const ours = runs.filter((run) => run.rowId === row && run.protocol === protocol);
    const cells = Map.groupBy(ours, ({ contestant }) => contestant);
    rows.push({
      ...{ row, protocol, ...origin },
      cells: Object.fromEntries([...cells].map(([contestant, runs]) => [contestant, cellOf(runs)])),
    });
  }
  return rows;
}

function cellOf(runs: readonly CompareRun[]): Cell {
  const missing = runs.find((run) => run.missing !== undefined)?.missing;
  if (missing !== undefined) return { rounds: 0, missing };
  const good = runs.filter(({ value }) => value !== undefined).sort((a, b) => a.value! - b.value!);
  const problems = [...new Set(runs.flatMap(({ problems }) => problems))];
  const disturbedRounds = runs.filter(({ isDisturbed }) => isDisturbed).length;
  const faults = {
    ...(problems.length === 0 ? {} : { problems }),
    ...(disturbedRounds === 0 ? {} : { disturbedRounds }),
  };
  if (good.length === 0) return { rounds: runs.length, ...faults };
  const middle = good[good.length >> 1].result;
  const brokerUs = middle === undefined
    ? undefined
    : "brokerUsPerMessage" in middle
    ? middle.brokerUsPerMessage
    : middle.brokerUsPerConnect;
  return {
    value: rounded(median(good.map(({ value }) => value))!),
    min: rounded(good[0].value!),
    max: rounded(good.at(-1)!.value!),
    ...(brokerUs ? { brokerUs: rounded(brokerUs) } : {}),
    ...(middle === undefined ? {} : { generatorBusy: rounded((middle as MachineUse).generatorBusy) }),
    rounds: runs.length,
    ...faults,
  };
}

/** To four digits: the rest is noise, and changes in a kept file would only hide what matters. */
function rounded(value: number): number {
  return Number(value.toPrecision(4));
}

/** @returns the kept summary with what is new in the place of what was measured before; all of it is new on another
 * machine, with another generator or another length of the runs. */
export function merged(kept: Summary | undefined, measured: Summary): Summary {
  const conditions = ({ version, machine, generator, rounds, seconds }: Summary) =>
    JSON.stringify({ version, machine, generator, rounds, seconds });
  if (kept === undefined || conditions(kept) !== conditions(measured)) return measured;
  const isSame = (a: SummaryRow, b: SummaryRow) => a.row === b.row && a.protocol === b.protocol;
  const old = kept.rows.filter((row) => !measured.rows.some((other) => isSame(row, other)));
  const contestants = [...measured.contestants];
  for (const one of kept.contestants) if (!contestants.some(({ id }) => id === one.id)) contestants.push(one);
  const order = ROWS.map(({ id }) => id);
  const place = ({ row, protocol }: SummaryRow) => PROTOCOLS.indexOf(protocol) * order.length + order.indexOf(row);
  return { ...measured, contestants, rows: [...old, ...measured.rows].sort((a, b) => place(a) - place(b)) };
}

export function rowNamed(id: string): CompareRow {
  const row = ROWS.find((row) => row.id === id);
  if (row === undefined) throw new Error(`there is no row ${id} any more: measure again`);
  return row;
}
