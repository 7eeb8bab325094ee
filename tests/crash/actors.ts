/** Publishers and subscribers with sessions that persist: they come back after each crash, repeat what is not finished,
 * and write down in the ledger what they saw. @module */

import type { QoS, ReasonCode } from "../../src/packet/mod.ts";
import { SHARED_FILTER } from "../simulation/oracle.ts";
import type { SeededRandom } from "../simulation/random.ts";
import { type Ledger, PublishedMessage, type Receiver, type SubscriptionSpan } from "./ledger.ts";
import { type ConnectResult, RawClient, type RawWill } from "./raw_client.ts";

/** As good as forever in a run. */
export const LONG_EXPIRY_S = 86_400;
/** An answer that takes longer does not come any more. */
export const STALL_MS = 30_000;
/** Between two attempts to connect to a broker that is not there. */
const RETRY_MS = 10;

/** What all actors share. */
export interface World {
  readonly port: number;
  readonly random: SeededRandom;
  readonly ledger: Ledger;
  /** When nothing new came for so long, while the broker answers, nothing is coming any more. */
  readonly quietMs: number;
  /** The run is over. */
  isOver: boolean;
  /** New messages are published. */
  isLoaded: boolean;
  /** Everybody has to be there: it is looked whether all has come. */
  isDraining: boolean;
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** A Client whose session must be there as soon as a CONNECT of it was acknowledged. */
export class Actor {
  readonly client: RawClient;
  /** What the next CONNACK must say; undefined = a CONNECT was never answered. */
  sessionExpected: boolean | undefined = false;

  constructor(
    readonly world: World,
    readonly clientId: string,
    protocolVersion: 4 | 5,
    options: { receiveMaximum?: number; sessionExpiryInterval?: number } = {},
  ) {
    const { receiveMaximum, sessionExpiryInterval = LONG_EXPIRY_S } = options;
    this.client = new RawClient({ clientId, protocolVersion, sessionExpiryInterval, receiveMaximum });
    this.client.onDisconnected = (reasonCode) =>
      world.ledger.violate("refused", `${clientId} was sent away with Reason Code ${reasonCode}`);
  }

  /** Tries until it is connected, or `goesOn` says no. @returns whether it is connected. */
  async connect(goesOn: () => boolean, will?: RawWill): Promise<boolean> {
    while (goesOn() && !this.world.isOver) {
      if (await this.connectOnce(false, will) !== undefined) return this.client.isConnected;
      await sleep(RETRY_MS);
    }
    return false;
  }

  async connectOnce(cleanStart: boolean, will?: RawWill): Promise<ConnectResult> {
    const { ledger } = this.world;
    const expected = this.sessionExpected;
    if (expected === false) this.sessionExpected = undefined;
    const result = await this.client.connect(this.world.port, cleanStart, will);
    if (result === undefined) return undefined;
    ledger.progress++;
    if (result.reasonCode !== 0) {
      ledger.violate("refused", `the CONNECT of ${this.clientId} got Reason Code ${result.reasonCode}`);
    } else {
      if (expected !== undefined && !cleanStart && expected !== result.sessionPresent) {
        ledger.violate("lost session", `${this.clientId}: Session Present is ${result.sessionPresent ? 1 : 0}`);
      }
      this.sessionExpected = this.client.options.sessionExpiryInterval > 0;
    }
    return result;
  }
}

/** Publishes numbered messages at QoS 1 and 2. */
export class Publisher extends Actor {
  readonly #topics: readonly string[];
  /** Messages that may be unacknowledged. */
  readonly #window: number;

  /** @param topics as prefixes: the topics are its own. */
  constructor(world: World, name: string, protocolVersion: 4 | 5, topics: readonly string[], window: number) {
    super(world, name, protocolVersion);
    this.#topics = topics.map((topic) => `${topic}/${name}`);
    this.#window = window;
    const { ledger, random } = world;
    this.client.onSending = (message) => ledger.sent(message as PublishedMessage);
    this.client.onAcknowledged = (message, reasonCode) => this.#acknowledged(message as PublishedMessage, reasonCode);
    this.client.forgetsPubrel = () => !world.isDraining && random.chance(0.1);
  }

  #acknowledged(message: PublishedMessage, reasonCode: ReasonCode): void {
    const { ledger } = this.world;
    const name = `m${message.number} (${message.topicName}) of ${this.clientId}`;
    if (reasonCode >= 0x80) return ledger.violate("refused", `${name} got Reason Code ${reasonCode}`);
    // Whoever publishes here has subscribers that are known to the broker.
    if (reasonCode !== 0) ledger.violate("lost message", `${name} was acknowledged with Reason Code ${reasonCode}`);
    ledger.acknowledge(message);
  }

  async run(): Promise<void> {
    const { client, world } = this;
    const { random } = world;
    while (!world.isOver) {
      await this.connect(() => true);
      while (client.isConnected && !world.isOver) {
        if (world.isLoaded) this.#publishSome();
        if (world.isDraining || random.chance(0.02)) client.catchUp();
        await sleep(1 + random.below(8));
      }
    }
    await client.drop();
  }

