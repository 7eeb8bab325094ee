/** PUBACK, PUBREC, PUBREL, PUBCOMP: bytes ⇄ packets. Spec §3.4 – §3.7.
 * In: the body after the Fixed Header. Out: a packet. Room: pure. The four differ in type and Reason Codes only.
 * Layout: Packet Identifier (2) | Reason Code (1, may be left out when 0) | Properties (may be left out). @module */

import type { ByteReader } from "./byte_reader.ts";
import type { ByteWriter } from "./byte_writer.ts";
import { PacketType, type ProtocolVersion } from "./control_packet.ts";
import type { PubackPacket, PubcompPacket, PubrecPacket, PubrelPacket } from "./control_packet.ts";
import { ProtocolError } from "./errors.ts";
import { firstByte } from "./fixed_header.ts";
import { hasNoProperties, NO_PROPERTIES, type Omit, readProperties, writeProperties } from "./property.ts";
import { isReasonCodeOf, ReasonCode } from "./reason_code.ts";

export type AcknowledgementType = 4 | 5 | 6 | 7;
export type AcknowledgementPacket = PubackPacket | PubrecPacket | PubrelPacket | PubcompPacket;

const REASON_STATEMENT = { 4: "MQTT-3.4.2-1", 5: "MQTT-3.5.2-1", 6: "MQTT-3.6.2-1", 7: "MQTT-3.7.2-1" } as const;

export function decodeAcknowledgement(
  reader: ByteReader,
  type: AcknowledgementType,
  version: ProtocolVersion,
  sender: "client" | "server",
  userPropertiesMax: number,
): AcknowledgementPacket {
  const packetIdentifier = reader.packetIdentifier();
  let reasonCode: number = ReasonCode.Success;
  let properties = NO_PROPERTIES;
  if (version === 5 && reader.remaining > 0) {
    reasonCode = reader.byte();
    if (!isReasonCodeOf(type, sender, reasonCode)) {
      throw new ProtocolError(REASON_STATEMENT[type], `Reason Code ${reasonCode} in Control Packet type ${type}`);
    }
    // Remaining Length 3: the Property Length is left out too.
    if (reader.remaining > 0) properties = readProperties(reader, type, userPropertiesMax);
  }
  reader.finish();
  return { type, packetIdentifier, reasonCode, properties } as AcknowledgementPacket;
}

const PLAIN = [PacketType.Puback, PacketType.Pubrec, PacketType.Pubrel, PacketType.Pubcomp].map((type) => ({
  ...{ type, packetIdentifier: 0, reasonCode: ReasonCode.Success, properties: NO_PROPERTIES },
}));

/** One without Reason Code and properties, which is most of them, at [at, at + 2): one object for each type, which is used
 * again, as that of PUBLISH is. */
export function decodePlainAcknowledgement(buffer: Uint8Array, at: number, type: number): AcknowledgementPacket {
  const packetIdentifier = (buffer[at] << 8) | buffer[at + 1];
  if (packetIdentifier === 0) throw new ProtocolError("§2.2.1", "the Packet Identifier is 0");
  const packet = PLAIN[type - PacketType.Puback];
  packet.packetIdentifier = packetIdentifier;
  return packet as AcknowledgementPacket;
}

export function encodeAcknowledgementBody(
  writer: ByteWriter,
  packet: AcknowledgementPacket,
  version: ProtocolVersion,
  omit: Omit,
): void {
  writer.packetIdentifier(packet.packetIdentifier);
  if (version !== 5) return;
  const bare = hasNoProperties(packet.properties, omit);
  if (bare && packet.reasonCode === ReasonCode.Success) return;
  writer.byte(packet.reasonCode);
  if (!bare) writeProperties(writer, packet.properties, packet.type, omit);
}

const FIRST_BYTE = new Uint8Array(8);
for (const type of [PacketType.Puback, PacketType.Pubrec, PacketType.Pubrel, PacketType.Pubcomp]) {
  FIRST_BYTE[type] = firstByte(type);
}

/** The hot acknowledgements without an object: PUBACK, PUBREC, PUBREL, PUBCOMP without properties.
 * 3.x has no Reason Codes: there it is left out.
 * @throws RangeError for a Packet Identifier of 0. */
export function encodeAcknowledgement(
  writer: ByteWriter,
  type: AcknowledgementType,
  packetIdentifier: number,
  reasonCode: number,
  version: ProtocolVersion,
): void {
  if (!(packetIdentifier > 0 && packetIdentifier <= 0xffff)) {
    throw new RangeError(`${packetIdentifier} is not a Packet Identifier`);
  }
  writer.reserve(5);
  const { buffer, length: at } = writer;
  const withReason = reasonCode !== ReasonCode.Success && version === 5;
  buffer[at] = FIRST_BYTE[type];
  buffer[at + 1] = withReason ? 3 : 2;
  buffer[at + 2] = packetIdentifier >>> 8;
  buffer[at + 3] = packetIdentifier;
  if (withReason) buffer[at + 4] = reasonCode;
  writer.length = at + (withReason ? 5 : 4);
}
