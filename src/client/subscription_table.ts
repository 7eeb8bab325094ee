/** All subscriptions of the program: which of them get a message.
 * A Server sends a message that several subscriptions match once with all their Subscription Identifiers, or once for each
 * with one: then the identifiers say whose it is. Without them, all that match get it. @module */

import type { PublishPacket } from "../packet/publish.ts";
import { topicMatchesFilter } from "../topic/topic_filter.ts";
import type { ActiveSubscription } from "./active_subscription.ts";
import type { MessageQueue } from "./message_queue.ts";

/** Who matches one Topic Name. */
interface Match {
  readonly queues: readonly MessageQueue[];
  /** By the place in `queues`: the full filters that match. */
  readonly filters: readonly (readonly string[])[];
}

const NO_MATCH: Match = { queues: [], filters: [] };
const TOPICS_KEPT = 1000;
/** Filters that were ended lately: what still comes for them nobody wants. */
const ENDED_KEPT = 1000;

export class SubscriptionTable {
  readonly #subscriptions = new Set<ActiveSubscription>();
  readonly #matches = new Map<string, Match>();
  /** Of the message before: most often the next one has the same topic. */
  #lastTopicName = "";
  #lastMatch = NO_MATCH;
  /** Full filter → the Subscription Identifier that the Server has for it. */
  readonly #identifiers = new Map<string, number>();
  readonly #ended = new Set<string>();

  add(subscription: ActiveSubscription): void {
    this.#subscriptions.add(subscription);
    this.changed();
  }

  remove(subscription: ActiveSubscription): void {
    this.#subscriptions.delete(subscription);
    for (const { request, topicFilter } of subscription.filters) {
      if (!this.isHeld(request.topicFilter)) this.#identifiers.delete(request.topicFilter);
      this.#ended.add(topicFilter);
      if (this.#ended.size > ENDED_KEPT) this.#ended.delete(this.#ended.values().next().value!);
    }
    this.changed();
  }

  /** Filters of a subscription have changed. */
  changed(): void {
    this.#matches.clear();
    this.#lastTopicName = "";
    this.#lastMatch = NO_MATCH;
  }

  /** A SUBSCRIBE goes out. @param identifier 0 = none. */
  announced(subscription: ActiveSubscription, identifier: number): void {
    for (const { request } of subscription.filters) {
      if (identifier === 0) this.#identifiers.delete(request.topicFilter);
      else this.#identifiers.set(request.topicFilter, identifier);
    }
  }

  values(): Iterable<ActiveSubscription> {
    return this.#subscriptions;
  }

  /** Of the subscription's filters those that no other one has. */
  ownFilters(subscription: ActiveSubscription): string[] {
    const filters = subscription.filters.map(({ request }) => request.topicFilter);
    return [...new Set(filters)].filter((filter) => !this.isHeld(filter, subscription));
  }

  targets({ message, subscriptionIdentifiers }: PublishPacket): readonly MessageQueue[] {
    const { queues, filters } = this.#matchOf(message.topicName);
    if (subscriptionIdentifiers === undefined || queues.length === 1) return queues;
    const isNamed = (filter: string) => subscriptionIdentifiers.includes(this.#identifiers.get(filter) ?? 0);
    if (queues.length === 0) {
      // A Server that gives topics other names on the way knows better than the names whose it is.
      return [...this.#subscriptions]
        .filter((subscription) => subscription.filters.some(({ request }) => isNamed(request.topicFilter)))
        .map(({ queue }) => queue);
    }
    const chosen = queues.filter((_, index) => filters[index].some(isNamed));
    // None: they are those of an earlier process, whose session this is.
    return chosen.length > 0 ? chosen : queues;
  }

  /** The program had a subscription for it, and has ended it. */
  wasWanted(topicName: string): boolean {
    for (const filter of this.#ended) if (topicMatchesFilter(topicName, filter)) return true;
    return false;
  }

  #matchOf(topicName: string): Match {
    if (topicName === this.#lastTopicName) return this.#lastMatch;
    this.#lastMatch = this.#matches.get(topicName) ?? this.#find(topicName);
    this.#lastTopicName = topicName;
    return this.#lastMatch;
  }

  #find(topicName: string): Match {
    const queues: MessageQueue[] = [];
    const filters: string[][] = [];
    for (const subscription of this.#subscriptions) {
      const matching = subscription.filters.filter((entry) => topicMatchesFilter(topicName, entry.topicFilter));
      if (matching.length === 0) continue;
      queues.push(subscription.queue);
      filters.push(matching.map(({ request }) => request.topicFilter));
    }
    if (this.#matches.size >= TOPICS_KEPT) this.#matches.clear();
    const match = { queues, filters };
    this.#matches.set(topicName, match);
    return match;
  }

  /** A subscription has this full filter. */
  isHeld(fullFilter: string, except?: ActiveSubscription): boolean {
    for (const subscription of this.#subscriptions) {
      if (subscription === except) continue;
      if (subscription.filters.some(({ request }) => request.topicFilter === fullFilter)) return true;
    }
    return false;
  }
}
