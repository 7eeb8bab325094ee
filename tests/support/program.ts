/** The program itself as a process, as a user starts it: `deno run -A main.ts …` on a free port.
 * In: arguments and environment. Out: where it listens, what it said, its exit code. @module */

import { assertEquals } from "@std/assert";
import { deadline } from "@std/async/deadline";
import { ProcessOutput } from "./process_output.ts";

const ROOT = new URL("../../", import.meta.url);
const WINDOWS = Deno.build.os === "windows";
/** How long a test waits for what must come. Only ever reached when a test fails. */
const PATIENCE_MS = 30_000;

export interface ProgramOptions {
  readonly environment?: Readonly<Record<string, string>>;
  /** What starts it. Default: `deno run -A main.ts`. */
  readonly command?: readonly string[];
}

export class Program implements AsyncDisposable {
  readonly #process: Deno.ChildProcess;
  /** Standard output: the start report. */
  readonly printed: ProcessOutput;
  /** Standard error: warnings and the log. */
  readonly complaints: ProcessOutput;
  #url: URL | undefined;
  #ended = false;

  private constructor(args: readonly string[], options: ProgramOptions) {
    const { command = ["run", "-A", "--no-check", "main.ts"], environment = {} } = options;
    this.#process = new Deno.Command(Deno.execPath(), {
      args: [...command, ...args],
      cwd: ROOT,
      env: { NO_COLOR: "1", ...environment },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.printed = new ProcessOutput(this.#process.stdout);
    this.complaints = new ProcessOutput(this.#process.stderr);
  }

  /** @returns when it listens, on a port that was free. @throws with its complaints when it ends before. */
  static async start(args: readonly string[] = [], options: ProgramOptions = {}): Promise<Program> {
    const program = new Program(["--port", "0", "--durability", "off", ...args], options);
    try {
      const listening = await deadline(program.printed.until(/^listening on (mqtt:\/\/\S+)$/m), PATIENCE_MS);
      program.#url = new URL(listening[1]);
      return program;
    } catch (error) {
      await program[Symbol.asyncDispose]();
      throw new Error(`it does not listen:\n${program.complaints.text}`, { cause: error });
    }
  }

  /** Runs it to its end. @returns the exit code and all that it said. */
  static async run(
    args: readonly string[],
    options: ProgramOptions = {},
  ): Promise<{ code: number; printed: string; complaints: string }> {
    await using program = new Program(args, options);
    const code = await deadline(program.#end(), PATIENCE_MS);
    return { code, printed: program.printed.text, complaints: program.complaints.text };
  }

  /** Where clients on this machine find it. */
  get url(): URL {
    const url = new URL(this.#url!);
    if (url.hostname === "0.0.0.0") url.hostname = "127.0.0.1";
    return url;
  }

  /** A line of the log that is there or will come. */
  logged(pattern: RegExp): Promise<RegExpExecArray> {
    return deadline(this.complaints.until(pattern), PATIENCE_MS);
  }

  /** Asks it to end, and shows that it does so with 0. Windows has no way to ask: there it is ended. */
  async stop(signal: Deno.Signal = "SIGTERM"): Promise<void> {
    this.#process.kill(WINDOWS ? "SIGKILL" : signal);
    const code = await deadline(this.#end(), PATIENCE_MS);
    if (!WINDOWS) assertEquals(code, 0, `exit code; it said:\n${this.complaints.text}`);
  }

  async #end(): Promise<number> {
    const { code } = await this.#process.status;
    this.#ended = true;
    await Promise.all([this.printed.ended, this.complaints.ended]);
    return code;
  }

  /** Whatever happened, no process stays behind. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#ended) return;
    try {
      this.#process.kill("SIGKILL");
    } catch {
      // It has ended by itself.
    }
    await this.#end();
  }
}
