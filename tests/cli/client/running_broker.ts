/** A broker of ours on a port of its own, for commands of the client. @module */

import { deadline } from "@std/async/deadline";
import type { Log } from "../../../src/base/log.ts";
import { type Client, type ClientOptions, connect, type Message } from "../../../src/client/mod.ts";
import type { Authorizer } from "../../../src/auth/authorizer.ts";
import { makeConfig } from "../../../src/config/config.ts";
import { type RunningServer, startServer } from "../../../src/server.ts";

/** How long a test waits for what must come. Only ever reached when a test fails. */
export const PATIENCE_MS = 30_000;

const SILENT: Log = {
  isEnabled: () => false,
  error: () => {},
  warning: () => {},
  info: () => {},
  debug: () => {},
};

export class RunningBroker implements AsyncDisposable {
  readonly #clients: Client[] = [];

  private constructor(readonly server: RunningServer) {}

  /** @param port 0 = one that is free. */
  static async start(port = 0, parts: { readonly authorizer?: Authorizer } = {}): Promise<RunningBroker> {
    const settings = { port, durability: "off", sysIntervalS: 0, accounts: "/nonexistent/accounts.kv" } as const;
    return new RunningBroker(await startServer(makeConfig(settings), SILENT, parts));
  }

  get url(): string {
    return this.server.urls[0];
  }

  get port(): string {
    return new URL(this.url).port;
  }

  /** The options that say where it is. */
  get place(): string[] {
    return ["-h", "127.0.0.1", "-p", this.port];
  }

  async connect(options?: ClientOptions): Promise<Client> {
    const client = await connect(this.url, options);
    this.#clients.push(client);
    return client;
  }

  /** Another client's messages on these topics. */
  async listen(topicFilter: string): Promise<Inbox> {
    const inbox = new Inbox();
    const client = await this.connect();
    await client.subscribe(topicFilter, {
      qos: 1,
      retainAsPublished: true,
      onMessage: (message) => inbox.take(message),
    });
    return inbox;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const client of this.#clients) await client.disconnect();
    await this.server.stop();
  }
}

/** What came, and what is waited for. */
export class Inbox {
  readonly messages: Message[] = [];
  readonly #waiting: { isIt: (message: Message) => boolean; resolve: (message: Message) => void }[] = [];

  take(message: Message): void {
    this.messages.push(message);
    for (const { isIt, resolve } of this.#waiting) {
      if (isIt(message)) resolve(message);
    }
  }

  /** One that is there or will come. */
  until(isIt: (message: Message) => boolean): Promise<Message> {
    const there = this.messages.find(isIt);
    if (there !== undefined) return Promise.resolve(there);
    return deadline(new Promise((resolve) => this.#waiting.push({ isIt, resolve })), PATIENCE_MS);
  }

  /** Payloads on a topic, in their order. */
  on(topicName: string): string[] {
    return this.messages.filter((message) => message.topicName === topicName).map((message) => message.text());
  }
}

/** One that nobody listens on. */
export async function freePort(): Promise<string> {
  await using broker = await RunningBroker.start();
  return broker.port;
}
