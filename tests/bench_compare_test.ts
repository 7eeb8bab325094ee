/** `deno task bench:compare`, tiny: each row with each generator against a real broker, the peers that are there, and what
 * becomes of the figures. @module */

import { assert, assertEquals, assertThrows } from "@std/assert";
import type { FlowResult } from "../bench/native/load_shape.ts";
import { type Contestant, denoAlone, foreignPeer, peers, quetzals } from "../bench/scenarios/compare/contestants.ts";
import { GENERATOR_NAMES, type LoadGenerator, openGenerator } from "../bench/scenarios/compare/generators.ts";
import { PAGES, RESULTS, textIn, withText } from "../bench/scenarios/compare/kept.ts";
import { type CompareRun, problemsOf, runCompare } from "../bench/scenarios/compare/measure.ts";
import { pictureOf } from "../bench/scenarios/compare/picture.ts";
import { type CompareSize, type Protocol, PROTOCOLS, ROWS } from "../bench/scenarios/compare/rows.ts";
import { merged, rowsOf, type Summary } from "../bench/scenarios/compare/summary.ts";
import { markdownOf, peerTable, remarksOf, tablesOf, textOf } from "../bench/scenarios/compare/table.ts";

/** Numbers end each run, and no time. */
const TINY: CompareSize = { seconds: 60, warmUpSeconds: 0, scale: 0.004, messagesMax: 400 };
const QUIET = { size: TINY, rounds: 1, core: undefined, noiseMax: Infinity, tell: () => {} };

async function generatorNamed(name: typeof GENERATOR_NAMES[number]): Promise<LoadGenerator | undefined> {
  return (await openGenerator(name, undefined, () => {}).catch(() => undefined))?.generator;
}

/** What the generator in TypeScript says of the rows that it cannot drive. */
const MISSING: Readonly<Record<string, RegExp>> = { filters: /wildcard filters/, "long-memory": /memory/ };

for (const name of GENERATOR_NAMES) {
  const generator = await generatorNamed(name);
  for (const row of ROWS) {
    Deno.test({ name: `bench:compare: ${row.id} runs tiny, ${name}`, ignore: generator === undefined }, async () => {
      const contestants = quetzals().slice(0, 1);
      const runs = await runCompare({
        ...QUIET,
        rows: [row],
        protocols: PROTOCOLS,
        contestants,
        generator: generator!,
      });
      assertEquals(runs.map(({ protocol }) => protocol), [...row.protocols]);
      for (const { value, problems, missing, protocol } of runs) {
        const expected = name === "native" ? undefined : protocol === "5.0+" ? /properties|filters/ : MISSING[row.id];
        assertEquals(expected?.test(missing ?? "") ?? missing === undefined, true, `${protocol}: ${missing}`);
        assertEquals(problems, [], protocol);
        // Memory may well shrink. A queue that is drained within one tick of the clock has no rate in TypeScript.
        if (missing === undefined && row.unit !== "MiB" && row.unit !== "KiB") {
          assert(value! > 0, `${protocol}: ${value}`);
        }
      }
    });
  }
}

const everybody: readonly Contestant[] = [...quetzals(), ...peers(undefined).found];

Deno.test("bench:compare: each variant and each peer that is installed delivers, and so does one that already runs", async () => {
  const generator = (await generatorNamed("native") ?? await generatorNamed("typescript"))!;
  const rows = ROWS.filter(({ id }) => ["one-1", "start", "long-memory"].includes(id));
  await using running = await quetzals()[0].start(undefined);
  const { port, pid } = running.place;
  const contestants = [...everybody, foreignPeer(`other=127.0.0.1:${port}:${pid}`)];
  const runs = await runCompare({ ...QUIET, rows, protocols: ["3.1.1"], contestants, generator });
  const of = (id: string) => runs.filter(({ rowId }) => rowId === id);
  assertEquals(of("one-1").map(({ contestant }) => contestant), contestants.map(({ id }) => id));
  assertEquals(of("start").map(({ contestant }) => contestant), everybody.map(({ id }) => id));
  // It is of ours alone.
  assertEquals(of("long-memory").map(({ contestant }) => contestant), quetzals().map(({ id }) => id));
  for (const { contestant, rowId, value, problems, missing } of runs) {
    assertEquals(problems, [], `${rowId}, ${contestant}`);
    assert(missing !== undefined || value !== undefined, `${rowId}, ${contestant}`);
  }
});

