/** The brokers that are compared, each a process of its own on a free loopback port, with a new data folder that goes with
 * it. @module */

import { deadline } from "@std/async/deadline";
import { delay } from "@std/async/delay";
import { ProcessOutput } from "../../tests/support/process_output.ts";
import { pinned } from "./pinned.ts";

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
  #process!: Deno.ChildProcess;
  #outputs!: readonly ProcessOutput[];
  port = 0;
  /** From the start of the process until it listened, in ms. */
  startMs = 0;

  private constructor(readonly dataDir: string, readonly command: BrokerCommand, readonly core: number | undefined) {
    BrokerProcess.#running.add(this);
  }

  static async start(name: BrokerName): Promise<BrokerProcess> {
    const dataDir = await Deno.makeTempDir({ prefix: "quetzal-bench-" });
    return await BrokerProcess.launch(dataDir, name === "mosquitto" ? mosquitto(dataDir) : quetzal(dataDir, name));
  }

  /** @param dataDir goes with the process.
   * @param core the only one it may use; left out: all. */
  static async launch(dataDir: string, command: BrokerCommand, core?: number): Promise<BrokerProcess> {
    const started = new BrokerProcess(dataDir, command, core);
    await started.#spawn();
    return started;
  }

  /** Ends it as its owner would, and starts it again on the same folder. */
  async restart(): Promise<void> {
    this.#process.kill("SIGTERM");
    await deadline(this.#process.status, PATIENCE_MS);
    await this.#spawn();
  }

  async #spawn(): Promise<void> {
    const { command, core } = this;
    const [program, ...args] = pinned([command.program, ...command.args], core);
    const beginMs = performance.now();
    this.#process = new Deno.Command(program, {
      args,
      cwd: ROOT,
      env: { NO_COLOR: "1", ...command.env },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#outputs = [new ProcessOutput(this.#process.stdout), new ProcessOutput(this.#process.stderr)];
    try {
      const { ready, saysOn, port } = command;
      const saidPort = ready === undefined ? untilListening(port!) : this.#outputs[saysOn].until(ready);
      const found = await deadline(saidPort, PATIENCE_MS);
      this.startMs = performance.now() - beginMs;
      this.port = port ?? Number(found![1]);
    } catch (error) {
      const logged = command.logFile === undefined ? "" : await Deno.readTextFile(command.logFile).catch(() => "");
      const said = this.#outputs.map(({ text }) => text).join("") + logged;
      await this[Symbol.asyncDispose]();
      throw new Error(`${command.program} does not start:\n${said}`, { cause: error });
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

export interface BrokerCommand {
  readonly program: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** What it says when it listens; the first group is the port, where the bench does not choose it. undefined: it says
   * nothing, and listens when it takes a connection. */
  readonly ready: RegExp | undefined;
  /** 0 = standard output, 1 = standard error. */
  readonly saysOn: 0 | 1;
  readonly port?: number;
  /** Where its standard error goes, if that is not read here. */
  readonly logFile?: string;
}

async function untilListening(port: number): Promise<undefined> {
  for (;;) {
    try {
      (await Deno.connect({ hostname: "127.0.0.1", port })).close();
      return;
    } catch {
      await delay(1);
    }
  }
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

export function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}
