/** DISCONNECT: bytes ⇄ DisconnectPacket. Spec §3.14.
 * In: the body after the Fixed Header. Out: a packet. Room: pure.
 * Layout (5.0): Reason Code (1, may be left out when 0) | Properties (may be left out). 3.x: empty. @module */

import type { ByteReader } from "./byte_reader.ts";
import type { ByteWriter } from "./byte_writer.ts";
import { type DisconnectPacket, PacketType, type ProtocolVersion } from "./control_packet.ts";
import { ProtocolError } from "./errors.ts";
import { hasNoProperties, NO_PROPERTIES, type Omit, readProperties, writeProperties } from "./property.ts";
import { isReasonCodeOf, ReasonCode } from "./reason_code.ts";

export function decodeDisconnect(
  reader: ByteReader,
  version: ProtocolVersion,
  sender: "client" | "server",
  userPropertiesMax: number,
): DisconnectPacket {
  let reasonCode: number = ReasonCode.NormalDisconnection;
  let properties = NO_PROPERTIES;
  if (version === 5 && reader.remaining > 0) {
    reasonCode = reader.byte();
    if (!isReasonCodeOf(PacketType.Disconnect, sender, reasonCode)) {
      throw new ProtocolError("MQTT-3.14.2-1", `Reason Code ${reasonCode} in a ${sender}'s DISCONNECT`);
    }
    if (reader.remaining > 0) properties = readProperties(reader, PacketType.Disconnect, userPropertiesMax);
    if (sender === "server" && properties.sessionExpiryInterval !== undefined) {
      throw new ProtocolError("MQTT-3.14.2-2", "a Server's DISCONNECT carries a Session Expiry Interval");
    }
  }
  reader.finish();
  return { type: PacketType.Disconnect, reasonCode: reasonCode as ReasonCode, properties };
}

/** @returns false for a reason that the version cannot tell: 3.x has the Client's normal DISCONNECT alone. */
export function encodeDisconnect(
  writer: ByteWriter,
  packet: DisconnectPacket,
  version: ProtocolVersion,
  omit: Omit,
): boolean {
  const { reasonCode, properties } = packet;
  if (version !== 5) return reasonCode === ReasonCode.NormalDisconnection;
  const bare = hasNoProperties(properties, omit);
  if (bare && reasonCode === ReasonCode.NormalDisconnection) return true;
  writer.byte(reasonCode);
  if (!bare) writeProperties(writer, properties, PacketType.Disconnect, omit);
  return true;
}
