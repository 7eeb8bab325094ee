/** A client that does just what a test says: no automatic answers, no checks of its own, broken packets on request.
 * In: packets or bytes. Out: what the Server sent, packet by packet, in order. @module */

import { assertEquals } from "@std/assert";
import { deadline } from "@std/async/deadline";
import {
  ApplicationMessage,
  ByteWriter,
  type ConnackPacket,
  type ConnectWill,
  type ControlPacket,
  Decoder,
  encodePacket,
  PacketType,
  type Properties,
  type ProtocolVersion,
  type QoS,
  type ReasonCode,
  type SubackPacket,
  type SubscriptionRequest,
  type UnsubackPacket,
} from "../../src/packet/mod.ts";
import type { ByteStream } from "../../src/transport/byte_stream.ts";

/** How long a test waits for what must come. Only ever reached when a test fails. */
const PATIENCE_MS = 5_000;
let counter = 0;

export interface ConnectOptions {
  readonly protocolVersion?: ProtocolVersion;
  readonly clientId?: string;
  readonly cleanStart?: boolean;
  readonly keepAlive?: number;
  readonly will?: Partial<ConnectWill> & { readonly topicName: string };
  readonly userName?: string;
  readonly password?: Uint8Array;
  readonly properties?: Properties;
}

/** A PUBLISH as it came, in values of its own. */
export interface ReceivedPublish {
  readonly type: typeof PacketType.Publish;
  readonly topicName: string;
  /** The payload as text. */
  readonly text: string;
  readonly payload: Uint8Array;
  readonly qos: QoS;
  readonly retain: boolean;
  readonly dup: boolean;
  readonly packetIdentifier: number;
  /** 0 = none. */
  readonly topicAlias: number;
  /** With subscriptionIdentifiers, if there are any. */
  readonly properties: Properties;
}
type OtherPacket = Exclude<ControlPacket, { message: ApplicationMessage }>;
export type ReceivedPacket = ReceivedPublish | OtherPacket;

export interface PublishOptions {
  readonly qos?: QoS;
  readonly retain?: boolean;
  readonly dup?: boolean;
  readonly packetIdentifier?: number;
  readonly topicAlias?: number;
  readonly properties?: Properties;
}

export class TestClient {
  protocolVersion: ProtocolVersion = 5;
  clientId = "";
  readonly #decoder = new Decoder({ sender: "server", connectPacketSizeMax: 2 ** 28 + 8, userPropertiesMax: Infinity });
  #packetIdentifier = 0;

  constructor(readonly stream: ByteStream) {
    this.#decoder.maximumPacketSize = 2 ** 28 + 8;
  }

  /** Sends CONNECT and takes CONNACK. @throws when it is not 0x00. */
  async connect(options: ConnectOptions = {}): Promise<ConnackPacket> {
    await this.sendConnect(options);
    const connack = await this.expect(PacketType.Connack);
    assertEquals(connack.reasonCode, 0, `CONNACK of ${this.clientId}`);
    return connack;
  }

  async sendConnect(options: ConnectOptions = {}): Promise<void> {
    const { protocolVersion = 5, clientId = `client-${++counter}`, cleanStart = true, keepAlive = 0 } = options;
    this.protocolVersion = this.#decoder.protocolVersion = protocolVersion;
    this.clientId = clientId;
    const will = options.will &&
      { payload: new Uint8Array(), qos: 0 as QoS, retain: false, properties: {}, ...options.will };
    await this.send({
      type: PacketType.Connect,
      protocolVersion,
      cleanStart,
      keepAlive,
      clientId,
      will,
      userName: options.userName,
      password: options.password,
      properties: options.properties ?? {},
    });
  }

  /** What the Server's answers are read as, for a test that sends its CONNECT as bytes. */
  speak(protocolVersion: ProtocolVersion): void {
    this.protocolVersion = this.#decoder.protocolVersion = protocolVersion;
  }

  async send(packet: OtherPacket): Promise<void> {
    const writer = new ByteWriter();
    if (!encodePacket(writer, packet, this.protocolVersion, Infinity)) throw new Error("not encodable");
    await this.sendBytes(writer.buffer.subarray(0, writer.length));
  }

  async sendBytes(bytes: Uint8Array): Promise<void> {
    for (let from = 0; from < bytes.length;) from += await this.stream.write(bytes.subarray(from));
  }

  /** Sends PUBLISH and awaits no answer. @returns its Packet Identifier, 0 at QoS 0. */
  async publish(topicName: string, payload: string | Uint8Array, options: PublishOptions = {}): Promise<number> {
    const { qos = 0, retain = false, dup = false, topicAlias = 0, properties } = options;
    const packetIdentifier = qos === 0 ? 0 : options.packetIdentifier ?? this.nextPacketIdentifier();
    const message = ApplicationMessage.create({
      topicName,
      payload: typeof payload === "string" ? new TextEncoder().encode(payload) : payload,
      qos,
      retain,
      properties,
    });
    const writer = new ByteWriter();
    const packet: ControlPacket = {
      type: PacketType.Publish,
      dup,
      packetIdentifier,
      topicAlias,
      subscriptionIdentifiers: properties?.subscriptionIdentifiers,
      message,
    };
    if (!encodePacket(writer, packet, this.protocolVersion, Infinity)) throw new Error("not encodable");
    await this.sendBytes(writer.buffer.subarray(0, writer.length));
    return packetIdentifier;
  }

