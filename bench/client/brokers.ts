/** The brokers with which the clients are compared, each without anything that would cost on the disk. @module */

import { BrokerProcess, findMosquitto, freePort } from "../scenarios/broker_process.ts";
import type { TaskName } from "./job.ts";

const REPLAY_MAIN = new URL("replay_main.ts", import.meta.url).href;

export const BROKERS = ["quetzal", "mosquitto", "replay"] as const;
export type BrokerName = typeof BROKERS[number];

/** The replaying Server does nothing but deliver. */
export function serves(name: BrokerName, task: TaskName): boolean {
  return name !== "replay" || task === "subscribe-qos0";
}

/** @param payloadBytes of what is replayed. @param core the only one it may use; undefined: all. */
export async function startBroker(
  name: BrokerName,
  payloadBytes: number,
  core: number | undefined,
): Promise<BrokerProcess> {
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
  if (name === "replay") {
    return await BrokerProcess.launch(dataDir, {
      program: Deno.execPath(),
      args: ["run", "-A", "--no-check", REPLAY_MAIN, String(payloadBytes)],
      ready: /^replay at (\d+)$/m,
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
