/** A Client with its half of the Session State, exact about what it knows: which packet was sent on which connection,
 * which answer was read. It never breaks the protocol, and a broker that vanishes is nothing special to it.
 * In: a port. Out: packets as calls. Over real TCP sockets. @module */

import {
  ApplicationMessage,
  type ControlPacket,
  PacketType,
  type Properties,
  type PubackPacket,
  type PubrecPacket,
  type QoS,
  type ReasonCode,
} from "../../src/packet/mod.ts";
import { RawLink } from "./raw_link.ts";

/** What is to be published: the client keeps it until it is done. */
export interface Publishable {
  readonly topicName: string;
  readonly payload: Uint8Array;
  readonly qos: QoS;
  readonly retain: boolean;
}

export interface RawWill extends Publishable {
  /** Seconds. */
  readonly willDelayInterval: number;
}

export interface RawClientOptions {
  readonly clientId: string;
  readonly protocolVersion: 4 | 5;
  /** Seconds; 0 = the session ends with the connection. In 3.1.1 anything else means Clean Session 0. */
  readonly sessionExpiryInterval: number;
  readonly receiveMaximum?: number;
}

/** What came of CONNECT: CONNACK, or the connection ended before it. */
export type ConnectResult = { readonly sessionPresent: boolean; readonly reasonCode: ReasonCode } | undefined;

const OutgoingStep = { Published: 0, Received: 1, Released: 2 } as const;
interface Outgoing {
  readonly message: Publishable;
  step: typeof OutgoingStep[keyof typeof OutgoingStep];
}

export interface Delivery {
  readonly topicName: string;
  readonly payload: Uint8Array;
  readonly qos: QoS;
  readonly retain: boolean;
}

export class RawClient {
  /** A message reached the application: at QoS 2 once for each identifier until PUBREL. */
  onDelivery: ((delivery: Delivery) => void) | undefined;
  /** PUBACK, or PUBREC, was read. */
  onAcknowledged: ((message: Publishable, reasonCode: ReasonCode, properties: Properties) => void) | undefined;
  onSending: ((message: Publishable) => void) | undefined;
  /** How long an answer may be kept back, in ms, each time anew; the order of answers stays [MQTT-4.6.0-2]. */
  answerDelayMs: (() => number) | undefined;
  /** true: it takes this PUBREC for lost, so that after the next connection it repeats PUBLISH, and not PUBREL. */
  forgetsPubrel: (() => boolean) | undefined;
  /** The broker sent this client away. */
  onDisconnected: ((reasonCode: ReasonCode, properties: Properties) => void) | undefined;
  /** The connection is over. */
  ended: Promise<void> = Promise.resolve();

  /** What it sent and is not finished, in the order of sending, by Packet Identifier. */
  readonly #outgoing = new Map<number, Outgoing>();
  /** QoS 2 identifiers of the broker that it has not released. */
  readonly #incoming = new Set<number>();
  readonly #subacks = new Map<number, (codes: readonly ReasonCode[] | undefined) => void>();
  #pingresps: ((isAnswered: boolean) => void)[] = [];
  #delayed: ControlPacket[] = [];
  #link: RawLink | undefined;
  #isConnected = false;
  #lastIdentifier = 0;

  constructor(readonly options: RawClientOptions) {}

  get isConnected(): boolean {
    return this.#isConnected;
  }

  get unfinished(): number {
    return this.#outgoing.size;
  }

  /** Identifiers that it waits for PUBREL with. */
  get unreleased(): number {
    return this.#incoming.size;
  }

