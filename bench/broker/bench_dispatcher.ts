/** A dispatcher without sockets, for benches: its turns end when the bench says so, and what it sends is only counted.
 * In: sinks. Out: connections that are let in. @module */

import { AllowAll, AnonymousAuthenticator } from "../../src/auth/allow_anonymous.ts";
import { systemClock } from "../../src/base/clock.ts";
import { BrokerLog } from "../../src/broker/broker_log.ts";
import type { Connection } from "../../src/broker/connection.ts";
import { Dispatcher } from "../../src/broker/dispatcher.ts";
import { DEFAULT_LIMITS } from "../../src/config/limits.ts";
import type { PacketSink } from "../../src/connection/packet_sink.ts";
import { Traffic } from "../../src/connection/traffic.ts";
import { PacketType, type ProtocolVersion, type QoS } from "../../src/packet/mod.ts";
import { MemoryStore } from "../../src/persistence/memory_store.ts";

export class BenchDispatcher {
  readonly traffic = new Traffic();
  readonly #ends: (() => void)[] = [];
  readonly dispatcher: Dispatcher;

  constructor() {
    const log = { isEnabled: () => false, error() {}, warning() {}, info() {}, debug() {} };
    this.dispatcher = new Dispatcher({
      clock: systemClock,
      scheduler: { endOfTurn: (callback) => void this.#ends.push(callback) },
      random: Math.random,
      limits: DEFAULT_LIMITS,
      settings: {
        protocolVersions: [4, 5],
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
      traffic: this.traffic,
      log: new BrokerLog(log, () => 0),
    }, (callback) => void callback());
  }

  connect(sink: PacketSink, clientId: string, protocolVersion: ProtocolVersion = 5): Connection {
    const connection = this.dispatcher.open(sink);
    this.dispatcher.received(connection, {
      type: PacketType.Connect,
      protocolVersion,
      cleanStart: true,
      keepAlive: 0,
      clientId,
      will: undefined,
      userName: undefined,
      password: undefined,
      properties: {},
    });
    return connection;
  }

  subscribe(connection: Connection, topicFilter: string, qos: QoS): void {
    this.dispatcher.received(connection, {
      type: PacketType.Subscribe,
      packetIdentifier: 1,
      subscriptions: [{ topicFilter, qos, noLocal: false, retainAsPublished: false, retainHandling: 0 }],
      properties: {},
    });
  }

  endTurn(): void {
    const ends = this.#ends;
    for (let i = 0; i < ends.length; i++) ends[i]();
    ends.length = 0;
  }
}
