/** A whole broker in the test's process: the real server, reached through memory instead of sockets, with a clock that
 * the test moves. @module */

import type { Log } from "../../src/base/log.ts";
import { makeConfig, type PartialConfig } from "../../src/config/config.ts";
import { type RunningServer, type ServerParts, startServer } from "../../src/server.ts";
import { MemoryListener, type MemoryOptions, type MemoryStream } from "../../src/transport/memory.ts";
import { FakeClock } from "./fake_clock.ts";
import { type ConnectOptions, TestClient } from "./test_client.ts";

/** A test has no accounts but those that it makes: not those of a folder that it happens to run in. */
const NO_ACCOUNTS_FILE = "/nonexistent/accounts.kv";
/** How often a server looks at its deadlines. */
const TICK_MS = 50;

export interface TestBrokerOptions extends Omit<ServerParts, "listeners" | "clock"> {
  readonly config?: PartialConfig;
  /** For a second broker that goes on where the first one was. Default: a clock of its own. */
  readonly clock?: FakeClock;
}

/** Lines that the broker logged, for tests that look at them. */
export interface LogLine {
  readonly level: string;
  readonly text: string;
}

export class TestBroker {
  /** All that were made here. */
  readonly clients: TestClient[] = [];

  private constructor(
    readonly server: RunningServer,
    readonly clock: FakeClock,
    readonly listener: MemoryListener,
    readonly lines: LogLine[],
  ) {}

  /** $SYS is off unless the configuration says otherwise: its messages would come in between. */
  static async start(options: TestBrokerOptions = {}): Promise<TestBroker> {
    const { config, clock = new FakeClock(), ...parts } = options;
    const listener = new MemoryListener();
    const lines: LogLine[] = [];
    const note = (level: string) => (text: string) => void lines.push({ level, text });
    const log: Log = {
      isEnabled: (level) => level !== "debug",
      error: note("error"),
      warning: note("warning"),
      info: note("info"),
      debug: note("debug"),
    };
    const usual = { sysIntervalS: 0, durability: "off" } as const;
    const accounts = config?.durability === undefined || config.durability === "off" ? NO_ACCOUNTS_FILE : undefined;
    const server = await startServer(makeConfig({ ...usual, accounts, ...config }), log, {
      ...parts,
      clock,
      listeners: [listener],
    });
    return new TestBroker(server, clock, listener, lines);
  }

  /** Moves the clock, and waits until the server has looked at its deadlines since: timers run in the order in which
   * they are due, so one that is set now for more than a tick from now runs after the next tick, however slow the machine. */
  async advance(ms: number): Promise<void> {
    this.clock.advance(ms);
    await new Promise((resolve) => setTimeout(resolve, TICK_MS + 10));
  }

  /** A Network Connection on which nothing was sent. */
  open(options?: MemoryOptions): MemoryStream {
    return this.listener.connect(options);
  }

  /** A client that has not sent CONNECT. */
  client(options?: MemoryOptions): TestClient {
    const client = new TestClient(this.open(options));
    this.clients.push(client);
    return client;
  }

  /** A client with CONNACK 0x00 in hand. Default: MQTT 5, Clean Start, an id of its own, Keep Alive off. */
  async connect(options: ConnectOptions = {}): Promise<TestClient> {
    const client = this.client();
    await client.connect(options);
    return client;
  }

  /** Ends the connection of `client` without DISCONNECT, and waits until the server has noticed. */
  async lose(client: TestClient): Promise<void> {
    const { connections } = this.server.snapshot();
    client.drop();
    while (this.server.snapshot().connections >= connections) await new Promise((resolve) => setTimeout(resolve));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const client of this.clients) client.stream.close();
    await this.server.stop();
  }
}
