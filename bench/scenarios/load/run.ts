/** One job from the first CONNECT to the verdict: publishers and subscribers in one event loop. @module */

import { deadline } from "@std/async/deadline";
import { type ProcessorMs, processorMs, rssOf, threadsMs } from "../processor_time.ts";
import type { LoadJob, LoadResult, Verdict } from "./job.ts";
import { IdleClient } from "./idle_client.ts";
import { Latencies } from "./latencies.ts";
import { Publisher } from "./publisher.ts";
import { Subscriber } from "./subscriber.ts";

/** What has not moved for so long will not move any more. */
const STALL_MS = 15_000;
const LOOK_MS = 2;
/** Between two looks at what is due. */
const PACE_MS = 1;
/** Connections that are opened, or ended, at the same time. */
const AT_ONCE = 20;

export interface SliceResult {
  readonly delivered: number;
  readonly ms: number;
  /** Processor time of the broker; undefined where the system does not tell it in a file. */
  readonly brokerMs: number | undefined;
}

/** Where counts and latencies begin and end. */
interface Mark {
  readonly atMs: number;
  readonly acknowledged: number;
  readonly delivered: number;
}

export class Run {
  readonly #publishers: Publisher[] = [];
  readonly #subscribers: Subscriber[] = [];
  readonly #idle: IdleClient[] = [];
  /** How many subscribers take a message. */
  readonly #deliveriesEach: number;
  readonly #deliveryMs = new Latencies();
  readonly #acknowledgementMs = new Latencies();
  readonly #generatorLateMs = new Latencies();
  /** Messages that were due between these two are measured, whenever they arrive. */
  #measuredFromMs = Infinity;
  #measuredToMs = Infinity;
  #published = 0;
  #acknowledged = 0;
  #delivered = 0;
  /** When something was acknowledged or delivered for the last time. */
  #movedAtMs = 0;
  #failure: Error | undefined;

  /** @param hold with `job.isHeld`: told that the measured time begins; it ends when what this returns does. */
  constructor(readonly job: LoadJob, readonly hold?: () => Promise<void>) {
    const { pattern = "pairs", pairs, nonce, subscribers = pairs, idle = 0 } = job;
    this.#deliveriesEach = pattern === "pairs" ? 1 : subscribers;
    const topicOf = (index: number | string) => `bench/${nonce}/${pattern === "fanout" ? "all" : index}`;
    for (let pair = 0; pair < pairs; pair++) {
      this.#publishers.push(new Publisher(this, pair, topicOf(pair), this.#deliveriesEach));
    }
    for (let index = 0; index < subscribers; index++) {
      const publishers = pattern === "pairs" ? [this.#publishers[index]] : this.#publishers;
      this.#subscribers.push(new Subscriber(this, index, topicOf(pattern === "fanin" ? "+" : index), publishers));
    }
    for (let index = 0; index < idle; index++) this.#idle.push(new IdleClient(this, index));
  }

  published(): void {
    this.#published++;
  }

  /** @param dueAtMs 0 for what is sent flat out. */
  acknowledged(dueAtMs: number): void {
    this.#acknowledged++;
    if (dueAtMs >= this.#measuredFromMs && dueAtMs < this.#measuredToMs) {
      this.#acknowledgementMs.add(performance.now() - dueAtMs);
    }
  }

  delivered(dueAtMs: number): void {
    this.#delivered++;
    if (dueAtMs >= this.#measuredFromMs && dueAtMs < this.#measuredToMs) {
      this.#deliveryMs.add(performance.now() - dueAtMs);
    }
  }

  /** A subscriber has handled one read: the last one is the moment when all was there. */
  readEnd(): void {
    this.#movedAtMs = performance.now();
  }

  fail(error: Error): void {
    this.#failure ??= error;
  }

  async result(): Promise<LoadResult> {
    await this.open();
    const result = await (this.job.isQueued ? this.#queue() : this.#flow());
    await this.close();
    return result;
  }

  /** Everybody is there, and nothing is published yet. */
  async open(): Promise<void> {
    await this.#each(this.#subscribers, async (subscriber) => {
      await subscriber.connect(!this.job.isPersistent);
      await subscriber.subscribe();
      if (this.job.isQueued) await subscriber.disconnect();
    });
    await this.#each([...this.#publishers, ...this.#idle], async (client) => void await client.connect(true));
  }

