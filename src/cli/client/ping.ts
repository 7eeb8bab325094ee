/** `ping`: how long messages take through the broker and back. It publishes on a topic of its own, which it subscribes to.
 * @module */

import { delay } from "@std/async/delay";
import type { Client } from "../../client/client.ts";
import type { QoS } from "../../packet/control_packet.ts";
import { isValidTopicName } from "../../topic/topic_name.ts";
import { counted } from "../answer.ts";
import { ExitCode, UsageError } from "../arguments.ts";
import type { Terminal } from "../terminal.ts";
import { latencyText } from "./bench_report.ts";
import type { ClientCommand } from "./client_command.ts";
import type { ClientOption, GivenClientOptions } from "./client_option.ts";
import { ClientTask } from "./client_task.ts";
import { CONNECTION_OPTIONS } from "./connection_option_table.ts";
import { flagOf, lastOf, numberOption, qosOption, secondsOption } from "./given_values.ts";
import { durationText, LatencyHistogram } from "./latency_histogram.ts";
import { PingRound } from "./ping_round.ts";
import { newRun, STAMP_BYTES } from "./stamped_payload.ts";

const COUNT = 10;
const COUNT_MAX = 1_000_000_000;
const INTERVAL_S = 1;
const TIMEOUT_S = 5;
const SIZE = 64;
const SIZE_MAX = 16 * 1024 * 1024;
const SECONDS_MAX = 24 * 3600;

const OPTIONS: readonly ClientOption[] = [
  {
    name: "count",
    valueNames: ["NUMBER"],
    about: `how many messages; default ${COUNT}, 0 = until Ctrl+C`,
    example: "--count 100",
  },
  {
    name: "interval",
    valueNames: ["SECONDS"],
    about:
      `from one to the next; default ${INTERVAL_S}. 0 = the next one when the last one is back, and only what is lost is said`,
    example: "--interval 0",
  },
  {
    name: "qos",
    short: "q",
    valueNames: ["0|1|2"],
    about: "of publishing and subscribing; default 0",
    example: "-q 1",
  },
  {
    name: "size",
    valueNames: ["BYTES"],
    about: `of each payload; default ${SIZE}, at least ${STAMP_BYTES}`,
    example: "--size 1024",
  },
  {
    name: "timeout",
    valueNames: ["SECONDS"],
    about: `a message that is not back after this time is lost; default ${TIMEOUT_S}`,
    example: "--timeout 1",
  },
  {
    name: "topic",
    short: "t",
    valueNames: ["TOPIC"],
    about: "the topic that it uses; default ping/ and a number of this run",
    example: "-t test/ping",
  },
  { name: "json", about: "say the result as JSON, and nothing of each message", example: "--json" },
  ...CONNECTION_OPTIONS,
];

export const PING: ClientCommand = {
  usages: ["[OPTIONS]"],
  details: [
    "Publishes on a topic of its own, subscribes to it, and says how long each message took through the broker and back;",
    "in the end what part of them took how long, as numbers and as a picture.",
    "Exit codes: 0 all came back, 1 some were lost, or it could not connect, 2 the command line is wrong.",
  ],
  options: OPTIONS,
  examples: ["ping -h 127.0.0.1", "ping --count 1000 --interval 0 -q 1", "ping --count 5 --json"],
  run: ping,
};

interface PingPlan {
  /** Infinity = until it is stopped. */
  readonly count: number;
  readonly intervalMs: number;
  readonly qos: QoS;
  readonly size: number;
  readonly timeoutMs: number;
  readonly topicName: string;
}

async function ping(given: GivenClientOptions, terminal: Terminal): Promise<number> {
  const run = newRun();
  const task = new ClientTask(given, terminal);
  const plan = readPlan(given, task.connection.topic ?? `ping/${run}`);
  const isJson = flagOf(given, "json");
  return await task.run({}, async ({ client, stop: { signal } }) => {
    const say = (line: string) => isJson ? undefined : task.output.line(line);
    say(`${task.url}: ${plan.size} bytes, QoS ${plan.qos}, on ${plan.topicName}`);
    const latencies = new LatencyHistogram();
    const sent = await pingAll(client, plan, run, latencies, say, signal);
    const received = latencies.count;
    const lost = sent - received;
    if (isJson) {
      const { qos, size, topicName } = plan;
      const roundTripMs = latencies.summary() ?? null;
      task.output.line(JSON.stringify({ url: task.url, topicName, qos, size, sent, received, lost, roundTripMs }));
    } else {
      for (const line of summaryLines(sent, latencies)) say(line);
    }
    return lost === 0 ? ExitCode.Ok : ExitCode.Failed;
  });
}

function readPlan(given: GivenClientOptions, usualTopic: string): PingPlan {
  if (given.operands.length > 0) {
    throw new UsageError(`"${given.operands[0]}" stands alone; -h says which broker: -h ${given.operands[0]}`);
  }
  const topicName = lastOf(given, "topic") ?? usualTopic;
  if (!isValidTopicName(topicName)) throw new UsageError(`-t ${topicName}: it is one topic, without + and #`);
  return {
    count: numberOption(given, "count", 0, COUNT_MAX) || (lastOf(given, "count") === undefined ? COUNT : Infinity),
    intervalMs: 1000 * (secondsOption(given, "interval", 0, SECONDS_MAX) ?? INTERVAL_S),
    qos: qosOption(given, "qos") ?? 0,
    size: numberOption(given, "size", STAMP_BYTES, SIZE_MAX) ?? SIZE,
    timeoutMs: 1000 * (secondsOption(given, "timeout", 0.001, SECONDS_MAX) ?? TIMEOUT_S),
    topicName,
  };
}

/** @returns how many were sent. */
async function pingAll(
  client: Client,
  plan: PingPlan,
  run: number,
  latencies: LatencyHistogram,
  say: (line: string) => void,
  signal: AbortSignal,
): Promise<number> {
  const round = new PingRound(plan.size, run);
  await client.subscribe(plan.topicName, { qos: plan.qos, onMessage: ({ payload }) => round.take(payload) });
  let sent = 0;
  const waiting = new Set<Promise<void>>();
  while (sent < plan.count && !signal.aborted) {
    const number = sent++;
    const dueMs = performance.now() + plan.intervalMs;
    const back = round.send(
      number,
      plan.timeoutMs,
      signal,
      (payload) => client.publish(plan.topicName, payload, { qos: plan.qos }),
    ).then((answer) => {
      if (answer.ms !== undefined) latencies.record(answer.ms);
      else if (signal.aborted) sent--;
      if (answer.ms === undefined) say(`${number + 1}: ${answer.why}`);
      else if (plan.intervalMs > 0) say(`${number + 1}: ${durationText(answer.ms)}`);
    });
    waiting.add(back);
    back.finally(() => waiting.delete(back));
    if (plan.intervalMs === 0) await back;
    else if (sent < plan.count) await delay(dueMs - performance.now(), { signal }).catch(() => {});
  }
  await Promise.all(waiting);
  return sent;
}

function summaryLines(sent: number, latencies: LatencyHistogram): string[] {
  const lost = sent - latencies.count;
  const summary = latencies.summary();
  const percent = sent === 0 ? 0 : Math.round(1000 * lost / sent) / 10;
  return [
    "",
    `${counted(sent, "message")} sent, ${latencies.count} back, ${lost} lost (${percent} %)`,
    ...(summary === undefined ? [] : [latencyText(summary), "", ...latencies.chart()]),
  ];
}