  #publishSome(): void {
    const { client, world: { random, ledger } } = this;
    for (let i = random.below(8); i > 0 && client.unfinished < this.#window; i--) {
      const qos = random.chance(0.5) ? 1 : 2;
      const fillerBytes = random.chance(0.01) ? 20_000 + random.below(60_000) : random.below(200);
      client.publish(ledger.message(random.pick(this.#topics), qos, this.clientId, fillerBytes));
    }
  }
}

export interface SubscriberOptions {
  readonly filters: readonly string[];
  readonly qos: QoS;
  readonly receiveMaximum?: number;
  /** It leaves for up to so many lives of the broker at a time; 0 = it stays. */
  readonly livesAway?: number;
  /** It takes its subscriptions back and makes them again. */
  readonly changesItsMind?: boolean;
}

/** Subscribes once, and then only answers: what it is owed comes without subscribing again. */
export class Subscriber extends Actor {
  readonly receiver: Receiver;
  readonly #open = new Map<string, SubscriptionSpan>();
  #isBackInLife = 0;

  constructor(world: World, name: string, protocolVersion: 4 | 5, readonly wants: SubscriberOptions) {
    super(world, name, protocolVersion, wants);
    this.receiver = world.ledger.receiver(name);
    const { random } = world;
    this.client.onDelivery = ({ topicName, payload, qos }) => this.receiver.delivered(topicName, payload, qos);
    this.client.answerDelayMs = () => random.chance(0.1) ? 1 + random.below(30) : 0;
  }

  /** @returns when all of its filters were acknowledged. */
  async start(): Promise<void> {
    await this.connect(() => true);
    for (const filter of this.wants.filters) await this.#subscribe(filter);
  }

  async run(): Promise<void> {
    const { client, world } = this;
    const { random } = world;
    const mayBeThere = () => world.isDraining || world.ledger.life >= this.#isBackInLife;
    while (!world.isOver) {
      if (!mayBeThere() || !(client.isConnected || await this.connect(mayBeThere))) {
        await sleep(RETRY_MS);
        continue;
      }
      await sleep(5 + random.below(20));
      if (world.isDraining) client.catchUp();
      else if (this.wants.changesItsMind && random.chance(0.3)) await this.#changeMind();
      else if (this.wants.livesAway && random.chance(0.03)) await this.#leave(this.wants.livesAway);
    }
    await client.drop();
  }

  async #leave(livesMax: number): Promise<void> {
    const { random, ledger } = this.world;
    this.#isBackInLife = ledger.life + random.below(livesMax + 1);
    if (random.chance(0.5)) await this.client.disconnect();
    else await this.client.drop();
  }

  async #subscribe(filter: string): Promise<void> {
    const span = this.receiver.subscribing(filter, this.wants.qos);
    const codes = await this.client.subscribe([{ topicFilter: filter, qos: this.wants.qos }]);
    if (codes === undefined) return;
    if (codes[0] !== this.wants.qos) {
      this.world.ledger.violate("refused", `SUBSCRIBE ${filter} of ${this.clientId} got ${codes[0]}`);
    }
    span.definiteAt = this.world.ledger.tick();
    this.#open.set(filter, span);
  }

  async #changeMind(): Promise<void> {
    const filter = this.world.random.pick(this.wants.filters);
    const span = this.#open.get(filter);
    if (span === undefined) return await this.#subscribe(filter);
    this.#open.delete(filter);
    this.receiver.unsubscribing(filter);
    const codes = await this.client.unsubscribe([filter]);
    if (codes === undefined) return;
    this.receiver.unsubscribed(filter);
    if (codes.length > 0 && codes[0] !== 0) {
      const what = `UNSUBSCRIBE ${filter} of ${this.clientId} got ${codes[0]}: the subscription was acknowledged`;
      this.world.ledger.violate("lost session", what);
    }
  }
}

/** The load of a run. */
export function cast(world: World): { publishers: Publisher[]; subscribers: Subscriber[] } {
  const { random } = world;
  const publishers = [1, 3, 10, 30, 100, 300].map((window, i) =>
    new Publisher(world, `publisher-${i}`, i % 2 === 0 ? 5 : 4, ["t/a", "t/b", "s"], window)
  );
  const subscriber = (name: string, version: 4 | 5, wants: SubscriberOptions) =>
    new Subscriber(world, name, version, wants);
  const subscribers = [
    subscriber("there-2", 5, { filters: ["t/#", "w/#", "u/#"], qos: 2 }),
    subscriber("there-1", 4, { filters: ["t/#", "w/#", "u/#"], qos: 1 }),
    subscriber("there-few", 5, { filters: ["t/a/#"], qos: 2, receiveMaximum: 5 }),
    subscriber("away-2", 4, { filters: ["t/#"], qos: 2, livesAway: 4 }),
    subscriber("away-1", 5, { filters: ["t/+/#", "w/+"], qos: 1, livesAway: 2 }),
    subscriber("away-few", 5, { filters: ["t/b/#"], qos: 2, livesAway: 6, receiveMaximum: 1 + random.below(20) }),
    subscriber("undecided-5", 5, {
      filters: ["t/a/publisher-0", "t/a/publisher-3", "t/b/publisher-4"],
      qos: 2,
      changesItsMind: true,
    }),
    subscriber("undecided-4", 4, {
      filters: ["t/b/publisher-1", "t/b/+", "t/a/publisher-5"],
      qos: 1,
      changesItsMind: true,
      livesAway: 1,
    }),
    ...[0, 1, 2].map((i) =>
      subscriber(`member-${i}`, i === 1 ? 4 : 5, { filters: [SHARED_FILTER], qos: 2, livesAway: i === 2 ? 2 : 0 })
    ),
  ];
  return { publishers, subscribers };
}
