/** DISCONNECT from a Client: it leaves in order, with or without its Will Message. Spec §3.14. @module */

import type { DisconnectPacket } from "../packet/control_packet.ts";
import { ReasonCode } from "../packet/reason_code.ts";
import type { Broker } from "./broker.ts";
import type { Connection } from "./connection.ts";
import { closeWith, endConnection } from "./connections.ts";

export function handleDisconnect(broker: Broker, connection: Connection, packet: DisconnectPacket): void {
  const session = connection.session!;
  const sessionExpiryInterval = packet.properties.sessionExpiryInterval;
  if (sessionExpiryInterval !== undefined) {
    if (session.sessionExpiryInterval === 0 && sessionExpiryInterval > 0) {
      const why = "Session Expiry Interval was 0 in CONNECT and cannot be raised in DISCONNECT";
      return closeWith(broker, connection, ReasonCode.ProtocolError, why); // §3.14.2.2.2
    }
    session.sessionExpiryInterval = Math.min(sessionExpiryInterval, broker.limits.sessionExpiryIntervalMaxS);
  }
  // Only 0x00 takes the will back [MQTT-3.14.4-3]; 0x04 asks for it, and errors of the Client let it stand.
  connection.sendsWill = packet.reasonCode !== ReasonCode.NormalDisconnection;
  endConnection(broker, connection, packet.reasonCode, "", true);
}
