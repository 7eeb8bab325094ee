/** UNSUBSCRIBE: filters are compared character by character [MQTT-3.10.4-1]. Spec §3.10, §3.11. @module */

import { PacketType, type UnsubscribePacket } from "../packet/control_packet.ts";
import { ReasonCode } from "../packet/reason_code.ts";
import { parseSharedFilter } from "../topic/shared_filter.ts";
import { isValidTopicFilter } from "../topic/topic_filter.ts";
import type { Broker } from "./broker.ts";
import type { Connection } from "./connection.ts";
import { closeWith } from "./connections.ts";
import type { ClientSubscription } from "./route.ts";
import { removeSubscription } from "./subscriptions.ts";

export function handleUnsubscribe(broker: Broker, connection: Connection, packet: UnsubscribePacket): void {
  const session = connection.session!;
  if (packet.topicFilters.length > broker.limits.filtersPerSubscribeMax) {
    const why = `one UNSUBSCRIBE has at most ${broker.limits.filtersPerSubscribeMax} Topic Filters`;
    return closeWith(broker, connection, ReasonCode.QuotaExceeded, why);
  }
  const changes = broker.store.changes;
  const reasonCodes: ReasonCode[] = [];
  for (const topicFilter of packet.topicFilters) {
    const subscription = session.subscriptionTo(topicFilter) as ClientSubscription | undefined;
    if (subscription !== undefined) {
      removeSubscription(broker, subscription);
      if (session.persists) broker.store.deleteSubscription(session.clientId, topicFilter);
      reasonCodes.push(ReasonCode.Success);
    } else {
      reasonCodes.push(isWellFormed(topicFilter) ? ReasonCode.NoSubscriptionExisted : ReasonCode.TopicFilterInvalid);
    }
  }
  broker.log.unsubscribed(connection, packet.topicFilters);
  const answer = () => {
    if (!connection.isConnected) return;
    connection.sink.send({
      type: PacketType.Unsuback,
      packetIdentifier: packet.packetIdentifier, // [MQTT-3.10.4-5]
      reasonCodes,
      properties: {},
    });
  };
  // "No subscription existed" waits, too: an earlier UNSUBSCRIBE for the same filter may not be safe yet, and after a
  // crash the subscription would be back.
  if (session.persists) broker.gate.whenSafe(answer);
  else broker.gate.afterChanges(changes, answer);
}

function isWellFormed(fullFilter: string): boolean {
  const shared = parseSharedFilter(fullFilter);
  if (shared === "invalid") return false;
  return isValidTopicFilter(shared === undefined ? fullFilter : shared.topicFilter);
}
