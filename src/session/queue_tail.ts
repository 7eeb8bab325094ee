/** What of a PendingQueue is on the disk alone, as runs, and what stands behind or between them in memory. It begins with
 * a run. Knows the order and counts nothing. Room: pure. @module */

import { RingQueue } from "../base/ring_queue.ts";
import type { OutgoingMessage } from "./outgoing_message.ts";
import { StoredRun } from "./stored_run.ts";

export class QueueTail {
  readonly #elements = new RingQueue<StoredRun | OutgoingMessage>();
  /** The run that the queue ends in. */
  #lastRun: StoredRun | undefined = undefined;

  get isEmpty(): boolean {
    return this.#elements.length === 0;
  }

  /** The next to be read back. */
  get firstRun(): StoredRun {
    return this.#elements.peek() as StoredRun;
  }

  get endsInRun(): boolean {
    return this.#lastRun !== undefined;
  }

  /** Appends a message that the store has, to the run that is the last element, or as a new one. */
  leaveToStore(outgoing: OutgoingMessage): void {
    if (this.#lastRun === undefined) this.addRun(new StoredRun(outgoing.position, outgoing.position));
    this.#lastRun!.add(outgoing);
  }

  addRun(run: StoredRun): void {
    this.#elements.push(run);
    this.#lastRun = run;
  }

  /** Appends a message that stays in memory. */
  add(outgoing: OutgoingMessage): void {
    this.#elements.push(outgoing);
    this.#lastRun = undefined;
  }

  /** The first run is used up. @param follows told of each message up to the next run: they are not in the tail any more. */
  endFirstRun(follows: (outgoing: OutgoingMessage) => void): void {
    const elements = this.#elements;
    const run = elements.shift() as StoredRun;
    if (this.#lastRun === run) this.#lastRun = undefined;
    for (let next = elements.peek(); next !== undefined && !(next instanceof StoredRun); next = elements.peek()) {
      elements.shift();
      follows(next);
    }
  }

  /** Takes out the messages in memory that `keep` refuses. Runs with nothing left between them become one, or a long tail
   * whose shared messages were handed over would be read back in tiny pieces. */
  filter(keep: (outgoing: OutgoingMessage) => boolean): void {
    const elements = this.#elements;
    let before: StoredRun | undefined = undefined;
    for (let remaining = elements.length; remaining > 0; remaining--) {
      const element: StoredRun | OutgoingMessage = elements.shift()!;
      if (element instanceof StoredRun) {
        if (before?.join(element)) continue;
        before = element;
      } else {
        if (!keep(element)) continue;
        before = undefined;
      }
      elements.push(element);
    }
    this.#lastRun = before;
  }

  /** The first run that may hold messages expired at `wallMs`. */
  runWithExpired(wallMs: number): StoredRun | undefined {
    for (const element of this.#elements) {
      if (element instanceof StoredRun && element.earliestExpiryMs <= wallMs) return element;
    }
    return undefined;
  }

  /** Those in memory. */
  *[Symbol.iterator](): Iterator<OutgoingMessage> {
    for (const element of this.#elements) if (!(element instanceof StoredRun)) yield element;
  }
}
