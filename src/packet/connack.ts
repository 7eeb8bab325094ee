/** CONNACK: bytes ⇄ ConnackPacket. Spec §3.2.
 * In: the body after the Fixed Header. Out: a packet; return codes of 3.x are Reason Codes inside. Room: pure.
 * Layout: Acknowledge Flags (1) | Reason Code (1) | Properties (5.0). @module */

import type { ByteReader } from "./byte_reader.ts";
import type { ByteWriter } from "./byte_writer.ts";
import { checkAuthentication } from "./connect.ts";
import { type ConnackPacket, PacketType, type ProtocolVersion } from "./control_packet.ts";
import { MalformedPacketError, ProtocolError } from "./errors.ts";
import { NO_PROPERTIES, type Omit, readProperties, writeProperties } from "./property.ts";
import { connackReasonCode, connackReturnCode, isReasonCodeOf, ReasonCode } from "./reason_code.ts";

/** The return code with which a Server of 3.x answers a CONNECT of 5.0, in its own words. 3.1.1 §3.2.2.3 */
const UNACCEPTABLE_PROTOCOL_VERSION = 1;

export function decodeConnack(reader: ByteReader, version: ProtocolVersion, userPropertiesMax: number): ConnackPacket {
  const flags = reader.byte();
  // The flags byte has no meaning in 3.1.
  if (flags > 1 && version !== 3) throw new MalformedPacketError("MQTT-3.2.2-1", `Connect Acknowledge Flags ${flags}`);
  const code = reader.byte();
  const reasonCode = version === 5 ? code : connackReasonCode(code);
  if (version === 5 && code === UNACCEPTABLE_PROTOCOL_VERSION && reader.remaining === 0) {
    const message = "the CONNACK of a Server that does not know MQTT 5.0";
    throw new ProtocolError("MQTT-3.2.2-8", message, ReasonCode.UnsupportedProtocolVersion);
  }
  if (reasonCode === undefined || !isReasonCodeOf(PacketType.Connack, "server", reasonCode)) {
    throw new ProtocolError("MQTT-3.2.2-8", `Reason Code ${code} in CONNACK`);
  }
  const sessionPresent = version !== 3 && flags === 1;
  if (sessionPresent && reasonCode !== ReasonCode.Success) {
    throw new ProtocolError("MQTT-3.2.2-6", "Session Present in a CONNACK that refuses");
  }
  const properties = version === 5 ? readProperties(reader, PacketType.Connack, userPropertiesMax) : NO_PROPERTIES;
  checkAuthentication(properties);
  reader.finish();
  return { type: PacketType.Connack, sessionPresent, reasonCode, properties };
}

/** @returns false when the version has no code for the reason: the connection is closed without a CONNACK then. */
export function encodeConnack(
  writer: ByteWriter,
  packet: ConnackPacket,
  version: ProtocolVersion,
  omit: Omit,
): boolean {
  const { reasonCode, sessionPresent, properties } = packet;
  const code = version === 5 ? reasonCode : connackReturnCode(reasonCode);
  if (code === undefined) return false;
  // [MQTT-3.2.2-6]; in 3.1 the byte is reserved.
  writer.byte(sessionPresent && code === 0 && version !== 3 ? 1 : 0);
  writer.byte(code);
  if (version === 5) writeProperties(writer, properties, PacketType.Connack, omit);
  return true;
}
