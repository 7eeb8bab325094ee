/** The broker as a process that is killed and started again on the same directory and port. @module */

import { deadline } from "@std/async/deadline";
import { ProcessOutput } from "../support/process_output.ts";

const ROOT = new URL("../../", import.meta.url);
/** What takes longer hangs. */
const PATIENCE_MS = 30_000;
/** Ports that the system does not give to clients: while the broker is down, nobody takes its own. */
const PORT_MIN = 20_000;
const PORT_COUNT = 12_000;

export function freePort(random: () => number): number {
  for (;;) {
    const port = PORT_MIN + Math.floor(random() * PORT_COUNT);
    try {
      Deno.listen({ hostname: "127.0.0.1", port }).close();
      return port;
    } catch {
      // Somebody listens there.
    }
  }
}

export interface BrokerProcessOptions {
  readonly dataDir: string;
  readonly port: number;
  readonly durability: string;
  /** Commands of a shell, which then becomes the broker: limits. */
  readonly shell?: string;
}

export class BrokerProcess {
  readonly #process: Deno.ChildProcess;
  readonly #printed: ProcessOutput;
  readonly #complaints: ProcessOutput;
  readonly startedMs = performance.now();

  constructor({ dataDir, port, durability, shell }: BrokerProcessOptions) {
    const args = [
      ...["run", "-A", "--no-check", "main.ts", "--port", String(port), "--data-dir", dataDir],
      ...["--durability", durability, "--log-level", "warning"],
    ];
    this.#process = new Deno.Command(shell === undefined ? Deno.execPath() : "sh", {
      args: shell === undefined ? args : ["-c", `${shell}; exec "$0" "$@"`, Deno.execPath(), ...args],
      cwd: ROOT,
      env: { NO_COLOR: "1" },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#printed = new ProcessOutput(this.#process.stdout);
    this.#complaints = new ProcessOutput(this.#process.stderr);
  }

  get pid(): number {
    return this.#process.pid;
  }

  /** All that it said. */
  get said(): string {
    return this.#printed.text + this.#complaints.text;
  }

  /** A line of its log that is there or will come. */
  logged(pattern: RegExp): Promise<RegExpExecArray> {
    return deadline(this.#complaints.until(pattern), PATIENCE_MS);
  }

  /** @returns how long the start took, in ms. */
  async listening(): Promise<number> {
    try {
      await deadline(this.#printed.until(/^listening on /m), PATIENCE_MS);
    } catch (error) {
      await this.kill();
      throw new Error(`the broker does not start:\n${this.said}`, { cause: error });
    }
    return performance.now() - this.startedMs;
  }

  /** SIGKILL: it gets no chance to do anything. */
  async kill(): Promise<void> {
    try {
      this.#process.kill("SIGKILL");
    } catch {
      // It has ended by itself.
    }
    await this.#process.status;
    await Promise.all([this.#printed.ended, this.#complaints.ended]);
  }
}
