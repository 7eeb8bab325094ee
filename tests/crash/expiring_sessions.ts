/** Sessions that run out, or do not, while the broker is dead. @module */

import { Actor, LONG_EXPIRY_S, type World } from "./actors.ts";
import { isSafeBefore } from "./wills.ts";

export const SHORT_EXPIRY_S = 1;

interface Parting {
  readonly actor: Actor;
  readonly sessionExpiryInterval: number;
  /** DISCONNECT was handled after the one and before the other; ms. */
  readonly sentMs: number;
  readonly closedMs: number;
}

export class ExpiringSessions {
  #partings: Parting[] = [];
  #clients = 0;
  expired = 0;
  kept = 0;

  constructor(readonly world: World) {}

  /** One client with a short and one with a long Session Expiry Interval come, and leave for certain. */
  async begin(): Promise<void> {
    await Promise.all([this.#visit(SHORT_EXPIRY_S), this.#visit(LONG_EXPIRY_S)]);
  }

  async #visit(sessionExpiryInterval: number): Promise<void> {
    const { ledger } = this.world;
    const { life } = ledger;
    const name = `expiring-${++this.#clients}-${sessionExpiryInterval}`;
    const actor = new Actor(this.world, name, 5, { sessionExpiryInterval });
    if (!(await actor.connect(() => ledger.life === life))) return;
    if (await actor.client.subscribe([{ topicFilter: "nothing/comes", qos: 1 }]) === undefined) return;
    const sentMs = performance.now();
    await actor.client.disconnect();
    const closedMs = performance.now();
    if (ledger.life !== life || !(await isSafeBefore(this.world, ledger.tick(), life))) return;
    this.#partings.push({ actor, sessionExpiryInterval, sentMs, closedMs });
  }

  /** After a restart: they come back, and it is looked what became of their sessions. */
  async check(): Promise<void> {
    const partings = this.#partings;
    this.#partings = [];
    await Promise.all(partings.map((parting) => this.#check(parting)));
  }

  async #check({ actor, sessionExpiryInterval, sentMs, closedMs }: Parting): Promise<void> {
    const { ledger } = this.world;
    actor.sessionExpected = undefined;
    const againMs = performance.now();
    const result = await actor.connectOnce(false);
    if (result === undefined) return;
    const sinceMs = { atMost: performance.now() - sentMs, atLeast: againMs - closedMs };
    const intervalMs = sessionExpiryInterval * 1000;
    const { clientId } = actor;
    const about = `${clientId} was away for ${Math.round(sinceMs.atLeast)} to ${Math.round(sinceMs.atMost)} ms`;
    if (sinceMs.atLeast > intervalMs) {
      this.expired++;
      if (result.sessionPresent) ledger.violate("wrong expiry", `${about}, and its session is still there`);
    } else if (sinceMs.atMost < intervalMs) {
      this.kept++;
      if (!result.sessionPresent) ledger.violate("lost session", `${about}, and its session is gone`);
    }
    // It leaves nothing behind.
    await actor.client.drop();
    await actor.connectOnce(true);
    await actor.client.disconnect();
  }
}
