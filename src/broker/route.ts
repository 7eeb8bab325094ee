/** Where messages of one topic go: its matching subscriptions, merged for each Session. Made once for a topic, and
 * remembered until a subscription changes. Spec §3.3.4. @module */

import type { Identity } from "../auth/authorizer.ts";
import type { Limits } from "../config/limits.ts";
import type { MatchCache } from "../topic/match_cache.ts";
import { Matches } from "../topic/matches.ts";
import type { SubscriptionTrie } from "../topic/subscription_trie.ts";
import { fitsUtf8String, isValidTopicName, TOPIC_BYTES_MAX, topicLevels } from "../topic/topic_name.ts";
import type { QoS } from "../packet/control_packet.ts";
import { ReasonCode } from "../packet/reason_code.ts";
import { Subscription } from "../session/subscription.ts";
import type { ClientSession } from "./client_session.ts";
import { SharedGroup } from "./shared_group.ts";

export class ClientSubscription extends Subscription<ClientSession> {
  /** Whether all that it brings may be received, and when that was judged: see `receivesAll` (rights.ts). */
  judgement = 0;
}

/** All subscriptions of one Session that match, as one delivery: the highest QoS [MQTT-3.3.4-2], every Subscription
 * Identifier [MQTT-3.3.4-4]. */
export class RouteEntry {
  qos: QoS;
  retainAsPublished: boolean;
  hasNoLocal: boolean;
  subscriptionIdentifiers: readonly number[] | undefined;
  /** Whom `mayReceive` was judged for (rights.ts). */
  judgedIdentity: Identity | undefined = undefined;
  mayReceive = false;
  readonly #first: ClientSubscription;
  /** All of them, once they are several. */
  #several: ClientSubscription[] | undefined = undefined;
  /** `subscriptionIdentifiers`, once they are several. */
  #identifiers: number[] | undefined = undefined;

  constructor(readonly session: ClientSession, first: ClientSubscription) {
    this.qos = first.qos;
    this.retainAsPublished = first.retainAsPublished;
    this.hasNoLocal = first.noLocal;
    this.subscriptionIdentifiers = first.subscriptionIdentifiers;
    this.#first = first;
  }

  get subscriptions(): readonly ClientSubscription[] {
    return this.#several ?? [this.#first];
  }

  add(subscription: ClientSubscription): void {
    if (subscription.qos > this.qos) this.qos = subscription.qos;
    if (subscription.retainAsPublished) this.retainAsPublished = true;
    if (subscription.noLocal) this.hasNoLocal = true;
    if (subscription.subscriptionIdentifiers !== undefined) {
      if (this.subscriptionIdentifiers === undefined) {
        this.subscriptionIdentifiers = subscription.subscriptionIdentifiers;
      } else {
        // One list that grows: a copy for each of ten thousand overlapping filters would be quadratic.
        this.#identifiers ??= [...this.subscriptionIdentifiers];
        this.#identifiers.push(subscription.subscriptionIdentifier);
        this.subscriptionIdentifiers = this.#identifiers;
      }
    }
    if (this.#several === undefined) this.#several = [this.#first, subscription];
    else this.#several.push(subscription);
  }

  /** What is left for the Client that published: its subscriptions without No Local [MQTT-3.8.3-3]. */
  withoutNoLocal(): RouteEntry | undefined {
    let local: RouteEntry | undefined = undefined;
    for (const subscription of this.subscriptions) {
      if (subscription.noLocal) continue;
      if (local === undefined) local = new RouteEntry(this.session, subscription);
      else local.add(subscription);
    }
    return local;
  }
}

let routes = 0;

const NO_GROUPS: readonly SharedGroup[] = [];

export class Route {
  /** Of a route that is remembered: no other has it, nor will have. What is remembered about a route goes by it, and keeps
   * no route alive. 0 = this one is used once. */
  number = 0;
  /** Success, or why no Client may publish here. */
  readonly refusal: ReasonCode;
  readonly entries: readonly RouteEntry[];
  readonly groups: readonly SharedGroup[];

