/** `sub`: subscribes as mosquitto_sub does, and prints what comes. @module */

import type { Client, Message, Subscription } from "../../client/client.ts";
import { reasonName } from "../../packet/reason_code.ts";
import { UsageError } from "../arguments.ts";
import type { Terminal } from "../terminal.ts";
import { ChartOption, columnsOf, MERMAID_OPTION } from "./chart_option.ts";
import type { ClientCommand } from "./client_command.ts";
import { TIMED_OUT } from "./client_failure.ts";
import type { ClientOption, GivenClientOptions } from "./client_option.ts";
import { ClientTask, type ConnectedTask } from "./client_task.ts";
import { CONNECTION_OPTIONS } from "./connection_option_table.ts";
import { allOf, flagOf, numberOption, qosOption } from "./given_values.ts";
import { MessagePrinter, PRINT_OPTIONS } from "./message_printer.ts";
import { MessageSelection, SELECTION_OPTIONS } from "./message_selection.ts";
import { type ReceivedMessage, receivedMessage } from "./received_message.ts";
import { RetainedTree, TREE_TOPICS_MAX } from "./retained_tree.ts";
import { requireFilters } from "./topic_filters.ts";

const OPTIONS: readonly ClientOption[] = [
  {
    name: "topic",
    short: "t",
    valueNames: ["FILTER"],
    repeatable: true,
    about: "subscribe to this",
    example: "-t 'greenhouse/#' -t door",
  },
  { name: "qos", short: "q", valueNames: ["0|1|2"], about: "at most this QoS; default 0", example: "-t '#' -q 1" },
  {
    name: "unsubscribe",
    short: "U",
    valueNames: ["FILTER"],
    repeatable: true,
    about: "unsubscribe from this, for a session that stays",
    example: "-c -i reader -U old -E",
  },
  { name: "count", short: "C", valueNames: ["COUNT"], about: "end after so many messages", example: "-t door -C 1" },
  {
    name: "W",
    valueNames: ["SECONDS"],
    about: "end after this time, with exit code 27",
    example: "-t door -C 1 -W 10",
  },
  { name: "E", about: "end as soon as the subscriptions are acknowledged", example: "-c -i reader -t '#' -q 1 -E" },
  ...PRINT_OPTIONS,
  ...SELECTION_OPTIONS,
  {
    name: "retain-as-published",
    about: "keep the retain flag as its publisher set it (5.0)",
    example: "-t '#' --retain-as-published",
  },
  { name: "no-local", about: "not what this client publishes itself (5.0)", example: "-t '#' --no-local" },
  {
    name: "retained-tree",
    about: "print the retained messages as a tree, and end when a second brought none",
    example: "--retained-tree",
  },
  {
    name: "sequence",
    about: "print the packets as a sequence chart, in place of the messages",
    example: "-t '#' --sequence",
  },
  MERMAID_OPTION,
  ...CONNECTION_OPTIONS,
];
const COUNT_MAX = 1_000_000_000;
const SECONDS_MAX = 2_147_483;
/** No packet says that there are no more retained messages. */
const RETAINED_PAUSE_MS = 1000;

export const SUB: ClientCommand = {
  usages: [
    "-t FILTER [-t FILTER …] [OPTIONS]",
    "-L mqtt://HOST/FILTER [OPTIONS]",
    "--retained-tree [-t FILTER] [OPTIONS]",
  ],
  details: [
    "The options mean what they mean to mosquitto_sub, and what a program reads is the same to the byte. On a terminal,",
    "payloads are shown by what they are (text, JSON, hexadecimal), and control characters are escaped.",
    "Exit codes: 0 ended as asked, 1 something failed, 2 the command line is wrong, 27 the time of -W is over; a broker that",
    "does not let us in: the Reason Code of its CONNACK (135 = Not authorized; 3.x: 1 to 5).",
  ],
  options: OPTIONS,
  examples: [
    "sub -t 'greenhouse/#' -v",
    "sub -t door -C 1 -W 10 -F '%I %p'",
    "sub -t '#' --json",
    "sub --retained-tree",
  ],
  run: sub,
};

async function sub(given: GivenClientOptions, terminal: Terminal): Promise<number> {
  const task = new ClientTask(given, terminal);
  const wish = readWish(given, task);
  const chart = new ChartOption(task, flagOf(given, "sequence"));
  const code = await task.run(
    { observers: chart.begin() },
    (connected) => new Run(task, wish, chart, connected).work(),
  );
  await chart.finish();
  return code;
}

interface Wish {
  readonly filters: readonly string[];
  readonly unsubscribed: readonly string[];
  readonly countMax: number;
  readonly timeoutMs: number | undefined;
  readonly endsSubscribed: boolean;
  readonly tree: RetainedTree | undefined;
  readonly printer: MessagePrinter;
  readonly selection: MessageSelection;
}

