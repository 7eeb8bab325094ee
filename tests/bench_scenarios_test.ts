/** The scenarios of `deno task bench:durable` and `bench:access`, tiny and against real brokers, and whether their verdict notices what it is
 * there to notice. @module */

import { assert, assertEquals } from "@std/assert";
import { problemsOf, runBench } from "../bench/scenarios/bench.ts";
import { BrokerProcess } from "../bench/scenarios/broker_process.ts";
import { publishTemplate, SECOND_SEQUENCE_AT, SEQUENCE_AT } from "../bench/scenarios/load/frames.ts";
import type { LoadJob } from "../bench/scenarios/load/job.ts";
import { Run } from "../bench/scenarios/load/run.ts";
import { SequenceCheck } from "../bench/scenarios/load/sequence_check.ts";
import { median, rowsOf, tableOf } from "../bench/scenarios/report.ts";
import { ACCESS_SCENARIOS } from "../bench/scenarios/access.ts";
import { type AclRun, resultOf } from "../bench/scenarios/access/acl.ts";
import type { AccessContext, AccessSize } from "../bench/scenarios/access/scenario.ts";
import { linesOf, ratioOf } from "../bench/scenarios/access/table.ts";
import { Storm } from "../bench/scenarios/load/storm.ts";
import { SCENARIOS } from "../bench/scenarios/scenarios.ts";
import { measureStarts } from "../bench/scenarios/start.ts";
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

Deno.test("bench:start measures each start of a broker", async () => {
  const starts = await measureStarts(2);
  assertEquals(starts.length, 2);
  // No process is there in less, and one that takes longer has not started (BrokerProcess).
  assert(starts.every((ms) => ms > 1 && ms < 60_000), String(starts));
});

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

const TINY_ACCESS: AccessSize = {
  ...{ pairs: 2, warmUpSeconds: 0, seconds: 60, messagesMax: 50, generations: 1, accounts: 2, rules: 20 },
  duel: { rounds: 3, warmUpRounds: 1, rampMs: 10, sliceMs: 50 },
  ...{ sharingClients: 10, ownAccounts: 3, wrongLogins: 4, wrongLoginsAtOnceMax: 2 },
  others: { pairs: 1, messagesPerSecond: 500, warmUpSeconds: 0, calmSeconds: 0.2 },
  handshakes: { clients: 5, atOnceMax: 2, seconds: 60 },
  isJudged: false,
};
const TINY_CONTEXT: AccessContext = {
  ...{ size: TINY_ACCESS, brokerCore: undefined, loadCore: undefined, mosquitto: undefined, tell: () => {} },
};

function hasOpenssl(): boolean {
  try {
    return new Deno.Command("openssl", { args: ["version"], stdout: "null", stderr: "null" }).outputSync().success;
  } catch {
    return false;
  }
}

/** Rows that tell whether a scenario has done what it says, by the beginning of their names. */
const TELLING: Readonly<Record<string, Readonly<Record<string, Record<string, number>>>>> = {
  acl: {},
  reconnect: { "refused before": { "shared-cold": 0, "shared-warm": 0 } },
  "wrong-password": {
    "answered 0x86": { same: 4, different: 4, "different-no-bans": 4 },
    "not answered": { same: 0, different: 0, "different-no-bans": 0 },
  },
  tls: {},
  websocket: {},
};

for (const scenario of ACCESS_SCENARIOS) {
  // The certificates are made by openssl; where it is not installed the bench says so.
  const ignore = scenario.id === "tls" && !hasOpenssl();
  Deno.test(
    { name: `bench:access: scenario ${scenario.id} runs tiny, and everything is delivered`, ignore },
    async () => {
      const { tables, problems, deliveriesVerified } = await scenario.run(TINY_CONTEXT);
      assertEquals(problems, []);
      assert(deliveriesVerified > 0);
      for (const { columns, rows, ...table } of tables) {
        assertEquals(linesOf({ columns, rows, ...table }).length, 2 + rows.length);
        const throughputs = rows.filter(({ unit }) => unit === "msg/s" || unit === "a second");
        for (const { metric, values } of throughputs) {
          for (const { id } of columns) assert(values[id]! > 0, `${metric}, ${id}: ${values[id]}`);
        }
      }
      for (const [metric, values] of Object.entries(TELLING[scenario.id])) {
        const row = tables[0].rows.find((row) => row.metric.startsWith(metric));
        assertEquals(row?.values, values, metric);
      }
    },
  );
}

