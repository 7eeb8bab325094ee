/** mosquitto_pub and mosquitto_sub, Eclipse Mosquitto's command line clients (libmosquitto, C). @module */

import { decodeHex } from "./hex.ts";
import type { ProtocolVersion, QoS } from "../../src/packet/mod.ts";
import {
  ClientProcess,
  type ClientProgram,
  type Message,
  type MessageProperties,
  patiently,
  type Subscriber,
  type SubscriberOptions,
} from "./client_program.ts";

/** Option -V. */
const VERSION_NAMES: Readonly<Record<ProtocolVersion, string>> = { 3: "mqttv31", 4: "mqttv311", 5: "mqttv5" };
/** Fields of a message, separated by tabs: what tests send holds none. */
const FORMAT = ["%q", "%r", "%t", "%C", "%R", "%D", "%E", "%P", "%x"].join("\t");
/** Retained by every broker: it comes when the subscription stands. mosquitto_sub writes its own word about SUBACK into
 * a buffer that a pipe gets with the first message only. */
const SUBSCRIBED_SIGN = "$SYS/broker/version";

export const mosquitto: ClientProgram = {
  name: "mosquitto",
  missing: await whyMissing(),

  async publish(url, version, message) {
    const { topicName, payload, qos, retain } = message;
    const args = [...connectionArgs(url, version), "-t", topicName, "-q", String(qos)];
    if (retain) args.push("-r");
    args.push(payload.length === 0 ? "-n" : "-s", ...propertyArgs(message.properties));
    await ClientProcess.run("mosquitto_pub", args, payload);
  },

  async subscribe(url, options) {
    const subscriber = new MosquittoSubscriber(url, options);
    try {
      await patiently(subscriber.subscribed());
      return subscriber;
    } catch (error) {
      await subscriber.kill();
      throw error;
    }
  },
};

/** Options that both programs know. */
export function connectionArgs(url: URL, version: ProtocolVersion): string[] {
  return ["-h", url.hostname, "-p", url.port, "-V", VERSION_NAMES[version]];
}

function propertyArgs(properties: MessageProperties): string[] {
  const { contentType, responseTopic, correlationData, messageExpiryInterval, userProperties = [] } = properties;
  const given: string[][] = userProperties.map(([name, value]) => ["user-property", name, value]);
  if (contentType !== undefined) given.push(["content-type", contentType]);
  if (responseTopic !== undefined) given.push(["response-topic", responseTopic]);
  if (correlationData !== undefined) given.push(["correlation-data", correlationData]);
  if (messageExpiryInterval !== undefined) given.push(["message-expiry-interval", String(messageExpiryInterval)]);
  return given.flatMap((words) => ["-D", "publish", ...words]);
}

class MosquittoSubscriber implements Subscriber {
  readonly #process: ClientProcess;
  /** What comes before the sign: messages of a resumed session, retained ones. */
  readonly #early: Message[] = [];

  constructor(url: URL, options: SubscriberOptions) {
    const { version, clientId, topicFilters, qos, cleanStart = true, sessionExpiryInterval, will } = options;
    const args = [...connectionArgs(url, version), "-i", clientId, "-q", String(qos), "-F", FORMAT];
    for (const topicFilter of [...topicFilters, SUBSCRIBED_SIGN]) args.push("-t", topicFilter);
    if (!cleanStart) args.push("-c");
    if (sessionExpiryInterval !== undefined) args.push("-x", String(sessionExpiryInterval));
    if (will !== undefined) {
      args.push("--will-topic", will.topicName, "--will-payload", new TextDecoder().decode(will.payload));
      args.push("--will-qos", String(will.qos));
      if (will.retain) args.push("--will-retain");
    }
    this.#process = new ClientProcess("mosquitto_sub", args);
  }

  async subscribed(): Promise<void> {
    for (;;) {
      const message = messageOf(await this.#process.nextLine());
      if (message.topicName === SUBSCRIBED_SIGN) return;
      this.#early.push(message);
    }
  }

  async next(): Promise<Message> {
    return this.#early.shift() ?? messageOf(await this.#process.nextLine());
  }

  kill(): Promise<void> {
    return this.#process.kill();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#process.kill();
  }
}

function messageOf(line: string): Message {
  const [qos, retain, topicName, contentType, responseTopic, correlationData, expiry, user, hex] = line.split("\t");
  return {
    topicName,
    payload: decodeHex(hex),
    qos: Number(qos) as QoS,
    retain: retain === "1",
    properties: {
      ...(contentType !== "" && { contentType }),
      ...(responseTopic !== "" && { responseTopic }),
      ...(correlationData !== "" && { correlationData }),
      ...(expiry !== "" && { messageExpiryInterval: Number(expiry) }),
      ...(user !== "" && { userProperties: user.split(" ").map((pair) => pair.split(":") as [string, string]) }),
    },
  };
}

async function whyMissing(): Promise<string | undefined> {
  try {
    await ClientProcess.run("mosquitto_sub", ["--help"], new Uint8Array()).catch((error) => {
      // Its help ends with 1 in some versions.
      if (error instanceof Deno.errors.NotFound) throw error;
    });
    return undefined;
  } catch {
    return "there is no mosquitto_sub: apt-get install mosquitto-clients";
  }
}
