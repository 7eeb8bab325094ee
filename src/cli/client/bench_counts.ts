/** What a bench has sent and received so far, and how long messages were on their way. @module */

import { SequenceCheck } from "./bench_sequence.ts";
import type { BenchPlan } from "./bench_plan.ts";
import { LatencyHistogram } from "./latency_histogram.ts";
import { StampReader } from "./stamped_payload.ts";

export class BenchCounts {
  /** Of each publisher: messages that the broker took. */
  readonly sent: Float64Array;
  /** Of each publisher: messages that came, at whichever subscriber. */
  readonly arrived: Float64Array;
  /** From publish to message. */
  readonly latencies = new LatencyHistogram();
  /** From publish to acknowledgement. */
  readonly acknowledgements = new LatencyHistogram();
  /** Publishes that were refused, and why the first one was. */
  failed = 0;
  failure: string | undefined;
  /** Messages, double ones included. */
  received = 0;
  /** In the topics of this run, and none of its messages. */
  foreign = 0;
  lastReceivedAtMs = 0;
  /** Of each subscriber: one for each publisher that it hears. */
  readonly #checks: Map<number, SequenceCheck>[];
  readonly #reader: StampReader;

  constructor(private readonly plan: BenchPlan, run: number) {
    const { pattern, publishers, subscribers } = plan;
    this.sent = new Float64Array(publishers);
    this.arrived = new Float64Array(publishers);
    const all = Array.from({ length: publishers }, (_, publisher) => publisher);
    this.#checks = Array.from({ length: subscribers }, (_, subscriber) => {
      const heard = pattern === "pairs" ? [subscriber] : all;
      return new Map(heard.map((publisher) => [publisher, new SequenceCheck()]));
    });
    this.#reader = new StampReader(run);
  }

  /** A message has come. */
  take(subscriber: number, payload: Uint8Array): void {
    const reader = this.#reader;
    const check = reader.read(payload) ? this.#checks[subscriber].get(reader.publisher) : undefined;
    if (check === undefined) {
      this.foreign++;
      return;
    }
    const nowMs = performance.now();
    this.received++;
    this.arrived[reader.publisher]++;
    this.lastReceivedAtMs = nowMs;
    if (check.take(reader.sequence)) this.latencies.record(nowMs - reader.sentAtMs);
  }

  /** The broker did not take a message. */
  fail(error: unknown): void {
    this.failed++;
    this.failure ??= error instanceof Error ? error.message : String(error);
  }

  get sentCount(): number {
    return this.sent.reduce((sum, count) => sum + count, 0);
  }

  /** Messages of a publisher that have not reached some subscriber; one that does not reach several counts for each. */
  onTheWay(publisher: number): number {
    return this.sent[publisher] * this.copies - this.arrived[publisher];
  }

  /** How many subscribers hear a publisher. */
  get copies(): number {
    return this.plan.pattern === "pairs" ? 1 : this.plan.subscribers;
  }

  /** How many messages all subscribers together are to receive. */
  get expected(): number {
    return this.sentCount * this.copies;
  }

  /** Different ones: double ones do not make up for others. */
  get distinct(): number {
    return this.#sum((check) => check.received);
  }

  get duplicated(): number {
    return this.#sum((check) => check.duplicated);
  }

  get disordered(): number {
    return this.#sum((check) => check.disordered);
  }

  /** Those of each publisher and subscriber by themselves: one that came although its publish failed makes up for no other. */
  get lost(): number {
    return this.#sum((check, publisher) => Math.max(0, check.lost(this.sent[publisher])));
  }

  #sum(valueOf: (check: SequenceCheck, publisher: number) => number): number {
    let sum = 0;
    for (const checks of this.#checks) {
      for (const [publisher, check] of checks) sum += valueOf(check, publisher);
    }
    return sum;
  }
}
