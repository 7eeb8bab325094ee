/** Contract: somebody who looks at the packets that go in and out: the debug log, a dashboard, a sequence chart.
 * Costs one comparison a packet while nobody looks. Types only. @module */

import type { ApplicationMessage } from "../packet/application_message.ts";
import type { ControlPacket, QoS } from "../packet/control_packet.ts";
import type { ClientPacket, ServerPacket } from "./packet_sink.ts";

/** `connectionName` is the Client Identifier once the Client is let in, before that the remote address.
 * What is handed over is valid during the call only. */
export interface PacketObserver {
  received(connectionName: string, packet: ControlPacket): void;
  sent(connectionName: string, packet: ServerPacket | ClientPacket): void;
  acknowledged(connectionName: string, type: 4 | 5 | 6 | 7, packetIdentifier: number, reasonCode: number): void;
  delivered(
    connectionName: string,
    message: ApplicationMessage,
    qos: QoS,
    retain: boolean,
    dup: boolean,
    packetIdentifier: number,
    /** 0 = none. */
    topicAlias: number,
  ): void;
}
