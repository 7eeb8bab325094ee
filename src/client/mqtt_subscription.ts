/** A subscription as the program holds it: iterated, or read for it and handed to its callback. @module */

import type { ReasonCode } from "../packet/reason_code.ts";
import type { ActiveSubscription } from "./active_subscription.ts";
import type { Message, Subscription } from "./client.ts";
import type { MessageReader, QueueOwner } from "./message_queue.ts";
import type { ReceivedMessage } from "./received_message.ts";

export class MqttSubscription implements Subscription {
  #ending: Promise<void> | undefined = undefined;
  /** Aborted at the end: the program's signal, which may outlive many subscriptions, is listened to no longer. */
  readonly #ended = new AbortController();

  /** @param end UNSUBSCRIBE. */
  constructor(
    readonly active: ActiveSubscription,
    readonly owner: QueueOwner,
    readonly end: (active: ActiveSubscription) => Promise<void>,
  ) {}

  get topicFilters(): readonly string[] {
    return this.active.requested.map(({ request }) => request.topicFilter);
  }

  get reasonCodes(): readonly ReasonCode[] {
    return this.active.reasonCodes;
  }

  unsubscribe(): Promise<void> {
    return this.#ending ??= this.#end();
  }

  /** Ends it when the program says so. */
  endBy(signal: AbortSignal | undefined): void {
    const end = () => void this.unsubscribe().catch(() => {});
    if (signal?.aborted) end();
    else signal?.addEventListener("abort", end, { once: true, signal: this.#ended.signal });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.unsubscribe();
  }

  [Symbol.asyncIterator](): AsyncIterator<Message, undefined, void> {
    return new MessageIterator(this.active, this.owner);
  }

  /** Reads on behalf of the program until the subscription ends. @throws what the callback throws, or why it ended. */
  async deliver(onMessage: (message: Message) => void | Promise<void>): Promise<void> {
    const iterator = new MessageIterator(this.active, this.owner);
    try {
      for (;;) {
        // What is there already needs no promise, and a callback that returns none is not waited for.
        let message = iterator.take();
        if (message === undefined) {
          const { done, value } = await iterator.next();
          if (done) return;
          message = value;
        }
        const handled = onMessage(message);
        if (handled !== undefined) await handled;
      }
    } finally {
      await iterator.return();
    }
  }

  async #end(): Promise<void> {
    this.#ended.abort();
    if (this.active.isEnded || this.active.queue.isEnded) {
      this.active.queue.end(undefined);
      return;
    }
    this.active.queue.end(undefined);
    this.active.queue.discard();
    await this.end(this.active);
  }
}

class MessageIterator implements AsyncIterator<Message, undefined, void>, MessageReader {
  /** Handed to the program, which is not done with it. */
  #current: ReceivedMessage | undefined = undefined;

  constructor(readonly active: ActiveSubscription, readonly owner: QueueOwner) {}

  take(): Message | undefined {
    this.#finish();
    return this.active.queue.take(this);
  }

  next(): Promise<IteratorResult<Message, undefined>> {
    this.#finish();
    return this.active.queue.next(this);
  }

  return(): Promise<IteratorReturnResult<undefined>> {
    this.#finish();
    this.active.queue.leave(this);
    return Promise.resolve({ done: true, value: undefined });
  }

  /** A program may ask for several before the first one comes: with the next it has had the one before. */
  taken(message: ReceivedMessage): void {
    this.#finish();
    this.#current = message;
  }

  #finish(): void {
    const current = this.#current;
    if (current === undefined) return;
    this.#current = undefined;
    this.owner.consumed(current);
  }
}
