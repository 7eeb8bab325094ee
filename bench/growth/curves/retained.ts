/** What others feel while somebody subscribes to retained messages, and how long that takes, against their number.
 * @module */

import type { Curve } from "../curve.ts";
import { retain, RetainedReader } from "../load/retained.ts";
import { median, Stage } from "../stage.ts";

/** What the broker takes by default, its own $SYS messages included. */
const MOST = 1_000_000;
const NOBODY = "nobody subscribes";
const FILTERS: Readonly<Record<string, string | undefined>> = {
  [NOBODY]: undefined,
  "subscribe to #": "#",
  "subscribe to +/device7/+": "+/device7/+",
};

/** Ten sensors a device, a hundred devices a site. */
function nameOf(index: number): string {
  return `site${Math.floor(index / 1000)}/device${Math.floor(index / 10) % 100}/sensor${index % 10}`;
}

function matches(filter: string, index: number): boolean {
  return filter === "#" || Math.floor(index / 10) % 100 === 7;
}

export const RETAINED: Curve = {
  id: "retained",
  title: "Retained messages",
  x: "retained messages",
  about: "Ten pairs exchange 1,000 messages a second while another client subscribes again and again, and gets what " +
    "is retained, in slices.",
  series: Object.keys(FILTERS),
  points: [1000, 10_000, 100_000, MOST],
  tinyPoint: 100,
  charts: [
    {
      ...{ id: "latency", title: "Latency of 1,000 messages a second of others, while one subscribes again and again" },
      ...{ figure: "p99Ms", y: "p99, ms" },
    },
    {
      ...{ id: "walk", title: "From SUBSCRIBE to the last retained message", figure: "walkMs", y: "ms", isLog: true },
      series: Object.keys(FILTERS).slice(1),
    },
  ],
  async measure(setting) {
    const { series, x, sliceSeconds, slices } = setting;
    const filter = FILTERS[series];
    await using stage = await Stage.start(setting, { retainedMessagesMax: 2 * MOST });
    await retain(stage.port, x, nameOf);
    await stage.untilIdle();
    let expected = 0;
    for (let index = 0; filter !== undefined && index < x; index++) if (matches(filter, index)) expected++;
    const walksMs: number[] = [];
    const walk = async () => {
      const endMs = performance.now() + sliceSeconds * slices * 1000;
      for (let round = 0; filter !== undefined && (round === 0 || performance.now() < endMs); round++) {
        const reader = new RetainedReader(`reader-${round}`, expected);
        const startMs = performance.now();
        await reader.read(stage.port, filter);
        walksMs.push(performance.now() - startMs);
        if (reader.received !== expected) stage.problems.push(`${reader.received} retained instead of ${expected}`);
        if (reader.foreign > 0) stage.problems.push(`${reader.foreign} that were not retained so`);
        stage.verified += reader.received;
      }
    };
    const { latencies } = await stage.othersFigures(walk);
    const figures = { p50Ms: latencies?.p50, p99Ms: latencies?.p99, walkMs: median(walksMs), rssBytes: stage.rssBytes };
    return { figures, verified: stage.verified, problems: stage.problems };
  },
};
