/** Cost of a delivery against the number of subscriptions that others hold, by the kind of their filters. @module */

import type { Curve, PointSetting } from "../curve.ts";
import { onePair, Stage } from "../stage.ts";

interface Kind {
  /** Filters of one device. */
  readonly filters: (device: number) => readonly string[];
}

const place = (device: number) => ({ area: `area${device % 10}`, site: `site${device % 97}` });

function topicOf(device: number): string {
  const { area, site } = place(device);
  return `${area}/${site}/device${device}/temperature`;
}

const KINDS: Readonly<Record<string, Kind>> = {
  "exact": { filters: (device) => [topicOf(device)] },
  "+": { filters: (device) => [`${place(device).area}/+/device${device}/temperature`] },
  "#": { filters: (device) => [`${place(device).area}/${place(device).site}/device${device}/#`] },
  "overlapping": {
    filters: (device) => {
      const { area, site } = place(device);
      return [
        topicOf(device),
        `${area}/+/device${device}/temperature`,
        `+/${site}/device${device}/+`,
        `${area}/${site}/device${device}/#`,
        `+/+/device${device}/#`,
      ];
    },
  },
};
const NO_CACHE = ", no match cache";
/** Devices whose messages are sent, spread over all. */
const MEASURED = 100;

export const SUBSCRIPTIONS: Curve = {
  id: "subscriptions",
  title: "Subscriptions",
  x: "filters in the broker",
  about: "A hundred topics in turn, one subscriber that gets all of them, and others that hold the rest of the " +
    "filters, none of which match. While a topic is in the match cache the trie is not asked; the dashed lines " +
    "are without that cache, a look into the trie for each message.",
  series: Object.keys(KINDS).flatMap((kind) => [kind, kind + NO_CACHE]),
  points: [1, 1000, 100_000, 1_000_000],
  tinyPoint: 20,
  charts: [{ id: "", title: "Cost of a delivery by the number of filters", figure: "cpuUs", y: "broker CPU, µs" }],
  async measure(setting: PointSetting) {
    const { series, x } = setting;
    const isCached = !series.endsWith(NO_CACHE);
    const kind = KINDS[isCached ? series : series.slice(0, -NO_CACHE.length)];
    await using stage = await Stage.start(setting, isCached ? {} : { matchCacheEntriesMax: 0 });
    const perDevice = kind.filters(0).length;
    const devices = Math.ceil(x / perDevice);
    const measuredCount = Math.min(MEASURED, devices);
    const measured = new Set(Array.from({ length: measuredCount }, (_, k) => Math.floor(k * devices / measuredCount)));
    const ours: string[] = [];
    const others: string[] = [];
    for (let index = 0; index < x; index++) {
      const device = Math.floor(index / perDevice);
      (measured.has(device) ? ours : others).push(kind.filters(device)[index % perDevice]);
    }
    await stage.settleFilters(others);
    const figures = await stage.flowFigures(onePair([...measured].map(topicOf), ours));
    return { figures, verified: stage.verified, problems: stage.problems };
  },
};
