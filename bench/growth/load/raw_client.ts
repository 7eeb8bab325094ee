/** A client of 3.1.1 as bytes: CONNECT, SUBSCRIBE with many filters, UNSUBSCRIBE, and the answers to them. @module */

import { connectFrame, First } from "../../scenarios/load/frames.ts";
import { Link, type PacketHandler } from "../../scenarios/load/link.ts";
import { subscribeFrame, unsubscribeFrame } from "./frames.ts";

/** What a broker takes in one SUBSCRIBE by default. */
const FILTERS_AT_ONCE = 1000;
const UNSUBACK = 0xb0;
const PUBLISH = 3;

export class RawClient implements PacketHandler {
  link!: Link;
  #answer = Promise.withResolvers<Uint8Array>();
  #failure: Error | undefined;

  constructor(readonly clientId: string) {}

  async connect(port: number, cleanSession = true): Promise<void> {
    this.link = await Link.open({ port }, this);
    const [, returnCode] = await this.ask(connectFrame(this.clientId, cleanSession));
    if (returnCode !== 0) throw new Error(`CONNACK with return code ${returnCode} for ${this.clientId}`);
  }

  /** @throws when one of the filters is refused. */
  async subscribe(filters: readonly string[], qos: 0 | 1 = 0): Promise<void> {
    for (let from = 0; from < filters.length; from += FILTERS_AT_ONCE) {
      const some = filters.slice(from, from + FILTERS_AT_ONCE);
      const granted = (await this.ask(subscribeFrame(1, some, qos))).subarray(2);
      if (granted.length !== some.length || granted.some((code) => code !== qos)) {
        throw new Error(`SUBACK to ${this.clientId}: ${granted.find((code) => code !== qos)}`);
      }
    }
  }

  async unsubscribe(filters: readonly string[]): Promise<void> {
    await this.ask(unsubscribeFrame(2, filters));
  }

  async disconnect(): Promise<void> {
    await this.link.disconnect();
  }

  /** @returns what follows the Fixed Header of the answer. */
  ask(frame: Uint8Array): Promise<Uint8Array> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    this.#answer = Promise.withResolvers();
    this.link.append(frame);
    this.link.flush();
    return this.#answer.promise;
  }

  packet(firstByte: number, buffer: Uint8Array, start: number, end: number): void {
    if (firstByte >> 4 === PUBLISH) {
      return this.onPublish(firstByte >> 1 & 3, (firstByte & 1) === 1, buffer, start, end);
    }
    switch (firstByte) {
      case First.Connack:
      case First.Suback:
      case UNSUBACK:
        return this.#answer.resolve(buffer.slice(start, end));
      case First.Puback:
        return this.onPuback();
      default:
        throw new Error(`${this.clientId} got a packet that begins with 0x${firstByte.toString(16)}`);
    }
  }

  readEnd(): void {
    this.link.flush();
  }

  failed(error: Error): void {
    this.#failure = new Error(`${this.clientId}: ${error.message}`, { cause: error });
    this.#answer.promise.catch(() => {});
    this.#answer.reject(this.#failure);
    this.onBroken(this.#failure);
  }

  /** A message came. */
  protected onPublish(_qos: number, _retain: boolean, _buffer: Uint8Array, _start: number, _end: number): void {}

  /** PUBACK came. */
  protected onPuback(): void {}

  /** The connection ended, and nobody asked for it. */
  protected onBroken(_error: Error): void {}
}
