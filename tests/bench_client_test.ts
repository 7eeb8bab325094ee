/** `deno task bench:client`, tiny and with a real broker, and whether its verdict notices what it is there to notice.
 * @module */

import { assert, assertEquals } from "@std/assert";
import { CONTESTANTS, TASKS } from "../bench/client/job.ts";
import { type ContestRun, runContest } from "../bench/client/rounds.ts";
import { linesOf, missedOf, type Row, rowsOf } from "../bench/client/verdict.ts";

/** An end that is not reached: the number of messages comes first. */
const SECONDS = 60;

const EACH = [...TASKS.map((task) => [task, "quetzal"] as const), ["subscribe-qos0", "replay"] as const];

for (const [task, broker] of EACH) {
  Deno.test(`bench:client: ${task} runs tiny, with both clients and ${broker}`, async () => {
    const size = {
      ...{ payloadBytes: 64, inFlight: 10, warmUpSeconds: 0, seconds: SECONDS, messagesMax: 500, rounds: 1 },
    };
    const cores = { clientCore: undefined, otherCore: undefined };
    const runs = await runContest({ tasks: [task], brokers: [broker], size, ...cores, tell: () => {} });
    assertEquals(runs.map(({ contestant }) => contestant), [...CONTESTANTS]);
    for (const { messages, seconds } of runs) {
      assertEquals(messages, 500);
      assert(seconds > 0 && seconds < SECONDS);
    }
    const [row] = rowsOf(runs);
    assert(row.ratio > 0);
    assertEquals(linesOf([row]).length, 2);
  });
}

/** Three rounds of each contestant. */
function runsOf(quetzal: readonly number[], mqttJs: readonly number[]): ContestRun[] {
  const run = { task: "publish-qos0", broker: "quetzal", seconds: 2, cpuSeconds: 1 } as const;
  return [
    ...quetzal.map((messages, i) => ({ ...run, contestant: "quetzal" as const, round: i + 1, messages })),
    ...mqttJs.map((messages, i) => ({ ...run, contestant: "mqtt.js" as const, round: i + 1, messages })),
  ];
}

Deno.test("bench:client compares the medians of the rounds", () => {
  const [row] = rowsOf(runsOf([6000, 100, 5000], [1000, 900, 10]));
  assertEquals(row.throughput, { quetzal: 2500, "mqtt.js": 450 });
  assertEquals([row.ratio.toFixed(2), row.ratioMin, row.busy], ["5.56", 5, 0.5]);
  assertEquals(row.cpuUs.quetzal, 200);
});

Deno.test("bench:client notices a client that is too slow, and a broker that is", () => {
  const row: Row = {
    ...{ task: "publish-qos1", broker: "quetzal", ratio: 3, ratioMin: 3, busy: 1 },
    throughput: { quetzal: 3, "mqtt.js": 1 },
    cpuUs: { quetzal: 1, "mqtt.js": 3 },
  };
  const slow = { ...row, broker: "mosquitto", ratio: 2.9 } as const;
  assertEquals(missedOf([row]), []);
  assertEquals(missedOf([row, slow]), ["publish-qos1 with mosquitto: 2.90 times MQTT.js, not 3"]);
  // It waits for Mosquitto, and has shown with the other one what it can.
  const waiting = { ...slow, busy: 0.5 };
  assertEquals(missedOf([row, waiting]), []);
  // Nobody has shown anything.
  assertEquals(missedOf([waiting]).length, 1);
  assertEquals(missedOf([{ ...row, task: "publish-qos0", ratioMin: 2 }, waiting]).length, 1);
  assertEquals(missedOf([{ ...row, ratio: NaN }]).length, 1);
});
