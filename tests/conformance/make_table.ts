/** The table of conformance: each normative statement of MQTT 5.0 with the tests that name it.
 * In: statements.tsv, not_observable.tsv, and the names of all tests, as they are registered. Out: docs/conformance.md.
 * Run it with `deno task conformance`; table_test.ts holds the table to the tests. @module */

const TESTS = new URL("../", import.meta.url);
const TABLE = new URL("../../docs/conformance.md", import.meta.url);
/** Names one cell shows; further ones are counted. */
const NAMES_SHOWN = 3;

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
  /** Why a statement has no test. */
  readonly reasons: ReadonlyMap<string, string>;
  /** By id, in the order of files and of tests in them. */
  readonly tests: ReadonlyMap<string, readonly NamedTest[]>;
}

/** Reads everything. Imports every test file, with a `Deno.test` that notes the name and runs nothing. */
export async function readConformance(): Promise<Conformance> {
  const statements = (await rows("statements.tsv")).map(([id, binds, summary]) => ({ id, binds, summary }));
  const reasons = new Map((await rows("not_observable.tsv")).map(([id, reason]) => [id, reason]));
  const tests = new Map<string, NamedTest[]>();
  for (const test of await namedTests()) {
    for (const [, id] of test.name.matchAll(/\[(MQTT-[^\]]*)\]/g)) {
      if (!tests.has(id)) tests.set(id, []);
      tests.get(id)!.push(test);
    }
  }
  return { statements, reasons, tests };
}

/** Server-binding statements that have neither a test nor a reason. */
export function missing({ statements, reasons, tests }: Conformance): string[] {
  return statements.filter(({ id, binds }) => binds !== "client" && !tests.has(id) && !reasons.has(id))
    .map(({ id }) => id);
}

/** Ids in names and among the reasons that are no statements, and reasons for what is tested after all. */
export function mistaken({ statements, reasons, tests }: Conformance): string[] {
  const known = new Set(statements.map(({ id }) => id));
  const unknown = [...tests.keys(), ...reasons.keys()].filter((id) => !known.has(id));
  return [...unknown, ...[...reasons.keys()].filter((id) => tests.has(id))].sort();
}

/** docs/conformance.md */
export function tableOf(conformance: Conformance): string {
  const { statements, reasons, tests } = conformance;
  const count = (of: (statement: Statement) => boolean) => statements.filter(of).length;
  const bindsServer = ({ binds }: Statement) => binds !== "client";
  const isTested = ({ id }: Statement) => tests.has(id);
  const lines = [
    "<!-- deno-fmt-ignore-file -->",
    "# Conformance to MQTT 5.0, statement by statement",
    "",
    "Each normative statement of the specification, in our own words, and the tests that have its id in their name.",
    "Made by `deno task conformance`; not to be edited by hand.",
    "",
    "| | statements | with tests | with a reason |",
    "|---|---|---|---|",
    `| bind the server | ${count(bindsServer)} | ${count((s) => bindsServer(s) && isTested(s))} | ${
      count((s) => bindsServer(s) && !isTested(s) && reasons.has(s.id))
    } |`,
    `| bind the client alone | ${count((s) => !bindsServer(s))} | ${
      count((s) => !bindsServer(s) && isTested(s))
    } (how the server takes a breach) | ${
      count((s) => !bindsServer(s) && !isTested(s))
    } (matter of a client library) |`,
    "",
    "| id | binds | what it says | tests, below `tests/`, or the reason why there is none |",
    "|---|---|---|---|",
  ];
  for (const statement of statements) {
    const { id, binds, summary } = statement;
    const named = tests.get(id);
    const shown = named !== undefined
      ? cellOf(named)
      : reasons.get(id) ?? (binds === "client" ? "binds the client" : "");
    lines.push(`| ${id} | ${binds} | ${escape(summary)} | ${named === undefined ? escape(shown) : shown} |`);
  }
  return lines.join("\n") + "\n";
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

/** One from each file first: a reader sees where a statement is tested. */
function cellOf(tests: readonly NamedTest[]): string {
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
  const without = missing(conformance);
  console.log(`docs/conformance.md written; ${without.length} statements lack a test and a reason`);
  if (without.length > 0) console.log(without.join("\n"));
  const wrong = mistaken(conformance);
  if (wrong.length > 0) {
    console.log(`ids that are no statements, or that have a test and a reason:\n${wrong.join("\n")}`);
  }
  Deno.exit(0);
}
