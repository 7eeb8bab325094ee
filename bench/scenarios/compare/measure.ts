/** Runs the rows: contestants take turns within each round, every other round backwards, and a run that other programs
 * disturbed is repeated. In: rows, contestants, a generator. Out: every run. @module */

import type { FlowResult, StormResult } from "../../native/load_shape.ts";
import type { Contestant, Running } from "./contestants.ts";
import type { LoadGenerator } from "./generators.ts";
import { type CompareRow, type CompareSize, type FlowRow, type Protocol, spoken, type StormRow } from "./rows.ts";

export interface CompareOptions {
  readonly rows: readonly CompareRow[];
  readonly protocols: readonly Protocol[];
  readonly contestants: readonly Contestant[];
  readonly generator: LoadGenerator;
  readonly size: CompareSize;
  readonly rounds: number;
  /** Of the brokers; undefined: any. */
  readonly core: number | undefined;
  /** Share of a core that all other programs may use during a run. */
  readonly noiseMax: number;
  /** A file that is locked during all rounds of a row: benches that share a machine take turns. */
  readonly lockFile?: string;
  readonly tell: (line: string) => void;
}

export interface CompareRun {
  readonly rowId: string;
  readonly protocol: Protocol;
  readonly contestant: string;
  readonly round: number;
  /** What the row shows; undefined when the run came to nothing. */
  readonly value: number | undefined;
  /** Other programs were busy each time that it was tried. */
  readonly isDisturbed: boolean;
  /** What must not be, in words. */
  readonly problems: readonly string[];
  /** Why this generator cannot drive the row. */
  readonly missing?: string;
  readonly result?: FlowResult | StormResult;
}

const ATTEMPTS_MAX = 3;
/** Clock ticks say nothing of a shorter run. */
const NOISE_SECONDS_MIN = 0.5;

export async function runCompare(options: CompareOptions): Promise<CompareRun[]> {
  const runs: CompareRun[] = [];
  for (const [index, row] of options.rows.entries()) {
    options.tell(`${index + 1} of ${options.rows.length}: ${row.title}`);
    runs.push(...await runRow(options, row));
  }
  return runs;
}

async function runRow(options: CompareOptions, row: CompareRow): Promise<CompareRun[]> {
  const { core, tell } = options;
  const rounds = row.isLong ? 1 : options.rounds;
  const runs: CompareRun[] = [];
  const contestants = options.contestants.filter((contestant) => takesPart(contestant, row));
  await using stack = new AsyncDisposableStack();
  const running = new Map<Contestant, Running>();
  if (!isStartedEachTime(row)) {
    for (const contestant of contestants) running.set(contestant, stack.use(await contestant.start(core)));
  }
  for (const protocol of options.protocols.filter((protocol) => row.protocols.includes(protocol))) {
    const speakers = contestants.filter(({ protocols }) => protocols.includes(protocol));
    using _turn = await takeTurn(options.lockFile);
    for (const contestant of speakers) await warmUp(options, row, protocol, contestant, running.get(contestant));
    for (let round = 1; round <= rounds; round++) {
      for (const contestant of round % 2 === 1 ? speakers : speakers.toReversed()) {
        const run = await runOnce(options, row, protocol, contestant, running.get(contestant));
        runs.push({ ...run, rowId: row.id, protocol, contestant: contestant.id, round });
        tell(`  ${protocol}, round ${round} of ${rounds}, ${contestant.title}: ${said(row, run)}`);
      }
    }
  }
  return runs;
}

function isStartedEachTime(row: CompareRow): boolean {
  return row.kind === "start" || row.isFresh === true;
}

/** A process that somebody else started is not fresh, and nobody starts it. */
function takesPart({ isOurs, isForeign, rowIds }: Contestant, row: CompareRow): boolean {
  if (rowIds?.includes(row.id) === false) return false;
  return (isOurs || row.isOwn !== true) && !(isForeign && isStartedEachTime(row));
}

