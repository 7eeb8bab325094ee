/** `watch`: topics as a tree on the terminal, as they come in. This file has the terminal, the clock and the client; what is
 * shown and what keys do is in `watch_model.ts` and `watch_view.ts`. @module */

import type { Client } from "../../client/client.ts";
import type { ClientObserver } from "../../client/client_observer.ts";
import type { QoS } from "../../packet/control_packet.ts";
import { ReasonCode } from "../../packet/reason_code.ts";
import { ExitCode, UsageError } from "../arguments.ts";
import type { Terminal } from "../terminal.ts";
import type { ClientCommand } from "./client_command.ts";
import type { ClientOption, GivenClientOptions } from "./client_option.ts";
import { ClientTask } from "./client_task.ts";
import { CONNECTION_OPTIONS } from "./connection_option_table.ts";
import { allOf, flagOf, numberOption, qosOption } from "./given_values.ts";
import { KeyReader } from "./terminal_keys.ts";
import { TerminalScreen } from "./terminal_screen.ts";
import { seenMessage, TREE_LIMITS, type TreeLimits } from "./topic_tree_view.ts";
import type { TypedMessage } from "./watch_form.ts";
import { WatchModel } from "./watch_model.ts";
import { viewWatch } from "./watch_view.ts";

/** Pictures come no faster. */
const FRAME_MS = 100;
/** How often rates and ages, and the size of the terminal, are looked at. */
const SAMPLE_MS = 1000;
const RESIZE_MS = 250;
/** The Escape key is one when nothing follows it for so long. */
const ESCAPE_MS = 50;
const NODES_MAX = 1_000_000;
const PAYLOAD_BYTES_MAX = 1024 * 1024;

const OPTIONS: readonly ClientOption[] = [
  {
    name: "topic",
    short: "t",
    valueNames: ["FILTER"],
    repeatable: true,
    about: "subscribe to this Topic Filter; may be given several times; default #, which is all but $SYS and the like",
    example: "-t greenhouse/# -t '$SYS/#'",
  },
  { name: "qos", short: "q", valueNames: ["0|1|2"], about: "of the subscriptions; default 0", example: "-q 1" },
  {
    name: "topics-max",
    valueNames: ["NUMBER"],
    about: `so many levels of topics are kept; default ${TREE_LIMITS.nodesMax}. What is beyond is counted`,
    example: "--topics-max 100000",
  },
  {
    name: "payload-max",
    valueNames: ["BYTES"],
    about: `so much of a payload is kept; default ${TREE_LIMITS.payloadBytesMax}`,
    example: "--payload-max 65536",
  },
  ...CONNECTION_OPTIONS,
];

export const WATCH: ClientCommand = {
  usages: ["[OPTIONS]", "-t FILTER [OPTIONS]"],
  details: [
    "Shows topics as a tree, with the last value of each, its rate and its age. Keys: arrows move, fold and unfold, Enter",
    "shows a message with its properties (as text, JSON or hexadecimal), / filters, p publishes, c clears a retained",
    "message, Space pauses, ? shows all keys, q quits. NO_COLOR in the environment takes the colours away.",
    "Exit codes: 0 ended as asked, 1 it could not connect, or there is no terminal, 2 the command line is wrong.",
  ],
  options: OPTIONS,
  examples: ["watch -h 127.0.0.1", "watch -t greenhouse/# -q 1", "watch -L mqtts://localhost --cafile ca.crt"],
  run: watch,
};

async function watch(given: GivenClientOptions, terminal: Terminal): Promise<number> {
  const filters = allOf(given, "topic");
  if (given.operands.length > 0) {
    throw new UsageError(`"${given.operands[0]}" stands alone; -t says what to watch: -t ${given.operands[0]}`);
  }
  for (const name of ["packets", "debug"]) {
    if (flagOf(given, name)) throw new UsageError(`--${name} would write into the picture; inspect shows packets`);
  }
  const limits: TreeLimits = {
    nodesMax: numberOption(given, "topics-max", 1, NODES_MAX) ?? TREE_LIMITS.nodesMax,
    payloadBytesMax: numberOption(given, "payload-max", 16, PAYLOAD_BYTES_MAX) ?? TREE_LIMITS.payloadBytesMax,
  };
  const qos = qosOption(given, "qos") ?? 0;
  const task = new ClientTask(given, terminal);
  // Before it connects: an address that takes long should not come before this.
  if (!TerminalScreen.isThere()) TerminalScreen.open("watch");
  const model = new WatchModel(limits);
  const states: ClientObserver = { state: (state, cause) => model.connection = `${task.url} ${state}: ${cause}` };
  return await task.run({ observers: [states] }, async ({ client, stop }) => {
    using screen = TerminalScreen.open("watch");
    const topic = filters.length > 0 ? filters : [task.connection.topic ?? "#"];
    const watching = new Watching(client, model, screen, task.output.hasColours);
    await watching.run(topic, qos, stop.signal);
    return ExitCode.Ok;
  });
}

