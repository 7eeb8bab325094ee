/** What is measured, as data: the load of each scenario, the brokers that get it, and the numbers that are shown.
 * @module */

import type { BrokerName } from "./broker_process.ts";
import type { LoadJob, LoadResult } from "./load/job.ts";

/** How large everything is: the bench itself, or tiny in a test. */
export interface BenchSize {
  readonly pairs: number;
  readonly window: number;
  readonly payloadBytes: number;
  readonly warmUpSeconds: number;
  readonly pacedWarmUpSeconds: number;
  readonly seconds: number;
  readonly messagesPerSecond: number;
  readonly queuedMessages: number;
  /** Of each publisher, after which a run ends before its time; left out: it never does. */
  readonly messagesMax?: number;
}

export const BENCH_SIZE: BenchSize = {
  pairs: 100,
  window: 100,
  payloadBytes: 256,
  warmUpSeconds: 1,
  pacedWarmUpSeconds: 2,
  seconds: 4,
  messagesPerSecond: 10_000,
  queuedMessages: 200_000,
};

/** One line of the table. */
export interface Metric {
  readonly name: string;
  readonly unit: string;
  readonly digits: number;
  /** Whether it is worth a ratio to the reference. */
  readonly isCompared: boolean;
  readonly of: (result: LoadResult) => number | undefined;
}

export type LoadShape = Omit<LoadJob, "port" | "brokerPid" | "nonce">;

export interface Scenario {
  readonly id: string;
  readonly title: string;
  readonly brokers: readonly BrokerName[];
  /** What the others are compared with: the first one that runs. */
  readonly references: readonly BrokerName[];
  readonly rounds: number;
  readonly metrics: readonly Metric[];
  readonly load: (size: BenchSize) => LoadShape;
}

const MIB = 1_048_576;

const DELIVERED: Metric = {
  name: "delivered",
  unit: "msg/s",
  digits: 0,
  isCompared: true,
  of: (result) => result.deliveredPerSecond,
};
const BUSY = [busy("broker", "brokerBusy"), busy("load generator", "generatorBusy")];

function busy(name: string, field: "brokerBusy" | "generatorBusy"): Metric {
  const of = ({ [field]: cores }: LoadResult) => cores === undefined ? undefined : cores * 100;
  return { name, unit: "% of a core", digits: 0, isCompared: false, of };
}

function rss(name: string, field: "rssStart" | "rssPublished" | "rssEnd"): Metric {
  const of = ({ [field]: bytes }: LoadResult) => bytes === undefined ? undefined : bytes / MIB;
  return { name, unit: "MiB", digits: 0, isCompared: false, of };
}

function latency(field: "deliveryMs" | "acknowledgementMs", quantile: "p50" | "p99" | "max"): Metric {
  const name = `${field === "deliveryMs" ? "delivery" : "PUBLISH to PUBACK"} ${quantile}`;
  return { name, unit: "ms", digits: 2, isCompared: true, of: (result) => result[field]?.[quantile] };
}

/** Says the most where other programs run beside the bench: they take time from a broker, and no work off it. */
const COST: Metric = {
  name: "broker for a message",
  unit: "µs",
  digits: 2,
  isCompared: true,
  of: ({ brokerBusy, deliveredPerSecond }) =>
    brokerBusy === undefined ? undefined : brokerBusy / deliveredPerSecond * 1_000_000,
};
const FLAT_OUT = [DELIVERED, COST, rss("RSS under load", "rssPublished"), rss("RSS at the end", "rssEnd"), ...BUSY];
const EVERYBODY = ["full", "normal", "off", "mosquitto"] as const;
const PEER_FIRST = ["mosquitto", "off"] as const;

function pairs({ pairs, window, payloadBytes, warmUpSeconds, seconds, messagesMax }: BenchSize): LoadShape {
  return {
    ...{ pairs, window, payloadBytes, warmUpSeconds, seconds, messagesMax },
    ...{ qos: 1, isPersistent: true, isQueued: false },
  };
}

export const SCENARIOS: readonly Scenario[] = [
  {
    id: "a",
    title: "QoS 1 to subscribers that persist, flat out",
    brokers: EVERYBODY,
    references: PEER_FIRST,
    rounds: 1,
    metrics: FLAT_OUT,
    load: pairs,
  },
  {
    id: "b",
    title: "QoS 1 to subscribers that persist, paced",
    brokers: EVERYBODY,
    references: PEER_FIRST,
    rounds: 1,
    metrics: [
      { ...DELIVERED, isCompared: false },
      latency("deliveryMs", "p50"),
      latency("deliveryMs", "p99"),
      latency("deliveryMs", "max"),
      latency("acknowledgementMs", "p50"),
      latency("acknowledgementMs", "p99"),
      rss("RSS at the end", "rssEnd"),
      ...BUSY,
    ],
    load: (size) => ({
      ...pairs(size),
      warmUpSeconds: size.pacedWarmUpSeconds,
      messagesPerSecond: size.messagesPerSecond,
    }),
  },
  {
    id: "c",
    title: "QoS 1 to subscribers that do not persist, flat out",
    brokers: ["full", "off"],
    references: ["off"],
    rounds: 5,
    metrics: FLAT_OUT,
    load: (size) => ({ ...pairs(size), isPersistent: false }),
  },
  {
    id: "d",
    title: "QoS 2 to subscribers that persist, flat out",
    brokers: EVERYBODY,
    references: PEER_FIRST,
    rounds: 1,
    metrics: FLAT_OUT,
    load: (size) => ({ ...pairs(size), qos: 2 }),
  },
  {
    id: "e",
    title: "QoS 1 queued for sessions whose clients are away, then drained by all at once",
    brokers: EVERYBODY,
    references: PEER_FIRST,
    rounds: 1,
    metrics: [
      { ...DELIVERED, name: "queued", of: (result) => result.acknowledgedPerSecond },
      { ...DELIVERED, name: "drained" },
      rss("RSS before", "rssStart"),
      rss("RSS with all queued", "rssPublished"),
      rss("RSS with all drained", "rssEnd"),
      ...BUSY,
    ],
    load: (size) => ({ ...pairs(size), isQueued: true, messagesMax: Math.ceil(size.queuedMessages / size.pairs) }),
  },
];
