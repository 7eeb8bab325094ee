/** One broker for one point, what is put into it before, and the figures of a flow through it. @module */

import { BrokerProcess } from "../scenarios/broker_process.ts";
import { rssOf, threadsMs } from "../scenarios/processor_time.ts";
import type { Quantiles } from "../scenarios/load/job.ts";
import type { Figures, PointSetting } from "./curve.ts";
import { Flow, type FlowPlan, inGroups, problemsOf } from "./load/flow.ts";
import { TopicList } from "./load/frames.ts";
import { RawClient } from "./load/raw_client.ts";

/** As many filters as one session has by default. */
const FILTERS_OF_ONE = 10_000;
const AT_ONCE = 50;

/** Two looks in a row that differ by less have settled. */
const SETTLED_SHARE = 0.9;
const SETTLING_LOOKS_MAX = 25;
/** Of a core. */
const IDLE_SHARE = 0.05;
const STALL_MS = 20_000;
const TICK_SECONDS = 0.002;

/** Between two looks. */
interface Mark {
  readonly atMs: number;
  readonly brokerMs: number | undefined;
}

export class Stage implements AsyncDisposable {
  readonly problems: string[] = [];
  verified = 0;
  readonly #clients: RawClient[] = [];

  private constructor(readonly broker: BrokerProcess, readonly setting: PointSetting) {}

  /** @param limits other than the defaults. */
  static async start(setting: PointSetting, limits: Readonly<Record<string, number>> = {}): Promise<Stage> {
    const dataDir = await Deno.makeTempDir({ prefix: "quetzal-growth-" });
    const sets = Object.entries(limits).flatMap(([name, value]) => ["--set", `limits.${name}=${value}`]);
    const command = {
      program: Deno.execPath(),
      args: [
        ...["run", "-A", "--no-check", "main.ts", "--port", "0", "--data-dir", `${dataDir}/data`],
        ...["--durability", "off", "--log-level", "warning", ...sets],
      ],
      ready: /mqtt:\/\/127\.0\.0\.1:(\d+)/,
      saysOn: 0,
    } as const;
    return new Stage(await BrokerProcess.launch(dataDir, command, setting.brokerCore), setting);
  }

  get port(): number {
    return this.broker.port;
  }

  mark(): Mark {
    return { atMs: performance.now(), brokerMs: threadsMs(this.broker.pid) };
  }

  /** Processor time of the broker since then, in µs. */
  brokerUs(since: Mark): number | undefined {
    const now = threadsMs(this.broker.pid);
    return now === undefined || since.brokerMs === undefined ? undefined : (now - since.brokerMs) * 1000;
  }

  get rssBytes(): number | undefined {
    return rssOf(this.broker.pid);
  }

  /** Clients that stay, each with one of these lists of filters. */
  async settle(name: string, count: number, filtersOf: (index: number) => readonly string[]): Promise<RawClient[]> {
    const clients = Array.from({ length: count }, (_, index) => new RawClient(`${name}-${index}`));
    this.#clients.push(...clients);
    await inGroups(clients, AT_ONCE, async (client, index) => {
      await client.connect(this.port);
      await client.subscribe(filtersOf(index));
    });
    return clients;
  }

  /** A few clients that hold all these filters among them. */
  async settleFilters(filters: readonly string[]): Promise<void> {
    const count = Math.ceil(filters.length / FILTERS_OF_ONE);
    await this.settle("holder", count, (index) => filters.slice(index * FILTERS_OF_ONE, (index + 1) * FILTERS_OF_ONE));
  }

  /** A flow, flat out: what a delivery costs the broker, and how many there are in a second. */
  async flowFigures(plan: FlowPlan): Promise<Figures> {
    const { sliceSeconds, slices, warmUpSeconds } = this.setting;
    const flow = await Flow.open(this.port, plan);
    flow.start();
    await seconds(warmUpSeconds);
    if (!this.setting.isTiny) await this.#untilSettled(flow);
    const cpuUs: number[] = [];
    const perSecond: number[] = [];
    for (let slice = 0; slice < slices; slice++) {
      const mark = this.mark();
      const before = flow.delivered;
      await seconds(sliceSeconds);
      await this.#untilMore(flow, before);
      const count = flow.delivered - before;
      const brokerUs = this.brokerUs(mark);
      if (brokerUs !== undefined) cpuUs.push(brokerUs / count);
      perSecond.push(count / (performance.now() - mark.atMs) * 1000);
    }
    await this.finish(flow);
    return { cpuUs: median(cpuUs), deliveriesPerSecond: median(perSecond), rssBytes: this.rssBytes };
  }

