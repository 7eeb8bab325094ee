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
  assertEquals([session.pending.length, session.window.size, session.subscriptions.size, session.lastPosition], [
    0,
    0,
    0,
    0,
  ]);
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