Deno.test("bench:compare: the relay that is no broker delivers in its rows, and takes part in no other", async () => {
  const generator = (await generatorNamed("native") ?? await generatorNamed("typescript"))!;
  const { rowIds } = denoAlone();
  const rows = ROWS.filter(({ id }) => id === "one-0" || rowIds!.includes(id));
  const runs = await runCompare({ ...QUIET, rows, protocols: PROTOCOLS, contestants: [denoAlone()], generator });
  assertEquals(runs.map(({ rowId, protocol }) => [rowId, protocol]), rowIds!.map((id) => [id, "3.1.1"]));
  for (const { rowId, value, problems } of runs) {
    assertEquals(problems, [], rowId);
    assert(value !== undefined, rowId);
  }
});

Deno.test("bench:compare takes only a peer that it can find", () => {
  for (const text of ["other", "other=localhost:1883:1", "other=127.0.0.1:1883", "=127.0.0.1:1883:1"]) {
    assertThrows(() => foreignPeer(text), RangeError, "NAME=HOST:PORT:PID");
  }
  assertThrows(() => peers("/nowhere/flashmq"), RangeError, "does not run");
});

const FLOW: FlowResult = {
  ...{
    isFine: true,
    error: "",
    grantedQos: 0,
    sent: 5,
    expected: 5,
    delivered: 5,
    lost: 0,
    duplicated: 0,
    disordered: 0,
  },
  ...{ corrupt: 0, misrouted: 0, foreign: 0, unacknowledged: 0, refused: 0, protocolErrors: 0, wrongQos: 0 },
  ...{
    wrongProperties: 0,
    aliasesSent: 0,
    aliasesReceived: 0,
    disconnects: 0,
    stalls: 0,
    isTimedOut: false,
    seconds: 2,
  },
  ...{ measured: 5, deliveredPerSecond: 1000, megabytesPerSecond: 1, subscribeSeconds: 0, queueSeconds: 0 },
  ...{ drainSeconds: 0, p50Us: 1, p99Us: 1, p999Us: 1, maxUs: 1, meanUs: 1, sendLagP99Us: 0, brokerUsPerMessage: 2 },
  ...{ rssBefore: 0, rssConnected: 0, rssPeak: 0, rssSamples: [], generatorBusy: 0.95, brokerBusy: 1, othersBusy: 0 },
};

/** A machine that is busy for the first so many runs. */
async function runsBeside(busyRuns: number, lost = 0): Promise<{ runs: CompareRun[]; attempts: number }> {
  let attempts = 0;
  const result = () =>
    Promise.resolve({ ...FLOW, isFine: lost === 0, lost, othersBusy: attempts++ < busyRuns ? 0.5 : 0.1 });
  const generator: LoadGenerator = {
    cannotFlow: () => undefined,
    flow: result,
    storm: () => Promise.reject(new Error("no storm here")),
  };
  const contestants = [foreignPeer("one=127.0.0.1:1:0"), foreignPeer("two=127.0.0.1:1:0")];
  const options = { ...QUIET, rows: ROWS.slice(0, 1), protocols: ["3.1.1"] as const, contestants, generator };
  return { runs: await runCompare({ ...options, rounds: 2, noiseMax: 0.25 }), attempts };
}

