/** The table of conformance: each normative statement of MQTT 5.0 with the tests that name it, the server's and the client's.
 * In: statements.tsv, not_observable.tsv, and the names of all tests, as they are registered. Out: docs/conformance.md.
 * A test below tests/client/ counts for the client, every other one for the server.
 * Run it with `deno task conformance`; table_test.ts holds the table to the tests. @module */

const TESTS = new URL("../", import.meta.url);
const TABLE = new URL("../../docs/conformance.md", import.meta.url);
/** Names one cell shows; further ones are counted. */
const NAMES_SHOWN = 2;

/** Which half of Quetzal a test looks at. */
export const SIDES = ["server", "client"] as const;
export type Side = typeof SIDES[number];

export interface Statement {
  /** "MQTT-3.3.1-2" */
  readonly id: string;
  /** Whom it binds: "server", "client", "both". */
  readonly binds: string;
  readonly summary: string;
}

export interface NamedTest {
  /** Below tests/. */
  readonly file: string;
  readonly name: string;
}

export interface Conformance {
  readonly statements: readonly Statement[];
  /** Why a statement has no test on a side, by id. */
  readonly reasons: Readonly<Record<Side, ReadonlyMap<string, string>>>;
  /** By id, in the order of files and of tests in them. */
  readonly tests: Readonly<Record<Side, ReadonlyMap<string, readonly NamedTest[]>>>;
}

/** Reads everything. Imports every test file, with a `Deno.test` that notes the name and runs nothing. */
export async function readConformance(): Promise<Conformance> {
  const statements = (await rows("statements.tsv")).map(([id, binds, summary]) => ({ id, binds, summary }));
  const reasons = { server: new Map<string, string>(), client: new Map<string, string>() };
  for (const [id, side, reason] of await rows("not_observable.tsv")) reasons[sideNamed(side)].set(id, reason);
  const tests = { server: new Map<string, NamedTest[]>(), client: new Map<string, NamedTest[]>() };
  for (const test of await namedTests()) {
    const ofSide = tests[test.file.startsWith("client/") ? "client" : "server"];
    for (const [, id] of test.name.matchAll(/\[(MQTT-[^\]]*)\]/g)) {
      if (!ofSide.has(id)) ofSide.set(id, []);
      ofSide.get(id)!.push(test);
    }
  }
  return { statements, reasons, tests };
}

/** Statements that bind this side and have neither a test there nor a reason. */
export function missing({ statements, reasons, tests }: Conformance, side: Side): string[] {
  return statements.filter((statement) => bindsSide(statement, side))
    .filter(({ id }) => !tests[side].has(id) && !reasons[side].has(id)).map(({ id }) => id);
}

/** Ids in names and among the reasons that are no statements, and reasons for what is tested after all. */
export function mistaken({ statements, reasons, tests }: Conformance, side: Side): string[] {
  const known = new Set(statements.map(({ id }) => id));
  const unknown = [...tests[side].keys(), ...reasons[side].keys()].filter((id) => !known.has(id));
  return [...unknown, ...[...reasons[side].keys()].filter((id) => tests[side].has(id))].sort();
}

/** docs/conformance.md */
export function tableOf(conformance: Conformance): string {
  const { statements } = conformance;
  const lines = [
    "<!-- deno-fmt-ignore-file -->",
    "# Conformance to MQTT 5.0, statement by statement",
    "",
    "Each normative statement of the specification, in our own words, and the tests that have its id in their name: those",
    "of the broker, and those of the client library, which are below `tests/client/`. A statement that binds the other",
    "side alone may have tests all the same: of how a breach is taken.",
    "Made by `deno task conformance`; not to be edited by hand.",
    "",
    "| | statements | with tests | with a reason |",
    "|---|---|---|---|",
    ...SIDES.map((side) => summaryOf(conformance, side)),
    "",
    "| id | binds | what it says | the broker's tests, below `tests/` | the client's tests, below `tests/` |",
    "|---|---|---|---|---|",
  ];
  for (const statement of statements) {
    const { id, binds, summary } = statement;
    const cells = SIDES.map((side) => cellOf(conformance, statement, side));
    lines.push(`| ${id} | ${binds} | ${escape(summary)} | ${cells.join(" | ")} |`);
  }
  return lines.join("\n") + "\n";
}

