/** Curves that are kept for a version, in bench/results, and the page that shows them: its charts and tables are written from
 * the file, so that no figure in them can be of another one. @module */

import { fileURLToPath } from "node:url";
import { VERSION } from "../../src/config/version.ts";
import type { MeasuredCurve } from "./curve.ts";
import { CURVES } from "./curves.ts";
import { chartNames, chartsOf, growthTable, linesOf } from "./report.ts";

const ROOT = new URL("../../", import.meta.url);
const KEPT = fileURLToPath(new URL(`bench/results/growth-${VERSION}.json`, ROOT));
const PAGE = new URL("docs/growth.md", ROOT);
const CHARTS = new URL("docs/charts/", ROOT);
const BEGIN = "<!-- written by `deno task bench:growth --keep`: -->";
const END = "<!-- to here -->";

export function readKept(): Promise<readonly MeasuredCurve[]> {
  return readCurves(KEPT);
}

/** @returns [] when there is no such file. */
export async function readCurves(file: string): Promise<readonly MeasuredCurve[]> {
  try {
    return JSON.parse(await Deno.readTextFile(file)).curves;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}

/** In the place of what the file has of these curves. */
export async function saveCurves(measured: readonly MeasuredCurve[], file: string): Promise<void> {
  const before = await readCurves(file);
  const curves = CURVES.flatMap(({ id }) => [...measured, ...before].find((one) => one.id === id) ?? []);
  await Deno.writeTextFile(file, JSON.stringify({ curves }, null, 2) + "\n");
}

/** Writes file, charts and page. */
export async function keep(measured: readonly MeasuredCurve[]): Promise<void> {
  await saveCurves(measured, KEPT);
  const kept = await readKept();
  await Deno.mkdir(CHARTS, { recursive: true });
  for (const one of kept) {
    for (const [name, svg] of chartsOf(curveOf(one), one)) await Deno.writeTextFile(new URL(name, CHARTS), svg);
  }
  const page = await Deno.readTextFile(PAGE);
  const [before, after] = page.split(BEGIN);
  const rest = after?.split(END)[1];
  if (rest === undefined) throw new Error(`no "${BEGIN}" and "${END}" in docs/growth.md`);
  await Deno.writeTextFile(PAGE, `${before}${BEGIN}\n\n${pageText(kept)}\n\n${END}${rest}`);
  const args = ["fmt", "--quiet", KEPT, fileURLToPath(PAGE)];
  await new Deno.Command(Deno.execPath(), { args, cwd: ROOT }).output();
}

/** @returns what stands between the marks. */
export function textIn(page: string): string | undefined {
  return page.split(BEGIN)[1]?.split(END)[0].trim();
}

/** A section for each curve. */
export function pageText(kept: readonly MeasuredCurve[]): string {
  return kept.map((measured) => {
    const curve = curveOf(measured);
    const images = chartNames(curve).filter(({ chart }) => linesOf(chart, curve, measured).size > 0)
      .map(({ file, chart }) => `![${chart.title}](charts/${file})`);
    const when = measured.measuredAt.slice(0, 10);
    return [
      `## ${curve.title}`,
      curve.about,
      ...images,
      growthTable([curve], [measured]),
      `Measured on ${when}: ${measured.machine}.`,
    ].join("\n\n");
  }).join("\n\n");
}

function curveOf({ id }: MeasuredCurve) {
  return CURVES.find((curve) => curve.id === id)!;
}