  /** PUBLISH at QoS 1 or 2 with the whole handshake. @returns the Reason Code of PUBACK or PUBREC. */
  async publishAcknowledged(
    topicName: string,
    payload: string | Uint8Array,
    options: PublishOptions & { readonly qos: 1 | 2 },
  ): Promise<ReasonCode> {
    const packetIdentifier = await this.publish(topicName, payload, options);
    const answer = await this.expect(options.qos === 1 ? PacketType.Puback : PacketType.Pubrec);
    assertEquals(answer.packetIdentifier, packetIdentifier);
    if (options.qos === 2 && answer.reasonCode < 0x80) {
      await this.acknowledge(PacketType.Pubrel, packetIdentifier);
      assertEquals((await this.expect(PacketType.Pubcomp)).packetIdentifier, packetIdentifier);
    }
    return answer.reasonCode;
  }

  /** PUBACK, PUBREC, PUBREL or PUBCOMP. */
  async acknowledge(type: 4 | 5 | 6 | 7, packetIdentifier: number, reasonCode: ReasonCode = 0): Promise<void> {
    await this.send({ type, packetIdentifier, reasonCode, properties: {} });
  }

  /** SUBSCRIBE to one filter or several, and SUBACK. */
  async subscribe(
    filters: string | readonly string[],
    options: Partial<Omit<SubscriptionRequest, "topicFilter">> & { readonly properties?: Properties } = {},
  ): Promise<SubackPacket> {
    const packetIdentifier = this.nextPacketIdentifier();
    const { properties = {}, ...rest } = options;
    const subscriptions = (typeof filters === "string" ? [filters] : filters).map((topicFilter) => ({
      topicFilter,
      qos: 0 as QoS,
      noLocal: false,
      retainAsPublished: false,
      retainHandling: 0 as const,
      ...rest,
    }));
    await this.send({ type: PacketType.Subscribe, packetIdentifier, subscriptions, properties });
    const suback = await this.expect(PacketType.Suback);
    assertEquals(suback.packetIdentifier, packetIdentifier);
    return suback;
  }

  async unsubscribe(filters: string | readonly string[]): Promise<UnsubackPacket> {
    const packetIdentifier = this.nextPacketIdentifier();
    const topicFilters = typeof filters === "string" ? [filters] : filters;
    await this.send({ type: PacketType.Unsubscribe, packetIdentifier, topicFilters, properties: {} });
    const unsuback = await this.expect(PacketType.Unsuback);
    assertEquals(unsuback.packetIdentifier, packetIdentifier);
    return unsuback;
  }

  /** DISCONNECT, and the end of the connection. */
  async disconnect(reasonCode: ReasonCode = 0, properties: Properties = {}): Promise<void> {
    await this.send({ type: PacketType.Disconnect, reasonCode, properties });
    await this.expectClosed();
  }

  /** Ends the connection without DISCONNECT. */
  drop(): void {
    this.stream.close();
  }

  /** The next packet, or undefined at the end of the connection. @throws TimeoutError when nothing comes. */
  async receive(): Promise<ReceivedPacket | undefined> {
    for (;;) {
      const packet = this.#decoder.next();
      if (packet !== undefined) return ownValues(packet);
      const count = await deadline(this.stream.read(this.#decoder.room()), PATIENCE_MS);
      if (count === null) return undefined;
      this.#decoder.received(count);
    }
  }

  /** The next packet, which must be of this type. */
  async expect<T extends ReceivedPacket["type"]>(type: T): Promise<Extract<ReceivedPacket, { type: T }>> {
    const packet = await this.receive();
    assertEquals(packet?.type, type, `expected packet type ${type}, got ${Deno.inspect(packet)}`);
    return packet as Extract<ReceivedPacket, { type: T }>;
  }

  expectPublish(): Promise<ReceivedPublish> {
    return this.expect(PacketType.Publish);
  }

  /** Everything that was sent has been handled by the Server, and it has sent nothing to this client: PINGREQ brings
   * PINGRESP and nothing before it. */
  async expectNothing(): Promise<void> {
    await this.send({ type: PacketType.Pingreq });
    await this.expect(PacketType.Pingresp);
  }

  /** The packets that the Server has sent until now. */
  async receiveAll(): Promise<ReceivedPacket[]> {
    await this.send({ type: PacketType.Pingreq });
    const packets: ReceivedPacket[] = [];
    for (;;) {
      const packet = await this.receive();
      if (packet === undefined) throw new Error(`closed after ${Deno.inspect(packets)}`);
      if (packet.type === PacketType.Pingresp) return packets;
      packets.push(packet);
    }
  }

  /** DISCONNECT with this Reason Code, then the end. */
  async expectDisconnect(reasonCode: ReasonCode): Promise<void> {
    assertEquals((await this.expect(PacketType.Disconnect)).reasonCode, reasonCode);
    await this.expectClosed();
  }

  /** The connection ends with no further packet. */
  async expectClosed(): Promise<void> {
    let packet;
    try {
      packet = await this.receive();
    } catch (error) {
      if (error instanceof DOMException) throw error; // nothing came at all
      return; // reset
    }
    assertEquals(packet, undefined);
  }

  nextPacketIdentifier(): number {
    return this.#packetIdentifier = this.#packetIdentifier % 65_535 + 1;
  }
}

/** PUBLISH packets are one reused object of the decoder: a test keeps a copy. */
function ownValues(packet: ControlPacket): ReceivedPacket {
  if (packet.type !== PacketType.Publish) return packet;
  const { message, dup, packetIdentifier, topicAlias, subscriptionIdentifiers } = packet;
  const payload = message.payload.slice();
  return {
    type: PacketType.Publish,
    topicName: message.topicName,
    text: new TextDecoder().decode(payload),
    payload,
    qos: message.qos,
    retain: message.retain,
    dup,
    packetIdentifier,
    topicAlias,
    properties: subscriptionIdentifiers === undefined
      ? message.properties
      : { ...message.properties, subscriptionIdentifiers: [...subscriptionIdentifiers] },
  };
}
