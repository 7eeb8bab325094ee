/** The dispatcher in a world that a seed decides: which Client does what, which packet arrives next, when a turn ends,
 * when the disk is done, when the machine crashes. In: a seed. Out: nothing, or a Violation with the last events.
 * The dispatcher, the sessions, the stores are the real ones; clock, scheduler, network and Clients are simulated.
 * @module */

import { AllowAll } from "../../src/auth/allow_anonymous.ts";
import type { AuthenticationVerdict, Authenticator } from "../../src/auth/authenticator.ts";
import type { Log } from "../../src/base/log.ts";
import { BrokerLog } from "../../src/broker/broker_log.ts";
import { Dispatcher } from "../../src/broker/dispatcher.ts";
import { DEFAULT_LIMITS } from "../../src/config/limits.ts";
import { Traffic } from "../../src/connection/traffic.ts";
import { type ControlPacket, PacketType, type QoS } from "../../src/packet/mod.ts";
import { MemoryStore } from "../../src/persistence/memory_store.ts";
import { DelayedStore } from "../support/delayed_store.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { ObservedSession, Oracle, type SentMessage, SHARED_FILTER, SubscriptionSpan, Violation } from "./oracle.ts";
import { SeededRandom } from "./random.ts";
import { BROKER_RECEIVE_MAXIMUM, LONG_EXPIRY_S, scribble, SimulatedClient } from "./simulated_client.ts";
import { type FromBroker, SimulatedConnection } from "./simulated_network.ts";

const STEPS = 500;
/** Events that a failure shows. */
const EVENTS_SHOWN = 80;
/** A run that has not come to rest after so many steps never will. */
const REST_STEPS_MAX = 100_000;

/** What one run is like: drawn first, so that runs differ in kind. */
interface Character {
  readonly delaysStore: boolean;
  readonly isShared: boolean;
  readonly crashes: number;
  readonly queuedMessagesMax: number;
  readonly queuedInMemoryBytesMax: number;
  readonly queuePolicy: "drop-newest" | "drop-oldest";
  readonly markPackets: number;
  readonly versions: readonly (4 | 5)[];
  readonly laziness: number;
  /** How soon Clients come back. */
  readonly eagerness: number;
  readonly expires: boolean;
}

const silent: Log = { isEnabled: () => false, error() {}, warning() {}, info() {}, debug() {} };

/** Answers in a turn of its own, when the scheduler says so. */
class LateAuthenticator implements Authenticator {
  constructor(readonly later: (callback: () => void) => void) {}

  authenticate(_attempt: unknown, answer: (verdict: AuthenticationVerdict) => void): void {
    this.later(() => answer({ reasonCode: 0, userName: undefined }));
  }

  begin(): undefined {
    return undefined;
  }
}

export class Simulation {
  readonly #random: SeededRandom;
  readonly #character: Character;
  readonly #oracle = new Oracle();
  readonly #clock = new FakeClock();
  readonly #clients: SimulatedClient[];
  readonly #topics: readonly string[];
  readonly #filters: readonly string[];
  readonly #events: string[] = [];
  #store: MemoryStore | DelayedStore;
  #dispatcher!: Dispatcher;
  #connections: SimulatedConnection[] = [];
  /** What a broker that crashed has scheduled is never called: these lists go with it. */
  #turnEnds: (() => void)[] = [];
  #timers: { readonly dueMs: number; readonly callback: () => void }[] = [];
  #tasks: (() => void)[] = [];
  /** Counts every event, so that no two are at the same time. */
  #now = 0;
  #connectionCount = 0;
  /** The store of the broker that crashed last. */
  #lastStore: MemoryStore | DelayedStore | undefined = undefined;
  /** Wills that were due at the last start, and the ticket after which that is safe. */
  readonly #owedWills: SentMessage[] = [];
  #owedTicket = 0;
  #violation: Error | undefined = undefined;

