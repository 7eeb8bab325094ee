/** A dispatcher on a fake clock with sinks that record, for tests of single modules of this room. @module */

import { AllowAll, AnonymousAuthenticator } from "../../src/auth/allow_anonymous.ts";
import type { Identity } from "../../src/auth/authorizer.ts";
import type { ClientJournal } from "../../src/auth/client_journal.ts";
import type { BrokerParts } from "../../src/broker/broker.ts";
import { BrokerLog } from "../../src/broker/broker_log.ts";
import type { Connection } from "../../src/broker/connection.ts";
import { Door } from "../../src/broker/door.ts";
import { Dispatcher } from "../../src/broker/dispatcher.ts";
import { ClientSession } from "../../src/broker/client_session.ts";
import { ClientSubscription } from "../../src/broker/route.ts";
import { DEFAULT_LIMITS, type Limits } from "../../src/config/limits.ts";
import type { Delivery, PacketSink } from "../../src/connection/packet_sink.ts";
import { Traffic } from "../../src/connection/traffic.ts";
import { ApplicationMessage, type ConnectPacket, PacketType, type QoS } from "../../src/packet/mod.ts";
import { MemoryStore } from "../../src/persistence/memory_store.ts";
import type { Store } from "../../src/persistence/store.ts";
import { FakeClock } from "../support/fake_clock.ts";

/** An anonymous Client. */
export function identityOf(clientId: string): Identity {
  return { clientId, userName: undefined, remoteHost: "test" };
}

/** A door that lets everybody in. */
export function openDoor(): Door {
  return new Door({
    protocolVersions: [3, 4, 5],
    connectionsMax: Infinity,
    maximumPacketSize: DEFAULT_LIMITS.maximumPacketSize,
    keepAliveMaxS: 0,
  });
}

export class RecordingSink implements PacketSink {
  readonly remoteAddress = "test";
  readonly remoteHost = "test";
  readonly listenerUrl = "memory://test";
  outboundBytes = 0;
  bytesWritten = 0;
  congested = false;
  isPaused = false;
  onRelief: (() => void) | undefined = undefined;
  /** "topic payload" */
  readonly delivered: string[] = [];

  configure(): void {}
  accept(): void {}
  send(): boolean {
    return true;
  }
  acknowledge(): void {}
  deliver(message: ApplicationMessage): Delivery {
    this.delivered.push(`${message.topicName} ${new TextDecoder().decode(message.payload)}`);
    return "sent";
  }
  pauseReading(): void {
    this.isPaused = true;
  }
  resumeReading(): void {
    this.isPaused = false;
  }
  close(): void {}
}

/** What a broker is made of, for one whose turns do not end. */
export function partsOf(clock: FakeClock, store: Store, limits: Partial<Limits> = {}, sysIntervalS = 0): BrokerParts {
  const log = { isEnabled: () => false, error() {}, warning() {}, info() {}, debug() {} };
  return {
    clock,
    scheduler: { endOfTurn() {} },
    random: () => 0.5,
    limits: { ...DEFAULT_LIMITS, ...limits },
    settings: {
      protocolVersions: [3, 4, 5],
      maximumQoS: 2,
      retainAvailable: true,
      wildcardSubscriptionAvailable: true,
      sharedSubscriptionAvailable: true,
      subscriptionIdentifierAvailable: true,
      sharedSubscriptionStrategy: "round-robin",
      sysIntervalS,
      checkPayloadFormat: false,
      version: "test",
    },
    store,
    authenticator: new AnonymousAuthenticator(() => true),
    authorizer: new AllowAll(),
    traffic: new Traffic(),
    log: new BrokerLog(log, () => clock.monotonicMs()),
  };
}

export interface DispatcherUnderTest {
  readonly dispatcher: Dispatcher;
  readonly clock: FakeClock;
  readonly traffic: Traffic;
  /** Time passes, and the dispatcher looks at its deadlines. */
  pass(ms: number): void;
  connect(
    clientId: string,
    options?: Partial<ConnectPacket>,
  ): { readonly sink: RecordingSink; readonly connection: Connection };
  subscribe(connection: Connection, topicFilter: string, qos?: QoS): void;
  publish(connection: Connection, topicName: string, payload: string, qos?: QoS): void;
}

export async function makeDispatcher(
  limits: Partial<Limits> = {},
  sysIntervalS = 0,
  store: Store = new MemoryStore(),
  journal?: ClientJournal,
): Promise<DispatcherUnderTest> {
  const clock = new FakeClock();
  const traffic = new Traffic();
  let ends: (() => void)[] = [];
  const endTurn = () => {
    const due = ends;
    ends = [];
    for (const end of due) end();
  };
  const parts = { ...partsOf(clock, store, limits, sysIntervalS), traffic, journal };
  const dispatcher = new Dispatcher(
    { ...parts, scheduler: { endOfTurn: (callback) => void ends.push(callback) } },
    () => {},
  );
  await dispatcher.load();
  endTurn();
  return {
    dispatcher,
    clock,
    traffic,
    pass(ms) {
      clock.advance(ms);
      dispatcher.tick();
      endTurn();
    },
    connect(clientId, options = {}) {
      const sink = new RecordingSink();
      const connection = dispatcher.open(sink);
      sink.onRelief = () => dispatcher.relieved(connection);
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
        ...options,
      });
      endTurn();
      return { sink, connection };
    },
    subscribe(connection, topicFilter, qos = 0) {
      const request = { topicFilter, qos, noLocal: false, retainAsPublished: false, retainHandling: 0 } as const;
      dispatcher.received(connection, {
        type: PacketType.Subscribe,
        packetIdentifier: 1,
        subscriptions: [request],
        properties: {},
      });
      endTurn();
    },
    publish(connection, topicName, payload, qos = 0) {
      dispatcher.received(connection, {
        type: PacketType.Publish,
        dup: false,
        packetIdentifier: qos === 0 ? 0 : 1,
        topicAlias: 0,
        subscriptionIdentifiers: undefined,
        message: ApplicationMessage.create({ topicName, payload: new TextEncoder().encode(payload), qos }),
      });
      endTurn();
    },
  };
}

/** A subscription of a session of its own, or of `session`. */
export function subscriptionOf(
  session: ClientSession | string,
  topicFilter: string,
  options: { qos?: QoS; noLocal?: boolean; retainAsPublished?: boolean; identifier?: number } = {},
): ClientSubscription {
  const { qos = 0, noLocal = false, retainAsPublished = false, identifier = 0 } = options;
  const owner = typeof session === "string" ? new ClientSession(identityOf(session), DEFAULT_LIMITS) : session;
  return new ClientSubscription(
    owner,
    topicFilter,
    undefined,
    topicFilter,
    qos,
    noLocal,
    retainAsPublished,
    identifier,
  );
}
