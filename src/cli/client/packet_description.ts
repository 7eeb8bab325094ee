/** What a Control Packet says: each flag, field and property by its name in the specification. No secrets: of passwords and
 * Authentication Data only their length. Room: pure. @module */

import { escapeControls } from "../../base/log.ts";
import { NEVER_EXPIRES } from "../../packet/application_message.ts";
import {
  type ConnectPacket,
  type ControlPacket,
  PacketType,
  type ProtocolVersion,
  type SubscriptionRequest,
} from "../../packet/control_packet.ts";
import type { Properties } from "../../packet/property.ts";
import type { PublishPacket } from "../../packet/publish.ts";
import { connackReturnCode, reasonName } from "../../packet/reason_code.ts";
import { counted } from "../answer.ts";
import { briefPayload } from "./payload_view.ts";

export interface PacketDescription {
  /** "CONNECT" */
  readonly name: string;
  /** "Clean Start 1", in the order of the wire. No control characters. */
  readonly fields: readonly string[];
}

const NAMES = Object.fromEntries(Object.entries(PacketType).map(([name, type]) => [type, name.toUpperCase()]));
const VERSIONS = { 3: "3 (MQTT 3.1)", 4: "4 (MQTT 3.1.1)", 5: "5 (MQTT 5.0)" } as const;
/** MQTT 3.1.1, table 3.1 */
const CONNACK_RETURN_CODES = [
  "Connection Accepted",
  "Connection Refused, unacceptable protocol version",
  "Connection Refused, identifier rejected",
  "Connection Refused, Server unavailable",
  "Connection Refused, bad user name or password",
  "Connection Refused, not authorized",
] as const;
const PAYLOAD_LENGTH_MAX = 40;
const SECONDS = new Set<keyof Properties>([
  ...["messageExpiryInterval", "sessionExpiryInterval", "serverKeepAlive", "willDelayInterval"] as const,
]);
const NEVER = 0xffffffff;

/** @param version the one of the connection: 3.x has no Reason Codes, but Return Codes in some packets, and no options of
 * a subscription but its QoS. */
export function describePacket(packet: ControlPacket, version: ProtocolVersion = 5): PacketDescription {
  const fields = version === 5 ? fieldsOf(packet) : olderFields(packet) ?? fieldsOf(packet);
  return { name: packetName(packet), fields: fields.map(escapeControls) };
}

export function packetName({ type }: ControlPacket): string {
  return NAMES[type];
}

function fieldsOf(packet: ControlPacket): string[] {
  switch (packet.type) {
    case PacketType.Connect:
      return connectFields(packet);
    case PacketType.Connack:
      return [
        `Session Present ${bit(packet.sessionPresent)}`,
        reason(packet.reasonCode),
        ...propertyFields(packet.properties),
      ];
    case PacketType.Publish:
      return publishFields(packet);
    case PacketType.Puback:
    case PacketType.Pubrec:
    case PacketType.Pubrel:
    case PacketType.Pubcomp:
      return [identifier(packet), reason(packet.reasonCode), ...propertyFields(packet.properties)];
    case PacketType.Subscribe:
      return [
        identifier(packet),
        ...propertyFields(packet.properties),
        ...packet.subscriptions.flatMap(subscriptionFields),
      ];
    case PacketType.Suback:
      return [
        identifier(packet),
        ...propertyFields(packet.properties),
        ...packet.reasonCodes.map((code) =>
          `Reason Code ${hex(code)} ${code === 0 ? "Granted QoS 0" : reasonName(code)}`
        ),
      ];
    case PacketType.Unsubscribe:
      return [
        identifier(packet),
        ...propertyFields(packet.properties),
        ...packet.topicFilters.map((filter) => `Topic Filter ${quoted(filter)}`),
      ];
    case PacketType.Unsuback:
      return [identifier(packet), ...propertyFields(packet.properties), ...packet.reasonCodes.map(reason)];
    case PacketType.Disconnect:
      return [
        packet.reasonCode === 0 ? `Reason Code ${hex(0)} Normal disconnection` : reason(packet.reasonCode),
        ...propertyFields(packet.properties),
      ];
    case PacketType.Auth:
      return [reason(packet.reasonCode), ...propertyFields(packet.properties)];
    default:
      return [];
  }
}

/** What 3.1.1 and 3.1 have in place of fields of 5.0. @returns undefined for a packet that is the same there. */
function olderFields(packet: ControlPacket): string[] | undefined {
  switch (packet.type) {
    case PacketType.Connack: {
      const code = connackReturnCode(packet.reasonCode);
      const text = code === undefined ? "" : `${hex(code)} ${CONNACK_RETURN_CODES[code]}`;
      return [`Session Present ${bit(packet.sessionPresent)}`, `Return Code ${text}`];
    }
    case PacketType.Puback:
    case PacketType.Pubrec:
    case PacketType.Pubrel:
    case PacketType.Pubcomp:
    case PacketType.Unsuback:
      return [identifier(packet)];
    case PacketType.Subscribe:
      return [
        identifier(packet),
        ...packet.subscriptions.map(({ topicFilter, qos }) =>
          `Topic Filter ${quoted(topicFilter)}: Requested QoS ${qos}`
        ),
      ];
    case PacketType.Suback:
      return [
        identifier(packet),
        ...packet.reasonCodes.map((code) =>
          `Return Code ${code < 3 ? `${hex(code)} Maximum QoS ${code}` : "0x80 Failure"}`
        ),
      ];
    case PacketType.Disconnect:
      return [];
    default:
      return undefined;
  }
}

