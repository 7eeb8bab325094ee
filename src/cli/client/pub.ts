/** `pub`: publishes as mosquitto_pub does: one message, the same again and again, or one for each line. @module */

import { delay } from "@std/async/delay";
import type { PublishOptions } from "../../client/client.ts";
import { PublishRefusedError } from "../../client/errors.ts";
import { isValidTopicName } from "../../topic/mod.ts";
import { UsageError } from "../arguments.ts";
import type { Terminal } from "../terminal.ts";
import type { ClientCommand } from "./client_command.ts";
import type { ClientOption, GivenClientOptions } from "./client_option.ts";
import { ClientTask } from "./client_task.ts";
import { CONNECTION_OPTIONS } from "./connection_option_table.ts";
import { flagOf, lastOf, numberOption, qosOption, secondsOption } from "./given_values.ts";
import { brief } from "./packet_text.ts";
import { inputOf, LINES_OPTION, linesOf, PAYLOAD_OPTIONS, payloadOptionOf, readPayload } from "./payload_source.ts";
import { PublishWindow } from "./publish_window.ts";

const SOURCES = [...PAYLOAD_OPTIONS, LINES_OPTION];
const OPTIONS: readonly ClientOption[] = [
  {
    name: "topic",
    short: "t",
    valueNames: ["TOPIC"],
    about: "publish on this topic",
    example: "-t greenhouse/temperature",
  },
  ...SOURCES,
  { name: "retain", short: "r", about: "the broker keeps it for later subscribers", example: "-t door -m open -r" },
  {
    name: "qos",
    short: "q",
    valueNames: ["0|1|2"],
    about: "0 = at most once (the default), 1 = at least, 2 = exactly",
    example: "-q 1",
  },
  {
    name: "repeat",
    valueNames: ["COUNT"],
    about: "publish the message this many times",
    example: "-m tick --repeat 10",
  },
  {
    name: "repeat-delay",
    valueNames: ["SECONDS"],
    about: "wait this long before each further time; default 0",
    example: "-m tick --repeat 10 --repeat-delay 0.5",
  },
  {
    name: "max-inflight",
    short: "M",
    valueNames: ["COUNT"],
    about:
      "so many messages may be on their way before the first is acknowledged; default 20, or what the broker takes",
    example: "-l -q 1 -M 100",
  },
  {
    name: "verbose",
    about: "say each packet, in one line on standard error",
    example: "-m 21.5 --verbose",
  },
  ...CONNECTION_OPTIONS,
];
const IN_FLIGHT = 20;
/** Messages of QoS 0 wait for nobody but the connection. */
const IN_FLIGHT_QOS0 = 1000;
const COUNT_MAX = 1_000_000_000;
/** As long as one that works takes many times over. */
const STOP_PATIENCE_MS = 2000;
/** As long as a timer can be set. */
const SECONDS_MAX = 2_147_483;

export const PUB: ClientCommand = {
  usages: [
    "-t TOPIC -m TEXT [OPTIONS]",
    "-t TOPIC {-f FILE | -s | -l | -n} [OPTIONS]",
    "-L mqtt://HOST/TOPIC -m TEXT [OPTIONS]",
  ],
  details: [
    "The options mean what they mean to mosquitto_pub; MQTT 5.0 is spoken unless -V or the broker wants another version.",
    "Exit codes: 0 all was published (QoS 1 and 2: acknowledged), 1 something failed or was refused, 2 the command line",
    "is wrong; a broker that does not let us in: the Reason Code of its CONNACK (135 = Not authorized; 3.x: 1 to 5).",
  ],
  options: OPTIONS,
  examples: [
    "pub -t greenhouse/temperature -m 21.5 -q 1",
    "pub -L mqtt://127.0.0.1:1884/door -m open -r",
    "pub -t readings -l < ./readings.txt",
  ],
  run: pub,
};

async function pub(given: GivenClientOptions, terminal: Terminal): Promise<number> {
  const task = new ClientTask(given, terminal);
  const { connection } = task;
  const topicName = lastOf(given, "topic") ?? connection.topic;
  if (topicName === undefined) throw new UsageError("-t says which topic to publish on: -t greenhouse/temperature");
  if (!isValidTopicName(topicName)) {
    throw new UsageError(`-t ${brief(topicName)}: a message is published on one topic, without + and #`);
  }
  if (given.operands.length > 0) throw new UsageError(`"${given.operands[0]}" stands alone; -m says what is published`);
  const source = payloadOptionOf(given, SOURCES);
  const isLines = source === LINES_OPTION.name;
  const count = numberOption(given, "repeat", 1, COUNT_MAX) ?? 1;
  const delayMs = (secondsOption(given, "repeat-delay", 0, SECONDS_MAX) ?? 0) * 1000;
  const inFlightMax = numberOption(given, "max-inflight", 1, 0xffff);
  const options: PublishOptions = {
    qos: qosOption(given, "qos") ?? 0,
    retain: flagOf(given, "retain"),
    properties: connection.properties.publish,
  };
  const payload = isLines ? new Uint8Array() : await readPayload(source, given, terminal);
  return await task.run({}, async ({ client, stop }) => {
    const { signal } = stop;
    const window = new PublishWindow(inFlightMax ?? (options.qos === 0 ? IN_FLIGHT_QOS0 : IN_FLIGHT));
    let refused = 0;
    const publish = async (each: Uint8Array) => {
      try {
        await client.publish(topicName, each, options);
      } catch (error) {
        if (!(error instanceof PublishRefusedError)) throw error;
        refused++;
        task.complain(error.message);
      }
    };
    if (isLines) {
      for await (const line of linesOf(inputOf(terminal), signal)) await window.add(publish(line));
    } else {
      for (let time = 0; time < count && !signal.aborted; time++) {
        if (time > 0 && delayMs > 0) await delay(delayMs, { signal }).catch(() => {});
        if (!signal.aborted) await (delayMs > 0 ? publish(payload) : window.add(publish(payload)));
      }
    }
    // Ctrl+C while the broker owes an acknowledgement: it has a moment for it, and not for ever.
    const patience = new AbortController();
    const late = stop.asked.then(() => delay(STOP_PATIENCE_MS, patience)).then(() => "late", () => "in time");
    try {
      if (await Promise.race([window.empty(), late]) === "late") {
        task.complain("ended before everything was acknowledged");
        return 1;
      }
    } finally {
      patience.abort();
    }
    return refused === 0 ? 0 : 1;
  });
}
