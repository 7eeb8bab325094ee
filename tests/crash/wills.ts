/** Clients with a Will Message that are connected when the broker dies, or leave before: who does not come back is owed
 * its will, who came back in time or left with DISCONNECT is not. @module */

import type { QoS } from "../../src/packet/mod.ts";
import { Actor, LONG_EXPIRY_S, sleep, type World } from "./actors.ts";
import type { PublishedMessage } from "./ledger.ts";

/** Seconds. Short enough to be waited for, long enough to come back in. */
const DELAY_S = 2;
/** A session that nobody comes back to ends by itself. */
const STRAY_EXPIRY_S = 60;

/** What must become of one Will Message. "may": the broker may not have known better. */
type WillFate = "may" | "must" | "never";

interface WillRecord {
  readonly message: PublishedMessage;
  fate: WillFate;
  readonly story: string;
}

const STORIES = ["stays", "stays", "drops", "returns", "returns", "leaves"] as const;

export class Wills {
  readonly #records: WillRecord[] = [];
  #clients = 0;
  /** When the present broker process was started: no delay began before. */
  #startedMs = 0;
  readonly #running = new Set<Promise<void>>();
  demanded = 0;

  constructor(readonly world: World) {}

  /** A new broker process is about to be started. */
  starting(): void {
    this.#startedMs = performance.now();
  }

  /** New clients for this life. @returns when all that could be are connected. */
  async begin(count: number): Promise<void> {
    const { random } = this.world;
    await Promise.all(Array.from({ length: count }, () => {
      const begun = Promise.withResolvers<void>();
      const running = this.#live(random.pick(STORIES), begun.resolve).finally(begun.resolve);
      this.#running.add(running);
      running.finally(() => this.#running.delete(running));
      return begun.promise;
    }));
  }

  /** @returns wills that must have come to their subscribers and have not. */
  missing(): string[] {
    const missing: string[] = [];
    for (const { message, fate, story } of this.#records) {
      if (fate !== "must") continue;
      for (const receiver of this.world.ledger.receivers) {
        if (!receiver.spans.some(({ topicFilter }) => topicFilter.startsWith("w/"))) continue;
        if (!receiver.has(message.number)) missing.push(`${receiver.clientId} never got the will ${story}`);
      }
    }
    return missing;
  }

  /** All that must come has come. */
  settle(): void {
    const { ledger } = this.world;
    for (const { message, fate, story } of this.#records) {
      if (fate === "may") continue;
      this.demanded++;
      if (fate === "must") continue;
      const got = ledger.receivers.find((receiver) => receiver.has(message.number));
      if (got !== undefined) ledger.violate("wrong will", `${got.clientId} got the will ${story}`);
    }
    // One that may or must not come yet is looked at again next time.
    const open = this.#records.filter(({ fate }) => fate === "may");
    this.#records.length = 0;
    this.#records.push(...open);
  }

  /** @returns when nobody of them is left. */
  async end(): Promise<void> {
    await Promise.all(this.#running);
  }

  async #live(story: typeof STORIES[number], begun: () => void): Promise<void> {
    const { world } = this;
    const { random, ledger } = world;
    const name = `will-${++this.#clients}`;
    const persists = story === "returns" || random.chance(0.5);
    const version = story === "returns" || persists || random.chance(0.5) ? 5 : 4;
    const willDelayInterval = version === 4 || !persists
      ? 0
      : story === "returns"
      ? random.pick([DELAY_S, 3600])
      : random.pick([0, DELAY_S]);
    const sessionExpiryInterval = !persists ? 0 : story === "returns" ? LONG_EXPIRY_S : STRAY_EXPIRY_S;
    const actor = new Actor(world, name, version, { sessionExpiryInterval });
    const qos = random.pick([1, 2] as const);
    const will = this.#newWill(name, qos, `of ${name}, which ${story} (delay ${willDelayInterval} s)`);
    const life = ledger.life;
    const isIn = await actor.connect(
      () => ledger.life === life,
      { ...carried(will.message), willDelayInterval },
    );
    if (!isIn || ledger.life !== life) return;
    begun();
    if (story === "leaves") return await this.#leave(actor, will);
    if (story === "drops") {
      await sleep(random.below(300));
      await actor.client.drop();
      will.fate = "must";
      return;
    }
    await actor.client.ended;
    // Only a crash, or the end of the run, has ended it.
    if (world.isOver) return;
    if (story === "stays") {
      will.fate = "must";
      return;
    }
    await this.#return(actor, name, qos, will, willDelayInterval);
  }

  async #return(actor: Actor, name: string, qos: QoS, old: WillRecord, willDelayInterval: number): Promise<void> {
    const { world } = this;
    const next = this.#newWill(name, qos as 1 | 2, `of ${name}, which came back and left`);
    const attempt = { ...carried(next.message), willDelayInterval };
    const life = world.ledger.life;
    // With the short delay its will may be due before another broker is there.
    const isBack = await actor.connect(() => world.ledger.life === life, attempt) ||
      (willDelayInterval > DELAY_S && await actor.connect(() => true, attempt));
    if (!isBack) return;
    const isInTime = willDelayInterval > DELAY_S ||
      performance.now() - this.#startedMs < DELAY_S * 1000;
    if (isInTime) old.fate = "never";
    await this.#leave(actor, next);
  }

  /** DISCONNECT 0x00. Its will must not come once it is certain that the broker had its say on the disk. */
  async #leave(actor: Actor, will: WillRecord): Promise<void> {
    const { ledger } = this.world;
    const { life } = ledger;
    await sleep(this.world.random.below(200));
    if (!actor.client.isConnected || ledger.life !== life) return await actor.client.drop();
    await actor.client.disconnect();
    if (ledger.life !== life) return;
    if (await isSafeBefore(this.world, ledger.tick(), life)) will.fate = "never";
  }

  #newWill(name: string, qos: 1 | 2, story: string): WillRecord {
    const message = this.world.ledger.message(`w/${name}`, qos, name, this.world.random.below(100), true);
    this.world.ledger.sent(message);
    const record: WillRecord = { message, fate: "may", story };
    this.#records.push(record);
    return record;
  }
}

function carried(message: PublishedMessage) {
  const { topicName, payload, qos, retain } = message;
  return { topicName, payload, qos, retain };
}

/** Waits until something that was sent after `now` was acknowledged as safe in the same life of the broker.
 * @returns false when the broker died, or nothing is published any more. */
export async function isSafeBefore(world: World, now: number, life: number): Promise<boolean> {
  const { ledger } = world;
  while (ledger.life === life && world.isLoaded && !world.isOver) {
    if (ledger.safeLife === life && ledger.safeAt > now) return true;
    await sleep(2);
  }
  return false;
}
