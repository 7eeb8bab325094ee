/** An Application Message enters the broker: from a Client, from a will, from the Server itself. Retained first, then
 * routed. Spec §3.3. @module */

import type { ApplicationMessage } from "../packet/application_message.ts";
import type { Broker } from "./broker.ts";
import type { ClientSession } from "./client_session.ts";
import type { Connection } from "./connection.ts";
import { findRoute, type Route } from "./route.ts";
import { expiryOf, routePublish } from "./route_publish.ts";

export function routeOf(broker: Broker, message: ApplicationMessage): Route {
  return findRoute(message, broker.subscriptions, broker.matchCache, broker.limits);
}

/** @returns false when `message` should be retained and there is no room for it. */
export function canRetain(broker: Broker, message: ApplicationMessage): boolean {
  return !message.retain || message.payloadBytes === 0 || broker.retained.hasRoomFor(message);
}

/** Stores what is to be retained, and delivers. The caller has checked that the message is allowed.
 * @returns how many sessions it was for. */
export function publish(
  broker: Broker,
  message: ApplicationMessage,
  route: Route,
  publisher: Connection | undefined,
  origin: ClientSession | undefined,
  waitsForTicket = 0,
): number {
  if (message.retain) retain(broker, message);
  return routePublish(broker, message, route, publisher, origin, waitsForTicket);
}

/** A will. The Server's own rules about topics do not hold it up; limits do. */
export function publishFromServer(broker: Broker, message: ApplicationMessage, origin: ClientSession): void {
  if (!canRetain(broker, message)) {
    broker.statistics.retainedRefused++;
    broker.log.retainedFull(message.topicName);
  }
  publish(broker, message, routeOf(broker, message), undefined, origin);
}

/** [MQTT-3.3.1-5] to [MQTT-3.3.1-7]. Does nothing when there is no room. */
function retain(broker: Broker, message: ApplicationMessage): void {
  if (message.payloadBytes === 0) {
    if (broker.retained.delete(message.topicName)) broker.store.deleteRetained(message.topicName);
    return;
  }
  if (!broker.retained.hasRoomFor(message)) return;
  // It may stay for years.
  const owned = message.owned().apart();
  broker.retained.set(owned, expiryOf(message), broker.turn.wallMs, broker.turn.monotonicMs);
  broker.store.putRetained(owned);
}
