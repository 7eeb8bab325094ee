/** AUTH: bytes ⇄ AuthPacket. Spec §3.15. 5.0 only.
 * In: the body after the Fixed Header. Out: a packet. Room: pure.
 * Layout: Reason Code (1, may be left out when 0) | Properties (may be left out then). @module */

import type { ByteReader } from "./byte_reader.ts";
import type { ByteWriter } from "./byte_writer.ts";
import { checkAuthentication } from "./connect.ts";
import { type AuthPacket, PacketType } from "./control_packet.ts";
import { ProtocolError } from "./errors.ts";
import { hasNoProperties, NO_PROPERTIES, type Omit, readProperties, writeProperties } from "./property.ts";
import { isReasonCodeOf, ReasonCode } from "./reason_code.ts";

export function decodeAuth(reader: ByteReader, sender: "client" | "server", userPropertiesMax: number): AuthPacket {
  let reasonCode: number = ReasonCode.Success;
  let properties = NO_PROPERTIES;
  if (reader.remaining > 0) {
    reasonCode = reader.byte();
    if (reader.remaining > 0) properties = readProperties(reader, PacketType.Auth, userPropertiesMax);
  }
  reader.finish();
  if (!isReasonCodeOf(PacketType.Auth, sender, reasonCode)) {
    throw new ProtocolError("MQTT-3.15.2-1", `Reason Code ${reasonCode} in a ${sender}'s AUTH`);
  }
  checkAuthentication(properties);
  // Without its method an AUTH says nothing; only the Server's Success may leave it out, with all else (§3.15.2.1).
  const successAlone = reasonCode === ReasonCode.Success && properties === NO_PROPERTIES;
  if (properties.authenticationMethod === undefined && !successAlone) {
    throw new ProtocolError("§3.15.2.2.2", "an AUTH without an Authentication Method");
  }
  return { type: PacketType.Auth, reasonCode: reasonCode as ReasonCode, properties };
}

export function encodeAuth(writer: ByteWriter, packet: AuthPacket, omit: Omit): void {
  const { reasonCode, properties } = packet;
  if (reasonCode === ReasonCode.Success && hasNoProperties(properties, omit)) return;
  writer.byte(reasonCode);
  writeProperties(writer, properties, PacketType.Auth, omit);
}