  constructor(readonly seed: number) {
    const random = this.#random = new SeededRandom(seed);
    const isShared = random.chance(0.35);
    this.#character = {
      delaysStore: random.chance(0.9),
      isShared,
      crashes: random.chance(0.5) ? 0.004 : 0,
      queuedMessagesMax: random.chance(0.25) ? 4 : 10_000,
      // With such a bound most queues have runs.
      queuedInMemoryBytesMax: random.pick([0, 0, 0, 300, 1_000, 1_000_000]),
      queuePolicy: random.pick(["drop-newest", "drop-oldest"]),
      markPackets: random.pick([3, 20, 1_000_000]),
      versions: random.pick([[5], [4], [4, 5], [4, 5]]),
      laziness: random.pick([0, 0.5, 0.95]),
      eagerness: random.pick([0.5, 0.05, 0.02]),
      expires: random.chance(0.3),
    };
    this.#store = this.#character.delaysStore ? new DelayedStore() : new MemoryStore();
    this.#topics = isShared ? ["s/x", "s/y", "a/x"] : ["a/x", "a/y", "a/x/z", "b", "$dollar/x"];
    this.#filters = isShared
      ? [SHARED_FILTER, SHARED_FILTER, "a/x", "a/#", "+/z"]
      : ["a/x", "a/y", "a/+", "a/#", "+/x", "#", "b", "$dollar/+"];
    this.#clients = Array.from(
      { length: 2 + random.below(4) },
      (_, i) => new SimulatedClient(`client${i + 1}`, random.pick(this.#character.versions), random),
    );
  }