function connectFields(packet: ConnectPacket): string[] {
  const { will, userName, password, clientId, protocolVersion, cleanStart, keepAlive, properties } = packet;
  return [
    `Protocol Version ${VERSIONS[protocolVersion]}`,
    `${protocolVersion === 5 ? "Clean Start" : "Clean Session"} ${bit(cleanStart)}`,
    `Will Flag ${bit(will !== undefined)}`,
    ...(will === undefined ? [] : [`Will QoS ${will.qos}`, `Will Retain ${bit(will.retain)}`]),
    `User Name Flag ${bit(userName !== undefined)}`,
    `Password Flag ${bit(password !== undefined)}`,
    `Keep Alive ${keepAlive} s`,
    ...propertyFields(properties),
    `Client Identifier ${quoted(clientId)}`,
    ...(will === undefined ? [] : [
      ...propertyFields(will.properties).map((field) => `Will: ${field}`),
      `Will Topic ${quoted(will.topicName)}`,
      `Will Payload ${payloadText(will.payload)}`,
    ]),
    ...(userName === undefined ? [] : [`User Name ${quoted(userName)}`]),
    ...(password === undefined ? [] : [`Password (${counted(password.length, "byte")})`]),
  ];
}

function publishFields(
  { dup, packetIdentifier, topicAlias, subscriptionIdentifiers, message }: PublishPacket,
): string[] {
  const { qos, retain, topicName, messageExpiryInterval } = message;
  const properties: Properties = { ...message.properties };
  if (messageExpiryInterval !== NEVER_EXPIRES) properties.messageExpiryInterval = messageExpiryInterval;
  if (topicAlias !== 0) properties.topicAlias = topicAlias;
  if (subscriptionIdentifiers !== undefined) properties.subscriptionIdentifiers = subscriptionIdentifiers;
  return [
    `DUP ${bit(dup)}`,
    `QoS ${qos}`,
    `RETAIN ${bit(retain)}`,
    `Topic Name ${quoted(topicName)}`,
    ...(qos === 0 ? [] : [`Packet Identifier ${packetIdentifier}`]),
    ...propertyFields(properties),
    `Payload ${payloadText(message.payload)}`,
  ];
}

function subscriptionFields(request: SubscriptionRequest): string[] {
  const { topicFilter, qos, noLocal, retainAsPublished, retainHandling } = request;
  return [
    `Topic Filter ${quoted(topicFilter)}: QoS ${qos}, No Local ${bit(noLocal)}, ` +
    `Retain As Published ${bit(retainAsPublished)}, Retain Handling ${retainHandling}`,
  ];
}

function propertyFields(properties: Properties): string[] {
  return Object.entries(properties).flatMap(([key, value]) => {
    const name = key as keyof Properties;
    if (value === undefined) return [];
    if (name === "userProperties") {
      return (properties.userProperties ?? []).map(([key, text]) => `User Property ${quoted(key)} = ${quoted(text)}`);
    }
    if (name === "subscriptionIdentifiers") {
      return (properties.subscriptionIdentifiers ?? []).map((number) => `Subscription Identifier ${number}`);
    }
    return [`${propertyName(name)} ${propertyValue(name, value)}`];
  });
}

/** "sessionExpiryInterval" → "Session Expiry Interval", "maximumQoS" → "Maximum QoS" */
function propertyName(key: string): string {
  return key.replace(/(?<=[a-z])(?=[A-Z])(?!S$)/g, " ").replace(/^./, (letter) => letter.toUpperCase());
}

function propertyValue(name: keyof Properties, value: unknown): string {
  if (name === "authenticationData") return `(${counted((value as Uint8Array).length, "byte")})`;
  if (value instanceof Uint8Array) return payloadText(value);
  if (typeof value === "boolean") return bit(value);
  if (typeof value === "string") return quoted(value);
  if (name === "sessionExpiryInterval" && value === NEVER) return "never";
  return SECONDS.has(name) ? `${value} s` : String(value);
}

function identifier({ packetIdentifier }: { readonly packetIdentifier: number }): string {
  return `Packet Identifier ${packetIdentifier}`;
}

function reason(code: number): string {
  return `Reason Code ${hex(code)} ${reasonName(code)}`;
}

function payloadText(payload: Uint8Array): string {
  return `${briefPayload(payload, PAYLOAD_LENGTH_MAX)} (${counted(payload.length, "byte")})`.replace(/^\(empty\) /, "");
}

function quoted(text: string): string {
  return `"${text}"`;
}

function bit(flag: boolean): string {
  return flag ? "1" : "0";
}

function hex(code: number): string {
  return `0x${code.toString(16).padStart(2, "0")}`;
}

/** Describes the packets of a command in their order: CONNECT says by which version those behind it are read. */
export class PacketDescriber {
  #version: ProtocolVersion = 5;

  describe(packet: ControlPacket): PacketDescription {
    if (packet.type === PacketType.Connect) this.#version = packet.protocolVersion;
    return describePacket(packet, this.#version);
  }
}
