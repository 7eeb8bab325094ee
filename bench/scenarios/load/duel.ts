/** Several brokers that get the same load in turns of a moment each, from one process: what slows down the machine for a while
 * slows down all of them, and they can be compared on a machine that is not quiet. @module */

import type { LoadJob, Verdict } from "./job.ts";
import { Run, type SliceResult } from "./run.ts";

export interface DuelJob {
  readonly contestants: readonly {
    readonly load: Omit<LoadJob, "seconds" | "warmUpSeconds">;
    /** It takes part in every so many rounds. */
    readonly every: number;
  }[];
  readonly rounds: number;
  /** Rounds before those that count. */
  readonly warmUpRounds: number;
  /** Before a turn is measured, and then. */
  readonly rampMs: number;
  readonly sliceMs: number;
}

/** In the order of the contestants. */
export type DuelResult = readonly {
  readonly verdict: Verdict;
  /** By round; null: it did not take part. */
  readonly slices: readonly (SliceResult | null)[];
}[];

export async function duel({ contestants, rounds, warmUpRounds, rampMs, sliceMs }: DuelJob): Promise<DuelResult> {
  const all = contestants.map(({ load, every }) => ({
    every,
    run: new Run({ ...load, seconds: 0, warmUpSeconds: 0 }),
    slices: [] as (SliceResult | null)[],
  }));
  for (const { run } of all) await run.open();
  for (let round = -warmUpRounds; round < rounds; round++) {
    // Forwards and backwards: who is second in one round is first in the next.
    for (const { run, every, slices } of round % 2 === 0 ? all : all.toReversed()) {
      const slice = round % every === 0 || round === -1 ? await run.slice(rampMs, sliceMs) : null;
      if (round >= 0) slices.push(slice);
    }
  }
  for (const { run } of all) await run.close();
  return all.map(({ run: { verdict }, slices }) => ({ verdict, slices }));
}
