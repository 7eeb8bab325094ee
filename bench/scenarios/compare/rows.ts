/** What is compared, as data: the load of each row, the number that is shown, and whether more of it is better. @module */

import type { FlowResult, FlowShape, StormResult, StormShape } from "../../native/load_shape.ts";

/** How large everything is: the bench itself, or tiny in a check. */
export interface CompareSize {
  readonly seconds: number;
  readonly warmUpSeconds: number;
  /** Of numbers of clients, filters and messages; 1 is what the titles say. */
  readonly scale: number;
  /** A flow that is timed otherwise ends with so many messages; left out: it never does. */
  readonly messagesMax?: number;
}

export const COMPARE_SIZE: CompareSize = { seconds: 2, warmUpSeconds: 0.7, scale: 1 };

/** 5.0+ is 5.0 with properties, Topic Aliases and Subscription Identifiers. */
export const PROTOCOLS = ["3.1.1", "5.0", "5.0+"] as const;
export type Protocol = typeof PROTOCOLS[number];

export interface Headline {
  readonly unit: string;
  readonly digits: number;
  readonly isMoreBetter: boolean;
}

interface RowBase extends Headline {
  readonly id: string;
  readonly title: string;
  readonly protocols: readonly Protocol[];
  /** Each round with processes that have done nothing before. */
  readonly isFresh?: boolean;
  /** So many runs of each contestant are not counted: one alone is over before a compiler has looked at it. */
  readonly warmUpRuns?: number;
  /** One run is enough: it takes minutes, and what it measures hardly varies. */
  readonly isLong?: boolean;
  /** Of our own only: it says something of a version, and nothing beside a peer. */
  readonly isOwn?: boolean;
}

export interface FlowRow extends RowBase {
  readonly kind: "flow";
  readonly load: (size: CompareSize) => FlowShape;
  readonly of: (result: FlowResult) => number;
}

export interface StormRow extends RowBase {
  readonly kind: "storm";
  readonly load: (size: CompareSize) => StormShape;
  readonly of: (result: StormResult) => number;
}

/** From the start of a process until it listens, in ms. */
export interface StartRow extends RowBase {
  readonly kind: "start";
}

export type CompareRow = FlowRow | StormRow | StartRow;

const KIB = 1024;
const MIB = 1_048_576;

function flatOut(id: string, title: string, shape: FlowShape, more: Partial<FlowRow> = {}): FlowRow {
  return {
    ...{ kind: "flow", id, title, unit: "msg/s", digits: 0, isMoreBetter: true, protocols: PROTOCOLS },
    of: ({ deliveredPerSecond }) => deliveredPerSecond,
    load: (size) => timed(size, shape),
    ...more,
  };
}

/** Scaled, and with the bench's times. */
function timed(size: CompareSize, shape: FlowShape): FlowShape {
  const { seconds, warmUpSeconds, messagesMax } = size;
  const times = messagesMax === undefined ? { seconds, warmUpSeconds } : { messages: messagesMax };
  return { ...scaled(size, shape), ...times };
}

/** In fours, as filters want it. */
function scaled({ scale }: CompareSize, shape: FlowShape): FlowShape {
  const count = (full: number | undefined) =>
    full === undefined || full === 1 || scale === 1 ? full : Math.max(4, Math.ceil(full * scale / 4) * 4);
  const { publishers, subscribers, filters, idle } = shape;
  return {
    ...shape,
    ...{ publishers: count(publishers), subscribers: count(subscribers) },
    ...{ filters: count(filters), idle: count(idle) },
  };
}

/** @param window of messages: some 24 MiB under way. */
function payload(id: string, title: string, payloadBytes: number, window: number): FlowRow {
  return flatOut(id, title, { qos: 1, payloadBytes, window }, {
    unit: "MB/s",
    protocols: ["3.1.1", "5.0"],
    of: ({ megabytesPerSecond }) => megabytesPerSecond,
  });
}

function latency(id: string, title: string, shape: FlowShape): FlowRow {
  return flatOut(id, title, shape, {
    ...{ unit: "µs", isMoreBetter: false, protocols: ["3.1.1", "5.0"] },
    of: ({ p99Us }) => p99Us,
    load: (size) => timed({ ...size, seconds: 2 * size.seconds }, shape),
  });
}

const PAIRS_100 = { publishers: 100, subscribers: 100, payloadBytes: 256 };
const FAN_IN_50 = { pattern: "fanin", publishers: 50 } as const;
const FAN_OUT_100 = { pattern: "fanout", subscribers: 100 } as const;

/** Until what the arrivals alone have needed is given back: V8 collects in full for that, when a process has been running for
 * half a minute, has allocated little for some seconds, and eight more have passed. */
const SETTLING_SECONDS = 45;

