/** A dispatcher without sockets, for benches: its turns end when the bench says so, and what it sends is only counted.
 * In: sinks. Out: connections that are let in. @module */

import { AllowAll, AnonymousAuthenticator } from "../../src/auth/allow_anonymous.ts";
import { systemClock } from "../../src/base/clock.ts";
import { BrokerLog } from "../../src/broker/broker_log.ts";
import type { Connection } from "../../src/broker/connection.ts";
import { Dispatcher } from "../../src/broker/dispatcher.ts";
import { DEFAULT_LIMITS, type Limits } from "../../src/config/limits.ts";
import type { Delivery, PacketSink } from "../../src/connection/packet_sink.ts";
import { Traffic } from "../../src/connection/traffic.ts";
import { type ApplicationMessage, PacketType, type ProtocolVersion, type QoS } from "../../src/packet/mod.ts";
import { MemoryStore } from "../../src/persistence/memory_store.ts";

export class BenchDispatcher {
  readonly traffic = new Traffic();
  readonly #ends: (() => void)[] = [];
  readonly dispatcher: Dispatcher;

  constructor(limits: Partial<Limits> = {}) {
    const log = { isEnabled: () => false, error() {}, warning() {}, info() {}, debug() {} };
    this.dispatcher = new Dispatcher({
      clock: systemClock,
      scheduler: { endOfTurn: (callback) => void this.#ends.push(callback) },
      random: Math.random,
      limits: { ...DEFAULT_LIMITS, ...limits },
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

/** Counts, and keeps nothing but the identifiers that have to be acknowledged. */
export class CountingSink implements PacketSink {
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
