/** What is looked at for its allocations: the workloads of the micro benches, each in a size that fits into one round.
 * @module */

import { Timer, TimerWheel } from "../../src/base/timer_wheel.ts";
import { ByteWriter, PublishFrameEncoder } from "../../src/packet/mod.ts";
import { SubscriptionTrie } from "../../src/topic/subscription_trie.ts";
import { dispatcherWorkload } from "../broker/dispatcher_bench.ts";
import { outboundWorkload } from "../connection/outbound_bench.ts";
import { acknowledge } from "../packet/acknowledgement_bench.ts";
import { decodeReads } from "../packet/decode_bench.ts";
import { borrowedMessage, encodeFrames } from "../packet/publish_frame_bench.ts";
import { DECODE_WORKLOADS, decoderFor, frames } from "../packet/publish_workload.ts";
import { packetIdentifiersWorkload } from "../session/packet_identifiers_bench.ts";
import { matchCacheHitWorkload } from "../topic/match_cache_bench.ts";
import { filterSet, topicSet } from "../topic/subscription_trie_bench.ts";
import type { HeapWorkload } from "./allocation.ts";
import { forwardWorkload } from "./forward_workload.ts";

const ONE_TOPIC = DECODE_WORKLOADS["64 B, QoS 0, 5.0, one topic"];
const ONE_TOPIC_OLD = DECODE_WORKLOADS["64 B, QoS 0, 3.1.1, one topic"];
const MANY_TOPICS = DECODE_WORKLOADS["64 B, QoS 0, 5.0, 100 topics in turn"];
const FILTERS = 10_000;

/** Made when its turn comes: some take a while to build. */
export interface NamedWorkload {
  readonly name: string;
  /** What one operation is. */
  readonly operation: string;
  /** Nothing may be allocated for each operation; what a whole run allocates, such as its promise, is spread over it. */
  readonly isFree: boolean;
  readonly make: () => Omit<HeapWorkload, "name">;
}

export const HEAP_WORKLOADS: readonly NamedWorkload[] = [
  free("forward, QoS 0, 1 → 1, a known topic", "delivery", () => forwardWorkload(ONE_TOPIC, 1)),
  free("forward, QoS 0, 1 → 1, 3.1.1", "delivery", () => forwardWorkload(ONE_TOPIC_OLD, 1)),
  free("forward, QoS 0, 1 → 1, 100 known topics", "delivery", () => forwardWorkload(MANY_TOPICS, 1)),
  free("forward, QoS 0, 1 → 10, a known topic", "delivery", () => forwardWorkload(ONE_TOPIC, 10)),
  ...Object.entries(DECODE_WORKLOADS).map(([name, workload]): NamedWorkload => ({
    name: `decode, ${name}`,
    operation: "packet",
    isFree: !/properties/.test(name),
    make: () => {
      const { bytes, packets } = frames(workload);
      const decoder = decoderFor(workload.version);
      return { operations: packets, run: () => decodeReads(decoder, bytes, 1) };
    },
  })),
  free("encode, sent on as received", "frame", () => encoding(5, 0, 1)),
  free("encode, 5.0 → 3.1.1, 100 receivers", "frame", () => encoding(4, 0, 100)),
  free("encode, QoS 1, 100 receivers", "frame", () => encoding(5, 1, 100)),
  free("encode, PUBACK", "packet", () => {
    const writer = new ByteWriter();
    return { operations: 1000, run: () => acknowledge(writer, 1000) };
  }),
  ...([0, 1, 2] as const).flatMap((qos) =>
    ([1, 100] as const).map((receivers): NamedWorkload => ({
      name: `dispatcher turn, QoS ${qos}, 1 → ${receivers}`,
      operation: "delivery",
      isFree: qos === 0,
      make: () => ({ operations: 1000, run: dispatcherWorkload(receivers, qos, 1000 / receivers) }),
    }))
  ),
  ...(["contiguous", "scattered", "copies"] as const).map((kind): NamedWorkload => ({
    name: `outbound, ${kind}`,
    operation: "frame",
    // A run by itself is copied by way of a view.
    isFree: kind !== "scattered",
    make: () => ({ operations: 800, run: outboundWorkload(kind, 800) }),
  })),
  free("match cache, hit", "look-up", () => ({ operations: 1000, run: matchCacheHitWorkload(1000) })),
  { name: "trie, match", operation: "topic", isFree: false, make: matching },
  { name: "trie, insert and remove", operation: "filter", isFree: false, make: changing },
  free("timer wheel, move a deadline", "deadline", moving),
  free("packet identifiers, 1,000 open", "identifier", () => ({
    operations: 1000,
    run: packetIdentifiersWorkload(1000, 1000),
  })),
];

function free(name: string, operation: string, make: NamedWorkload["make"]): NamedWorkload {
  return { name, operation, isFree: true, make };
}

function encoding(version: 4 | 5, qos: 0 | 1, receivers: number): Omit<HeapWorkload, "name"> {
  const message = borrowedMessage();
  const encoder = new PublishFrameEncoder();
  return {
    operations: 1000,
    run: () => encodeFrames(encoder, message, 1000 / receivers, receivers, version, qos),
  };
}

function filledTrie(): SubscriptionTrie<{ filter: string }> {
  const trie = new SubscriptionTrie<{ filter: string }>();
  for (const filter of filterSet(FILTERS)) trie.insert(filter, { filter });
  return trie;
}

function matching(): Omit<HeapWorkload, "name"> {
  const trie = filledTrie();
  const names = topicSet(FILTERS, 100);
  let matches = 0;
  const visit = () => void matches++;
  return {
    operations: names.length,
    run: () => {
      for (const name of names) trie.match(name, visit);
      return matches;
    },
  };
}

function changing(): Omit<HeapWorkload, "name"> {
  const trie = filledTrie();
  const added = Array.from({ length: 100 }, (_, index) => ({ filter: `area3/site1/added/+/${index}` }));
  return {
    operations: added.length,
    run: () => {
      for (const value of added) trie.insert(value.filter, value);
      for (const value of added) trie.remove(value.filter, value);
      return trie.size;
    },
  };
}

function moving(): Omit<HeapWorkload, "name"> {
  const wheel = new TimerWheel(0);
  const timers = Array.from({ length: 1000 }, () => new Timer(() => {}));
  let round = 0;
  return {
    operations: timers.length,
    run: () => {
      round++;
      for (let index = 0; index < timers.length; index++) {
        wheel.schedule(timers[index], 60_000 + (index * 7 + round * 13) % 90_000);
      }
      return wheel.size;
    },
  };
}
