/** The brokers that are compared, each a process of its own on a free loopback port, with a new data folder that goes with
 * it. @module */

import { deadline } from "@std/async/deadline";
import { ProcessOutput } from "../../tests/support/process_output.ts";

/** Quetzal by its durability, and the peer. */
export const BROKER_NAMES = ["full", "normal", "off", "mosquitto"] as const;
export type BrokerName = typeof BROKER_NAMES[number];

const ROOT = new URL("../../", import.meta.url);
/** A start that takes longer hangs. */
const PATIENCE_MS = 30_000;
/** Debian has it where only root looks for programs. */
const MOSQUITTO_PLACES = ["mosquitto", "/usr/sbin/mosquitto", "/usr/local/sbin/mosquitto"];

/** The program and what it calls itself; undefined where it is not installed. */
export function findMosquitto(): { program: string; version: string } | undefined {
  for (const program of MOSQUITTO_PLACES) {
    try {
      const { stdout } = new Deno.Command(program, { args: ["-h"], stdin: "null", stderr: "null" }).outputSync();
      const version = /^mosquitto version (\S+)/m.exec(new TextDecoder().decode(stdout))?.[1];
      if (version !== undefined) return { program, version };
    } catch {
      // Not there.
    }
  }
  return undefined;
}

export class BrokerProcess implements AsyncDisposable {
  static readonly #running = new Set<BrokerProcess>();
  readonly #process: Deno.ChildProcess;
  readonly #outputs: readonly ProcessOutput[];
  port = 0;

  private constructor(readonly dataDir: string, program: string, args: string[]) {
    this.#process = new Deno.Command(program, {
      args,
      cwd: ROOT,
      env: { NO_COLOR: "1" },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    BrokerProcess.#running.add(this);
    this.#outputs = [new ProcessOutput(this.#process.stdout), new ProcessOutput(this.#process.stderr)];
  }

  static async start(name: BrokerName): Promise<BrokerProcess> {
    const dataDir = await Deno.makeTempDir({ prefix: "quetzal-bench-" });
    const broker = name === "mosquitto" ? mosquitto(dataDir) : quetzal(dataDir, name);
    const started = new BrokerProcess(dataDir, broker.program, broker.args);
    try {
      const found = await deadline(started.#outputs[broker.saysOn].until(broker.ready), PATIENCE_MS);
      started.port = broker.port ?? Number(found[1]);
      return started;
    } catch (error) {
      const said = started.#outputs.map(({ text }) => text).join("");
      await started[Symbol.asyncDispose]();
      throw new Error(`${name} does not start:\n${said}`, { cause: error });
    }
  }

  /** When the bench is interrupted: no process and no folder of it stays. */
  static endAll(): void {
    for (const broker of BrokerProcess.#running) {
      broker.#kill();
      Deno.removeSync(broker.dataDir, { recursive: true });
    }
  }

  get pid(): number {
    return this.#process.pid;
  }

  /** The process is ended without ceremony: nobody needs its files any more. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#kill();
    await this.#process.status;
    BrokerProcess.#running.delete(this);
    await Promise.all(this.#outputs.map(({ ended }) => ended));
    await Deno.remove(this.dataDir, { recursive: true });
  }

  #kill(): void {
    try {
      this.#process.kill("SIGKILL");
    } catch {
      // It has ended by itself.
    }
  }
}

interface BrokerCommand {
  readonly program: string;
  readonly args: string[];
  /** Its first group is the port, where the bench does not choose it. */
  readonly ready: RegExp;
  /** 0 = standard output, 1 = standard error. */
  readonly saysOn: 0 | 1;
  readonly port?: number;
}

function quetzal(dataDir: string, durability: string): BrokerCommand {
  return {
    program: Deno.execPath(),
    args: [
      ...["run", "-A", "--no-check", "main.ts", "--port", "0", "--data-dir", `${dataDir}/data`],
      ...["--durability", durability, "--log-level", "warning"],
    ],
    ready: /mqtt:\/\/127\.0\.0\.1:(\d+)/,
    saysOn: 0,
  };
}

function mosquitto(dataDir: string): BrokerCommand {
  const { program } = findMosquitto()!;
  const port = freePort();
  // Started by root it would become another user, who may not write in this folder; otherwise `user` says nothing.
  const lines = [
    ...[`listener ${port} 127.0.0.1`, "allow_anonymous true", "user root"],
    ...["persistence true", `persistence_location ${dataDir}/`, "autosave_interval 1"],
    ...["max_queued_messages 0", "max_inflight_messages 1000", "set_tcp_nodelay true"],
    ...["log_dest stderr", "log_type error", "log_type information", "connection_messages false"],
  ];
  Deno.writeTextFileSync(`${dataDir}/mosquitto.conf`, lines.join("\n") + "\n");
  return { program, args: ["-c", `${dataDir}/mosquitto.conf`], ready: /^\d+: mosquitto .* running$/m, saysOn: 1, port };
}

function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}
