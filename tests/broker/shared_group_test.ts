/** Mirrors src/broker/shared_group.ts. @module */

import { assertEquals } from "@std/assert";
import { Connection, ConnectionState } from "../../src/broker/connection.ts";
import type { ClientSubscription } from "../../src/broker/route.ts";
import { SharedGroup, type SharedSubscriptionStrategy } from "../../src/broker/shared_group.ts";
import { outgoing } from "../session/support.ts";
import { openDoor, RecordingSink, subscriptionOf } from "./support.ts";

/** A member that is connected, and can take something. */
function member(clientId: string, options: { qos?: 0 | 1 | 2; isAway?: boolean } = {}): ClientSubscription {
  const subscription = subscriptionOf(clientId, "a", { qos: options.qos ?? 1 });
  const { session } = subscription;
  session.sessionExpiryInterval = 60;
  session.window.resume(10);
  if (!options.isAway) {
    const connection = new Connection(new RecordingSink(), openDoor());
    connection.state = ConnectionState.Connected;
    session.connection = connection;
  }
  return subscription;
}

function groupOf(strategy: SharedSubscriptionStrategy, members: readonly ClientSubscription[], random = () => 0) {
  const group = new SharedGroup("g", "a", strategy, random);
  for (const member of members) group.add(member);
  return group;
}

const choices = (group: SharedGroup, count: number, publisher = "p") =>
  Array.from({ length: count }, () => group.choose(1, publisher)?.session.clientId ?? "-").join("");

Deno.test("SharedGroup round-robin gives each member its turn, also when one joins or leaves", () => {
  const [a, b, c] = ["a", "b", "c"].map((id) => member(id));
  const group = groupOf("round-robin", [a, b, c]);
  assertEquals(choices(group, 4), "abca");
  group.remove(a); // it is b's turn, and stays so
  assertEquals(choices(group, 3), "bcb");
  group.add(a);
  assertEquals(choices(group, 3), "cab");
});

Deno.test("SharedGroup sticky stays with one as long as it can", () => {
  const [a, b] = [member("a"), member("b")];
  const group = groupOf("sticky", [a, b]);
  assertEquals(choices(group, 3), "aaa");
  (a.session.connection!.sink as RecordingSink).congested = true;
  assertEquals(choices(group, 2), "bb");
  (a.session.connection!.sink as RecordingSink).congested = false;
  assertEquals(choices(group, 2), "bb");
});

Deno.test("SharedGroup hash gives the same publisher the same member, and spreads publishers", () => {
  const group = groupOf("hash", ["a", "b", "c"].map((id) => member(id)));
  const first = choices(group, 1, "publisher 1");
  assertEquals(choices(group, 3, "publisher 1"), first.repeat(3));
  const spread = new Set(Array.from({ length: 50 }, (_, i) => choices(group, 1, `publisher ${i}`)));
  assertEquals(spread.size, 3);
});

Deno.test("SharedGroup random goes by the number it is given", () => {
  let value = 0;
  const group = groupOf("random", ["a", "b", "c"].map((id) => member(id)), () => value);
  assertEquals([0, 0.4, 0.99].map((next) => (value = next, choices(group, 1))), ["a", "b", "c"]);
});

Deno.test("SharedGroup prefers a member with room to a full one, and that to one that is away", () => {
  const [away, full, ready] = [member("a", { isAway: true }), member("f"), member("r")];
  full.session.pending.push(outgoing("x"), 0, () => {});
  const group = groupOf("round-robin", [away, full, ready]);
  assertEquals(choices(group, 3), "rrr");
  group.remove(ready);
  assertEquals(choices(group, 3), "fff");
  group.remove(full);
  assertEquals(choices(group, 2), "aa");
});

Deno.test("SharedGroup gives nothing at QoS 0 to a member that is away, nor to one whose session does not persist", () => {
  const group = groupOf("round-robin", [member("a", { isAway: true })]);
  assertEquals(group.choose(0, "p"), undefined);
  const transient = member("t", { isAway: true });
  transient.session.sessionExpiryInterval = 0;
  assertEquals(groupOf("round-robin", [transient]).choose(1, "p"), undefined);
  assertEquals(groupOf("round-robin", [member("q", { isAway: true, qos: 0 })]).choose(1, "p"), undefined);
});

Deno.test("SharedGroup.choose() passes over the session that just went away, and nobody is left of an empty group", () => {
  const [a, b] = [member("a"), member("b")];
  const group = groupOf("round-robin", [a, b]);
  assertEquals(group.choose(1, "", a.session), b);
  assertEquals(group.choose(1, "", a.session), b);
  group.remove(b);
  assertEquals(group.choose(1, "", a.session), undefined);
  assertEquals(groupOf("round-robin", []).choose(1, ""), undefined);
});
