/** Cost of a delivery against the number of topics in use, to far more than the match cache holds, beside no cache at all.
 * @module */

import type { Curve } from "../curve.ts";
import { onePair, Stage } from "../stage.ts";

const CACHED = "with the match cache";
/** That others hold, so that a look into the trie is one. */
const FILTERS = 10_000;

export const TOPICS: Curve = {
  id: "topics",
  title: "Distinct topics",
  x: "topics in use, in turn",
  about: "One publisher goes through more and more topics, beside 10,000 filters of others. What does not fit into " +
    "the caches any more is decoded, matched and judged anew for each message.",
  series: [CACHED, "no match cache"],
  points: [1, 100, 4_000, 10_000, 50_000, 200_000, 1_000_000],
  tinyPoint: 50,
  charts: [{
    id: "",
    title: "Cost of a delivery by the number of topics in use",
    figure: "cpuUs",
    y: "broker CPU, µs",
  }],
  async measure(setting) {
    const { series, x, isTiny } = setting;
    await using stage = await Stage.start(setting, series === CACHED ? {} : { matchCacheEntriesMax: 0 });
    const filters = Array.from({ length: isTiny ? 100 : FILTERS }, (_, i) => `site${i % 100}/+/sensor${i}/#`);
    await stage.settleFilters(filters);
    const topics = Array.from({ length: x }, (_, i) => `site${i % 100}/device${i}/temperature`);
    const figures = await stage.flowFigures(onePair(topics, ["+/+/temperature"]));
    return { figures, verified: stage.verified, problems: stage.problems };
  },
};
