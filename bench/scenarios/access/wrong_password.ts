/** Thousands try wrong passwords at once, from one address, while others exchange messages. @module */

import type { StormJob, StormResult } from "../load/storm.ts";
import { LoadProcess, STORM_MAIN } from "../load_process.ts";
import { benchAccounts, userNames } from "./accounts.ts";
import { startMosquitto, startQuetzal } from "./brokers.ts";
import { calm, type OthersResult, withOthers } from "./others.ts";
import type { AccessContext, AccessResult, AccessScenario } from "./scenario.ts";
import type { Row } from "./table.ts";

const OTHERS_P99_MAX = 50;
const RULES = 100;

interface Case {
  readonly id: string;
  readonly title: string;
  readonly broker: "quetzal" | "mosquitto";
  readonly isEachDifferent: boolean;
  readonly env?: Readonly<Record<string, string>>;
}

const CASES: readonly Case[] = [
  { id: "same", title: "one, again and again", broker: "quetzal", isEachDifferent: false },
  { id: "different", title: "ever different", broker: "quetzal", isEachDifferent: true },
  {
    id: "different-no-bans",
    title: "different, no bans",
    broker: "quetzal",
    isEachDifferent: true,
    env: { QUETZAL_LIMITS_LOGIN_FAILURES_MAX: "0" },
  },
  { id: "mosquitto", title: "M., ever different", broker: "mosquitto", isEachDifferent: true },
];

interface Attack {
  readonly column: string;
  readonly result: StormResult;
  readonly undisturbed: OthersResult;
  readonly others: OthersResult;
  readonly rssBefore: number | undefined;
  readonly rssAfter: number | undefined;
}

export const WRONG_PASSWORD: AccessScenario = {
  id: "wrong-password",
  title: "10,000 wrong passwords at once, and what others feel of it",
  async run(context) {
    const attacks: Attack[] = [];
    for (const of of CASES) {
      if (of.broker === "quetzal" || context.mosquitto !== undefined) attacks.push(await measure(context, of));
    }
    return resultOf(context, attacks);
  },
};

async function measure(context: AccessContext, of: Case): Promise<Attack> {
  const { size, loadCore, tell } = context;
  const accounts = benchAccounts([...userNames("line", size.accounts), "other"], RULES);
  await using broker = of.broker === "quetzal"
    ? await startQuetzal(context, { accounts, env: of.env })
    : await startMosquitto(context, { accounts });
  const at = { column: of.id, broker, accounts: { ...accounts, userNames: ["other"] } };
  const undisturbed = await calm(context, at);
  const job: StormJob = {
    ...{ port: broker.port(), clients: size.wrongLogins, atOnceMax: size.wrongLoginsAtOnceMax },
    ...{ clientIdPrefix: "stranger", cleanSession: true, protocolVersion: 5, isKept: false },
    ...{ userNames: [accounts.userNames[0]], password: "wrong", isEachDifferent: of.isEachDifferent },
  };
  await using storm = new LoadProcess<StormResult>(STORM_MAIN, job, loadCore, true);
  await storm.said("ready");
  const rssBefore = broker.rssMiB();
  const { outcome: result, others } = await withOthers(context, at, async () => {
    await storm.tell("go");
    return await storm.result();
  });
  const rssAfter = broker.rssMiB();
  const p99 = others.deliveryMs!.p99.toFixed(1);
  tell(`wrong passwords, ${of.title}: ${JSON.stringify(result.answers)}; p99 of the others ${p99} ms`);
  return { column: of.id, result, undisturbed, others, rssBefore, rssAfter };
}

function resultOf({ size }: AccessContext, attacks: readonly Attack[]): AccessResult {
  const columns = CASES.filter(({ id }) => attacks.some(({ column }) => column === id));
  const codes = new Set(attacks.flatMap(({ result }) => Object.keys(result.answers)));
  const reference = columns.some(({ id }) => id === "mosquitto") ? "mosquitto" : undefined;
  const row = (metric: string, unit: string, digits: number, of: (attack: Attack) => number | undefined): Row => ({
    ...{ metric, unit, digits },
    values: Object.fromEntries(attacks.map((attack) => [attack.column, of(attack)])),
  });
  const rows: Row[] = [
    ...[...codes].sort().map((code) =>
      row(`answered ${nameOf(code)}`, "", 0, ({ result }) => result.answers[code] ?? 0)
    ),
    row("not answered", "", 0, ({ result }) => result.unanswered),
    { ...row("answers", "a second", 0, ({ result }) => result.answersPerSecond), reference },
    row("until the last answer", "s", 2, ({ result }) => result.lastMs / 1000),
    row("others: delivery p50 meanwhile", "ms", 1, ({ others }) => others.deliveryMs?.p50),
    {
      ...row("others: delivery p99 meanwhile", "ms", 1, ({ others }) => others.deliveryMs?.p99),
      reference,
      limit: `< ${OTHERS_P99_MAX}`,
    },
    row("others: delivery max meanwhile", "ms", 1, ({ others }) => others.deliveryMs?.max),
    row("others: their own lateness p99", "ms", 1, ({ others }) => others.generatorLateMs?.p99),
    row("others: delivery p99 undisturbed", "ms", 1, ({ undisturbed }) => undisturbed.deliveryMs?.p99),
    row("RSS before", "MiB", 0, ({ rssBefore }) => rssBefore),
    row("RSS after", "MiB", 0, ({ rssAfter }) => rssAfter),
  ];
  const wrong = size.wrongLogins.toLocaleString("en-US");
  const compared = reference === undefined ? "" : ", × of Mosquitto";
  return {
    tables: [{
      title: `${wrong} wrong passwords, ${size.wrongLoginsAtOnceMax.toLocaleString("en-US")} at once, ` +
        `the broker on one core${compared}`,
      columns,
      rows,
    }],
    problems: attacks.flatMap((attack) => problemsOf(size.isJudged, attack)),
    deliveriesVerified: attacks.reduce(
      (sum, { others, undisturbed }) => sum + others.delivered + undisturbed.delivered,
      0,
    ),
    runs: attacks,
  };
}

function problemsOf(isJudged: boolean, { column, result, others, undisturbed }: Attack): string[] {
  const letIn = result.answers["0x00"] ?? 0;
  const p99 = others.deliveryMs!.p99;
  const calmP99 = undisturbed.deliveryMs!.p99;
  return [
    ...[...undisturbed.problems, ...others.problems].map((problem) => `${column}: of the others' messages, ${problem}`),
    ...(letIn > 0 ? [`${column}: ${letIn} were let in with a wrong password`] : []),
    ...(isJudged && column !== "mosquitto" && !(p99 < OTHERS_P99_MAX)
      ? [`${column}: the p99 of the others was ${p99.toFixed(1)} ms, undisturbed ${calmP99.toFixed(1)} ms`]
      : []),
  ];
}

function nameOf(code: string): string {
  const names: Record<string, string> = {
    "0x86": "bad user name or password",
    "0x87": "not authorized",
    "0x89": "server busy",
    "0x8A": "banned",
  };
  return `${code}${names[code] === undefined ? "" : ` ${names[code]}`}`;
}
