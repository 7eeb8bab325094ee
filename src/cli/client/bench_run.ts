/** A bench from the first connection to the last message. In: a plan, and what makes clients. Out: what was counted.
 * @module */

import { delay } from "@std/async/delay";
import type { Client, ClientOptions } from "../../client/client.ts";
import { BenchCounts } from "./bench_counts.ts";
import type { BenchPlan } from "./bench_plan.ts";
import { BenchPublisher } from "./bench_publisher.ts";
import { type BenchReport, makeReport, rateText } from "./bench_report.ts";
import { durationText } from "./latency_histogram.ts";

/** Connections that are opened at the same time. */
const OPENING_MAX = 64;
const PROGRESS_MS = 1000;
const LOOK_MS = 20;

export interface BenchRun {
  readonly report: BenchReport;
  /** The latencies as a picture. */
  readonly chart: readonly string[];
}

export interface BenchTools {
  readonly url: string;
  /** @param name of the client in this bench: "publisher-3". */
  readonly open: (name: string, options: ClientOptions) => Promise<Client>;
  readonly progress?: (text: string) => void;
  /** Ends the publishing; what is on its way is waited for. */
  readonly signal: AbortSignal;
}

/** @throws what `open` and the subscriptions threw. */
export async function runBench(plan: BenchPlan, run: number, tools: BenchTools): Promise<BenchRun> {
  const counts = new BenchCounts(plan, run);
  const ended = Promise.withResolvers<string>();
  const clients: Client[] = [];
  const open = async (name: string) => {
    const client = await tools.open(name, { reconnect: false });
    clients.push(client);
    client.closed.catch((error) => ended.resolve(`${name}: ${error instanceof Error ? error.message : error}`));
    return client;
  };
  try {
    tools.progress?.(`connecting ${plan.publishers + plan.subscribers} clients`);
    await inPortions(plan.subscribers, async (number) => {
      const client = await open(`subscriber-${number}`);
      const filter = plan.pattern === "pairs" ? `${plan.topic}/${number}` : `${plan.topic}/#`;
      await client.subscribe(filter, { qos: plan.qos, onMessage: ({ payload }) => counts.take(number, payload) });
    });
    const publishers = await inPortions(
      plan.publishers,
      async (number) => new BenchPublisher(await open(`publisher-${number}`), plan, counts, number, run),
    );
    return await measure(plan, counts, publishers, clients[0], ended.promise, tools);
  } finally {
    tools.progress?.("");
    await Promise.allSettled(clients.map((client) => client.disconnect()));
  }
}

async function measure(
  plan: BenchPlan,
  counts: BenchCounts,
  publishers: readonly BenchPublisher[],
  { protocolVersion }: Client,
  broken: Promise<string>,
  { url, progress, signal }: BenchTools,
): Promise<BenchRun> {
  const show = new Progress(counts, progress);
  let failure: string | undefined;
  const end = Promise.race([
    broken.then((text) => void (failure = text)),
    new Promise<void>((resolve) => {
      if (signal.aborted) resolve();
      signal.addEventListener("abort", () => resolve(), { once: true });
    }),
  ]);
  const running = Promise.all(publishers.map((publisher) => publisher.run()));
  const during = async (seconds: number) => {
    using timer = new DisposableStack();
    const over = Promise.withResolvers<void>();
    timer.adopt(setTimeout(over.resolve, 1000 * seconds), clearTimeout);
    await Promise.race([end, running, over.promise]);
  };
  if (plan.warmUpS > 0) await during(plan.warmUpS);
  counts.latencies.reset();
  counts.acknowledgements.reset();
  const begin = { atMs: performance.now(), sent: counts.sentCount, received: counts.received };
  await during(plan.durationS);
  const sentPerS = (counts.sentCount - begin.sent) / (performance.now() - begin.atMs) * 1000;
  for (const publisher of publishers) publisher.stop();
  await settle(plan, counts, running, () => failure !== undefined);
  show.end();
  const endMs = Math.max(counts.lastReceivedAtMs, begin.atMs + LOOK_MS);
  const measuredS = (endMs - begin.atMs) / 1000;
  const receivedPerS = (counts.received - begin.received) / measuredS;
  const report = makeReport(plan, counts, { url, protocolVersion, measuredS, sentPerS, receivedPerS, failure });
  return { report, chart: counts.latencies.chart() };
}

/** Waits until everything was acknowledged and received, or nothing has come for as long as the plan has patience. */
async function settle(plan: BenchPlan, counts: BenchCounts, running: Promise<unknown>, isOver: () => boolean) {
  let areAcknowledged = false;
  running.then(() => areAcknowledged = true);
  let [quietSinceMs, before] = [performance.now(), -1];
  while (!isOver() && !(areAcknowledged && counts.lost === 0)) {
    await delay(LOOK_MS);
    const now = counts.received + counts.sentCount + counts.failed;
    if (now !== before) [quietSinceMs, before] = [performance.now(), now];
    if (performance.now() - quietSinceMs > 1000 * plan.patienceS) return;
  }
  // What comes twice comes a little later.
  if (!isOver()) await delay(LOOK_MS);
}

/** One line a second while it runs. */
class Progress {
  readonly #timer: ReturnType<typeof setInterval> | undefined;
  #before = { atMs: performance.now(), sent: 0, received: 0 };
  readonly #beginMs = performance.now();

  constructor(private readonly counts: BenchCounts, private readonly show: BenchTools["progress"]) {
    this.#timer = show === undefined ? undefined : setInterval(() => this.#tick(), PROGRESS_MS);
  }

  #tick(): void {
    const { sentCount: sent, received, expected, distinct, latencies } = this.counts;
    const now = { atMs: performance.now(), sent, received };
    const seconds = (now.atMs - this.#before.atMs) / 1000;
    // It has to stand on one line of a terminal.
    this.show?.(
      `${Math.round((now.atMs - this.#beginMs) / 1000)} s  sent ${rateText((sent - this.#before.sent) / seconds)}` +
        `  received ${rateText((received - this.#before.received) / seconds)}` +
        `  on the way ${Math.max(0, expected - distinct).toLocaleString("en")}` +
        `  median ${durationText(latencies.percentile(50))}`,
    );
    this.#before = now;
  }

  end(): void {
    clearInterval(this.#timer);
  }
}

/** Does it for 0, 1, … a few at a time. @returns the results in order. @throws the first failure. */
async function inPortions<T>(count: number, make: (number: number) => Promise<T>): Promise<T[]> {
  const results: T[] = [];
  for (let first = 0; first < count; first += OPENING_MAX) {
    const length = Math.min(OPENING_MAX, count - first);
    results.push(...await Promise.all(Array.from({ length }, (_, index) => make(first + index))));
  }
  return results;
}
