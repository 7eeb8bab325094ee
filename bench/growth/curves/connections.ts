/** Cost of a delivery, its latency, and memory, against the number of connections: idle ones beside a flow, and a flow that
 * is spread over all. @module */

import type { Curve, PointSetting } from "../curve.ts";
import { TopicList } from "../load/frames.ts";
import { connectionsPossible } from "../machine_limits.ts";
import { onePair, Stage } from "../stage.ts";

const BESIDE = "1 → 1 beside idle connections";
const SPREAD = "all of them are pairs, 10 messages under way each";
/** Those of the flow itself, and of the one at a pace. */
const OURS = 40;
const MOST = connectionsPossible() - OURS;

export const CONNECTIONS: Curve = {
  id: "connections",
  title: "Connections",
  x: "connections",
  about: "Idle connections with a session and a subscription each beside one flow; and a flow that is spread over " +
    "all connections, so that each message is a read and a write of its own.",
  series: [BESIDE, SPREAD],
  points: [10, 1000, 5000, 10_000, MOST].filter((count) => count <= MOST),
  tinyPoint: 4,
  charts: [
    { id: "cost", title: "Cost of a delivery by the number of connections", figure: "cpuUs", y: "broker CPU, µs" },
    {
      ...{ id: "latency", title: "Latency of 1,000 messages a second beside idle connections" },
      ...{ figure: "p99Ms", y: "p99, ms", series: [BESIDE] },
    },
    {
      ...{ id: "memory", title: "Memory of an idle connection with a subscription" },
      ...{ figure: "connectionBytes", y: "bytes of RSS each", series: [BESIDE] },
    },
  ],
  async measure(setting) {
    await using stage = await Stage.start(setting, { connectionsMax: 1_000_000 });
    const figures = await (setting.series === BESIDE ? besideIdle(stage, setting) : spread(stage, setting));
    return { figures, verified: stage.verified, problems: stage.problems };
  },
};

async function besideIdle(stage: Stage, { x }: PointSetting) {
  // So that what the first messages need is not taken for the connections'.
  const plan = () => onePair(["bench/pair"], ["bench/pair"]);
  await stage.flowFigures(plan());
  const before = stage.rssBytes;
  await stage.settle("idle", x, (index) => [`idle/${index}`]);
  await stage.untilIdle();
  const after = stage.rssBytes;
  const connectionBytes = before === undefined || after === undefined || x < 1000 ? undefined : (after - before) / x;
  const { cpuUs, deliveriesPerSecond, rssBytes } = await stage.flowFigures(plan());
  const { latencies } = await stage.othersFigures();
  return { cpuUs, deliveriesPerSecond, rssBytes, connectionBytes, p50Ms: latencies?.p50, p99Ms: latencies?.p99 };
}

function spread(stage: Stage, { x }: PointSetting) {
  const pairs = Array.from({ length: x / 2 }, (_, index) => index);
  return stage.flowFigures({
    publishers: pairs.map((pair) => ({ topics: new TopicList([`bench/${pair}`]), receivers: 1 })),
    subscribers: pairs.map((pair) => ({ filters: [`bench/${pair}`], publishers: [pair] })),
    ...{ qos: 0, payloadBytes: 64, window: 10 },
  });
}
