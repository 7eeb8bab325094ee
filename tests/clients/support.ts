/** Tests with real clients: a broker of its own for each test, started as a process; a client that is not installed is
 * said in the test's name, and fails where CI=true promises that all are there. @module */

import { assert } from "@std/assert";
import type { ProtocolVersion } from "../../src/packet/mod.ts";
import { Program } from "../support/program.ts";
import { type ClientProgram, type Message, patiently, type Subscriber } from "./client_program.ts";
import { mosquitto } from "./mosquitto.ts";
import { mqttJs } from "./mqtt_js.ts";
import { paho } from "./paho.ts";

export const CLIENTS: readonly ClientProgram[] = [mqttJs, mosquitto, paho];
export const VERSIONS: readonly ProtocolVersion[] = [3, 4, 5];
export const VERSION_NAMES: Readonly<Record<ProtocolVersion, string>> = { 3: "3.1", 4: "3.1.1", 5: "5.0" };

const ALL_ARE_HERE = Deno.env.get("CI") === "true";

/** @param needed the clients of this test; the same one may stand there twice. */
export function clientTest(
  name: string,
  needed: readonly ClientProgram[],
  fn: (program: Program, t: Deno.TestContext) => Promise<void>,
): void {
  const missing = needed.find((client) => client.missing !== undefined)?.missing;
  Deno.test({
    name: missing === undefined ? name : `${name} (skipped: ${missing})`,
    ignore: missing !== undefined && !ALL_ARE_HERE,
    fn: async (t) => {
      assert(missing === undefined, `CI=true, and ${missing}`);
      await using program = await Program.start(["--log-level", "debug"]);
      await fn(program, t);
      await program.stop();
      assert(!/Internal error/.test(program.complaints.text), program.complaints.text);
    },
  });
}

export function received(subscriber: Subscriber): Promise<Message> {
  return patiently(subscriber.next());
}

/** The messages before the one to `topicName`. */
export async function receivedUntil(subscriber: Subscriber, topicName: string): Promise<Message[]> {
  const messages: Message[] = [];
  for (;;) {
    const message = await received(subscriber);
    if (message.topicName === topicName) return messages;
    messages.push(message);
  }
}

const encoder = new TextEncoder();

export function messageOf(topicName: string, text: string, rest: Partial<Message> = {}): Message {
  return { topicName, payload: encoder.encode(text), qos: 1, retain: false, properties: {}, ...rest };
}
