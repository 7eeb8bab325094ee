/** Quetzal beside other brokers, on one core each, every delivery verified: `deno task bench:compare --help`. Exit code 1
 * when Quetzal did something that it must not; 2 for a wrong command line. @module */

import { parseArgs } from "node:util";
import { NativeGenerator } from "../native/native_generator.ts";
import { BrokerProcess } from "./broker_process.ts";
import { type Contestant, denoAlone, foreignPeer, peers, projectVersion, quetzals } from "./compare/contestants.ts";
import { GENERATOR_NAMES, openGenerator } from "./compare/generators.ts";
import { keep, measuredOn, readKept } from "./compare/kept.ts";
import { thisCommit, thisMachine } from "./compare/machine.ts";
import { runCompare } from "./compare/measure.ts";
import { pictureOf } from "./compare/picture.ts";
import { COMPARE_SIZE, PROTOCOLS, ROWS } from "./compare/rows.ts";
import { merged, rowsOf, type Summary } from "./compare/summary.ts";
import { remarksOf, tablesOf, textOf } from "./compare/table.ts";
import { LoadProcess } from "./load_process.ts";
import { lastCore } from "./pinned.ts";

const ROUNDS = 3;
const NOISE_MAX = 0.25;

const HELP =
  `Quetzal beside Mosquitto, Aedes and whoever else is there, each a process on one core; every delivery is verified.

Usage: deno task bench:compare [OPTIONS]

Rows:
${ROWS.map(({ id, title }) => `  ${id.padEnd(13)} ${title}`).join("\n")}

Options:
  --rows LIST        only these rows
  --protocols LIST   only these                                  (default ${PROTOCOLS}; 5.0+: with properties,
                     Topic Aliases and Subscription Identifiers)
  --brokers LIST     only these                                  (default all that are there: quetzal, quetzal-rules,
                     quetzal-full, mosquitto, flashmq, aedes, the names of --peer, and deno: a relay
                     on Deno.listen that is no broker)
  --flashmq PATH     FlashMQ takes part, too: the path of its program
  --peer NAME=HOST:PORT:PID  and a broker that already runs; again for another one; PID 0: unknown
  --generator NAME   ${
    GENERATOR_NAMES.join(" or ")
  }                        (default: native where a C compiler is found)
  --rounds N         medians of so many are shown                (default ${ROUNDS})
  --seconds S        how long each run is measured               (default ${COMPARE_SIZE.seconds})
  --noise SHARE      of a core that other programs may use before a run is repeated (default ${NOISE_MAX})
  --lock FILE        is locked during all rounds of a row: benches that share a machine take turns
  --json FILE        write every run into this file
  --svg FILE         write the chart into this file
  --keep             keep the medians in bench/results for this version, and show them in README.md and docs/performance.md
  --show             measure nothing: show what is kept for this version; with --keep in those pages, too
  --help             show this help

Examples:
  deno task bench:compare --rows one-0,one-1 --protocols 3.1.1 --rounds 5 --svg compare.svg
  deno task bench:compare --flashmq /usr/bin/flashmq --keep`;

/** @throws RangeError for a name that is not known. */
function chosen<Item>(
  option: string,
  list: string | undefined,
  items: readonly Item[],
  nameOf: (item: Item) => string,
) {
  if (list === undefined) return items;
  const names = list.split(",");
  const unknown = names.find((name) => !items.some((item) => nameOf(item) === name));
  if (unknown !== undefined) {
    throw new RangeError(`--${option}: "${unknown}" is none of ${items.map(nameOf).join(", ")}`);
  }
  return items.filter((item) => names.includes(nameOf(item)));
}

/** @throws RangeError for what is no number above 0. */
function positive(option: string, text: string | undefined, usual: number, isWhole = false): number {
  if (text === undefined) return usual;
  const value = Number(text);
  if (!(value > 0) || value === Infinity || (isWhole && !Number.isInteger(value))) {
    throw new RangeError(`--${option}: "${text}" is no ${isWhole ? "whole " : ""}number above 0`);
  }
  return value;
}

