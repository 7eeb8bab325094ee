/** What the attack tests share: a broker behind real sockets, and ways to see that it is well. @module */

import { assert, assertEquals } from "@std/assert";
import { makeConfig, type PartialConfig } from "../../src/config/config.ts";
import { type RunningServer, startServer } from "../../src/server.ts";
import { connectTcp } from "../../src/transport/tcp.ts";
import type { TestBroker } from "../support/test_broker.ts";
import { type ConnectOptions, TestClient } from "../support/test_client.ts";
import { getLog } from "../../src/base/log.ts";

const KiB = 1024;

/** Limits so small that a test reaches them soon. */
export const SMALL_LIMITS = {
  connectPacketSizeMax: 4 * KiB,
  maximumPacketSize: 128 * KiB,
  outboundBytesMax: 256 * KiB,
  outboundMarkBytes: 64 * KiB,
} as const;

/** A broker on a free port of this machine, with the clock of this machine. */
export class SocketBroker {
  readonly #clients: TestClient[] = [];
  private constructor(readonly server: RunningServer, readonly port: number) {}

  static async start(config: PartialConfig = {}): Promise<SocketBroker> {
    const server = await startServer(
      makeConfig({ port: 0, sysIntervalS: 0, durability: "off", ...config }),
      getLog("broker"),
    );
    return new SocketBroker(server, Number(new URL(server.urls[0].replace("mqtt:", "http:")).port));
  }

  /** A client that has not sent CONNECT. */
  async client(): Promise<TestClient> {
    const client = new TestClient(await connectTcp("127.0.0.1", this.port));
    this.#clients.push(client);
    return client;
  }

  async connect(options: ConnectOptions = {}): Promise<TestClient> {
    const client = await this.client();
    await client.connect(options);
    return client;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const client of this.#clients) client.stream.close();
    await this.server.stop();
  }
}

/** How long a test waits for what must become true. Only ever reached when a test fails. */
const PATIENCE_MS = 15_000;

/** Resolves when `isTrue()` is. @throws when it never is. */
export async function until(isTrue: () => boolean, what: string): Promise<void> {
  const endMs = performance.now() + PATIENCE_MS;
  while (!isTrue()) {
    if (performance.now() > endMs) throw new Error(`this never became true: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

/** An unrelated client still gets its own message. */
export async function assertServes(client: TestClient): Promise<void> {
  const topicName = `alive/${client.clientId}`;
  await client.subscribe(topicName);
  await client.publish(topicName, "well");
  assertEquals((await client.expectPublish()).text, "well");
  await client.unsubscribe(topicName);
}

/** The broker has not met a bug of its own. */
export function assertNoInternalError(broker: TestBroker): void {
  assertEquals(broker.lines.filter(({ level }) => level === "error"), []);
}

/** After the last connection and session: no index has anything left. */
export async function assertEmpty(server: RunningServer): Promise<void> {
  await until(() => server.snapshot().connections === 0, "all connections have ended");
  const { retainedMessages, retainedBytes: _, isShuttingDown: __, timers, ...rest } = server.snapshot();
  const expected = Object.fromEntries(Object.keys(rest).map((name) => [name, 0]));
  assertEquals({ ...rest }, expected as unknown as typeof rest);
  assert(timers <= retainedMessages, `${timers} timers, and only retained messages may still expire`);
}

export function repeated(text: string, count: number): Uint8Array {
  const one = new TextEncoder().encode(text);
  const all = new Uint8Array(one.length * count);
  for (let i = 0; i < count; i++) all.set(one, i * one.length);
  return all;
}
