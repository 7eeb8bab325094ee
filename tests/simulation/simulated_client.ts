/** A Client of the simulation: keeps its own Session State as the specification wants it, answers when the seed says so,
 * and never breaks the protocol. @module */

import { knownTopics } from "../../src/packet/known_topics.ts";
import {
  ApplicationMessage,
  type ConnectPacket,
  type ControlPacket,
  PacketType,
  type ProtocolVersion,
  type QoS,
} from "../../src/packet/mod.ts";
import { type ObservedSession, type SentMessage, Violation } from "./oracle.ts";
import type { SeededRandom } from "./random.ts";
import type { DeliveredPublish, FromBroker, SimulatedConnection } from "./simulated_network.ts";

const encoder = new TextEncoder();
/** As good as forever in a run of a few minutes; it passes at its end. */
export const LONG_EXPIRY_S = 3_600;
/** The Receive Maximum of the simulated broker. */
export const BROKER_RECEIVE_MAXIMUM = 6;

interface Outgoing {
  readonly message: SentMessage;
  readonly packetIdentifier: number;
  isReleased: boolean;
  /** Its PUBLISH was sent on this connection: the broker counts it. */
  takesQuota: boolean;
}

export class SimulatedClient {
  connection: SimulatedConnection | undefined = undefined;
  isConnected = false;
  session: ObservedSession | undefined = undefined;
  /** What it asked for with its last CONNECT: it does not outlive the connection. */
  isTransient = true;
  /** It has no state that it could resume with. */
  mustStartClean = true;
  /** Unfinished messages that it sent, in their order. */
  readonly outgoing = new Map<number, Outgoing>();
  /** QoS 2 messages that it got and that are not released. */
  readonly incomingQoS2 = new Map<number, number>();
  /** Answers that it has not given yet: it takes its time. */
  readonly answers: ControlPacket[] = [];
  /** No session of it is left behind in the broker, whatever happened to earlier packets. */
  #brokerHasNone = true;
  #sendQuota = 0;
  #lastIdentifier = 0;

  constructor(readonly clientId: string, readonly protocolVersion: ProtocolVersion, readonly random: SeededRandom) {}

  /** The CONNECT of a new Network Connection. @param isFinal no will, resume whatever can be resumed. */
  connect(connection: SimulatedConnection, will: SentMessage | undefined, isFinal: boolean): void {
    const { random, protocolVersion } = this;
    let cleanStart = this.mustStartClean || (!isFinal && random.chance(0.15));
    if (protocolVersion === 5) {
      const expiry = isFinal ? LONG_EXPIRY_S : random.pick([0, LONG_EXPIRY_S, LONG_EXPIRY_S, 0xffff_ffff]);
      return this.#connect(connection, cleanStart, expiry, will);
    }
    // The one bit of 3.1.1 means both. A session that is kept begins where the broker has none for certain.
    if (this.#brokerHasNone && random.chance(0.8)) cleanStart = false;
    this.#connect(connection, cleanStart, cleanStart ? 0 : 0xffff_ffff, will);
  }

  #connect(connection: SimulatedConnection, cleanStart: boolean, expiry: number, will: SentMessage | undefined): void {
    const { protocolVersion, random } = this;
    connection.expectsSession = !cleanStart && !this.#brokerHasNone;
    connection.cleanStart = cleanStart;
    connection.isTransient = expiry === 0;
    if (cleanStart) this.forget();
    if (expiry > 0) this.#brokerHasNone = false;
    this.connection = connection;
    this.isConnected = false;
    this.answers.length = 0;
    this.isTransient = expiry === 0;
    connection.receiveMaximum = protocolVersion === 5 ? 1 + random.below(20) : 65_535;
    const packet: ConnectPacket = {
      type: PacketType.Connect,
      protocolVersion,
      cleanStart,
      keepAlive: random.pick([0, 0, 30]),
      clientId: this.clientId,
      will: will && {
        topicName: will.topicName,
        payload: encoder.encode(String(will.number)),
        qos: will.qos,
        retain: will.retain,
        properties: protocolVersion === 5 && random.chance(0.5) ? { willDelayInterval: 5 } : {},
      },
      userName: undefined,
      password: undefined,
      properties: protocolVersion === 5
        ? { sessionExpiryInterval: expiry, receiveMaximum: connection.receiveMaximum }
        : {},
    };
    connection.toBroker.push(packet);
  }

  /** Its own half of the session is gone. */
  forget(): void {
    this.outgoing.clear();
    this.incomingQoS2.clear();
    this.mustStartClean = true;
  }

  /** The Network Connection is over, whoever ended it. */
  left(): void {
    if (this.connection !== undefined) this.connection.isLeft = true;
    this.connection = undefined;
    this.isConnected = false;
    this.answers.length = 0;
    if (this.isTransient) this.forget();
  }

  get canPublish(): boolean {
    return this.#sendQuota > 0;
  }

  publish(message: SentMessage): void {
    const packetIdentifier = message.qos === 0 ? 0 : this.#nextIdentifier();
    if (message.qos > 0) {
      this.#sendQuota--;
      this.outgoing.set(packetIdentifier, { message, packetIdentifier, isReleased: false, takesQuota: true });
    }
    this.connection!.toBroker.push(publishPacket(message, packetIdentifier, false));
  }

  subscribe(topicFilter: string, qos: QoS, noLocal: boolean, retainHandling: 0 | 1 | 2): void {
    this.connection!.toBroker.push({
      type: PacketType.Subscribe,
      packetIdentifier: this.#nextIdentifier(),
      subscriptions: [{ topicFilter, qos, noLocal, retainAsPublished: false, retainHandling }],
      properties: {},
    });
  }

