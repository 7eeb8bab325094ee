/** A Client that gets the messages of its publishers, checks each and answers: one write for all of one read. @module */

import { LoadClient } from "./client.ts";
import { DUE_AT, First, NONCE_AT, PAIR_AT, SECOND_SEQUENCE_AT, SEQUENCE_AT, subscribeFrame } from "./frames.ts";
import type { Publisher } from "./publisher.ts";
import type { Run } from "./run.ts";
import { SequenceCheck } from "./sequence_check.ts";

const encoder = new TextEncoder();

/** One of the publishers, as its subscriber sees it. */
interface Source {
  readonly publisher: Publisher;
  readonly topicName: Uint8Array;
  readonly check: SequenceCheck;
}

export class Subscriber extends LoadClient {
  foreign = 0;
  /** By the publisher's number. */
  readonly sources = new Map<number, Source>();
  #view: DataView = new DataView(new ArrayBuffer(0));

  constructor(run: Run, index: number, readonly topicFilter: string, publishers: readonly Publisher[]) {
    super(run, `subscriber-${run.job.nonce}-${index}`, index);
    for (const publisher of publishers) {
      const topicName = encoder.encode(publisher.topicName);
      this.sources.set(publisher.pair, { publisher, topicName, check: new SequenceCheck() });
    }
  }

  async subscribe(): Promise<void> {
    const { qos, protocolVersion } = this.run.job;
    const returnCode = (await this.ask(subscribeFrame(1, this.topicFilter, qos, protocolVersion))).at(-1);
    if (returnCode !== qos) throw new Error(`SUBACK with return code ${returnCode} for ${this.clientId}`);
  }

  override readEnd(): void {
    this.link.flush();
    if (this.run.job.qos === 0) { for (const { publisher } of this.sources.values()) publisher.goOn(); }
    this.run.readEnd();
  }

  protected handle(firstByte: number, buffer: Uint8Array, start: number, end: number): void {
    if (firstByte >> 4 === 3) this.#publish(firstByte >> 1 & 3, buffer, start, end);
    else if (firstByte === First.Pubrel) this.link.appendAnswer(First.Pubcomp, buffer[start] << 8 | buffer[start + 1]);
    else this.unexpected(firstByte);
  }

  #publish(qos: number, buffer: Uint8Array, start: number, end: number): void {
    const { job } = this.run;
    const identifierAt = start + 2 + (buffer[start] << 8 | buffer[start + 1]);
    const propertiesAt = qos === 0 ? identifierAt : identifierAt + 2;
    // Their length is one byte: what was sent has none, and brokers have little to add.
    const payloadAt = job.protocolVersion === 5 ? propertiesAt + 1 + buffer[propertiesAt] : propertiesAt;
    if (this.#view.buffer !== buffer.buffer) this.#view = new DataView(buffer.buffer);
    const view = this.#view;
    if (qos !== job.qos) throw new Error(`got a message at QoS ${qos}`);
    if (qos > 0) this.link.appendAnswer(qos === 1 ? First.Puback : First.Pubrec, view.getUint16(identifierAt));
    const isWhole = end - payloadAt === job.payloadBytes;
    const source = isWhole ? this.sources.get(view.getUint32(payloadAt + PAIR_AT)) : undefined;
    if (
      source === undefined ||
      identifierAt - start - 2 !== source.topicName.length ||
      view.getUint32(payloadAt + NONCE_AT) !== job.nonce ||
      view.getUint32(payloadAt + SEQUENCE_AT) !== view.getUint32(end - SECOND_SEQUENCE_AT) ||
      !beginsWith(buffer, start + 2, source.topicName)
    ) {
      this.foreign++;
      return;
    }
    if (source.check.take(view.getUint32(payloadAt + SEQUENCE_AT))) {
      const dueAtMs = view.getFloat64(payloadAt + DUE_AT);
      this.run.delivered(dueAtMs);
      if (qos === 0) source.publisher.arrived(dueAtMs);
    }
  }
}

function beginsWith(buffer: Uint8Array, at: number, bytes: Uint8Array): boolean {
  for (let i = 0; i < bytes.length; i++) if (buffer[at + i] !== bytes[i]) return false;
  return true;
}