/** @throws RangeError, or TypeError for an option that is not known. */
function parseOptions(args: string[]) {
  const text = { type: "string" } as const;
  const flag = { type: "boolean" } as const;
  const { values } = parseArgs({
    args,
    options: {
      ...{ rows: text, protocols: text, brokers: text, flashmq: text, peer: { ...text, multiple: true } },
      ...{ generator: text, rounds: text, seconds: text, noise: text, lock: text, json: text, svg: text },
      ...{ keep: flag, show: flag, help: flag },
    },
  });
  const generator = GENERATOR_NAMES.find((name) => name === values.generator);
  if (values.generator !== undefined && generator === undefined) {
    throw new RangeError(`--generator: "${values.generator}" is none of ${GENERATOR_NAMES.join(", ")}`);
  }
  return {
    ...{ isHelp: values.help === true, isKept: values.keep === true, isShown: values.show === true, generator },
    ...{ flashmq: values.flashmq, peer: values.peer ?? [], brokers: values.brokers, lockFile: values.lock },
    ...{ json: values.json, svg: values.svg },
    rows: chosen("rows", values.rows, ROWS, ({ id }) => id),
    protocols: chosen("protocols", values.protocols, PROTOCOLS, (name) => name),
    rounds: positive("rounds", values.rounds, ROUNDS, true),
    seconds: positive("seconds", values.seconds, COMPARE_SIZE.seconds),
    noiseMax: positive("noise", values.noise, NOISE_MAX),
  };
}

type Options = ReturnType<typeof parseOptions>;

async function main(args: string[]): Promise<number> {
  let options: Options;
  let contestants: readonly Contestant[];
  const tell = (line: string) => console.error(line);
  try {
    options = parseOptions(args);
    if (options.isHelp) {
      console.log(HELP);
      return 0;
    }
    const { found, missing } = peers(options.flashmq);
    missing.forEach(tell);
    const all = [...quetzals(), ...found, denoAlone(), ...options.peer.map(foreignPeer)];
    contestants = chosen("brokers", options.brokers, all, ({ id }) => id);
  } catch (error) {
    if (!(error instanceof RangeError || error instanceof TypeError)) throw error;
    console.error(`${error.message}\nSee --help.`);
    return 2;
  }
  const kept = await readKept(projectVersion());
  if (options.isShown) {
    if (kept === undefined) {
      console.error(`nothing is kept for version ${projectVersion()}`);
      return 2;
    }
    await show(kept, options);
    return 0;
  }
  endAllWhenInterrupted();
  const summary = await measure(options, contestants, tell);
  await show(options.isKept ? merged(kept, summary) : summary, options);
  const ours = new Set(contestants.filter(({ isOurs }) => isOurs).map(({ id }) => id));
  const isBad = summary.rows.some(({ cells }) =>
    Object.entries(cells).some(([id, { problems }]) => problems && ours.has(id))
  );
  return isBad ? 1 : 0;
}

async function measure(
  options: Options,
  contestants: readonly Contestant[],
  tell: (line: string) => void,
): Promise<Summary> {
  const { rows, protocols, rounds, seconds, noiseMax, lockFile, json } = options;
  const loadCore = lastCore();
  const core = loadCore === undefined ? undefined : 0;
  const machine = thisMachine(core, loadCore);
  const { name, generator } = await openGenerator(options.generator, loadCore, tell);
  tell(`${machine.cpu}, ${machine.cores} cores, ${machine.system}, Deno ${machine.deno}; ${machine.pinning}`);
  const size = { ...COMPARE_SIZE, seconds };
  const runs = await runCompare({
    ...{ rows, protocols, contestants, generator, size, rounds, core, noiseMax, lockFile, tell },
  });
  const origin = { commit: thisCommit(), date: new Date().toISOString().slice(0, 10) };
  const summary: Summary = {
    ...{ version: projectVersion(), machine, generator: name, rounds, seconds },
    contestants: contestants.map(({ id, title, version, isOurs }) => ({ id, title, version, isOurs })),
    rows: rowsOf(runs, origin),
  };
  if (json !== undefined) await Deno.writeTextFile(json, JSON.stringify({ ...summary, runs }, null, 2) + "\n");
  return summary;
}

async function show(summary: Summary, { isKept, svg }: Options): Promise<void> {
  for (const table of tablesOf(summary)) console.log(`${textOf(table)}\n`);
  for (const remark of remarksOf(summary)) console.log(remark);
  console.log(measuredOn(summary));
  if (svg !== undefined) {
    const picture = pictureOf(summary);
    if (picture === undefined) console.error("no chart: nothing was compared with Mosquitto");
    else await Deno.writeTextFile(svg, picture);
  }
  if (isKept) await keep(summary);
}

function endAllWhenInterrupted(): void {
  for (const signal of ["SIGINT", ...(Deno.build.os === "windows" ? [] : ["SIGTERM"])] as Deno.Signal[]) {
    Deno.addSignalListener(signal, () => {
      NativeGenerator.endAll();
      LoadProcess.endAll();
      BrokerProcess.endAll();
      Deno.exit(130);
    });
  }
}

if (import.meta.main) Deno.exit(await main(Deno.args));
