/** Figures as charts: Apache ECharts draws them without a browser, as SVG text that is good to look at on a light page and
 * on a dark one. Benches only; the broker never loads this. @module */

import * as echarts from "echarts";

/** Of a light page; `NIGHT` says what each becomes on a dark one. */
const PAPER = "#ffffff";
const INK = "#1f2328";
const FAINT = "#59636e";
const GRID = "#d8dee4";
const NIGHT: Readonly<Record<string, string>> = {
  [PAPER]: "#0d1117",
  [INK]: "#e6edf3",
  [FAINT]: "#9198a1",
  [GRID]: "#30363d",
};
/** Told apart by people who see few colours, too, and on both pages. */
export const SERIES_COLORS: readonly string[] = ["#d9480f", "#1c7ed6", "#2f9e44", "#ae3ec9", "#e67700", "#868e96"];
const FONT = "system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif";
const WIDTH = 860;

export interface Series {
  readonly name: string;
  /** Default: the next of `SERIES_COLORS`. */
  readonly color?: string;
}

export interface Axis {
  readonly name: string;
  readonly isLog?: boolean;
  readonly min?: number;
  readonly max?: number;
  /** Default: 1.5k, 20M. */
  readonly format?: (value: number) => string;
}

export interface LineChart {
  readonly title: string;
  readonly subtitle?: string;
  readonly x: Axis;
  readonly y: Axis;
  readonly series: readonly (Series & {
    readonly points: readonly (readonly [x: number, y: number])[];
    readonly isDashed?: boolean;
  })[];
  readonly width?: number;
  /** Default: 420. */
  readonly height?: number;
}

/** A group of bars for each label, lying, from above to below. */
export interface BarChart {
  readonly title: string;
  readonly subtitle?: string;
  readonly labels: readonly string[];
  readonly x: Axis;
  readonly series: readonly (Series & {
    /** One for each label; undefined where there is none. */
    readonly values: readonly (number | undefined)[];
    /** What stands at the end of a bar. Default: `x.format`. */
    readonly texts?: readonly (string | undefined)[];
  })[];
  /** Where a line is drawn across, and what it says. */
  readonly mark?: { readonly at: number; readonly text: string };
  readonly width?: number;
}

export function lineChart(chart: LineChart): string {
  const { width = WIDTH, height = 420, x, y } = chart;
  return render(width, height, {
    ...headOf(chart),
    grid: { left: 70, right: 30, top: topOf(chart), bottom: 56 },
    xAxis: { ...axisOf(x), nameLocation: "middle", nameGap: 32 },
    yAxis: { ...axisOf(y), nameLocation: "middle", nameRotate: 90, nameGap: 52 },
    series: chart.series.map(({ name, points, isDashed }) => ({
      ...{ name, type: "line", data: points, symbol: "circle", symbolSize: 6 },
      lineStyle: { width: 2, type: isDashed ? "dashed" : "solid" },
    })),
  });
}

const BAR_HEIGHT = 13;
const GROUP_GAP = 14;
/** Without a browser nobody knows how wide a font is: rather too wide than cut off. */
const LABEL_CHAR_WIDTH = 7;

export function barChart(chart: BarChart): string {
  const { width = WIDTH, labels, x, series, mark } = chart;
  const format = x.format ?? shortNumber;
  const top = topOf(chart) + (mark === undefined ? 0 : 16);
  const bottom = 56;
  const height = top + bottom + labels.length * (series.length * BAR_HEIGHT + GROUP_GAP);
  const markLine = mark && {
    ...{ silent: true, symbol: "none", data: [{ xAxis: mark.at }] },
    lineStyle: { color: FAINT, type: "solid", width: 1.5 },
    label: { formatter: mark.text, color: FAINT, position: "start", fontFamily: FONT, fontSize: 12 },
  };
  return render(width, height, {
    ...headOf(chart),
    grid: { left: 24 + LABEL_CHAR_WIDTH * Math.max(...labels.map(({ length }) => length)), right: 56, top, bottom },
    xAxis: { ...axisOf(x), nameLocation: "middle", nameGap: 32 },
    yAxis: {
      ...{ type: "category", inverse: true, data: labels, axisTick: { show: false } },
      axisLine: { lineStyle: { color: FAINT } },
      axisLabel: { color: INK, fontFamily: FONT, fontSize: 12 },
    },
    series: series.map(({ name, values, texts }, index) => ({
      ...{ name, type: "bar", barWidth: BAR_HEIGHT - 2, barGap: "18%", markLine: index === 0 ? markLine : undefined },
      data: values.map((value, row) => ({
        value: value ?? "-",
        label: {
          ...{ show: value !== undefined, position: "right", distance: 4, color: INK, fontFamily: FONT, fontSize: 11 },
          ...{ fontWeight: index === 0 ? "bold" : "normal" },
          formatter: texts?.[row] ?? (value === undefined ? "" : format(value)),
        },
      })),
    })),
  });
}

