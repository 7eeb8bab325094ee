/** Messages from publishers to subscribers, as fast as they come or at a pace, with every delivery verified: each subscriber
 * gets all messages of its publishers, each once, in their order, under the topic and with the bytes that were sent.
 * @module */

import { Latencies } from "../../scenarios/load/latencies.ts";
import type { Quantiles } from "../../scenarios/load/job.ts";
import { Publisher } from "./publisher.ts";
import { Subscriber } from "./subscriber.ts";
import type { TopicList } from "./frames.ts";

export interface FlowPlan {
  readonly publishers: readonly {
    /** Its messages go to these in turn. */
    readonly topics: TopicList;
    /** How many of the subscribers get them. */
    readonly receivers: number;
  }[];
  readonly subscribers: readonly {
    readonly filters: readonly string[];
    /** The publishers, by their place in the list, of which it gets everything. */
    readonly publishers: readonly number[];
  }[];
  readonly qos: 0 | 1;
  readonly payloadBytes: number;
  /** Messages of one publisher that are on their way. */
  readonly window: number;
  /** Messages a second of all publishers together; left out: as fast as deliveries come. */
  readonly messagesPerSecond?: number;
  /** Of each publisher, which ends with them; left out: no such end. */
  readonly messagesMax?: number;
}

/** What no broker may do. */
export interface FlowVerdict {
  readonly published: number;
  readonly delivered: number;
  readonly lost: number;
  /** Twice, or behind a later one. */
  readonly disordered: number;
  /** Nobody sent it, or not so. */
  readonly foreign: number;
}

/** Between two looks at what is due. */
const PACE_MS = 1;
/** What has not moved for so long will not move any more. */
const STALL_MS = 20_000;
/** Clients that come at the same time. */
const AT_ONCE = 50;

let flows = 0;

export class Flow {
  readonly publishers: Publisher[] = [];
  readonly subscribers: Subscriber[] = [];
  /** Two bytes of each payload: another flow's messages are foreign. */
  readonly nonce = (Math.floor(Math.random() * 0x8000) << 1 ^ ++flows) & 0xffff;
  readonly originMs = performance.now();
  #latencies: Latencies | undefined;
  #failure: Error | undefined;
  #isRunning = false;
  delivered = 0;
  deliveredBytes = 0;

  private constructor(readonly port: number, readonly plan: FlowPlan) {
    plan.publishers.forEach((publisher, index) => this.publishers.push(new Publisher(this, index, publisher)));
    plan.subscribers.forEach((subscriber, index) => this.subscribers.push(new Subscriber(this, index, subscriber)));
  }

  /** Everybody is there, and nothing is published yet. */
  static async open(port: number, plan: FlowPlan): Promise<Flow> {
    const flow = new Flow(port, plan);
    await inGroups(flow.subscribers, AT_ONCE, (subscriber) => subscriber.open());
    await inGroups(flow.publishers, AT_ONCE, (publisher) => publisher.open());
    return flow;
  }

  /** Microseconds of the flow's own time, cut to 32 bits. */
  nowUs(): number {
    return (performance.now() - this.originMs) * 1000 >>> 0;
  }

  arrived(dueUs: number): void {
    this.delivered++;
    this.deliveredBytes += this.plan.payloadBytes;
    this.#latencies?.add((this.nowUs() - dueUs >>> 0) / 1000);
  }

  fail(error: Error): void {
    this.#failure ??= error;
  }

  get failure(): Error | undefined {
    return this.#failure;
  }

  start(): void {
    this.#isRunning = true;
    if (this.plan.messagesPerSecond !== undefined) this.#pace(this.plan.messagesPerSecond);
    else for (const publisher of this.publishers) publisher.start();
  }

  /** Deliveries from now on are timed; what was timed before is dropped. */
  beginLatencies(): void {
    this.#latencies = new Latencies();
  }

  /** @returns of those since `beginLatencies`, in ms. */
  endLatencies(): Quantiles | undefined {
    const quantiles = this.#latencies?.quantiles();
    this.#latencies = undefined;
    return quantiles;
  }

  /** All of `messagesMax` is published. */
  async untilPublished(): Promise<void> {
    const { messagesMax = 0 } = this.plan;
    while (this.publishers.some(({ published }) => published < messagesMax)) {
      if (this.#failure !== undefined) throw this.#failure;
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  }

  /** Nothing more is published. @returns when all of it has come, or nothing comes any more. */
  async drain(): Promise<FlowVerdict> {
    this.#isRunning = false;
    for (const publisher of this.publishers) publisher.stop();
    let moved = -1;
    let movedMs = performance.now();
    while (this.delivered < this.#expected() || this.publishers.some(({ isAcknowledged }) => !isAcknowledged)) {
      if (this.#failure !== undefined) throw this.#failure;
      if (this.delivered !== moved) {
        moved = this.delivered;
        movedMs = performance.now();
      } else if (performance.now() - movedMs > STALL_MS) break;
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    return this.#verdict();
  }

  async close(): Promise<void> {
    await inGroups([...this.publishers, ...this.subscribers], AT_ONCE, (client) => client.disconnect());
  }

  #expected(): number {
    return this.publishers.reduce((sum, { published, plan }) => sum + published * plan.receivers, 0);
  }

  #pace(messagesPerSecond: number): void {
    const startMs = performance.now();
    let due = 0;
    const tick = () => {
      if (!this.#isRunning || this.#failure !== undefined) return;
      const target = Math.floor((performance.now() - startMs) / 1000 * messagesPerSecond);
      for (; due < target; due++) this.publishers[due % this.publishers.length].publish();
      for (const publisher of this.publishers) publisher.flush();
      setTimeout(tick, PACE_MS);
    };
    tick();
  }

  #verdict(): FlowVerdict {
    const verdict = { published: 0, delivered: 0, lost: 0, disordered: 0, foreign: 0 };
    for (const { published } of this.publishers) verdict.published += published;
    for (const { delivered, disordered, foreign } of this.subscribers) {
      verdict.delivered += delivered;
      verdict.disordered += disordered;
      verdict.foreign += foreign;
    }
    verdict.lost = this.#expected() - verdict.delivered;
    return verdict;
  }
}

/** @returns what is wrong, in words; [] = nothing. */
export function problemsOf({ lost, disordered, foreign }: FlowVerdict): string[] {
  const problems: string[] = [];
  if (lost !== 0) problems.push(`${lost} lost`);
  if (disordered > 0) problems.push(`${disordered} twice or out of order`);
  if (foreign > 0) problems.push(`${foreign} that nobody sent so`);
  return problems;
}

/** A few at a time: a thousand that all wait for an answer would only wait in a queue. */
export async function inGroups<Item>(
  items: readonly Item[],
  atOnce: number,
  visit: (item: Item, index: number) => Promise<unknown>,
): Promise<void> {
  let next = 0;
  const row = async () => {
    while (next < items.length) {
      const index = next++;
      await visit(items[index], index);
    }
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, items.length) }, row));
}
