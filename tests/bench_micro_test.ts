/** Each micro bench runs tiny, so that none rots. The others are in bench_*_test.ts beside this; `deno task bench:quick` runs
 * them all, and so does the gate. @module */

import { assertEquals } from "@std/assert";
import { aclWorkload } from "../bench/auth/acl_bench.ts";
import { ringQueueWorkload } from "../bench/base/ring_queue_bench.ts";
import { advanceWorkload, jumpWorkload, scheduleWorkload } from "../bench/base/timer_wheel_bench.ts";
import { dispatcherWorkload } from "../bench/broker/dispatcher_bench.ts";
import { topicsWorkload } from "../bench/broker/topics_bench.ts";
import { largeOutboundWorkload, outboundWorkload } from "../bench/connection/outbound_bench.ts";
import { acknowledge } from "../bench/packet/acknowledgement_bench.ts";
import { copyByLoop, copyBySet, copyByWords, readAsText, readByDecoder } from "../bench/packet/bytes_bench.ts";
import { decodeReads } from "../bench/packet/decode_bench.ts";
import { borrowedMessage, encodeFrames } from "../bench/packet/publish_frame_bench.ts";
import { DECODE_WORKLOADS, decoderFor, frames } from "../bench/packet/publish_workload.ts";
import { commitOnce, fanOutOnce, passBy, readBack } from "../bench/persistence/store_bench.ts";
import { StoreWorkload } from "../bench/persistence/store_workload.ts";
import { packetIdentifiersWorkload } from "../bench/session/packet_identifiers_bench.ts";
import {
  matchCacheChurnWorkload,
  matchCacheHitWorkload,
  matchCacheThrashWorkload,
} from "../bench/topic/match_cache_bench.ts";
import {
  changeKindWorkload,
  depthWorkload,
  filterSet,
  insertRemoveWorkload,
  matchKindWorkload,
  matchWorkload,
} from "../bench/topic/subscription_trie_bench.ts";
import { nameSet, retainedMatchWorkload, retainedSetWorkload } from "../bench/topic/topic_tree_bench.ts";
import { unmaskOnce, websocketDecodeWorkload } from "../bench/transport/websocket_bench.ts";
import { ByteWriter, PublishFrameEncoder } from "../src/packet/mod.ts";

Deno.test("dispatcher_bench runs tiny", () => {
  assertEquals(dispatcherWorkload(1, 0, 5)(), 5);
  assertEquals(dispatcherWorkload(3, 0, 5)(), 15);
  assertEquals(dispatcherWorkload(3, 1, 5)(), 15);
  assertEquals(dispatcherWorkload(3, 2, 5)(), 15);
});

Deno.test("the workloads of the topics bench deliver each message once, whether its topic is known, does not fit, or is not kept", () => {
  assertEquals(topicsWorkload({ topics: 10, prefix: "test" })(), 1_000);
  assertEquals(topicsWorkload({ topics: 6_000, prefix: "test", literalFilters: 5 })(), 1_000);
  assertEquals(
    topicsWorkload({ topics: 10, prefix: "test", limits: { matchCacheEntriesMax: 0 }, receivers: 3 })(),
    3_000,
  );
});

Deno.test("packet_identifiers_bench runs tiny", () => {
  assertEquals(packetIdentifiersWorkload(3, 10)(), 3);
});

Deno.test("outbound_bench runs tiny", async () => {
  for (const kind of ["contiguous", "scattered", "copies"] as const) {
    const run = outboundWorkload(kind, 5);
    assertEquals([await run(), await run()], [400, 400]);
  }
  for (const kind of ["copied", "shared"] as const) {
    const run = largeOutboundWorkload(kind, 2);
    assertEquals([await run(), await run()], [2 * (20 + 262_144), 2 * (20 + 262_144)]);
  }
});

Deno.test("store_bench runs tiny", async () => {
  await using workload = await StoreWorkload.open({ sessions: 2 });
  assertEquals(await commitOnce(workload, 3), 3);
  assertEquals(await passBy(workload, 3), 3);
  assertEquals(await fanOutOnce(workload, 3), 6);
  workload.put(5);
  await workload.commit();
  assertEquals(await readBack(workload), 5);
  assertEquals(await workload.restart(), 5);
});

