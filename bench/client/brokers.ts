/** The brokers between which the clients are compared, each without anything that would cost on the disk. @module */

import { BrokerProcess, findMosquitto, freePort } from "../scenarios/broker_process.ts";

export const BROKERS = ["quetzal", "mosquitto"] as const;
export type BrokerName = typeof BROKERS[number];

/** @param core the only one it may use; undefined: all. */
export async function startBroker(name: BrokerName, core: number | undefined): Promise<BrokerProcess> {
  const dataDir = await Deno.makeTempDir({ prefix: "quetzal-bench-" });
  if (name === "quetzal") {
    return await BrokerProcess.launch(dataDir, {
      program: Deno.execPath(),
      args: [
        ...["run", "-A", "--no-check", "main.ts", "--port", "0", "--data-dir", `${dataDir}/data`],
        ...["--durability", "off", "--log-level", "warning"],
      ],
      ready: /mqtt:\/\/127\.0\.0\.1:(\d+)/,
      saysOn: 0,
    }, core);
  }
  const port = freePort();
  const lines = [
    // Started by root it would become another user; otherwise `user` says nothing.
    ...[`listener ${port} 127.0.0.1`, "allow_anonymous true", "user root", "persistence false"],
    // The window is the client's.
    "max_inflight_messages 1000",
    ...["log_dest stderr", "log_type error", "log_type information", "connection_messages false"],
  ];
  await Deno.writeTextFile(`${dataDir}/mosquitto.conf`, lines.join("\n") + "\n");
  const { program } = findMosquitto()!;
  const args = ["-c", `${dataDir}/mosquitto.conf`];
  return await BrokerProcess.launch(dataDir, {
    ...{ program, args, port },
    ready: /^\d+: mosquitto .* running$/m,
    saysOn: 1,
  }, core);
}
