/** One Client of a wire simulation: sends what it is told, answers what it gets, and holds each delivery to what is due.
 * @module */

import { assertEquals } from "@std/assert";
import { IncomingTopicAliases } from "../../src/connection/topic_aliases.ts";
import {
  ApplicationMessage,
  ByteWriter,
  type ControlPacket,
  Decoder,
  encodePacket,
  PacketType,
  type PublishPacket,
  type QoS,
} from "../../src/packet/mod.ts";
import type { MemoryStream } from "../../src/transport/memory.ts";
import type { SeededRandom } from "./random.ts";
import {
  laneOf,
  LANES,
  numberOf,
  type WireDelivery,
  type WireMessage,
  type WireModel,
  type WireReceiver,
} from "./wire_model.ts";

/** More than any simulation lasts. */
const EXPIRY_TOLERANCE_S = 10_000;

export class WireClient implements WireReceiver {
  readonly due: WireDelivery[][] = Array.from({ length: LANES }, () => []);
  /** Numbers of retained messages that came for a subscription. */
  readonly retained = new Set<number>();
  maximumPacketSize: number;
  readonly receiveMaximum: number;
  /** What went wrong first. */
  error: unknown = undefined;
  isConnected = false;
  hasLeft = false;
  /** It answers at once. */
  isEager = false;
  /** QoS 1 and 2 messages that the broker has not answered in full. */
  unanswered = 0;
  readonly #random: SeededRandom;
  readonly #decoder = new Decoder({ sender: "server", connectPacketSizeMax: 2 ** 28, userPropertiesMax: 1000 });
  #aliases = new IncomingTopicAliases(0);
  /** Ours, by Topic Name. */
  readonly #ownAliases = new Map<string, number>();
  #ownAliasMaximum = 0;
  #packetIdentifier = 0;
  /** Of the broker, at QoS 1 and 2. */
  readonly #open = new Set<number>();
  /** Answers that are not given yet, and those that must be. */
  readonly #answers: ControlPacket[] = [];
  #writer = new ByteWriter();
  #isWriting = false;
  #isAsleep: PromiseWithResolvers<void> | undefined = undefined;

  constructor(
    readonly clientId: string,
    readonly protocolVersion: 4 | 5,
    readonly stream: MemoryStream,
    readonly model: WireModel,
    random: SeededRandom,
    /** Its session outlives this connection. */
    readonly persists: boolean,
  ) {
    this.#random = random;
    this.#decoder.protocolVersion = protocolVersion;
    const is5 = protocolVersion === 5;
    this.maximumPacketSize = is5 ? random.pick([2 ** 28, 2 ** 28, 400, 6_000]) : 2 ** 28;
    this.receiveMaximum = is5 ? random.pick([65_535, 65_535, 1, 3]) : 65_535;
    this.#aliases = new IncomingTopicAliases(is5 ? random.pick([0, 1, 2, 100]) : 0);
  }

