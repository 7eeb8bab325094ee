/** Everybody comes back at once, with user name and password: after a restart of the broker, which remembers no verdict on a
 * password then, and after a failure of the network, when it does. @module */

import type { StormResult } from "../load/storm.ts";
import { LoadProcess, STORM_MAIN } from "../load_process.ts";
import { type BenchAccounts, benchAccounts, PASSWORD, userNames } from "./accounts.ts";
import { type Broker, startMosquitto, startQuetzal } from "./brokers.ts";
import { calm, type OthersResult, withOthers } from "./others.ts";
import type { AccessContext, AccessResult, AccessScenario } from "./scenario.ts";
import type { Column, Row } from "./table.ts";

const LAST_SECONDS_MAX = 5;
const RULES = 100;
/** What a patient client does. */
const RETRY_MS = 1000;

interface Arrival {
  readonly column: string;
  readonly clients: number;
  readonly result: StormResult;
  readonly others: OthersResult;
}

interface Case {
  readonly id: string;
  readonly clients: number;
  readonly userNames: readonly string[];
  readonly accounts: BenchAccounts;
  /** They were here before the broker was started anew. */
  readonly hasSessions: boolean;
  readonly isOnAllCores?: boolean;
  readonly env?: Readonly<Record<string, string>>;
}

export const RECONNECT: AccessScenario = {
  id: "reconnect",
  title: "everybody connects again at once, with user name and password",
  async run(context) {
    const { sharingClients, ownAccounts, accounts } = context.size;
    // The others have an account of their own: nobody has asked for theirs before.
    const shared = userNames("line", accounts);
    const own = userNames("device", ownAccounts);
    const sharing: Case = {
      ...{ id: "shared", clients: sharingClients, userNames: shared },
      accounts: benchAccounts([...shared, "other"], RULES),
      hasSessions: true,
    };
    const owning = (atOnce: number): Case => ({
      ...{
        id: `own-${atOnce}`,
        clients: ownAccounts,
        userNames: own,
        accounts: benchAccounts([...own, "other"], RULES),
      },
      hasSessions: false,
      isOnAllCores: true,
      env: { QUETZAL_LIMITS_PASSWORD_CHECKS_AT_ONCE_MAX: String(atOnce) },
    });
    const sharedRuns = await measure(context, sharing, "quetzal");
    if (context.mosquitto !== undefined) sharedRuns.push(...await measure(context, sharing, "mosquitto"));
    const ownRuns = [...await measure(context, owning(1), "quetzal"), ...await measure(context, owning(2), "quetzal")];
    return resultOf(context, sharedRuns, ownRuns);
  },
};

/** Those with sessions make them first; then the broker is started anew. They come: cold. Then their network fails: warm. */
async function measure(context: AccessContext, of: Case, name: "quetzal" | "mosquitto"): Promise<Arrival[]> {
  const { accounts, env, isOnAllCores } = of;
  await using broker = name === "quetzal"
    ? await startQuetzal(context, { accounts, env, isOnAllCores, durability: "full" })
    : await startMosquitto(context, { accounts });
  const column = name === "quetzal" ? of.id : name;
  if (of.hasSessions) {
    await arrive(context, of, broker);
    if (name === "quetzal") await broker.process.restart();
  }
  const at = { column, broker, accounts: { ...accounts, userNames: ["other"] } };
  const runs: Arrival[] = [];
  if (name === "quetzal") {
    // They log in before it begins; what they are known by helps nobody else.
    const { outcome, others } = await withOthers(context, at, () => arrive(context, of, broker));
    runs.push({ column: `${column}-cold`, clients: of.clients, result: outcome, others });
  }
  const { outcome, others } = await withOthers(context, at, () => arrive(context, of, broker));
  runs.push({ column: `${column}-warm`, clients: of.clients, result: outcome, others });
  const undisturbed = await calm(context, at);
  runs.push({ ...runs[0], column: `${column}-calm`, others: undisturbed });
  for (const { column, result } of runs.slice(0, -1)) {
    context.tell(`reconnect, ${column}: the last of ${of.clients} after ${(result.lastMs / 1000).toFixed(2)} s`);
  }
  return runs;
}

/** All of them, and their connections break when the last is there. */
async function arrive(context: AccessContext, { clients, userNames }: Case, broker: Broker): Promise<StormResult> {
  await using storm = new LoadProcess<StormResult>(
    STORM_MAIN,
    {
      ...{ port: broker.port(), clients, atOnceMax: clients, clientIdPrefix: "device", cleanSession: false },
      ...{ protocolVersion: 5, userNames, password: PASSWORD, isKept: true, retryMs: RETRY_MS },
    },
    context.loadCore,
    true,
  );
  await storm.said("ready");
  await storm.tell("go");
  const result = await storm.result();
  await storm.endInput();
  await storm.ended();
  return result;
}

