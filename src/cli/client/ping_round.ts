/** Messages of a ping that are on their way: which are back, and which are given up. @module */

import { StampedPayload, StampReader } from "./stamped_payload.ts";

/** How long it took; undefined = it is not back, and why. */
export interface PingAnswer {
  readonly ms: number | undefined;
  readonly why: string;
}

export class PingRound {
  readonly #payload: StampedPayload;
  readonly #reader: StampReader;
  readonly #waiting = new Map<number, (answer: PingAnswer) => void>();

  constructor(size: number, run: number) {
    this.#payload = new StampedPayload(size, run, 0);
    this.#reader = new StampReader(run);
  }

  /** A message has come: of this round, of another one, or a second time. */
  take(payload: Uint8Array): void {
    const nowMs = performance.now();
    if (!this.#reader.read(payload)) return;
    this.#waiting.get(this.#reader.sequence)?.({ ms: nowMs - this.#reader.sentAtMs, why: "" });
  }

  /** @returns when it is back, or lost: never rejects. */
  async send(
    sequence: number,
    timeoutMs: number,
    signal: AbortSignal,
    publish: (payload: Uint8Array) => Promise<unknown>,
  ): Promise<PingAnswer> {
    const { promise, resolve } = Promise.withResolvers<PingAnswer>();
    const timer = setTimeout(() => resolve({ ms: undefined, why: "lost: nothing came in time" }), timeoutMs);
    const stopped = () => resolve({ ms: undefined, why: "not waited for" });
    signal.addEventListener("abort", stopped);
    if (signal.aborted) stopped();
    this.#waiting.set(sequence, resolve);
    // A copy: it may wait for its acknowledgement when the next one is stamped.
    publish(this.#payload.stamp(sequence, performance.now()).slice()).catch((error) =>
      resolve({ ms: undefined, why: `lost: ${error instanceof Error ? error.message : error}` })
    );
    const answer = await promise;
    clearTimeout(timer);
    signal.removeEventListener("abort", stopped);
    this.#waiting.delete(sequence);
    return answer;
  }
}
