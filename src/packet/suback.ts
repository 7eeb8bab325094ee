/** SUBACK: bytes ⇄ SubackPacket. Spec §3.9.
 * In: the body after the Fixed Header. Out: a packet. Room: pure.
 * Layout: Packet Identifier (2) | Properties (5.0) | Reason Code (1) for each Topic Filter. @module */

import type { ByteReader } from "./byte_reader.ts";
import type { ByteWriter } from "./byte_writer.ts";
import { PacketType, type ProtocolVersion, type SubackPacket } from "./control_packet.ts";
import { ProtocolError } from "./errors.ts";
import { NO_PROPERTIES, type Omit, readProperties, writeProperties } from "./property.ts";
import { isReasonCodeOf, ReasonCode } from "./reason_code.ts";

export function decodeSuback(reader: ByteReader, version: ProtocolVersion, userPropertiesMax: number): SubackPacket {
  const packetIdentifier = reader.packetIdentifier();
  const properties = version === 5 ? readProperties(reader, PacketType.Suback, userPropertiesMax) : NO_PROPERTIES;
  const reasonCodes: ReasonCode[] = [];
  while (reader.remaining > 0) {
    const code = reader.byte();
    if (!isReasonCodeOf(PacketType.Suback, "server", code) || (version !== 5 && code > ReasonCode.UnspecifiedError)) {
      throw new ProtocolError("MQTT-3.9.3-2", `Reason Code ${code} in SUBACK`);
    }
    reasonCodes.push(code);
  }
  if (reasonCodes.length === 0) throw new ProtocolError("MQTT-3.8.4-6", "a SUBACK without Reason Codes");
  return { type: PacketType.Suback, packetIdentifier, reasonCodes, properties };
}

/** In 3.x every refusal is 0x80. */
export function encodeSuback(writer: ByteWriter, packet: SubackPacket, version: ProtocolVersion, omit: Omit): void {
  writer.packetIdentifier(packet.packetIdentifier);
  if (version === 5) writeProperties(writer, packet.properties, PacketType.Suback, omit);
  for (const code of packet.reasonCodes) {
    writer.byte(version === 5 || code < 0x80 ? code : ReasonCode.UnspecifiedError);
  }
}