/** @returns 950, 1.5k, 20M: three digits at most. */
export function shortNumber(value: number): string {
  for (const [unit, factor] of [["G", 1e9], ["M", 1e6], ["k", 1e3]] as const) {
    if (Math.abs(value) >= factor) return `${Number((value / factor).toPrecision(3))}${unit}`;
  }
  return String(Number(value.toPrecision(3)));
}

function headOf({ title, subtitle, series }: LineChart | BarChart) {
  return {
    animation: false,
    color: series.map(({ color }, index) => color ?? SERIES_COLORS[index % SERIES_COLORS.length]),
    backgroundColor: PAPER,
    textStyle: { fontFamily: FONT },
    title: {
      ...{ text: title, subtext: subtitle ?? "", left: 12, top: 10, itemGap: 6 },
      textStyle: { color: INK, fontFamily: FONT, fontSize: 16 },
      subtextStyle: { color: FAINT, fontFamily: FONT, fontSize: 12, lineHeight: 16 },
    },
    legend: {
      ...{ left: 12, top: legendTop(subtitle), itemGap: 18, itemWidth: 16, itemHeight: 10 },
      textStyle: { color: INK, fontFamily: FONT, fontSize: 12 },
    },
  };
}

function legendTop(subtitle: string | undefined): number {
  return 42 + (subtitle === undefined ? 0 : 16 * subtitle.split("\n").length + 4);
}

function topOf({ subtitle }: LineChart | BarChart): number {
  return legendTop(subtitle) + 30;
}

function axisOf({ name, isLog, min, max, format }: Axis) {
  return {
    ...{ type: isLog ? "log" : "value", name, min, max },
    nameTextStyle: { color: FAINT, fontFamily: FONT, fontSize: 12 },
    axisLabel: { color: FAINT, fontFamily: FONT, fontSize: 11, formatter: format ?? shortNumber },
    axisLine: { show: true, lineStyle: { color: FAINT } },
    splitLine: { lineStyle: { color: GRID } },
  };
}

function render(width: number, height: number, option: echarts.EChartsCoreOption): string {
  const chart = echarts.init(null, null, { renderer: "svg", ssr: true, width, height });
  try {
    chart.setOption(option);
    return withNight(withoutCounters(chart.renderToSVGString()));
  } finally {
    chart.dispose();
  }
}

/** The library numbers its charts: the same figures are to be the same text. */
function withoutCounters(svg: string): string {
  const names = new Map<string, string>();
  return svg.replace(/\bzr\d+-(\w+?-?)\d+\b/g, (name, kind) => {
    if (!names.has(name)) names.set(name, `zr-${kind}${names.size}`);
    return names.get(name)!;
  });
}

/** What the chart library wrote into attributes, a style sheet may overrule. */
function withNight(svg: string): string {
  const rules = Object.entries(NIGHT).flatMap(([day, night]) => [
    `[fill="${day}"]{fill:${night}}`,
    `[stroke="${day}"]{stroke:${night}}`,
  ]);
  const sheet = `<style>@media (prefers-color-scheme: dark){${rules.join("")}}</style>`;
  return svg.replace(/^<svg[^>]*>/, (head) => `${head}\n${sheet}`) + "\n";
}
