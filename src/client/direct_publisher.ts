/** Messages of QoS 0: handed to the connection at once, or when it has room again. They are lost with it. §4.3.1 @module */

import { RingQueue } from "../base/ring_queue.ts";
import { type ApplicationMessage, deliveryBytes } from "../packet/application_message.ts";
import type { PublishResult } from "./client.ts";
import type { EngineContext } from "./engine_context.ts";
import { NotConnectedError, OutboxFullError } from "./errors.ts";
import { type PublishWaiter, SUCCESS } from "./outbox_message.ts";
import { refusalBefore, sizeRefusal } from "./publish_limits.ts";

interface WaitingMessage extends PublishWaiter {
  readonly message: ApplicationMessage;
  readonly bytes: number;
  readonly retain: boolean;
}

/** The same for all: nothing is made for a message that is on its way at once. */
const SENT: Promise<PublishResult> = Promise.resolve(SUCCESS);

export class DirectPublisher {
  readonly #waiting = new RingQueue<WaitingMessage>();
  #waitingBytes = 0;

  constructor(readonly context: EngineContext) {}

  /** Somebody waits for room. */
  get isWaiting(): boolean {
    return this.#waiting.length > 0;
  }

  publish(message: ApplicationMessage, retain: boolean): Promise<PublishResult> {
    const { link, server } = this.context;
    if (link === undefined) return Promise.reject(notConnected());
    // While others wait to be written, the time at which the first of them came is near enough.
    if (link.outboundBytes === 0) this.context.time.begin();
    const refusal = refusalBefore(server, 0, retain);
    if (refusal !== undefined) return Promise.reject(refusal);
    const outcome = this.#waiting.length > 0 ? "dropped" : this.#send(message, retain);
    if (outcome === "sent") return SENT;
    if (outcome === "too large") return Promise.reject(sizeRefusal(server));
    return this.#wait(message, retain);
  }

  /** The connection has room again. */
  pump(): void {
    for (let waiting = this.#waiting.peek(); waiting !== undefined; waiting = this.#waiting.peek()) {
      const outcome = this.#send(waiting.message, waiting.retain);
      if (outcome === "dropped") return;
      this.#waiting.shift();
      this.#waitingBytes -= waiting.bytes;
      if (outcome === "sent") waiting.resolve(SUCCESS);
      else waiting.reject(sizeRefusal(this.context.server));
    }
  }

  disconnected(): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    this.#waitingBytes = 0;
    for (const { reject } of waiting) reject(notConnected());
  }

  #wait(message: ApplicationMessage, retain: boolean): Promise<PublishResult> {
    const { outboxMessagesMax, outboxBytesMax } = this.context.settings;
    const kept = message.owned();
    const bytes = deliveryBytes(kept, undefined);
    if (this.#waiting.length >= outboxMessagesMax || this.#waitingBytes + bytes > outboxBytesMax) {
      const limit = `${outboxMessagesMax} messages, ${outboxBytesMax} bytes`;
      return Promise.reject(new OutboxFullError(`as many messages of QoS 0 wait as may (${limit})`));
    }
    this.#waitingBytes += bytes;
    return new Promise((resolve, reject) => {
      this.#waiting.push({ message: kept, bytes, retain, resolve, reject });
      if (this.#waiting.length === 1) this.context.awaiting();
    });
  }

  #send(message: ApplicationMessage, retain: boolean): "sent" | "too large" | "dropped" {
    const { messageExpiryInterval } = message;
    const outcome = this.context.link!.deliver(message, 0, retain, false, 0, undefined, messageExpiryInterval);
    if (outcome === "sent") this.context.sent(false);
    return outcome;
  }
}

function notConnected(): NotConnectedError {
  return new NotConnectedError("there is no connection, and a message of QoS 0 does not wait for one");
}
