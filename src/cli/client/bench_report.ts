/** What a bench found: one object for tools, lines for people. Room: pure. @module */

import { counted } from "../answer.ts";
import { ExitCode } from "../arguments.ts";
import type { BenchCounts } from "./bench_counts.ts";
import type { BenchPlan } from "./bench_plan.ts";
import { durationText, type Latencies } from "./latency_histogram.ts";

export interface BenchReport extends Omit<BenchPlan, "ratePerS" | "window"> {
  readonly url: string;
  readonly protocolVersion: number;
  /** null = as fast as they could. */
  readonly ratePerS: number | null;
  /** null = any number. */
  readonly window: number | null;
  /** Of the measurement, as it was. */
  readonly measuredS: number;
  /** From the beginning, the warming up included. */
  readonly sent: number;
  readonly failed: number;
  readonly expected: number;
  /** Different messages. */
  readonly received: number;
  readonly lost: number;
  readonly duplicated: number;
  readonly disordered: number;
  readonly foreign: number;
  /** In the measurement. */
  readonly sentPerS: number;
  readonly receivedPerS: number;
  readonly receivedBytesPerS: number;
  readonly latencyMs: Latencies | null;
  readonly acknowledgementMs: Latencies | null;
  /** Why it ended early, or the first publish failed; null = neither. */
  readonly failure: string | null;
}

export interface Measured {
  readonly url: string;
  readonly protocolVersion: number;
  readonly measuredS: number;
  readonly sentPerS: number;
  readonly receivedPerS: number;
  readonly failure: string | undefined;
}

export function makeReport(plan: BenchPlan, counts: BenchCounts, measured: Measured): BenchReport {
  const { url, protocolVersion, measuredS, sentPerS, receivedPerS } = measured;
  return {
    url,
    protocolVersion,
    ...plan,
    ratePerS: plan.ratePerS ?? null,
    window: Number.isFinite(plan.window) ? plan.window : null,
    measuredS: Math.round(1000 * measuredS) / 1000,
    sent: counts.sentCount,
    failed: counts.failed,
    expected: counts.expected,
    received: counts.distinct,
    lost: counts.lost,
    duplicated: counts.duplicated,
    disordered: counts.disordered,
    foreign: counts.foreign,
    sentPerS: Math.round(sentPerS),
    receivedPerS: Math.round(receivedPerS),
    receivedBytesPerS: Math.round(receivedPerS * plan.size),
    latencyMs: counts.latencies.summary() ?? null,
    acknowledgementMs: counts.acknowledgements.summary() ?? null,
    failure: measured.failure ?? counts.failure ?? null,
  };
}

/** Failed: something was lost, came twice although QoS 2 promises that it does not, or could not be sent. */
export function exitCodeOf({ lost, failed, duplicated, qos, failure }: BenchReport): ExitCode {
  return lost > 0 || failed > 0 || failure !== null || (qos === 2 && duplicated > 0) ? ExitCode.Failed : ExitCode.Ok;
}

export function reportLines(report: BenchReport, chart: readonly string[]): string[] {
  const { failed, duplicated, disordered, foreign, failure, lost, latencyMs, acknowledgementMs } = report;
  const rows: [name: string, text: string][] = [
    ["sent", `${report.sent.toLocaleString("en")}, ${rateText(report.sentPerS)}`],
    [
      "received",
      `${report.received.toLocaleString("en")} of ${report.expected.toLocaleString("en")}, ` +
      `${rateText(report.receivedPerS)}, ${bytesText(report.receivedBytesPerS)}/s`,
    ],
    ["lost", lost === 0 ? "none" : lost.toLocaleString("en")],
    ["twice", duplicated === 0 ? "none" : duplicated.toLocaleString("en")],
  ];
  if (disordered > 0) rows.push(["out of order", disordered.toLocaleString("en")]);
  if (foreign > 0) rows.push(["of others", foreign.toLocaleString("en")]);
  if (failed > 0) rows.push(["not sent", failed.toLocaleString("en")]);
  if (failure !== null) rows.push(["because", failure]);
  if (latencyMs !== null) rows.push(["latency", latencyText(latencyMs)]);
  if (acknowledgementMs !== null) rows.push(["acknowledged", latencyText(acknowledgementMs)]);
  const width = Math.max(...rows.map(([name]) => name.length)) + 2;
  return [
    `MQTT ${versionText(report.protocolVersion)}, measured ${report.measuredS} s`,
    "",
    ...rows.map(([name, text]) => name.padEnd(width) + text),
    ...(chart.length === 0 ? [] : ["", ...chart.map((row) => `  ${row}`)]),
  ];
}

/** "fanout, 1 publisher → 10 subscribers, QoS 0, 64 bytes, flat out" */
export function planText({ pattern, publishers, subscribers, qos, size, ratePerS }: BenchPlan): string {
  const rate = ratePerS === undefined ? "flat out" : `${ratePerS.toLocaleString("en")} messages/s`;
  return `${pattern}, ${counted(publishers, "publisher")} → ${counted(subscribers, "subscriber")}, ` +
    `QoS ${qos}, ${size.toLocaleString("en")} bytes, ${rate}`;
}

/** "min 80 µs, median 120 µs, 90 % 150 µs, 99 % 300 µs, 99.9 % 1.2 ms, max 5 ms" */
export function latencyText({ min, p50, p90, p99, p999, max }: Latencies): string {
  const parts: [string, number][] = [["min", min], ["median", p50], ["90 %", p90], ["99 %", p99], ["99.9 %", p999]];
  return [...parts, ["max", max] as const].map(([name, ms]) => `${name} ${durationText(ms)}`).join(", ");
}

export function versionText(version: number): string {
  return version === 5 ? "5.0" : version === 4 ? "3.1.1" : "3.1";
}

export function rateText(perS: number): string {
  return `${Math.round(perS).toLocaleString("en")}/s`;
}

function bytesText(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB"];
  let at = 0;
  while (bytes >= 1024 && at < units.length - 1) {
    bytes /= 1024;
    at++;
  }
  return `${bytes < 10 && at > 0 ? bytes.toFixed(1) : Math.round(bytes)} ${units[at]}`;
}
