/** Mirrors src/broker/route.ts. @module */

import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { ClientSession } from "../../src/broker/client_session.ts";
import { type ClientSubscription, findRoute, letPass, type Route, RouteEntry } from "../../src/broker/route.ts";
import { SharedGroup } from "../../src/broker/shared_group.ts";
import { DEFAULT_LIMITS } from "../../src/config/limits.ts";
import { KNOWN_TOPICS_MAX } from "../../src/packet/known_topics.ts";
import { ApplicationMessage, ReasonCode } from "../../src/packet/mod.ts";
import { PublishReader } from "../../src/packet/publish.ts";
import { MatchCache } from "../../src/topic/match_cache.ts";
import { SubscriptionTrie } from "../../src/topic/subscription_trie.ts";
import { topicMatchesFilter } from "../../src/topic/topic_filter.ts";
import { topicFilter, topicName } from "../topic/arbitraries.ts";
import { identityOf, subscriptionOf } from "./support.ts";

const LIMITS = { topicLevelsMax: 4, topicBytesMax: 100 };

/** As it comes from a connection.
 * @param isKnown false: as one that is met once. */
function received(topicName: string, isKnown = true): ApplicationMessage {
  const topic = new TextEncoder().encode(topicName);
  const body = [topic.length >>> 8, topic.length & 0xff, ...topic];
  const packet = Uint8Array.of(0x30, body.length, ...body);
  const { message } = new PublishReader("client", 0).decode(packet, 0, 2, packet.length, 4);
  if (!isKnown) message.setTopic(undefined, undefined);
  return message;
}

function make() {
  const trie = new SubscriptionTrie<ClientSubscription | SharedGroup>();
  const cache = new MatchCache<Route>(KNOWN_TOPICS_MAX, 100, 100, trie);
  const none = new MatchCache<Route>(KNOWN_TOPICS_MAX, 0, 100, trie);
  return {
    trie,
    find: (topicName: string) => findRoute(received(topicName), trie, cache, LIMITS),
    /** What is not remembered. */
    pass: (message: ApplicationMessage) => findRoute(message, trie, none, LIMITS),
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
});

Deno.test("[MQTT-3.8.3-3] RouteEntry.withoutNoLocal() leaves what the publisher itself still gets", () => {
  const session = new ClientSession(identityOf("c"), DEFAULT_LIMITS);
  const noLocal = subscriptionOf(session, "a", { qos: 2, noLocal: true, identifier: 1 });
  const plain = subscriptionOf(session, "+", { qos: 1, identifier: 2 });
  const entry = new RouteEntry(noLocal);
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
  const { pass } = make();
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
    const made = pass(ApplicationMessage.create({ topicName, payload: new Uint8Array(0) }));
    assertEquals(made.refusal, refusal, topicName);
    letPass(made);
    if (topicName !== "a/+") assertEquals(pass(received(topicName)).refusal, refusal, topicName);
  }
});

function summary(route: Route) {
  return {
    refusal: route.refusal,
    groups: route.groups.length,
    entries: route.entries.slice(0, route.count).map((entry) => ({
      clientId: entry.session.clientId,
      qos: entry.qos,
      retainAsPublished: entry.retainAsPublished,
      hasNoLocal: entry.hasNoLocal,
      identifiers: entry.subscriptionIdentifiers,
      filters: entry.subscriptions.map((subscription) => subscription.topicFilter),
      judged: entry.judgedIdentity,
    })),
  };
}

Deno.test("findRoute() makes the same route whether it is remembered or used once, message after message in the same object", () => {
  const subscription = fc.record({
    client: fc.nat(3).map((n) => `c${n}`),
    filter: topicFilter,
    qos: fc.constantFrom(0 as const, 1 as const, 2 as const),
    identifier: fc.nat(3),
    noLocal: fc.boolean(),
    retainAsPublished: fc.boolean(),
    isShared: fc.nat(5).map((n) => n === 0),
  });
  const topic = topicName.filter((name) => new TextEncoder().encode(name).length < 100);
  fc.assert(
    fc.property(
      fc.array(subscription, { maxLength: 20 }),
      fc.array(topic, { maxLength: 5 }),
      (subscriptions, topics) => {
        const { trie, find, pass } = make();
        const sessions = new Map(
          ["c0", "c1", "c2", "c3"].map((id) => [id, new ClientSession(identityOf(id), DEFAULT_LIMITS)]),
        );
        for (const { client, filter, isShared, ...options } of subscriptions) {
          if (isShared) trie.insert(filter, new SharedGroup("g", filter, "round-robin", () => 0));
          else trie.insert(filter, subscriptionOf(sessions.get(client)!, filter, options));
        }
        for (const name of topics) {
          const expected = summary(find(name));
          for (const message of [received(name), received(name, false), received(name).owned()]) {
            const route = pass(message);
            assertEquals([summary(route), route.number], [expected, 0]);
            letPass(route);
          }
        }
      },
    ),
    { numRuns: 300 },
  );
});

Deno.test("findRoute() takes another route while one is in use, and the same one again after that", () => {
  const { trie, pass } = make();
  trie.insert("a/#", subscriptionOf("first", "a/#"));
  trie.insert("b/#", subscriptionOf("second", "b/#"));
  const outer = pass(received("a/x"));
  const inner = pass(received("b/x"));
  assertEquals([outer.entries[0].session.clientId, inner.entries[0].session.clientId], ["first", "second"]);
  letPass(inner);
  assertEquals([outer.count, outer.entries[0].session.clientId], [1, "first"]);
  letPass(outer);
  assertEquals(pass(received("b/x")) === outer, true);
  assertEquals(outer.entries[0].session.clientId, "second");
});
