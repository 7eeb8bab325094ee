/** The load generator in TypeScript (bench/scenarios/load) behind the interface of the native one: where no C compiler is
 * found. It costs several times as much for a message, so a quick broker is not seen at its quickest. @module */

import type { FlowResult, FlowShape, LoadPlace, StormResult, StormShape } from "../../native/load_shape.ts";
import type { LoadJob, LoadResult } from "../load/job.ts";
import type { StormJob, StormResult as LoadStormResult } from "../load/storm.ts";
import { rssOf } from "../processor_time.ts";
import { generateLoad, LoadProcess, STORM_MAIN } from "../load_process.ts";
import { delay } from "@std/async/delay";

const SECONDS = 3;
/** An end that is not reached: the number of messages comes first. */
const NEVER_SECONDS = 600;

export class TypeScriptGenerator {
  /** @param core the only one it may use; undefined: all. */
  constructor(readonly core: number | undefined) {}

  cannotFlow(shape: FlowShape): string | undefined {
    if (shape.filters !== undefined) return "the TypeScript generator has no wildcard filters";
    if (shape.hasProperties || shape.hasTopicAliases || shape.hasSubscriptionIdentifiers) {
      return "the TypeScript generator has no properties";
    }
    if (shape.rssEvery !== undefined) return "the TypeScript generator does not sample memory";
    return undefined;
  }

  async flow(place: LoadPlace, shape: FlowShape): Promise<FlowResult> {
    return flowResult(shape, await generateLoad(loadJob(place, shape), this.core));
  }

  async storm({ port, pid, userName, password }: LoadPlace, shape: StormShape): Promise<StormResult> {
    const { clients, atOnce = 128, holdSeconds = 1, isSubscribed = false, protocolVersion = 4 } = shape;
    const job: StormJob = {
      ...{ port, clients, atOnceMax: atOnce, isSubscribed, protocolVersion, isKept: true, cleanSession: !isSubscribed },
      ...{ clientIdPrefix: `storm-${nonce()}`, userNames: userName === undefined ? undefined : [userName], password },
    };
    await using process = new LoadProcess<LoadStormResult>(STORM_MAIN, job, this.core);
    await process.said("ready");
    const rssBefore = rssOr0(pid);
    await process.tell("go");
    const result = await process.result();
    await delay(holdSeconds * 1000);
    const rssAfter = rssOr0(pid);
    const connects = result.answers["0x00"] ?? 0;
    const seconds = result.lastMs / 1000;
    return {
      ...{ isFine: connects === clients, error: "", connects, failed: clients - connects, dropped: 0, seconds },
      connectsPerSecond: connects / seconds,
      p50Us: (result.answerMs?.p50 ?? 0) * 1000,
      p99Us: (result.answerMs?.p99 ?? 0) * 1000,
      maxUs: (result.answerMs?.max ?? 0) * 1000,
      ...{ generatorBusy: result.generatorBusy, brokerBusy: 0, othersBusy: 0, brokerUsPerConnect: 0 },
      ...{ rssBefore, rssAfter, rssPerConnection: (rssAfter - rssBefore) / connects },
    };
  }
}

function nonce(): number {
  return Math.floor(Math.random() * 2 ** 32);
}

function rssOr0(pid: number | undefined): number {
  return pid === undefined ? 0 : rssOf(pid) ?? 0;
}

function loadJob({ port, pid = 0, userName, password }: LoadPlace, shape: FlowShape): LoadJob {
  const { publishers = 1, subscribers = 1, qos = 0, window = 10_000, inFlight = 100, messages } = shape;
  return {
    ...{ port, brokerPid: pid, nonce: nonce(), userNames: userName === undefined ? undefined : [userName], password },
    ...{ pairs: publishers, subscribers, pattern: shape.pattern, qos, protocolVersion: shape.protocolVersion },
    payloadBytes: shape.payloadBytes ?? 64,
    // At QoS 0 the window of all is shared out; each delivery of a message takes a place in it.
    window: qos > 0 ? inFlight : Math.max(1, Math.floor(window / publishers / deliveriesEach(shape))),
    isPersistent: shape.isQueued === true,
    isQueued: shape.isQueued === true,
    warmUpSeconds: shape.warmUpSeconds ?? 0,
    seconds: shape.seconds ?? (messages === undefined ? SECONDS : NEVER_SECONDS),
    messagesMax: messages === undefined ? undefined : Math.ceil(messages / publishers),
    messagesPerSecond: shape.messagesPerSecond,
    idle: shape.idle,
  };
}

function deliveriesEach({ pattern = "pairs", subscribers = 1 }: FlowShape): number {
  return pattern === "pairs" ? 1 : subscribers;
}

function flowResult(shape: FlowShape, result: LoadResult): FlowResult {
  const { verdict, seconds, deliveredPerSecond, deliveryMs, generatorLateMs } = result;
  const { published, delivered, lost, duplicated, disordered, foreign, unacknowledged } = verdict;
  const { qos = 0, payloadBytes = 64 } = shape;
  const us = (ms: number | undefined) => (ms ?? 0) * 1000;
  const isKept = qos === 0 || (lost === 0 && unacknowledged === 0);
  return {
    ...{ isFine: isKept && foreign === 0 && (qos < 2 || duplicated === 0), error: "", grantedQos: qos },
    ...{
      sent: published,
      expected: published * deliveriesEach(shape),
      delivered,
      lost,
      duplicated,
      disordered,
      foreign,
    },
    ...{ unacknowledged: qos === 0 ? 0 : unacknowledged, corrupt: 0, misrouted: 0, refused: 0, protocolErrors: 0 },
    ...{ wrongQos: 0, wrongProperties: 0, aliasesSent: 0, aliasesReceived: 0, disconnects: 0, stalls: 0 },
    ...{ isTimedOut: false, seconds, measured: Math.round(deliveredPerSecond * seconds), deliveredPerSecond },
    megabytesPerSecond: deliveredPerSecond * payloadBytes / 1e6,
    ...{ subscribeSeconds: 0, queueSeconds: 0, drainSeconds: shape.isQueued ? seconds : 0 },
    ...{ p50Us: us(deliveryMs?.p50), p99Us: us(deliveryMs?.p99), p999Us: 0, maxUs: us(deliveryMs?.max), meanUs: 0 },
    sendLagP99Us: us(generatorLateMs?.p99),
    brokerUsPerMessage: result.brokerBusy === undefined ? 0 : result.brokerBusy / deliveredPerSecond * 1e6,
    generatorBusy: result.generatorBusy,
    brokerBusy: result.brokerBusy ?? 0,
    othersBusy: result.othersBusy ?? 0,
    ...{ rssBefore: result.rssStart ?? 0, rssConnected: 0, rssPeak: result.rssEnd ?? 0, rssSamples: [] },
  };
}
