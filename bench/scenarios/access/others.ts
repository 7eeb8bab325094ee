/** Those who have nothing to do with a storm and feel it, or not: pairs of clients that exchange messages at a steady rate,
 * in a process of their own. @module */

import { problemsOf } from "../bench.ts";
import type { LoadResult, Quantiles } from "../load/job.ts";
import { LOAD_MAIN, LoadProcess } from "../load_process.ts";
import { type FlowSetting, placeOf } from "./flows.ts";
import type { AccessContext } from "./scenario.ts";

const SECONDS_MAX = 600;

export interface OthersResult {
  /** From the moment a message was due to its delivery, in ms. */
  readonly deliveryMs: Quantiles | undefined;
  /** How late their own process was. */
  readonly generatorLateMs: Quantiles | undefined;
  readonly problems: readonly string[];
  readonly delivered: number;
}

/** Lets `during` happen while the others exchange messages. @returns what it returned, and how they fared. */
export async function withOthers<Outcome>(
  context: AccessContext,
  at: FlowSetting,
  during: () => Promise<Outcome>,
): Promise<{ outcome: Outcome; others: OthersResult }> {
  const { pairs, messagesPerSecond, warmUpSeconds } = context.size.others;
  await using others = new LoadProcess<LoadResult>(LOAD_MAIN, {
    ...placeOf(at),
    ...{ brokerPid: at.broker.pid, nonce: Math.floor(Math.random() * 2 ** 32) },
    ...{ pairs, messagesPerSecond, qos: 1, payloadBytes: 64, window: 1000 },
    ...{ isPersistent: false, isQueued: false, isHeld: true },
    ...{ warmUpSeconds, seconds: SECONDS_MAX },
  }, context.loadCore);
  await others.said("measuring");
  const outcome = await during();
  await others.endInput();
  const { deliveryMs, generatorLateMs, verdict } = await others.result();
  return {
    outcome,
    others: { deliveryMs, generatorLateMs, problems: problemsOf(verdict, 1), delivered: verdict.delivered },
  };
}

/** While nothing else happens. */
export async function calm(context: AccessContext, at: FlowSetting): Promise<OthersResult> {
  const { calmSeconds } = context.size.others;
  return (await withOthers(context, at, () => new Promise<void>((done) => setTimeout(done, calmSeconds * 1000))))
    .others;
}
