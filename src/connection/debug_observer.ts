/** Every packet as a line of the debug log, in the words that Mosquitto uses. No payloads. @module */

import type { Log } from "../base/log.ts";
import type { ApplicationMessage } from "../packet/application_message.ts";
import { type ControlPacket, PacketType, type QoS } from "../packet/control_packet.ts";
import { reasonName } from "../packet/reason_code.ts";
import type { PacketObserver } from "./packet_observer.ts";
import type { ServerPacket } from "./packet_sink.ts";

const NAMES = Object.fromEntries(Object.entries(PacketType).map(([name, type]) => [type, name.toUpperCase()]));

export class DebugObserver implements PacketObserver {
  constructor(readonly log: Log) {}

  received(name: string, packet: ControlPacket): void {
    if (packet.type === PacketType.Publish) {
      const { message, dup, packetIdentifier } = packet;
      return this.#publish("Received", "from", name, message, message.qos, message.retain, dup, packetIdentifier);
    }
    this.log.debug(`Received ${describe(packet)} from ${name}`);
  }

  sent(name: string, packet: ServerPacket): void {
    this.log.debug(`Sending ${describe(packet)} to ${name}`);
  }

  acknowledged(name: string, type: 4 | 5 | 6 | 7, packetIdentifier: number, reasonCode: number): void {
    this.log.debug(`Sending ${NAMES[type]} to ${name} (m${packetIdentifier}, rc${reasonCode})`);
  }

  delivered(
    name: string,
    message: ApplicationMessage,
    qos: QoS,
    retain: boolean,
    dup: boolean,
    packetIdentifier: number,
  ): void {
    this.#publish("Sending", "to", name, message, qos, retain, dup, packetIdentifier);
  }

  #publish(
    verb: string,
    preposition: string,
    name: string,
    message: ApplicationMessage,
    qos: QoS,
    retain: boolean,
    dup: boolean,
    packetIdentifier: number,
  ): void {
    const flags = `d${dup ? 1 : 0}, q${qos}, r${retain ? 1 : 0}, m${packetIdentifier}`;
    const text = `${verb} PUBLISH ${preposition} ${name} (${flags}, '${message.topicName}', ` +
      `... (${message.payloadBytes} bytes))`;
    this.log.debug(text);
  }
}

function describe(packet: Exclude<ControlPacket, { message: ApplicationMessage }>): string {
  const name = NAMES[packet.type];
  const identifier = "packetIdentifier" in packet ? ` (m${packet.packetIdentifier})` : "";
  const reason = "reasonCode" in packet ? ` (${reasonName(packet.reasonCode)})` : "";
  return `${name}${identifier}${reason}`;
}
