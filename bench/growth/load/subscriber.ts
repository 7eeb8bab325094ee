/** Gets the messages of its publishers, and looks at each. @module */

import { First } from "../../scenarios/load/frames.ts";
import { RawClient } from "./raw_client.ts";
import type { Flow, FlowPlan } from "./flow.ts";
import { checkOf, DUE_AT, PUBLISHER_AT, SECOND_SEQUENCE_BYTES_MIN, SEQUENCE_AT, TOPIC_CHECK_AT } from "./frames.ts";

export class Subscriber extends RawClient {
  delivered = 0;
  disordered = 0;
  foreign = 0;
  /** The sequence number that comes next, by publisher. */
  readonly #next = new Map<number, number>();
  #view: DataView = new DataView(new ArrayBuffer(0));

  constructor(readonly flow: Flow, index: number, readonly plan: FlowPlan["subscribers"][number]) {
    super(`subscriber-${flow.nonce}-${index}`);
    for (const publisher of plan.publishers) this.#next.set(publisher, 0);
  }

  async open(): Promise<void> {
    await this.connect(this.flow.port);
    await this.subscribe(this.plan.filters, this.flow.plan.qos);
  }

  override readEnd(): void {
    this.link.flush();
    for (const publisher of this.plan.publishers) this.flow.publishers[publisher].goOn();
  }

  protected override onBroken(error: Error): void {
    this.flow.fail(error);
  }

  protected override onPublish(qos: number, retain: boolean, buffer: Uint8Array, start: number, end: number): void {
    const { flow } = this;
    const { payloadBytes } = flow.plan;
    const topicEnd = start + 2 + (buffer[start] << 8 | buffer[start + 1]);
    const at = qos === 0 ? topicEnd : topicEnd + 2;
    if (this.#view.buffer !== buffer.buffer) this.#view = new DataView(buffer.buffer);
    const view = this.#view;
    if (qos > 0) this.link.appendAnswer(First.Puback, view.getUint16(topicEnd));
    if (end - at !== payloadBytes || qos !== flow.plan.qos || retain || view.getUint16(at) !== flow.nonce) {
      this.foreign++;
      return;
    }
    const publisher = view.getUint16(at + PUBLISHER_AT);
    const sequence = view.getUint32(at + SEQUENCE_AT);
    const next = this.#next.get(publisher);
    const isAsSent = next !== undefined &&
      view.getUint32(at + TOPIC_CHECK_AT) === checkOf(buffer, start + 2, topicEnd) &&
      (payloadBytes < SECOND_SEQUENCE_BYTES_MIN || view.getUint32(end - 4) === sequence);
    if (!isAsSent) {
      this.foreign++;
      return;
    }
    if (sequence < next) {
      this.disordered++;
      return;
    }
    this.#next.set(publisher, sequence + 1);
    this.delivered++;
    flow.publishers[publisher].arrived();
    flow.arrived(view.getUint32(at + DUE_AT));
  }
}
