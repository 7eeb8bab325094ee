/** Retained messages for a new subscription, in slices: a subscriber of `#` among a million retained messages neither
 * stops the others nor fills its queue. Spec §3.3.1.3 [MQTT-3.3.1-9]. @module */

import { OutgoingMessage } from "../session/outgoing_message.ts";
import { isBehind } from "./back_pressure.ts";
import type { Broker } from "./broker.ts";
import { enqueue, remainingExpiry } from "./deliver.ts";
import type { RetainedMessage } from "./retained_messages.ts";
import type { ClientSubscription } from "./route.ts";

/** Messages of one slice: some tens of microseconds. */
const SLICE_MESSAGES = 256;
/** How long a walk waits for a subscriber that is behind before it looks again. */
const RETRY_MS = 50;

export class RetainedWalk {
  readonly messages: IterableIterator<[string, RetainedMessage]>;

  constructor(readonly subscription: ClientSubscription, broker: Broker) {
    this.messages = broker.retained.match(subscription.topicFilter);
  }
}

/** Begins to send what is retained under `subscription`: the first slice now, the rest in later turns. */
export function sendRetained(broker: Broker, subscription: ClientSubscription): void {
  broker.retainedWalks++;
  walkOn(broker, new RetainedWalk(subscription, broker));
}

/** One slice. Ends when the walk is through, or nobody wants the rest: the subscription was removed or replaced (a
 * replacement walks by itself), or its Client left. */
export function walkOn(broker: Broker, walk: RetainedWalk): void {
  const { subscription } = walk;
  const session = subscription.session;
  const connection = session.connection;
  const isWanted = connection !== undefined && connection.isConnected &&
    session.subscriptions.get(subscription.fullFilter) === subscription;
  if (!isWanted) {
    broker.retainedWalks--;
    return;
  }
  if (isBehind(connection)) return broker.postLater({ kind: "walk", walk }, RETRY_MS);
  for (let i = 0; i < SLICE_MESSAGES; i++) {
    const next = walk.messages.next();
    if (next.done) {
      broker.retainedWalks--;
      return;
    }
    sendOne(broker, subscription, next.value[1]);
  }
  broker.postLater({ kind: "walk", walk }, 0);
}

function sendOne(broker: Broker, subscription: ClientSubscription, retained: RetainedMessage): void {
  const { message, expiresAtMs } = retained;
  const session = subscription.session;
  const connection = session.connection!;
  if (expiresAtMs <= broker.turn.wallMs) return;
  if (!broker.authorizer.mayReceive(connection.identity!, message.topicName)) return;
  const qos = Math.min(message.qos, subscription.qos) as 0 | 1 | 2;
  const identifiers = subscription.subscriptionIdentifiers;
  if (qos === 0) {
    const expirySeconds = remainingExpiry(expiresAtMs, broker.turn.wallMs);
    connection.sink.deliver(message, 0, true, false, 0, identifiers, expirySeconds);
  } else {
    enqueue(broker, session, new OutgoingMessage(message, qos, true, identifiers, expiresAtMs, undefined));
  }
}
