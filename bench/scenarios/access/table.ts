/** Tables of numbers: a line for each, a column for each broker or case, and the ratio to a reference behind it. @module */

export interface Column {
  readonly id: string;
  readonly title: string;
}

export interface Row {
  readonly metric: string;
  readonly unit: string;
  readonly digits: number;
  /** By column. */
  readonly values: Readonly<Record<string, number | undefined>>;
  /** The column that the others are divided by; left out: there are no ratios. */
  readonly reference?: string;
  /** What must hold, for people: "≤ 50". */
  readonly limit?: string;
}

export interface Table {
  readonly title: string;
  readonly columns: readonly Column[];
  readonly rows: readonly Row[];
}

const HEAD_CHARS = 42;
const CELL_CHARS = 21;

export function linesOf({ title, columns, rows }: Table): string[] {
  const head = line("", columns.map((column) => column.title));
  return [title, head, ...rows.map((row) => line(headOf(row), columns.map(({ id }) => cellOf(row, id))))];
}

/** @returns what a column has by what the reference has. */
export function ratioOf({ values, reference }: Row, column: string): number | undefined {
  const value = values[column];
  const base = reference === undefined || reference === column ? undefined : values[reference];
  return value === undefined || base === undefined || base === 0 ? undefined : value / base;
}

function headOf({ metric, unit, limit }: Row): string {
  return `${metric}${unit === "" ? "" : `, ${unit}`}${limit === undefined ? "" : ` (${limit})`}`;
}

function cellOf(row: Row, column: string): string {
  const value = row.values[column];
  if (value === undefined) return "-";
  const { digits } = row;
  const text = value.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });
  const ratio = ratioOf(row, column);
  return ratio === undefined ? text : `${text} (×${ratio.toFixed(2)})`;
}

function line(head: string, cells: readonly string[]): string {
  return `  ${head.padEnd(HEAD_CHARS)}${cells.map((text) => text.padStart(CELL_CHARS)).join("")}`.trimEnd();
}
