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

/** Made for a session with its first one: most that come and go have none. */
const NO_SUBSCRIPTIONS: ReadonlyMap<string, Subscription> = new Map();

export class Session {
  #subscriptions: Map<string, Subscription> | undefined = undefined;
  readonly window: OutgoingWindow;
  readonly incomingQoS2 = new IncomingQoS2();
  readonly pending: PendingQueue;
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
    this.window = new OutgoingWindow(limits.queuedBytesMax, queueBudget);
    this.pending = new PendingQueue(
      limits.queuedMessagesMax,
      limits.queuedBytesMax,
      limits.queuePolicy,
      queueBudget,
      limits.queuedInMemoryBytesMax,
    );
  }

  /** By full filter, with `$share/name/`. */
  get subscriptions(): ReadonlyMap<string, Subscription> {
    return this.#subscriptions ?? NO_SUBSCRIPTIONS;
  }

  /** In place of the one with the same full filter. */
  addSubscription(subscription: Subscription): void {
    (this.#subscriptions ??= new Map()).set(subscription.fullFilter, subscription);
  }

  removeSubscription(fullFilter: string): void {
    this.#subscriptions?.delete(fullFilter);
  }

  /** It outlives its connection, so the store keeps it [MQTT-3.1.2-23]. */
  get persists(): boolean {
    return this.sessionExpiryInterval > 0;
  }
}