function readWish(given: GivenClientOptions, task: ClientTask): Wish {
  const hasTree = flagOf(given, "retained-tree");
  const filters = [...task.connection.topic === undefined ? [] : [task.connection.topic], ...allOf(given, "topic")];
  if (filters.length === 0 && hasTree) filters.push("#");
  const unsubscribed = allOf(given, "unsubscribe");
  if (filters.length + unsubscribed.length === 0) {
    throw new UsageError("-t says what to subscribe to: -t 'greenhouse/#'");
  }
  requireFilters("-t", filters);
  requireFilters("-U", unsubscribed);
  const both = unsubscribed.find((filter) => filters.includes(filter));
  if (both !== undefined) throw new UsageError(`-t and -U both name ${JSON.stringify(both)}`);
  const shared = filters.find((filter) => filter.startsWith("$share/"));
  if (shared !== undefined && flagOf(given, "no-local")) {
    throw new UsageError(`--no-local is not for a shared subscription, as ${JSON.stringify(shared)} is one`);
  }
  if (given.operands.length > 0) {
    throw new UsageError(`"${given.operands[0]}" stands alone; -t says what to subscribe to`);
  }
  if (flagOf(given, "sequence") && flagOf(given, "json")) {
    throw new UsageError("--sequence draws the packets in the place of the messages, and --json prints messages");
  }
  const seconds = numberOption(given, "W", 1, SECONDS_MAX);
  return {
    filters,
    unsubscribed,
    countMax: numberOption(given, "count", 1, COUNT_MAX) ?? Infinity,
    timeoutMs: seconds === undefined ? undefined : seconds * 1000,
    endsSubscribed: flagOf(given, "E"),
    tree: hasTree ? new RetainedTree() : undefined,
    printer: new MessagePrinter(given, task.output, (text) => task.complain(text)),
    selection: new MessageSelection(given),
  };
}

/** One run, from the subscription on. It ends when the first of its reasons to end comes. */
class Run {
  readonly #task: ClientTask;
  readonly #wish: Wish;
  readonly #chart: ChartOption;
  readonly #client: Client;
  readonly #stop: ConnectedTask["stop"];
  readonly #ended = Promise.withResolvers<number>();
  #count = 0;
  #isOver = false;
  #treePause: ReturnType<typeof setTimeout> | undefined;

  constructor(task: ClientTask, wish: Wish, chart: ChartOption, { client, stop }: ConnectedTask) {
    this.#task = task;
    this.#wish = wish;
    this.#chart = chart;
    this.#client = client;
    this.#stop = stop;
  }

  async work(): Promise<number> {
    const { timeoutMs } = this.#wish;
    const timer = timeoutMs === undefined ? undefined : setTimeout(() => {
      this.#task.complain("timed out");
      this.#end(TIMED_OUT);
    }, timeoutMs);
    const stop = () => this.#end(0);
    this.#stop.signal.addEventListener("abort", stop);
    try {
      this.#subscribe().catch(this.#ended.reject);
      const code = await this.#ended.promise;
      this.#printTree();
      return code;
    } finally {
      clearTimeout(timer);
      clearTimeout(this.#treePause);
      this.#stop.signal.removeEventListener("abort", stop);
    }
  }

  #end(code: number): void {
    this.#isOver = true;
    this.#ended.resolve(code);
  }

  async #subscribe(): Promise<void> {
    const { filters, unsubscribed, endsSubscribed, tree } = this.#wish;
    const { given, connection } = this.#task;
    const subscription = filters.length === 0 ? undefined : await this.#client.subscribe(filters, {
      qos: qosOption(given, "qos") ?? 0,
      noLocal: flagOf(given, "no-local"),
      retainAsPublished: flagOf(given, "retain-as-published"),
      userProperties: connection.properties.subscribe.userProperties,
    });
    if (subscription !== undefined) this.#complainOfRefused(subscription);
    if (unsubscribed.length > 0) await this.#unsubscribe(unsubscribed);
    if (endsSubscribed) return this.#end(0);
    if (tree !== undefined) this.#awaitPause();
    if (subscription === undefined) return;
    for await (const message of subscription) {
      // What comes after the last one is not ours any more; who asks for the next one acknowledges this one.
      if (this.#isOver) return;
      await this.#take(message);
    }
  }

  async #unsubscribe(topicFilters: readonly string[]): Promise<void> {
    this.#complainOfRefused({ topicFilters, reasonCodes: await this.#client.unsubscribe(topicFilters) });
  }

  #complainOfRefused({ topicFilters, reasonCodes }: Pick<Subscription, "topicFilters" | "reasonCodes">): void {
    reasonCodes.forEach((code, at) => {
      if (code >= 0x80) this.#task.complain(`the broker refuses ${topicFilters[at]}: ${reasonName(code)}`);
    });
  }

  async #take(message: Message): Promise<void> {
    const received = receivedMessage(message);
    const { selection, countMax, tree } = this.#wish;
    if (selection.isRetainedOnly && !received.retain) return this.#end(0);
    if (selection.isLeftOut(received)) return;
    if (selection.removesRetained && received.retain) {
      await this.#client.publish(received.topicName, "", { qos: 1, retain: true });
    }
    if (tree !== undefined) return this.#grow(tree, received);
    if (!selection.isPrinted(received)) return;
    if (!this.#chart.isAsked) this.#wish.printer.print(received);
    if (++this.#count >= countMax) return this.#end(0);
    await this.#task.output.room();
  }

  #grow(tree: RetainedTree, { topicName, payload, retain }: ReceivedMessage): void {
    if (!retain || payload.length === 0) return;
    if (!tree.add(topicName, payload)) {
      this.#task.complain(`there are more than ${TREE_TOPICS_MAX} retained messages; the tree ends there`);
      return this.#end(0);
    }
    this.#awaitPause();
  }

  #awaitPause(): void {
    clearTimeout(this.#treePause);
    this.#treePause = setTimeout(() => this.#end(0), RETAINED_PAUSE_MS);
  }

  #printTree(): void {
    const { tree } = this.#wish;
    if (tree === undefined) return;
    const { output } = this.#task;
    for (const line of tree.lines(columnsOf(this.#task), (level) => output.paint("topic", level))) output.line(line);
    if (tree.topics === 0) this.#task.complain("there are no retained messages");
  }
}
