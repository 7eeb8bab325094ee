/** Subscriptions enter and leave three indexes together: the session's, the trie, and the shared groups. @module */

import type { Broker } from "./broker.ts";
import type { ClientSubscription } from "./route.ts";

/** Enters a subscription in place of the one that the session had under the same filter [MQTT-3.8.4-3].
 * @returns whether there was one. */
export function addSubscription(broker: Broker, subscription: ClientSubscription): boolean {
  const session = subscription.session;
  const former = session.subscriptionTo(subscription.fullFilter) as ClientSubscription | undefined;
  if (former !== undefined) takeOut(broker, former);
  session.addSubscription(subscription);
  session.subscriptionChars += subscription.fullFilter.length;
  broker.subscriptionCount++;
  if (subscription.shareName === undefined) {
    broker.subscriptions.insert(subscription.topicFilter, subscription);
  } else {
    const group = broker.shared.join(subscription);
    if (group !== undefined) broker.subscriptions.insert(group.topicFilter, group);
  }
  return former !== undefined;
}

/** Takes it out everywhere but in the store. */
export function removeSubscription(broker: Broker, subscription: ClientSubscription): void {
  subscription.session.removeSubscription(subscription.fullFilter);
  takeOut(broker, subscription);
}

function takeOut(broker: Broker, subscription: ClientSubscription): void {
  broker.subscriptionCount--;
  subscription.session.subscriptionChars -= subscription.fullFilter.length;
  if (subscription.shareName === undefined) {
    broker.subscriptions.remove(subscription.topicFilter, subscription);
  } else {
    const group = broker.shared.leave(subscription);
    if (group !== undefined) broker.subscriptions.remove(group.topicFilter, group);
  }
}