/** Two rounds of one flow; the broker with rules delivers and works as it is told. */
function aclRun(delivered: number, brokerMs: number | undefined, lost = 0): AclRun {
  const verdict = {
    published: 1000,
    unacknowledged: 0,
    delivered: 1000 - lost,
    lost,
    duplicated: 0,
    disordered: 0,
    foreign: 0,
  };
  const contestant = (delivered: number, brokerMs: number | undefined) => ({
    verdict,
    slices: [{ delivered, ms: 10, brokerMs }, { delivered: 2 * delivered, ms: 20, brokerMs: brokerMs && brokerMs * 2 }],
  });
  const open = contestant(1000, brokerMs === undefined ? undefined : 10);
  return { flow: "qos0", qos: 0, contestants: { open, rules: contestant(delivered, brokerMs) } };
}

Deno.test("bench:access judges what rules cost: by processor time where it is told, otherwise by throughput", () => {
  const size = { ...TINY_ACCESS, isJudged: true };
  const flows = [{ ...aclRun(1000, 10), flow: "qos0-one" }, { ...aclRun(1000, 10), flow: "qos1" }];
  const problems = (run: AclRun) => resultOf(size, [...flows, run]).problems;
  const missed = (percent: string) => [`QoS 0, 2 pairs, 256 B: accounts and rules cost ${percent} %, and may cost 5 %`];
  assertEquals(problems(aclRun(1000, 10.4)), []);
  assertEquals(problems(aclRun(1000, 10.6)), missed("6.0"));
  assertEquals(problems(aclRun(960, undefined)), []);
  assertEquals(problems(aclRun(940, undefined)), missed("6.0"));
  assertEquals(problems(aclRun(1000, 10, 3)), ["qos0, open: 3 lost", "qos0, rules: 3 lost"]);
});

Deno.test("bench:access counts who is not answered, and lets refused clients come again", async () => {
  const answers = [[0x20, 2, 0, 5], [], [0x20, 2, 1, 0], [0x20, 3, 0, 0, 0]];
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const serving = (async () => {
    for (const answer of answers) {
      using conn = await listener.accept();
      await conn.read(new Uint8Array(100));
      if (answer.length > 0) await conn.write(Uint8Array.from(answer));
    }
  })();
  const { answers: codes, unanswered, sessionsPresent } = await new Storm({
    ...{ port: listener.addr.port, clients: 2, atOnceMax: 1, clientIdPrefix: "device", cleanSession: false },
    ...{ protocolVersion: 4, isKept: false, retryMs: 0 },
  }).result();
  await serving;
  assertEquals({ codes, unanswered, sessionsPresent }, {
    ...{ codes: { "0x05": 1, "0x00": 2 }, unanswered: 1, sessionsPresent: 1 },
  });
});

Deno.test("bench:access shows ratios to a column that is there", () => {
  const row = { metric: "delivered", unit: "msg/s", digits: 0, values: { one: 1000, two: 2500, none: undefined } };
  assertEquals([ratioOf({ ...row, reference: "one" }, "two"), ratioOf({ ...row, reference: "one" }, "one")], [
    2.5,
    undefined,
  ]);
  assertEquals([ratioOf({ ...row, reference: "none" }, "two"), ratioOf(row, "two")], [undefined, undefined]);
  const columns = ["one", "two", "none"].map((id) => ({ id, title: id }));
  const lines = linesOf({ title: "title", columns, rows: [{ ...row, reference: "one", limit: "≥ 1" }] });
  assertEquals(lines[2].split(/\s\s+/), ["", "delivered, msg/s (≥ 1)", "1,000", "2,500 (×2.50)", "-"]);
});
