/** Measured curves as charts, as a table of how they grow, and as JSON. @module */

import { lineChart, shortNumber } from "../charts/chart.ts";
import type { Curve, CurveChart, MeasuredCurve } from "./curve.ts";
import { growthOf, type Points, wordOf } from "./slope.ts";

/** Of one chart, by series; those without a figure are left out. */
export function linesOf(chart: CurveChart, curve: Curve, measured: MeasuredCurve): Map<string, Points> {
  const lines = new Map<string, Points>();
  for (const series of chart.series ?? curve.series) {
    const points = measured.points.filter((point) => point.series === series)
      .flatMap(({ x, figures }) => {
        const y = figures[chart.figure];
        return y === undefined || !(y > 0) ? [] : [[x, y] as const];
      });
    if (points.length > 0) lines.set(series, points);
  }
  return lines;
}

/** @returns the names of files, and what is in them. */
export function chartsOf(curve: Curve, measured: MeasuredCurve): Map<string, string> {
  const files = new Map<string, string>();
  const subtitle = measured.machine;
  for (const { file, chart } of chartNames(curve)) {
    const series = [...linesOf(chart, curve, measured)].map(([name, points]) => ({
      ...{ name, points, isDashed: name.includes("no match cache") },
    }));
    if (series.length === 0) continue;
    const x = { name: curve.x, isLog: true };
    const y = { name: chart.y, isLog: chart.isLog, min: chart.isLog ? undefined : 0 };
    files.set(file, lineChart({ title: chart.title, subtitle, x, y, series }));
  }
  return files;
}

/** @returns the name of each chart's file, and its title. */
export function chartNames(curve: Curve): { file: string; chart: CurveChart }[] {
  return curve.charts.map((chart) => ({ file: `${curve.id}${chart.id === "" ? "" : `-${chart.id}`}.svg`, chart }));
}

/** How each line grows, for people: a table in Markdown. */
export function growthTable(curves: readonly Curve[], measured: readonly MeasuredCurve[]): string {
  const rows = measured.flatMap((one) => {
    const curve = curves.find(({ id }) => id === one.id)!;
    return curve.charts.flatMap((chart) =>
      [...linesOf(chart, curve, one)].flatMap(([series, points]) => {
        const growth = growthOf(points);
        if (growth === undefined) return [];
        const [first, last] = [points[0], points[points.length - 1]];
        const span = `${shortNumber(first[1])} → ${shortNumber(last[1])}`;
        const { exponent, steepest } = growth;
        return [
          `| ${one.id} | ${series} | ${chart.y} | ${shortNumber(first[0])} … ${shortNumber(last[0])} | ${span} | ` +
          `${exponent.toFixed(2)} | ${steepest.toFixed(2)} | ${wordOf(growth)} |`,
        ];
      })
    );
  });
  return [
    "| curve | series | figure | from … to | first → last | exponent | steepest | |",
    "| ----- | ------ | ------ | --------- | ------------ | -------: | -------: | - |",
    ...rows,
  ].join("\n");
}
