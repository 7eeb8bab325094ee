/** Results that are kept for a version, in bench/results, and the pages that show them: their tables and sentences are
 * written from the file, so that no figure in them can be of another one. @module */

import { fileURLToPath } from "node:url";
import { pictureOf } from "./picture.ts";
import { rowNamed, type Summary } from "./summary.ts";
import { markdownOf, peerTable, remarksOf, tablesOf } from "./table.ts";

const ROOT = new URL("../../../", import.meta.url);
export const RESULTS = new URL("bench/results/", ROOT);
/** The README's rows: what most people ask. */
const SHORT_ROWS = [
  ...["one-0", "one-1", "one-2", "fan-in-1", "fan-out-0", "fan-out-1", "pairs-1", "drain"],
  ...["latency-1", "connects", "idle-memory"],
];

/** A page, and what stands between its two marks. */
export const PAGES: readonly { readonly path: string; readonly textOf: (summary: Summary) => string }[] = [
  { path: "README.md", textOf: shortText },
  { path: "docs/performance.md", textOf: longText },
];
const BEGIN = "<!-- written by `deno task bench:compare --keep`: -->";
const END = "<!-- to here -->";

export async function readKept(version: string): Promise<Summary | undefined> {
  try {
    return JSON.parse(await Deno.readTextFile(new URL(`${version}.json`, RESULTS)));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/** Writes file, picture and pages. */
export async function keep(summary: Summary): Promise<void> {
  await Deno.mkdir(RESULTS, { recursive: true });
  const file = new URL(`${summary.version}.json`, RESULTS);
  await Deno.writeTextFile(file, JSON.stringify(summary, null, 2) + "\n");
  const picture = pictureOf(summary);
  if (picture !== undefined) await Deno.writeTextFile(new URL(`${summary.version}.svg`, RESULTS), picture);
  const written = [file];
  for (const { path, textOf } of PAGES) {
    const page = new URL(path, ROOT);
    await Deno.writeTextFile(page, withText(await Deno.readTextFile(page), textOf(summary)));
    written.push(page);
  }
  const args = ["fmt", "--quiet", ...written.map((url) => fileURLToPath(url))];
  await new Deno.Command(Deno.execPath(), { args, cwd: ROOT }).output();
}

/** @throws when the page has no marks. */
export function withText(page: string, text: string): string {
  const [before, after] = page.split(BEGIN);
  const rest = after?.split(END)[1];
  if (rest === undefined) throw new Error(`no "${BEGIN}" and "${END}" in this page`);
  return `${before}${BEGIN}\n\n${text}\n\n${END}${rest}`;
}

/** @returns what stands between the marks. */
export function textIn(page: string): string | undefined {
  return page.split(BEGIN)[1]?.split(END)[0].trim();
}

function shortText(summary: Summary): string {
  return [
    `![Quetzal's throughput as a multiple of Mosquitto's](bench/results/${summary.version}.svg)`,
    markdownOf(peerTable(summary, "3.1.1", SHORT_ROWS)),
    measuredOn(summary),
  ].join("\n\n");
}

function longText(summary: Summary): string {
  const remarks = remarksOf(summary);
  return [
    `![Quetzal's throughput as a multiple of Mosquitto's](../bench/results/${summary.version}.svg)`,
    measuredOn(summary),
    ...tablesOf(summary).flatMap((table) => [`### ${table.title}`, markdownOf(table)]),
    ...(remarks.length === 0 ? [] : ["What happened meanwhile:", remarks.map((remark) => `- ${remark}`).join("\n")]),
    atTheirLimit(summary),
  ].filter((part) => part !== "").join("\n\n");
}

/** A sentence for people who ask "where, and when". */
export function measuredOn({ machine, generator, rounds, seconds, rows, version }: Summary): string {
  const { cpu, cores, memoryGiB, system, deno, pinning } = machine;
  const dates = [...new Set(rows.map(({ date }) => date))].sort();
  const when = dates.length > 1 ? `${dates[0]} to ${dates.at(-1)}` : dates[0];
  const commits = [...new Set(rows.map(({ commit }) => commit))];
  return `Version ${version}, measured on ${when} (${
    commits.join(", ")
  }) on ${cores} cores of ${cpu}, ${memoryGiB} GiB, ` +
    `${system}, Deno ${deno}; ${pinning}; ${generator} generator, medians of ${rounds} rounds of ${seconds} s, in turns; ` +
    "Quetzal with `--durability off` and its log at `info`.";
}

const LIMIT = 0.9;

/** Where the generator had no time left, the broker was not seen at its limit. */
function atTheirLimit({ rows, contestants }: Summary): string {
  const limited = rows.flatMap(({ row, protocol, cells }) =>
    Object.entries(cells).filter(([, { generatorBusy = 0 }]) => generatorBusy > LIMIT)
      .map(([id]) => `${rowNamed(row).title} (${protocol}, ${contestants.find((one) => one.id === id)?.title})`)
  );
  if (limited.length === 0) return "";
  return `The generator used more than ${LIMIT * 100} % of its core, and may have been the limit itself, in: ` +
    `${limited.join("; ")}.`;
}
