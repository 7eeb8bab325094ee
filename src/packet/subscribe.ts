/** SUBSCRIBE: bytes ⇄ SubscribePacket. Spec §3.8.
 * In: the body after the Fixed Header. Out: a packet. Room: pure; whether a Topic Filter is one is judged by topic/.
 * Layout: Packet Identifier (2) | Properties (5.0) | (Topic Filter | Subscription Options (1))+ @module */

import type { ByteReader } from "./byte_reader.ts";
import type { ByteWriter } from "./byte_writer.ts";
import {
  PacketType,
  type ProtocolVersion,
  type QoS,
  type SubscribePacket,
  type SubscriptionRequest,
} from "./control_packet.ts";
import { MalformedPacketError, ProtocolError } from "./errors.ts";
import { NO_PROPERTIES, Omit, readProperties, writeProperties } from "./property.ts";

const NO_LOCAL = 0x04;
const RETAIN_AS_PUBLISHED = 0x08;
const RESERVED = 0xc0;

export function decodeSubscribe(
  reader: ByteReader,
  version: ProtocolVersion,
  userPropertiesMax: number,
): SubscribePacket {
  const packetIdentifier = reader.packetIdentifier("MQTT-2.2.1-3");
  const properties = version === 5 ? readProperties(reader, PacketType.Subscribe, userPropertiesMax) : NO_PROPERTIES;
  const subscriptions: SubscriptionRequest[] = [];
  while (reader.remaining > 0) {
    const topicFilter = readTopicFilter(reader, "MQTT-3.8.3-1");
    const options = reader.byte();
    subscriptions.push(version === 5 ? readOptions(topicFilter, options) : readRequestedQoS(topicFilter, options));
  }
  if (subscriptions.length === 0) throw new ProtocolError("MQTT-3.8.3-2", "a SUBSCRIBE without Topic Filters");
  return { type: PacketType.Subscribe, packetIdentifier, subscriptions, properties };
}

/** One Topic Filter: a valid, non-empty text field. */
export function readTopicFilter(reader: ByteReader, statement: string): string {
  const topicFilter = reader.string(statement);
  if (topicFilter === "") throw new ProtocolError("MQTT-4.7.3-1", "a Topic Filter is empty");
  return topicFilter;
}

function readOptions(topicFilter: string, options: number): SubscriptionRequest {
  if ((options & RESERVED) !== 0) {
    throw new MalformedPacketError("MQTT-3.8.3-5", "reserved Subscription Options are set");
  }
  const qos = options & 3;
  const retainHandling = (options >>> 4) & 3;
  const noLocal = (options & NO_LOCAL) !== 0;
  if (qos === 3) throw new ProtocolError("§3.8.3.1", "the Maximum QoS of a subscription is 3");
  if (retainHandling === 3) throw new ProtocolError("§3.8.3.1", "Retain Handling is 3");
  if (noLocal && topicFilter.startsWith("$share/")) {
    throw new ProtocolError("MQTT-3.8.3-4", "No Local on a Shared Subscription");
  }
  return {
    topicFilter,
    qos: qos as QoS,
    noLocal,
    retainAsPublished: (options & RETAIN_AS_PUBLISHED) !== 0,
    retainHandling: retainHandling as 0 | 1 | 2,
  };
}

/** 3.x: the byte holds the Requested QoS and nothing else (3.1.1 §3.8.3). */
function readRequestedQoS(topicFilter: string, options: number): SubscriptionRequest {
  if (options > 2) throw new MalformedPacketError("MQTT-3.8.3-5", `Requested QoS ${options}`);
  return { topicFilter, qos: options as QoS, noLocal: false, retainAsPublished: false, retainHandling: 0 };
}

/** 3.x carries the QoS only: the other options are left out. */
export function encodeSubscribe(writer: ByteWriter, packet: SubscribePacket, version: ProtocolVersion): void {
  if (packet.subscriptions.length === 0) throw new RangeError("a SUBSCRIBE without Topic Filters");
  writer.packetIdentifier(packet.packetIdentifier);
  if (version === 5) writeProperties(writer, packet.properties, PacketType.Subscribe, Omit.Nothing);
  for (const { topicFilter, qos, noLocal, retainAsPublished, retainHandling } of packet.subscriptions) {
    if (topicFilter === "") throw new RangeError("an empty Topic Filter");
    writer.string(topicFilter);
    writer.byte(
      version === 5
        ? qos | (noLocal ? NO_LOCAL : 0) | (retainAsPublished ? RETAIN_AS_PUBLISHED : 0) | (retainHandling << 4)
        : qos,
    );
  }
}
