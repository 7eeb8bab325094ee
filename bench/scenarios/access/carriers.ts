/** What TLS and WebSocket cost: the same broker through its plain door and through the other one, beside a peer.
 * @module */

import type { Carrier } from "../load/job.ts";
import type { StormResult } from "../load/storm.ts";
import { LoadProcess, STORM_MAIN } from "../load_process.ts";
import { median } from "../report.ts";
import { type Broker, type BrokerSetup, startMosquitto, startQuetzal } from "./brokers.ts";
import { CertificateFolder } from "./certificates.ts";
import {
  costOf,
  deliveriesOf,
  flowProblems,
  type FlowRun,
  type FlowSetting,
  flowsOf,
  placeOf,
  runFlow,
} from "./flows.ts";
import type { AccessContext, AccessResult, AccessScenario, AccessSize } from "./scenario.ts";
import { MOSQUITTO, QUETZAL } from "./scenario.ts";
import type { Row } from "./table.ts";

/** Connections made, one CONNECT each, and ended. */
interface ArrivalRun {
  readonly column: string;
  readonly round: number;
  readonly result: StormResult;
  /** Processor time of the broker for each, in ms. */
  readonly costMs: number | undefined;
}

export const TLS: AccessScenario = {
  id: "tls",
  title: "throughput and handshakes over TLS 1.3, and without",
  async run(context) {
    using certificates = new CertificateFolder();
    return await compare(context, "tls", { certificates }, certificates.caFile);
  },
};

export const WEBSOCKET: AccessScenario = {
  id: "websocket",
  title: "throughput and handshakes over WebSocket, and without",
  run: (context) => compare(context, "ws", { hasWebSocket: true }),
};

async function compare(
  context: AccessContext,
  carrier: "tls" | "ws",
  setup: BrokerSetup,
  caFile?: string,
): Promise<AccessResult> {
  const { size } = context;
  const flowRuns: FlowRun[] = [];
  const arrivalRuns: ArrivalRun[] = [];
  for (let generation = 1; generation <= size.generations; generation++) {
    await using stack = new AsyncDisposableStack();
    const brokers = new Map<string, Broker>([[QUETZAL.id, stack.use(await startQuetzal(context, setup))]]);
    const peer = await peerOf(context, setup);
    if (peer !== undefined) brokers.set(MOSQUITTO.id, stack.use(peer));
    const settings: FlowSetting[] = [...brokers].flatMap(([name, broker]) => [
      { column: `${name}-tcp`, broker },
      { column: `${name}-${carrier}`, broker, carrier, caFile },
    ]);
    const inTurn = generation % 2 === 1 ? settings : settings.toReversed();
    for (const flow of flowsOf(size)) {
      for (const setting of inTurn) flowRuns.push(await runFlow(context, flow, setting, generation));
    }
    for (const setting of inTurn) arrivalRuns.push(await runArrivals(context, setting, generation));
  }
  return resultOf(size, carrier, flowRuns, arrivalRuns);
}

/** @returns undefined: there is none, or it was built without this. */
async function peerOf(context: AccessContext, setup: BrokerSetup): Promise<Broker | undefined> {
  if (context.mosquitto === undefined) return undefined;
  try {
    return await startMosquitto(context, setup);
  } catch (error) {
    context.tell(`no Mosquitto beside: ${(error as Error).message}`);
    return undefined;
  }
}

async function runArrivals(context: AccessContext, at: FlowSetting, round: number): Promise<ArrivalRun> {
  const { size, loadCore, tell } = context;
  await using storm = new LoadProcess<StormResult>(STORM_MAIN, {
    ...size.handshakes,
    ...placeOf(at),
    clientIdPrefix: `arrival-${round}`,
    cleanSession: true,
    protocolVersion: 4,
    isKept: false,
  }, loadCore);
  await storm.said("ready");
  const before = processorMs(at.broker.pid);
  await storm.tell("go");
  const result = await storm.result();
  const after = processorMs(at.broker.pid);
  const answered = result.answers["0x00"] ?? 0;
  const costMs = before === undefined || after === undefined || answered === 0
    ? undefined
    : (after - before) / answered;
  tell(`arrivals, ${at.column}, round ${round}: ${Math.round(result.answersPerSecond)} a second`);
  return { column: at.column, round, result, costMs };
}

