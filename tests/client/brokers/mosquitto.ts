/** Eclipse Mosquitto (C), from Debian: every version, QoS and property. @module */

import { type Account, BrokerProcess, findProgram, type ForeignBroker, whyMissing } from "./foreign_broker.ts";

const PLACES = ["mosquitto", "/usr/sbin/mosquitto", "/usr/local/sbin/mosquitto"];

export const mosquitto: ForeignBroker = {
  name: "Mosquitto",
  missing: whyMissing(PLACES, "mosquitto"),
  versions: [5, 4, 3],
  qosMax: 2,
  hasSharedSubscriptions: true,
  keeps: "messages",

  start: (account) =>
    BrokerProcess.start({
      program: findProgram(PLACES)!,
      ready: /mosquitto .* running$/m,
      async args(folder, port) {
        const lines = [
          // Started by root it would become another user, who may not write in this folder; otherwise `user` says nothing.
          ...[`listener ${port} 127.0.0.1`, "user root", "log_dest stderr", "max_topic_alias 10"],
          ...["persistence true", `persistence_location ${folder}/`],
          // At QoS 2 in 3.x, 2.0.11 sends as many as this at once, and then forgets those that wait.
          "max_inflight_messages 1000",
          "max_queued_messages 0",
          ...(account === undefined
            ? ["allow_anonymous true"]
            : ["allow_anonymous false", `password_file ${await writePasswords(folder, account)}`]),
        ];
        const config = `${folder}/mosquitto.conf`;
        await Deno.writeTextFile(config, lines.join("\n") + "\n");
        return ["-c", config];
      },
    }),
};

/** @returns the file, with the password hashed. */
async function writePasswords(folder: string, { userName, password }: Account): Promise<string> {
  const file = `${folder}/passwords`;
  await Deno.writeTextFile(file, `${userName}:${password}\n`, { mode: 0o600 });
  const { success } = await new Deno.Command("mosquitto_passwd", { args: ["-U", file] }).output();
  if (!success) throw new Error("mosquitto_passwd failed");
  return file;
}
