/** A broker that is not ours, for the client's tests: what it can do, and how it is started, stopped and started again on a
 * loopback port that stays its own. @module */

import { deadline } from "@std/async/deadline";
import type { ProtocolVersion, QoS } from "../../../src/packet/mod.ts";
import { ProcessOutput } from "../../support/process_output.ts";

/** How long a test waits for what must come. Only ever reached when a test fails. */
export const PATIENCE_MS = 20_000;
const START_ATTEMPTS = 5;

export interface Account {
  readonly userName: string;
  readonly password: string;
}

export interface ForeignBroker {
  readonly name: string;
  /** Why it cannot be started here; undefined = it can. */
  readonly missing: string | undefined;
  readonly versions: readonly ProtocolVersion[];
  readonly qosMax: QoS;
  readonly hasSharedSubscriptions: boolean;
  /** What it acknowledged outlives `stop()`: nothing, sessions, or sessions with their messages. */
  readonly keeps: "nothing" | "sessions" | "messages";
  /** @param account who alone may come in; left out: everybody. */
  start(account?: Account): Promise<RunningBroker>;
}

export interface RunningBroker extends AsyncDisposable {
  readonly port: number;
  /** As its owner would: connections end. */
  stop(): Promise<void>;
  /** On the same port and data. */
  startAgain(): Promise<void>;
}

export interface BrokerProgram {
  readonly program: string;
  /** Writes what is needed into the folder, which goes with the broker. */
  args(folder: string, port: number): Promise<readonly string[]>;
  /** What it says on its standard error when it listens. */
  readonly ready: RegExp;
}

/** One that is a program. */
export class BrokerProcess implements RunningBroker {
  #process: Deno.ChildProcess | undefined = undefined;
  #ended: Promise<unknown> = Promise.resolve();

  private constructor(readonly command: BrokerProgram, readonly folder: string, readonly port: number) {}

  static async start(command: BrokerProgram): Promise<BrokerProcess> {
    for (let attempt = 1;; attempt++) {
      const folder = await Deno.makeTempDir({ prefix: "quetzal-broker-" });
      const broker = new BrokerProcess(command, folder, freePort());
      try {
        await broker.startAgain();
        return broker;
      } catch (error) {
        await broker[Symbol.asyncDispose]();
        // Somebody else took the port meanwhile.
        if (attempt === START_ATTEMPTS) throw error;
      }
    }
  }

  async startAgain(): Promise<void> {
    const { command, folder, port } = this;
    const process = new Deno.Command(command.program, {
      args: [...await command.args(folder, port)],
      stdin: "null",
      stdout: "null",
      stderr: "piped",
    }).spawn();
    this.#process = process;
    const complaints = new ProcessOutput(process.stderr);
    this.#ended = Promise.all([process.status, complaints.ended]);
    await deadline(complaints.until(command.ready), PATIENCE_MS);
  }

  async stop(): Promise<void> {
    this.#process?.kill("SIGTERM");
    this.#process = undefined;
    await deadline(this.#ended, PATIENCE_MS);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#process?.kill("SIGKILL");
    } catch {
      // It has ended by itself.
    }
    await this.#ended;
    await Deno.remove(this.folder, { recursive: true });
  }
}

/** @returns why the program cannot be run; undefined when it can. */
export function whyMissing(programs: readonly string[], debianPackage: string): string | undefined {
  return findProgram(programs) === undefined ? `needs ${programs[0]}: apt-get install ${debianPackage}` : undefined;
}

/** Debian has servers where only root looks for programs. */
export function findProgram(programs: readonly string[]): string | undefined {
  return programs.find((program) => {
    try {
      new Deno.Command(program, { args: ["-h"], stdin: "null", stdout: "null", stderr: "null" }).outputSync();
      return true;
    } catch {
      return false;
    }
  });
}

export function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}
