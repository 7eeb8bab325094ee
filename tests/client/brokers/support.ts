/** What the client's tests with foreign brokers share: which brokers there are, clients whose states a test waits for, and the
 * next messages of a subscription. @module */

import { assert } from "@std/assert";
import { deadline } from "@std/async/deadline";
import {
  type Client,
  type ClientOptions,
  type ClientState,
  connect,
  type ControlPacket,
  type Message,
  type ProtocolVersion,
  type Subscription,
} from "../../../src/client/mod.ts";
import { aedes } from "./aedes.ts";
import { type ForeignBroker, PATIENCE_MS, type RunningBroker } from "./foreign_broker.ts";
import { mosquitto } from "./mosquitto.ts";
import { nats } from "./nats.ts";

export const BROKERS: readonly ForeignBroker[] = [mosquitto, aedes, nats];
const VERSION_NAMES: Readonly<Record<ProtocolVersion, string>> = { 3: "3.1", 4: "3.1.1", 5: "5.0" };
const ALL_ARE_HERE = Deno.env.get("CI") === "true";

/** A test with each broker that can do it. */
export function brokerTest(
  name: string,
  can: (broker: ForeignBroker) => boolean,
  run: (broker: ForeignBroker) => Promise<void>,
): void {
  for (const broker of BROKERS.filter(can)) register(`${broker.name}: ${name}`, broker, run);
}

/** The same in each protocol version that the broker speaks, with a broker of its own. */
export function versionTest(
  name: string,
  can: (broker: ForeignBroker, version: ProtocolVersion) => boolean,
  run: (started: RunningBroker, version: ProtocolVersion, broker: ForeignBroker) => Promise<void>,
): void {
  for (const broker of BROKERS) {
    for (const version of broker.versions.filter((version) => can(broker, version))) {
      register(`${broker.name}, ${VERSION_NAMES[version]}: ${name}`, broker, async () => {
        await using started = await broker.start();
        await run(started, version, broker);
      });
    }
  }
}

function register(name: string, broker: ForeignBroker, run: (broker: ForeignBroker) => Promise<void>): void {
  const { missing } = broker;
  Deno.test({
    name: missing === undefined ? name : `${name} (skipped: ${missing})`,
    ignore: missing !== undefined && !ALL_ARE_HERE,
    fn: async () => {
      assert(missing === undefined, `CI=true, and it ${missing}`);
      await run(broker);
    },
  });
}

/** A client, and what it went through. It comes back at once where it is to come back. */
export class WatchedClient implements AsyncDisposable {
  readonly states: ClientState[] = [];
  readonly sent: ControlPacket[] = [];
  client!: Client;
  #news = Promise.withResolvers<void>();

  static async connect(port: number, options: ClientOptions = {}): Promise<WatchedClient> {
    const watched = new WatchedClient();
    watched.client = await deadline(
      connect(`mqtt://127.0.0.1:${port}`, {
        reconnect: { delayMinMs: 10, delayMaxMs: 100 },
        observer: {
          state: (state) => watched.#changed(state),
          packet: (direction, packet) => void (direction === "sent" && watched.sent.push({ ...packet })),
        },
        ...options,
      }),
      PATIENCE_MS,
    );
    return watched;
  }

  #changed(state: ClientState): void {
    this.states.push(state);
    const news = this.#news;
    this.#news = Promise.withResolvers();
    news.resolve();
  }

  /** How often it has become connected. */
  get connections(): number {
    return this.states.filter((state) => state === "connected").length;
  }

  async untilConnections(count: number): Promise<void> {
    await patiently((async () => {
      while (this.connections < count) await this.#news.promise;
    })());
  }

  async untilState(state: ClientState): Promise<void> {
    await patiently((async () => {
      while (this.states.at(-1) !== state) await this.#news.promise;
    })());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.client.disconnect();
  }
}

export function patiently<T>(promise: Promise<T>): Promise<T> {
  return deadline(promise, PATIENCE_MS);
}

/** The next messages, in order. The last of them is acknowledged, too. */
export async function take(subscription: Subscription, count: number): Promise<Message[]> {
  const messages: Message[] = [];
  const iterator = subscription[Symbol.asyncIterator]();
  while (messages.length < count) {
    const { done, value } = await patiently(Promise.resolve(iterator.next()));
    if (done === true) throw new Error(`the subscription ended after ${messages.length} of ${count}`);
    messages.push(value);
  }
  await iterator.return?.();
  return messages;
}

/** The messages before the one whose text is this. */
export async function takeUntil(subscription: Subscription, text: string): Promise<Message[]> {
  const messages: Message[] = [];
  for (;;) {
    const [message] = await take(subscription, 1);
    if (message.text() === text) return messages;
    messages.push(message);
  }
}

export function texts(messages: readonly Message[]): string[] {
  return messages.map((message) => message.text());
}

/** What a session that stays needs. */
export function lasting(version: ProtocolVersion, clientId: string): ClientOptions {
  const properties = version === 5 ? { sessionExpiryInterval: 300 } : undefined;
  return { protocolVersion: version, clientId, cleanStart: false, properties };
}