Deno.test("bench:compare repeats what other programs disturbed, and says so when it was in vain", async () => {
  const { runs, attempts } = await runsBeside(2);
  assertEquals([attempts, runs.map(({ isDisturbed }) => isDisturbed)], [6, [false, false, false, false]]);
  // Each other round backwards.
  assertEquals(runs.map(({ contestant, round }) => [contestant, round]), [["one", 1], ["two", 1], ["two", 2], [
    "one",
    2,
  ]]);
  const busy = await runsBeside(4);
  assertEquals([busy.attempts, busy.runs.map(({ isDisturbed }) => isDisturbed)], [7, [true, false, false, false]]);
});

Deno.test("bench:compare has no figure for a run that lost what its QoS promises, and says what was lost", async () => {
  const { runs } = await runsBeside(0, 3);
  assertEquals(runs.map(({ value, problems }) => [value, problems]), Array(4).fill([undefined, ["3 lost"]]));
  assertEquals(problemsOf({ ...FLOW, duplicated: 1, wrongProperties: 2, isTimedOut: true, error: "closed" }), [
    ...["1 twice", "2 with the wrong properties", "not done in time", "closed"],
  ]);
});

const ORIGIN = { commit: "0123456789", date: "2026-01-31" };
const SUMMARY: Summary = {
  version: "1.2.3",
  machine: {
    ...{ cpu: "a processor", cores: 4, memoryGiB: 8, system: "Linux 6.1", deno: "2.9.5", pinning: "nothing is pinned" },
  },
  ...{ generator: "native", rounds: 3, seconds: 2 },
  contestants: [
    { id: "quetzal", title: "Quetzal", version: "1.2.3", isOurs: true },
    { id: "quetzal-full", title: "Quetzal, full", version: "1.2.3", isOurs: true },
    { id: "mosquitto", title: "Mosquitto", version: "2.0.11", isOurs: false },
    { id: "aedes", title: "Aedes", version: "1.2.0", isOurs: false },
  ],
  rows: [
    {
      ...{ row: "one-0", protocol: "3.1.1", ...ORIGIN },
      cells: {
        quetzal: { value: 3_000_000, rounds: 3, generatorBusy: 0.99 },
        "quetzal-full": { value: 2_400_000, rounds: 3 },
        mosquitto: { value: 150_000, rounds: 3, disturbedRounds: 1 },
        aedes: { rounds: 3, problems: ["5 lost"] },
      },
    },
    {
      ...{ row: "latency-0", protocol: "5.0", ...ORIGIN },
      cells: { quetzal: { value: 250, rounds: 3 }, mosquitto: { value: 200, rounds: 3 } },
    },
  ],
};

Deno.test("bench:compare's tables show medians, ratios, and what is to be known of them", () => {
  const tables = tablesOf(SUMMARY);
  assertEquals(tables.map(({ title }) => title), ["MQTT 3.1.1", "MQTT 5.0", "Quetzal's own variants, MQTT 3.1.1"]);
  assertEquals(tables[0].columns, ["", "Quetzal 1.2.3", "Mosquitto 2.0.11", "Aedes 1.2.0", "× Mosquitto"]);
  assertEquals(tables[0].rows, [["1 → 1, QoS 0, msg/s", "3,000,000", "150,000 ?", "–", "×20.0"]]);
  assertEquals(tables[1].rows[0].at(-1), "×1.25");
  assertEquals(tables[2].rows[0].slice(1), ["3,000,000", "2,400,000 (×0.80)"]);
  assertEquals(remarksOf(SUMMARY), ["! 1 → 1, QoS 0, 3.1.1, Aedes: 5 lost"]);
  assertEquals(
    textOf({ title: "t", columns: ["", "one"], rows: [["row", "1"], ["r", "20"]] }),
    "t\n     one\nrow    1\nr     20",
  );
  assertEquals(
    markdownOf({ title: "t", columns: ["", "one"], rows: [["row", "1"]] }),
    "|  | one |\n| --- | ---: |\n| row | 1 |",
  );
  assertEquals(peerTable(SUMMARY, "3.1.1", ["one-1"]).rows, []);
});

