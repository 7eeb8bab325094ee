/** The table at the end, and whether the client is as quick as it has to be. @module */

import { median } from "../scenarios/report.ts";
import type { BrokerName } from "./brokers.ts";
import type { ContestantName, TaskName } from "./job.ts";
import type { ContestRun } from "./rounds.ts";

/** How many times MQTT.js's throughput. */
export const RATIO_MIN: Readonly<Record<TaskName, number>> = {
  "publish-qos0": 5,
  "subscribe-qos0": 5,
  "publish-qos1": 3,
};

/** A client that works less than this share of the time waits for its broker. */
const BUSY_MIN = 0.9;

export interface Row {
  readonly task: TaskName;
  readonly broker: BrokerName;
  /** Medians of the rounds, messages per second. */
  readonly throughput: Readonly<Record<ContestantName, number>>;
  /** Medians, microseconds of processor time of the client for each message. */
  readonly cpuUs: Readonly<Record<ContestantName, number>>;
  /** Of the throughputs. */
  readonly ratio: number;
  readonly ratioMin: number;
  /** Median, which part of the time Quetzal's client worked. */
  readonly busy: number;
}

export function rowsOf(runs: readonly ContestRun[]): Row[] {
  const rows: Row[] = [];
  for (const { task, broker } of runs) {
    if (rows.some((row) => row.task === task && row.broker === broker)) continue;
    const of = (contestant: ContestantName, value: (run: ContestRun) => number) =>
      median(
        runs.filter((run) => run.task === task && run.broker === broker && run.contestant === contestant).map(value),
      )!;
    const both = (value: (run: ContestRun) => number) => ({
      quetzal: of("quetzal", value),
      "mqtt.js": of("mqtt.js", value),
    });
    const throughput = both(({ messages, seconds }) => messages / seconds);
    const cpuUs = both(({ messages, cpuSeconds }) => cpuSeconds * 1e6 / messages);
    const ratio = throughput.quetzal / throughput["mqtt.js"];
    const busy = of("quetzal", ({ seconds, cpuSeconds }) => cpuSeconds / seconds);
    rows.push({ task, broker, throughput, cpuUs, ratio, ratioMin: RATIO_MIN[task], busy });
  }
  return rows;
}

/** No client is quicker than its broker: with one for which ours has to wait, a ratio says nothing. But with one of them at
 * least it is to be reached.
 * @returns what was missed, in words. */
export function missedOf(rows: readonly Row[]): string[] {
  const below = rows.filter((row) => !isReached(row));
  return below.filter((row) =>
    !isBrokerBound(row) || !rows.some((other) => other.task === row.task && isReached(other))
  )
    .map(({ task, broker, ratio, ratioMin }) =>
      `${task} with ${broker}: ${ratio.toFixed(2)} times MQTT.js, not ${ratioMin}`
    );
}

function isReached({ ratio, ratioMin }: Row): boolean {
  return ratio >= ratioMin;
}

function isBrokerBound({ busy }: Row): boolean {
  return busy < BUSY_MIN;
}

export function linesOf(rows: readonly Row[]): string[] {
  const head = line("", "Quetzal, msg/s", "MQTT.js, msg/s", "ratio", "client CPU µs/msg", "at work");
  return [
    head,
    ...rows.map(({ task, broker, throughput, cpuUs, ratio, ratioMin, busy }) =>
      line(
        `${task}, ${broker}`,
        rounded(throughput.quetzal),
        rounded(throughput["mqtt.js"]),
        `${ratio.toFixed(2)} (≥ ${ratioMin})`,
        `${cpuUs.quetzal.toFixed(2)} : ${cpuUs["mqtt.js"].toFixed(2)}`,
        `${Math.round(busy * 100)} %`,
      )
    ),
  ];
}

function rounded(value: number): string {
  return Math.round(value).toLocaleString("en-US");
}

function line(first: string, ...cells: readonly string[]): string {
  return `  ${first.padEnd(28)}${cells.map((cell) => cell.padStart(19)).join("")}`;
}
