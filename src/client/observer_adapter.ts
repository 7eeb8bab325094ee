/** What the connection shows of packets → what the program's observer wants to see. @module */

import type { PacketObserver } from "../connection/packet_observer.ts";
import type { ClientPacket, ServerPacket } from "../connection/packet_sink.ts";
import type { ApplicationMessage } from "../packet/application_message.ts";
import { type ControlPacket, PacketType, type QoS } from "../packet/control_packet.ts";
import { NO_PROPERTIES } from "../packet/property.ts";
import type { ReasonCode } from "../packet/reason_code.ts";

export class ObserverAdapter implements PacketObserver {
  constructor(readonly observe: (direction: "sent" | "received", packet: ControlPacket) => void) {}

  received(_name: string, packet: ControlPacket): void {
    this.observe("received", packet);
  }

  sent(_name: string, packet: ServerPacket | ClientPacket): void {
    this.observe("sent", packet);
  }

  acknowledged(_name: string, type: 4 | 5 | 6 | 7, packetIdentifier: number, reasonCode: number): void {
    const packet = { type, packetIdentifier, reasonCode: reasonCode as ReasonCode, properties: NO_PROPERTIES };
    this.observe("sent", packet);
  }

  delivered(
    _name: string,
    message: ApplicationMessage,
    _qos: QoS,
    _retain: boolean,
    dup: boolean,
    packetIdentifier: number,
    topicAlias: number,
  ): void {
    this.observe("sent", {
      type: PacketType.Publish,
      dup,
      packetIdentifier,
      topicAlias,
      subscriptionIdentifiers: undefined,
      message,
    });
  }
}