  unsubscribe(topicFilter: string): void {
    this.connection!.toBroker.push({
      type: PacketType.Unsubscribe,
      packetIdentifier: this.#nextIdentifier(),
      topicFilters: [topicFilter],
      properties: {},
    });
  }

  /** In order, without will. */
  disconnect(sessionExpiryInterval: number | undefined): void {
    const properties = sessionExpiryInterval === undefined ? {} : { sessionExpiryInterval };
    this.connection!.toBroker.push({ type: PacketType.Disconnect, reasonCode: 0, properties });
    if (sessionExpiryInterval === 0) this.isTransient = true;
    this.left();
  }

  /** One packet of the broker. @param delivered told of each message that counts for its application. */
  receive(packet: FromBroker, delivered: (publish: DeliveredPublish, isRefused: boolean) => void): void {
    switch (packet.type) {
      case "closed":
        return this.left();
      case "publish":
        return this.#receivePublish(packet, delivered);
      case "acknowledgement":
        return this.#receiveAcknowledgement(packet.kind, packet.packetIdentifier, packet.reasonCode);
      case PacketType.Connack:
        if (packet.reasonCode !== 0) throw new Violation(`${this.clientId} was refused with ${packet.reasonCode}`);
        return this.#connected();
    }
  }

  /** Gives the oldest answer. */
  answer(): void {
    const answer = this.answers.shift();
    if (answer !== undefined) this.connection!.toBroker.push(answer);
  }

  /** Everything unfinished is repeated, in its old order [MQTT-4.4.0-1]. */
  #connected(): void {
    this.isConnected = true;
    this.mustStartClean = this.isTransient;
    if (this.isTransient && this.connection!.cleanStart) this.#brokerHasNone = true;
    this.#sendQuota = BROKER_RECEIVE_MAXIMUM;
    for (const outgoing of this.outgoing.values()) {
      const { message, packetIdentifier, isReleased } = outgoing;
      outgoing.takesQuota = !isReleased;
      if (isReleased) this.#acknowledge(PacketType.Pubrel, packetIdentifier);
      else {
        this.#sendQuota--;
        this.connection!.toBroker.push(publishPacket(message, packetIdentifier, true));
      }
    }
  }

  #receivePublish(publish: DeliveredPublish, delivered: (publish: DeliveredPublish, isRefused: boolean) => void): void {
    const { qos, packetIdentifier, number, dup } = publish;
    if (qos === 0) return delivered(publish, false);
    if (qos === 1) {
      delivered(publish, false);
      this.#acknowledge(PacketType.Puback, packetIdentifier);
      return;
    }
    const known = this.incomingQoS2.get(packetIdentifier);
    if (known !== undefined && known !== number) {
      throw new Violation(`${this.clientId} has not released #${packetIdentifier} of m${known} and gets m${number}`);
    }
    if (known !== undefined && !dup) throw new Violation(`#${packetIdentifier} is repeated without DUP`);
    const isRefused = known === undefined && this.protocolVersion === 5 && this.random.chance(0.05);
    if (known === undefined) delivered(publish, isRefused);
    if (isRefused) {
      return this.#acknowledge(PacketType.Pubrec, packetIdentifier, 0x80);
    }
    this.incomingQoS2.set(packetIdentifier, number);
    this.#acknowledge(PacketType.Pubrec, packetIdentifier);
  }

  #receiveAcknowledgement(kind: 4 | 5 | 6 | 7, packetIdentifier: number, reasonCode: number): void {
    if (kind === PacketType.Pubrel) {
      this.incomingQoS2.delete(packetIdentifier);
      return this.#acknowledge(PacketType.Pubcomp, packetIdentifier);
    }
    const outgoing = this.outgoing.get(packetIdentifier);
    if (outgoing === undefined) return;
    if (kind === PacketType.Pubrec && reasonCode < 0x80) {
      outgoing.isReleased = true;
      return this.#acknowledge(PacketType.Pubrel, packetIdentifier);
    }
    this.outgoing.delete(packetIdentifier);
    if (outgoing.takesQuota) this.#sendQuota++;
  }

  #acknowledge(type: 4 | 5 | 6 | 7, packetIdentifier: number, reasonCode: 0 | 0x80 = 0): void {
    this.answers.push({ type, packetIdentifier, reasonCode, properties: {} });
  }

  #nextIdentifier(): number {
    do this.#lastIdentifier = this.#lastIdentifier % 40 + 1; while (this.outgoing.has(this.#lastIdentifier));
    return this.#lastIdentifier;
  }
}

/** A borrowed message, as the decoder makes it: see `scribble`. */
function publishPacket(message: SentMessage, packetIdentifier: number, dup: boolean): ControlPacket {
  const { topicName, qos, retain, number, messageExpiryInterval } = message;
  const properties = messageExpiryInterval === Infinity ? {} : { messageExpiryInterval };
  const payload = encoder.encode(String(number));
  const borrowed = ApplicationMessage.create({ topicName, qos, retain, payload, properties });
  borrowed.borrowed = true;
  borrowed.setTopic(knownTopics.find(borrowed.buffer, borrowed.topicStart, borrowed.topicEnd), topicName);
  return {
    type: PacketType.Publish,
    dup,
    packetIdentifier,
    topicAlias: 0,
    subscriptionIdentifiers: undefined,
    message: borrowed,
  };
}

/** What happens to a read buffer when the turn is over. */
export function scribble(packet: ControlPacket): void {
  if (packet.type !== PacketType.Publish) return;
  packet.message.buffer.fill(0xff);
  packet.message.renew();
  packet.message.topicName = "overwritten";
}
