/** nats-server (Go), from Debian: MQTT 3.1.1 upon JetStream, which keeps sessions in files. @module */

import { BrokerProcess, findProgram, type ForeignBroker, whyMissing } from "./foreign_broker.ts";

const PLACES = ["nats-server", "/usr/sbin/nats-server", "/usr/local/bin/nats-server"];

export const nats: ForeignBroker = {
  name: "nats-server",
  missing: whyMissing(PLACES, "nats-server"),
  versions: [4],
  // Those of Debian 12 and before do not know QoS 2.
  qosMax: 1,
  hasSharedSubscriptions: false,
  // Under load, 2.9 forgets some of the messages that it acknowledged just before it was stopped.
  keeps: "sessions",

  start: (account) =>
    BrokerProcess.start({
      program: findProgram(PLACES)!,
      ready: /Server is ready$/m,
      async args(folder, port) {
        const lines = [
          `server_name: "quetzal-test"`,
          `listen: "127.0.0.1:-1"`,
          `jetstream { store_dir: ${JSON.stringify(folder)} }`,
          `mqtt { listen: "127.0.0.1:${port}", ack_wait: "1s" }`,
          ...(account === undefined ? [] : [
            `authorization { user: ${JSON.stringify(account.userName)}, password: ${
              JSON.stringify(account.password)
            } }`,
          ]),
        ];
        const config = `${folder}/nats.conf`;
        await Deno.writeTextFile(config, lines.join("\n") + "\n");
        return ["-c", config];
      },
    }),
};
