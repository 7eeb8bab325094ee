/** A whole broker with real readers, writers, frames, routes and rules, and Clients that a seed decides on: what each gets is
 * compared, byte by byte and in its order, with what a model without any memory says (wire_model.ts). The other simulation
 * is about sessions, disks and crashes, and moves packets; this one is about bytes. In: a seed. Out: nothing, or a
 * Violation. @module */

import { AclAuthorizer } from "../../src/auth/acl_authorizer.ts";
import { assertEquals } from "@std/assert";
import type { Properties, QoS } from "../../src/packet/mod.ts";
import { ChangingAccounts, rulesOf } from "../auth/acl_support.ts";
import type { MemoryStream } from "../../src/transport/memory.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { TestBroker } from "../support/test_broker.ts";
import { Violation } from "./oracle.ts";
import { SeededRandom } from "./random.ts";
import { WireClient } from "./wire_client.ts";
import { payloadOf, type WireMessage, WireModel } from "./wire_model.ts";

const STEPS = 500;
/** After so many rounds in which nothing has come, what is missing never comes. */
const QUIET_ROUNDS_MAX = 40;

const TOPICS = ["a", "a/b", "a/b/c", "b/c", "a/ü", "plant/1/temperature", "secret/x", "$test/x", "/", "sport//score"];
const FILTERS = [
  "#",
  "+/b",
  "a/#",
  "a/b",
  "+/+",
  "a/b/c",
  "plant/+/temperature",
  "new/#",
  "new/+/x",
  "secret/#",
  "$test/#",
];
const RULES = [
  "deny everyone subscribe secret/#",
  "deny everyone publish a/b/c",
  "deny everyone retain a/#",
  "deny client-id client-1 publish new/#",
  "deny client-id client-2 subscribe a/#",
  "deny everyone subscribe new/%c/#",
  "allow client-id client-3 all #",
  "deny everyone publish plant/+/temperature",
];
/** So many that they stand in a tree. */
const MORE_RULES = Array.from({ length: 20 }, (_, i) => `deny everyone all more/${i}/${i % 2 === 0 ? "%c" : "+"}/#`);
const PROPERTIES: readonly Properties[] = [
  {},
  {},
  { contentType: "text/plain" },
  { messageExpiryInterval: 1_000_000 },
  { payloadFormatIndicator: 1, correlationData: Uint8Array.of(1, 2, 3), messageExpiryInterval: 7_777_777 },
  { responseTopic: "answers/here", userProperties: [["name", "value"], ["name", "other"]] },
  { userProperties: [["long", "x".repeat(300)]] },
];
/** A frame larger than those that stand side by side. */
const LARGE_PROPERTIES: Properties = { userProperties: [["one", "x".repeat(40_000)], ["two", "y".repeat(40_000)]] };

export class WireSimulation {
  readonly #random: SeededRandom;
  readonly #accounts = new ChangingAccounts();
  readonly #model = new WireModel(this.#accounts);
  readonly #clock = new FakeClock();
  #clients: WireClient[] = [];
  #broker!: TestBroker;
  #names = 0;
  readonly #sizes: readonly number[];
  readonly #crowd: number;

  constructor(readonly seed: number) {
    const random = this.#random = new SeededRandom(seed);
    this.#sizes = random.pick([[0, 5, 50], [0, 20, 300, 5_000], [10, 70_000, 200_000], [40, 40, 40, 66_000]]);
    // More than the runtime reads in one pass of its event loop.
    this.#crowd = random.chance(0.15) ? 150 : 3 + random.below(6);
  }

