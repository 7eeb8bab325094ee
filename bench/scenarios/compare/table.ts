/** A summary as tables: on a terminal, and in Markdown. In each, what Quetzal does, what the others do, and how many times
 * theirs ours is. @module */

import { type Protocol, PROTOCOLS, ROWS } from "./rows.ts";
import { type Cell, rowNamed, type Summary, type SummaryRow } from "./summary.ts";

export interface Table {
  readonly title: string;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

const PROTOCOL_TITLES: Readonly<Record<Protocol, string>> = {
  "3.1.1": "MQTT 3.1.1",
  "5.0": "MQTT 5.0",
  "5.0+": "MQTT 5.0 with properties, Topic Aliases and Subscription Identifiers",
};
/** With these two the README is content. */
export const OURS = "quetzal";
export const FLOOR = "deno";
export const REFERENCES = ["mosquitto", "flashmq"] as const;
const NOTHING = "–";

/** One for each protocol, one of our own variants, and one of what is Deno's own. */
export function tablesOf(summary: Summary): Table[] {
  const tables = PROTOCOLS.map((protocol) => peerTable(summary, protocol, ROWS.map(({ id }) => id)));
  return [...tables, variantTable(summary), floorTable(summary)].filter(({ columns, rows }) =>
    columns.length > 1 && rows.length > 0
  );
}

/** @param rowIds only these, in this order. */
export function peerTable(summary: Summary, protocol: Protocol, rowIds: readonly string[]): Table {
  const rows = rowsFor(summary, protocol, rowIds).filter(({ row }) => !rowNamed(row).isOwn);
  const has = (id: string) => rows.some(({ cells }) => cells[id] !== undefined);
  const columns = summary.contestants.filter(({ id, isOurs }) => has(id) && (id === OURS || !isOurs) && id !== FLOOR);
  const references = columns.filter(({ id }) => (REFERENCES as readonly string[]).includes(id));
  return {
    title: PROTOCOL_TITLES[protocol],
    columns: ["", ...columns.map(titleOf), ...references.map(({ title }) => `× ${title}`)],
    rows: rows.map((row) => [
      rowTitle(row.row),
      ...columns.map(({ id }) => cellText(row, row.cells[id])),
      ...references.map(({ id }) => ratioText(ratio(row, OURS, id))),
    ]),
  };
}

/** Quetzal as it is compared, and what accounts and a durable store cost it. */
function variantTable(summary: Summary): Table {
  const columns = summary.contestants.filter(({ isOurs }) => isOurs);
  const variants = columns.filter(({ id }) => id !== OURS);
  const rows = rowsFor(summary, "3.1.1", ROWS.map(({ id }) => id))
    .filter(({ row, cells }) => rowNamed(row).isOwn || variants.some(({ id }) => cells[id] !== undefined));
  return {
    title: "Quetzal's own variants, MQTT 3.1.1",
    columns: ["", ...columns.map(({ title }) => title)],
    rows: rows.map((row) => [
      rowTitle(row.row),
      ...columns.map(({ id }) => {
        const text = cellText(row, row.cells[id]);
        const times = id === OURS ? undefined : ratio(row, id, OURS);
        return times === undefined || rowNamed(row.row).isOwn ? text : `${text} (${ratioText(times)})`;
      }),
    ]),
  };
}

/** How much of what Quetzal needs a relay of a hundred lines needs as well. */
function floorTable(summary: Summary): Table {
  const columns = summary.contestants.filter(({ id }) => id === OURS || id === FLOOR);
  const rows = rowsFor(summary, "3.1.1", ROWS.map(({ id }) => id)).filter(({ cells }) => cells[FLOOR] !== undefined);
  return {
    title: "Beside a relay on Deno.listen that is no broker, MQTT 3.1.1",
    columns: ["", ...columns.map(titleOf), "× Deno alone"],
    rows: rows.map((row) => [
      rowTitle(row.row),
      ...columns.map(({ id }) => cellText(row, row.cells[id])),
      ratioText(ratio(row, OURS, FLOOR)),
    ]),
  };
}

function rowsFor(summary: Summary, protocol: Protocol, rowIds: readonly string[]): SummaryRow[] {
  return rowIds.flatMap((id) => summary.rows.filter((row) => row.row === id && row.protocol === protocol));
}

function titleOf({ title, version }: Summary["contestants"][number]): string {
  return version === "" ? title : `${title} ${version}`;
}

function rowTitle(id: string): string {
  const { title, unit, isMoreBetter } = rowNamed(id);
  return `${title}, ${unit}${isMoreBetter ? "" : " (less is better)"}`;
}

function cellText({ row }: SummaryRow, cell: Cell | undefined): string {
  if (cell?.value === undefined) return NOTHING;
  const { digits } = rowNamed(row);
  const text = cell.value.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });
  return text + (cell.problems === undefined ? "" : " !") + (cell.disturbedRounds === undefined ? "" : " ?");
}

/** @returns how many times the other's number this one's is; undefined where one is missing. */
export function ratio({ cells }: SummaryRow, id: string, reference: string): number | undefined {
  const value = cells[id]?.value;
  const base = cells[reference]?.value;
  return value === undefined || !base ? undefined : value / base;
}

export function ratioText(times: number | undefined): string {
  if (times === undefined) return NOTHING;
  return `×${times >= 100 ? times.toFixed(0) : times >= 10 ? times.toFixed(1) : times.toFixed(2)}`;
}

/** @returns what a `!` in the tables stands for, and which rows a generator could not drive. */
export function remarksOf(summary: Summary): string[] {
  const remarks: string[] = [];
  for (const { row, protocol, cells } of summary.rows) {
    for (const [id, { problems, missing }] of Object.entries(cells)) {
      const where = `${rowNamed(row).title}, ${protocol}, ${summary.contestants.find((one) => one.id === id)?.title}`;
      if (problems !== undefined) remarks.push(`! ${where}: ${problems.join("; ")}`);
      if (missing !== undefined && id === OURS) remarks.push(`– ${rowNamed(row).title}, ${protocol}: ${missing}`);
    }
  }
  return remarks;
}

export function textOf({ title, columns, rows }: Table): string {
  const widths = columns.map((name, i) => Math.max(name.length, ...rows.map((row) => row[i].length)));
  const line = (cells: readonly string[]) =>
    cells.map((cell, i) => i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i])).join("  ").trimEnd();
  return [title, line(columns), ...rows.map(line)].join("\n");
}

/** Without padding: `deno fmt` has its own. */
export function markdownOf({ columns, rows }: Table): string {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  return [line(columns), line(columns.map((_, i) => i === 0 ? "---" : "---:")), ...rows.map(line)].join("\n");
}