  /** What was put into the broker a moment ago, the collector walks through once or twice, which for a million of anything
   * takes a second or two: that is no part of what a delivery costs. */
  async #untilSettled(flow: Flow): Promise<void> {
    let cost = Infinity;
    for (let look = 0; look < SETTLING_LOOKS_MAX && flow.failure === undefined; look++) {
      const mark = this.mark();
      const before = flow.delivered;
      await seconds(this.setting.sliceSeconds);
      const brokerUs = this.brokerUs(mark);
      if (brokerUs === undefined) return;
      const next = brokerUs / (flow.delivered - before);
      if (next > cost * SETTLED_SHARE && next < cost / SETTLED_SHARE) return;
      cost = next;
    }
  }

  /** Waits until the broker has nothing to do any more, not even for itself. */
  async untilIdle(): Promise<void> {
    if (this.setting.isTiny) return;
    for (let look = 0; look < SETTLING_LOOKS_MAX; look++) {
      const mark = this.mark();
      await seconds(this.setting.sliceSeconds);
      const brokerUs = this.brokerUs(mark);
      if (brokerUs === undefined || brokerUs < IDLE_SHARE * (performance.now() - mark.atMs) * 1000) return;
    }
  }

  /** Messages at a pace between other clients, while something else goes on: how long they take, and what the broker did
   * meanwhile. @param during begins with them; left out: nothing but they. */
  async othersFigures(during?: () => Promise<unknown>, messagesPerSecond = 1000): Promise<OthersFigures> {
    const { sliceSeconds, slices, warmUpSeconds } = this.setting;
    const flow = await Flow.open(this.port, othersPlan(messagesPerSecond));
    flow.start();
    await seconds(warmUpSeconds);
    const mark = this.mark();
    const before = flow.delivered;
    flow.beginLatencies();
    await Promise.all([during?.(), seconds(sliceSeconds * slices)]);
    await this.#untilMore(flow, before);
    const passedMs = performance.now() - mark.atMs;
    const brokerUs = this.brokerUs(mark);
    const delivered = flow.delivered - before;
    const latencies = flow.endLatencies();
    await this.finish(flow);
    return { passedMs, brokerUs, delivered, latencies };
  }

  /** A slice in which nothing came would say nothing: on a busy machine a short one may be over too soon.
   * @throws when nothing comes. */
  async #untilMore(flow: Flow, before: number): Promise<void> {
    const startMs = performance.now();
    while (flow.delivered === before) {
      if (flow.failure !== undefined) throw flow.failure;
      if (performance.now() - startMs > STALL_MS) throw new Error("nothing is delivered any more");
      await seconds(TICK_SECONDS);
    }
  }

  /** Ends a flow, and keeps its verdict. */
  async finish(flow: Flow): Promise<void> {
    const verdict = await flow.drain();
    this.verified += verdict.delivered;
    this.problems.push(...problemsOf(verdict));
    if (verdict.published === 0) this.problems.push("nothing was published");
    await flow.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const client of this.#clients) client.link?.cut();
    await this.broker[Symbol.asyncDispose]();
  }
}

export interface OthersFigures {
  readonly passedMs: number;
  readonly brokerUs: number | undefined;
  readonly delivered: number;
  readonly latencies: Quantiles | undefined;
}

const OTHERS = 10;

function othersPlan(messagesPerSecond: number): FlowPlan {
  const places = Array.from({ length: OTHERS }, (_, index) => index);
  return {
    publishers: places.map((place) => ({ topics: new TopicList([`others/${place}`]), receivers: 1 })),
    subscribers: places.map((place) => ({ filters: [`others/${place}`], publishers: [place] })),
    ...{ qos: 0, payloadBytes: 64, window: Infinity, messagesPerSecond },
  };
}

/** One publisher of these topics, and one subscriber that gets all of them. */
export function onePair(topics: readonly string[], filters: readonly string[], more: Partial<FlowPlan> = {}): FlowPlan {
  return {
    publishers: [{ topics: new TopicList(topics), receivers: 1 }],
    subscribers: [{ filters, publishers: [0] }],
    ...{ qos: 0, payloadBytes: 64, window: 10_000 },
    ...more,
  };
}

export function seconds(count: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, count * 1000));
}

/** @returns undefined of nothing. */
export function median(values: readonly number[]): number | undefined {
  return values.length === 0 ? undefined : values.toSorted((a, b) => a - b)[values.length >> 1];
}
