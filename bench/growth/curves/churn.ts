/** What others feel of those who come and go: subscriptions and connections that change all the time. @module */

import type { Curve } from "../curve.ts";
import { inGroups } from "../load/flow.ts";
import { RawClient } from "../load/raw_client.ts";
import { seconds, Stage } from "../stage.ts";

const SUBSCRIPTIONS = "SUBSCRIBE and UNSUBSCRIBE";
const CONNECTIONS = "CONNECT and DISCONNECT";
/** Of others: each change makes the broker look anew where they go. */
const MESSAGES_PER_SECOND = 1000;
/** That stay, so that the trie has a size. */
const FILTERS = 10_000;
const ROWS = 20;
const TICK_SECONDS = 0.002;

export const CHURN: Curve = {
  id: "churn",
  title: "Clients that come and go",
  x: "changes a second",
  about: "Ten pairs exchange 1,000 messages a second beside 10,000 filters, while others subscribe and unsubscribe, " +
    "or connect and disconnect. Each change of a subscription makes the broker look anew where messages go.",
  series: [SUBSCRIPTIONS, CONNECTIONS],
  points: [1, 100, 1000, 3000, 10_000],
  tinyPoint: 100,
  charts: [
    { id: "latency", title: "Latency of 1,000 messages a second of others", figure: "p99Ms", y: "p99, ms" },
    { id: "cost", title: "Cost of a change", figure: "changeUs", y: "broker CPU, µs" },
  ],
  async measure(setting) {
    const { series, x, sliceSeconds, slices, isTiny } = setting;
    await using stage = await Stage.start(setting);
    await stage.settleFilters(Array.from({ length: isTiny ? 10 : FILTERS }, (_, i) => `site${i % 100}/+/sensor${i}/#`));
    await stage.untilIdle();
    const quiet = await stage.othersFigures(undefined, MESSAGES_PER_SECOND);
    const rows = series === SUBSCRIPTIONS ? await stage.settle("changing", ROWS, () => []) : [];
    let changes = 0;
    const change = async (row: number) => {
      const filter = [`change/${changes++}/+`];
      if (series === SUBSCRIPTIONS) {
        await rows[row].subscribe(filter);
        await rows[row].unsubscribe(filter);
      } else {
        const client = new RawClient(`coming-${changes}`);
        await client.connect(stage.port);
        await client.disconnect();
      }
    };
    // A change is to come, or to go: two for each visit.
    const churn = async () => {
      const startMs = performance.now();
      const endMs = startMs + sliceSeconds * slices * 1000;
      await inGroups(Array.from({ length: ROWS }, (_, row) => row), ROWS, async (row) => {
        while (performance.now() < endMs) {
          if (changes * 2 < (performance.now() - startMs) / 1000 * x) await change(row);
          else await seconds(TICK_SECONDS);
        }
      });
      if (changes === 0) await change(0);
    };
    const { brokerUs, passedMs, latencies } = await stage.othersFigures(churn, MESSAGES_PER_SECOND);
    const extraUs = brokerUs === undefined ? undefined : brokerUs - quiet.brokerUs! * passedMs / quiet.passedMs;
    const figures = {
      p50Ms: latencies?.p50,
      p99Ms: latencies?.p99,
      quietP99Ms: quiet.latencies?.p99,
      changesPerSecond: changes * 2 / passedMs * 1000,
      // A few changes are lost in what a broker does by itself.
      changeUs: extraUs === undefined || x < 100 ? undefined : extraUs / (changes * 2),
    };
    return { figures, verified: stage.verified, problems: stage.problems };
  },
};