  /** @throws Violation with the seed. */
  async run(): Promise<void> {
    const random = this.#random;
    const broker = this.#broker = await TestBroker.start({
      clock: this.#clock,
      observer: this.#model,
      authorizer: new AclAuthorizer({ source: this.#accounts, clock: this.#clock }, {
        verdictsPerIdentityMax: random.pick([0, 3, 1_024]),
      }),
      config: {
        limits: {
          matchCacheEntriesMax: random.pick([0, 1, 8, 128, 4_096]),
          matchCacheWeightMax: random.pick([1, 20, 1_048_576]),
          outboundMarkBytes: random.pick([1, 2_000, 262_144]),
          // Nothing is dropped: all that is due has to come.
          outboundBytesMax: 2 ** 32,
          outboundBytesTotalMax: 2 ** 32,
          queuedBytesMax: 2 ** 32,
          queuedBytesTotalMax: 2 ** 32,
          topicAliasOutgoingMax: random.pick([0, 2, 64]),
        },
      },
    });
    try {
      for (let i = 0; i < this.#crowd; i++) this.#enter();
      for (let step = 0; step < STEPS; step++) {
        this.#act();
        if (random.chance(0.1)) await this.#pass();
        this.#check();
      }
      await this.#rest();
      await this.#checkRetained();
    } catch (error) {
      throw new Violation(`seed ${this.seed}: ${(error as Error).message}`, { cause: error });
    } finally {
      for (const client of this.#clients) client.leave();
      await broker[Symbol.asyncDispose]();
    }
  }

  #enter(former?: WireClient): void {
    const random = this.#random;
    const name = former?.clientId ?? `client-${++this.#names}`;
    const version = former?.protocolVersion ?? random.pick([4, 5, 5]);
    const persists = former?.persists ?? random.chance(0.3);
    const client = new WireClient(name, version, this.#open(), this.#model, random, persists);
    this.#clients.push(client);
    client.connect(former);
  }

  #open(): MemoryStream {
    const random = this.#random;
    // A slow one takes some thousand steps for what is sent to it, and no more.
    const isSlow = this.#sizes.every((bytes) => bytes < 100) && random.chance(0.3);
    return this.#broker.open({
      bufferBytes: isSlow ? random.pick([300, 17]) : random.pick([65_536, 20_000]),
      readBytesMax: isSlow ? random.pick([10, 100]) : random.pick([Infinity, 10_000]),
      writeBytesMax: isSlow ? random.pick([3, 1_000]) : random.pick([Infinity, 10_000]),
    });
  }

  #act(): void {
    const random = this.#random;
    const client = random.pick(this.#clients);
    const dice = random.next();
    if (client.hasLeft) {
      if (dice < 0.1) this.#replace(client);
      return;
    }
    if (!client.isConnected) return;
    if (dice < 0.5) this.#publishSome(client);
    else if (dice < 0.62) this.#subscribe(client);
    else if (dice < 0.66) client.unsubscribe(random.pick(FILTERS));
    else if (dice < 0.85) client.answer(random.pick([1, 5, 1_000]));
    else if (dice < 0.89) client.sleep();
    else if (dice < 0.95) client.wake();
    else if (dice < 0.96) this.#changeRules();
    else if (dice < 0.965) client.leave();
    else if (dice < 0.975) this.#replace(client);
    else if (dice < 0.985) this.#clock.advance(random.pick([1, 60, 500]));
  }

  #publishSome(client: WireClient): void {
    const random = this.#random;
    // Some keep to one thing, as real ones do.
    const topicName = this.#topicName();
    const qos = random.below(3) as QoS;
    const known = this.#sizes.some((bytes) => bytes > 60_000) ? [...PROPERTIES, LARGE_PROPERTIES] : PROPERTIES;
    const properties = random.pick(known);
    const varies = random.chance(0.5);
    for (let count = random.pick([1, 1, 5, 60]); count > 0; count--) {
      const message: WireMessage = {
        number: this.#model.messages.length,
        topicName: varies ? this.#topicName() : topicName,
        qos: client.unanswered < 1_000 ? qos : 0,
        retain: random.chance(0.05),
        payload: payloadOf(this.#model.messages.length, random.pick(this.#sizes)),
        properties: client.protocolVersion === 4 ? {} : varies ? random.pick(known) : properties,
      };
      this.#model.messages.push(message);
      client.publish(message);
      if (message.payload.length > 10_000) return;
    }
  }

  /** One of a few, or one that was never there before. */
  #topicName(): string {
    const random = this.#random;
    return random.chance(0.5) ? random.pick(TOPICS) : `new/client-${random.below(5)}-${random.below(10_000)}/x`;
  }

  #subscribe(client: WireClient): void {
    const random = this.#random;
    const is5 = client.protocolVersion === 5;
    const identifier = random.pick([0, 0, 1, 2, 300, 20_000, 3_000_000]);
    const noLocal = is5 && random.chance(0.2);
    const retainAsPublished = is5 && random.chance(0.3);
    const qos = random.below(3) as QoS;
    client.subscribe(random.pick(FILTERS), qos, noLocal, retainAsPublished, identifier, is5 ? random.pick([0, 2]) : 0);
  }

  #changeRules(): void {
    const rules = RULES.filter(() => this.#random.chance(0.3));
    this.#model.changeRules(rulesOf(...rules, ...(this.#random.chance(0.5) ? MORE_RULES : [])));
  }

  /** By itself on another connection, or by a stranger. */
  #replace(client: WireClient): void {
    client.leave();
    this.#clients = this.#clients.filter((other) => other !== client);
    this.#enter(client.persists ? client : undefined);
  }

  async #pass(): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve));
  }

  #check(): void {
    for (const { error } of this.#clients) if (error !== undefined) throw error;
  }

  /** Everybody reads and answers: all that is due comes. */
  async #rest(): Promise<void> {
    for (const client of this.#clients.filter(({ hasLeft }) => hasLeft)) this.#replace(client);
    for (const client of this.#clients) {
      client.isEager = true;
      client.answer(Infinity);
      client.wake();
    }
    let before = "";
    for (let quiet = 0;; quiet++) {
      // Patience with those that were slow ends by the clock, which the server looks at now and then.
      await this.#broker.advance(200);
      this.#check();
      const standing = this.#clients.map(standingOf);
      if (standing.every((left) => left === 0)) return;
      if (standing.join() !== before) quiet = 0;
      before = standing.join();
      if (quiet > QUIET_ROUNDS_MAX) throw new Error(`what is due does not come: ${before}`);
    }
  }

  /** One that comes last gets what is retained, and nothing else. */
  async #checkRetained(): Promise<void> {
    const client = new WireClient("last", 4, this.#broker.open(), this.#model, new SeededRandom(2), false);
    this.#clients.push(client);
    client.isEager = true;
    client.connect();
    client.subscribe("#", 2);
    await this.#rest();
    const { retained } = this.#model;
    const due = [...retained.values()].filter(({ topicName }) =>
      !topicName.startsWith("$") && this.#model.mayReceive("last", topicName)
    );
    for (let quiet = 0, before = 0; client.retained.size < due.length && quiet < QUIET_ROUNDS_MAX; quiet++) {
      if (client.retained.size > before) quiet = 0;
      before = client.retained.size;
      await this.#broker.advance(200);
    }
    assertEquals([...client.retained].sort(), due.map(({ number }) => number).sort());
  }
}

/** What it waits for. */
function standingOf({ due, unanswered, owesAnswers, isConnected }: WireClient): number {
  const missing = due.flat().filter((delivery) => !delivery.isOptional);
  return missing.length + unanswered + (owesAnswers ? 1 : 0) + (isConnected ? 0 : 1);
}
