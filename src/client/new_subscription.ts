/** The filters and options of `subscribe`, checked. @module */

import { ByteWriter } from "../packet/byte_writer.ts";
import { PacketType } from "../packet/control_packet.ts";
import { encodePacket } from "../packet/encoder.ts";
import { parseSharedFilter } from "../topic/shared_filter.ts";
import { isValidTopicFilter } from "../topic/topic_filter.ts";
import { ActiveSubscription, type FilterEntry } from "./active_subscription.ts";
import type { SubscribeOptions } from "./client.ts";
import { MessageQueue, type QueueOwner } from "./message_queue.ts";

/** @throws TypeError for what is no Topic Filter, RangeError for what is no option, or does not fit into a packet. */
export function newSubscription(
  topicFilters: readonly string[],
  options: SubscribeOptions,
  identifier: number,
  owner: QueueOwner,
): ActiveSubscription {
  if (topicFilters.length === 0) throw new TypeError("a subscription has a Topic Filter [MQTT-3.8.3-2]");
  const filters = topicFilters.map((topicFilter) => entryOf(topicFilter, options));
  const { userProperties } = options;
  encodePacket(
    new ByteWriter(),
    {
      type: PacketType.Subscribe,
      packetIdentifier: 1,
      subscriptions: filters.map(({ request }) => request),
      properties: userProperties === undefined ? {} : { userProperties: [...userProperties] },
    },
    5,
    Infinity,
  );
  return new ActiveSubscription(filters, options.userProperties, identifier, new MessageQueue(owner));
}

function entryOf(topicFilter: string, options: SubscribeOptions): FilterEntry {
  const { qos = 0, noLocal = false, retainAsPublished = false, retainHandling = 0 } = options;
  if (![0, 1, 2].includes(qos)) throw new RangeError("a QoS is 0, 1 or 2");
  if (![0, 1, 2].includes(retainHandling)) throw new RangeError("retainHandling is 0, 1 or 2");
  const shared = parse(topicFilter);
  if (shared !== undefined && noLocal) throw new TypeError("noLocal on a Shared Subscription [MQTT-3.8.3-4]");
  return {
    request: { topicFilter, qos, noLocal, retainAsPublished, retainHandling },
    topicFilter: shared?.topicFilter ?? topicFilter,
  };
}

/** Of `unsubscribe`. @throws TypeError as `newSubscription`. */
export function checkFilters(topicFilters: readonly string[]): void {
  if (topicFilters.length === 0) throw new TypeError("UNSUBSCRIBE has a Topic Filter [MQTT-3.10.3-2]");
  topicFilters.forEach(parse);
}

function parse(topicFilter: string) {
  const shared = parseSharedFilter(topicFilter);
  if (shared === "invalid" || (shared === undefined && !isValidTopicFilter(topicFilter))) {
    throw new TypeError(`${JSON.stringify(topicFilter)} is not a Topic Filter`);
  }
  return shared;
}
