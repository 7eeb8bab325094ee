/** src/cli/client/bench_plan.ts, bench_counts.ts, bench_report.ts @module */

import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { UsageError } from "../../../src/cli/arguments.ts";
import { BenchCounts } from "../../../src/cli/client/bench_counts.ts";
import { BENCH_OPTIONS, type BenchPlan, readBenchPlan } from "../../../src/cli/client/bench_plan.ts";
import { exitCodeOf, makeReport, planText, reportLines } from "../../../src/cli/client/bench_report.ts";
import { parseClientOptions } from "../../../src/cli/client/parse_client_options.ts";
import { StampedPayload } from "../../../src/cli/client/stamped_payload.ts";

const RUN = 7;
const MEASURED = {
  url: "mqtt://localhost",
  protocolVersion: 5,
  measuredS: 2,
  sentPerS: 1000.4,
  receivedPerS: 2000,
  failure: undefined,
};

function planOf(line: string): BenchPlan {
  return readBenchPlan(parseClientOptions("bench", BENCH_OPTIONS, line === "" ? [] : line.split(" ")), "bench/7");
}

/** Messages of a publisher reach a subscriber. */
function deliver(counts: BenchCounts, subscriber: number, publisher: number, ...sequences: number[]): void {
  const payload = new StampedPayload(64, RUN, publisher);
  for (const sequence of sequences) counts.take(subscriber, payload.stamp(sequence, performance.now()));
}

Deno.test("readBenchPlan() makes a plan without gaps", () => {
  assertEquals(planOf(""), {
    pattern: "pairs",
    publishers: 1,
    subscribers: 1,
    qos: 0,
    size: 64,
    ratePerS: undefined,
    durationS: 10,
    warmUpS: 1,
    window: 5000,
    patienceS: 5,
    topic: "bench/7",
  });
  assertEquals(["-q 2", "-q 0 --window 0", "--window 7"].map((line) => planOf(line).window), [100, Infinity, 7]);
  const counts = (line: string) => [planOf(line).publishers, planOf(line).subscribers];
  assertEquals(planText(planOf("--rate 500")), "pairs, 1 publisher → 1 subscriber, QoS 0, 64 bytes, 500 messages/s");
  assertEquals(planText(planOf("--pattern fanout")), "fanout, 1 publisher → 10 subscribers, QoS 0, 64 bytes, flat out");
  assertEquals(counts("--pattern fanin"), [10, 1]);
  assertEquals(counts("--pattern fanout"), [1, 10]);
  assertEquals(counts("--subscribers 3"), [3, 3]);
  assertEquals(counts("--publishers 3"), [3, 3]);
  assertEquals(counts("--pattern fanin --publishers 2 --subscribers 3"), [2, 3]);
});

for (
  const [line, complaint] of [
    ["--pattern star", "--pattern star: the patterns are pairs, fanin, fanout"],
    ["--publishers 2 --subscribers 3", "--pattern pairs has as many publishers as subscribers"],
    ["--size 23", "--size 23: it is a whole number from 24 to"],
    ["-q 1 --window 0", "--window 0: it is a whole number from 1 to"],
    ["-q 3", "--qos 3: it is a whole number from 0 to 2"],
    ["--rate 0", "--rate 0"],
    ["--duration 0", "--duration 0"],
  ]
) {
  Deno.test(`bench ${line} is refused with what to do`, () => {
    assertStringIncludes(assertThrows(() => planOf(line), UsageError).message, complaint);
  });
}

Deno.test("BenchCounts: of pairs, each subscriber hears its own publisher", () => {
  const counts = new BenchCounts(planOf("--publishers 2"), RUN);
  counts.sent.set([3, 2]);
  deliver(counts, 0, 0, 0, 1, 2);
  deliver(counts, 1, 1, 1);
  deliver(counts, 1, 0, 0);
  counts.take(0, new StampedPayload(64, RUN + 1, 0).stamp(0, 0));
  counts.take(0, new Uint8Array(3));
  assertEquals([counts.sentCount, counts.expected, counts.distinct, counts.lost], [5, 5, 4, 1]);
  assertEquals([counts.received, counts.foreign, counts.latencies.count], [4, 3, 4]);
});