  /** @param former whose session it goes on with. */
  connect(former?: WireClient): void {
    if (former !== undefined) {
      // What waits was compared with that of the former one, and what it did not release is known to the broker.
      this.maximumPacketSize = former.maximumPacketSize;
      this.#packetIdentifier = former.#packetIdentifier;
    }
    const { maximumPacketSize, receiveMaximum, clientId, protocolVersion } = this;
    this.#decoder.maximumPacketSize = maximumPacketSize;
    const topicAliasMaximum = this.#aliases.maximum;
    const sessionExpiryInterval = this.persists ? 0xffff_ffff : 0;
    const properties = { maximumPacketSize, receiveMaximum, topicAliasMaximum, sessionExpiryInterval };
    for (const [lane, due] of former?.due.entries() ?? []) this.due[lane].push(...due.splice(0));
    this.model.enter(this);
    this.send({
      type: PacketType.Connect,
      ...{ protocolVersion, cleanStart: !this.persists, keepAlive: 0, clientId },
      properties: protocolVersion === 5 ? properties : {},
      ...{ will: undefined, userName: undefined, password: undefined },
    });
    this.#read().catch((error) => {
      if (!this.hasLeft) this.error ??= error;
    });
  }

  /** With what was sent before and has not left yet, as one write. */
  send(packet: ControlPacket): void {
    encodePacket(this.#writer, packet, this.protocolVersion, Infinity);
    if (!this.#isWriting) this.#write();
  }

  subscribe(
    topicFilter: string,
    qos: QoS,
    noLocal = false,
    retainAsPublished = false,
    identifier = 0,
    retainHandling: 0 | 2 = 0,
  ): void {
    const is5 = this.protocolVersion === 5;
    this.send({
      type: PacketType.Subscribe,
      packetIdentifier: this.#nextIdentifier(),
      subscriptions: [{ topicFilter, qos, noLocal, retainAsPublished, retainHandling }],
      properties: is5 && identifier > 0 ? { subscriptionIdentifiers: [identifier] } : {},
    });
  }

  unsubscribe(topicFilter: string): void {
    this.send({
      type: PacketType.Unsubscribe,
      packetIdentifier: this.#nextIdentifier(),
      topicFilters: [topicFilter],
      properties: {},
    });
  }

  publish(message: WireMessage): void {
    const { topicName, qos } = message;
    if (qos > 0) this.unanswered++;
    let topicAlias = this.#ownAliases.get(topicName) ?? 0;
    const isKnown = topicAlias > 0 && this.#random.chance(0.9);
    if (topicAlias === 0 && this.#ownAliases.size < this.#ownAliasMaximum && this.#random.chance(0.3)) {
      this.#ownAliases.set(topicName, topicAlias = this.#ownAliases.size + 1);
    }
    const sent = ApplicationMessage.create(message);
    if (isKnown) {
      sent.topicName = "";
      sent.topicEnd = sent.topicStart;
    }
    this.send({
      type: PacketType.Publish,
      dup: false,
      packetIdentifier: qos === 0 ? 0 : this.#nextIdentifier(),
      topicAlias,
      subscriptionIdentifiers: undefined,
      message: sent,
    });
  }

  /** Gives some of the answers that it owes. */
  answer(count: number): void {
    for (; count > 0 && this.#answers.length > 0; count--) {
      const at = this.#random.chance(0.8) ? 0 : this.#random.below(this.#answers.length);
      const [packet] = this.#answers.splice(at, 1);
      if (packet.type === PacketType.Puback || packet.type === PacketType.Pubcomp) {
        this.#open.delete(packet.packetIdentifier);
      }
      this.send(packet);
    }
  }

  get owesAnswers(): boolean {
    return this.#answers.length > 0;
  }

  /** Nothing is read any more until `wake`. */
  sleep(): void {
    this.#isAsleep ??= Promise.withResolvers();
  }

  wake(): void {
    this.#isAsleep?.resolve();
    this.#isAsleep = undefined;
  }

  /** Without a word, in the middle of anything. */
  leave(): void {
    this.hasLeft = true;
    this.isConnected = false;
    for (const published of [0, 1, 2] as const) this.due[laneOf(0, published)].length = 0;
    if (!this.persists) this.model.leave(this);
    if (this.#random.chance(0.5)) this.stream.reset();
    else this.stream.close();
    this.wake();
  }

  #nextIdentifier(): number {
    return this.#packetIdentifier = this.#packetIdentifier % 65_535 + 1;
  }

  async #write(): Promise<void> {
    this.#isWriting = true;
    try {
      while (this.#writer.length > 0) {
        const bytes = this.#writer.written;
        this.#writer = new ByteWriter();
        for (let from = 0; from < bytes.length;) from += await this.stream.write(bytes.subarray(from));
      }
    } catch (error) {
      if (!this.hasLeft) this.error ??= error;
    }
    this.#isWriting = false;
  }

  async #read(): Promise<void> {
    while (!this.hasLeft) {
      await this.#isAsleep?.promise;
      const count = await this.stream.read(this.#decoder.room());
      if (count === null) throw new Error("the broker has ended the connection");
      this.#decoder.received(count);
      for (let packet = this.#decoder.next(); packet !== undefined; packet = this.#decoder.next()) {
        if (!this.hasLeft) this.#receive(packet);
      }
      if (this.isEager) this.answer(Infinity);
    }
  }

  #receive(packet: ControlPacket): void {
    switch (packet.type) {
      case PacketType.Connack:
        assertEquals(packet.reasonCode, 0);
        this.#ownAliasMaximum = packet.properties.topicAliasMaximum ?? 0;
        return;
      case PacketType.Publish:
        return this.#receivePublish(packet);
      case PacketType.Puback:
      case PacketType.Pubcomp:
        this.unanswered--;
        return;
      case PacketType.Pubrec:
        if (packet.reasonCode >= 0x80) this.unanswered--;
        else this.send({ ...packet, type: PacketType.Pubrel, reasonCode: 0, properties: {} });
        return;
      case PacketType.Pubrel:
        this.#answers.push({ ...packet, type: PacketType.Pubcomp, reasonCode: 0, properties: {} });
        return;
      case PacketType.Disconnect:
        throw new Error(`sent away with ${packet.reasonCode}: ${packet.properties.reasonString}`);
    }
  }

  #receivePublish(packet: PublishPacket): void {
    if (packet.topicAlias !== 0) this.#aliases.resolve(packet);
    const { message, packetIdentifier } = packet;
    if (message.qos > 0) {
      this.#open.add(packetIdentifier);
      if (this.#open.size > this.receiveMaximum) throw new Error(`${this.#open.size} of ${this.receiveMaximum} open`);
      const type = message.qos === 1 ? PacketType.Puback : PacketType.Pubrec;
      this.#answers.push({ type, packetIdentifier, reasonCode: 0, properties: {} });
    }
    const number = numberOf(message.payload);
    const here = `message ${number} for ${this.clientId}`;
    const due = this.due[laneOf(message.qos, this.model.messages[number].qos)];
    const isNext = due.find((delivery) => !delivery.isOptional || delivery.message.number === number)?.message.number;
    if (isNext !== number && (packet.dup || message.retain)) {
      // It had come on the connection before; or for a subscription.
      if (!packet.dup) this.retained.add(number);
      return this.#checkContent(message, this.model.messages[number], here);
    }
    while (due.length > 0 && due[0].isOptional && due[0].message.number !== number) due.shift();
    const delivery = due.shift();
    assertEquals(delivery?.message.number, number, `${here} came instead of ${delivery?.message.number}`);
    assertEquals([message.qos, message.retain], [delivery!.qos, delivery!.retain], here);
    this.#checkContent(message, delivery!.message, here);
    const identifiers = [...packet.subscriptionIdentifiers ?? []].sort((a, b) => a - b);
    assertEquals(identifiers, delivery!.subscriptionIdentifiers, here);
  }

  #checkContent(message: ApplicationMessage, { topicName, payload, properties }: WireMessage, here: string): void {
    assertEquals([message.topicName, message.payload.length], [topicName, payload.length], here);
    assertEquals(indexOfDifference(message.payload, payload), -1, here);
    if (this.protocolVersion === 4) return;
    const received = message.properties;
    // It waited, and its Message Expiry Interval has become less.
    const { messageExpiryInterval: left = 0 } = received;
    const { messageExpiryInterval: interval = 0 } = properties;
    if (left > interval - EXPIRY_TOLERANCE_S && left < interval) received.messageExpiryInterval = interval;
    assertEquals(received, properties, here);
  }
}

function indexOfDifference(one: Uint8Array, other: Uint8Array): number {
  return one.findIndex((byte, at) => byte !== other[at]);
}
