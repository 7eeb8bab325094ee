/** What accounts and rules cost while messages flow: the same broker without and with them, in turns. @module */

import { median } from "../report.ts";
import { benchAccounts, userNames } from "./accounts.ts";
import { type Broker, startMosquitto, startQuetzal } from "./brokers.ts";
import {
  costOf,
  deliveriesOf,
  type Flow,
  flowProblems,
  type FlowRun,
  type FlowSetting,
  flowsOf,
  runFlow,
} from "./flows.ts";
import type { AccessContext, AccessResult, AccessScenario, AccessSize } from "./scenario.ts";
import type { Column, Row } from "./table.ts";

/** In percent, of messages at QoS 0. */
const LOSS_MAX = 5;

const OPEN = "open";
const RULES = "rules";
const PEER_OPEN = "mosquitto-open";
const PEER_RULES = "mosquitto-rules";

export const ACL: AccessScenario = {
  id: "acl",
  title: "throughput with accounts and 1,000 rules, and without",
  async run(context) {
    const { size } = context;
    const runs: FlowRun[] = [];
    for (let generation = 0; generation < size.generations; generation++) {
      runs.push(...await runGeneration(context, generation * size.rounds));
    }
    return resultOf(size, runs);
  },
};

/** Brokers that are started together and take turns: what one of them is not given, the next is not either. */
async function runGeneration(context: AccessContext, roundsBefore: number): Promise<FlowRun[]> {
  const { size, mosquitto } = context;
  const accounts = benchAccounts(userNames("line", size.accounts), size.rules);
  await using stack = new AsyncDisposableStack();
  const start = async (column: string, starting: Promise<Broker>, isWithRules: boolean): Promise<FlowSetting> => ({
    column,
    broker: stack.use(await starting),
    accounts: isWithRules ? accounts : undefined,
  });
  const ours = [
    await start(OPEN, startQuetzal(context, {}), false),
    await start(RULES, startQuetzal(context, { accounts }), true),
  ];
  const peers = mosquitto === undefined ? [] : [
    await start(PEER_OPEN, startMosquitto(context, {}), false),
    await start(PEER_RULES, startMosquitto(context, { accounts }), true),
  ];
  const runs: FlowRun[] = [];
  for (const flow of flowsOf(size)) {
    for (let round = 1; round <= size.rounds; round++) {
      // The peer's loss is not what is judged: once is enough.
      const all = round === 1 ? [...ours, ...peers] : ours;
      for (const setting of round % 2 === 1 ? all : all.toReversed()) {
        runs.push(await runFlow(context, flow, setting, roundsBefore + round));
      }
    }
  }
  return runs;
}

export function resultOf(size: AccessSize, runs: readonly FlowRun[]): AccessResult {
  const flows = flowsOf(size);
  const rows: Row[] = [];
  const missed: string[] = [];
  for (const flow of flows) {
    const loss = lossOf(flow, runs);
    const isLimited = flow.load.qos === 0;
    rows.push(
      rowOf(flow, runs, "msg/s", 0, ({ result }) => result.deliveredPerSecond),
      rowOf(flow, runs, "µs of the broker", 2, ({ result }) => costOf(result)),
      {
        metric: `${flow.title}: loss`,
        unit: "%",
        digits: 1,
        values: { [RULES]: loss },
        limit: isLimited ? `< ${LOSS_MAX}` : undefined,
      },
    );
    if (size.isJudged && isLimited && !(loss! < LOSS_MAX)) {
      missed.push(`${flow.title}: accounts and rules cost ${loss!.toFixed(1)} %, and may cost ${LOSS_MAX} %`);
    }
  }
  const titles = {
    [OPEN]: "no accounts",
    [RULES]: "with rules",
    [PEER_OPEN]: "Mosquitto",
    [PEER_RULES]: "M. with rules",
  };
  const columns: Column[] = Object.entries(titles).map(([id, title]) => ({ id, title }))
    .filter(({ id }) => runs.some(({ column }) => column === id));
  const rounds = Math.max(...runs.map(({ round }) => round));
  const title = `${size.rules.toLocaleString("en-US")} rules and ${size.accounts} accounts in force, and none ` +
    `(× of no accounts; medians of ${rounds} rounds in turns)`;
  return {
    tables: [{ title, columns, rows }],
    problems: [...flowProblems(runs), ...missed],
    deliveriesVerified: deliveriesOf(runs),
    runs,
  };
}

/** The median of each round's own loss, in percent: what slows down the machine for a while slows down both. */
export function lossOf(flow: Flow, runs: readonly FlowRun[]): number | undefined {
  const of = (column: string) => runs.filter((run) => run.flow === flow.id && run.column === column);
  return median(
    of(RULES).map(({ round, result }) => {
      const open = of(OPEN).find((run) => run.round === round)!;
      return (1 - result.deliveredPerSecond / open.result.deliveredPerSecond) * 100;
    }),
  );
}

function rowOf(
  flow: Flow,
  runs: readonly FlowRun[],
  unit: string,
  digits: number,
  of: (run: FlowRun) => number | undefined,
): Row {
  const values: Record<string, number | undefined> = {};
  for (const column of [OPEN, RULES, PEER_OPEN, PEER_RULES]) {
    values[column] = median(runs.filter((run) => run.flow === flow.id && run.column === column).map(of));
  }
  return { metric: flow.title, unit, digits, values, reference: OPEN };
}
