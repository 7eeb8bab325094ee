/** Messages of a resumed session that came before the program has subscribed again: they wait, unacknowledged, until it has,
 * for as long as a program may take for that. What nobody wants by then is acknowledged, and gone. @module */

import { Timer } from "../base/timer_wheel.ts";
import type { EngineContext } from "./engine_context.ts";
import type { Receipt } from "./receipt.ts";
import { ReceivedMessage } from "./received_message.ts";

/** From the first connection that resumed a session. */
const PATIENCE_MS = 30_000;

export class UnclaimedMessages {
  #messages: ReceivedMessage[] = [];
  #state: "before" | "open" | "over" = "before";
  readonly #timer = new Timer(() => this.#giveUp());

  constructor(readonly context: EngineContext, readonly dropped: (receipt: Receipt) => void) {}

  get isOpen(): boolean {
    return this.#state === "open";
  }

  /** A session was resumed. Only the first time the program may not have subscribed yet. */
  begin(): void {
    if (this.#state !== "before") return;
    this.#state = "open";
    this.context.wheel.schedule(this.#timer, this.context.time.monotonicMs + PATIENCE_MS);
  }

  /** Bounded by the Receive Maximum, since it is not acknowledged. */
  add(message: ReceivedMessage): void {
    this.#messages.push(message);
  }

  /** Those that a new subscription wants, in their order. */
  take(matches: (topicName: string) => boolean): ReceivedMessage[] {
    const taken = this.#messages.filter(({ topicName }) => matches(topicName));
    if (taken.length > 0) this.#messages = this.#messages.filter(({ topicName }) => !matches(topicName));
    return taken;
  }

  clear(): void {
    this.#state = "over";
    this.#messages = [];
    this.context.wheel.cancel(this.#timer);
  }

  #giveUp(): void {
    this.#state = "over";
    const messages = this.#messages;
    this.#messages = [];
    for (const message of messages) this.dropped(ReceivedMessage.receipt(message)!);
  }
}
