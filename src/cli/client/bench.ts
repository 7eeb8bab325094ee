/** `bench`: publishers and subscribers against a broker, each delivery verified. @module */

import type { Client } from "../../client/client.ts";
import { connect } from "../../client/mod.ts";
import { isValidTopicName } from "../../topic/topic_name.ts";
import { CommandError } from "../answer.ts";
import { type ExitCode, UsageError } from "../arguments.ts";
import type { Terminal } from "../terminal.ts";
import { BENCH_OPTIONS, readBenchPlan } from "./bench_plan.ts";
import { type BenchReport, exitCodeOf, planText, reportLines } from "./bench_report.ts";
import { type BenchRun, runBench } from "./bench_run.ts";
import type { ClientCommand } from "./client_command.ts";
import { failureOf } from "./client_failure.ts";
import type { GivenClientOptions } from "./client_option.ts";
import { ClientTask } from "./client_task.ts";
import { CONNECTION_OPTIONS } from "./connection_option_table.ts";
import { findPassword } from "./connection_password.ts";
import { clientOptionsOf } from "./connection_settings.ts";
import { lastOf } from "./given_values.ts";
import { newRun } from "./stamped_payload.ts";
import { StopRequest } from "./stop_request.ts";

const RECEIVE_MAXIMUM = 0xffff;

export const BENCH: ClientCommand = {
  usages: ["[OPTIONS]", "--pattern fanin|fanout --publishers NUMBER --subscribers NUMBER [OPTIONS]"],
  details: [
    "Connects publishers and subscribers, publishes numbered messages, and looks at each delivery: what was lost, what came",
    "twice, what came out of order, and how long it took. All clients are in this process, on one core: what it shows is",
    "at most what one core can send and receive. Shows how far it is while it runs; Ctrl+C ends the publishing early.",
    "The latency of a message begins when it was due (with --rate) or was handed to the client (without).",
    "Exit codes: 0 nothing was lost (and at QoS 2 nothing came twice), 1 something was, or it could not connect,",
    "2 the command line is wrong.",
  ],
  options: [...BENCH_OPTIONS, ...CONNECTION_OPTIONS],
  examples: [
    "bench -h 127.0.0.1",
    "bench -q 1 --publishers 10 --rate 5000 --duration 60",
    "bench --pattern fanout --subscribers 100 --json report.json",
  ],
  run: bench,
};

async function bench(given: GivenClientOptions, terminal: Terminal): Promise<number> {
  const run = newRun();
  const task = new ClientTask(given, terminal);
  const plan = readBenchPlan(given, task.connection.topic ?? `bench/${run}`);
  if (given.operands.length > 0) throw new UsageError(`"${given.operands[0]}" stands alone; bench takes options only`);
  if (!isValidTopicName(plan.topic)) {
    throw new UsageError(`-t ${plan.topic}: it is the beginning of a topic, without + and #`);
  }
  const { settings, properties } = task.connection;
  const jsonPlace = lastOf(given, "json");
  // Before the run: it would be a pity to have no place for its result.
  if (jsonPlace !== undefined && jsonPlace !== "-") await writeReport(jsonPlace, "");
  const options = clientOptionsOf(settings, await findPassword(given, task.connection, terminal), properties);
  using stop = new StopRequest();
  const open = (name: string, more: Parameters<typeof connect>[1]): Promise<Client> =>
    connect(task.url, {
      ...options,
      ...more,
      clientId: `${settings.clientId ?? `bench-${run}`}-${name}`,
      // As many as the publishers may have on their way, so that the subscriber is not what they wait for.
      properties: { receiveMaximum: RECEIVE_MAXIMUM, ...options.properties },
    });
  if (jsonPlace !== "-") task.output.line(`${task.url}: ${planText(plan)}`);
  try {
    const { progress } = terminal;
    const result = await runBench(plan, run, { url: task.url, open, progress, signal: stop.signal });
    return await tell(result, jsonPlace, task);
  } catch (error) {
    const failure = failureOf(error, settings.protocolVersion);
    if (failure === undefined) throw error;
    task.complain(failure.text);
    return failure.code;
  }
}

async function tell({ report, chart }: BenchRun, jsonPlace: string | undefined, task: ClientTask): Promise<ExitCode> {
  if (jsonPlace === "-") task.output.line(jsonText(report));
  else {
    for (const line of reportLines(report, chart)) task.output.line(line);
    if (jsonPlace !== undefined) await writeReport(jsonPlace, jsonText(report) + "\n");
  }
  await task.output.written();
  return exitCodeOf(report);
}

function jsonText(report: BenchReport): string {
  return JSON.stringify(report, undefined, 2);
}

/** @throws CommandError */
async function writeReport(path: string, text: string): Promise<void> {
  try {
    await Deno.writeTextFile(path, text);
  } catch (error) {
    throw new CommandError(`--json ${path}: ${error instanceof Error ? error.message : error}`);
  }
}
