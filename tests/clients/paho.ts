/** Paho for Python, Eclipse's client library, run by paho_client.py. @module */

import { fileURLToPath } from "node:url";
import {
  ClientProcess,
  type ClientProgram,
  type Message,
  patiently,
  type Subscriber,
  type SubscriberOptions,
} from "./client_program.ts";

const SCRIPT = fileURLToPath(new URL("paho_client.py", import.meta.url));
/** The first one that has Paho: the one on the PATH may not be the system's. */
const INTERPRETERS = ["python3", "/usr/bin/python3", "python"];
/** A Python that has Paho. */
export const interpreter = await findInterpreter();
let counter = 0;

export const paho: ClientProgram = {
  name: "Paho",
  missing: interpreter === undefined ? "no Python has paho.mqtt: apt-get install python3-paho-mqtt" : undefined,

  async publish(url, version, message) {
    const { payload, ...rest } = message;
    const clientId = `paho-pub-${++counter}`;
    const request = { ...addressOf(url), version, clientId, cleanStart: true, message: rest };
    await ClientProcess.run(interpreter!, [SCRIPT, JSON.stringify(request)], payload);
  },

  async subscribe(url, options) {
    const subscriber = new PahoSubscriber(url, options);
    try {
      await patiently(subscriber.subscribed());
      return subscriber;
    } catch (error) {
      await subscriber.kill();
      throw error;
    }
  },
};

class PahoSubscriber implements Subscriber {
  readonly #process: ClientProcess;
  /** Messages of a resumed session come before SUBACK. */
  readonly #early: Message[] = [];

  constructor(url: URL, options: SubscriberOptions) {
    const { will, cleanStart = true } = options;
    const sentWill = will && { ...will, payload: will.payload.toBase64() };
    const request = { ...options, ...addressOf(url), cleanStart, will: sentWill };
    this.#process = new ClientProcess(interpreter!, [SCRIPT, JSON.stringify(request)]);
  }

  async subscribed(): Promise<void> {
    for (;;) {
      const line = JSON.parse(await this.#process.nextLine());
      if (line.subscribed) return;
      this.#early.push(messageOf(line));
    }
  }

  async next(): Promise<Message> {
    return this.#early.shift() ?? messageOf(JSON.parse(await this.#process.nextLine()));
  }

  kill(): Promise<void> {
    return this.#process.kill();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#process.kill();
  }
}

function messageOf(line: Omit<Message, "payload"> & { payload: string }): Message {
  return { ...line, payload: Uint8Array.fromBase64(line.payload) };
}

function addressOf(url: URL): { host: string; port: number } {
  return { host: url.hostname, port: Number(url.port) };
}

async function findInterpreter(): Promise<string | undefined> {
  for (const candidate of INTERPRETERS) {
    try {
      await ClientProcess.run(candidate, ["-c", "import paho.mqtt.client"], new Uint8Array());
      return candidate;
    } catch {
      // The next one.
    }
  }
  return undefined;
}
