/** What must not leave before the store is safe: acknowledgements, QoS 2 deliveries, PUBREL. By batches, and within one in
 * the order it came. @module */

import type { Store } from "../persistence/store.ts";

/** What an action that waits costs beside what it keeps: the closure and its place. */
const ACTION_BYTES = 200;

export class CommitGate {
  /** By ticket. */
  readonly #held = new Map<number, (() => void)[]>();
  #length = 0;
  #heldBytes = 0;

  constructor(readonly store: Store) {}

  /** Actions that wait. */
  get length(): number {
    return this.#length;
  }

  /** What they keep in memory. */
  get heldBytes(): number {
    return this.#heldBytes + this.#length * ACTION_BYTES;
  }

  /** Runs `action` when every change told so far is safe: at once, if it is and nothing waits before it. */
  whenSafe(action: () => void): void {
    if (this.#length === 0 && this.store.ticket <= this.store.safe) action();
    else this.hold(this.store.ticket, action);
  }

  /** As `whenSafe`, for a request that may have changed nothing: then nobody waits.
   * @param changesBefore `store.changes` before the request. */
  afterChanges(changesBefore: number, action: () => void): void {
    if (this.store.changes === changesBefore) action();
    else this.whenSafe(action);
  }

  /** Runs `action` when the batch `ticket` is safe, behind those that wait for it already; never at once.
   * @param bytes of messages that only the action keeps. */
  hold(ticket: number, action: () => void, bytes = 0): void {
    const run = bytes === 0 ? action : () => {
      this.#heldBytes -= bytes;
      action();
    };
    this.#heldBytes += bytes;
    this.#length++;
    const actions = this.#held.get(ticket);
    if (actions === undefined) this.#held.set(ticket, [run]);
    else actions.push(run);
  }

  /** The store got safer.
   * @param failed told of what an action threw: the others go on. */
  release(failed: (error: unknown) => void): void {
    const { safe } = this.store;
    const tickets = [...this.#held.keys()].filter((ticket) => ticket <= safe).sort((a, b) => a - b);
    for (const ticket of tickets) {
      const actions = this.#held.get(ticket)!;
      // By index: an action may hold another one under the same ticket.
      for (let i = 0; i < actions.length; i++) {
        this.#length--;
        try {
          actions[i]();
        } catch (error) {
          failed(error);
        }
      }
      this.#held.delete(ticket);
    }
  }
}
