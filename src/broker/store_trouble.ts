/** The disk does not take what it is given: who hears of it. What needs the disk waits or is refused where it comes in
 * (handle_publish, handle_connect, handle_subscribe); what needs none goes on.
 *
 * A Will Message is no reason to refuse a session that does not persist, nor to let it wait: while there is trouble, the
 * store is not told of those, so that Clients that come and go do not make the batch grow. It is told of those that are
 * still there when the trouble is over; if the broker dies before, they are lost. Only when as much waits for the disk as
 * may wait, they are refused: a will that is sent may be for a session that persists, and wait there, too. @module */

import type { Broker } from "./broker.ts";
import { storeSession } from "./sessions.ts";

/** The log says so again after this time. */
const REPEAT_MS = 60_000;

export class StoreTrouble {
  #since: number | undefined = undefined;
  #loggedMs = 0;

  constructor(readonly broker: Broker) {}

  /** To be called with each tick, and when the store got safer.
   * @returns true when trouble has begun or ended since the last call. */
  check(): boolean {
    const { broker } = this;
    const { trouble } = broker.store;
    const nowMs = broker.turn.monotonicMs;
    if (trouble === undefined) {
      if (broker.hasUntoldWills) this.#tellOfWills();
      if (this.#since === undefined) return false;
      broker.log.storeRecovered(nowMs - this.#since);
      this.#since = undefined;
      return true;
    }
    const hasBegun = this.#since === undefined;
    if (!hasBegun && nowMs - this.#loggedMs < REPEAT_MS) return false;
    this.#since ??= nowMs;
    this.#loggedMs = nowMs;
    broker.log.storeTrouble(trouble, nowMs - this.#since, broker.store.waitingBytes);
    return hasBegun;
  }

  /** Also after trouble that began and ended between two calls. */
  #tellOfWills(): void {
    this.broker.hasUntoldWills = false;
    for (const session of this.broker.sessions.values()) {
      if (session.will !== undefined && !session.isStored) storeSession(this.broker, session);
    }
  }
}
