/** What must not leave before the store is safe: acknowledgements, QoS 2 deliveries, PUBREL. In the order it came.
 * @module */

import { RingQueue } from "../base/ring_queue.ts";
import type { Store } from "../persistence/store.ts";

interface Held {
  readonly ticket: number;
  readonly action: () => void;
}

export class CommitGate {
  readonly #held = new RingQueue<Held>();

  constructor(readonly store: Store) {}

  /** Actions that wait. */
  get length(): number {
    return this.#held.length;
  }

  /** Runs `action` when every change told so far is safe: at once, if it is and nothing waits before it. */
  whenSafe(action: () => void): void {
    if (this.#held.length === 0 && this.store.ticket <= this.store.safe) action();
    else this.#held.push({ ticket: this.store.ticket, action });
  }

  /** Runs `action` when the batch `ticket` is safe, whatever others wait for. */
  whenTicketSafe(ticket: number, action: () => void): void {
    if (ticket <= this.store.safe) action();
    else this.#held.push({ ticket, action });
  }

  /** As `whenSafe`, for a request that may have changed nothing: then nobody waits.
   * @param changesBefore `store.changes` before the request. */
  afterChanges(changesBefore: number, action: () => void): void {
    if (this.store.changes === changesBefore) action();
    else this.whenSafe(action);
  }

  /** The store got safer.
   * @param failed told of what an action threw: the others go on. */
  release(failed: (error: unknown) => void): void {
    for (let held = this.#held.peek(); held !== undefined && held.ticket <= this.store.safe; held = this.#held.peek()) {
      this.#held.shift();
      try {
        held.action();
      } catch (error) {
        failed(error);
      }
    }
  }
}
