/** Mirrors src/session/session.ts and incoming_qos2.ts. @module */

import { assertEquals } from "@std/assert";
import { IncomingQoS2 } from "../../src/session/incoming_qos2.ts";
import { NEVER_EXPIRES_S, Session } from "../../src/session/session.ts";
import { Subscription } from "../../src/session/subscription.ts";

const LIMITS = { queuedMessagesMax: 10, queuedBytesMax: 1_000, queuePolicy: "drop-newest" } as const;

Deno.test("[MQTT-3.1.2-23] Session.persists is true when its Session Expiry Interval is greater than 0", () => {
  const session = new Session("client", undefined, LIMITS);
  assertEquals(session.persists, false);
  for (const seconds of [1, NEVER_EXPIRES_S]) {
    session.sessionExpiryInterval = seconds;
    assertEquals(session.persists, true);
  }
  assertEquals(NEVER_EXPIRES_S, 0xffff_ffff);
});

Deno.test("Session begins empty, alive, and with nothing due", () => {
  const session = new Session("client", "user", LIMITS);
  assertEquals([session.alive, session.willDueAtMs, session.expiresAtMs], [true, Infinity, Infinity]);
  assertEquals([session.pending.length, session.window.size, session.subscriptionCount, session.lastPosition], [
    0,
    0,
    0,
    0,
  ]);
});

Deno.test("Session keeps its subscriptions by full filter, one in place of another with the same", () => {
  const session = new Session("client", undefined, LIMITS);
  const subscription = (topicFilter: string, qos: 0 | 1 = 0) =>
    new Subscription(session, topicFilter, undefined, topicFilter, qos, false, false, 0);
  const filters = () => session.allSubscriptions().map(({ fullFilter, qos }) => `${fullFilter} ${qos}`);
  session.removeSubscription("a");
  assertEquals([session.subscriptionTo("a"), session.subscriptionCount, filters()], [undefined, 0, []]);

  session.addSubscription(subscription("a"));
  session.removeSubscription("b");
  assertEquals([session.subscriptionTo("b"), filters()], [undefined, ["a 0"]]);
  session.addSubscription(subscription("a", 1));
  assertEquals([session.subscriptionTo("a")?.qos, session.subscriptionCount, filters()], [1, 1, ["a 1"]]);

  session.addSubscription(subscription("b"));
  session.addSubscription(subscription("b", 1));
  session.addSubscription(subscription("c"));
  assertEquals([session.subscriptionCount, filters()], [3, ["a 1", "b 1", "c 0"]]);
  session.removeSubscription("a");
  assertEquals([session.subscriptionTo("a"), session.subscriptionTo("b")?.qos, filters()], [undefined, 1, [
    "b 1",
    "c 0",
  ]]);
  session.removeSubscription("b");
  session.removeSubscription("c");
  assertEquals([session.subscriptionCount, filters()], [0, []]);
  session.addSubscription(subscription("d"));
  session.removeSubscription("d");
  assertEquals([session.subscriptionCount, filters()], [0, []]);
});

Deno.test("Session.resume() sets the quota of a window that is made later, and of one that is there", () => {
  const session = new Session("client", undefined, LIMITS);
  session.resume(7);
  assertEquals([session.hasPending, session.hasResends, session.hasRuns, session.messageCount], [
    false,
    false,
    false,
    0,
  ]);
  assertEquals(session.window.sendQuota, 7);
  session.resume(3);
  assertEquals(session.window.sendQuota, 3);
});

Deno.test("Subscription has an array of its Subscription Identifier, or none", () => {
  const session = new Session("client", undefined, LIMITS);
  const subscription = (identifier: number) =>
    new Subscription(session, "$share/g/a", "g", "a", 1, false, false, identifier);
  assertEquals(subscription(0).subscriptionIdentifiers, undefined);
  assertEquals(subscription(268_435_455).subscriptionIdentifiers, [268_435_455]);
});

Deno.test("[MQTT-4.3.3-10] IncomingQoS2 knows an identifier from the PUBLISH to the PUBREL", () => {
  const incoming = new IncomingQoS2();
  assertEquals([incoming.has(1), incoming.release(1), incoming.size, [...incoming.values()]], [false, false, 0, []]);
  incoming.add(1);
  incoming.add(65_535);
  incoming.add(1);
  assertEquals([incoming.has(1), incoming.size, [...incoming.values()]], [true, 2, [1, 65_535]]);
  assertEquals([incoming.release(1), incoming.release(1), incoming.has(1), incoming.size], [true, false, false, 1]);
});
