/** UNSUBSCRIBE: bytes ⇄ UnsubscribePacket. Spec §3.10.
 * In: the body after the Fixed Header. Out: a packet. Room: pure.
 * Layout: Packet Identifier (2) | Properties (5.0) | Topic Filter+ @module */

import type { ByteReader } from "./byte_reader.ts";
import type { ByteWriter } from "./byte_writer.ts";
import { PacketType, type ProtocolVersion, type UnsubscribePacket } from "./control_packet.ts";
import { ProtocolError } from "./errors.ts";
import { NO_PROPERTIES, Omit, readProperties, writeProperties } from "./property.ts";
import { readTopicFilter } from "./subscribe.ts";

export function decodeUnsubscribe(
  reader: ByteReader,
  version: ProtocolVersion,
  userPropertiesMax: number,
): UnsubscribePacket {
  const packetIdentifier = reader.packetIdentifier("MQTT-2.2.1-3");
  const properties = version === 5 ? readProperties(reader, PacketType.Unsubscribe, userPropertiesMax) : NO_PROPERTIES;
  const topicFilters: string[] = [];
  while (reader.remaining > 0) topicFilters.push(readTopicFilter(reader, "MQTT-3.10.3-1"));
  if (topicFilters.length === 0) throw new ProtocolError("MQTT-3.10.3-2", "an UNSUBSCRIBE without Topic Filters");
  return { type: PacketType.Unsubscribe, packetIdentifier, topicFilters, properties };
}

export function encodeUnsubscribe(writer: ByteWriter, packet: UnsubscribePacket, version: ProtocolVersion): void {
  if (packet.topicFilters.length === 0) throw new RangeError("an UNSUBSCRIBE without Topic Filters");
  writer.packetIdentifier(packet.packetIdentifier);
  if (version === 5) writeProperties(writer, packet.properties, PacketType.Unsubscribe, Omit.Nothing);
  for (const topicFilter of packet.topicFilters) {
    if (topicFilter === "") throw new RangeError("an empty Topic Filter");
    writer.string(topicFilter);
  }
}
