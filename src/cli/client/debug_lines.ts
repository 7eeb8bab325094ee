/** `-d`: each packet in the words of mosquitto_pub and mosquitto_sub, so that who reads those reads these.
 * Room: pure. @module */

import { type ControlPacket, PacketType } from "../../packet/control_packet.ts";
import type { PublishPacket } from "../../packet/publish.ts";
import { packetName } from "./packet_description.ts";
import type { Direction } from "./sequence_chart.ts";

export class DebugLines {
  #clientId: string | undefined;

  /** @param clientId "" or undefined: the broker will say. */
  constructor(clientId: string | undefined) {
    this.#clientId = clientId === "" ? undefined : clientId;
  }

  packet(direction: Direction, packet: ControlPacket): string[] {
    if (packet.type === PacketType.Connack) {
      this.#clientId = packet.properties.assignedClientIdentifier ?? this.#clientId;
    }
    const start = `Client ${this.#clientId ?? "(null)"} ${direction === "sent" ? "sending" : "received"} ${
      packetName(packet)
    }`;
    switch (packet.type) {
      case PacketType.Connack:
        return [`${start} (${packet.reasonCode})`];
      case PacketType.Publish:
        return [`${start} ${publishText(packet)}`];
      case PacketType.Puback:
      case PacketType.Pubrec:
      case PacketType.Pubrel:
      case PacketType.Pubcomp:
        return [`${start} ${acknowledgementText(direction, packet)}`];
      case PacketType.Subscribe:
        return packet.subscriptions.map(({ topicFilter, qos, noLocal, retainAsPublished, retainHandling }) => {
          const options = (noLocal ? 0x04 : 0) | (retainAsPublished ? 0x08 : 0) | retainHandling << 4;
          const text = `0x${options.toString(16).padStart(2, "0")}`;
          return `${start} (Mid: ${packet.packetIdentifier}, Topic: ${topicFilter}, QoS: ${qos}, Options: ${text})`;
        });
      case PacketType.Suback:
        return [start, `Subscribed (mid: ${packet.packetIdentifier}): ${packet.reasonCodes.join(", ")}`];
      case PacketType.Unsubscribe:
        return packet.topicFilters.map((filter) => `${start} (Mid: ${packet.packetIdentifier}, Topic: ${filter})`);
      case PacketType.Disconnect:
        return [direction === "sent" ? start : `${start} (${packet.reasonCode})`];
      default:
        return [start];
    }
  }
}

function publishText({ dup, packetIdentifier, message }: PublishPacket): string {
  const { qos, retain, topicName, payloadBytes } = message;
  const flags = `d${dup ? 1 : 0}, q${qos}, r${retain ? 1 : 0}, m${packetIdentifier}`;
  return `(${flags}, '${topicName}', ... (${payloadBytes} bytes))`;
}

/** Mosquitto names a Reason Code where the next step depends on it. */
function acknowledgementText(
  direction: Direction,
  { type, packetIdentifier, reasonCode }: Extract<ControlPacket, { type: 4 | 5 | 6 | 7 }>,
): string {
  const isAnswer = type === PacketType.Puback || type === PacketType.Pubrec;
  if (direction === "sent") return `(m${packetIdentifier}${isAnswer ? `, rc${reasonCode}` : ""})`;
  const hasCode = type === PacketType.Puback || type === PacketType.Pubcomp;
  return `(Mid: ${packetIdentifier}${hasCode ? `, RC:${reasonCode}` : ""})`;
}
