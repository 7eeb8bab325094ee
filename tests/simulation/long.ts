/** The simulation for as many seeds as wanted: `deno task test:simulation --runs 100000 --first 1`, or one again:
 * `deno task test:simulation --seed 4711`. With `--wire` the one of bytes (wire_simulation.ts). Ends with an error at the
 * first broken promise. @module */

import { parseArgs } from "@std/cli/parse-args";
import { Simulation } from "./simulation.ts";
import { WireSimulation } from "./wire_simulation.ts";

const REPORT_EVERY = 1_000;

const options = parseArgs(Deno.args, { string: ["runs", "first", "seed"], boolean: ["wire"] });
const runs = options.seed === undefined ? wholeNumber("runs", 20_000) : 1;
const first = options.seed === undefined ? wholeNumber("first", 1) : wholeNumber("seed", 1);
for (let seed = first; seed < first + runs; seed++) {
  await (options.wire ? new WireSimulation(seed) : new Simulation(seed)).run();
  const done = seed - first + 1;
  if (done % REPORT_EVERY === 0 || done === runs) console.log(`${done} of ${runs} runs: every promise was kept`);
}

function wholeNumber(name: string, otherwise: number): number {
  const text = options[name];
  if (text === undefined) return otherwise;
  const number = Number(text);
  if (!Number.isInteger(number) || number < 1) {
    console.error(`--${name}: ${text} is not a whole number above 0`);
    Deno.exit(2);
  }
  return number;
}
