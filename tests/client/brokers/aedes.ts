/** Aedes (Node), in the test's own process: 3.1 and 3.1.1; a client that asks for 5.0 is told so in the words of 3.1.1. What
 * it knows is gone when it stops. @module */

import { Aedes } from "aedes";
import { Duplex } from "node:stream";
import { type Account, type ForeignBroker, freePort, type RunningBroker } from "./foreign_broker.ts";

export const aedes: ForeignBroker = {
  name: "Aedes",
  missing: undefined,
  versions: [4, 3],
  qosMax: 2,
  hasSharedSubscriptions: false,
  keeps: "nothing",

  async start(account) {
    const broker = new RunningAedes(freePort(), account);
    await broker.startAgain();
    return broker;
  },
};

class RunningAedes implements RunningBroker {
  #broker: Aedes | undefined = undefined;
  #listener: Deno.TcpListener | undefined = undefined;
  #accepting: Promise<void> = Promise.resolve();
  readonly #conns = new Set<Deno.TcpConn>();

  constructor(readonly port: number, readonly account: Account | undefined) {}

  async startAgain(): Promise<void> {
    const { account } = this;
    const broker = this.#broker = await Aedes.createBroker();
    if (account !== undefined) {
      broker.authenticate = (_client, userName, password, done) => {
        done(null, userName === account.userName && String(password) === account.password);
      };
    }
    this.#listener = Deno.listen({ hostname: "127.0.0.1", port: this.port });
    this.#accepting = this.#accept(this.#listener, broker);
  }

  /** Over streams of Deno: with sockets of its `node:net`, Aedes loses the rest of a large message, whoever the client is. */
  async #accept(listener: Deno.TcpListener, broker: Aedes): Promise<void> {
    for await (const conn of listener) {
      conn.setNoDelay(true);
      this.#conns.add(conn);
      const { readable, writable } = conn;
      const stream = Duplex.fromWeb({ readable, writable } as Parameters<typeof Duplex.fromWeb>[0]);
      // A connection that breaks is no fault of the broker's.
      stream.on("error", () => {});
      stream.on("close", () => this.#conns.delete(conn));
      broker.handle(stream as Parameters<Aedes["handle"]>[0]);
    }
  }

  async stop(): Promise<void> {
    const [broker, listener] = [this.#broker, this.#listener];
    this.#broker = this.#listener = undefined;
    if (broker === undefined) return;
    listener?.close();
    await this.#accepting;
    await new Promise<void>((resolve) => broker.close(resolve));
    for (const conn of this.#conns) {
      try {
        conn.close();
      } catch {
        // It is closed already.
      }
    }
    this.#conns.clear();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}
