/** SUBSCRIBE: one verdict for each filter, then SUBACK, then what is retained. Spec §3.8, §3.9. @module */

import { newestSerial } from "../packet/application_message.ts";
import { PacketType, type SubscribePacket, type SubscriptionRequest } from "../packet/control_packet.ts";
import { NO_PROPERTIES, type Properties } from "../packet/property.ts";
import { ReasonCode, reasonName } from "../packet/reason_code.ts";
import { parseSharedFilter } from "../topic/shared_filter.ts";
import { hasWildcard, isValidTopicFilter } from "../topic/topic_filter.ts";
import { fitsUtf8String, topicLevels } from "../topic/topic_name.ts";
import type { Broker } from "./broker.ts";
import type { ClientSession } from "./client_session.ts";
import type { Connection } from "./connection.ts";
import { closeWith } from "./connections.ts";
import { ClientSubscription } from "./route.ts";
import { addSubscription } from "./subscriptions.ts";

export function handleSubscribe(broker: Broker, connection: Connection, packet: SubscribePacket): void {
  const session = connection.session!;
  if (packet.subscriptions.length > broker.limits.filtersPerSubscribeMax) {
    const why = `one SUBSCRIBE has at most ${broker.limits.filtersPerSubscribeMax} Topic Filters`;
    return closeWith(broker, connection, ReasonCode.QuotaExceeded, why);
  }
  const changes = broker.store.changes;
  const newest = newestSerial();
  const identifier = packet.properties.subscriptionIdentifiers?.[0] ?? 0;
  const reasonCodes: ReasonCode[] = [];
  const toSendRetained: ClientSubscription[] = [];
  for (const request of packet.subscriptions) {
    reasonCodes.push(subscribe(broker, connection, session, request, identifier, toSendRetained));
  }
  broker.log.subscribed(connection, packet.subscriptions, reasonCodes);
  broker.gate.afterChanges(changes, () => {
    if (!connection.isConnected) return;
    connection.sink.send({
      type: PacketType.Suback,
      packetIdentifier: packet.packetIdentifier, // [MQTT-3.8.4-2]
      reasonCodes,
      properties: explain(packet, reasonCodes),
    });
    broker.retainedWalks.begin(connection, toSendRetained, newest);
  });
}

/** The Reason String names the first filter that was refused; the codes say the rest. */
function explain(packet: SubscribePacket, reasonCodes: readonly ReasonCode[]): Properties {
  const refused = reasonCodes.findIndex((reasonCode) => reasonCode >= 0x80);
  if (refused === -1) return NO_PROPERTIES;
  // Cut: a filter may have 65,535 bytes, which is also all that a Reason String may have.
  const topicFilter = packet.subscriptions[refused].topicFilter.slice(0, 256);
  return { reasonString: `${reasonName(reasonCodes[refused])}: ${topicFilter.toWellFormed()}` };
}

/** @returns the granted QoS or the refusal [MQTT-3.8.4-7]. */
function subscribe(
  broker: Broker,
  connection: Connection,
  session: ClientSession,
  request: SubscriptionRequest,
  identifier: number,
  toSendRetained: ClientSubscription[],
): ReasonCode {
  const { settings, limits } = broker;
  const shared = parseSharedFilter(request.topicFilter);
  if (shared === "invalid") return ReasonCode.TopicFilterInvalid;
  const topicFilter = shared === undefined ? request.topicFilter : shared.topicFilter;
  if (!isValidTopicFilter(topicFilter)) return ReasonCode.TopicFilterInvalid;
  if (!fitsUtf8String(request.topicFilter, limits.topicBytesMax)) return ReasonCode.TopicFilterInvalid;
  if (topicLevels(topicFilter) > limits.topicLevelsMax) return ReasonCode.TopicFilterInvalid;
  if (shared !== undefined && !settings.sharedSubscriptionAvailable) return ReasonCode.SharedSubscriptionsNotSupported;
  if (!settings.wildcardSubscriptionAvailable && hasWildcard(topicFilter)) {
    return ReasonCode.WildcardSubscriptionsNotSupported;
  }
  if (identifier !== 0 && !settings.subscriptionIdentifierAvailable) {
    return ReasonCode.SubscriptionIdentifiersNotSupported;
  }
  if (!broker.authorizer.maySubscribe(connection.identity!, topicFilter, request.qos)) return ReasonCode.NotAuthorized;
  const isNew = session.subscriptionTo(request.topicFilter) === undefined;
  if (isNew && session.subscriptionCount >= limits.subscriptionsPerSessionMax) return ReasonCode.QuotaExceeded;
  const chars = session.subscriptionChars + request.topicFilter.length;
  if (isNew && chars > limits.subscriptionCharsPerSessionMax) return ReasonCode.QuotaExceeded;
  if (session.persists && broker.store.trouble !== undefined) return ReasonCode.QuotaExceeded;

  const qos = request.qos < settings.maximumQoS ? request.qos : settings.maximumQoS;
  const subscription = new ClientSubscription(
    session,
    request.topicFilter,
    shared?.shareName,
    topicFilter,
    qos,
    request.noLocal,
    request.retainAsPublished,
    identifier,
  );
  addSubscription(broker, subscription);
  if (session.persists) {
    broker.store.putSubscription(session.clientId, {
      fullFilter: request.topicFilter,
      qos,
      noLocal: request.noLocal,
      retainAsPublished: request.retainAsPublished,
      subscriptionIdentifier: identifier,
    });
  }
  // Retain Handling [MQTT-3.3.1-9] to [MQTT-3.3.1-11]; nothing retained for Shared Subscriptions, §4.8.2.
  const wantsRetained = request.retainHandling === 0 || (request.retainHandling === 1 && isNew);
  if (wantsRetained && shared === undefined) toSendRetained.push(subscription);
  return qos;
}
