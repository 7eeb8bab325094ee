/** `deno task bench:growth`: what grows, and how fast. Exit code 1 when a message was not delivered as it should be; 2 for a
 * wrong command line. @module */

import { parseArgs } from "node:util";
import { VERSION } from "../../src/config/version.ts";
import { thisCommit, thisMachine } from "../scenarios/compare/machine.ts";
import { lastCore } from "../scenarios/pinned.ts";
import { CURVES } from "./curves.ts";
import { keep, readCurves, saveCurves } from "./kept.ts";
import { chartsOf, growthTable } from "./report.ts";
import { endPoint, runCurve, runTiny } from "./runner.ts";
import type { MeasuredCurve } from "./curve.ts";

const IDS = CURVES.map(({ id }) => id);
const HELP = `What grows: cost of a delivery, latency and memory against what a broker has to bear.

Usage: deno task bench:growth [OPTIONS]

Curves:
${CURVES.map(({ id, title, points }) => `  ${id.padEnd(15)}${title}: ${points.join(", ")}`).join("\n")}

Options:
  --curve LIST    only these                                                     (default ${IDS})
  --points LIST   at these points, instead of those of each curve
  --rounds N      processes for each point, of which the median counts           (default 1)
  --tiny          each as small as can be, to see whether it works
  --json FILE     write what was measured into this file; curves that are in it already and not measured now stay
  --charts DIR    draw the curves into this folder, as SVG
  --from FILE     measure nothing: draw and tell what --json wrote
  --keep          keep it in bench/results for this version, and show it in docs/growth.md
  --lock FILE     keep this file locked while a point is measured
  --help          show this help

Example:
  deno task bench:growth --curve topics,depth --json growth.json --charts docs/charts`;

interface Options {
  readonly curves: typeof CURVES;
  readonly points?: number[];
  readonly rounds: number;
  readonly values: {
    json?: string;
    charts?: string;
    from?: string;
    lock?: string;
    tiny?: boolean;
    keep?: boolean;
    help?: boolean;
  };
}

/** @throws RangeError, or TypeError for an option that is not known. */
function parseOptions(args: string[]): Options {
  const text = { type: "string" } as const;
  const flag = { type: "boolean" } as const;
  const options = { curve: text, points: text, rounds: text, json: text, charts: text, from: text, lock: text };
  const { values } = parseArgs({ args, options: { ...options, tiny: flag, keep: flag, help: flag } });
  const names = values.curve?.split(",") ?? IDS;
  const unknown = names.find((name) => !IDS.includes(name));
  if (unknown !== undefined) throw new RangeError(`--curve: "${unknown}" is none of ${IDS.join(", ")}`);
  const rounds = whole("rounds", values.rounds ?? "1");
  const points = values.points?.split(",").map((point) => whole("points", point));
  return { curves: CURVES.filter(({ id }) => names.includes(id)), points, rounds, values };
}

function whole(option: string, text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new RangeError(`--${option}: "${text}" is no whole number above 0`);
  return value;
}

/** A sentence for people who ask "where". */
function machineText(): string {
  const loadCore = lastCore();
  const { cpu, cores, system, deno, pinning } = thisMachine(loadCore === undefined ? undefined : 0, loadCore);
  return `version ${VERSION} (${thisCommit()}), ${cores} cores of ${cpu}, ${system}, Deno ${deno}; ${pinning}`;
}

async function draw(measured: MeasuredCurve, folder: string | undefined): Promise<void> {
  if (folder === undefined) return;
  await Deno.mkdir(folder, { recursive: true });
  const curve = CURVES.find(({ id }) => id === measured.id)!;
  for (const [name, svg] of chartsOf(curve, measured)) await Deno.writeTextFile(`${folder}/${name}`, svg);
}

async function main(args: string[]): Promise<number> {
  let options: Options;
  try {
    options = parseOptions(args);
  } catch (error) {
    if (!(error instanceof RangeError || error instanceof TypeError)) throw error;
    console.error(`${error.message}\nSee --help.`);
    return 2;
  }
  const { curves, points, rounds, values } = options;
  if (values.help) {
    console.log(HELP);
    return 0;
  }
  for (const signal of ["SIGINT", ...(Deno.build.os === "windows" ? [] : ["SIGTERM"])] as Deno.Signal[]) {
    Deno.addSignalListener(signal, () => {
      endPoint();
      Deno.exit(130);
    });
  }
  const tell = (line: string) => console.error(line);
  const machine = machineText();
  const done: MeasuredCurve[] = [];
  if (values.from !== undefined) {
    const read = await readCurves(values.from);
    if (read.length === 0) {
      console.error(`--from: there is no ${values.from}.\nSee --help.`);
      return 2;
    }
    done.push(...read.filter(({ id }) => curves.some((curve) => curve.id === id)));
    for (const measured of done) await draw(measured, values.charts);
  } else {
    for (const curve of curves) {
      const measured = values.tiny
        ? await runTiny(curve)
        : await runCurve({ curve, points, rounds, lockFile: values.lock, machine, tell });
      done.push(measured);
      // One after the other: what is interrupted keeps what it has.
      await draw(measured, values.charts);
      if (values.json !== undefined) await saveCurves([measured], values.json);
    }
  }
  if (values.keep) await keep(done);
  console.log(growthTable(CURVES, done));
  const all = done.flatMap(({ id, points }) => points.map((point) => ({ id, ...point })));
  const problems = all.flatMap(({ id, series, x, problems }) =>
    problems.map((text) => `${id}, ${series}, ${x}: ${text}`)
  );
  const verified = all.reduce((sum, { verified }) => sum + verified, 0);
  console.log(["", ...problems, `${verified.toLocaleString("en-US")} deliveries verified`].join("\n"));
  return problems.length === 0 ? 0 : 1;
}

if (import.meta.main) Deno.exit(await main(Deno.args));
