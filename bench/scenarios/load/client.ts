/** What publisher and subscriber have in common: CONNECT, and an end that nobody asked for. @module */

import { connectFrame, First } from "./frames.ts";
import { Link, type PacketHandler } from "./link.ts";
import type { Run } from "./run.ts";

export abstract class LoadClient implements PacketHandler {
  protected link!: Link;
  #answer = Promise.withResolvers<Uint8Array>();

  /** @param pair its number among those of its kind. */
  constructor(readonly run: Run, readonly clientId: string, readonly pair: number) {}

  /** @returns whether the broker had a session of this client. */
  async connect(cleanSession: boolean): Promise<boolean> {
    const { job } = this.run;
    this.link = await Link.open(job, this);
    const { userNames, password = "" } = job;
    const login = userNames && { userName: userNames[this.pair % userNames.length], password };
    const [flags, returnCode] = await this.ask(connectFrame(this.clientId, cleanSession, login, job.protocolVersion));
    if (returnCode !== 0) throw new Error(`CONNACK with return code ${returnCode} for ${this.clientId}`);
    return (flags & 1) === 1;
  }

  async disconnect(): Promise<void> {
    await this.link.disconnect();
  }

  /** CONNECT or SUBSCRIBE. @returns what follows the Fixed Header of the answer. */
  protected ask(frame: Uint8Array): Promise<Uint8Array> {
    this.#answer = Promise.withResolvers();
    this.link.append(frame);
    this.link.flush();
    return this.#answer.promise;
  }

  packet(firstByte: number, buffer: Uint8Array, start: number, end: number): void {
    if (firstByte === First.Connack || firstByte === First.Suback) this.#answer.resolve(buffer.slice(start, end));
    else this.handle(firstByte, buffer, start, end);
  }

  readEnd(): void {
    this.link.flush();
  }

  failed(error: Error): void {
    const told = new Error(`${this.clientId}: ${error.message}`, { cause: error });
    this.#answer.reject(told);
    this.run.fail(told);
  }

  protected abstract handle(firstByte: number, buffer: Uint8Array, start: number, end: number): void;

  protected unexpected(firstByte: number): never {
    throw new Error(`got a packet that begins with 0x${firstByte.toString(16)}`);
  }
}
