/** Where messages of one topic go: its matching subscriptions, merged for each Session. Made once for a topic, and
 * remembered until a subscription changes. Spec §3.3.4. @module */

import type { Identity } from "../auth/authorizer.ts";
import type { Limits } from "../config/limits.ts";
import type { MatchCache } from "../topic/match_cache.ts";
import type { SubscriptionTrie } from "../topic/subscription_trie.ts";
import { fitsUtf8String, isValidTopicName, topicLevels } from "../topic/topic_name.ts";
import type { QoS } from "../packet/control_packet.ts";
import { ReasonCode } from "../packet/reason_code.ts";
import type { Subscription } from "../session/subscription.ts";
import type { ClientSession } from "./client_session.ts";
import { SharedGroup } from "./shared_group.ts";

export type ClientSubscription = Subscription<ClientSession>;

/** All subscriptions of one Session that match, as one delivery: the highest QoS [MQTT-3.3.4-2], every Subscription
 * Identifier [MQTT-3.3.4-4]. */
export class RouteEntry {
  qos: QoS;
  retainAsPublished: boolean;
  hasNoLocal: boolean;
  subscriptionIdentifiers: readonly number[] | undefined;
  readonly subscriptions: ClientSubscription[];
  /** Whom `mayReceive` was judged for (rights.ts). */
  judgedIdentity: Identity | undefined = undefined;
  mayReceive = false;
  /** `subscriptionIdentifiers`, once they are several. */
  #identifiers: number[] | undefined = undefined;

  constructor(readonly session: ClientSession, first: ClientSubscription) {
    this.qos = first.qos;
    this.retainAsPublished = first.retainAsPublished;
    this.hasNoLocal = first.noLocal;
    this.subscriptionIdentifiers = first.subscriptionIdentifiers;
    this.subscriptions = [first];
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
    this.subscriptions.push(subscription);
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

export class Route {
  /** No other route has it, nor will have: what is remembered about a route goes by it, and keeps no route alive. */
  readonly number = ++routes;
  /** Success, or why no Client may publish here. */
  readonly refusal: ReasonCode;
  readonly entries: RouteEntry[] = [];
  readonly groups: SharedGroup[] = [];

  constructor(refusal: ReasonCode) {
    this.refusal = refusal;
  }
}

let stamp = 0;

/** Finds or makes the route of `topicName`. */
export function findRoute(
  topicName: string,
  subscriptions: SubscriptionTrie<ClientSubscription | SharedGroup>,
  cache: MatchCache<Route>,
  limits: Pick<Limits, "topicLevelsMax" | "topicBytesMax">,
): Route {
  return cache.get(topicName, subscriptions.version) ?? makeRoute(topicName, subscriptions, cache, limits);
}

/** Apart from the look-up: a function that has a closure makes its surroundings on entry, used or not, and most messages
 * only look up. */
function makeRoute(
  topicName: string,
  subscriptions: SubscriptionTrie<ClientSubscription | SharedGroup>,
  cache: MatchCache<Route>,
  limits: Pick<Limits, "topicLevelsMax" | "topicBytesMax">,
): Route {
  const route = new Route(topicRefusal(topicName, limits));
  const thisStamp = ++stamp;
  subscriptions.match(topicName, (value) => {
    if (value instanceof SharedGroup) {
      route.groups.push(value);
      return;
    }
    const session = value.session;
    if (session.routeStamp === thisStamp) {
      session.routeEntry!.add(value);
      return;
    }
    session.routeStamp = thisStamp;
    session.routeEntry = new RouteEntry(session, value);
    route.entries.push(session.routeEntry);
  });
  // The entries are reachable by the route alone: a session that ended must not be kept by its last route, nor it by it.
  for (const entry of route.entries) entry.session.routeEntry = undefined;
  cache.set(
    topicName,
    route,
    subscriptions.version,
    route.entries.length + route.groups.length + 1 + (topicName.length >>> 3),
  );
  return route;
}

/** Topics that Clients may not publish to: too deep, not valid, or the Server's own. §4.7.2 */
export function topicRefusal(topicName: string, limits: Pick<Limits, "topicLevelsMax" | "topicBytesMax">): ReasonCode {
  if (!isValidTopicName(topicName)) return ReasonCode.TopicNameInvalid;
  if (!fitsUtf8String(topicName, limits.topicBytesMax)) return ReasonCode.TopicNameInvalid;
  if (topicLevels(topicName) > limits.topicLevelsMax) return ReasonCode.TopicNameInvalid;
  if (isReserved(topicName)) return ReasonCode.NotAuthorized;
  return ReasonCode.Success;
}

function isReserved(topicName: string): boolean {
  if (topicName.charCodeAt(0) !== 0x24) return false;
  const slash = topicName.indexOf("/");
  const root = slash === -1 ? topicName : topicName.slice(0, slash);
  return root === "$SYS" || root === "$share" || root === "$CONTROL";
}