function summaryOf({ statements, reasons, tests }: Conformance, side: Side): string {
  const binding = statements.filter((statement) => bindsSide(statement, side));
  const tested = binding.filter(({ id }) => tests[side].has(id));
  const excused = binding.filter(({ id }) => !tests[side].has(id) && reasons[side].has(id));
  return `| bind the ${side} | ${binding.length} | ${tested.length} | ${excused.length} |`;
}

function bindsSide({ binds }: Statement, side: Side): boolean {
  return binds === side || binds === "both";
}

function sideNamed(name: string): Side {
  const side = SIDES.find((side) => side === name);
  if (side === undefined) throw new Error(`not_observable.tsv: ${name} is no side`);
  return side;
}

/** What the file holds now; "" when it is not there. */
export async function writtenTable(): Promise<string> {
  try {
    return (await Deno.readTextFile(TABLE)).replaceAll("\r\n", "\n");
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return "";
    throw error;
  }
}

/** The tests, or the reason why there is none; one from each file first: a reader sees where a statement is tested. */
function cellOf({ reasons, tests: all }: Conformance, statement: Statement, side: Side): string {
  const tests = all[side].get(statement.id);
  if (tests === undefined) return escape(reasons[side].get(statement.id) ?? "–");
  const firsts = tests.filter((test, i) => tests.findIndex(({ file }) => file === test.file) === i);
  const shown = [...firsts, ...tests.filter((test) => !firsts.includes(test))].slice(0, NAMES_SHOWN);
  const cells = shown.map(({ file, name }) => {
    const text = name.replaceAll(/\[MQTT-[^\]]*\] ?/g, "").trim();
    return `${file}: ${escape(text)}`;
  });
  if (tests.length > shown.length) cells.push(`and ${tests.length - shown.length} more`);
  return cells.join("<br>");
}

/** Text for a table's cell. */
function escape(text: string): string {
  return text.replaceAll(/[\\|<>*_`[\]#$~]/g, "\\$&").replaceAll(/[\p{Cc}\p{Cf}]/gu, "�");
}

/** The lines of a table in this folder, without its head. */
async function rows(name: string): Promise<string[][]> {
  const text = await Deno.readTextFile(new URL(name, import.meta.url));
  return text.split(/\r?\n/).slice(1).filter((line) => line !== "").map((line) => line.split("\t"));
}

async function namedTests(): Promise<NamedTest[]> {
  const files = await testFiles("");
  const found: NamedTest[] = [];
  let file = "";
  const note = (...parts: unknown[]) => {
    const named = parts.find((part) => typeof part === "string" || nameOf(part) !== undefined);
    found.push({ file, name: typeof named === "string" ? named : nameOf(named) ?? "" });
  };
  const hooks = { beforeAll: nothing, beforeEach: nothing, afterEach: nothing, afterAll: nothing };
  const noted = Object.assign(note, { ...hooks, ignore: note, only: note });
  const registry = Deno as { test: unknown };
  const real = registry.test;
  registry.test = noted;
  try {
    for (file of files) await import(new URL(file, TESTS).href);
  } finally {
    registry.test = real;
  }
  return found;
}

function nothing(): void {}

function nameOf(part: unknown): string | undefined {
  const name = (part as { name?: unknown } | undefined)?.name;
  return typeof name === "string" && name !== "" ? name : undefined;
}

/** All `…_test.ts` below tests/ but the one of this table, which imports this module. */
async function testFiles(folder: string): Promise<string[]> {
  const files: string[] = [];
  for await (const entry of Deno.readDir(new URL(folder, TESTS))) {
    const path = folder + entry.name;
    if (entry.isDirectory) files.push(...await testFiles(`${path}/`));
    else if (path.endsWith("_test.ts") && path !== "conformance/table_test.ts") files.push(path);
  }
  return files.sort();
}

if (import.meta.main) {
  const conformance = await readConformance();
  await Deno.writeTextFile(TABLE, tableOf(conformance));
  console.log("docs/conformance.md written");
  for (const side of SIDES) {
    const without = missing(conformance, side);
    console.log(`${side}: ${without.length} statements lack a test and a reason`);
    if (without.length > 0) console.log(without.join("\n"));
    const wrong = mistaken(conformance, side);
    if (wrong.length > 0) {
      console.log(`ids that are no statements, or that have a test and a reason:\n${wrong.join("\n")}`);
    }
  }
  Deno.exit(0);
}
