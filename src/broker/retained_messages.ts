/** The retained message of each topic. Spec §3.3.1.3. Bounded by count and bytes; expired ones go by themselves.
 * @module */

import { Timer, type TimerWheel } from "../base/timer_wheel.ts";
import type { ApplicationMessage } from "../packet/application_message.ts";
import { TopicTree, type TopicWalk } from "../topic/topic_tree.ts";

export class RetainedMessage {
  expiryTimer: Timer | undefined = undefined;

  constructor(
    /** Owned, with retain set. */
    readonly message: ApplicationMessage,
    /** Milliseconds of the wall clock; Infinity = never. */
    readonly expiresAtMs: number,
  ) {}
}

export class RetainedMessages {
  readonly #tree = new TopicTree<RetainedMessage>();
  #bytes = 0;

  /** @param onExpired told when the Message Expiry Interval of a retained message has passed; it is gone already. */
  constructor(
    readonly messagesMax: number,
    readonly bytesMax: number,
    readonly wheel: TimerWheel,
    readonly onExpired: (topicName: string) => void,
  ) {}

  get size(): number {
    return this.#tree.size;
  }

  /** Topics, properties and payloads. */
  get bytes(): number {
    return this.#bytes;
  }

  get(topicName: string): RetainedMessage | undefined {
    return this.#tree.get(topicName);
  }

  /** true: there is room for `message`, or it takes the place of one. */
  hasRoomFor(message: ApplicationMessage): boolean {
    const former = this.#tree.get(message.topicName);
    const bytes = this.#bytes - (former?.message.bytes ?? 0) + message.payloadBytes +
      message.topicName.length;
    return bytes <= this.bytesMax && (former !== undefined || this.#tree.size < this.messagesMax);
  }

  /** Keeps `message` (owned) in place of the former one of its topic [MQTT-3.3.1-5].
   * @param nowWallMs, nowMonotonicMs the present; `expiresAtMs` is of the wall clock. */
  set(message: ApplicationMessage, expiresAtMs: number, nowWallMs: number, nowMonotonicMs: number): void {
    const retained = new RetainedMessage(message, expiresAtMs);
    this.#forget(this.#tree.set(message.topicName, retained));
    this.#bytes += message.bytes;
    if (expiresAtMs === Infinity) return;
    retained.expiryTimer = new Timer(() => {
      this.delete(message.topicName);
      this.onExpired(message.topicName);
    });
    this.wheel.schedule(retained.expiryTimer, nowMonotonicMs + Math.max(0, expiresAtMs - nowWallMs));
  }

  /** @returns false when there was none. */
  delete(topicName: string): boolean {
    const former = this.#tree.delete(topicName);
    this.#forget(former);
    return former !== undefined;
  }

  /** Those that match, lazily: see TopicTree.match. */
  match(topicFilter: string): TopicWalk<RetainedMessage> {
    return this.#tree.match(topicFilter);
  }

  #forget(former: RetainedMessage | undefined): void {
    if (former === undefined) return;
    this.#bytes -= former.message.bytes;
    if (former.expiryTimer !== undefined) this.wheel.cancel(former.expiryTimer);
  }
}
