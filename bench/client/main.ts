/** `deno task bench:client`: the client library beside MQTT.js, in the same run with the same brokers. Exit code 1 when it is
 * not as many times as quick as it has to be. @module */

import { parseArgs } from "node:util";
import { BrokerProcess, findMosquitto } from "../scenarios/broker_process.ts";
import { LoadProcess } from "../scenarios/load_process.ts";
import { lastCore } from "../scenarios/pinned.ts";
import { type BrokerName, BROKERS } from "./brokers.ts";
import { type TaskName, TASKS } from "./job.ts";
import { runContest } from "./rounds.ts";
import { linesOf, missedOf, rowsOf } from "./verdict.ts";

const USAGE = `deno task bench:client [options]
  --task NAMES     ${TASKS.join(", ")} (default: all)
  --broker NAMES   ${BROKERS.join(", ")} (default: those that are there)
  --rounds N       each contestant's, alternating; the medians count (default 5)
  --seconds S      measured in each round (default 3), after a second to warm up
  --in-flight N    messages under way at once (default 100)
  --payload BYTES  (default 64)
  --json           the numbers as JSON on standard output, the rest on standard error
`;

const flags = flagsOf(Deno.args);
if (flags.help) {
  console.log(USAGE);
  Deno.exit(0);
}

const mosquitto = findMosquitto();
const brokers = chosen<BrokerName>("broker", BROKERS).filter((name) => name !== "mosquitto" || mosquitto !== undefined);
const tell = flags.json ? console.error : console.log;
if (mosquitto === undefined) tell("Mosquitto is not installed: Quetzal's broker alone");
const clientCore = lastCore();
Deno.addSignalListener("SIGINT", () => {
  LoadProcess.endAll();
  BrokerProcess.endAll();
  Deno.exit(130);
});
const size = {
  payloadBytes: positive("payload", 64),
  inFlight: positive("in-flight", 100),
  warmUpSeconds: 1,
  seconds: positive("seconds", 3),
  messagesMax: Number.MAX_SAFE_INTEGER,
  rounds: positive("rounds", 5),
};
const runs = await runContest({
  ...{ tasks: chosen<TaskName>("task", TASKS), brokers, size, clientCore, tell },
  otherCore: clientCore === undefined ? undefined : 0,
});
const rows = rowsOf(runs);
const missed = missedOf(rows);
tell("");
for (const line of linesOf(rows)) tell(line);
for (const line of missed) tell(`missed: ${line}`);
if (flags.json) console.log(JSON.stringify({ mosquitto: mosquitto?.version, size, rows, runs, missed }));
Deno.exit(missed.length === 0 ? 0 : 1);

function flagsOf(args: string[]) {
  const text = { type: "string" } as const;
  const flag = { type: "boolean" } as const;
  const numbers = { rounds: text, seconds: text, "in-flight": text, payload: text };
  try {
    return parseArgs({ args, options: { task: text, broker: text, ...numbers, json: flag, help: flag } }).values;
  } catch (error) {
    return fail(error instanceof Error ? error.message : String(error));
  }
}

function chosen<Name extends string>(flag: "task" | "broker", all: readonly Name[]): readonly Name[] {
  const names = flags[flag]?.split(",") as Name[] | undefined;
  const unknown = names?.find((name) => !all.includes(name));
  if (unknown !== undefined) fail(`${unknown} is none of ${all.join(", ")}`);
  return names ?? all;
}

function positive(flag: "rounds" | "seconds" | "in-flight" | "payload", otherwise: number): number {
  const value = flags[flag] === undefined ? otherwise : Number(flags[flag]);
  return value > 0 ? value : fail(`--${flag} is a number above 0`);
}

function fail(message: string): never {
  console.error(`${message}\n${USAGE}`);
  Deno.exit(2);
}
