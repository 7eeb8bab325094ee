/** The brokers that are compared, with the accounts and doors that a scenario asks for. @module */

import { BrokerProcess, freePort } from "../broker_process.ts";
import type { Carrier } from "../load/job.ts";
import { type BenchAccounts, writeMosquittoAccounts, writeQuetzalAccounts } from "./accounts.ts";
import type { Certificates } from "./certificates.ts";
import type { AccessContext } from "./scenario.ts";

export interface BrokerSetup {
  /** Left out: everybody may come in and do everything. */
  readonly accounts?: BenchAccounts;
  /** Of Quetzal; default: off. */
  readonly durability?: "full" | "off";
  /** Of Quetzal, by the names of the environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** With it there is a door for TLS. */
  readonly certificates?: Certificates;
  readonly hasWebSocket?: boolean;
  /** Default: the core of the context. */
  readonly isOnAllCores?: boolean;
}

/** A broker that runs, and where each of its doors is. */
export class Broker implements AsyncDisposable {
  constructor(readonly process: BrokerProcess, readonly ports: Readonly<Partial<Record<Carrier, number>>>) {}

  get pid(): number {
    return this.process.pid;
  }

  /** @throws for a door that nobody has asked for. */
  port(carrier: Carrier = "tcp"): number {
    const port = carrier === "tcp" ? this.process.port : this.ports[carrier];
    if (port === undefined) throw new Error(`this broker has no door for ${carrier}`);
    return port;
  }

  /** Memory that is really there, in MiB; undefined where the system does not tell it in a file. */
  rssMiB(): number | undefined {
    try {
      const kibibytes = /^VmRSS:\s*(\d+) kB$/m.exec(Deno.readTextFileSync(`/proc/${this.pid}/status`))?.[1];
      return kibibytes === undefined ? undefined : Number(kibibytes) / 1024;
    } catch {
      return undefined;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.process[Symbol.asyncDispose]();
  }
}

export async function startQuetzal(context: AccessContext, setup: BrokerSetup): Promise<Broker> {
  const { accounts, durability = "off", env, certificates, hasWebSocket } = setup;
  const folder = await Deno.makeTempDir({ prefix: "quetzal-bench-" });
  const dataDir = `${folder}/data`;
  if (accounts !== undefined) await writeQuetzalAccounts(dataDir, accounts);
  const ports: Partial<Record<Carrier, number>> = {};
  const args = ["run", "-A", "--no-check", "main.ts", "--port", "0", "--data-dir", dataDir, "--durability", durability];
  args.push("--log-level", "warning");
  if (certificates !== undefined) {
    ports.tls = freePort();
    args.push("--tls-port", String(ports.tls), "--cert", certificates.certFile, "--key", certificates.keyFile);
  }
  if (hasWebSocket) args.push("--ws-port", String(ports.ws = freePort()));
  const command = { program: Deno.execPath(), args, env, ready: /mqtt:\/\/127\.0\.0\.1:(\d+)/, saysOn: 0 } as const;
  return new Broker(await BrokerProcess.launch(folder, command, coreOf(context, setup)), ports);
}

/** @throws when it does not start: not each build of it has WebSocket. */
export async function startMosquitto(context: AccessContext, setup: BrokerSetup): Promise<Broker> {
  const { accounts, certificates, hasWebSocket } = setup;
  const folder = await Deno.makeTempDir({ prefix: "quetzal-bench-" });
  const port = freePort();
  const ports: Partial<Record<Carrier, number>> = {};
  const lines = [
    // Started by root it would become another user, who may not read in this folder; otherwise `user` says nothing.
    ...["user root", "per_listener_settings false", "max_queued_messages 0", "max_inflight_messages 1000"],
    ...["set_tcp_nodelay true", "log_dest stderr", "log_type error", "log_type information"],
    ...["connection_messages false", "persistence false"],
    ...(accounts === undefined ? ["allow_anonymous true"] : writeMosquittoAccounts(folder, accounts)),
    `listener ${port} 127.0.0.1`,
  ];
  if (certificates !== undefined) {
    ports.tls = freePort();
    lines.push(`listener ${ports.tls} 127.0.0.1`, `certfile ${certificates.certFile}`);
    lines.push(`keyfile ${certificates.keyFile}`, `cafile ${certificates.caFile}`);
  }
  if (hasWebSocket) lines.push(`listener ${ports.ws = freePort()} 127.0.0.1`, "protocol websockets");
  Deno.writeTextFileSync(`${folder}/mosquitto.conf`, lines.join("\n") + "\n");
  const args = ["-c", `${folder}/mosquitto.conf`];
  const command = {
    program: context.mosquitto!,
    args,
    ready: /^\d+: mosquitto .* running$/m,
    saysOn: 1,
    port,
  } as const;
  return new Broker(await BrokerProcess.launch(folder, command, coreOf(context, setup)), ports);
}

function coreOf({ brokerCore }: AccessContext, { isOnAllCores }: BrokerSetup): number | undefined {
  return isOnAllCores ? undefined : brokerCore;
}
