/** What `bench` was asked to do. In: options. Out: a plan without gaps. Room: pure. @module */

import type { QoS } from "../../packet/control_packet.ts";
import { UsageError } from "../arguments.ts";
import type { ClientOption, GivenClientOptions } from "./client_option.ts";
import { lastOf, numberOption, qosOption, secondsOption } from "./given_values.ts";
import { STAMP_BYTES } from "./stamped_payload.ts";

/** pairs: publisher 3 → subscriber 3. fanin, fanout: all publishers → every subscriber; they differ in how many there are
 * unless it is said. */
export type BenchPattern = "pairs" | "fanin" | "fanout";

export interface BenchPlan {
  readonly pattern: BenchPattern;
  readonly publishers: number;
  readonly subscribers: number;
  readonly qos: QoS;
  /** Of a payload, in bytes. */
  readonly size: number;
  /** Messages a second of all publishers together; undefined = as fast as they can. */
  readonly ratePerS: number | undefined;
  readonly durationS: number;
  /** Before the measurement, with the same load. */
  readonly warmUpS: number;
  /** Messages of one publisher that may be on their way: at QoS 1 and 2 to their acknowledgement, at QoS 0 to the
   * subscribers. Infinity (QoS 0) = any number. */
  readonly window: number;
  /** How long nothing may come before what is missing counts as lost. */
  readonly patienceS: number;
  /** Above the topics of the publishers. */
  readonly topic: string;
}

const CLIENTS_MAX = 10_000;
const SIZE_MAX = 16 * 1024 * 1024;
const RATE_MAX = 10_000_000;
const DURATION_S_MAX = 7 * 24 * 3600;
const WINDOW_MAX = 0xffff;
const FAN = 10;
const DEFAULT_COUNTS: Readonly<Record<BenchPattern, readonly [publishers: number, subscribers: number]>> = {
  pairs: [1, 1],
  fanin: [FAN, 1],
  fanout: [1, FAN],
};

export const BENCH_OPTIONS: readonly ClientOption[] = [
  {
    name: "pattern",
    valueNames: ["pairs|fanin|fanout"],
    about: "who hears whom: each publisher has one subscriber (default), or all publishers reach every subscriber",
    example: "--pattern fanout --subscribers 100",
  },
  {
    name: "publishers",
    valueNames: ["NUMBER"],
    about: "how many clients publish; default 1, with fanin 10",
    example: "--publishers 10",
  },
  {
    name: "subscribers",
    valueNames: ["NUMBER"],
    about: "how many clients subscribe; default: as many as publishers, with fanin 1, with fanout 10",
    example: "--pattern fanout --subscribers 100",
  },
  {
    name: "qos",
    short: "q",
    valueNames: ["0|1|2"],
    about: "of publishers and subscribers; default 0",
    example: "-q 1",
  },
  {
    name: "size",
    valueNames: ["BYTES"],
    about: `of each payload; default 64, at least ${STAMP_BYTES}, which say who sent it, when, and as which one`,
    example: "--size 1024",
  },
  {
    name: "rate",
    valueNames: ["NUMBER"],
    about: "messages a second, of all publishers together; default: as fast as they can. Latencies mean something " +
      "only with a rate that the broker bears: without one they are those of full queues",
    example: "--rate 10000",
  },
  {
    name: "duration",
    valueNames: ["SECONDS"],
    about: "how long to publish; default 10",
    example: "--duration 60",
  },
  {
    name: "warm-up",
    valueNames: ["SECONDS"],
    about: "publish this long before the measurement begins; default 1. Losses are counted here, too",
    example: "--warm-up 5",
  },
  {
    name: "window",
    valueNames: ["NUMBER"],
    about:
      "messages of one publisher that may be on their way: at QoS 1 and 2 until they are acknowledged (default 100)," +
      " at QoS 0 until all subscribers have them (default 5000; 0 = any number, to see what a flood does)",
    example: "-q 1 --window 1",
  },
  {
    name: "patience",
    valueNames: ["SECONDS"],
    about: "when nothing comes for this long, what is missing is lost; default 5",
    example: "--patience 30",
  },
  {
    name: "topic",
    short: "t",
    valueNames: ["TOPIC"],
    about: "publish below this topic; default bench/ and a number of this run",
    example: "-t test/bench",
  },
  {
    name: "json",
    valueNames: ["FILE|-"],
    about: "write the report as JSON into a file, or to standard output in the place of the text",
    example: "--json report.json",
  },
];

/** @param usualTopic where no other is named. @throws UsageError */
export function readBenchPlan(given: GivenClientOptions, usualTopic: string): BenchPlan {
  const pattern = readPattern(lastOf(given, "pattern") ?? "pairs");
  const [publishersUsual, subscribersUsual] = DEFAULT_COUNTS[pattern];
  const publishers = numberOption(given, "publishers", 1, CLIENTS_MAX) ??
    (pattern === "pairs" ? numberOption(given, "subscribers", 1, CLIENTS_MAX) : undefined) ?? publishersUsual;
  const subscribers = numberOption(given, "subscribers", 1, CLIENTS_MAX) ??
    (pattern === "pairs" ? publishers : subscribersUsual);
  if (pattern === "pairs" && publishers !== subscribers) {
    throw new UsageError("--pattern pairs has as many publishers as subscribers; fanin and fanout may differ");
  }
  const qos = qosOption(given, "qos") ?? 0;
  const window = numberOption(given, "window", qos === 0 ? 0 : 1, WINDOW_MAX) ?? (qos === 0 ? 5000 : 100);
  return {
    pattern,
    publishers,
    subscribers,
    qos,
    size: numberOption(given, "size", STAMP_BYTES, SIZE_MAX) ?? 64,
    ratePerS: numberOption(given, "rate", 1, RATE_MAX),
    durationS: secondsOption(given, "duration", 0.1, DURATION_S_MAX) ?? 10,
    warmUpS: secondsOption(given, "warm-up", 0, DURATION_S_MAX) ?? 1,
    window: window === 0 ? Infinity : window,
    patienceS: secondsOption(given, "patience", 0.1, DURATION_S_MAX) ?? 5,
    topic: lastOf(given, "topic") ?? usualTopic,
  };
}

function readPattern(text: string): BenchPattern {
  if (Object.hasOwn(DEFAULT_COUNTS, text)) return text as BenchPattern;
  throw new UsageError(`--pattern ${text}: the patterns are ${Object.keys(DEFAULT_COUNTS).join(", ")}`);
}
