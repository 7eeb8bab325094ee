/** The loads that throughput is measured with, and what comes of one run. @module */

import { problemsOf } from "../bench.ts";
import type { Carrier, LoadJob, LoadResult } from "../load/job.ts";
import { generateLoad } from "../load_process.ts";
import { type BenchAccounts, PASSWORD } from "./accounts.ts";
import type { Broker } from "./brokers.ts";
import type { AccessContext, AccessSize } from "./scenario.ts";

export interface Flow {
  readonly id: string;
  readonly title: string;
  readonly load: Pick<LoadJob, "qos" | "pairs" | "payloadBytes" | "window">;
}

export function flowsOf({ pairs }: AccessSize): readonly Flow[] {
  return [
    // So many that neither side waits for the other.
    { id: "qos0-one", title: "QoS 0, 1 → 1, 64 B", load: { qos: 0, pairs: 1, payloadBytes: 64, window: 4000 } },
    { id: "qos0", title: `QoS 0, ${pairs} pairs, 256 B`, load: { qos: 0, pairs, payloadBytes: 256, window: 100 } },
    { id: "qos1", title: `QoS 1, ${pairs} pairs, 256 B`, load: { qos: 1, pairs, payloadBytes: 256, window: 100 } },
  ];
}

export interface FlowRun {
  readonly flow: string;
  /** Of the table. */
  readonly column: string;
  readonly round: number;
  readonly result: LoadResult;
  readonly problems: readonly string[];
}

export interface FlowSetting {
  readonly column: string;
  readonly broker: Broker;
  readonly carrier?: Carrier;
  readonly caFile?: string;
  readonly accounts?: BenchAccounts;
}

/** One run of one flow, flat out, each delivery verified. */
export async function runFlow(context: AccessContext, flow: Flow, at: FlowSetting, round: number): Promise<FlowRun> {
  const { size, loadCore, tell } = context;
  const result = await generateLoad({
    ...flow.load,
    ...placeOf(at),
    brokerPid: at.broker.pid,
    nonce: Math.floor(Math.random() * 2 ** 32),
    isPersistent: false,
    isQueued: false,
    warmUpSeconds: size.warmUpSeconds,
    seconds: size.seconds,
    messagesMax: size.messagesMax,
  }, loadCore);
  const problems = problemsOf(result.verdict, flow.load.qos);
  const count = Math.round(result.deliveredPerSecond).toLocaleString("en-US");
  const verdict = problems.length === 0 ? "" : `: ${problems.join(", ")}`;
  tell(`${flow.title}, ${at.column}, round ${round}: ${count} msg/s${verdict}`);
  return { flow: flow.id, column: at.column, round, result, problems };
}

/** How a load generator gets in there. */
export function placeOf({ broker, carrier = "tcp", caFile, accounts }: FlowSetting) {
  const login = accounts === undefined ? {} : { userNames: accounts.userNames, password: PASSWORD };
  return { port: broker.port(carrier), carrier, caFile, ...login };
}

/** Processor time of the broker for a message, in µs; undefined where the system does not tell it. */
export function costOf({ brokerBusy, deliveredPerSecond }: LoadResult): number | undefined {
  return brokerBusy === undefined ? undefined : brokerBusy / deliveredPerSecond * 1_000_000;
}

export function flowProblems(runs: readonly FlowRun[]): string[] {
  return runs.flatMap(({ flow, column, round, problems }) =>
    problems.map((problem) => `${flow}, ${column}, round ${round}: ${problem}`)
  );
}

export function deliveriesOf(runs: readonly FlowRun[]): number {
  return runs.reduce((sum, { result }) => sum + result.verdict.delivered, 0);
}
