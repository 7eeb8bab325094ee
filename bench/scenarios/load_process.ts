/** The load generator as a process, on the last core alone where the system can do that: a broker then has the others
 * for itself, and each run loses the same to the generator. @module */

import { ProcessOutput } from "../../tests/support/process_output.ts";
import type { LoadJob, LoadResult } from "./load/job.ts";
import { pinned } from "./pinned.ts";

export const LOAD_MAIN = new URL("load/main.ts", import.meta.url);
export const DUEL_MAIN = new URL("load/duel_main.ts", import.meta.url);
export const STORM_MAIN = new URL("load/storm_main.ts", import.meta.url);

/** @throws when the generator could not go on: a broker that ended or broke the protocol. */
export async function generateLoad(job: LoadJob, core: number | undefined): Promise<LoadResult> {
  await using generator = new LoadProcess<LoadResult>(LOAD_MAIN, job, core);
  return await generator.result();
}

/** One that is told when to begin, or when to end. Its result is the line of its output that is JSON. */
export class LoadProcess<Result> implements AsyncDisposable {
  static readonly #running = new Set<LoadProcess<unknown>>();
  readonly #process: Deno.ChildProcess;
  readonly #output: ProcessOutput;
  readonly #input: WritableStreamDefaultWriter<Uint8Array>;

  /** @param isYielding another one on this core measures times. */
  constructor(main: URL, job: unknown, core: number | undefined, isYielding = false) {
    const deno = [Deno.execPath(), "run", "-A", "--no-check", main.href, JSON.stringify(job)];
    const [program, ...args] = pinned(deno, core, isYielding);
    this.#process = new Deno.Command(program, { args, stdin: "piped", stdout: "piped", stderr: "inherit" }).spawn();
    this.#output = new ProcessOutput(this.#process.stdout);
    this.#input = this.#process.stdin.getWriter();
    LoadProcess.#running.add(this);
  }

  /** When the bench is interrupted. */
  static endAll(): void {
    for (const generator of LoadProcess.#running) generator.#kill();
  }

  /** @throws when it ends without having said this, on a line of its own. */
  async said(word: string): Promise<void> {
    await this.#output.until(new RegExp(`^${word}$`, "m"));
  }

  async tell(word: string): Promise<void> {
    await this.#input.write(new TextEncoder().encode(`${word}\n`));
  }

  async endInput(): Promise<void> {
    await this.#input.close();
  }

  /** @throws when it ends without one. */
  async result(): Promise<Result> {
    return JSON.parse((await this.#output.until(/^\{.*\}$/m))[0]) as Result;
  }

  /** @returns when it has ended by itself. */
  async ended(): Promise<void> {
    await this.#process.status;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#kill();
    await this.#process.status;
    await this.#output.ended;
    // Where nobody has ended it; otherwise it is closed already.
    await this.#input.close().catch(() => {});
    LoadProcess.#running.delete(this);
  }

  #kill(): void {
    try {
      this.#process.kill("SIGKILL");
    } catch {
      // It has ended by itself.
    }
  }
}