class Watching {
  readonly #end = Promise.withResolvers<void>();
  readonly #keys = new KeyReader();
  #escapeTimer: ReturnType<typeof setTimeout> | undefined;
  #frameTimer: ReturnType<typeof setTimeout> | undefined;
  #drawnAtMs = -Infinity;

  constructor(
    private readonly client: Client,
    private readonly model: WatchModel,
    private readonly screen: TerminalScreen,
    private readonly hasColours: boolean,
  ) {}

  /** @returns when somebody quits, or standard input ends. */
  async run(filters: readonly string[], qos: QoS, signal: AbortSignal): Promise<void> {
    const { client, model, screen } = this;
    // What ended it is said on the screen that was there before.
    client.closed.catch(() => screen.restore());
    signal.addEventListener("abort", () => this.#end.resolve());
    const sampling = setInterval(() => {
      model.tree.sample(performance.now());
      this.#changed();
    }, SAMPLE_MS);
    let { columns, rows } = screen.size();
    const resizing = setInterval(() => {
      const size = screen.size();
      if (size.columns !== columns || size.rows !== rows) this.#changed();
      ({ columns, rows } = size);
    }, RESIZE_MS);
    const reader = Deno.stdin.readable.getReader();
    try {
      this.#changed();
      const reading = this.#read(reader);
      await client.subscribe(filters, {
        qos,
        // So that a message that is retained from now on is known as one.
        retainAsPublished: true,
        onMessage: (message) => {
          model.take(message.topicName, seenMessage(message, Date.now(), model.tree.limits));
          this.#changed();
        },
      });
      await Promise.race([this.#end.promise, reading]);
    } finally {
      clearInterval(sampling);
      clearInterval(resizing);
      clearTimeout(this.#frameTimer);
      clearTimeout(this.#escapeTimer);
      screen.restore();
      // It may wait for a key that is never typed.
      reader.cancel().catch(() => {});
    }
  }

  async #read(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<void> {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      clearTimeout(this.#escapeTimer);
      this.#take(this.#keys.read(value));
      if (this.#keys.isUndecided) this.#escapeTimer = setTimeout(() => this.#take(this.#keys.flush()), ESCAPE_MS);
    }
  }

  #take(keys: ReturnType<KeyReader["read"]>): void {
    for (const key of keys) {
      const wish = this.model.key(key);
      if (wish?.name === "quit") this.#end.resolve();
      else if (wish?.name === "publish") this.#publish(wish.message);
    }
    this.#changed();
  }

  async #publish({ topicName, payload, qos, retain }: TypedMessage): Promise<void> {
    const { model } = this;
    try {
      const { reasonCode } = await this.client.publish(topicName, payload, { qos, retain });
      const nobody = reasonCode === ReasonCode.NoMatchingSubscribers ? "; nobody subscribed to it" : "";
      model.notice = payload === "" && retain ? `cleared ${topicName}` : `published on ${topicName}${nobody}`;
    } catch (error) {
      model.notice = `${topicName}: ${error instanceof Error ? error.message : error}`;
    }
    this.#changed();
  }

  /** A picture soon, and no more than one in `FRAME_MS`. */
  #changed(): void {
    this.#frameTimer ??= setTimeout(() => {
      this.#frameTimer = undefined;
      this.#drawnAtMs = performance.now();
      // The terminal is behind: it gets a newer one later.
      if (this.screen.isBusy) return this.#changed();
      const size = this.screen.size();
      this.screen.draw(viewWatch(this.model, size, Date.now(), this.hasColours), size);
    }, Math.max(0, this.#drawnAtMs + FRAME_MS - performance.now()));
  }
}
