/** Publishes to its topics in turn, no more at a time than the window lets it. @module */

import { RawClient } from "./raw_client.ts";
import type { Flow, FlowPlan } from "./flow.ts";
import { DUE_AT, PUBLISHER_AT, SECOND_SEQUENCE_BYTES_MIN, SEQUENCE_AT, TOPIC_CHECK_AT } from "./frames.ts";

/** At once: then the link has its turn. */
const BURST_BYTES = 256 * 1024;

export class Publisher extends RawClient {
  published = 0;
  #acknowledged = 0;
  /** Deliveries of its messages to all of their receivers. */
  #arrived = 0;
  #isRunning = false;
  #topic = 0;
  #view: DataView = new DataView(new ArrayBuffer(0));

  constructor(readonly flow: Flow, readonly index: number, readonly plan: FlowPlan["publishers"][number]) {
    super(`publisher-${flow.nonce}-${index}`);
  }

  async open(): Promise<void> {
    await this.connect(this.flow.port);
  }

  get isAcknowledged(): boolean {
    return this.flow.plan.qos === 0 || this.#acknowledged === this.published;
  }

  /** One of its messages came to one of the subscribers. */
  arrived(): void {
    this.#arrived++;
  }

  start(): void {
    this.#isRunning = true;
    this.goOn();
  }

  stop(): void {
    this.#isRunning = false;
  }

  /** Fills the window again once half of it is through: larger bursts are fewer system calls. */
  goOn(): void {
    if (!this.#isRunning || this.flow.plan.messagesPerSecond !== undefined) return;
    const { window, messagesMax = Infinity } = this.flow.plan;
    const onTheirWay = this.#onTheirWay();
    if (onTheirWay > window >> 1 || this.link.pendingBytes > 0) return;
    let room = Math.min(window - onTheirWay, messagesMax - this.published);
    for (; room > 0 && this.link.pendingBytes < BURST_BYTES; room--) this.publish();
    this.link.flush();
  }

  flush(): void {
    this.link.flush();
  }

  #onTheirWay(): number {
    const { qos } = this.flow.plan;
    const { receivers } = this.plan;
    const undelivered = receivers === 0 ? 0 : this.published - Math.floor(this.#arrived / receivers);
    return qos === 0 ? undelivered : Math.max(undelivered, this.published - this.#acknowledged);
  }

  /** Appends one message. */
  publish(): void {
    const { link, plan: { topics }, flow } = this;
    const { qos, payloadBytes } = flow.plan;
    const topic = this.#topic;
    this.#topic = topic + 1 === topics.size ? 0 : topic + 1;
    const topicBytes = topics.bytesOf(topic);
    const length = 2 + topicBytes + (qos === 0 ? 0 : 2) + payloadBytes;
    let at = link.extend(1 + lengthBytes(length) + length);
    const bytes = link.pending;
    if (this.#view.buffer !== bytes.buffer) this.#view = new DataView(bytes.buffer);
    const view = this.#view;
    bytes[at++] = 0x30 | qos << 1;
    let rest = length;
    for (; rest > 0x7f; rest >>>= 7) bytes[at++] = rest & 0x7f | 0x80;
    bytes[at++] = rest;
    bytes[at++] = topicBytes >> 8;
    bytes[at++] = topicBytes;
    topics.write(topic, bytes, at);
    at += topicBytes;
    const sequence = this.published++;
    if (qos > 0) {
      // As many as the window are open at a time, in their order: no identifier comes again too early.
      view.setUint16(at, 1 + sequence % 0xffff);
      at += 2;
    }
    view.setUint16(at, flow.nonce);
    view.setUint16(at + PUBLISHER_AT, this.index);
    view.setUint32(at + SEQUENCE_AT, sequence);
    view.setUint32(at + TOPIC_CHECK_AT, topics.check(topic));
    view.setUint32(at + DUE_AT, flow.nowUs());
    if (payloadBytes >= SECOND_SEQUENCE_BYTES_MIN) view.setUint32(at + payloadBytes - 4, sequence);
  }

  override readEnd(): void {
    this.goOn();
    this.link.flush();
  }

  protected override onPuback(): void {
    this.#acknowledged++;
  }

  protected override onBroken(error: Error): void {
    this.flow.fail(error);
  }
}

function lengthBytes(length: number): number {
  return length < 0x80 ? 1 : length < 0x4000 ? 2 : length < 0x20_0000 ? 3 : 4;
}
