/** What accounts and rules cost while messages flow: the same broker without and with them, in turns of a moment each.
 * @module */

import { problemsOf } from "../bench.ts";
import type { DuelJob, DuelResult } from "../load/duel.ts";
import type { SliceResult } from "../load/run.ts";
import { DUEL_MAIN, LoadProcess } from "../load_process.ts";
import { median } from "../report.ts";
import { benchAccounts, userNames } from "./accounts.ts";
import { type Broker, startMosquitto, startQuetzal } from "./brokers.ts";
import { type FlowSetting, flowsOf, placeOf } from "./flows.ts";
import type { AccessContext, AccessResult, AccessScenario, AccessSize } from "./scenario.ts";
import type { Row } from "./table.ts";

/** In percent, of messages at QoS 0. Judged is processor time where the system tells it: on a core that is full it is the
 * throughput, and it says the same while the generator is what limits, or while other programs run. */
const LOSS_MAX = 5;
/** The peer's loss is not what is judged: it takes part in every so many rounds. */
const PEER_EVERY = 8;

export const COLUMNS = [
  { id: "open", title: "no accounts" },
  { id: "rules", title: "with rules" },
  { id: "mosquitto-open", title: "Mosquitto" },
  { id: "mosquitto-rules", title: "M. with rules" },
] as const;
type ColumnId = typeof COLUMNS[number]["id"];

/** One duel: all brokers, one flow. */
export interface AclRun {
  readonly flow: string;
  readonly qos: 0 | 1 | 2;
  readonly contestants: Readonly<Partial<Record<ColumnId, DuelResult[number]>>>;
}

export const ACL: AccessScenario = {
  id: "acl",
  title: "throughput with accounts and 1,000 rules, and without",
  async run(context) {
    const runs: AclRun[] = [];
    for (let generation = 1; generation <= context.size.generations; generation++) {
      runs.push(...await runGeneration(context, generation));
    }
    return resultOf(context.size, runs);
  },
};

async function runGeneration(context: AccessContext, generation: number): Promise<AclRun[]> {
  const { size, mosquitto, loadCore, tell } = context;
  const accounts = benchAccounts(userNames("line", size.accounts), size.rules);
  await using stack = new AsyncDisposableStack();
  const settings: (FlowSetting & { column: ColumnId })[] = [];
  const start = async (column: ColumnId, start: typeof startQuetzal): Promise<void> => {
    const held = column.endsWith("rules") ? accounts : undefined;
    const broker: Broker = stack.use(await start(context, { accounts: held }));
    settings.push({ column, broker, accounts: held });
  };
  await start("open", startQuetzal);
  await start("rules", startQuetzal);
  if (mosquitto !== undefined) {
    await start("mosquitto-open", startMosquitto);
    await start("mosquitto-rules", startMosquitto);
  }
  const runs: AclRun[] = [];
  for (const flow of flowsOf(size)) {
    const job: DuelJob = {
      ...size.duel,
      contestants: settings.map((setting) => ({
        every: setting.column.startsWith("mosquitto") ? PEER_EVERY : 1,
        load: {
          ...flow.load,
          ...placeOf(setting),
          ...{ brokerPid: setting.broker.pid, nonce: Math.floor(Math.random() * 2 ** 32) },
          ...{ isPersistent: false, isQueued: false },
        },
      })),
    };
    await using generator = new LoadProcess<{ contestants: DuelResult }>(DUEL_MAIN, job, loadCore);
    const results = (await generator.result()).contestants;
    const contestants = Object.fromEntries(settings.map(({ column }, index) => [column, results[index]]));
    const run: AclRun = { flow: flow.id, qos: flow.load.qos, contestants };
    const loss = median(lossesOf([run], perSecond))!;
    tell(`${flow.title}, start ${generation} of ${size.generations}: ${loss.toFixed(1)} % less with rules`);
    runs.push(run);
  }
  return runs;
}

export function resultOf(size: AccessSize, runs: readonly AclRun[]): AccessResult {
  const columns = COLUMNS.filter(({ id }) => runs.some(({ contestants }) => contestants[id] !== undefined));
  const rows: Row[] = [];
  const missed: string[] = [];
  for (const flow of flowsOf(size)) {
    const ours = runs.filter((run) => run.flow === flow.id);
    const rowOf = (unit: string, digits: number, of: (slice: SliceResult) => number | undefined): Row => {
      const values = columns.map(({ id }) => [id, median(slicesOf(ours, id).map((slice) => slice && of(slice)))]);
      return { metric: flow.title, unit, digits, values: Object.fromEntries(values), reference: "open" };
    };
    const isLimited = flow.load.qos === 0;
    const lossOf = (metric: string, value: number | undefined, isJudged: boolean): Row => ({
      ...{ metric: `${flow.title}: ${metric}`, unit: "%", digits: 1, values: { rules: value } },
      limit: isLimited && isJudged ? `< ${LOSS_MAX}` : undefined,
    });
    const loss = median(lossesOf(ours, perSecond));
    const cost = median(lossesOf(ours, (slice) => -(costOf(slice) ?? NaN)).filter((value) => !Number.isNaN(value)));
    const judged = cost ?? loss;
    rows.push(
      rowOf("msg/s", 0, perSecond),
      rowOf("µs of the broker", 2, costOf),
      lossOf("fewer", loss, cost === undefined),
      lossOf("more time", cost, cost !== undefined),
    );
    if (size.isJudged && isLimited && !(judged! < LOSS_MAX)) {
      missed.push(`${flow.title}: accounts and rules cost ${judged!.toFixed(1)} %, and may cost ${LOSS_MAX} %`);
    }
  }
  const title =
    `${size.rules.toLocaleString("en-US")} rules and ${size.accounts} accounts in force, and none (× of no ` +
    `accounts; medians of ${size.generations * size.duel.rounds} rounds of ${size.duel.sliceMs} ms in turns)`;
  const ends = runs.flatMap(({ flow, qos, contestants }) =>
    Object.entries(contestants).map(([column, { verdict }]) => ({ name: `${flow}, ${column}`, qos, verdict }))
  );
  return {
    tables: [{ title, columns, rows }],
    problems: [
      ...ends.flatMap(({ name, qos, verdict }) => problemsOf(verdict, qos).map((problem) => `${name}: ${problem}`)),
      ...missed,
    ],
    deliveriesVerified: ends.reduce((sum, { verdict }) => sum + verdict.delivered, 0),
    runs,
  };
}

function slicesOf(runs: readonly AclRun[], column: ColumnId): (SliceResult | undefined)[] {
  return runs.flatMap(({ contestants }) => contestants[column]?.slices.map((slice) => slice ?? undefined) ?? []);
}

/** Of each round by itself, in percent, how much less there is of it with rules. */
export function lossesOf(runs: readonly AclRun[], of: (slice: SliceResult) => number): number[] {
  const open = slicesOf(runs, "open");
  const rules = slicesOf(runs, "rules");
  return open.map((slice, round) => {
    const before = of(slice!);
    return (before - of(rules[round]!)) / Math.abs(before) * 100;
  });
}

function perSecond({ delivered, ms }: SliceResult): number {
  return delivered / ms * 1000;
}

/** Processor time for a message, in µs. */
function costOf({ delivered, brokerMs }: SliceResult): number | undefined {
  return brokerMs === undefined || delivered === 0 ? undefined : brokerMs / delivered * 1000;
}