  /** @throws Violation with the seed and the last events. */
  async run(): Promise<void> {
    try {
      await this.#start();
      for (let step = 0; step < STEPS; step++) {
        if (this.#random.chance(this.#character.crashes)) await this.#crash();
        this.#act();
        this.#work();
        if (this.#random.chance(0.5)) this.#work();
      }
      this.#note("everybody comes back");
      this.#resumeAll();
      this.#rest();
      const sessions = this.#clients.flatMap((client) => client.isConnected ? [client.session!] : []);
      this.#oracle.checkAtEnd(sessions, this.#losesNothing);
      this.#endAllSessions();
      this.#checkNothingIsLeft();
    } catch (error) {
      const events = this.#events.slice(-EVENTS_SHOWN).join("\n  ");
      const character = JSON.stringify(this.#character);
      const text = `seed ${this.seed}: ${(error as Error).message}\n${character}\nthe last events:\n  ${events}`;
      throw new Violation(text, { cause: error });
    }
  }

  /** No queue is too small for what comes. */
  get #losesNothing(): boolean {
    return this.#character.queuedMessagesMax > 1000;
  }

  async #start(): Promise<void> {
    const { queuedMessagesMax, queuedInMemoryBytesMax, queuePolicy } = this.#character;
    if (this.#store instanceof DelayedStore) this.#store.hold();
    const turnEnds = this.#turnEnds = [];
    const timers = this.#timers = [];
    const tasks = this.#tasks = [];
    this.#dispatcher = new Dispatcher({
      clock: this.#clock,
      scheduler: { endOfTurn: (callback) => void (turnEnds as (() => void)[]).push(callback) },
      random: this.#random.next,
      limits: {
        ...DEFAULT_LIMITS,
        queuedMessagesMax,
        queuedInMemoryBytesMax,
        queuePolicy,
        receiveMaximum: BROKER_RECEIVE_MAXIMUM,
        // Without it, no route is remembered.
        matchCacheEntriesMax: this.#random.pick([0, DEFAULT_LIMITS.matchCacheEntriesMax]),
      },
      settings: {
        protocolVersions: [3, 4, 5],
        maximumQoS: 2,
        retainAvailable: true,
        wildcardSubscriptionAvailable: true,
        sharedSubscriptionAvailable: true,
        subscriptionIdentifierAvailable: true,
        sharedSubscriptionStrategy: this.#random.pick(["round-robin", "random", "sticky", "hash"]),
        sysIntervalS: 0,
        checkPayloadFormat: false,
        version: "simulated",
      },
      store: this.#store,
      authenticator: new LateAuthenticator((callback) => void (tasks as (() => void)[]).push(callback)),
      authorizer: new AllowAll(),
      traffic: new Traffic(),
      log: new BrokerLog(silent, () => this.#clock.monotonicMs()),
    }, (callback, delayMs) => {
      (timers as { dueMs: number; callback: () => void }[]).push({
        dueMs: this.#clock.monotonicMs() + delayMs,
        callback,
      });
    });
    await this.#dispatcher.load();
  }

  // What Clients and the world do.

  #act(): void {
    const random = this.#random;
    const client = random.pick(this.#clients);
    if (client.connection === undefined) {
      if (random.chance(this.#character.eagerness)) this.#connect(client, false);
      return;
    }
    if (!client.isConnected) {
      if (random.chance(0.03)) this.#drop(client);
      return;
    }
    const dice = random.next();
    if (dice < 0.06) this.#drop(client);
    else if (dice < 0.08) this.#disconnect(client);
    else if (dice < 0.20) this.#subscribe(client);
    else if (dice < 0.24) {
      const filter = random.pick(this.#filters);
      this.#note(`${client.clientId} UNSUBSCRIBE ${filter}`);
      client.unsubscribe(filter);
    } else if (dice < 0.6) this.#publish(client);
    else if (dice < 0.62) this.#passTime(random.pick([1, 60, 2_000]));
  }

  #connect(client: SimulatedClient, isFinal: boolean): void {
    const random = this.#random;
    const name = `${client.clientId}/${++this.#connectionCount}`;
    const connection = new SimulatedConnection(name, this.#character.markPackets, this.#sent);
    const will = isFinal || random.chance(0.6) ? undefined : this.#oracle.publish(
      random.pick(this.#topics),
      random.below(3) as QoS,
      random.chance(0.2),
      `${name} will`,
      true,
    );
    connection.will = will;
    client.connect(connection, will, isFinal);
    const what = `${connection.cleanStart ? "clean" : "resume"}${connection.isTransient ? ", transient" : ""}`;
    this.#note(`${name} CONNECT ${what} receiveMaximum=${connection.receiveMaximum} will=m${will?.number ?? "-"}`);
    this.#connections.push(connection);
    connection.connection = this.#dispatcher.open(connection);
  }

  /** Some of what is under way is lost, and the broker hears of it later, or by the next CONNECT. */
  #drop(client: SimulatedClient): void {
    const connection = client.connection!;
    this.#note(`${connection.name} drops`);
    // A CONNECT that comes later than the next one's would take over from it.
    if (connection.toBroker[0]?.type === PacketType.Connect) connection.toBroker.length = 0;
    else if (this.#random.chance(0.5)) connection.toBroker.splice(this.#random.below(connection.toBroker.length + 1));
    client.left();
  }

  #disconnect(client: SimulatedClient): void {
    this.#note(`${client.connection!.name} DISCONNECT`);
    const is5 = client.protocolVersion === 5;
    client.disconnect(is5 && this.#random.chance(0.2) ? 0 : undefined);
  }

  #subscribe(client: SimulatedClient): void {
    const random = this.#random;
    const filter = random.pick(this.#filters);
    const qos = random.pick<QoS>([0, 1, 1, 2, 2, 2]);
    const noLocal = client.protocolVersion === 5 && filter !== SHARED_FILTER && random.chance(0.1);
    this.#note(`${client.connection!.name} SUBSCRIBE ${filter} QoS ${qos}${noLocal ? " noLocal" : ""}`);
    client.subscribe(filter, qos, noLocal, random.below(3) as 0 | 1 | 2);
  }

  #publish(client: SimulatedClient): void {
    const random = this.#random;
    const qos = random.below(3) as QoS;
    if (qos > 0 && !client.canPublish) return;
    const message = this.#oracle.publish(random.pick(this.#topics), qos, random.chance(0.1), client.clientId, false);
    if (this.#character.expires && client.protocolVersion === 5 && random.chance(0.4)) {
      message.messageExpiryInterval = 1;
    }
    const expiry = message.messageExpiryInterval === Infinity ? "" : ", expires";
    this.#note(`${client.connection!.name} PUBLISH m${message.number} ${message.topicName} QoS ${qos}${expiry}`);
    client.publish(message);
  }

  #passTime(ms: number): void {
    // The event loop does not wait with a turn's end outstanding.
    for (const end of this.#turnEnds.splice(0)) end();
    this.#clock.advance(ms);
    this.#dispatcher.tick();
  }

  async #crash(): Promise<void> {
    this.#note("the broker crashes");
    this.#oracle.crashes++;
    this.#lastStore = this.#store;
    if (this.#store instanceof DelayedStore) {
      // The disk may have done more than it had time to tell.
      this.#store.onSafe = undefined;
      this.#store.commit(this.#random.below(this.#store.waiting + 1));
      this.#store = this.#store.crash();
    }
    this.#noteOwedWills();
    for (const connection of this.#connections) {
      // What had left the broker may still arrive.
      if (this.#random.chance(0.5)) connection.toClient.splice(this.#random.below(connection.toClient.length + 1));
      connection.toBroker.length = 0;
      connection.isClosed = true;
      connection.connection = undefined;
      connection.toClient.push({ type: "closed" });
      this.#forgetQoS1Identifiers(connection);
    }
    await this.#start();
    this.#owedTicket = this.#store.ticket;
  }

  /** The broker has died. The wills of those that were connected are owed, also of sessions that do not persist: those are
   * due at the next start. One that was published there, and got lost with another crash before it was safe, is due again. */
  #noteOwedWills(): void {
    const now = ++this.#now;
    if (this.#lastStore !== undefined && this.#lastStore.safe < this.#owedTicket) {
      for (const will of this.#owedWills) will.owedAt = now;
    } else this.#owedWills.length = 0;
    for (const { connection, isTransient, will } of this.#connections) {
      if (!connection?.isConnected || !isTransient || will === undefined) continue;
      will.owedAt = now;
      this.#owedWills.push(will);
    }
  }

  // What happens next: one thing, by lot.

  /** @returns false when there is nothing left to do. */
  #work(): boolean {
    const random = this.#random;
    const nowMs = this.#clock.monotonicMs();
    const choices: (() => void)[] = [];
    for (const connection of this.#connections) {
      if (!connection.isPaused && connection.toBroker.length > 0) choices.push(() => this.#handleOne(connection));
      if (connection.isLeft) choices.push(() => this.#end(connection));
      else if (connection.toClient.length > 0) choices.push(() => this.#receiveOne(connection));
      if (connection.isReliefDue) choices.push(() => this.#relieve(connection));
    }
    for (const client of this.#clients) {
      if (client.answers.length > 0 && client.connection !== undefined && random.chance(1 - this.#character.laziness)) {
        choices.push(() => client.answer());
      }
    }
    if (this.#turnEnds.length > 0) choices.push(() => this.#turnEnds.shift()!());
    if (this.#tasks.length > 0) choices.push(() => this.#tasks.shift()!());
    const due = this.#timers.findIndex((timer) => timer.dueMs <= nowMs);
    if (due !== -1) choices.push(() => this.#timers.splice(due, 1)[0].callback());
    const store = this.#store;
    if (store instanceof DelayedStore && store.waiting > 0) {
      choices.push(() => {
        this.#note("the disk commits");
        store.commit(1 + random.below(store.waiting));
      });
    }
    if (store instanceof DelayedStore && store.readable > 0) {
      choices.push(() => {
        const fails = random.chance(0.05);
        this.#note(fails ? "the disk cannot be read" : "the disk is read");
        store.readError = fails ? new Error("simulated") : undefined;
        store.answerRead();
      });
    }
    if (choices.length === 0) return this.#clients.some((client) => client.answers.length > 0);
    random.pick(choices)();
    if (this.#violation !== undefined) throw this.#violation;
    return true;
  }

  #handleOne(simulated: SimulatedConnection): void {
    const packet = simulated.toBroker.shift()!;
    const { connection } = simulated;
    if (connection === undefined || simulated.isClosed) return;
    this.#handled(simulated, packet, connection.isConnected);
    this.#dispatcher.received(connection, packet);
    scribble(packet);
  }

  /** The dispatcher is about to see `packet`. */
  #handled(simulated: SimulatedConnection, packet: ControlPacket, isConnected: boolean): void {
    const now = ++this.#now;
    const session = simulated.session;
    const client = this.#clientOf(simulated);
    if (packet.type === PacketType.Connect) {
      if (simulated.cleanStart || simulated.isTransient) {
        if (client.session !== undefined) client.session.isGuaranteed = false;
      }
      if (packet.will !== undefined) {
        const number = Number(new TextDecoder().decode(packet.will.payload));
        this.#oracle.message(number, packet.will.topicName).handledAt = now;
      }
      return;
    }
    if (!isConnected || session === undefined) return;
    this.#note(`  ${simulated.name} → ${describe(packet)}`);
    switch (packet.type) {
      case PacketType.Publish: {
        const { topicName, payload } = packet.message;
        const message = this.#oracle.message(Number(new TextDecoder().decode(payload)), topicName);
        message.handledAt = Math.min(message.handledAt, now);
        message.expiresAtMs = this.#clock.wallMs() + message.messageExpiryInterval * 1000;
        if (message.qos > 0) simulated.arrived.set(packet.packetIdentifier, message.number);
        return;
      }
      case PacketType.Subscribe:
        for (const { topicFilter, qos, noLocal } of packet.subscriptions) {
          for (const span of session.spans) {
            if (span.topicFilter === topicFilter) span.endingAt = Math.min(span.endingAt, now);
          }
          session.spans.push(new SubscriptionSpan(topicFilter, qos, noLocal, now));
          simulated.asked.set(packet.packetIdentifier, { topicFilter, at: now });
        }
        return;
      case PacketType.Unsubscribe:
        for (const topicFilter of packet.topicFilters) {
          for (const span of session.spans) {
            if (span.topicFilter === topicFilter) span.endingAt = Math.min(span.endingAt, now);
          }
          simulated.asked.set(packet.packetIdentifier, { topicFilter, at: now });
        }
        return;
      case PacketType.Puback:
      case PacketType.Pubcomp:
      case PacketType.Pubrec: {
        const open = session.openIdentifiers.get(packet.packetIdentifier);
        if (packet.type === PacketType.Pubrec && packet.reasonCode < 0x80) return;
        if (open !== undefined) session.openIdentifiers.delete(packet.packetIdentifier);
        simulated.inFlight.delete(packet.packetIdentifier);
        return;
      }
      case PacketType.Disconnect:
        if (packet.properties.sessionExpiryInterval === 0) session.isGuaranteed = false;
    }
  }

  /** The dispatcher has just sent `packet`. It takes what is thrown here for a bug of its own, and goes on: the first
   * violation is kept. */
  readonly #sent = (simulated: SimulatedConnection, packet: FromBroker): void => {
    try {
      this.#checkSent(simulated, packet);
    } catch (error) {
      this.#violation ??= error as Error;
    }
  };

  #checkSent(simulated: SimulatedConnection, packet: FromBroker): void {
    const now = ++this.#now;
    const { session } = simulated;
    if (packet.type === "closed") return;
    this.#note(`    ${simulated.name} ← ${describeSent(packet)}`);
    if (packet.type === PacketType.Connack) {
      return this.#sentConnack(simulated, packet.sessionPresent, packet.reasonCode);
    }
    if (session === undefined) throw new Violation("something was sent before CONNACK");
    if (packet.type === "publish") {
      const message = this.#oracle.message(packet.number, packet.topicName);
      this.#oracle.checkWanted(session, message, packet.qos, packet.retain, now);
      if (!packet.dup && !packet.retain && this.#clock.wallMs() > message.expiresAtMs) {
        throw new Violation(`m${message.number} was sent after it had expired`);
      }
      if (packet.qos > 0) this.#checkFlow(simulated, session, packet);
    } else if (packet.type === "acknowledgement") {
      if (packet.kind !== PacketType.Puback && packet.kind !== PacketType.Pubrec || packet.reasonCode >= 0x80) return;
      const number = simulated.arrived.get(packet.packetIdentifier);
      if (number === undefined) throw new Violation(`#${packet.packetIdentifier} was acknowledged and never sent`);
      const message = this.#oracle.messages[number - 1];
      message.acknowledgedAt = Math.min(message.acknowledgedAt, now);
    } else if (packet.type === PacketType.Suback || packet.type === PacketType.Unsuback) {
      const { topicFilter, at } = simulated.asked.get(packet.packetIdentifier)!;
      for (const span of session.spans) {
        if (span.topicFilter !== topicFilter) continue;
        if (span.handledAt < at || packet.type === PacketType.Unsuback) {
          if (span.handledAt < at) span.endedAt = Math.min(span.endedAt, now);
        } else if (span.handledAt === at) span.definiteAt = Math.min(span.definiteAt, now);
      }
    } else if (packet.type === PacketType.Disconnect && packet.reasonCode !== 0x8e && packet.reasonCode !== 0x8d) {
      throw new Violation(`${simulated.name} was sent away with ${packet.reasonCode}`);
    }
  }

  #sentConnack(simulated: SimulatedConnection, sessionPresent: boolean, reasonCode: number): void {
    const client = this.#clientOf(simulated);
    if (reasonCode !== 0) throw new Violation(`${simulated.name} was refused with ${reasonCode}`);
    if (sessionPresent !== simulated.expectsSession) {
      throw new Violation(`${simulated.name}: Session Present is ${sessionPresent}`);
    }
    if (!sessionPresent) {
      client.session = new ObservedSession(client.clientId, !simulated.isTransient);
      this.#oracle.sessions.push(client.session);
    }
    simulated.session = client.session;
  }

  /** [MQTT-2.2.1-4] and [MQTT-4.9.0-2]. */
  #checkFlow(
    simulated: SimulatedConnection,
    session: ObservedSession,
    packet: Extract<FromBroker, { type: "publish" }>,
  ): void {
    const { packetIdentifier, number, qos } = packet;
    const open = session.openIdentifiers.get(packetIdentifier);
    if (packetIdentifier === 0) throw new Violation("a Packet Identifier is 0");
    if (open !== undefined && open.number !== number) {
      throw new Violation(`#${packetIdentifier} is in use for m${open.number} and was given to m${number}`);
    }
    session.openIdentifiers.set(packetIdentifier, { number, qos });
    simulated.inFlight.add(packetIdentifier);
    if (simulated.inFlight.size > simulated.receiveMaximum) {
      throw new Violation(`${simulated.name} has ${simulated.inFlight.size} messages of ${simulated.receiveMaximum}`);
    }
  }

  #receiveOne(simulated: SimulatedConnection): void {
    const packet = simulated.take()!;
    const client = this.#clientOf(simulated);
    client.receive(packet, (publish, isRefused) => {
      const session = simulated.session!;
      if (isRefused) session.refused.add(publish.number);
      else if (!publish.retain && !session.refused.has(publish.number)) {
        session.delivered(this.#oracle.messages[publish.number - 1], publish.qos, this.#losesNothing);
      }
    });
    if (packet.type === "closed") this.#end(simulated);
  }

  #relieve(simulated: SimulatedConnection): void {
    simulated.isReliefDue = false;
    if (simulated.connection !== undefined) this.#dispatcher.relieved(simulated.connection);
  }

  /** The reader has seen the end of the stream: all that came before it has been read, if anybody still reads. */
  #end(simulated: SimulatedConnection): void {
    if (!simulated.isClosed && !simulated.isPaused && simulated.toBroker.length > 0) return this.#handleOne(simulated);
    this.#connections.splice(this.#connections.indexOf(simulated), 1);
    if (simulated.connection !== undefined) this.#dispatcher.ended(simulated.connection, "closed by the client");
    this.#forgetQoS1Identifiers(simulated);
  }

  /** Another member may have got them, or the broker forgot them in a crash; QoS 2 ones outlive both. */
  #forgetQoS1Identifiers(simulated: SimulatedConnection): void {
    for (const [identifier, { qos }] of simulated.session?.openIdentifiers ?? []) {
      if (qos === 1) simulated.session!.openIdentifiers.delete(identifier);
    }
  }

  // The end of a run.

  /** Every Client that has a session resumes it. The others come, too: the broker may still keep one of theirs, whose CONNECT to end it was lost,
   * and messages of the Shared Subscription in it. */
  #resumeAll(): void {
    for (const client of this.#clients) {
      if (client.connection === undefined) this.#connect(client, true);
    }
  }

  /** Until nothing moves: the disk is done, everything is answered, back-pressure is over. */
  #rest(): void {
    let quiet = 0;
    for (let steps = 0; quiet < 10; steps++) {
      if (steps > REST_STEPS_MAX) throw new Violation("the run does not come to rest");
      if (this.#work()) {
        quiet = 0;
        continue;
      }
      quiet++;
      this.#passTime(1_000);
      for (const end of this.#turnEnds.splice(0)) end(); // each tick is a turn: it alone is no sign of life
      this.#resumeAll();
    }
  }

  #endAllSessions(): void {
    this.#note("all sessions end");
    for (const client of this.#clients) {
      if (client.connection !== undefined) client.disconnect(undefined);
      client.mustStartClean = true;
    }
    this.#restWithout();
    // Those of 3.1.1 never expire: a clean session of the same Client ends them.
    for (const client of this.#clients) {
      const connection = new SimulatedConnection(`${client.clientId}/last`, 1_000_000, () => {});
      connection.connection = this.#dispatcher.open(connection);
      this.#dispatcher.received(connection.connection, {
        type: PacketType.Connect,
        protocolVersion: 4,
        cleanStart: true,
        keepAlive: 0,
        clientId: client.clientId,
        will: undefined,
        userName: undefined,
        password: undefined,
        properties: {},
      });
      this.#restWithout();
      this.#dispatcher.ended(connection.connection, "closed by the client");
    }
    this.#restWithout();
  }

  #restWithout(): void {
    while (this.#work());
    this.#passTime(LONG_EXPIRY_S * 1000);
    while (this.#work());
  }

  #checkNothingIsLeft(): void {
    const snapshot = this.#dispatcher.snapshot();
    const names = [
      "connections",
      "connectedClients",
      "sessions",
      "subscriptions",
      "subscriptionNodes",
      "sharedGroups",
      "queuedMessages",
      "queuedBytes",
      "timers",
      "heldActions",
      "readings",
      "retainedWalks",
    ] as const;
    for (const name of names) {
      if (snapshot[name] !== 0) throw new Violation(`all sessions have ended, and ${name} is ${snapshot[name]}`);
    }
  }

  #clientOf(simulated: SimulatedConnection): SimulatedClient {
    const clientId = simulated.name.slice(0, simulated.name.indexOf("/"));
    return this.#clients.find((client) => client.clientId === clientId)!;
  }

  #note(event: string): void {
    this.#events.push(event);
    if (this.#events.length > EVENTS_SHOWN * 8) this.#events.splice(0, EVENTS_SHOWN * 4);
  }
}

function describe(packet: ControlPacket): string {
  const name = Object.entries(PacketType).find(([, type]) => type === packet.type)![0];
  if (packet.type === PacketType.Publish) {
    const number = new TextDecoder().decode(packet.message.payload);
    return `${name} m${number} #${packet.packetIdentifier}${packet.dup ? " dup" : ""}`;
  }
  return "packetIdentifier" in packet ? `${name} #${packet.packetIdentifier}` : name;
}

function describeSent(packet: Exclude<FromBroker, { type: "closed" }>): string {
  if (packet.type === "publish") {
    const { number, qos, packetIdentifier, dup, retain } = packet;
    return `Publish m${number} QoS ${qos} #${packetIdentifier}${dup ? " dup" : ""}${retain ? " retained" : ""}`;
  }
  if (packet.type === "acknowledgement") {
    return `${["Puback", "Pubrec", "Pubrel", "Pubcomp"][packet.kind - 4]} #${packet.packetIdentifier}`;
  }
  return describe(packet);
}
