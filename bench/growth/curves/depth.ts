/** Cost of a delivery against the number of levels of its topic. @module */

import type { Curve } from "../curve.ts";
import { onePair, Stage } from "../stage.ts";

const TOPICS = 100;
const CACHED = "exact";

function levels(first: string, count: number, of: (level: number) => string): string {
  return [first, ...Array.from({ length: count - 1 }, (_, level) => of(level + 1))].join("/");
}

const FILTERS: Readonly<Record<string, (topic: string, count: number) => string>> = {
  [CACHED]: (topic) => topic,
  "exact, no match cache": (topic) => topic,
  "+ at every second level, no match cache": (topic, count) =>
    levels(topic.split("/")[0], count, (level) => level % 2 === 1 ? "+" : `l${level}`),
  "# behind the first level, no match cache": (topic, count) => count === 1 ? topic : `${topic.split("/")[0]}/#`,
};

export const DEPTH: Curve = {
  id: "depth",
  title: "Depth of topics",
  x: "levels of the topic",
  about: "A hundred topics in turn, longer and longer. A topic that is known costs its bytes only; the dashed lines " +
    "look each message up in the trie, level by level.",
  series: Object.keys(FILTERS),
  points: [1, 4, 16, 64, 128],
  tinyPoint: 3,
  charts: [{ id: "", title: "Cost of a delivery by the depth of its topic", figure: "cpuUs", y: "broker CPU, µs" }],
  async measure(setting) {
    const { series, x } = setting;
    await using stage = await Stage.start(setting, series === CACHED ? {} : { matchCacheEntriesMax: 0 });
    const topics = Array.from({ length: TOPICS }, (_, index) => levels(`topic${index}`, x, (level) => `l${level}`));
    const figures = await stage.flowFigures(onePair(topics, topics.map((topic) => FILTERS[series](topic, x))));
    return { figures, verified: stage.verified, problems: stage.problems };
  },
};