Deno.test("bench:compare shows what is Deno's own in a table of its own", () => {
  const [row] = SUMMARY.rows;
  const contestants = [...SUMMARY.contestants, { id: "deno", title: "Deno alone", version: "2.9.5", isOurs: false }];
  const rows = [{ ...row, cells: { ...row.cells, deno: { value: 2_000_000, rounds: 3 } } }];
  const tables = tablesOf({ ...SUMMARY, contestants, rows });
  assertEquals(tables[0].columns, ["", "Quetzal 1.2.3", "Mosquitto 2.0.11", "Aedes 1.2.0", "× Mosquitto"]);
  const { columns, rows: [cells] } = tables.at(-1)!;
  assertEquals(columns, ["", "Quetzal 1.2.3", "Deno alone 2.9.5", "× Deno alone"]);
  assertEquals(cells.slice(1), ["3,000,000", "2,000,000", "×1.50"]);
});

Deno.test("bench:compare takes the median of the rounds, with the broker's time of that round", () => {
  const run = (round: number, value: number | undefined, brokerUsPerMessage: number): CompareRun => ({
    ...{ rowId: "one-0", protocol: "3.1.1", contestant: "quetzal", round, value, isDisturbed: round === 1 },
    ...{ problems: value === undefined ? ["3 lost"] : [], result: { ...FLOW, brokerUsPerMessage } },
  });
  assertEquals(rowsOf([run(1, 100, 1), run(2, undefined, 9), run(3, 300, 3), run(4, 200.0001, 2)], ORIGIN), [{
    ...{ row: "one-0", protocol: "3.1.1", ...ORIGIN },
    cells: {
      quetzal: {
        ...{ value: 200, min: 100, max: 300, brokerUs: 2, generatorBusy: 0.95, rounds: 4 },
        ...{ problems: ["3 lost"], disturbedRounds: 1 },
      },
    },
  }]);
});

Deno.test("bench:compare keeps older rows of the same conditions only, in the order of the rows", () => {
  const measured: Summary = {
    ...SUMMARY,
    contestants: SUMMARY.contestants.slice(0, 1),
    rows: ["one-1", "one-0"].map((row) => ({
      ...{ row, protocol: "3.1.1", commit: "new", date: "2026-02-01" },
      cells: { quetzal: { value: 1, rounds: 3 } },
    })),
  };
  const { rows, contestants } = merged(SUMMARY, measured);
  const told = rows.map(({ row, protocol, commit }) => [row, protocol, commit]);
  assertEquals(told, [["one-0", "3.1.1", "new"], ["one-1", "3.1.1", "new"], ["latency-0", "5.0", "0123456789"]]);
  assertEquals(contestants.map(({ id }) => id), ["quetzal", "quetzal-full", "mosquitto", "aedes"]);
  for (const other of [{ ...measured, seconds: 5 }, { ...measured, machine: { ...SUMMARY.machine, cores: 2 } }]) {
    assertEquals(merged(SUMMARY, other), other);
  }
  assertEquals(merged(undefined, measured), measured);
});

Deno.test("bench:compare's chart has each ratio to Mosquitto, and there is none without Mosquitto", () => {
  const svg = pictureOf(SUMMARY)!;
  for (const text of ["×20.0", "1 → 1, QoS 0", "Mosquitto 2.0.11", "Quetzal 1.2.3", "a processor"]) {
    assert(svg.includes(text), text);
  }
  assertEquals(svg.includes("p99"), false);
  assertEquals(pictureOf({ ...SUMMARY, rows: SUMMARY.rows.slice(1) }), undefined);
});