export const ROWS: readonly CompareRow[] = [
  flatOut("one-0", "1 → 1, QoS 0", { qos: 0 }),
  flatOut("one-1", "1 → 1, QoS 1", { qos: 1 }),
  flatOut("one-2", "1 → 1, QoS 2", { qos: 2 }),
  flatOut("fan-in-0", "fan-in 50 → 1, QoS 0", { ...FAN_IN_50, qos: 0 }),
  flatOut("fan-in-1", "fan-in 50 → 1, QoS 1", { ...FAN_IN_50, qos: 1 }),
  flatOut("fan-out-0", "fan-out 1 → 100, QoS 0", { ...FAN_OUT_100, qos: 0 }),
  flatOut("fan-out-1", "fan-out 1 → 100, QoS 1", { ...FAN_OUT_100, qos: 1 }),
  flatOut("pairs-0", "100 pairs, 256 B, QoS 0", { ...PAIRS_100, qos: 0 }),
  flatOut("pairs-1", "100 pairs, 256 B, QoS 1", { ...PAIRS_100, qos: 1 }),
  flatOut("filters", "10,000 wildcard filters, QoS 0", { filters: 10_000, publishers: 10, subscribers: 100, qos: 0 }),
  flatOut("thousand", "1,000 pairs, 10 in flight, QoS 1", {
    ...{ publishers: 1000, subscribers: 1000, qos: 1, inFlight: 10 },
  }),
  flatOut("drain", "drain of offline queues, QoS 1", {
    ...{ publishers: 100, subscribers: 100, qos: 1, isQueued: true },
  }, { load: (size) => queued(size), warmUpRuns: 10 }),
  payload("payload-256k", "256 KiB payloads, QoS 1", 256 * KIB, 100),
  payload("payload-1m", "1 MiB payloads, QoS 1", MIB, 24),
  latency("latency-0", "p99 at 1,000 msg/s, 10 pairs, QoS 0", {
    ...{ publishers: 10, subscribers: 10, qos: 0, messagesPerSecond: 1000 },
  }),
  latency("latency-1", "p99 at 1,000 msg/s, 10 pairs, QoS 1", {
    ...{ publishers: 10, subscribers: 10, qos: 1, messagesPerSecond: 1000 },
  }),
  latency("latency-idle", "p99 at 20,000 msg/s, 5,000 idle clients", {
    ...{ publishers: 50, subscribers: 50, qos: 0, messagesPerSecond: 20_000, idle: 5000 },
  }),
  {
    ...{ kind: "storm", id: "connects", title: "connects", unit: "/s", digits: 0, isMoreBetter: true },
    ...{ protocols: ["3.1.1", "5.0"], warmUpRuns: 4 },
    load: ({ scale }) => ({ clients: Math.ceil(5000 * scale), holdSeconds: scale }),
    of: ({ connectsPerSecond }: StormResult) => connectsPerSecond,
  },
  {
    ...{ kind: "storm", id: "idle-memory" },
    title: "memory of an idle session with a subscription, 10,000 of them, settled",
    ...{ unit: "KiB", digits: 1, isMoreBetter: false, isFresh: true, isLong: true },
    protocols: ["3.1.1", "5.0"],
    load: ({ scale }) => ({
      ...{ clients: Math.ceil(10_000 * scale), isSubscribed: true },
      ...{ holdSeconds: SETTLING_SECONDS * scale, timeoutSeconds: 2 * SETTLING_SECONDS },
    }),
    of: ({ rssPerConnection }: StormResult) => rssPerConnection / KIB,
  },
  flatOut("long-memory", "memory gained from message 2 to 10 million, QoS 1", {}, {
    ...{ unit: "MiB", digits: 1, isMoreBetter: false, isFresh: true, isOwn: true, protocols: ["3.1.1"] },
    load: ({ scale }) => ({
      ...{ publishers: 10, subscribers: 10, qos: 1, messages: Math.ceil(10_000_000 * scale), timeoutSeconds: 300 },
      rssEvery: Math.ceil(1_000_000 * scale),
    }),
    of: ({ rssSamples }) => gained(rssSamples),
  }),
  {
    ...{ kind: "start", id: "start", title: "start of a process until it listens, empty store" },
    ...{ unit: "ms", digits: 0, isMoreBetter: false, protocols: ["3.1.1"] },
  },
];

function queued({ scale }: CompareSize): FlowShape {
  const { publishers, subscribers, messages } = { publishers: 100, subscribers: 100, messages: 20_000 };
  return {
    ...scaled({ scale, seconds: 0, warmUpSeconds: 0 }, { publishers, subscribers, qos: 1, isQueued: true }),
    messages: Math.ceil(messages * scale),
  };
}

/** In MiB; the beginning is the compiler's and the first buffers'. */
function gained(rssSamples: readonly number[]): number {
  const settled = rssSamples[Math.min(2, rssSamples.length - 1)];
  return rssSamples.length === 0 ? 0 : (rssSamples[rssSamples.length - 1] - settled) / MIB;
}

/** @returns the same load spoken in this protocol. */
export function spoken<Shape extends FlowShape | StormShape>(shape: Shape, protocol: Protocol, isFlow: boolean): Shape {
  if (protocol === "3.1.1") return shape;
  if (protocol === "5.0" || !isFlow) return { ...shape, protocolVersion: 5 };
  // With 10,000 wildcard filters each publisher has too many topics for aliases.
  const hasTopicAliases = (shape as FlowShape).filters === undefined;
  return { ...shape, protocolVersion: 5, hasProperties: true, hasSubscriptionIdentifiers: true, hasTopicAliases };
}