/** The unit of times in /proc/…/stat: USER_HZ is 100 on every machine that Deno runs on. */
const LINUX_TICK_MS = 10;

/** All threads; undefined where the system does not tell it in a file. */
function processorMs(pid: number): number | undefined {
  try {
    // The name of the program, in brackets, may hold spaces: what counts is behind it.
    const stat = Deno.readTextFileSync(`/proc/${pid}/stat`).split(") ")[1].split(" ");
    return (Number(stat[11]) + Number(stat[12])) * LINUX_TICK_MS;
  } catch {
    return undefined;
  }
}

function resultOf(
  size: AccessSize,
  carrier: "tls" | "ws",
  flowRuns: readonly FlowRun[],
  arrivalRuns: readonly ArrivalRun[],
): AccessResult {
  const name = carrier === "tls" ? "TLS" : "WebSocket";
  const columns = [QUETZAL, MOSQUITTO].flatMap(({ id, title }) => [
    { id: `${id}-tcp`, title: `${title} TCP` },
    { id: `${id}-${carrier}`, title: `${title} ${name}` },
  ]).filter(({ id }) => flowRuns.some(({ column }) => column === id));
  const rowOf = <Run extends { column: string }>(
    [metric, unit, digits]: readonly [string, string, number],
    runs: readonly Run[],
    of: (run: Run) => number | undefined,
  ): Row => {
    const values = columns.map(({ id }) => [id, median(runs.filter(({ column }) => column === id).map(of))] as const);
    const reference = [`${MOSQUITTO.id}-${carrier}`, `${QUETZAL.id}-tcp`].find((id) =>
      columns.some((c) => c.id === id)
    );
    return { metric, unit, digits, values: Object.fromEntries(values), reference };
  };
  const rows = flowsOf(size).flatMap((flow) => {
    const runs = flowRuns.filter((run) => run.flow === flow.id);
    return [
      rowOf([flow.title, "msg/s", 0], runs, ({ result }) => result.deliveredPerSecond),
      rowOf([flow.title, "µs of the broker", 2], runs, ({ result }) => costOf(result)),
    ];
  });
  rows.push(
    rowOf(["arrivals with CONNECT", "a second", 0], arrivalRuns, ({ result }) => result.answersPerSecond),
    rowOf(["arrivals with CONNECT", "ms of the broker", 3], arrivalRuns, ({ costMs }) => costMs),
  );
  const shares = Object.fromEntries(
    [QUETZAL.id, MOSQUITTO.id].map((id) => [`${id}-${carrier}`, shareOf(rows[2], id, carrier)]),
  );
  rows.push({ metric: `${rows[2].metric}: of plain TCP`, unit: "%", digits: 0, values: shares });
  return {
    tables: [{
      title: `${name} and plain TCP (× of Mosquitto over ${name}; medians of ${size.generations} rounds)`,
      columns,
      rows,
    }],
    problems: [...flowProblems(flowRuns), ...arrivalRuns.flatMap(arrivalProblems)],
    deliveriesVerified: deliveriesOf(flowRuns),
    runs: [...flowRuns, ...arrivalRuns],
  };
}

function shareOf({ values }: Row, id: string, carrier: Carrier): number | undefined {
  const [plain, other] = [values[`${id}-tcp`], values[`${id}-${carrier}`]];
  return plain === undefined || other === undefined ? undefined : other / plain * 100;
}

function arrivalProblems({ column, round, result }: ArrivalRun): string[] {
  const { answers, unanswered } = result;
  const refused = Object.keys(answers).filter((code) => code !== "0x00");
  return [
    ...(unanswered > 0 ? [`arrivals, ${column}, round ${round}: ${unanswered} were not answered`] : []),
    ...refused.map((code) => `arrivals, ${column}, round ${round}: ${answers[code]} were answered ${code}`),
  ];
}
