/** The program as a process with a door for WebSocket besides the one for TCP. @module */

import { Program } from "../support/program.ts";
import { patiently } from "./client_program.ts";

export class WebSocketProgram implements AsyncDisposable {
  private constructor(
    readonly program: Program,
    /** "ws://127.0.0.1:49152/mqtt" */
    readonly webSocketUrl: URL,
  ) {}

  static async start(args: readonly string[] = []): Promise<WebSocketProgram> {
    const program = await Program.start(["--ws-port", "0", "--log-level", "info", ...args]);
    try {
      const [, url] = await patiently(program.printed.until(/^listening on (ws:\/\/\S+)$/m));
      return new WebSocketProgram(program, new URL(url));
    } catch (error) {
      await program[Symbol.asyncDispose]();
      throw error;
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.program[Symbol.asyncDispose]();
  }
}
