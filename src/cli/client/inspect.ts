/** `inspect`: a connection, drawn: CONNECT, perhaps subscriptions and messages, and its end, as a sequence chart. @module */

import type { Client } from "../../client/client.ts";
import { MqttError } from "../../client/errors.ts";
import { isValidTopicName } from "../../topic/mod.ts";
import { UsageError } from "../arguments.ts";
import type { Terminal } from "../terminal.ts";
import { ChartOption, MERMAID_OPTION } from "./chart_option.ts";
import type { ClientCommand } from "./client_command.ts";
import type { ClientOption, GivenClientOptions } from "./client_option.ts";
import { ClientTask, type ConnectedTask } from "./client_task.ts";
import { CONNECTION_OPTIONS } from "./connection_option_table.ts";
import { allOf, flagOf, numberOption, qosOption, secondsOption } from "./given_values.ts";
import { requireFilters } from "./topic_filters.ts";

const OPTIONS: readonly ClientOption[] = [
  {
    name: "topic",
    short: "t",
    valueNames: ["FILTER"],
    repeatable: true,
    about: "subscribe to this",
    example: "-t 'greenhouse/#'",
  },
  {
    name: "publish",
    short: "m",
    valueNames: ["TOPIC", "TEXT"],
    repeatable: true,
    about: "publish this, after the subscriptions",
    example: "--publish greenhouse/door open",
  },
  { name: "qos", short: "q", valueNames: ["0|1|2"], about: "the QoS of all of them; default 0", example: "-q 2" },
  { name: "retain", short: "r", about: "what is published is retained", example: "--publish door open -r" },
  { name: "count", short: "C", valueNames: ["COUNT"], about: "leave after so many messages", example: "-t '#' -C 3" },
  {
    name: "W",
    valueNames: ["SECONDS"],
    about: "stay this long for messages; default: 2 with -t, 60 with -C, else not at all",
    example: "-t '#' -W 10",
  },
  {
    name: "drop",
    about: "cut the connection in the end, without DISCONNECT: the broker publishes the Will",
    example: "--will-topic t --drop",
  },
  MERMAID_OPTION,
  { name: "verbose", about: "each packet in one line on standard error, too", example: "--verbose" },
  ...CONNECTION_OPTIONS,
];
const SECONDS_MAX = 2_147_483;
const COUNT_MAX = 1_000_000_000;
const SECONDS = 2;
const SECONDS_WITH_COUNT = 60;

export const INSPECT: ClientCommand = {
  usages: ["[-t FILTER …] [--publish TOPIC TEXT …] [OPTIONS]"],
  details: [
    "Connects, subscribes, publishes, unsubscribes and disconnects, and draws each packet with every flag, field and property",
    "by its name, as it was really exchanged. Passwords are not shown.",
    "Exit codes: 0 it was, 1 something failed, 2 the command line is wrong; a broker that does not let us in: the Reason",
    "Code of its CONNACK. What there was to see until then is drawn all the same.",
  ],
  options: OPTIONS,
  examples: [
    "inspect -t greenhouse/door --publish greenhouse/door open -q 2 -C 1",
    "inspect --will-topic greenhouse/status --will-payload gone --drop --mermaid ./will.mmd",
  ],
  run: inspect,
};

async function inspect(given: GivenClientOptions, terminal: Terminal): Promise<number> {
  const task = new ClientTask(given, terminal);
  const filters = [...task.connection.topic === undefined ? [] : [task.connection.topic], ...allOf(given, "topic")];
  requireFilters("-t", filters);
  const messages = given.values.get("publish") ?? [];
  for (const [topicName] of messages) {
    if (!isValidTopicName(topicName)) throw new UsageError(`--publish ${topicName}: one topic, without + and #`);
  }
  if (given.operands.length > 0) {
    throw new UsageError(`"${given.operands[0]}" stands alone; --publish TOPIC TEXT publishes`);
  }
  const countMax = numberOption(given, "count", 1, COUNT_MAX);
  const waitMs = 1000 * (secondsOption(given, "W", 0, SECONDS_MAX) ??
    (filters.length === 0 ? 0 : countMax === undefined ? SECONDS : SECONDS_WITH_COUNT));
  const chart = new ChartOption(task, true);
  const drops = flagOf(given, "drop");
  // One connection is looked at: another one would be another chart.
  const code = await task.run(
    { observers: chart.begin(), drops, defaults: { reconnect: false } },
    async (connected) => {
      await exchange(connected, task, filters, messages, countMax ?? Infinity, waitMs);
      return 0;
    },
  );
  await task.output.written();
  await chart.finish();
  return code;
}

async function exchange(
  { client, stop: { signal } }: ConnectedTask,
  task: ClientTask,
  filters: readonly string[],
  messages: readonly (readonly string[])[],
  countMax: number,
  waitMs: number,
): Promise<void> {
  const { given, connection: { properties } } = task;
  const qos = qosOption(given, "qos") ?? 0;
  const over = Promise.withResolvers<void>();
  let count = 0;
  const subscription = filters.length === 0 ? undefined : await client.subscribe(filters, {
    qos,
    userProperties: properties.subscribe.userProperties,
    onMessage: () => {
      if (++count >= countMax) over.resolve();
    },
  });
  const stop = () => over.resolve();
  signal.addEventListener("abort", stop);
  for (const [topicName, text] of messages) await publish(client, task, topicName, text);
  const timer = setTimeout(() => over.resolve(), waitMs);
  await over.promise;
  clearTimeout(timer);
  signal.removeEventListener("abort", stop);
  if (!flagOf(given, "drop")) await subscription?.unsubscribe();
}

async function publish(client: Client, task: ClientTask, topicName: string, text: string): Promise<void> {
  const { given, connection: { properties } } = task;
  try {
    await client.publish(topicName, text, {
      qos: qosOption(given, "qos") ?? 0,
      retain: flagOf(given, "retain"),
      properties: properties.publish,
    });
  } catch (error) {
    // The chart shows it, and goes on.
    if (!(error instanceof MqttError)) throw error;
    task.complain(error.message);
  }
}
