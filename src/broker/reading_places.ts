/** How many sessions the store reads for at a time. Each may be brought as much as a queue keeps in memory, and nothing of
 * it is counted before it is there: ten thousand Clients that come back at once must not ask for all of that together.
 * Sessions that find no place wait in the order they came. Room: bookkeeping only; read_back.ts asks. @module */

import type { ClientSession } from "./client_session.ts";

/** With the default limits 4 MiB are under way, or 16 MiB of sweeps; the one thread that reads for the store stays busy. */
export const READINGS_MAX = 16;

export class ReadingPlaces {
  /** With the time, by the clock that never jumps; the oldest first. */
  readonly #taken = new Map<ClientSession, number>();
  readonly #waiting = new Set<ClientSession>();

  constructor(readonly placesMax: number) {}

  /** Sessions that have a place, or wait for one. */
  get size(): number {
    return this.#taken.size + this.#waiting.size;
  }

  isWaiting(session: ClientSession): boolean {
    return this.#waiting.has(session);
  }

  /** @returns true: it has a place. false: it waits until it is the `next`, and keeps its turn if it waited already. */
  take(session: ClientSession, nowMs: number): boolean {
    if (this.#taken.size < this.placesMax && this.#waiting.size === 0) {
      this.#taken.set(session, nowMs);
      return true;
    }
    this.#waiting.add(session);
    return false;
  }

  /** The one whose turn it is has a place now. @returns undefined: none is free, or nobody waits. */
  next(nowMs: number): ClientSession | undefined {
    if (this.#waiting.size === 0 || this.#taken.size >= this.placesMax) return undefined;
    const [session] = this.#waiting;
    this.#waiting.delete(session);
    this.#taken.set(session, nowMs);
    return session;
  }

  /** It was answered, or has ended: it neither has a place any more nor waits. */
  leave(session: ClientSession): void {
    if (!this.#taken.delete(session)) this.#waiting.delete(session);
  }

  /** Takes their places from those that have had them since `sinceMs` or longer. */
  takeBack(sinceMs: number): void {
    for (const [session, takenAtMs] of this.#taken) {
      if (takenAtMs > sinceMs) return;
      this.#taken.delete(session);
    }
  }
}
