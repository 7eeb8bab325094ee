/** Retained messages: set, replaced and cleared under a ledger of acknowledgements, and looked at by a new client after
 * each restart. @module */

import { deadline } from "@std/async/deadline";
import type { Publishable } from "./raw_client.ts";
import { Actor, sleep, type World } from "./actors.ts";

const TOPICS = 24;
const WINDOW = 40;
const END = "r-end";
const utf8 = new TextDecoder();

/** One value of a topic; an empty payload takes the retained message away. */
interface Value extends Publishable {
  readonly topic: Topic;
  readonly index: number;
}

/** The values of one topic in the order of sending. The one that is retained is the last acknowledged one, or a later. */
interface Topic {
  readonly name: string;
  readonly values: Value[];
  /** -1: none. */
  lastAcknowledged: number;
}

export class Retainer extends Actor {
  readonly #topics: Topic[] = Array.from({ length: TOPICS }, (_, i) => ({
    name: `r/${i}`,
    values: [],
    lastAcknowledged: -1,
  }));
  #checks = 0;
  #isChecked = true;

  constructor(world: World) {
    super(world, "retainer", 5);
    this.client.onAcknowledged = (message, reasonCode) => {
      const { topic, index } = message as Value;
      if (reasonCode >= 0x80) world.ledger.violate("refused", `${topic?.name ?? END} got Reason Code ${reasonCode}`);
      if (topic === undefined) return;
      topic.lastAcknowledged = Math.max(topic.lastAcknowledged, index);
      world.ledger.progress++;
    };
  }

  /** Checks that came to their end. */
  get checks(): number {
    return this.#checks;
  }

  /** Retains the message by which a check knows that it has seen all. */
  async start(): Promise<void> {
    await this.connect(() => true);
    this.client.publish({ topicName: END, payload: Uint8Array.of(1), qos: 1, retain: true });
  }

  /** The broker died: nothing is published until the new one was looked at. */
  crashed(): void {
    this.#isChecked = false;
  }

  async run(): Promise<void> {
    const { client, world } = this;
    const { random } = world;
    while (!world.isOver) {
      if (!this.#isChecked || !(client.isConnected || await this.connect(() => this.#isChecked))) {
        await sleep(5);
        continue;
      }
      if (world.isLoaded) {
        for (let i = random.below(8); i > 0 && client.unfinished < WINDOW; i--) this.#publish();
      }
      await sleep(1 + random.below(8));
    }
    await client.drop();
  }

  #publish(): void {
    const { random } = this.world;
    const topic = random.pick(this.#topics);
    const index = topic.values.length;
    const text = random.chance(0.2) ? "" : `${topic.name} ${index} ${"x".repeat(random.below(300))}`;
    const payload = new TextEncoder().encode(text);
    const qos = random.chance(0.3) ? 2 : 1;
    const value: Value = { topic, index, topicName: topic.name, payload, qos, retain: true };
    topic.values.push(value);
    this.client.publish(value);
  }

  /** A new client looks at what is retained. Nobody publishes meanwhile. @returns when done, or when the broker died. */
  async check(): Promise<void> {
    const found = new Map<string, string>();
    const seenAll = Promise.withResolvers<void>();
    const looker = new Actor(this.world, `looker-${this.world.ledger.life}`, 5, { sessionExpiryInterval: 0 });
    looker.client.onDelivery = ({ topicName, payload, retain }) => {
      this.world.ledger.progress++;
      if (!retain) return;
      found.set(topicName, utf8.decode(payload));
      if (topicName === END) seenAll.resolve();
    };
    const life = this.world.ledger.life;
    if (!(await looker.connect(() => this.world.ledger.life === life))) return;
    // A connection has its filters served in their order.
    await looker.client.subscribe([{ topicFilter: "r/#", qos: 1 }, { topicFilter: END, qos: 1 }]);
    const end = Promise.race([seenAll.promise.then(() => true), looker.client.ended.then(() => false)]);
    try {
      if (await deadline(end, this.world.quietMs)) {
        for (const topic of this.#topics) this.#checkTopic(topic, found.get(topic.name));
        this.#checks++;
      }
    } catch (error) {
      if (!(error instanceof DOMException)) throw error;
      this.world.ledger.violate("lost retained message", `${END} did not come within ${this.world.quietMs / 1000} s`);
    }
    await looker.client.drop();
    this.#isChecked = true;
  }

  #checkTopic(topic: Topic, found: string | undefined): void {
    const { values, lastAcknowledged } = topic;
    const candidates: (string | undefined)[] = values.slice(Math.max(0, lastAcknowledged))
      .map(({ payload }) => payload.length === 0 ? undefined : utf8.decode(payload));
    if (lastAcknowledged === -1) candidates.push(undefined);
    if (candidates.includes(found)) return;
    const say = (text: string | undefined) => text === undefined ? "nothing" : `"${text.slice(0, 20)}"`;
    this.world.ledger.violate(
      "lost retained message",
      `${topic.name} holds ${say(found)}; the last acknowledged of ${values.length} values is ` +
        `${say(candidates[0])} (number ${lastAcknowledged})`,
    );
  }
}
