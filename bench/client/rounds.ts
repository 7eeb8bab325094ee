/** Runs the contest: each task with each broker, the contestants one after the other, in alternating order from round to
 * round, so that a machine that becomes slower or quicker meanwhile favours none. @module */

import { LoadProcess } from "../scenarios/load_process.ts";
import { type BrokerName, serves, startBroker } from "./brokers.ts";
import { type ClientJob, type ClientResult, type ContestantName, CONTESTANTS, type TaskName } from "./job.ts";

const CONTEST_MAIN = new URL("contest_main.ts", import.meta.url);
const FEEDER_MAIN = new URL("feeder_main.ts", import.meta.url);

export interface ContestSize {
  readonly payloadBytes: number;
  readonly inFlight: number;
  readonly warmUpSeconds: number;
  readonly seconds: number;
  readonly messagesMax: number;
  readonly rounds: number;
}

export interface ContestOptions {
  readonly tasks: readonly TaskName[];
  readonly brokers: readonly BrokerName[];
  readonly size: ContestSize;
  /** The contestants' own core, and the one of everything else; undefined: any. */
  readonly clientCore: number | undefined;
  readonly otherCore: number | undefined;
  readonly tell: (line: string) => void;
}

export interface ContestRun extends ClientResult {
  readonly task: TaskName;
  readonly broker: BrokerName;
  readonly contestant: ContestantName;
  readonly round: number;
}

export async function runContest(options: ContestOptions): Promise<ContestRun[]> {
  const { tasks, brokers, size, tell } = options;
  const runs: ContestRun[] = [];
  for (const task of tasks) {
    for (const broker of brokers.filter((name) => serves(name, task))) {
      for (let round = 1; round <= size.rounds; round++) {
        for (const contestant of round % 2 === 1 ? CONTESTANTS : CONTESTANTS.toReversed()) {
          const result = await runOne(task, broker, contestant, options);
          runs.push({ task, broker, contestant, round, ...result });
          const rate = Math.round(result.messages / result.seconds).toLocaleString("en-US");
          tell(`${task}, ${broker}, round ${round} of ${size.rounds}: ${contestant} ${rate} msg/s`);
        }
      }
    }
  }
  return runs;
}

async function runOne(
  task: TaskName,
  broker: BrokerName,
  contestant: ContestantName,
  { size, clientCore, otherCore }: ContestOptions,
): Promise<ClientResult> {
  const { payloadBytes, inFlight, warmUpSeconds, seconds, messagesMax } = size;
  await using running = await startBroker(broker, payloadBytes, otherCore);
  const { port } = running;
  const job: ClientJob = { contestant, task, port, payloadBytes, inFlight, warmUpSeconds, seconds, messagesMax };
  await using process = new LoadProcess<ClientResult>(CONTEST_MAIN, job, clientCore);
  if (task !== "subscribe-qos0" || broker === "replay") return await process.result();
  await using _feeder = new LoadProcess<never>(FEEDER_MAIN, { port, payloadBytes }, otherCore);
  return await process.result();
}
