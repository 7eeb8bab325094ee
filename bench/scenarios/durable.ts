/** What the durable store costs, and what it gives: whole brokers in processes of their own, with every delivery verified,
 * next to a peer in the same run. `deno task bench:durable --help`. Exit code 1 when a message was lost, came out of order,
 * or twice at QoS 2; 2 for a wrong command line. @module */

import { parseArgs } from "node:util";
import { runBench } from "./bench.ts";
import { BROKER_NAMES, BrokerProcess, findMosquitto } from "./broker_process.ts";
import { LoadProcess } from "./load_process.ts";
import { lastCore } from "./pinned.ts";
import { rowsOf, tableOf } from "./report.ts";
import { BENCH_SIZE, SCENARIOS } from "./scenarios.ts";

const HELP =
  `What the durable store costs: Quetzal with --durability full, normal and off, and Mosquitto where it is installed.

Usage: deno task bench:durable [OPTIONS]

Scenarios (${BENCH_SIZE.pairs} publishers, each to a subscriber of its own; ${BENCH_SIZE.payloadBytes} bytes):
${SCENARIOS.map(({ id, title }) => `  ${id}  ${title}`).join("\n")}

Options:
  --scenario LIST  only these                                         (default ${SCENARIOS.map(({ id }) => id)})
  --brokers LIST   only these                                         (default ${BROKER_NAMES})
  --seconds S      how long each run of a, b, c and d is measured     (default ${BENCH_SIZE.seconds})
  --rounds N       rounds of each scenario, medians are shown         (default 5 of c, 1 of the others)
  --json FILE      write everything that was measured into this file
  --help           show this help

Data folders are where temporary files are: set TMPDIR to measure another disk.

Example:
  deno task bench:durable --scenario a,c --seconds 10 --rounds 5 --json durable.json`;

/** @throws for a name that is not known, and for none. */
function chosen<Item>(option: string, list: string, items: readonly Item[], nameOf: (item: Item) => string): Item[] {
  const names = list.split(",");
  const unknown = names.find((name) => !items.some((item) => nameOf(item) === name));
  if (unknown !== undefined) {
    throw new RangeError(`--${option}: "${unknown}" is none of ${items.map(nameOf).join(", ")}`);
  }
  return items.filter((item) => names.includes(nameOf(item)));
}

/** @throws for what is no number above 0. */
function positive(option: string, text: string, isWhole: boolean): number {
  const value = Number(text);
  if (!(value > 0) || value === Infinity || (isWhole && !Number.isInteger(value))) {
    throw new RangeError(`--${option}: "${text}" is no ${isWhole ? "whole " : ""}number above 0`);
  }
  return value;
}

/** @throws RangeError, or TypeError for an option that is not known. */
function parseOptions(args: string[]) {
  const text = { type: "string" } as const;
  const { help, scenario, brokers, seconds, rounds, json } = parseArgs({
    args,
    options: { help: { type: "boolean" }, scenario: text, brokers: text, seconds: text, rounds: text, json: text },
  }).values;
  return {
    isHelp: help === true,
    json,
    scenarios: scenario === undefined ? SCENARIOS : chosen("scenario", scenario, SCENARIOS, ({ id }) => id),
    brokers: brokers === undefined ? BROKER_NAMES : chosen("brokers", brokers, BROKER_NAMES, (name) => name),
    seconds: seconds === undefined ? BENCH_SIZE.seconds : positive("seconds", seconds, false),
    rounds: rounds === undefined ? undefined : positive("rounds", rounds, true),
  };
}

async function main(args: string[]): Promise<number> {
  let options: ReturnType<typeof parseOptions>;
  try {
    options = parseOptions(args);
  } catch (error) {
    if (!(error instanceof RangeError || error instanceof TypeError)) throw error;
    console.error(`${error.message}\nSee --help.`);
    return 2;
  }
  if (options.isHelp) {
    console.log(HELP);
    return 0;
  }
  const mosquitto = findMosquitto();
  const core = lastCore();
  const cores = navigator.hardwareConcurrency;
  const machine = [
    `${cores} cores (${Deno.build.os}, ${Deno.build.arch}), Deno ${Deno.version.deno}, ` +
    (mosquitto === undefined ? "no Mosquitto is installed" : `Mosquitto ${mosquitto.version}`) +
    `; load average before: ${Deno.loadavg()[0].toFixed(2)}`,
    core === undefined
      ? "the load generator is not pinned to a core"
      : `the load generator is pinned to core ${core}, the brokers run on all ${cores}`,
  ];
  for (const line of machine) console.error(line);
  for (const signal of ["SIGINT", ...(Deno.build.os === "windows" ? [] : ["SIGTERM"])] as Deno.Signal[]) {
    Deno.addSignalListener(signal, () => {
      LoadProcess.endAll();
      BrokerProcess.endAll();
      Deno.exit(130);
    });
  }
  const { scenarios, rounds } = options;
  const brokers = options.brokers.filter((name) => name !== "mosquitto" || mosquitto !== undefined);
  const size = { ...BENCH_SIZE, seconds: options.seconds };
  const runs = await runBench({ scenarios, brokers, size, rounds, core, tell: (line) => console.error(line) });

  for (const line of [...machine, ...tableOf(scenarios, runs)]) console.log(line);
  const bad = runs.filter(({ problems }) => problems.length > 0);
  console.log("");
  for (const { scenarioId, broker, round, problems } of bad) {
    console.log(`(${scenarioId}) ${broker}, round ${round}: ${problems.join(", ")}`);
  }
  const verified = runs.reduce((sum, { result }) => sum + result.verdict.delivered, 0).toLocaleString("en-US");
  console.log(`${verified} deliveries verified: ${bad.length === 0 ? "each once, and in order" : "NOT as promised"}`);
  if (options.json !== undefined) {
    const rows = scenarios.flatMap((scenario) => rowsOf(scenario, runs));
    await Deno.writeTextFile(options.json, JSON.stringify({ machine, size, rows, runs }, null, 2) + "\n");
  }
  return bad.length === 0 ? 0 : 1;
}

if (import.meta.main) Deno.exit(await main(Deno.args));
