/** From the bytes of a PUBLISH to the sink of its receiver, by how many topics there are: topics that are known, topics that
 * do not fit into the cache, and no cache at all; among wildcard filters, and among literal filters as well.
 * In: topics, literal filters, the bound of the cache. Out: a run, which says how many deliveries it made. @module */

import type { Limits } from "../../src/config/limits.ts";
import { PublishReader } from "../../src/packet/publish.ts";
import { BenchDispatcher, CountingSink } from "./bench_dispatcher.ts";

/** In one go, as they come in one read. */
const MESSAGES = 1_000;
const WILDCARD_FILTERS = 10_000;

export interface TopicsLoad {
  topics: number;
  /** That others hold, and that match nothing. */
  literalFilters?: number;
  /** Of each topic; usually 1. */
  receivers?: number;
  limits?: Partial<Limits>;
  /** Words before each topic: topics of another load are not known from this one. */
  prefix?: string;
}

/** @returns one run: the next 1,000 messages, whose topics come in turn, to one of the filters each. */
export function topicsWorkload(load: TopicsLoad): () => number {
  const { topics, literalFilters = 0, receivers = 1, limits, prefix = "site" } = load;
  const bench = new BenchDispatcher(limits);
  const sink = new CountingSink();
  const subscriber = bench.connect(sink, "subscriber");
  for (let index = 0; index < WILDCARD_FILTERS; index++) {
    bench.subscribe(subscriber, `${prefix}${index % 100}/+/sensor${index}/#`, 0);
  }
  for (let index = 0; index < receivers; index++) {
    bench.subscribe(bench.connect(sink, `receiver ${index}`), "+/+/temperature", 0);
  }
  for (let index = 0; index < literalFilters; index++) bench.subscribe(subscriber, `${prefix}/literal/${index}`, 0);
  const publisher = bench.connect(new CountingSink(), "publisher");
  const frames = Array.from(
    { length: topics },
    (_, index) => frameOf(`${prefix}${index % 100}/device${index}/temperature`),
  );
  // One behind the other, as they lie in a read buffer.
  const ends = frames.map(() => 0);
  const buffer = new Uint8Array(frames.reduce((sum, frame) => sum + frame.length, 0));
  frames.reduce((at, frame, index) => (buffer.set(frame, at), ends[index] = at + frame.length), 0);
  const reader = new PublishReader("client", 0);
  let next = 0;
  return () => {
    const before = sink.deliveries;
    for (let message = 0; message < MESSAGES; message++) {
      const start = next === 0 ? 0 : ends[next - 1];
      bench.dispatcher.received(publisher, reader.decode(buffer, start, start + 2, ends[next], 4));
      next = next + 1 === topics ? 0 : next + 1;
    }
    bench.endTurn();
    return sink.deliveries - before;
  };
}

function frameOf(topicName: string): Uint8Array {
  const topic = new TextEncoder().encode(topicName);
  return Uint8Array.of(0x30, 2 + topic.length + 16, 0, topic.length, ...topic, ...new Uint8Array(16));
}

const NO_CACHE = { matchCacheEntriesMax: 0 };
for (const topics of [100, 2_000, 20_000]) {
  const group = `1,000 messages, ${topics} topics in turn`;
  const cached = topicsWorkload({ topics, prefix: "cached" });
  const none = topicsWorkload({ topics, prefix: "none", limits: NO_CACHE });
  Deno.bench(`${group}: no cache`, { group, baseline: true }, () => void none());
  Deno.bench(`${group}: a cache`, { group }, () => void cached());
}
const literal = topicsWorkload({ topics: 50_000, prefix: "literal", literalFilters: 1_000 });
Deno.bench("1,000 messages, 50,000 topics in turn, literal filters as well", () => void literal());
