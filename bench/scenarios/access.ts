/** What accounts, rules and doors cost, and what those feel who are let in while others knock: whole brokers in processes of
 * their own, with every delivery verified, next to a peer in the same run. `deno task bench:access --help`. Exit code 1 when
 * a message was lost or a limit was missed; 2 for a wrong command line. @module */

import { parseArgs } from "node:util";
import { ACL } from "./access/acl.ts";
import { TLS, WEBSOCKET } from "./access/carriers.ts";
import { RECONNECT } from "./access/reconnect.ts";
import { ACCESS_SIZE, type AccessResult, type AccessScenario } from "./access/scenario.ts";
import { linesOf, ratioOf } from "./access/table.ts";
import { WRONG_PASSWORD } from "./access/wrong_password.ts";
import { BrokerProcess, findMosquitto } from "./broker_process.ts";
import { LoadProcess } from "./load_process.ts";
import { lastCore } from "./pinned.ts";

export const ACCESS_SCENARIOS: readonly AccessScenario[] = [ACL, RECONNECT, WRONG_PASSWORD, TLS, WEBSOCKET];
const IDS = ACCESS_SCENARIOS.map(({ id }) => id);

const HELP = `What accounts, rules and doors cost: Quetzal, and Mosquitto where it is installed.

Usage: deno task bench:access [OPTIONS]

Scenarios:
${ACCESS_SCENARIOS.map(({ id, title }) => `  ${id.padEnd(16)}${title}`).join("\n")}

Options:
  --scenario LIST  only these                                          (default ${IDS})
  --seconds S      how long each run is measured, in tls and websocket (default ${ACCESS_SIZE.seconds})
  --rounds N       rounds for each start of the brokers, in acl        (default ${ACCESS_SIZE.duel.rounds})
  --starts N       how often the brokers are started: acl, tls, websocket (default ${ACCESS_SIZE.generations})
  --json FILE      write everything that was measured into this file
  --help           show this help

Example:
  deno task bench:access --scenario acl,tls --seconds 5 --json access.json`;

/** @throws RangeError for what is no number above 0. */
function positive(option: string, text: string | undefined, usual: number, isWhole: boolean): number {
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
  const { help, scenario, seconds, rounds, starts, json } = parseArgs({
    args,
    options: { help: { type: "boolean" }, scenario: text, seconds: text, rounds: text, starts: text, json: text },
  }).values;
  const names = scenario?.split(",") ?? IDS;
  const unknown = names.find((name) => !IDS.includes(name));
  if (unknown !== undefined) throw new RangeError(`--scenario: "${unknown}" is none of ${IDS.join(", ")}`);
  return {
    isHelp: help === true,
    json,
    scenarios: ACCESS_SCENARIOS.filter(({ id }) => names.includes(id)),
    size: {
      ...ACCESS_SIZE,
      seconds: positive("seconds", seconds, ACCESS_SIZE.seconds, false),
      duel: { ...ACCESS_SIZE.duel, rounds: positive("rounds", rounds, ACCESS_SIZE.duel.rounds, true) },
      generations: positive("starts", starts, ACCESS_SIZE.generations, true),
    },
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
  const loadCore = lastCore();
  const brokerCore = loadCore === undefined ? undefined : 0;
  const cores = navigator.hardwareConcurrency;
  const machine = [
    `${cores} cores (${Deno.build.os}, ${Deno.build.arch}), Deno ${Deno.version.deno}, ` +
    (mosquitto === undefined ? "no Mosquitto is installed" : `Mosquitto ${mosquitto.version}`) +
    `; load average before: ${Deno.loadavg()[0].toFixed(2)}`,
    loadCore === undefined
      ? "nothing is pinned to a core"
      : `brokers are pinned to core ${brokerCore}, load generators to core ${loadCore}`,
  ];
  const tell = (line: string) => console.error(line);
  machine.forEach(tell);
  for (const signal of ["SIGINT", ...(Deno.build.os === "windows" ? [] : ["SIGTERM"])] as Deno.Signal[]) {
    Deno.addSignalListener(signal, () => {
      LoadProcess.endAll();
      BrokerProcess.endAll();
      Deno.exit(130);
    });
  }
  const context = { size: options.size, brokerCore, loadCore, mosquitto: mosquitto?.program, tell };
  const results: (AccessResult & { id: string })[] = [];
  for (const scenario of options.scenarios) {
    tell(`\n${scenario.id}: ${scenario.title}`);
    results.push({ id: scenario.id, ...await scenario.run(context) });
  }

  for (const line of machine) console.log(line);
  for (const table of results.flatMap(({ tables }) => tables)) console.log(["", ...linesOf(table)].join("\n"));
  const problems = results.flatMap(({ id, problems }) => problems.map((problem) => `(${id}) ${problem}`));
  const verified = results.reduce((sum, { deliveriesVerified }) => sum + deliveriesVerified, 0);
  console.log(["", ...problems, `${verified.toLocaleString("en-US")} deliveries verified`].join("\n"));
  console.log(problems.length === 0 ? "nothing was lost, and all limits were kept" : "NOT as it should be, see above");
  if (options.json !== undefined) {
    const tables = results.flatMap(({ id, tables }) => tables.map((table) => ({ id, ...withRatios(table) })));
    const text = JSON.stringify({ machine, size: options.size, tables, problems, results }, null, 2);
    await Deno.writeTextFile(options.json, text + "\n");
  }
  return problems.length === 0 ? 0 : 1;
}

function withRatios({ title, columns, rows }: AccessResult["tables"][number]) {
  return {
    title,
    columns,
    rows: rows.map((row) => ({
      ...row,
      ratios: Object.fromEntries(columns.map(({ id }) => [id, ratioOf(row, id)])),
    })),
  };
}

if (import.meta.main) Deno.exit(await main(Deno.args));
