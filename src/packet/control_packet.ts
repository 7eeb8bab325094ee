/** The 15 Control Packets as values: what the decoder makes and the encoder takes. Spec §2, §3.
 * Shapes only. Field names are those of MQTT 5.0; 3.1.1 and 3.1 packets use the same shapes with empty properties.
 * PUBLISH stands apart (publish.ts): it is the only packet that arrives a million times a second. @module */

import type { Properties } from "./property.ts";
import type { PublishPacket } from "./publish.ts";
import type { ReasonCode } from "./reason_code.ts";

/** The upper four bits of the first byte. §2.1.2 */
export const PacketType = {
  Connect: 1,
  Connack: 2,
  Publish: 3,
  Puback: 4,
  Pubrec: 5,
  Pubrel: 6,
  Pubcomp: 7,
  Subscribe: 8,
  Suback: 9,
  Unsubscribe: 10,
  Unsuback: 11,
  Pingreq: 12,
  Pingresp: 13,
  Disconnect: 14,
  Auth: 15,
} as const;
export type PacketType = typeof PacketType[keyof typeof PacketType];

/** The Protocol Version byte of CONNECT: 3 = MQTT 3.1 ("MQIsdp"), 4 = 3.1.1, 5 = 5.0. */
export type ProtocolVersion = 3 | 4 | 5;
export type QoS = 0 | 1 | 2;

export interface ConnectPacket {
  readonly type: typeof PacketType.Connect;
  readonly protocolVersion: ProtocolVersion;
  /** Clean Start (5.0) or Clean Session (3.x). */
  readonly cleanStart: boolean;
  /** Seconds, 0–65535, 0 = off. */
  readonly keepAlive: number;
  /** "" asks the Server for an Assigned Client Identifier. */
  readonly clientId: string;
  readonly will: ConnectWill | undefined;
  readonly userName: string | undefined;
  readonly password: Uint8Array | undefined;
  readonly properties: Properties;
}

/** The Will part of the CONNECT Payload. §3.1.3.2 – §3.1.3.4 */
export interface ConnectWill {
  readonly topicName: string;
  readonly payload: Uint8Array;
  readonly qos: QoS;
  readonly retain: boolean;
  readonly properties: Properties;
}

export interface ConnackPacket {
  readonly type: typeof PacketType.Connack;
  readonly sessionPresent: boolean;
  /** A 5.0 Reason Code; the encoder turns it into the return code of a 3.x client. */
  readonly reasonCode: ReasonCode;
  readonly properties: Properties;
}

interface Acknowledgement<T extends PacketType> {
  readonly type: T;
  readonly packetIdentifier: number;
  readonly reasonCode: ReasonCode;
  readonly properties: Properties;
}
export type PubackPacket = Acknowledgement<typeof PacketType.Puback>;
export type PubrecPacket = Acknowledgement<typeof PacketType.Pubrec>;
export type PubrelPacket = Acknowledgement<typeof PacketType.Pubrel>;
export type PubcompPacket = Acknowledgement<typeof PacketType.Pubcomp>;

/** Topic Filter and Subscription Options of one SUBSCRIBE entry. §3.8.3.1 */
export interface SubscriptionRequest {
  readonly topicFilter: string;
  readonly qos: QoS;
  readonly noLocal: boolean;
  readonly retainAsPublished: boolean;
  readonly retainHandling: 0 | 1 | 2;
}
export interface SubscribePacket {
  readonly type: typeof PacketType.Subscribe;
  readonly packetIdentifier: number;
  readonly subscriptions: readonly SubscriptionRequest[];
  readonly properties: Properties;
}
export interface SubackPacket {
  readonly type: typeof PacketType.Suback;
  readonly packetIdentifier: number;
  readonly reasonCodes: readonly ReasonCode[];
  readonly properties: Properties;
}
export interface UnsubscribePacket {
  readonly type: typeof PacketType.Unsubscribe;
  readonly packetIdentifier: number;
  readonly topicFilters: readonly string[];
  readonly properties: Properties;
}
export interface UnsubackPacket {
  readonly type: typeof PacketType.Unsuback;
  readonly packetIdentifier: number;
  /** Empty on the wire for 3.x clients. */
  readonly reasonCodes: readonly ReasonCode[];
  readonly properties: Properties;
}
export interface PingreqPacket {
  readonly type: typeof PacketType.Pingreq;
}
export interface PingrespPacket {
  readonly type: typeof PacketType.Pingresp;
}
export interface DisconnectPacket {
  readonly type: typeof PacketType.Disconnect;
  readonly reasonCode: ReasonCode;
  readonly properties: Properties;
}
export interface AuthPacket {
  readonly type: typeof PacketType.Auth;
  readonly reasonCode: ReasonCode;
  readonly properties: Properties;
}

export type ControlPacket =
  | ConnectPacket
  | ConnackPacket
  | PublishPacket
  | PubackPacket
  | PubrecPacket
  | PubrelPacket
  | PubcompPacket
  | SubscribePacket
  | SubackPacket
  | UnsubscribePacket
  | UnsubackPacket
  | PingreqPacket
  | PingrespPacket
  | DisconnectPacket
  | AuthPacket;
