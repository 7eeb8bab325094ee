/** `rr`: publishes a request, and prints the first response, as mosquitto_rr does. §4.10 @module */

import type { Client, Message } from "../../client/client.ts";
import { RequestTimeoutError } from "../../client/errors.ts";
import { isValidTopicName } from "../../topic/mod.ts";
import { UsageError } from "../arguments.ts";
import type { Terminal } from "../terminal.ts";
import type { ClientCommand } from "./client_command.ts";
import { TIMED_OUT } from "./client_failure.ts";
import type { ClientOption, GivenClientOptions } from "./client_option.ts";
import { ClientTask } from "./client_task.ts";
import { CONNECTION_OPTIONS } from "./connection_option_table.ts";
import { flagOf, lastOf, numberOption, qosOption } from "./given_values.ts";
import { MessagePrinter, PRINT_OPTIONS } from "./message_printer.ts";
import { receivedMessage } from "./received_message.ts";
import { brief } from "./packet_text.ts";
import { PAYLOAD_OPTIONS, payloadOptionOf, readPayload } from "./payload_source.ts";

const OPTIONS: readonly ClientOption[] = [
  {
    name: "topic",
    short: "t",
    valueNames: ["TOPIC"],
    about: "publish the request on this topic",
    example: "-t clock/get -m now",
  },
  {
    name: "response-topic",
    short: "e",
    valueNames: ["TOPIC"],
    about: "the response comes on this topic; default (5.0): one that only this client has",
    example: "-t clock/get -e clock/answer -m now",
  },
  ...PAYLOAD_OPTIONS,
  { name: "qos", short: "q", valueNames: ["0|1|2"], about: "the QoS of both; default 0", example: "-q 1" },
  { name: "W", valueNames: ["SECONDS"], about: "how long to wait, then exit code 27; default 10", example: "-W 2" },
  { name: "R", about: "a retained message is no response", example: "-e clock/answer -R" },
  ...PRINT_OPTIONS,
  ...CONNECTION_OPTIONS,
];
const SECONDS_MAX = 2_147_483;
const SECONDS = 10;
const CORRELATION_BYTES = 16;

export const RR: ClientCommand = {
  usages: ["-t TOPIC -m TEXT [OPTIONS]", "-t TOPIC -e RESPONSE_TOPIC -m TEXT [OPTIONS]"],
  details: [
    "The options mean what they mean to mosquitto_rr. The request carries a Response Topic and Correlation Data, and the",
    "first response with the same Correlation Data, or with none, is printed. MQTT 3.1.1 has neither: there -e is needed.",
    "Exit codes: 0 the response is printed, 1 something failed, 2 the command line is wrong, 27 none came in time.",
  ],
  options: OPTIONS,
  examples: ["rr -t clock/get -m now", "rr -t clock/get -e clock/answer -m now -W 2 -V 311"],
  run: requestResponse,
};

async function requestResponse(given: GivenClientOptions, terminal: Terminal): Promise<number> {
  const task = new ClientTask(given, terminal);
  const topicName = lastOf(given, "topic") ?? task.connection.topic;
  if (topicName === undefined) throw new UsageError("-t says which topic the request is published on: -t clock/get");
  if (!isValidTopicName(topicName)) {
    throw new UsageError(`-t ${brief(topicName)}: a request is published on one topic, without + and #`);
  }
  const responseTopic = lastOf(given, "response-topic");
  if (responseTopic !== undefined && !isValidTopicName(responseTopic)) {
    throw new UsageError(`-e ${brief(responseTopic)}: a response comes on one topic, without + and #`);
  }
  if (responseTopic === undefined && [3, 4].includes(task.connection.settings.protocolVersion ?? 5)) {
    throw new UsageError("-e says on which topic the response comes; MQTT 3.1.1 cannot tell who answers");
  }
  if (given.operands.length > 0) throw new UsageError(`"${given.operands[0]}" stands alone; -m says what is asked`);
  const printer = new MessagePrinter(given, task.output, (text) => task.complain(text));
  const timeoutMs = (numberOption(given, "W", 1, SECONDS_MAX) ?? SECONDS) * 1000;
  const payload = await readPayload(payloadOptionOf(given, PAYLOAD_OPTIONS), given, terminal);
  return await task.run({}, async ({ client, stop: { signal } }) => {
    const request = { topicName, payload, timeoutMs, signal };
    try {
      const response = responseTopic === undefined
        ? await askClient(client, task, request)
        : await askOn(responseTopic, client, task, request);
      if (response !== undefined) {
        printer.print(receivedMessage(response));
      }
      return 0;
    } catch (error) {
      if (signal.aborted) return 0;
      if (!(error instanceof RequestTimeoutError)) throw error;
      task.complain(`no response within ${timeoutMs / 1000} s`);
      return TIMED_OUT;
    }
  });
}

interface Request {
  readonly topicName: string;
  readonly payload: Uint8Array;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

function askClient(client: Client, { given, connection }: ClientTask, request: Request): Promise<Message> {
  const { topicName, payload, timeoutMs, signal } = request;
  const { publish: properties } = connection.properties;
  return client.request(topicName, payload, { qos: qosOption(given, "qos") ?? 0, properties, timeoutMs, signal });
}

/** @returns undefined when somebody asked it to stop. */
async function askOn(
  responseTopic: string,
  client: Client,
  { given, connection }: ClientTask,
  { topicName, payload, timeoutMs, signal }: Request,
): Promise<Message | undefined> {
  const qos = qosOption(given, "qos") ?? 0;
  const correlationData = connection.properties.publish.correlationData ??
    crypto.getRandomValues(new Uint8Array(CORRELATION_BYTES));
  await using responses = await client.subscribe(responseTopic, { qos });
  const isOf5 = client.protocolVersion === 5;
  await client.publish(topicName, payload, {
    qos,
    properties: isOf5 ? { ...connection.properties.publish, responseTopic, correlationData } : undefined,
  });
  const over = Promise.withResolvers<undefined>();
  const timer = setTimeout(() => over.reject(new RequestTimeoutError("timed out")), timeoutMs);
  const stop = () => over.resolve(undefined);
  signal.addEventListener("abort", stop);
  try {
    const first = async () => {
      for await (const message of responses) {
        const { correlationData: answered } = message.properties;
        const isOurs = answered === undefined || answered.toHex() === correlationData.toHex();
        if (isOurs && !(message.retain && flagOf(given, "R"))) return message;
      }
    };
    return await Promise.race([first(), over.promise]);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", stop);
  }
}
