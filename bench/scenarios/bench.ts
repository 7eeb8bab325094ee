/** Runs scenarios against brokers, one after the other, and gathers what came of it. In: what and how large. Out: every
 * result; `problems` when a message was not delivered as its QoS promises. @module */

import { type BrokerName, BrokerProcess } from "./broker_process.ts";
import type { LoadResult, Verdict } from "./load/job.ts";
import { generateLoad } from "./load_process.ts";
import type { BenchSize, Scenario } from "./scenarios.ts";

export interface BenchOptions {
  readonly scenarios: readonly Scenario[];
  /** Those that are there; each scenario takes the ones it is for. */
  readonly brokers: readonly BrokerName[];
  readonly size: BenchSize;
  /** Of every scenario; left out: as each asks for. */
  readonly rounds?: number;
  /** The core of the load generator; undefined: any. */
  readonly core: number | undefined;
  readonly tell: (line: string) => void;
}

export interface ScenarioRun {
  readonly scenarioId: string;
  readonly broker: BrokerName;
  readonly round: number;
  readonly result: LoadResult;
  readonly problems: readonly string[];
}

/** @returns the runs in their order: brokers alternate within a scenario, and every other round goes backwards, so that a
 * machine that becomes slower or quicker meanwhile favours none. */
export async function runBench(options: BenchOptions): Promise<ScenarioRun[]> {
  const { scenarios, brokers, size, core, tell } = options;
  const runs: ScenarioRun[] = [];
  for (const scenario of scenarios) {
    const rounds = options.rounds ?? scenario.rounds;
    const { qos } = scenario.load(size);
    const forwards = brokers.filter((name) => scenario.brokers.includes(name));
    for (let round = 1; round <= rounds; round++) {
      for (const broker of round % 2 === 1 ? forwards : forwards.toReversed()) {
        const result = await runScenario(scenario, broker, size, core);
        const problems = problemsOf(result.verdict, qos);
        runs.push({ scenarioId: scenario.id, broker, round, result, problems });
        const count = Math.round(result.deliveredPerSecond).toLocaleString("en-US");
        const verdict = problems.length === 0 ? `${result.verdict.delivered} deliveries verified` : problems.join(", ");
        tell(`(${scenario.id}) ${broker}, round ${round} of ${rounds}: ${count} msg/s, ${verdict}`);
      }
    }
  }
  return runs;
}

async function runScenario(
  scenario: Scenario,
  name: BrokerName,
  size: BenchSize,
  core: number | undefined,
): Promise<LoadResult> {
  await using broker = await BrokerProcess.start(name);
  const nonce = Math.floor(Math.random() * 2 ** 32);
  return await generateLoad({ ...scenario.load(size), port: broker.port, brokerPid: broker.pid, nonce }, core);
}

/** @returns what no broker may do to these messages, in words. */
export function problemsOf(verdict: Verdict, qos: 0 | 1 | 2): string[] {
  const { lost, duplicated, disordered, foreign, unacknowledged } = verdict;
  const problems: string[] = [];
  if (lost > 0) problems.push(`${lost} lost`);
  if (unacknowledged > 0) problems.push(`${unacknowledged} never acknowledged`);
  if (duplicated > 0 && qos === 2) problems.push(`${duplicated} delivered twice at QoS 2`);
  if (disordered > 0) problems.push(`${disordered} out of order`);
  if (foreign > 0) problems.push(`${foreign} that nobody sent`);
  return problems;
}
