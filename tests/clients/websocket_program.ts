/** The program as a process with a door for WebSocket besides the one for TCP. @module */

import type { CertificatePair } from "../support/certificates.ts";
import { Program } from "../support/program.ts";
import { patiently } from "./client_program.ts";

export class WebSocketProgram implements AsyncDisposable {
  private constructor(
    readonly program: Program,
    /** "ws://127.0.0.1:49152/mqtt" */
    readonly webSocketUrl: URL,
  ) {}

  /** @param certificate for wss in place of ws. */
  static async start(args: readonly string[] = [], certificate?: CertificatePair): Promise<WebSocketProgram> {
    const door = certificate === undefined
      ? ["--ws-port", "0"]
      : ["--wss-port", "0", "--cert", certificate.certFile, "--key", certificate.keyFile];
    const program = await Program.start([...door, "--log-level", "info", ...args]);
    try {
      const [, url] = await patiently(program.printed.until(/^listening on (wss?:\/\/\S+)$/m));
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