  constructor(refusal: ReasonCode, entries: readonly RouteEntry[], groups: readonly SharedGroup[]) {
    this.refusal = refusal;
    this.entries = entries;
    this.groups = groups;
  }
}

let stamp = 0;
const matches = new Matches<ClientSubscription | SharedGroup>();
const entries = new Matches<RouteEntry>();

/** Finds or makes the route of `topicName`. */
export function findRoute(
  topicName: string,
  subscriptions: SubscriptionTrie<ClientSubscription | SharedGroup>,
  cache: MatchCache<Route>,
  limits: Pick<Limits, "topicLevelsMax" | "topicBytesMax">,
): Route {
  return cache.get(topicName) ?? makeRoute(topicName, subscriptions, cache, limits);
}

/** Apart from the look-up, which is all that most messages need. */
function makeRoute(
  topicName: string,
  subscriptions: SubscriptionTrie<ClientSubscription | SharedGroup>,
  cache: MatchCache<Route>,
  limits: Pick<Limits, "topicLevelsMax" | "topicBytesMax">,
): Route {
  // Empty, unless there was a bug in between: whatever happened, nobody gets what others subscribed to.
  matches.clear();
  entries.clear();
  subscriptions.collect(topicName, matches);
  const groups = mergeMatches();
  // Cut from a list that is used again: one that grows takes room for 17.
  const route = new Route(topicRefusal(topicName, limits), entries.toArray(), groups);
  matches.clear();
  entries.clear();
  const weight = route.entries.length + route.groups.length + 1 + (topicName.length >>> 3);
  if (cache.set(topicName, route, weight)) route.number = ++routes;
  return route;
}

/** `matches` → `entries`: one for each Session, in the order in which they were found. @returns the Shared Subscriptions. */
function mergeMatches(): readonly SharedGroup[] {
  const thisStamp = ++stamp;
  let groups: SharedGroup[] | undefined = undefined;
  for (let index = 0; index < matches.count; index++) {
    const value = matches.values[index]!;
    if (value instanceof SharedGroup) {
      (groups ??= []).push(value);
      continue;
    }
    const session = value.session;
    if (session.routeStamp === thisStamp) {
      session.routeEntry!.add(value);
    } else {
      session.routeStamp = thisStamp;
      session.routeEntry = new RouteEntry(session, value);
      entries.add(session.routeEntry);
    }
  }
  // The entries are reachable by the route alone: a session that ended must not be kept by its last route, nor it by it.
  for (let index = 0; index < entries.count; index++) entries.values[index]!.session.routeEntry = undefined;
  return groups ?? NO_GROUPS;
}

/** Topics that Clients may not publish to: too deep, not valid, or the Server's own. §4.7.2 */
export function topicRefusal(topicName: string, limits: Pick<Limits, "topicLevelsMax" | "topicBytesMax">): ReasonCode {
  if (!isValidTopicName(topicName)) return ReasonCode.TopicNameInvalid;
  if (limits.topicBytesMax < TOPIC_BYTES_MAX && !fitsUtf8String(topicName, limits.topicBytesMax)) {
    return ReasonCode.TopicNameInvalid;
  }
  if (topicName.length >= limits.topicLevelsMax && topicLevels(topicName) > limits.topicLevelsMax) {
    return ReasonCode.TopicNameInvalid;
  }
  if (isReserved(topicName)) return ReasonCode.NotAuthorized;
  return ReasonCode.Success;
}

function isReserved(topicName: string): boolean {
  if (topicName.charCodeAt(0) !== 0x24) return false;
  const slash = topicName.indexOf("/");
  const root = slash === -1 ? topicName : topicName.slice(0, slash);
  return root === "$SYS" || root === "$share" || root === "$CONTROL";
}