  /** Connects once, and repeats what is unfinished if the session is there. */
  async connect(port: number, cleanStart = false, will?: RawWill): Promise<ConnectResult> {
    await this.ended;
    const link = await RawLink.open(port);
    if (link === undefined) return undefined;
    const { clientId, protocolVersion, sessionExpiryInterval, receiveMaximum } = this.options;
    this.#link = link;
    const connack = Promise.withResolvers<ConnectResult>();
    this.ended = this.#read(link, connack.resolve);
    this.#send({
      type: PacketType.Connect,
      protocolVersion,
      cleanStart: protocolVersion === 5 ? cleanStart : sessionExpiryInterval === 0,
      keepAlive: 0,
      clientId,
      will: will && {
        topicName: will.topicName,
        payload: will.payload,
        qos: will.qos,
        retain: will.retain,
        properties: protocolVersion === 5 ? { willDelayInterval: will.willDelayInterval } : {},
      },
      userName: undefined,
      password: undefined,
      properties: protocolVersion === 5
        ? { sessionExpiryInterval, ...(receiveMaximum === undefined ? {} : { receiveMaximum }) }
        : {},
    });
    const result = await connack.promise;
    if (result !== undefined && result.reasonCode !== 0) link.close();
    return result;
  }

  publish(message: Publishable): void {
    this.onSending?.(message);
    const packetIdentifier = message.qos === 0 ? 0 : this.#nextIdentifier();
    if (message.qos > 0) this.#outgoing.set(packetIdentifier, { message, step: OutgoingStep.Published });
    this.#send(publishPacket(message, packetIdentifier, false));
  }

  /** @returns undefined when the connection ended before the answer was read. */
  subscribe(filters: readonly { topicFilter: string; qos: QoS }[]): Promise<readonly ReasonCode[] | undefined> {
    const packetIdentifier = this.#nextIdentifier();
    return this.#ask(packetIdentifier, {
      type: PacketType.Subscribe,
      packetIdentifier,
      properties: {},
      subscriptions: filters.map((filter) => ({
        ...filter,
        noLocal: false,
        retainAsPublished: false,
        retainHandling: 0,
      })),
    });
  }

  unsubscribe(topicFilters: readonly string[]): Promise<readonly ReasonCode[] | undefined> {
    const packetIdentifier = this.#nextIdentifier();
    return this.#ask(packetIdentifier, {
      type: PacketType.Unsubscribe,
      packetIdentifier,
      topicFilters,
      properties: {},
    });
  }

  /** @returns false when the connection ended before. */
  ping(): Promise<boolean> {
    if (!this.#isConnected) return Promise.resolve(false);
    return new Promise((resolve) => {
      this.#pingresps.push(resolve);
      this.#send({ type: PacketType.Pingreq });
    });
  }

  /** Sends the PUBRELs that `forgetsPubrel` kept back, and delayed answers. */
  catchUp(): void {
    this.#tellDelayed();
    for (const [packetIdentifier, outgoing] of this.#outgoing) {
      if (outgoing.step !== OutgoingStep.Received) continue;
      outgoing.step = OutgoingStep.Released;
      this.#acknowledge(PacketType.Pubrel, packetIdentifier);
    }
  }

  /** DISCONNECT 0x00. @returns when the broker has closed the connection, or died. */
  async disconnect(): Promise<void> {
    if (!this.#isConnected) return;
    this.#tellDelayed();
    this.#send({ type: PacketType.Disconnect, reasonCode: 0, properties: {} });
    this.#isConnected = false;
    await this.ended;
  }

  /** Leaves without a word. */
  async drop(): Promise<void> {
    const link = this.#link;
    this.#isConnected = false;
    link?.close();
    await this.ended;
  }

  #ask(packetIdentifier: number, packet: ControlPacket): Promise<readonly ReasonCode[] | undefined> {
    if (!this.#isConnected) return Promise.resolve(undefined);
    return new Promise((resolve) => {
      this.#subacks.set(packetIdentifier, resolve);
      this.#send(packet);
    });
  }

  async #read(link: RawLink, connack: (result: ConnectResult) => void): Promise<void> {
    try {
      await link.read(this.options.protocolVersion, (packet) => {
        if (packet.type === PacketType.Connack) this.#accepted(packet, connack);
        else this.#handle(packet);
      });
    } finally {
      link.close();
      this.#isConnected = false;
      this.#link = undefined;
      this.#delayed = [];
      connack(undefined);
      for (const resolve of this.#subacks.values()) resolve(undefined);
      this.#subacks.clear();
      for (const resolve of this.#pingresps) resolve(false);
      this.#pingresps = [];
    }
  }

  #accepted(packet: ControlPacket & { type: 2 }, connack: (result: ConnectResult) => void): void {
    const { sessionPresent, reasonCode } = packet;
    if (reasonCode === 0) {
      this.#isConnected = true;
      if (!sessionPresent) {
        this.#incoming.clear();
        this.#outgoing.clear();
      }
      // [MQTT-4.4.0-1]: in their old order, with their old identifiers.
      for (const [packetIdentifier, outgoing] of this.#outgoing) {
        if (outgoing.step === OutgoingStep.Released) this.#acknowledge(PacketType.Pubrel, packetIdentifier);
        else {
          outgoing.step = OutgoingStep.Published;
          this.#send(publishPacket(outgoing.message, packetIdentifier, true));
        }
      }
    }
    connack({ sessionPresent, reasonCode });
  }

  #handle(packet: ControlPacket): void {
    switch (packet.type) {
      case PacketType.Publish: {
        const { packetIdentifier, message } = packet;
        const { topicName, qos, retain } = message;
        const isRepeated = qos === 2 && this.#incoming.has(packetIdentifier);
        if (qos === 2) this.#incoming.add(packetIdentifier);
        if (!isRepeated) this.onDelivery?.({ topicName, payload: message.payload, qos, retain });
        if (qos === 1) this.#answer(PacketType.Puback, packetIdentifier);
        if (qos === 2) this.#answer(PacketType.Pubrec, packetIdentifier);
        return;
      }
      case PacketType.Pubrel:
        this.#incoming.delete(packet.packetIdentifier);
        return this.#answer(PacketType.Pubcomp, packet.packetIdentifier);
      case PacketType.Puback:
      case PacketType.Pubrec:
        return this.#acknowledged(packet);
      case PacketType.Pubcomp:
        if (this.#outgoing.get(packet.packetIdentifier)?.step === OutgoingStep.Released) {
          this.#outgoing.delete(packet.packetIdentifier);
        }
        return;
      case PacketType.Suback:
      case PacketType.Unsuback: {
        const resolve = this.#subacks.get(packet.packetIdentifier);
        this.#subacks.delete(packet.packetIdentifier);
        return resolve?.(packet.reasonCodes);
      }
      case PacketType.Pingresp:
        return this.#pingresps.shift()?.(true);
      case PacketType.Disconnect:
        return this.onDisconnected?.(packet.reasonCode, packet.properties);
      default:
        throw new Error(`${this.options.clientId} got a packet of type ${packet.type}`);
    }
  }

  #acknowledged({ type, packetIdentifier, reasonCode, properties }: PubackPacket | PubrecPacket): void {
    const outgoing = this.#outgoing.get(packetIdentifier);
    if (outgoing !== undefined && outgoing.step === OutgoingStep.Published) {
      this.onAcknowledged?.(outgoing.message, reasonCode, properties);
    }
    if (type === PacketType.Puback || reasonCode >= 0x80) {
      this.#outgoing.delete(packetIdentifier);
      return;
    }
    if (outgoing !== undefined) {
      outgoing.step = OutgoingStep.Received;
      if (this.forgetsPubrel?.()) return;
      outgoing.step = OutgoingStep.Released;
    }
    this.#acknowledge(PacketType.Pubrel, packetIdentifier);
  }

  #answer(type: 4 | 5 | 7, packetIdentifier: number): void {
    const packet = { type, packetIdentifier, reasonCode: 0 as ReasonCode, properties: {} };
    if (this.#delayed.length === 0) {
      const delayMs = this.answerDelayMs?.() ?? 0;
      if (delayMs === 0) return this.#send(packet);
      setTimeout(() => this.#tellDelayed(), delayMs);
    }
    this.#delayed.push(packet);
  }

  #tellDelayed(): void {
    const packets = this.#delayed;
    this.#delayed = [];
    for (const packet of packets) this.#send(packet);
  }

  #acknowledge(type: 4 | 5 | 6 | 7, packetIdentifier: number): void {
    this.#send({ type, packetIdentifier, reasonCode: 0, properties: {} });
  }

  #nextIdentifier(): number {
    do this.#lastIdentifier = this.#lastIdentifier % 65_535 + 1; while (
      this.#outgoing.has(this.#lastIdentifier) || this.#subacks.has(this.#lastIdentifier)
    );
    return this.#lastIdentifier;
  }

  #send(packet: ControlPacket): void {
    this.#link?.send(packet, this.options.protocolVersion);
  }
}

function publishPacket(message: Publishable, packetIdentifier: number, dup: boolean): ControlPacket {
  return {
    type: PacketType.Publish,
    message: ApplicationMessage.create(message),
    dup,
    packetIdentifier,
    topicAlias: 0,
    subscriptionIdentifiers: undefined,
  };
}