Deno.test("bench:compare writes between the marks of a page, and nowhere else", () => {
  const page = "# Title\n\n<!-- written by `deno task bench:compare --keep`: -->\n\nold\n\n<!-- to here -->\n\nrest\n";
  const written = withText(page, "new");
  assertEquals([textIn(written), written.startsWith("# Title\n\n"), written.endsWith("\n\nrest\n")], [
    "new",
    true,
    true,
  ]);
  assertThrows(() => withText("# Title", "new"), Error, "no ");
});

/** `deno fmt` pads tables and breaks lines: that is no difference. */
function plain(text: string): string {
  return text.replace(/\s+/g, " ").replace(/-{3,}/g, "---").replace(/\\([!?_*])/g, "$1");
}

Deno.test("README.md and docs/performance.md show what is kept in bench/results, and nothing else", async () => {
  const root = new URL("../", import.meta.url);
  const { version } = JSON.parse(await Deno.readTextFile(new URL("deno.json", root)));
  const names = [...Deno.readDirSync(RESULTS)].map(({ name }) => name).filter((name) => name.endsWith(".json"));
  assert(names.length > 0, "nothing is kept");
  // A new version shows the figures of the one before until it is measured itself.
  const name = names.includes(`${version}.json`) ? `${version}.json` : names.sort().at(-1)!;
  const summary = JSON.parse(await Deno.readTextFile(new URL(name, RESULTS))) as Summary;
  for (const { path, textOf } of PAGES) {
    const shown = textIn(await Deno.readTextFile(new URL(path, root)));
    assertEquals(plain(shown!), plain(textOf(summary)), path);
  }
  assertEquals(await Deno.readTextFile(new URL(`${summary.version}.svg`, RESULTS)), pictureOf(summary));
});

async function compare(...args: string[]): Promise<{ code: number; out: string; error: string }> {
  const main = new URL("../bench/scenarios/compare.ts", import.meta.url).href;
  const command = new Deno.Command(Deno.execPath(), { args: ["run", "-A", "--no-check", main, ...args] });
  const { code, stdout, stderr } = await command.output();
  return { code, out: new TextDecoder().decode(stdout), error: new TextDecoder().decode(stderr) };
}

Deno.test("bench:compare --help shows every row, and a wrong command line is told", async () => {
  const { code, out } = await compare("--help");
  assertEquals(code, 0);
  for (const { id } of ROWS) assert(out.includes(`\n  ${id} `), id);
  const wrong: readonly (readonly [args: string[], says: string])[] = [
    [["--rows", "one-9"], '--rows: "one-9" is none of'],
    [["--rounds", "0.5"], "--rounds"],
    [["--generator", "perl"], "--generator"],
    [["--brokers", "other"], "--brokers"],
    [["--nothing"], "--nothing"],
  ];
  for (const [args, says] of wrong) {
    const { code, error } = await compare(...args);
    assertEquals([code, error.includes(says), error.includes("See --help.")], [2, true, true], error);
  }
});

Deno.test("bench:compare writes every run and the chart into files", async () => {
  const dir = await Deno.makeTempDir();
  const brokers = everybody.map(({ id }) => id).filter((id) => id === "quetzal" || id === "mosquitto");
  const args = ["--rows", "one-0,start", "--protocols", "3.1.1" satisfies Protocol, "--brokers", brokers.join()];
  args.push("--rounds", "1", "--seconds", "0.1", "--noise", "100");
  const { code, out, error } = await compare(...args, "--json", `${dir}/all.json`, "--svg", `${dir}/all.svg`);
  assertEquals(code, 0, error);
  const { runs, rows, machine } = JSON.parse(await Deno.readTextFile(`${dir}/all.json`));
  assertEquals([rows.length, runs.length, machine.cores], [2, 2 * brokers.length, navigator.hardwareConcurrency]);
  assert(out.includes("MQTT 3.1.1") && out.includes("measured on"), out);
  const hasChart = await Deno.stat(`${dir}/all.svg`).then(() => true, () => false);
  assertEquals(hasChart, brokers.includes("mosquitto"));
  await Deno.remove(dir, { recursive: true });
});
