/** Where messages of one topic go: its matching subscriptions, merged for each Session. Made once for a topic, and
 * remembered until a subscription changes. Spec §3.3.4. @module */

import type { Identity } from "../auth/authorizer.ts";
import type { Limits } from "../config/limits.ts";
import type { MatchCache, PlacedTopic } from "../topic/match_cache.ts";
import { Matches } from "../topic/matches.ts";
import type { SubscriptionTrie } from "../topic/subscription_trie.ts";
import { fitsUtf8String, isValidTopicName, TOPIC_BYTES_MAX, topicLevels } from "../topic/topic_name.ts";
import type { ApplicationMessage } from "../packet/application_message.ts";
import type { QoS } from "../packet/control_packet.ts";
import { ReasonCode } from "../packet/reason_code.ts";
import { Subscription } from "../session/subscription.ts";
import type { ClientSession } from "./client_session.ts";
import { SharedGroup } from "./shared_group.ts";

export class ClientSubscription extends Subscription<ClientSession> {
  /** Whether all that it brings may be received, and when that was judged: see `receivesAll` (rights.ts). */
  judgement = 0;
}

/** Of an entry that has ended, and that nobody asks any more. */
const NOBODY = undefined as unknown as ClientSession;
const NOTHING = undefined as unknown as ClientSubscription;
const DOLLAR = 0x24;

/** All subscriptions of one Session that match, as one delivery: the highest QoS [MQTT-3.3.4-2], every Subscription
 * Identifier [MQTT-3.3.4-4]. */
export class RouteEntry {
  session!: ClientSession;
  qos: QoS = 0;
  retainAsPublished = false;
  hasNoLocal = false;
  subscriptionIdentifiers: readonly number[] | undefined = undefined;
  /** Whom `mayReceive` was judged for (rights.ts). */
  judgedIdentity: Identity | undefined = undefined;
  mayReceive = false;
  first!: ClientSubscription;
  /** All of them, once they are several. */
  #several: ClientSubscription[] | undefined = undefined;
  /** `subscriptionIdentifiers`, once they are several. */
  #identifiers: number[] | undefined = undefined;

  constructor(first: ClientSubscription) {
    this.begin(first);
  }

  /** Forgets what it was. */
  begin(first: ClientSubscription): void {
    this.session = first.session;
    this.qos = first.qos;
    this.retainAsPublished = first.retainAsPublished;
    this.hasNoLocal = first.noLocal;
    this.subscriptionIdentifiers = first.subscriptionIdentifiers;
    this.judgedIdentity = undefined;
    this.first = first;
    this.#several = undefined;
    this.#identifiers = undefined;
  }

  /** Keeps nobody alive. */
  end(): void {
    this.session = NOBODY;
    this.subscriptionIdentifiers = undefined;
    this.judgedIdentity = undefined;
    this.first = NOTHING;
    this.#several = undefined;
    this.#identifiers = undefined;
  }

  get subscriptions(): readonly ClientSubscription[] {
    return this.#several ?? [this.first];
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
    if (this.#several === undefined) this.#several = [this.first, subscription];
    else this.#several.push(subscription);
  }

  /** What is left for the Client that published: its subscriptions without No Local [MQTT-3.8.3-3]. */
  withoutNoLocal(): RouteEntry | undefined {
    let local: RouteEntry | undefined = undefined;
    for (const subscription of this.subscriptions) {
      if (subscription.noLocal) continue;
      if (local === undefined) local = new RouteEntry(subscription);
      else local.add(subscription);
    }
    return local;
  }
}

let routes = 0;

const NO_GROUPS: readonly SharedGroup[] = [];
/** Entries of a passing route that are kept for the next one. */
const PASSING_ENTRIES_KEPT = 1024;

export class Route {
  /** Of a route that is remembered: no other has it, nor will have. What is remembered about a route goes by it, and keeps
   * no route alive. 0 = this one is used once. */
  number = 0;
  /** Success, or why no Client may publish here. */
  refusal: ReasonCode = ReasonCode.Success;
  /** Those from `count` on mean nothing. */
  entries: RouteEntry[] = [];
  count = 0;
  groups: readonly SharedGroup[] = NO_GROUPS;