function resultOf({ size }: AccessContext, shared: readonly Arrival[], own: readonly Arrival[]): AccessResult {
  const isJudged = (run: Arrival) => size.isJudged && run.column.startsWith("shared");
  const counted = (count: number) => count.toLocaleString("en-US");
  const sharedColumns = [
    { id: "shared-cold", title: "cold" },
    { id: "shared-warm", title: "warm" },
    { id: "mosquitto-warm", title: "Mosquitto" },
  ].filter(({ id }) => shared.some(({ column }) => column === id));
  const ownColumns = [1, 2].flatMap((atOnce) =>
    ["cold", "warm"].map((state) => ({ id: `own-${atOnce}-${state}`, title: `${state}, ${atOnce} at once` }))
  );
  const reference = sharedColumns.at(-1)!.id;
  const problems = [...shared, ...own].filter(({ column }) => !column.endsWith("-calm")).flatMap((run) => [
    ...problemsOf(run, run.column.startsWith("shared")),
    ...(isJudged(run) && run.result.lastMs > LAST_SECONDS_MAX * 1000
      ? [`${run.column}: the last one was let in after ${(run.result.lastMs / 1000).toFixed(2)} s`]
      : []),
  ]);
  return {
    tables: [
      {
        title: `${counted(size.sharingClients)} clients with ${size.accounts} accounts, the broker on one core ` +
          `(× of ${sharedColumns.at(-1)!.title})`,
        columns: sharedColumns,
        rows: rowsOf(sharedColumns, shared, reference, `≤ ${LAST_SECONDS_MAX}`),
      },
      {
        title: `${counted(size.ownAccounts)} clients with an account each, the broker on all cores, ` +
          "by passwordChecksAtOnceMax (× of cold, 1 at once)",
        columns: ownColumns,
        rows: rowsOf(ownColumns, own, ownColumns[0].id),
      },
    ],
    problems,
    deliveriesVerified: [...shared, ...own].reduce((sum, { others }) => sum + others.delivered, 0),
    runs: [...shared, ...own],
  };
}

function problemsOf({ column, clients, result, others }: Arrival, hasSessions: boolean): string[] {
  const { answers, sessionsPresent, unanswered } = result;
  const problems = others.problems.map((problem) => `${column}: of the others' messages, ${problem}`);
  const letIn = answers["0x00"] ?? 0;
  if (letIn < clients) {
    problems.push(
      `${column}: ${clients - letIn} were not let in: ${JSON.stringify(answers)}, ${unanswered} unanswered`,
    );
  }
  if (hasSessions && sessionsPresent < letIn) {
    problems.push(`${column}: ${letIn - sessionsPresent} had no session any more`);
  }
  return problems;
}

function refusalsOf({ answers, unanswered }: StormResult): number {
  const { "0x00": _, ...refusals } = answers;
  return unanswered + Object.values(refusals).reduce((sum, count) => sum + count, 0);
}

function rowsOf(columns: readonly Column[], runs: readonly Arrival[], reference: string, limit?: string): Row[] {
  const row = (metric: string, unit: string, digits: number, of: (run: Arrival) => number | undefined, suffix = "") => {
    const values = columns.map(({ id }) => {
      const wanted = suffix === "" ? id : id.replace(/-\w+$/, suffix);
      const run = runs.find(({ column }) => column === wanted);
      return [id, run && of(run)] as const;
    });
    return { metric, unit, digits, values: Object.fromEntries(values), reference };
  };
  return [
    { ...row("until the last is let in", "s", 2, ({ result }) => result.lastMs / 1000), limit },
    row("refused before, and came again", "times", 0, ({ result }) => refusalsOf(result)),
    row("CONNECT to CONNACK p50", "s", 2, ({ result }) => result.answerMs && result.answerMs.p50 / 1000),
    row("CONNECT to CONNACK p99", "s", 2, ({ result }) => result.answerMs && result.answerMs.p99 / 1000),
    row("others: delivery p50 meanwhile", "ms", 1, ({ others }) => others.deliveryMs?.p50),
    row("others: delivery p99 meanwhile", "ms", 1, ({ others }) => others.deliveryMs?.p99),
    row("others: delivery max meanwhile", "ms", 1, ({ others }) => others.deliveryMs?.max),
    row("others: their own lateness p99", "ms", 1, ({ others }) => others.generatorLateMs?.p99),
    row("others: delivery p99 undisturbed", "ms", 1, ({ others }) => others.deliveryMs?.p99, "-calm"),
  ];
}
