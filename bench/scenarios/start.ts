/** How long the broker takes from the start of its process until it says that it is listening, with a new data folder:
 * `deno task bench:start --rounds 20`. The module cache is warm, and the disk is waited for as in use (`full`).
 * Ends with exit code 1 when the median is beyond the limit. @module */

import { parseArgs } from "@std/cli/parse-args";
import { BrokerProcess } from "./broker_process.ts";
import { median } from "./report.ts";

const LIMIT_MS = 150;
const ROUNDS = 20;

/** Milliseconds of each start. */
export async function measureStarts(rounds: number): Promise<number[]> {
  const starts: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const beganMs = performance.now();
    await using _broker = await BrokerProcess.start("full");
    starts.push(performance.now() - beganMs);
  }
  return starts;
}

if (import.meta.main) {
  const { rounds } = parseArgs(Deno.args, { string: ["rounds"], default: { rounds: String(ROUNDS) } });
  await measureStarts(1); // what is compiled and read from the disk once
  const starts = await measureStarts(Number(rounds));
  const middle = median(starts)!;
  const show = (ms: number) => `${ms.toFixed(0)} ms`;
  console.log(`until it listens: median ${show(middle)}, ${show(Math.min(...starts))} to ${show(Math.max(...starts))}`);
  if (middle > LIMIT_MS) {
    console.log(`NOT as it should be: at most ${show(LIMIT_MS)}`);
    Deno.exit(1);
  }
}