Deno.test("the workloads of the match cache bench hit and miss as they say", () => {
  assertEquals(matchCacheHitWorkload(10)(), 10);
  assertEquals(matchCacheThrashWorkload(100, 10)(), 100);
  const churn = matchCacheChurnWorkload(20, 5);
  assertEquals([churn(), churn()], [0, 20]);
});

Deno.test("the workloads of the trie bench match and leave what they say", () => {
  const filters = filterSet(200);
  assertEquals(new Set(filters).size, 200);
  assertEquals(matchWorkload(600, 50)(), 5 * 50);
  assertEquals(insertRemoveWorkload(200, 50)(), 200);
  for (const kind of ["exact", "+", "#"] as const) {
    assertEquals(matchKindWorkload(kind, 30, 20)(), 20);
    assertEquals(changeKindWorkload(kind, 30, 20)(), 30);
  }
  assertEquals(depthWorkload(3, 20)(), 20);
});

Deno.test("the workloads of the topic tree bench find what they say", () => {
  assertEquals(new Set(nameSet(300)).size, 300);
  assertEquals(retainedMatchWorkload(300, "#")(), 300);
  assertEquals(retainedSetWorkload(300)(), 300);
});

Deno.test("websocket_bench runs tiny", () => {
  for (const length of [10, 1000]) {
    assertEquals(websocketDecodeWorkload(length, 3)(), 3 * length);
    assertEquals(unmaskOnce("bytes", length), unmaskOnce("words", length));
  }
});

Deno.test("ringQueueWorkload() gives back what went in", () => {
  assertEquals(ringQueueWorkload(10, 3)(), 3 * (9 * 10 / 2));
});

Deno.test("the workloads of the timer bench ring and hold what they say", () => {
  assertEquals(scheduleWorkload(100)(), 100);
  assertEquals(advanceWorkload(10, 1_000)(), 10 * 40);
  assertEquals(jumpWorkload(3_600_000)(), 1);
});

Deno.test("acl_bench runs tiny", () => {
  for (const kind of ["warm", "cold", "new client", "changed accounts"] as const) {
    for (const rules of [10, 400]) {
      const run = aclWorkload(kind, rules, 10);
      assertEquals([run(), run()], [5, 5], `${kind}, ${rules} rules`);
    }
  }
});

Deno.test("decode_bench runs tiny", () => {
  for (const workload of Object.values(DECODE_WORKLOADS)) {
    const { bytes, packets } = frames(workload, 1000);
    assertEquals(decodeReads(decoderFor(workload.version), bytes, 2), [
      packets * 2,
      packets * 2 * workload.payloadBytes,
    ]);
  }
});

Deno.test("publish_frame_bench runs tiny", () => {
  const message = borrowedMessage();
  const encoder = new PublishFrameEncoder();
  const size = message.frameEnd - message.frameStart;
  assertEquals(encodeFrames(encoder, message, 2, 3, 5, 0), size * 6);
  assertEquals(encodeFrames(encoder, message, 2, 3, 4, 0), (size - 1) * 6);
  assertEquals(encodeFrames(encoder, message, 2, 3, 5, 1), (size + 2) * 6);
});

Deno.test("acknowledgement_bench runs tiny", () => {
  assertEquals(acknowledge(new ByteWriter(), 3), 12);
});

Deno.test("bytes_bench runs tiny", () => {
  assertEquals([copyByLoop(3, 2), copyBySet(3, 2), copyByWords(3, 2)], [0x61, 0x61, 0x61]);
  assertEquals([readByDecoder(3, 2), readAsText(3, 2)], [6, 6]);
});

function* files(folder: URL): Generator<URL> {
  for (const entry of Deno.readDirSync(folder)) {
    const url = new URL(entry.name + (entry.isDirectory ? "/" : ""), folder);
    if (entry.isDirectory) yield* files(url);
    else if (entry.name.endsWith("_bench.ts")) yield url;
  }
}

Deno.test("every micro bench is run tiny here", () => {
  const tests = Deno.readTextFileSync(new URL(import.meta.url));
  const bench = new URL("../bench/", import.meta.url);
  const forgotten = [...files(bench)].map((url) => url.href.slice(bench.href.length))
    .filter((path) => !tests.includes(`from "../bench/${path}"`));
  assertEquals(forgotten, []);
});
