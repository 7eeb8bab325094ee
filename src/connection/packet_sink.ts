/** Contract: where the broker puts what one Client shall receive. Types only; the writer implements it, and tests with
 * a list of packets. All calls are synchronous: bytes are gathered, and leave once at the end of the turn. @module */

import type { PeerCertificate } from "../transport/byte_stream.ts";
import type { ApplicationMessage } from "../packet/application_message.ts";
import type {
  AuthPacket,
  ConnackPacket,
  ConnectPacket,
  DisconnectPacket,
  PingreqPacket,
  PingrespPacket,
  ProtocolVersion,
  QoS,
  SubackPacket,
  SubscribePacket,
  UnsubackPacket,
  UnsubscribePacket,
} from "../packet/control_packet.ts";

export type ServerPacket =
  | ConnackPacket
  | SubackPacket
  | UnsubackPacket
  | PingrespPacket
  | DisconnectPacket
  | AuthPacket;

/** The same from a Client's side. */
export type ClientPacket =
  | ConnectPacket
  | SubscribePacket
  | UnsubscribePacket
  | PingreqPacket
  | DisconnectPacket
  | AuthPacket;

/** What became of a PUBLISH: it is on its way; the client's Maximum Packet Size forbids it, so it counts as delivered
 * [MQTT-3.1.2-25]; the outbound buffer is full, and a QoS 0 message was dropped. */
export type Delivery = "sent" | "too large" | "dropped";

/** What CONNECT negotiated for this direction. */
export interface SinkSettings {
  readonly protocolVersion: ProtocolVersion;
  /** Bytes: the Client's Maximum Packet Size, or 0xFFFFFFFF. */
  readonly maximumPacketSize: number;
  /** The Client's Topic Alias Maximum: aliases 1…n may be used towards it. */
  readonly topicAliasMaximum: number;
  /** false: Reason String and User Properties only on PUBLISH, CONNACK and DISCONNECT [MQTT-3.1.2-29]. */
  readonly requestProblemInformation: boolean;
}

/** What the Server announced for the Client's direction. */
export interface IncomingSettings {
  /** Bytes: the Server's Maximum Packet Size. */
  readonly maximumPacketSize: number;
  /** The Server's Topic Alias Maximum; 0 = the Client may use none. */
  readonly topicAliasMaximum: number;
}

export interface PacketSink {
  readonly remoteAddress: string;
  readonly remoteHost: string;
  /** "mqtt://127.0.0.1:1883": the listener that the connection came through. */
  readonly listenerUrl: string;
  readonly peerCertificate?: PeerCertificate;
  /** Once, before the first packet is sent. */
  configure(settings: SinkSettings): void;
  /** The Client is let in: what it may send from now on, and who it is for those who look on. */
  accept(incoming: IncomingSettings, clientId: string): void;
  /** @returns false when the packet cannot be told to this Client: it is larger than its Maximum Packet Size, or its
   * protocol version does not have it. */
  send(packet: ServerPacket): boolean;
  /** PUBACK 4, PUBREC 5, PUBREL 6, PUBCOMP 7. `reasonString` is left out where it is not wanted or does not fit. */
  acknowledge(type: 4 | 5 | 6 | 7, packetIdentifier: number, reasonCode: number, reasonString?: string): void;
  /** @param packetIdentifier 0 at QoS 0. @param expirySeconds what is left, or NEVER_EXPIRES. */
  deliver(
    message: ApplicationMessage,
    qos: QoS,
    retain: boolean,
    dup: boolean,
    packetIdentifier: number,
    subscriptionIdentifiers: readonly number[] | undefined,
    expirySeconds: number,
  ): Delivery;
  /** Bytes that wait to be written. */
  readonly outboundBytes: number;
  /** Bytes that the transport has taken since the Network Connection was opened. */
  readonly bytesWritten: number;
  /** true while `outboundBytes` is above the mark from which publishers shall wait. When it no longer is, the dispatcher is
   * told (`relieved`), in a turn of its own. */
  readonly congested: boolean;
  /** No further packet of this Client is handed to the dispatcher until `resumeReading`; the bytes stay where they are. */
  pauseReading(): void;
  resumeReading(): void;
  /** Writes what was sent, then ends the Network Connection; at the latest after `limits.closeTimeoutMs`. After this
   * call nothing more is sent or received, and the reader reports the end once.
   * @param hasSaidGoodbye the Client has sent DISCONNECT, and reads nothing that it still waits for. Default: false. */
  close(hasSaidGoodbye?: boolean): void;
}
