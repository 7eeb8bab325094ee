/** One publisher of a bench: sends numbered messages until it is told to stop, in portions between which the event loop
 * gets its turn: otherwise nothing would be written, and nobody would receive. @module */

import { setImmediate } from "node:timers";
import type { Client } from "../../client/client.ts";
import type { BenchCounts } from "./bench_counts.ts";
import type { BenchPlan } from "./bench_plan.ts";
import { StampedPayload } from "./stamped_payload.ts";

/** Messages of all publishers in one turn of the event loop, flat out. */
const TURN_MESSAGES = 512;
/** Of one publisher in one turn. */
const PORTION_BYTES_MAX = 1024 * 1024;
/** How often a publisher with a rate looks at what is due. */
const TICK_MS = 1;
/** After so many publishes in a row that failed, this one gives up. */
const FAILURES_MAX = 1000;

/** QoS 0: how long no message may come before the window opens again. */
const QUIET_MS = 1000;

export class BenchPublisher {
  readonly #client: Client;
  readonly #plan: BenchPlan;
  readonly #counts: BenchCounts;
  readonly #number: number;
  readonly #topicName: string;
  /** One for each message of a portion: they are stamped again when all of it has been handed over. */
  readonly #payloads: readonly StampedPayload[];
  #sequence = 0;
  #inFlight = 0;
  #failuresInRow = 0;
  /** Messages on the way that are not waited for. */
  #givenUp = 0;
  #isStopped = false;
  #room: PromiseWithResolvers<void> | undefined;
  #idle: PromiseWithResolvers<void> | undefined;

  constructor(client: Client, plan: BenchPlan, counts: BenchCounts, number: number, run: number) {
    this.#client = client;
    this.#plan = plan;
    this.#counts = counts;
    this.#number = number;
    this.#topicName = `${plan.topic}/${number}`;
    // Together no more than a portion takes, however large they are.
    const portionMax = Math.max(1, Math.floor(PORTION_BYTES_MAX / plan.size));
    this.#payloads = Array.from(
      { length: Math.max(1, Math.min(portionMax, Math.floor(TURN_MESSAGES / plan.publishers))) },
      () => new StampedPayload(plan.size, run, number),
    );
  }

  stop(): void {
    this.#isStopped = true;
    this.#room?.resolve();
  }

  /** @returns after `stop`, when nothing waits for an acknowledgement any more. Never rejects: failures are counted. */
  async run(): Promise<void> {
    if (this.#plan.ratePerS === undefined) await this.#runFlatOut();
    else await this.#runAtRate(this.#plan.ratePerS / this.#plan.publishers);
    await this.#settled();
  }

  async #runFlatOut(): Promise<void> {
    while (!this.#isStopped) {
      // Read once: what is handed over in one turn leaves with one write.
      const nowMs = performance.now();
      for (const payload of this.#payloads) {
        if (this.#isStopped) break;
        const full = this.#send(payload, nowMs);
        if (full !== undefined) await full;
      }
      if (this.#plan.qos === 0) {
        await this.#settled();
        await this.#arrivals();
      }
      await nextTurn();
    }
  }

  /** QoS 0: nothing is acknowledged, and whoever sends without end measures only how long queues become. */
  async #arrivals(): Promise<void> {
    const { window } = this.#plan;
    let [before, sinceMs] = [Infinity, 0];
    while (!this.#isStopped) {
      const onTheWay = this.#counts.onTheWay(this.#number) - this.#givenUp;
      if (onTheWay <= window * this.#counts.copies) return;
      const nowMs = performance.now();
      if (onTheWay !== before) [before, sinceMs] = [onTheWay, nowMs];
      // What does not come for so long is lost, and nobody waits for it any more.
      else if (nowMs - sinceMs > QUIET_MS) this.#givenUp += onTheWay;
      await nextTurn();
    }
  }

  /** Nothing waits to be handed over or acknowledged. */
  async #settled(): Promise<void> {
    while (this.#inFlight > 0) {
      this.#idle = Promise.withResolvers();
      await this.#idle.promise;
    }
  }

  /** Each message has an instant at which it is due, and its latency begins there: whoever is late with one does not make
   * the next ones look quick (coordinated omission). */
  async #runAtRate(perS: number): Promise<void> {
    const intervalMs = 1000 / perS;
    // Publishers take turns within an interval.
    let dueMs = performance.now() + intervalMs * this.#number / this.#plan.publishers;
    while (!this.#isStopped) {
      const nowMs = performance.now();
      for (const payload of this.#payloads) {
        if (dueMs > nowMs || this.#isStopped) break;
        const full = this.#send(payload, dueMs);
        dueMs += intervalMs;
        if (full !== undefined) await full;
      }
      if (this.#plan.qos === 0) await this.#settled();
      // Those that are due already come in the next turn.
      if (dueMs <= nowMs) {
        await nextTurn();
        continue;
      }
      await new Promise((resolve) => setTimeout(resolve, TICK_MS));
    }
  }

  /** @returns what has to be waited for before the next one; undefined = nothing. */
  #send(stamped: StampedPayload, atMs: number): Promise<void> | undefined {
    const { qos, window } = this.#plan;
    const payload = stamped.stamp(this.#sequence++, atMs);
    this.#inFlight++;
    if (qos === 0) {
      this.#client.publish(this.#topicName, payload).then(this.#sent, this.#failed);
      return undefined;
    }
    // It waits in the outbox, and is stamped again meanwhile.
    this.#client.publish(this.#topicName, payload.slice(), { qos }).then(() => {
      this.#counts.acknowledgements.record(performance.now() - atMs);
      this.#sent();
    }, this.#failed);
    if (this.#inFlight < window) return undefined;
    this.#room = Promise.withResolvers();
    return this.#room.promise;
  }

  readonly #sent = (): void => {
    this.#counts.sent[this.#number]++;
    this.#failuresInRow = 0;
    this.#finish();
  };

  readonly #failed = (error: unknown): void => {
    this.#counts.fail(error);
    if (++this.#failuresInRow >= FAILURES_MAX) this.stop();
    this.#finish();
  };

  #finish(): void {
    this.#inFlight--;
    this.#room?.resolve();
    if (this.#inFlight === 0) this.#idle?.resolve();
  }
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
