/** Measures the points of a curve, one after the other, each in a process of its own on the last core, with its broker on the
 * first. @module */

import type { Curve, MeasuredCurve, MeasuredPoint, PointResult, PointSetting } from "./curve.ts";
import { lastCore, pinned } from "../scenarios/pinned.ts";
import { median, seconds } from "./stage.ts";

export interface RunnerOptions {
  readonly curve: Curve;
  /** Left out: all of the curve. */
  readonly points?: readonly number[];
  /** Processes for each point; the figures are the medians. */
  readonly rounds: number;
  /** A file that is locked while points are measured, so that two benches never measure at the same time. */
  readonly lockFile?: string;
  /** In words. */
  readonly machine: string;
  readonly tell: (line: string) => void;
}

const POINT_MAIN = new URL("point_main.ts", import.meta.url);
const SIZE = { sliceSeconds: 0.3, slices: 4, warmUpSeconds: 0.6, isTiny: false };
const TINY = { sliceSeconds: 0.03, slices: 1, warmUpSeconds: 0.02, isTiny: true, brokerCore: undefined };
/** Then others, who wait for the lock, have their turn. */
const LOCK_HELD_MS_MAX = 55_000;
const LOCK_FREE_MS = 500;
let running: Deno.ChildProcess | undefined;

/** When the bench is interrupted: the point ends its broker. */
export function endPoint(): void {
  running?.kill();
}

export async function runCurve(options: RunnerOptions): Promise<MeasuredCurve> {
  const { curve, rounds, lockFile, machine, tell } = options;
  const loadCore = lastCore();
  const brokerCore = loadCore === undefined ? undefined : 0;
  using turns = new LockTurns(lockFile);
  tell(`${curve.id}: ${curve.title}`);
  const points: MeasuredPoint[] = [];
  for (const series of curve.series) {
    for (const x of options.points ?? curve.points) {
      const results: PointResult[] = [];
      for (let round = 0; round < rounds; round++) {
        await turns.next();
        results.push(await pointProcess(curve.id, { ...SIZE, series, x, brokerCore }, loadCore));
      }
      const point = { series, x, ...merged(results) };
      points.push(point);
      tell(`  ${series}, ${x}: ${textOf(point)}`);
    }
  }
  return { id: curve.id, machine, measuredAt: new Date().toISOString(), points };
}

/** Each series, at its smallest: whether everything is delivered. In this process. */
export async function runTiny(curve: Curve): Promise<MeasuredCurve> {
  const points: MeasuredPoint[] = [];
  for (const series of curve.series) {
    const setting = { ...TINY, series, x: curve.tinyPoint };
    points.push({ series, x: curve.tinyPoint, ...await curve.measure(setting) });
  }
  return { id: curve.id, machine: "tiny", measuredAt: new Date().toISOString(), points };
}

async function pointProcess(curve: string, setting: PointSetting, core: number | undefined): Promise<PointResult> {
  const deno = [Deno.execPath(), "run", "-A", "--no-check", POINT_MAIN.href, JSON.stringify({ curve, setting })];
  const [program, ...args] = pinned(deno, core);
  running = new Deno.Command(program, { args, stdin: "null", stdout: "piped", stderr: "inherit" }).spawn();
  const { success, stdout } = await running.output();
  running = undefined;
  if (!success) throw new Error(`${curve}, ${setting.series}, ${setting.x}: could not be measured, see above`);
  return JSON.parse(new TextDecoder().decode(stdout)) as PointResult;
}

/** A lock that is held for a while, and let go between two points. */
class LockTurns implements Disposable {
  #lock: Deno.FsFile | undefined;
  #sinceMs = 0;

  /** @param file undefined: there is none. */
  constructor(readonly file: string | undefined) {}

  async next(): Promise<void> {
    if (this.file === undefined) return;
    if (this.#lock !== undefined && performance.now() - this.#sinceMs < LOCK_HELD_MS_MAX) return;
    if (this.#lock !== undefined) {
      this.#lock.close();
      await seconds(LOCK_FREE_MS / 1000);
    }
    this.#lock = await Deno.open(this.file, { write: true, create: true });
    await this.#lock.lock(true);
    this.#sinceMs = performance.now();
  }

  [Symbol.dispose](): void {
    this.#lock?.close();
  }
}

function merged(results: readonly PointResult[]): PointResult {
  const names = new Set(results.flatMap(({ figures }) => Object.keys(figures)));
  const figures = Object.fromEntries(
    [...names].map((name) => [name, median(results.flatMap(({ figures }) => figures[name] ?? []))]),
  );
  return {
    figures,
    verified: results.reduce((sum, { verified }) => sum + verified, 0),
    problems: results.flatMap(({ problems }) => problems),
  };
}

function textOf({ figures, verified, problems }: PointResult): string {
  const texts = Object.entries(figures).flatMap(([name, value]) =>
    value === undefined ? [] : `${name} ${Number(value.toPrecision(4))}`
  );
  return [...texts, problems.length === 0 ? `${verified} verified` : `PROBLEMS: ${problems.join("; ")}`].join(", ");
}
