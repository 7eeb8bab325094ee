/** The members of one Shared Subscription, and whose turn it is. Spec §4.8.2. @module */

import type { ClientSession } from "./client_session.ts";
import type { ClientSubscription } from "./route.ts";

/** Who gets the next message: each in turn; anybody; the same member as long as it can; the same member for the same
 * publisher. */
export const SHARED_SUBSCRIPTION_STRATEGIES = ["round-robin", "random", "sticky", "hash"] as const;
export type SharedSubscriptionStrategy = typeof SHARED_SUBSCRIPTION_STRATEGIES[number];

/** How fit a member is for a message now. One that can be sent it at once is preferred to one whose queue must take it,
 * a connected one to one that is away, and any of them to one whose queue is full. */
const Fitness = { None: 0, Full: 1, Away: 2, Waiting: 3, Ready: 4 } as const;
type Fitness = typeof Fitness[keyof typeof Fitness];

export class SharedGroup {
  readonly #members: ClientSubscription[] = [];
  /** The index that the search begins with. */
  #next = 0;

  constructor(
    readonly shareName: string,
    readonly topicFilter: string,
    readonly strategy: SharedSubscriptionStrategy,
    /** 0 ≤ x < 1, given so that a simulation can be repeated. */
    readonly random: () => number,
  ) {}

  get size(): number {
    return this.#members.length;
  }

  /** Somebody's store would have to keep a QoS 1 or 2 message. */
  get hasPersistingMember(): boolean {
    return this.#members.some((member) => member.qos > 0 && member.session.persists);
  }

  add(member: ClientSubscription): void {
    this.#members.push(member);
  }

  remove(member: ClientSubscription): void {
    const index = this.#members.indexOf(member);
    if (index === -1) return;
    this.#members.splice(index, 1);
    // The turn stays with whom it was: the members behind the removed one moved up.
    if (index < this.#next) this.#next--;
    if (this.#next >= this.#members.length) this.#next = 0;
  }

  /** Chooses the member for one message.
   * @param qos of the message: one at QoS 0 is nothing for a member that is away.
   * @param publisherClientId what the "hash" strategy goes by; "" for the Server's own messages.
   * @param except a session that must not get it: it just went away.
   * @param qosMin a member that would get it at less is passed over.
   * @param mayReceive whether a member has the right to what is published under `topicName`. Default: all have.
   * @returns undefined when nobody can take it. */
  choose(
    qos: number,
    publisherClientId: string,
    except?: ClientSession,
    qosMin = 0,
    topicName = "",
    mayReceive?: (session: ClientSession, topicName: string) => boolean,
  ): ClientSubscription | undefined {
    const best = this.#best(qos, publisherClientId, except, qosMin, topicName, mayReceive);
    if (best === -1) return undefined;
    const count = this.#members.length;
    if (this.strategy === "round-robin") this.#next = best + 1 === count ? 0 : best + 1;
    else if (this.strategy === "sticky") this.#next = best;
    return this.#members[best];
  }

  /** Whom `choose` could give whatever the topic, if all rights were given; takes nobody's turn. */
  fittest(qos: number, except: ClientSession, qosMin: number): ClientSubscription | undefined {
    return this.#members[this.#best(qos, "", except, qosMin, "", undefined)];
  }

  /** @returns its index; -1 = nobody. */
  #best(
    qos: number,
    publisherClientId: string,
    except: ClientSession | undefined,
    qosMin: number,
    topicName: string,
    mayReceive: ((session: ClientSession, topicName: string) => boolean) | undefined,
  ): number {
    const members = this.#members;
    const count = members.length;
    if (count === 0) return -1;
    let start = this.#next;
    if (this.strategy === "random") start = Math.floor(this.random() * count);
    else if (this.strategy === "hash") start = hash(publisherClientId) % count;
    let best = -1;
    let bestFitness: Fitness = Fitness.None;
    for (let i = 0, index = start; i < count; i++, index = index + 1 === count ? 0 : index + 1) {
      const fitness = fitnessOf(members[index], qos, except, qosMin);
      if (fitness > bestFitness && mayReceive?.(members[index].session, topicName) !== false) {
        best = index;
        bestFitness = fitness;
        if (fitness === Fitness.Ready) break;
      }
    }
    return best;
  }
}

/** It can be sent a message now. */
export function isReady(member: ClientSubscription): boolean {
  const session = member.session;
  return session.isConnected && !session.hasPending && session.window.sendQuota > 0 &&
    !session.connection!.sink.congested;
}

function fitnessOf(
  member: ClientSubscription,
  qos: number,
  except: ClientSession | undefined,
  qosMin: number,
): Fitness {
  const session = member.session;
  if (session === except || Math.min(qos, member.qos) < qosMin) return Fitness.None;
  const usesQueue = Math.min(qos, member.qos) > 0;
  if (!session.isConnected && !(session.persists && usesQueue)) return Fitness.None;
  if (isReady(member)) return Fitness.Ready;
  if (usesQueue && !session.pending.hasRoomFor(1)) return Fitness.Full;
  return session.isConnected ? Fitness.Waiting : Fitness.Away;
}

/** FNV-1a over UTF-16 units: only has to spread publishers evenly. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193);
  return value >>> 0;
}
