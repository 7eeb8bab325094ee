/** Aedes (Node), in the test's own process: 3.1 and 3.1.1; a client that asks for 5.0 is told so in the words of 3.1.1. What
 * it knows is gone when it stops. @module */

import { Aedes } from "aedes";
import { createServer, type Server } from "node:net";
import { type Account, type ForeignBroker, freePort, type RunningBroker } from "./foreign_broker.ts";

export const aedes: ForeignBroker = {
  name: "Aedes",
  missing: undefined,
  versions: [4, 3],
  qosMax: 2,
  hasSharedSubscriptions: false,
  keepsSessions: false,

  async start(account) {
    const broker = new RunningAedes(freePort(), account);
    await broker.startAgain();
    return broker;
  },
};

class RunningAedes implements RunningBroker {
  #broker: Aedes | undefined = undefined;
  #server: Server | undefined = undefined;

  constructor(readonly port: number, readonly account: Account | undefined) {}

  async startAgain(): Promise<void> {
    const { account } = this;
    const broker = this.#broker = await Aedes.createBroker();
    if (account !== undefined) {
      broker.authenticate = (_client, userName, password, done) => {
        done(null, userName === account.userName && String(password) === account.password);
      };
    }
    const server = this.#server = createServer(broker.handle);
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(this.port, "127.0.0.1", resolve);
    });
  }

  async stop(): Promise<void> {
    const [broker, server] = [this.#broker, this.#server];
    this.#broker = this.#server = undefined;
    if (broker === undefined || server === undefined) return;
    const closed = new Promise((resolve) => server.close(resolve));
    await new Promise<void>((resolve) => broker.close(resolve));
    await closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}