Deno.test("BenchCounts: of a fan, each subscriber hears all, and a double message makes up for no lost one", () => {
  const counts = new BenchCounts(planOf("--pattern fanout --publishers 2 --subscribers 2"), RUN);
  counts.sent.set([2, 2]);
  deliver(counts, 0, 0, 0, 1);
  deliver(counts, 0, 1, 1, 0);
  deliver(counts, 1, 0, 0, 0, 0);
  deliver(counts, 1, 1, 0, 1);
  assertEquals([counts.expected, counts.distinct, counts.lost], [8, 7, 1]);
  assertEquals([counts.duplicated, counts.disordered, counts.received], [2, 1, 9]);
  assertEquals([counts.onTheWay(0), counts.onTheWay(1)], [-1, 0]);
});

Deno.test("BenchCounts: what came although its publish failed makes up for no other", () => {
  const counts = new BenchCounts(planOf("--pattern fanin --publishers 2"), RUN);
  counts.sent.set([1, 2]);
  counts.fail(new Error("no acknowledgement came"));
  counts.fail(new Error("nor this time"));
  deliver(counts, 0, 0, 0, 1);
  deliver(counts, 0, 1, 0);
  assertEquals([counts.lost, counts.failed, counts.failure], [1, 2, "no acknowledgement came"]);
});

Deno.test("the report of a bench without losses ends with 0, and is JSON with all that was asked and found", () => {
  const plan = planOf("--rate 500");
  const counts = new BenchCounts(plan, RUN);
  counts.sent.set([1]);
  deliver(counts, 0, 0, 0);
  const report = makeReport(plan, counts, MEASURED);
  assertEquals(exitCodeOf(report), 0);
  const json = JSON.parse(JSON.stringify(report));
  assertEquals([json.url, json.protocolVersion, json.ratePerS, json.pattern], ["mqtt://localhost", 5, 500, "pairs"]);
  assertEquals([json.sent, json.expected, json.received, json.lost, json.duplicated], [1, 1, 1, 0, 0]);
  assertEquals([json.sentPerS, json.receivedPerS, json.receivedBytesPerS], [1000, 2000, 128_000]);
  assertEquals([json.latencyMs.count, json.acknowledgementMs, json.failure], [1, null, null]);
  const lines = reportLines(report, ["a row"]).join("\n");
  for (
    const text of [
      "MQTT 5.0, measured 2 s",
      "1 of 1, 2,000/s, 125 KiB/s",
      "lost      none",
    ]
  ) {
    assertStringIncludes(lines, text);
  }
  assert(lines.endsWith("\n\n  a row"));
});

Deno.test("the report of a bench says what was lost, doubled, refused, and exits with 1", () => {
  const plan = planOf("-q 2");
  const counts = new BenchCounts(plan, RUN);
  counts.sent.set([3]);
  deliver(counts, 0, 0, 0, 2);
  counts.fail(new Error("Quota exceeded"));
  const report = makeReport(plan, counts, MEASURED);
  assertEquals([report.lost, report.failed, exitCodeOf(report)], [1, 1, 1]);
  const lines = reportLines(report, []);
  for (const line of ["lost      1", "not sent  1", "because   Quota exceeded"]) assert(lines.includes(line), line);
});

Deno.test("a double message is a failure at QoS 2 alone, and an early end always", () => {
  for (const [line, code] of [["-q 2", 1], ["-q 1", 0]] as const) {
    const plan = planOf(line);
    const counts = new BenchCounts(plan, RUN);
    counts.sent.set([1]);
    deliver(counts, 0, 0, 0, 0);
    assertEquals(exitCodeOf(makeReport(plan, counts, MEASURED)), code);
    assertEquals(exitCodeOf(makeReport(plan, counts, { ...MEASURED, failure: "lost" })), 1);
  }
});
