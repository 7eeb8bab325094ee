/** The CONNECT of these settings. §3.1 Room: pure. @module */

import { type ConnectPacket, PacketType, type ProtocolVersion } from "../packet/control_packet.ts";
import { NO_PROPERTIES, type Properties } from "../packet/property.ts";
import type { ClientSettings } from "./client_settings.ts";

export function connectPacket(
  { keepAlive, will, userName, password }: ClientSettings,
  protocolVersion: ProtocolVersion,
  clientId: string,
  cleanStart: boolean,
  properties: Properties,
): ConnectPacket {
  return {
    type: PacketType.Connect,
    protocolVersion,
    cleanStart,
    keepAlive,
    clientId,
    will,
    userName,
    password,
    properties: protocolVersion === 5 ? properties : NO_PROPERTIES,
  };
}
