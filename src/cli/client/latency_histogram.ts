/** How long things took: any number of durations in bounded memory, each kept to three digits (Tene's HDR histogram).
 * In: milliseconds. Out: percentiles, a small chart, and an object for JSON. Room: pure. @module */

import { Float64Histogram } from "hdr-histogram-js";

const MICROSECONDS = 1000;
/** An hour; a longer one counts as that. */
const HIGHEST_US = 3_600_000_000;
const DIGITS = 3;
const CHART_WIDTH = 40;
const CHART_ROWS_MAX = 12;
/** Eighths of a cell. */
const BLOCKS = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];

/** Milliseconds, but for the count. */
export interface Latencies {
  readonly count: number;
  readonly min: number;
  readonly mean: number;
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
}

interface ChartRow {
  readonly fromUs: number;
  readonly toUs: number;
  readonly count: number;
}

export class LatencyHistogram {
  readonly #histogram = new Float64Histogram(1, HIGHEST_US, DIGITS);

  /** One below zero (a clock that was set back) counts as zero. */
  record(ms: number): void {
    const us = Math.round(ms * MICROSECONDS);
    this.#histogram.recordValue(us > 0 ? Math.min(us, HIGHEST_US) : 0);
  }

  get count(): number {
    return this.#histogram.totalCount;
  }

  reset(): void {
    this.#histogram.reset();
  }

  /** @returns the duration in ms that so many percent of all did not exceed; 0 if there are none. */
  percentile(percent: number): number {
    return this.#histogram.getValueAtPercentile(percent) / MICROSECONDS;
  }

  /** @returns undefined when there are none. */
  summary(): Latencies | undefined {
    if (this.count === 0) return undefined;
    return {
      count: this.count,
      min: this.percentile(0),
      mean: Math.round(this.#histogram.mean) / MICROSECONDS,
      p50: this.percentile(50),
      p90: this.percentile(90),
      p99: this.percentile(99),
      p999: this.percentile(99.9),
      max: this.percentile(100),
    };
  }

  /** One row for each step of 1, 2, 5, 10, …: "200 µs – 500 µs  123  ████". */
  chart(width = CHART_WIDTH): string[] {
    const rows = this.#chartRows();
    const most = Math.max(...rows.map(({ count }) => count));
    const countWidth = String(most).length;
    const texts = rows.map(({ fromUs, toUs }) => [fromUs, toUs].map((us) => durationText(us / MICROSECONDS)));
    const textWidth = Math.max(...texts.flat().map((text) => text.length));
    return rows.map(({ count }, at) => {
      const [from, to] = texts[at].map((text) => text.padStart(textWidth));
      return `${from} – ${to}  ${String(count).padStart(countWidth)}  ${bar(count / most, width)}`.trimEnd();
    });
  }

  #chartRows(): ChartRow[] {
    const rows: ChartRow[] = [];
    let [fromUs, toUs, count] = [0, 1, 0];
    for (let index = 0; index < this.#histogram.countsArrayLength; index++) {
      const countHere = this.#histogram.getCountAtIndex(index);
      if (countHere === 0) continue;
      const us = this.#histogram.valueFromIndex(index);
      while (us >= toUs) {
        // Empty rows before the first full one say nothing.
        if (count > 0 || rows.length > 0) rows.push({ fromUs, toUs, count });
        [fromUs, toUs, count] = [toUs, nextStep(toUs), 0];
      }
      count += countHere;
    }
    if (count > 0) rows.push({ fromUs, toUs, count });
    if (rows.length <= CHART_ROWS_MAX) return rows;
    const [last, ...before] = rows.slice(CHART_ROWS_MAX - 1).toReversed();
    const all = before.reduce((sum, row) => sum + row.count, last.count);
    const from = rows[CHART_ROWS_MAX - 1].fromUs;
    return [...rows.slice(0, CHART_ROWS_MAX - 1), { fromUs: from, toUs: last.toUs, count: all }];
  }
}

/** 1 → 2 → 5 → 10 → 20 … */
function nextStep(step: number): number {
  return String(step)[0] === "2" ? step * 2.5 : step * 2;
}

/** "850 µs", "1.2 ms", "12.3 s": three digits. */
export function durationText(ms: number): string {
  if (ms < 1) return `${Math.round(ms * MICROSECONDS)} µs`;
  if (ms < 1000) return `${threeDigits(ms)} ms`;
  return `${threeDigits(ms / 1000)} s`;
}

function threeDigits(value: number): string {
  return value >= 100 ? String(Math.round(value)) : String(Number(value.toPrecision(3)));
}

/** @param part 0–1 of the width; one above 0 shows something. */
function bar(part: number, width: number): string {
  const eighths = part > 0 ? Math.max(1, Math.round(part * width * 8)) : 0;
  return "█".repeat(Math.floor(eighths / 8)) + BLOCKS[eighths % 8];
}