  async close(): Promise<void> {
    await this.#each([...this.#publishers, ...this.#subscribers, ...this.#idle], (client) => client.disconnect());
  }

  /** Flat out for a moment, and then until everything has arrived: one turn of a duel. */
  async slice(rampMs: number, sliceMs: number): Promise<SliceResult> {
    for (const publisher of this.#publishers) publisher.startFlatOut();
    const startMs = performance.now();
    await this.#until(() => performance.now() - startMs >= rampMs || this.#isThrough());
    const from = this.#mark();
    const cpu = threadsMs(this.job.brokerPid);
    await this.#until(() => performance.now() - from.atMs >= sliceMs || this.#isThrough());
    const to = this.#mark();
    const cpuAfter = threadsMs(this.job.brokerPid);
    for (const publisher of this.#publishers) publisher.stop();
    await this.#untilDelivered();
    return {
      delivered: to.delivered - from.delivered,
      ms: to.atMs - from.atMs,
      brokerMs: cpu === undefined || cpuAfter === undefined ? undefined : cpuAfter - cpu,
    };
  }

  /** Of all that was published so far. */
  get verdict(): Verdict {
    return this.#verdict();
  }

  /** The subscribers are there all the time. */
  async #flow(): Promise<LoadResult> {
    const { warmUpSeconds, seconds, messagesPerSecond } = this.job;
    const rssStart = rssOf(this.job.brokerPid);
    const startMs = performance.now();
    if (messagesPerSecond === undefined) { for (const publisher of this.#publishers) publisher.startFlatOut(); }
    else this.#pace(messagesPerSecond, startMs);
    await this.#until(() => performance.now() - startMs >= warmUpSeconds * 1000);
    const from = this.#mark();
    const cpu = processorMs(this.job.brokerPid);
    this.#measuredFromMs = from.atMs;
    let isReleased = false;
    this.hold?.().then(() => isReleased = true);
    await this.#until(() =>
      isReleased || performance.now() - from.atMs >= seconds * 1000 || (this.#isThrough() && this.#isDelivered())
    );
    const to = this.#mark();
    const busy = this.#busy(cpu, to.atMs - from.atMs);
    this.#measuredToMs = to.atMs;
    for (const publisher of this.#publishers) publisher.stop();
    const rssPublished = rssOf(this.job.brokerPid);
    await this.#untilDelivered();
    return {
      verdict: this.#verdict(),
      seconds: (to.atMs - from.atMs) / 1000,
      acknowledgedPerSecond: perSecond(to.acknowledged - from.acknowledged, to.atMs - from.atMs),
      deliveredPerSecond: perSecond(to.delivered - from.delivered, to.atMs - from.atMs),
      deliveryMs: this.#deliveryMs.quantiles(),
      acknowledgementMs: this.#acknowledgementMs.quantiles(),
      generatorLateMs: this.#generatorLateMs.quantiles(),
      rssStart,
      rssPublished,
      rssEnd: rssOf(this.job.brokerPid),
      ...busy,
    };
  }

  /** The subscribers are away until everything waits for them. */
  async #queue(): Promise<LoadResult> {
    const rssStart = rssOf(this.job.brokerPid);
    const cpu = processorMs(this.job.brokerPid);
    const startMs = performance.now();
    for (const publisher of this.#publishers) publisher.startFlatOut();
    await this.#untilStalled(() => this.#isThrough());
    const queued = this.#mark();
    const rssPublished = rssOf(this.job.brokerPid);
    const drainMs = performance.now();
    await this.#each(this.#subscribers, async (subscriber) => {
      if (!(await subscriber.connect(false))) throw new Error(`${subscriber.clientId} has no session any more`);
    });
    await this.#untilDelivered();
    return {
      verdict: this.#verdict(),
      seconds: (this.#movedAtMs - drainMs) / 1000,
      acknowledgedPerSecond: perSecond(queued.acknowledged, queued.atMs - startMs),
      deliveredPerSecond: perSecond(this.#delivered, this.#movedAtMs - drainMs),
      rssStart,
      rssPublished,
      rssEnd: rssOf(this.job.brokerPid),
      ...this.#busy(cpu, performance.now() - startMs),
    };
  }

  /** A message is due at each step of the clock, for one publisher after the other. */
  #pace(messagesPerSecond: number, startMs: number): void {
    let due = 0;
    let lastMs = performance.now();
    const tick = () => {
      const nowMs = performance.now();
      if (nowMs >= this.#measuredFromMs) this.#generatorLateMs.add(Math.max(0, nowMs - lastMs - PACE_MS));
      lastMs = nowMs;
      if (this.#failure !== undefined || nowMs >= this.#measuredToMs || this.#isThrough()) return;
      const target = Math.floor((nowMs - startMs) / 1000 * messagesPerSecond);
      // The moment is that of this tick: how coarse the timer is says nothing of the broker. A full window does.
      while (due < target) this.#publishers[due++ % this.#publishers.length].owe(nowMs);
      setTimeout(tick, PACE_MS);
    };
    tick();
  }

  /** All that was to be published is acknowledged. */
  #isThrough(): boolean {
    const { messagesMax, pairs } = this.job;
    return messagesMax !== undefined && this.#acknowledged === messagesMax * pairs;
  }

  #isDelivered(): boolean {
    return this.#delivered >= this.#published * this.#deliveriesEach;
  }

  #mark(): Mark {
    return { atMs: performance.now(), acknowledged: this.#acknowledged, delivered: this.#delivered };
  }

  async #untilDelivered(): Promise<void> {
    await this.#untilStalled(() => this.#isDelivered() && this.#acknowledged === this.#published);
  }

  /** Waits for what may never come: then the verdict says what is missing. */
  async #untilStalled(isOver: () => boolean): Promise<void> {
    let moved = -1;
    let movedMs = performance.now();
    await this.#until(() => {
      const now = this.#acknowledged + this.#delivered;
      if (now !== moved) {
        moved = now;
        movedMs = performance.now();
      }
      return isOver() || performance.now() - movedMs > STALL_MS;
    });
  }

  async #until(isOver: () => boolean): Promise<void> {
    while (!isOver()) {
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
      if (this.#failure !== undefined) throw this.#failure;
    }
  }

  /** @throws when a broker leaves a few of them without an answer for too long. */
  async #each<Client>(clients: readonly Client[], visit: (client: Client) => Promise<void>): Promise<void> {
    for (let i = 0; i < clients.length; i += AT_ONCE) {
      await deadline(Promise.all(clients.slice(i, i + AT_ONCE).map(visit)), STALL_MS);
    }
  }

  #verdict(): Verdict {
    const verdict: Verdict = {
      published: this.#published,
      unacknowledged: this.#published - this.#acknowledged,
      delivered: 0,
      lost: 0,
      duplicated: 0,
      disordered: 0,
      foreign: 0,
    };
    for (const { sources, foreign } of this.#subscribers) {
      verdict.foreign += foreign;
      for (const { check, publisher } of sources.values()) {
        verdict.delivered += check.delivered;
        verdict.lost += check.lost(publisher.published);
        verdict.duplicated += check.duplicated;
        verdict.disordered += check.disordered;
      }
    }
    return verdict;
  }

  #busy(since: ProcessorMs, ms: number): Pick<LoadResult, "generatorBusy" | "brokerBusy" | "othersBusy"> {
    const now = processorMs(this.job.brokerPid);
    const generatorBusy = (now.generator - since.generator) / ms;
    if (now.broker === undefined || now.machine === undefined) return { generatorBusy };
    const brokerBusy = (now.broker - since.broker!) / ms;
    return { generatorBusy, brokerBusy, othersBusy: (now.machine - since.machine!) / ms - brokerBusy - generatorBusy };
  }
}

function perSecond(messages: number, ms: number): number {
  return messages / ms * 1000;
}