  /** From what matches: an entry for each Session, in the order in which they were found, and the Shared Subscriptions. */
  fill(matches: Matches<ClientSubscription | SharedGroup>): void {
    const thisStamp = ++stamp;
    const { entries } = this;
    let groups: SharedGroup[] | undefined = undefined;
    let count = 0;
    for (let index = 0; index < matches.count; index++) {
      const value = matches.values[index]!;
      if (value instanceof SharedGroup) {
        (groups ??= []).push(value);
        continue;
      }
      const session = value.session;
      if (session.routeStamp === thisStamp) {
        entries[session.routeIndex].add(value);
        continue;
      }
      session.routeStamp = thisStamp;
      session.routeIndex = count;
      if (count < entries.length) entries[count].begin(value);
      else entries.push(new RouteEntry(value));
      count++;
    }
    this.count = count;
    this.groups = groups ?? NO_GROUPS;
  }
}

let stamp = 0;
/** Empty but for the moment between a match and the route that is made of it. */
const matches = new Matches<ClientSubscription | SharedGroup>();

type Subscriptions = SubscriptionTrie<ClientSubscription | SharedGroup>;
type TopicLimits = Pick<Limits, "topicLevelsMax" | "topicBytesMax">;

/** The route of a message: of a topic that is known, the one that is remembered, or will be from now on; of all others one
 * that is to be given back by `letPass`. */
export function findRoute(
  message: ApplicationMessage,
  subscriptions: Subscriptions,
  cache: MatchCache<Route>,
  limits: TopicLimits,
): Route {
  const { knownTopic } = message;
  if (knownTopic === undefined) return passingRoute(message, subscriptions, limits);
  return cache.get(knownTopic) ?? makeRoute(message, knownTopic, subscriptions, cache, limits);
}

/** Apart from the look-up, which is all that most messages need. */
function makeRoute(
  message: ApplicationMessage,
  topic: PlacedTopic,
  subscriptions: Subscriptions,
  cache: MatchCache<Route>,
  limits: TopicLimits,
): Route {
  const route = passingRoute(message, subscriptions, limits);
  const weight = route.count + route.groups.length + 1 + (topic.name.length >>> 3);
  if (cache.set(topic, route, weight)) {
    route.number = ++routes;
    // Cut to size: a list that was used for other routes has more, and one that grows takes room for 17.
    route.entries = route.entries.slice(0, route.count);
  }
  return route;
}

/** The route of one message, made in the place of the former such route, and without a string of the Topic Name where that can
 * be. */
function passingRoute(message: ApplicationMessage, subscriptions: Subscriptions, limits: TopicLimits): Route {
  // Taken: what happens while the message is delivered may publish another one.
  const route = passing ?? new Route();
  passing = undefined;
  // Empty, unless there was a bug in between: whatever happened, nobody gets what others subscribed to.
  matches.clear();
  const { buffer, topicStart, topicEnd } = message;
  if (message.borrowed && topicEnd > topicStart) {
    subscriptions.collectBytes(buffer, topicStart, topicEnd, matches);
    route.refusal = bytesRefusal(message, limits);
  } else {
    subscriptions.collect(message.topicName, matches);
    route.refusal = topicRefusal(message.topicName, limits);
  }
  route.fill(matches);
  matches.clear();
  return route;
}

let passing: Route | undefined = undefined;

/** Nobody holds the route any more, which was made for one message. */
export function letPass(route: Route): void {
  const { entries } = route;
  if (entries.length > PASSING_ENTRIES_KEPT) return;
  // A session that ended must not be kept by its last route.
  for (let index = 0; index < route.count; index++) entries[index].end();
  route.count = 0;
  route.groups = NO_GROUPS;
  passing = route;
}

/** As `topicRefusal`, of bytes that the decoder found to be a Topic Name. */
function bytesRefusal(message: ApplicationMessage, limits: TopicLimits): ReasonCode {
  const length = message.topicEnd - message.topicStart;
  // Fewer bytes than levels are allowed: there is no need to count those.
  const isPlain = length < limits.topicLevelsMax && length <= limits.topicBytesMax &&
    message.buffer[message.topicStart] !== DOLLAR;
  return isPlain ? ReasonCode.Success : topicRefusal(message.topicName, limits);
}

/** Topics that Clients may not publish to: too deep, not valid, or the Server's own. §4.7.2 */
export function topicRefusal(topicName: string, limits: TopicLimits): ReasonCode {
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
  if (topicName.charCodeAt(0) !== DOLLAR) return false;
  const slash = topicName.indexOf("/");
  const root = slash === -1 ? topicName : topicName.slice(0, slash);
  return root === "$SYS" || root === "$share" || root === "$CONTROL";
}
