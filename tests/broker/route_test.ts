/** Mirrors src/broker/route.ts. @module */

import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { ClientSession } from "../../src/broker/client_session.ts";
import { type ClientSubscription, findRoute, type Route, RouteEntry } from "../../src/broker/route.ts";
import { SharedGroup } from "../../src/broker/shared_group.ts";
import { DEFAULT_LIMITS } from "../../src/config/limits.ts";
import { ReasonCode } from "../../src/packet/mod.ts";
import { MatchCache } from "../../src/topic/match_cache.ts";
import { SubscriptionTrie } from "../../src/topic/subscription_trie.ts";
import { topicMatchesFilter } from "../../src/topic/topic_filter.ts";
import { topicFilter, topicName } from "../topic/arbitraries.ts";
import { identityOf, subscriptionOf } from "./support.ts";

function make() {
  const trie = new SubscriptionTrie<ClientSubscription | SharedGroup>();
  const cache = new MatchCache<Route>(100, 100, trie);
  return {
    trie,
    find: (topicName: string) => findRoute(topicName, trie, cache, { topicLevelsMax: 4, topicBytesMax: 100 }),
  };
}

Deno.test("[MQTT-3.3.4-2] [MQTT-3.3.4-4] overlapping subscriptions become one entry: highest QoS, every identifier", () => {
  const { trie, find } = make();
  const session = new ClientSession(identityOf("c"), DEFAULT_LIMITS);
  trie.insert("a/+", subscriptionOf(session, "a/+", { qos: 0, identifier: 5 }));
  trie.insert("a/#", subscriptionOf(session, "a/#", { qos: 2 }));
  trie.insert("a/b", subscriptionOf(session, "a/b", { qos: 1, identifier: 9, retainAsPublished: true }));
  trie.insert("a/b", subscriptionOf("other", "a/b", { qos: 1 }));
  const { entries } = find("a/b");
  assertEquals(entries.length, 2);
  const entry = entries.find((entry) => entry.session === session)!;
  assertEquals([entry.qos, entry.retainAsPublished, entry.subscriptions.length], [2, true, 3]);
  assertEquals(entry.subscriptionIdentifiers!.toSorted(), [5, 9]);
  assertEquals(session.routeEntry, undefined);
});

Deno.test("[MQTT-3.8.3-3] RouteEntry.withoutNoLocal() leaves what the publisher itself still gets", () => {
  const session = new ClientSession(identityOf("c"), DEFAULT_LIMITS);
  const noLocal = subscriptionOf(session, "a", { qos: 2, noLocal: true, identifier: 1 });
  const plain = subscriptionOf(session, "+", { qos: 1, identifier: 2 });
  const entry = new RouteEntry(session, noLocal);
  assertEquals([entry.hasNoLocal, entry.withoutNoLocal()], [true, undefined]);
  entry.add(plain);
  assertEquals(entry.qos, 2);
  const local = entry.withoutNoLocal()!;
  assertEquals([local.qos, local.subscriptionIdentifiers, local.hasNoLocal], [1, [2], false]);
});

Deno.test("findRoute() remembers a route until a subscription changes", () => {
  const { trie, find } = make();
  const subscription = subscriptionOf("c", "a");
  trie.insert("a", subscription);
  const route = find("a");
  assertEquals([find("a") === route, route.entries.length], [true, 1]);
  trie.remove("a", subscription);
  assertEquals(find("a").entries.length, 0);
});

Deno.test("findRoute() never answers with a stale route, whatever subscriptions come and go in between", () => {
  const step = fc.record({
    does: fc.constantFrom("publish" as const, "publish" as const, "publish" as const, "change" as const),
    session: fc.nat(3),
    filter: topicFilter,
    name: topicName,
    changes: fc.oneof({ weight: 9, arbitrary: fc.constant(1) }, {
      weight: 1,
      arbitrary: fc.integer({ min: 2, max: 40 }),
    }),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 150 }), (steps) => {
      const { trie, find } = make();
      const sessions = ["c0", "c1", "c2", "c3"].map((clientId) =>
        new ClientSession(identityOf(clientId), DEFAULT_LIMITS)
      );
      const there = new Map<string, ClientSubscription>();
      for (const { does, session, filter, name, changes } of steps) {
        if (does === "change") {
          // Comes, goes, comes …
          for (let change = 0; change < changes; change++) {
            const key = `${session} ${filter}`;
            const former = there.get(key);
            if (former !== undefined) trie.remove(filter, former);
            const next = former === undefined ? subscriptionOf(sessions[session], filter, {}) : undefined;
            if (next === undefined) there.delete(key);
            else there.set(key, next);
            if (next !== undefined) trie.insert(filter, next);
          }
          continue;
        }
        const found = find(name).entries.flatMap((entry) => {
          return entry.subscriptions.map((subscription) => `${entry.session.clientId} ${subscription.topicFilter}`);
        });
        const expected = [...there.values()].filter((subscription) =>
          topicMatchesFilter(name, subscription.topicFilter)
        )
          .map((subscription) => `${subscription.session.clientId} ${subscription.topicFilter}`);
        assertEquals(found.toSorted(), expected.toSorted(), name);
      }
    }),
    { numRuns: 500 },
  );
});

Deno.test("findRoute() puts Shared Subscriptions apart, as groups", () => {
  const { trie, find } = make();
  const group = new SharedGroup("g", "a/#", "round-robin", () => 0);
  trie.insert("a/#", group);
  trie.insert("a/b", subscriptionOf("c", "a/b"));
  const { groups, entries } = find("a/b");
  assertEquals([groups, entries.length], [[group], 1]);
});

Deno.test("findRoute() says which topics no Client may publish to", () => {
  const { find } = make();
  const refusals = {
    "a/b/c/d": ReasonCode.Success,
    "a/b/c/d/e": ReasonCode.TopicNameInvalid,
    "a/+": ReasonCode.TopicNameInvalid,
    "$SYS/x": ReasonCode.NotAuthorized,
    "$SYS": ReasonCode.NotAuthorized,
    "$share/g/a": ReasonCode.NotAuthorized,
    "$SYSTEM/x": ReasonCode.Success,
    "$dollar/x": ReasonCode.Success,
  };
  for (const [topicName, refusal] of Object.entries(refusals)) {
    assertEquals(find(topicName).refusal, refusal, topicName);
  }
});