/** Tiny runs are not compared: one shows that it works. */
async function warmUp(
  options: CompareOptions,
  row: CompareRow,
  protocol: Protocol,
  contestant: Contestant,
  running: Running | undefined,
): Promise<void> {
  const runs = options.size.scale < 1 ? Math.min(row.warmUpRuns ?? 0, 1) : row.warmUpRuns ?? 0;
  for (let run = 0; run < runs; run++) await attemptOnce(options, row, protocol, contestant, running);
}

type Outcome = Pick<CompareRun, "value" | "isDisturbed" | "problems" | "missing" | "result">;

async function runOnce(
  options: CompareOptions,
  row: CompareRow,
  protocol: Protocol,
  contestant: Contestant,
  running: Running | undefined,
): Promise<Outcome> {
  for (let attempt = 1;; attempt++) {
    const outcome = await attemptOnce(options, row, protocol, contestant, running);
    if (!outcome.isDisturbed || attempt === ATTEMPTS_MAX) return outcome;
  }
}

async function attemptOnce(
  { generator, size, core, noiseMax }: CompareOptions,
  row: CompareRow,
  protocol: Protocol,
  contestant: Contestant,
  before: Running | undefined,
): Promise<Outcome> {
  const flow = row.kind === "flow" ? spoken(row.load(size), protocol, true) : undefined;
  const missing = flow && generator.cannotFlow(flow);
  if (missing !== undefined) return { value: undefined, isDisturbed: false, problems: [], missing };
  await using stack = new AsyncDisposableStack();
  const { place, startMs } = before ?? stack.use(await contestant.start(core));
  if (row.kind === "start") return { value: startMs, isDisturbed: false, problems: [] };
  try {
    const result = row.kind === "flow"
      ? await generator.flow(place, flow!)
      : await generator.storm(place, spoken(row.load(size), protocol, false));
    const isDisturbed = result.othersBusy > noiseMax && result.seconds > NOISE_SECONDS_MIN;
    return { value: valueOf(row, result), isDisturbed, problems: problemsOf(result), result };
  } catch (error) {
    return { value: undefined, isDisturbed: false, problems: [(error as Error).message] };
  }
}

/** @returns undefined when messages or clients are missing: then the number is not what it says. */
function valueOf(row: FlowRow | StormRow, result: FlowResult | StormResult): number | undefined {
  if (!result.isFine) return undefined;
  return row.kind === "flow" ? row.of(result as FlowResult) : row.of(result as StormResult);
}

const COUNTS: readonly (readonly [field: string, words: string])[] = [
  ["lost", "lost"],
  ["duplicated", "twice"],
  ["disordered", "out of order"],
  ["corrupt", "damaged"],
  ["misrouted", "at the wrong subscriber"],
  ["wrongQos", "at the wrong QoS"],
  ["wrongProperties", "with the wrong properties"],
  ["unacknowledged", "never acknowledged"],
  ["refused", "refused"],
  ["protocolErrors", "against the protocol"],
  ["disconnects", "connections closed"],
  ["failed", "not let in"],
  ["dropped", "connections dropped"],
];

/** What a broker must not do at any QoS on a connection that nothing disturbs, and how often it did. */
export function problemsOf(result: FlowResult | StormResult): string[] {
  const counts = result as unknown as Readonly<Record<string, number | undefined>>;
  const problems = COUNTS.filter(([field]) => (counts[field] ?? 0) > 0).map(([field, words]) =>
    `${counts[field]} ${words}`
  );
  if ("isTimedOut" in result && result.isTimedOut) problems.push("not done in time");
  if (result.error !== "") problems.push(result.error);
  return problems;
}

function said(row: CompareRow, { value, isDisturbed, problems, missing }: Outcome): string {
  if (missing !== undefined) return missing;
  const number = value?.toLocaleString("en-US", { maximumFractionDigits: row.digits });
  const words = [number === undefined ? "no result" : `${number} ${row.unit}`, ...problems];
  if (isDisturbed) words.push("disturbed by other programs");
  return words.join(", ");
}

async function takeTurn(lockFile: string | undefined): Promise<Disposable> {
  if (lockFile === undefined) return { [Symbol.dispose]: () => {} };
  const file = await Deno.open(lockFile, { create: true, write: true });
  await file.lock(true);
  return file;
}
