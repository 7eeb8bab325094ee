/** A client library under test, as a program would use it. Contract: types only. @module */

import type { ClientJob } from "./job.ts";

export interface Contestant {
  /** Hands over `count` messages of QoS 0; resolves when the last one is on its way. */
  publishBatch(payload: Uint8Array, count: number): Promise<void>;
  /** One message of QoS 1. @param done called when it is acknowledged. */
  publishAcknowledged(payload: Uint8Array, done: () => void): void;
  /** QoS 0. */
  subscribe(onMessage: (payloadBytes: number) => void): Promise<void>;
  /** Resolves when the Server has taken everything that was published before. */
  settle(): Promise<void>;
  /** Without ceremony. */
  end(): void;
}

export type NewContestant = (job: ClientJob) => Promise<Contestant>;
