/** Packets → bytes for one peer: implements the broker's PacketSink on an Outbound, and the client's side as well. Spec §3.
 * Knows what this Client can take: its protocol version, Maximum Packet Size and aliases. @module */

import type { ApplicationMessage } from "../packet/application_message.ts";
import { PacketType, type ProtocolVersion, type QoS } from "../packet/control_packet.ts";
import { encodeAcknowledgement, encodePacket } from "../packet/encoder.ts";
import { isOf } from "../packet/layout_frames.ts";
import { addressFrame } from "../packet/publish_frame.ts";
import { readdressFrames } from "../packet/publish_layout.ts";
import type { ReasonCode } from "../packet/reason_code.ts";
import type { ByteStream, PeerCertificate } from "../transport/byte_stream.ts";
import { Outbound, type OutboundOwner } from "./outbound.ts";
import type { PacketObserver } from "./packet_observer.ts";
import type {
  ClientPacket,
  Delivery,
  IncomingSettings,
  PacketSink,
  ServerPacket,
  SinkSettings,
} from "./packet_sink.ts";
import { GateKeeper, type ReadGate } from "./read_gate.ts";
import { OutgoingTopicAliases } from "./topic_aliases.ts";
import type { Traffic } from "./traffic.ts";
import type { WriteTurn } from "./write_turn.ts";

/** The bounds that a writer keeps, from config/limits. */
export interface WriterLimits {
  readonly outboundBytesMax: number;
  readonly outboundMarkBytes: number;
  readonly topicAliasOutgoingMax: number;
  readonly closeTimeoutMs: number;
}

/** What all connections of one server share. */
export interface WriterContext {
  readonly limits: WriterLimits;
  readonly writeTurn: WriteTurn;
  readonly traffic: Traffic;
  readonly observer: PacketObserver | undefined;
}

export interface ReliefListener {
  relieved(): void;
}

export class PacketWriter implements PacketSink, OutboundOwner {
  /** Told when a writer that was congested no longer is. An object, since a function for each connection takes more memory. */
  listener: ReliefListener | undefined = undefined;
  /** Set by `accept`, read by the reader. */
  incoming: IncomingSettings | undefined = undefined;
  readonly #outbound: Outbound;
  #version: ProtocolVersion = 5;
  #frameVersion: 4 | 5 = 5;
  #maximumPacketSize = 0xffff_ffff;
  #requestProblemInformation = true;
  #aliases: OutgoingTopicAliases | undefined = undefined;
  #clientId: string | undefined = undefined;
  #isClosing = false;
  #hasEnded = false;
  #closeTimer: ReturnType<typeof setTimeout> | undefined = undefined;

  constructor(
    readonly stream: ByteStream,
    readonly listenerUrl: string,
    readonly gate: ReadGate,
    readonly context: WriterContext,
  ) {
    this.#outbound = new Outbound(stream, context.writeTurn, context.traffic, context.limits.outboundMarkBytes, this);
  }

  get remoteAddress(): string {
    return this.stream.remoteAddress;
  }

  get remoteHost(): string {
    return this.stream.remoteHost;
  }

  get peerCertificate(): PeerCertificate | undefined {
    return this.stream.peerCertificate;
  }

  /** For the observer: the Client Identifier once the Client is let in, before that the remote address. */
  get name(): string {
    return this.#clientId ?? this.stream.remoteAddress;
  }

  relieved(): void {
    this.gate.open(GateKeeper.Writer);
    this.listener?.relieved();
  }

