/** UNSUBACK: bytes ⇄ UnsubackPacket. Spec §3.11.
 * In: the body after the Fixed Header. Out: a packet. Room: pure.
 * Layout: Packet Identifier (2) | Properties (5.0) | Reason Code (1) for each Topic Filter (5.0). @module */

import type { ByteReader } from "./byte_reader.ts";
import type { ByteWriter } from "./byte_writer.ts";
import { PacketType, type ProtocolVersion, type UnsubackPacket } from "./control_packet.ts";
import { ProtocolError } from "./errors.ts";
import { NO_PROPERTIES, type Omit, readProperties, writeProperties } from "./property.ts";
import { isReasonCodeOf, type ReasonCode } from "./reason_code.ts";

export function decodeUnsuback(
  reader: ByteReader,
  version: ProtocolVersion,
  userPropertiesMax: number,
): UnsubackPacket {
  const packetIdentifier = reader.packetIdentifier();
  const reasonCodes: ReasonCode[] = [];
  let properties = NO_PROPERTIES;
  if (version === 5) {
    properties = readProperties(reader, PacketType.Unsuback, userPropertiesMax);
    while (reader.remaining > 0) {
      const code = reader.byte();
      if (!isReasonCodeOf(PacketType.Unsuback, "server", code)) {
        throw new ProtocolError("MQTT-3.11.3-2", `Reason Code ${code} in UNSUBACK`);
      }
      reasonCodes.push(code);
    }
    if (reasonCodes.length === 0) throw new ProtocolError("MQTT-3.11.3-1", "an UNSUBACK without Reason Codes");
  }
  reader.finish();
  return { type: PacketType.Unsuback, packetIdentifier, reasonCodes, properties };
}

/** In 3.x an UNSUBACK has no payload. */
export function encodeUnsuback(writer: ByteWriter, packet: UnsubackPacket, version: ProtocolVersion, omit: Omit): void {
  writer.packetIdentifier(packet.packetIdentifier);
  if (version !== 5) return;
  writeProperties(writer, packet.properties, PacketType.Unsuback, omit);
  for (const code of packet.reasonCodes) writer.byte(code);
}
