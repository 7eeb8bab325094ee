/** The Session State of one Client: what outlives its Network Connections. Spec §4.1.
 * Knows one Client and nothing of the others. Room: pure; no timers, no sending. @module */

import type { ByteBudget } from "../base/byte_budget.ts";
import { IncomingQoS2 } from "./incoming_qos2.ts";
import { OutgoingWindow } from "./outgoing_window.ts";
import { PendingQueue, type QueuePolicy } from "./pending_queue.ts";
import type { Subscription } from "./subscription.ts";
import type { Will } from "./will.ts";

/** The Session Expiry Interval that never passes. §3.1.2.11.2 */
export const NEVER_EXPIRES_S = 0xffff_ffff;

export interface SessionLimits {
  readonly queuedMessagesMax: number;
  readonly queuedBytesMax: number;
  readonly queuePolicy: QueuePolicy;
  /** Of what the store has. Default: the store cannot be read, and everything stays in memory. */
  readonly queuedInMemoryBytesMax?: number;
}

export class Session {
  /** The only one, which is the rule; or all of them by full filter, with `$share/name/`. */
  #subscriptions: Subscription | Map<string, Subscription> | undefined = undefined;
  /** What follows is made when it is needed: most clients are idle, and many never get a message at QoS 1 or 2. */
  #window: OutgoingWindow | undefined = undefined;
  #pending: PendingQueue | undefined = undefined;
  #incomingQoS2: IncomingQoS2 | undefined = undefined;
  readonly #limits: SessionLimits;
  readonly #queueBudget: ByteBudget | undefined;
  /** Of its present Network Connection, or the last one. */
  #receiveMaximum = 65_535;
  will: Will | undefined = undefined;
  /** Seconds; 0 ends the session with its connection, NEVER_EXPIRES_S keeps it. */
  sessionExpiryInterval = 0;
  /** Milliseconds of the wall clock at which the will that its Client left behind is due; Infinity = none. */
  willDueAtMs = Infinity;
  /** Milliseconds of the wall clock at which an unconnected session ends; Infinity = never, or connected. */
  expiresAtMs = Infinity;
  /** The last `OutgoingMessage.position` given. */
  lastPosition = 0;
  /** Characters of all its Topic Filters together. */
  subscriptionChars = 0;
  /** false once it has ended: late events about it are no-ops. */
  alive = true;

  constructor(
    readonly clientId: string,
    /** As authenticated when it was made; undefined = anonymous. */
    readonly userName: string | undefined,
    limits: SessionLimits,
    /** What the queues of all sessions may hold together. Default: no bound. */
    queueBudget?: ByteBudget,
  ) {
    this.#limits = limits;
    this.#queueBudget = queueBudget;
  }

  get window(): OutgoingWindow {
    return this.#window ??= this.#makeWindow();
  }

  /** What waits for its Client. Who only wants to know whether anything does asks `hasPending`, which makes nothing. */
  get pending(): PendingQueue {
    return this.#pending ??= this.#makePending();
  }

  get incomingQoS2(): IncomingQoS2 {
    return this.#incomingQoS2 ??= new IncomingQoS2();
  }

  #makeWindow(): OutgoingWindow {
    const window = new OutgoingWindow(this.#limits.queuedBytesMax, this.#queueBudget);
    window.resume(this.#receiveMaximum);
    return window;
  }

  #makePending(): PendingQueue {
    const { queuedMessagesMax, queuedBytesMax, queuePolicy, queuedInMemoryBytesMax } = this.#limits;
    return new PendingQueue(queuedMessagesMax, queuedBytesMax, queuePolicy, this.#queueBudget, queuedInMemoryBytesMax);
  }

  /** A new Network Connection, see OutgoingWindow.resume. */
  resume(receiveMaximum: number): void {
    this.#receiveMaximum = receiveMaximum;
    this.#window?.resume(receiveMaximum);
  }

  /** It has ended: nothing waits for its Client any more. */
  clearMessages(): void {
    this.#pending?.clear();
    this.#window?.clear();
  }

  get hasPending(): boolean {
    return this.#pending !== undefined && this.#pending.length > 0;
  }

  /** Some of what waits is on the disk alone. */
  get hasRuns(): boolean {
    return this.#pending !== undefined && this.#pending.hasRuns;
  }

  /** See PendingQueue. */
  get isFilling(): boolean {
    return this.#pending !== undefined && this.#pending.isFilling;
  }

  get hasResends(): boolean {
    return this.#window !== undefined && this.#window.hasResends;
  }

  /** Messages that wait, or are not finished. */
  get messageCount(): number {
    return (this.#pending?.length ?? 0) + (this.#window?.size ?? 0);
  }

  get messageBytes(): number {
    return (this.#pending?.bytes ?? 0) + (this.#window?.bytes ?? 0);
  }

  subscriptionTo(fullFilter: string): Subscription | undefined {
    const subscriptions = this.#subscriptions;
    if (subscriptions instanceof Map) return subscriptions.get(fullFilter);
    return subscriptions?.fullFilter === fullFilter ? subscriptions : undefined;
  }

  get subscriptionCount(): number {
    const subscriptions = this.#subscriptions;
    if (subscriptions instanceof Map) return subscriptions.size;
    return subscriptions === undefined ? 0 : 1;
  }

  /** As they are now: who goes through them may take them out. */
  allSubscriptions(): Subscription[] {
    const subscriptions = this.#subscriptions;
    if (subscriptions instanceof Map) return [...subscriptions.values()];
    return subscriptions === undefined ? [] : [subscriptions];
  }

  /** In place of the one with the same full filter. */
  addSubscription(subscription: Subscription): void {
    const former = this.#subscriptions;
    if (former instanceof Map) {
      former.set(subscription.fullFilter, subscription);
    } else if (former === undefined || former.fullFilter === subscription.fullFilter) {
      this.#subscriptions = subscription;
    } else {
      this.#subscriptions = new Map([[former.fullFilter, former], [subscription.fullFilter, subscription]]);
    }
  }

  removeSubscription(fullFilter: string): void {
    const subscriptions = this.#subscriptions;
    if (subscriptions instanceof Map) subscriptions.delete(fullFilter);
    else if (subscriptions?.fullFilter === fullFilter) this.#subscriptions = undefined;
  }

  /** It outlives its connection, so the store keeps it [MQTT-3.1.2-23]. */
  get persists(): boolean {
    return this.sessionExpiryInterval > 0;
  }
}