  wroteAll(): void {
    if (this.#isClosing) this.stream.endWriting();
  }

  /** The reader sees the same connection fail and reports it; here it only has to be let go. */
  brokeWriting(): void {
    this.end();
  }

  get outboundBytes(): number {
    return this.#outbound.bytes;
  }

  get bytesWritten(): number {
    return this.#outbound.bytesWritten;
  }

  get congested(): boolean {
    return this.#outbound.congested;
  }

  configure(settings: SinkSettings): void {
    this.#version = settings.protocolVersion;
    this.#frameVersion = settings.protocolVersion === 5 ? 5 : 4;
    this.#maximumPacketSize = settings.maximumPacketSize;
    this.#requestProblemInformation = settings.requestProblemInformation;
    const aliases = Math.min(settings.topicAliasMaximum, this.context.limits.topicAliasOutgoingMax);
    this.#aliases = settings.protocolVersion === 5 && aliases > 0 ? new OutgoingTopicAliases(aliases) : undefined;
  }

  accept(incoming: IncomingSettings, clientId: string): void {
    this.incoming = incoming;
    this.#clientId = clientId;
  }

  send(packet: ServerPacket | ClientPacket): boolean {
    if (this.#isClosing) return false;
    const writer = this.#outbound.open(64);
    const before = writer.length;
    const isEncoded = encodePacket(writer, this.#allowed(packet), this.#version, this.#maximumPacketSize);
    this.#outbound.appended(writer.length - before);
    if (isEncoded) {
      this.context.observer?.sent(this.name, packet);
      this.context.traffic.packetsSent++;
    }
    this.#waitForReader();
    return isEncoded;
  }

  acknowledge(type: 4 | 5 | 6 | 7, packetIdentifier: number, reasonCode: number, reasonString?: string): void {
    if (this.#isClosing) return;
    this.context.observer?.acknowledged(this.name, type, packetIdentifier, reasonCode);
    this.context.traffic.packetsSent++;
    const writer = this.#outbound.open(8);
    const before = writer.length;
    if (reasonString === undefined || this.#version !== 5 || !this.#requestProblemInformation) {
      encodeAcknowledgement(writer, type, packetIdentifier, reasonCode, this.#version);
    } else {
      const packet = { type, packetIdentifier, reasonCode: reasonCode as ReasonCode, properties: { reasonString } };
      encodePacket(writer, packet, this.#version, this.#maximumPacketSize);
    }
    this.#outbound.appended(writer.length - before);
    this.#waitForReader();
  }

  deliver(
    message: ApplicationMessage,
    qos: QoS,
    retain: boolean,
    dup: boolean,
    packetIdentifier: number,
    subscriptionIdentifiers: readonly number[] | undefined,
    expirySeconds: number,
  ): Delivery {
    if (this.#isClosing) return "dropped";
    const aliases = this.#aliases;
    const { writeTurn: { frames }, traffic } = this.context;
    const version = this.#frameVersion;
    // 3.x has none, also in a session that was made by a 5.0 Client.
    if (version !== 5) subscriptionIdentifiers = undefined;
    let alias = aliases === undefined ? 0 : aliases.find(message.topicName);
    let isNewAlias = alias !== 0 && aliases!.isNew;
    let frame = frames.encode(
      message,
      version,
      qos,
      retain,
      subscriptionIdentifiers,
      expirySeconds,
      alias,
      isNewAlias,
    );
    if (isNewAlias && frame.size > this.#maximumPacketSize) {
      // The alias itself takes three bytes; without it the message may fit.
      isNewAlias = false;
      alias = 0;
      frame = frames.encode(message, version, qos, retain, subscriptionIdentifiers, expirySeconds, 0, true);
    }
    const size = frame.size;
    if (size > this.#maximumPacketSize) {
      traffic.publishesDropped++;
      return "too large";
    }
    const outbound = this.#outbound;
    if (qos === 0 && this.#isFullFor(size)) {
      traffic.publishesDropped++;
      return "dropped";
    }
    if (frame.mayBeReferredTo) {
      const isOfAnother = !isOf(frame, alias, subscriptionIdentifiers);
      outbound.appendRun(frame.buffer, frame.start, frame.end, alias, subscriptionIdentifiers, isOfAnother);
    } else {
      const at = outbound.appendCopy(frame.buffer, frame.start, frame.end);
      const { buffer, length } = outbound.open(0);
      if (qos !== 0) {
        addressFrame(buffer, at, frame, qos, retain, dup, packetIdentifier, alias, subscriptionIdentifiers);
      } else if (!isOf(frame, alias, subscriptionIdentifiers)) {
        readdressFrames(buffer, at, length, alias, subscriptionIdentifiers);
      }
      if (size > frame.end - frame.start) outbound.appendPayload(message);
    }
    if (isNewAlias) aliases!.assign(message.topicName);
    traffic.packetsSent++;
    traffic.publishesSent++;
    traffic.publishBytesSent += message.payloadBytes;
    // Last: who looks on may send, which makes another frame in the place of this one.
    this.context.observer?.delivered(this.name, message, qos, retain, dup, packetIdentifier, alias);
    return "sent";
  }

  pauseReading(): void {
    this.gate.close(GateKeeper.Broker);
  }

  resumeReading(): void {
    this.gate.open(GateKeeper.Broker);
  }

  /** Says that nothing more is written, once everything is. The Client is left some time to read that and to leave by
   * itself: closing at once, with bytes of its unread, would make the system send a reset, which may overtake the
   * DISCONNECT that says why. But who has said good-bye sends nothing more [MQTT-3.14.4-1]: such a connection is
   * ended at once, which saves a system call and a timer for each. */
  close(hasSaidGoodbye = false): void {
    if (this.#isClosing) return;
    if (hasSaidGoodbye && this.#outbound.isEmpty && this.stream.closeDelivers) return this.end();
    this.#isClosing = true;
    this.#openGate(); // a reader that waits must see the end
    this.#closeTimer = setTimeout(() => this.end(), this.context.limits.closeTimeoutMs);
    if (this.#outbound.isEmpty) this.stream.endWriting();
  }

  get isClosing(): boolean {
    return this.#isClosing;
  }

  /** The Network Connection is over. */
  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** Ends the Network Connection at once, whatever waits. */
  end(): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#isClosing = true;
    if (this.#closeTimer !== undefined) clearTimeout(this.#closeTimer);
    this.#outbound.discard();
    this.stream.close();
    this.#openGate();
  }

  #openGate(): void {
    this.gate.open(GateKeeper.Broker);
    this.gate.open(GateKeeper.Writer);
  }

  /** A connection that is behind takes QoS 0 up to its own bound, and only to the mark when all together are at theirs:
   * one large message to ten thousand subscribers must not take the machine. */
  #isFullFor(size: number): boolean {
    const outbound = this.#outbound;
    if (!outbound.congested && size <= outbound.markBytes) return false;
    return (outbound.congested && outbound.bytes + size > this.context.limits.outboundBytesMax) || this.#isTotalFull;
  }

  get #isTotalFull(): boolean {
    return this.context.writeTurn.bytes > this.context.writeTurn.bytesMax;
  }

  /** Answers are never dropped. So a Client that asks and does not read is not listened to any more when as much waits
   * for it as may, until it has read; its Keep Alive goes on. */
  #waitForReader(): void {
    const outbound = this.#outbound;
    if (!outbound.congested) return;
    if (outbound.bytes > this.context.limits.outboundBytesMax || this.#isTotalFull) this.gate.close(GateKeeper.Writer);
  }

  /** [MQTT-3.1.2-29]: without Request Problem Information, Reason String and User Properties go only on CONNACK,
   * DISCONNECT and PUBLISH. */
  #allowed<T extends ServerPacket | ClientPacket>(packet: T): T {
    if (this.#requestProblemInformation || !("properties" in packet)) return packet;
    if (packet.type === PacketType.Connack || packet.type === PacketType.Disconnect) return packet;
    const { reasonString: _, userProperties: __, ...properties } = packet.properties;
    return { ...packet, properties } as T;
  }
}
