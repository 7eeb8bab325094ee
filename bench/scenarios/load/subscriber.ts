/** A Client that gets the messages of one publisher, checks each and answers: one write for all of one read. @module */

import { LoadClient } from "./client.ts";
import { DUE_AT, First, NONCE_AT, PAIR_AT, SECOND_SEQUENCE_AT, SEQUENCE_AT, subscribeFrame } from "./frames.ts";
import type { Publisher } from "./publisher.ts";
import type { Run } from "./run.ts";
import { SequenceCheck } from "./sequence_check.ts";

const encoder = new TextEncoder();

export class Subscriber extends LoadClient {
  readonly check = new SequenceCheck();
  foreign = 0;
  readonly #topicName: Uint8Array;
  #view: DataView = new DataView(new ArrayBuffer(0));

  constructor(run: Run, pair: number, readonly topicFilter: string, readonly publisher: Publisher) {
    super(run, `subscriber-${run.job.nonce}-${pair}`, pair);
    this.#topicName = encoder.encode(topicFilter);
  }

  async subscribe(): Promise<void> {
    const { qos } = this.run.job;
    const returnCode = (await this.ask(subscribeFrame(1, this.topicFilter, qos)))[2];
    if (returnCode !== qos) throw new Error(`SUBACK with return code ${returnCode} for ${this.clientId}`);
  }

  override readEnd(): void {
    this.link.flush();
    if (this.run.job.qos === 0) this.publisher.goOn();
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
    const payloadAt = qos === 0 ? identifierAt : identifierAt + 2;
    if (this.#view.buffer !== buffer.buffer) this.#view = new DataView(buffer.buffer);
    const view = this.#view;
    if (qos !== job.qos) throw new Error(`got a message at QoS ${qos}`);
    if (qos > 0) this.link.appendAnswer(qos === 1 ? First.Puback : First.Pubrec, view.getUint16(identifierAt));
    if (
      identifierAt - start - 2 !== this.#topicName.length ||
      end - payloadAt !== job.payloadBytes ||
      view.getUint32(payloadAt + NONCE_AT) !== job.nonce ||
      view.getUint32(payloadAt + PAIR_AT) !== this.pair ||
      view.getUint32(payloadAt + SEQUENCE_AT) !== view.getUint32(end - SECOND_SEQUENCE_AT) ||
      !this.#isTopicOurs(buffer, start + 2)
    ) {
      this.foreign++;
      return;
    }
    if (this.check.take(view.getUint32(payloadAt + SEQUENCE_AT))) {
      const dueAtMs = view.getFloat64(payloadAt + DUE_AT);
      this.run.delivered(dueAtMs);
      if (qos === 0) this.publisher.arrived(dueAtMs);
    }
  }

  #isTopicOurs(buffer: Uint8Array, at: number): boolean {
    for (let i = 0; i < this.#topicName.length; i++) if (buffer[at + i] !== this.#topicName[i]) return false;
    return true;
  }
}
