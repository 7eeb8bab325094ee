/** A summary as one chart: how many times Mosquitto's throughput each broker has, MQTT 3.1.1. @module */

import { barChart } from "../../charts/chart.ts";
import { rowNamed, type Summary } from "./summary.ts";
import { FLOOR, OURS, ratio, ratioText } from "./table.ts";

const REFERENCE = "mosquitto";
/** The same broker has the same colour in each picture. */
const COLORS: Readonly<Record<string, string>> = { quetzal: "#d9480f", flashmq: "#1c7ed6", aedes: "#2f9e44" };

/** @returns the SVG; undefined when nothing was compared with Mosquitto. */
export function pictureOf(summary: Summary): string | undefined {
  const rows = summary.rows.filter((row) =>
    row.protocol === "3.1.1" && rowNamed(row.row).isMoreBetter && ratio(row, OURS, REFERENCE) !== undefined
  );
  if (rows.length === 0) return undefined;
  const reference = summary.contestants.find(({ id }) => id === REFERENCE)!;
  const shown = summary.contestants.filter(({ id, isOurs }) =>
    id === OURS || (!isOurs && id !== REFERENCE && id !== FLOOR)
  );
  const { cpu, system, deno } = summary.machine;
  return barChart({
    title: "How many times Mosquitto’s throughput",
    subtitle: `MQTT 3.1.1, every broker on one core, every delivery verified; medians of ${summary.rounds} rounds\n` +
      `${cpu}, ${system}, Deno ${deno}`,
    labels: rows.map(({ row }) => rowNamed(row).title),
    x: { name: "longer is better; each line is ten times the one before", isLog: true, format: (value) => `×${value}` },
    mark: { at: 1, text: `Mosquitto ${reference.version}` },
    series: shown.map(({ id, title, version }) => {
      const values = rows.map((row) => ratio(row, id, REFERENCE));
      return { name: `${title} ${version}`.trim(), color: COLORS[id], values, texts: values.map(ratioText) };
    }),
  });
}
