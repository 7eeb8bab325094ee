/** The table at the end: a line for each number, a column for each broker, and the ratio to the reference behind it.
 * @module */

import type { ScenarioRun } from "./bench.ts";
import { BROKER_NAMES, type BrokerName } from "./broker_process.ts";
import type { Metric, Scenario } from "./scenarios.ts";

export interface Row {
  readonly scenarioId: string;
  readonly metric: string;
  readonly unit: string;
  /** The median of the rounds. */
  readonly values: Readonly<Partial<Record<BrokerName, number>>>;
  readonly reference: BrokerName | undefined;
  /** By what the reference has. */
  readonly ratios: Readonly<Partial<Record<BrokerName, number>>>;
}

export function rowsOf(scenario: Scenario, runs: readonly ScenarioRun[]): Row[] {
  const ours = runs.filter(({ scenarioId }) => scenarioId === scenario.id);
  const reference = scenario.references.find((name) => ours.some(({ broker }) => broker === name));
  return scenario.metrics.map((metric) => {
    const values: Partial<Record<BrokerName, number>> = {};
    const ratios: Partial<Record<BrokerName, number>> = {};
    for (const name of scenario.brokers) {
      const value = median(ours.filter(({ broker }) => broker === name).map(({ result }) => metric.of(result)));
      if (value !== undefined) values[name] = value;
    }
    const base = reference === undefined || !metric.isCompared ? undefined : values[reference];
    if (base !== undefined && base > 0) {
      for (const name of scenario.brokers) {
        if (name !== reference && values[name] !== undefined) ratios[name] = values[name] / base;
      }
    }
    return { scenarioId: scenario.id, metric: metric.name, unit: metric.unit, values, reference, ratios };
  });
}

/** @returns the lines; a ratio says of which broker's number it is in the scenario's headline. */
export function tableOf(scenarios: readonly Scenario[], runs: readonly ScenarioRun[]): string[] {
  const names = BROKER_NAMES.filter((name) => runs.some(({ broker }) => broker === name));
  const lines = [line("", names)];
  for (const scenario of scenarios) {
    const rows = rowsOf(scenario, runs);
    const { reference } = rows[0];
    const rounds = Math.max(...runs.filter(({ scenarioId }) => scenarioId === scenario.id).map(({ round }) => round));
    const medians = rounds > 1 ? `, medians of ${rounds} rounds` : "";
    lines.push("", `(${scenario.id}) ${scenario.title} (× of ${reference}${medians})`);
    for (const [i, row] of rows.entries()) {
      lines.push(line(`${row.metric}, ${row.unit}`, names.map((name) => cell(row, name, scenario.metrics[i]))));
    }
  }
  return lines;
}

function cell(row: Row, name: BrokerName, { digits }: Metric): string {
  const value = row.values[name];
  if (value === undefined) return "-";
  const text = value.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });
  const ratio = row.ratios[name];
  return ratio === undefined ? text : `${text} (×${ratio.toFixed(2)})`;
}

function line(head: string, cells: readonly string[]): string {
  return `  ${head.padEnd(28)}${cells.map((text) => text.padStart(19)).join("")}`.trimEnd();
}

/** @returns the middle one, or the mean of the two in the middle; undefined when there is none. */
export function median(values: readonly (number | undefined)[]): number | undefined {
  const sorted = values.filter((value) => value !== undefined).sort((a, b) => a - b);
  if (sorted.length === 0) return undefined;
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}
