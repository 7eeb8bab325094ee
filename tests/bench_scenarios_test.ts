/** The scenarios of `deno task bench:durable`, tiny and against real brokers, and whether their verdict notices what it is
 * there to notice. @module */

import { assert, assertEquals } from "@std/assert";
import { problemsOf, runBench } from "../bench/scenarios/bench.ts";
import { BrokerProcess } from "../bench/scenarios/broker_process.ts";
import { publishTemplate, SECOND_SEQUENCE_AT, SEQUENCE_AT } from "../bench/scenarios/load/frames.ts";
import type { LoadJob } from "../bench/scenarios/load/job.ts";
import { Run } from "../bench/scenarios/load/run.ts";
import { SequenceCheck } from "../bench/scenarios/load/sequence_check.ts";
import { median, rowsOf, tableOf } from "../bench/scenarios/report.ts";
import { SCENARIOS } from "../bench/scenarios/scenarios.ts";
import { RawClient } from "./crash/raw_client.ts";

const TINY = {
  pairs: 3,
  window: 10,
  payloadBytes: 64,
  warmUpSeconds: 0,
  pacedWarmUpSeconds: 0,
  // An end that is not reached: the number of messages comes first.
  seconds: 60,
  messagesPerSecond: 3000,
  queuedMessages: 300,
  messagesMax: 100,
};

for (const scenario of SCENARIOS) {
  Deno.test(`bench:durable: scenario ${scenario.id} runs tiny, and everything is delivered`, async () => {
    const options = { scenarios: [scenario], size: TINY, rounds: 1, core: undefined, tell: () => {} };
    const runs = await runBench({ ...options, brokers: ["full", "off"] });
    assertEquals(
      runs.map((
        { broker, result, problems },
      ) => [broker, result.verdict.published, result.verdict.delivered, problems]),
      [["full", 300, 300, []], ["off", 300, 300, []]],
    );
    const rows = rowsOf(scenario, runs);
    assertEquals(rows.map(({ metric }) => metric), scenario.metrics.map(({ name }) => name));
    for (const { values, metric } of rows) {
      // Not every system tells these, and a tiny run may be shorter than one tick of the broker's processor time.
      if (!/^(RSS|broker)/.test(metric)) {
        assert(values.full! > 0 && values.off! > 0, `${metric}: ${JSON.stringify(values)}`);
      }
    }
    const ratios = rows.filter(({ unit }) => unit === "msg/s" && scenario.id !== "b").map(({ ratios }) => ratios.full);
    assert(ratios.every((ratio) => ratio! > 0), String(ratios));
    assertEquals(tableOf([scenario], runs).length, 3 + rows.length);
  });
}

Deno.test("bench:durable: each scenario is the load that it says", () => {
  const shapes = SCENARIOS.map(({ id, rounds, load }) => {
    const { qos, isPersistent, isQueued, messagesPerSecond, messagesMax } = load({ ...TINY, messagesMax: undefined });
    return [id, qos, isPersistent, isQueued, messagesPerSecond, messagesMax, rounds > 1];
  });
  assertEquals(shapes, [
    ["a", 1, true, false, undefined, undefined, false],
    ["b", 1, true, false, 3000, undefined, false],
    ["c", 1, false, false, undefined, undefined, true],
    ["d", 2, true, false, undefined, undefined, false],
    ["e", 1, true, true, undefined, 100, false],
  ]);
});

Deno.test("bench:durable notices messages that come twice, out of order, or from nobody", async () => {
  await using broker = await BrokerProcess.start("off");
  const job: LoadJob = {
    ...{ port: broker.port, brokerPid: broker.pid, nonce: 7, pairs: 1, qos: 2, payloadBytes: 64, window: 10 },
    ...{ isPersistent: true, isQueued: false, warmUpSeconds: 0, seconds: 60, messagesMax: 50 },
  };
  // What waits in the session before the run begins: number 1 before its time, and one of another run.
  const topicName = "bench/7/0";
  const options = { protocolVersion: 4, sessionExpiryInterval: 1 } as const;
  const subscriber = new RawClient({ ...options, clientId: "subscriber-7-0" });
  await subscriber.connect(broker.port);
  await subscriber.subscribe([{ topicFilter: topicName, qos: 2 }]);
  await subscriber.disconnect();
  const intruder = new RawClient({ ...options, clientId: "intruder", sessionExpiryInterval: 0 });
  await intruder.connect(broker.port);
  for (const [nonce, sequence] of [[7, 1], [8, 0]]) {
    const { bytes, view, payloadAt } = publishTemplate(topicName, 2, 64, nonce, 0);
    view.setUint32(payloadAt + SEQUENCE_AT, sequence);
    view.setUint32(bytes.length - SECOND_SEQUENCE_AT, sequence);
    intruder.publish({ topicName, payload: bytes.subarray(payloadAt), qos: 2, retain: false });
  }
  await intruder.ping();
  await intruder.disconnect();

  const { verdict } = await new Run(job).result();
  assertEquals(verdict, {
    published: 50,
    unacknowledged: 0,
    delivered: 50,
    lost: 0,
    duplicated: 1,
    disordered: 1,
    foreign: 1,
  });
  assertEquals(problemsOf(verdict, 2), ["1 delivered twice at QoS 2", "1 out of order", "1 that nobody sent"]);
  assertEquals(problemsOf(verdict, 1), ["1 out of order", "1 that nobody sent"]);
});

Deno.test("bench:durable notices messages that are lost, and those that nobody acknowledged", () => {
  const check = new SequenceCheck();
  assertEquals([0, 1, 4, 2, 2, 5].map((sequence) => check.take(sequence)), [true, true, true, true, false, true]);
  const { delivered, duplicated, disordered } = check;
  assertEquals([delivered, duplicated, disordered, check.lost(8)], [5, 1, 1, 3]);
  const verdict = { published: 8, delivered, duplicated, disordered, foreign: 0, lost: 3, unacknowledged: 2 };
  assertEquals(problemsOf(verdict, 1), ["3 lost", "2 never acknowledged", "1 out of order"]);
});

Deno.test("bench:durable takes the median of the rounds", () => {
  assertEquals([median([3, 1, 2]), median([4, 1, undefined, 2, 3]), median([undefined])], [2, 2.5, undefined]);
});
