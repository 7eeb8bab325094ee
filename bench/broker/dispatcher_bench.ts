/** The dispatcher alone: PUBLISH packets in, calls of packet sinks out; no bytes, no sockets.
 * In: receivers and QoS. Out: a run of one turn, which says how many deliveries it made. @module */

import { AllowAll, AnonymousAuthenticator } from "../../src/auth/allow_anonymous.ts";
import { systemClock } from "../../src/base/clock.ts";
import { BrokerLog } from "../../src/broker/broker_log.ts";
import type { Connection } from "../../src/broker/connection.ts";
import { Dispatcher } from "../../src/broker/dispatcher.ts";
import { DEFAULT_LIMITS } from "../../src/config/limits.ts";
import type { Delivery, PacketSink } from "../../src/connection/packet_sink.ts";
import { Traffic } from "../../src/connection/traffic.ts";
import {
  ApplicationMessage,
  type ControlPacket,
  PacketType,
  type PublishPacket,
  type QoS,
} from "../../src/packet/mod.ts";
import { MemoryStore } from "../../src/persistence/memory_store.ts";

/** Counts, and keeps nothing but the identifiers that have to be acknowledged. */
class CountingSink implements PacketSink {
  readonly remoteAddress = "bench";
  readonly remoteHost = "bench";
  readonly listenerUrl = "memory://bench";
  readonly outboundBytes = 0;
  readonly bytesWritten = 0;
  readonly congested = false;
  onRelief: (() => void) | undefined = undefined;
  deliveries = 0;
  acknowledgements = 0;
  readonly unacknowledged: number[] = [];

  configure(): void {}
  accept(): void {}
  send(): boolean {
    return true;
  }
  acknowledge(): void {
    this.acknowledgements++;
  }
  deliver(_message: ApplicationMessage, qos: QoS, _retain: boolean, _dup: boolean, packetIdentifier: number): Delivery {
    this.deliveries++;
    if (qos > 0) this.unacknowledged.push(packetIdentifier);
    return "sent";
  }
  pauseReading(): void {}
  resumeReading(): void {}
  close(): void {}
}

/** @returns one run: a turn of `messages` PUBLISH packets of one publisher to `receivers` subscribers, which acknowledge
 * at once; it returns the deliveries. */
export function dispatcherWorkload(receivers: number, qos: 0 | 1, messages: number): () => number {
  const ends: (() => void)[] = [];
  const log = { isEnabled: () => false, error() {}, warning() {}, info() {}, debug() {} };
  const dispatcher = new Dispatcher({
    clock: systemClock,
    scheduler: { endOfTurn: (callback) => void ends.push(callback) },
    random: Math.random,
    limits: DEFAULT_LIMITS,
    settings: {
      protocolVersions: [5],
      maximumQoS: 2,
      retainAvailable: true,
      wildcardSubscriptionAvailable: true,
      sharedSubscriptionAvailable: true,
      subscriptionIdentifierAvailable: true,
      sharedSubscriptionStrategy: "round-robin",
      sysIntervalS: 0,
      checkPayloadFormat: false,
      version: "bench",
    },
    store: new MemoryStore(),
    authenticator: new AnonymousAuthenticator(() => true),
    authorizer: new AllowAll(),
    traffic: new Traffic(),
    log: new BrokerLog(log, () => 0),
  }, (callback) => void callback());

  const connect = (clientId: string): { sink: CountingSink; connection: Connection } => {
    const sink = new CountingSink();
    const connection = dispatcher.open(sink);
    dispatcher.received(connection, {
      type: PacketType.Connect,
      protocolVersion: 5,
      cleanStart: true,
      keepAlive: 0,
      clientId,
      will: undefined,
      userName: undefined,
      password: undefined,
      properties: {},
    });
    return { sink, connection };
  };
  const publisher = connect("publisher");
  const subscribers = Array.from({ length: receivers }, (_, i) => {
    const subscriber = connect(`subscriber ${i}`);
    const request = {
      topicFilter: "bench/+",
      qos,
      noLocal: false,
      retainAsPublished: false,
      retainHandling: 0,
    } as const;
    dispatcher.received(subscriber.connection, {
      type: PacketType.Subscribe,
      packetIdentifier: 1,
      subscriptions: [request],
      properties: {},
    });
    return subscriber;
  });
  const packet: PublishPacket = {
    type: PacketType.Publish,
    dup: false,
    packetIdentifier: qos,
    topicAlias: 0,
    subscriptionIdentifiers: undefined,
    message: ApplicationMessage.create({ topicName: "bench/topic", payload: new Uint8Array(64), qos }),
  };
  const puback: { -readonly [K in keyof Extract<ControlPacket, { type: 4 }>]: Extract<ControlPacket, { type: 4 }>[K] } =
    {
      type: PacketType.Puback,
      packetIdentifier: 0,
      reasonCode: 0,
      properties: {},
    };
  return () => {
    const before = subscribers.reduce((sum, { sink }) => sum + sink.deliveries, 0);
    for (let i = 0; i < messages; i++) {
      packet.message.renew();
      dispatcher.received(publisher.connection, packet);
      if (qos === 0) continue;
      for (const { sink, connection } of subscribers) {
        for (const packetIdentifier of sink.unacknowledged) {
          puback.packetIdentifier = packetIdentifier;
          dispatcher.received(connection, puback);
        }
        sink.unacknowledged.length = 0;
      }
    }
    for (const end of ends.splice(0)) end();
    return subscribers.reduce((sum, { sink }) => sum + sink.deliveries, 0) - before;
  };
}

for (const [receivers, qos] of [[1, 0], [100, 0], [1, 1], [100, 1]] as const) {
  const run = dispatcherWorkload(receivers, qos, 10_000 / receivers);
  Deno.bench(`10,000 deliveries at QoS ${qos}, 1 → ${receivers}`, () => void run());
}
