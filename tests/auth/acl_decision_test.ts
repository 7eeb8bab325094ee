/** The order of rules, and what each of them is about: the examples of docs/access.md and more. @module */

import { assertEquals, assertStringIncludes } from "@std/assert";
import type { Accounts } from "../../src/auth/accounts.ts";
import { type AclRequest, decide, describeRule } from "../../src/auth/acl_decision.ts";
import type { Identity } from "../../src/auth/authorizer.ts";
import { accountsOf, identityOf, rolesOf, rulesOf, usersOf } from "./acl_support.ts";

const greenhouse = identityOf({ userName: "greenhouse" });

/** Accounts with the users greenhouse (roles reader and heater) and garden, and these rules. */
function closed(...lines: string[]): Accounts {
  return accountsOf({
    isClosed: true,
    users: usersOf({ name: "greenhouse", roles: ["reader", "heater", "gone"] }, { name: "garden" }),
    roles: rolesOf("reader", "heater"),
    rules: rulesOf(...lines),
  });
}

/** "publish a" → true, … */
function assertDecisions(accounts: Accounts, identity: Identity, expected: Record<string, boolean>): void {
  const actual = Object.keys(expected).map((line) => {
    const [request, topic] = line.split(" ");
    return [line, decide(accounts, identity, request as AclRequest, topic).allowed];
  });
  assertEquals(Object.fromEntries(actual), expected);
}

Deno.test("without a rule, all is refused where there are users, and allowed where there are none", () => {
  const requests = { "publish a": false, "retain a": false, "subscribe #": false, "receive a": false };
  assertDecisions(closed(), greenhouse, requests);
  assertDecisions(closed(), identityOf(), requests);
  const allowed = { "publish a": true, "retain a": true, "subscribe #": true, "receive a": true };
  assertDecisions(accountsOf({ isClosed: false }), identityOf(), allowed);
  assertEquals(decide(closed(), greenhouse, "publish", "a").text, "refused: no rule allows it");
  assertEquals(
    decide(accountsOf({}), identityOf(), "publish", "a").text,
    "allowed: there are no users, and no rule forbids it",
  );
});

Deno.test("the more particular subject decides: user, token, client id, role, address, anonymous, everyone", () => {
  const lines = [
    ["user greenhouse", 0],
    ["client-id sensor-1", 1],
    ["role reader", 2],
    ["address 192.0.2.0/24", 3],
    ["everyone", 5],
  ] as const;
  for (const [above, rank] of lines) {
    for (const [below, belowRank] of lines) {
      if (belowRank <= rank) continue;
      // The order in which they were given does not count.
      for (const turned of [false, true]) {
        const rules = [`allow ${above} publish a`, `deny ${below} publish a`];
        assertDecisions(closed(...turned ? rules.toReversed() : rules), greenhouse, { "publish a": true });
        const opposite = [`deny ${above} publish a`, `allow ${below} publish a`];
        assertDecisions(closed(...turned ? opposite.toReversed() : opposite), greenhouse, { "publish a": false });
      }
    }
  }
  const anonymous = closed("allow anonymous publish a", "deny everyone publish a", "deny address 192.0.2.1 publish b");
  assertDecisions(anonymous, identityOf(), { "publish a": true, "publish b": false });
  assertDecisions(anonymous, greenhouse, { "publish a": false });
  const grants = [{ action: "publish", topicFilter: "a/#" }] as const;
  const bearer = { ...greenhouse, grants };
  const token = closed("deny user greenhouse publish a/x", "deny client-id sensor-1 publish #", "deny everyone all #");
  assertDecisions(token, bearer, { "publish a/x": false, "publish a/y": true, "publish b": false, "retain a/y": true });
  assertDecisions(token, greenhouse, { "publish a/y": false });
});

Deno.test("of one kind of subject, what forbids goes first", () => {
  const lines = ["allow everyone publish a/#", "deny everyone publish a/b/#", "allow everyone publish a/b/c"];
  for (const rules of [lines, lines.toReversed()]) {
    assertDecisions(closed(...rules), greenhouse, {
      "publish a/x": true,
      "publish a/b": false,
      "publish a/b/c": false,
    });
  }
  // Several roles, and several networks, are one kind.
  const roles = closed("allow role reader publish a", "deny role heater publish a", "allow role heater publish b");
  assertDecisions(roles, greenhouse, { "publish a": false, "publish b": true });
  const networks = closed("allow address 192.0.2.1 publish a", "deny address 192.0.0.0/16 publish a");
  assertDecisions(networks, greenhouse, { "publish a": false });
});

Deno.test("a rule of somebody else says nothing", () => {
  const accounts = closed(
    "allow user garden all #",
    "allow user Greenhouse all #",
    "allow client-id sensor-10 all #",
    "allow role gone all #",
    "allow address 192.0.3.0/24 all #",
    "allow anonymous all #",
  );
  assertDecisions(accounts, greenhouse, { "publish a": false, "subscribe a": false, "receive a": false });
});

Deno.test("publish, retain, subscribe and all: what each action is about", () => {
  const none = { "publish a": false, "retain a": false, "subscribe a": false, "receive a": false };
  const all = { "publish a": true, "retain a": true, "subscribe a": true, "receive a": true };
  const cases = {
    publish: { "publish a": true, "retain a": true },
    retain: { "retain a": true },
    subscribe: { "subscribe a": true, "receive a": true },
    all,
  };
  for (const [action, about] of Object.entries(cases)) {
    assertDecisions(closed(`allow everyone ${action} a`), greenhouse, { ...none, ...about });
    const denied = Object.fromEntries(Object.keys(about).map((line) => [line, false]));
    assertDecisions(closed(`deny everyone ${action} a`, "allow everyone all #"), greenhouse, { ...all, ...denied });
  }
});

Deno.test("a subscription needs one rule that covers it, and is refused only by one that does", () => {
  const accounts = closed("allow everyone subscribe a/#", "deny everyone subscribe a/secret/#");
  assertDecisions(accounts, greenhouse, {
    "subscribe a/#": true,
    "subscribe a/+/x": true,
    "subscribe a": true,
    "subscribe a/secret": false,
    "subscribe a/secret/+": false,
    "subscribe #": false,
    "subscribe +/x": false,
    // What the deny rule covers in part is withheld where it is delivered.
    "receive a/x": true,
    "receive a/secret": false,
    "receive a/secret/x": false,
  });
});

Deno.test("attack 17: # neither allows $SYS nor covers a subscription to it", () => {
  const accounts = closed("allow everyone all #");
  assertDecisions(accounts, greenhouse, {
    "subscribe #": true,
    "subscribe $SYS/#": false,
    "subscribe $SYS/broker/uptime": false,
    "receive $SYS/broker/uptime": false,
    "publish $SYS/broker/uptime": false,
    "publish $CONTROL/x": false,
  });
  const admitted = closed("allow everyone subscribe $SYS/#");
  assertDecisions(admitted, greenhouse, { "subscribe $SYS/#": true, "receive $SYS/x": true, "subscribe #": false });
  // The broker asks for $share/group/secret by its filter alone; a rule that has the prefix forbids all, allows nothing.
  assertDecisions(closed("allow everyone all $share/g/#"), greenhouse, { "subscribe secret": false });
  assertDecisions(closed("deny everyone all $share/g/secret", "allow everyone all #"), greenhouse, {
    "publish a": false,
  });
});

Deno.test("attack 12, CVE-2017-7650: a client id or user name with + # / $ widens nothing and narrows nothing", () => {
  const rules = [
    "allow everyone all dev/%c/#",
    "allow everyone all %u/#",
    "deny everyone all own/%c/secret",
    "allow everyone all own/#",
  ];
  for (const name of ["#", "+", "+/+", "a/b", "$SYS", "dev/#", "/", ""]) {
    const hostile = identityOf({ clientId: name, userName: name });
    assertDecisions(closed(...rules), hostile, {
      "publish dev/x/y": false,
      "subscribe dev/#": false,
      "subscribe #": false,
      "subscribe +/#": false,
      "publish a/b/c": false,
      "receive $SYS/broker/uptime": false,
      "publish own/x": true,
      "publish own/a/b/secret": false,
      "publish own/x/secret": false,
      "publish own//secret": false,
    });
  }
  const good = identityOf({ clientId: "sensor-1", userName: "greenhouse" });
  assertDecisions(closed(...rules), good, {
    "publish dev/sensor-1/x": true,
    "publish dev/sensor-2/x": false,
    "subscribe greenhouse/#": true,
    "publish own/sensor-1/secret": false,
    "publish own/sensor-2/secret": true,
  });
});

Deno.test("attack 12: names that look alike are different, and letters are not folded", () => {
  const accounts = closed("allow user greenhouse all #", "allow client-id caf\u00e9 all #");
  for (const userName of ["Greenhouse", "greenhouse ", "greenhous\u0435", "greenhouse\u200b"]) {
    assertDecisions(accounts, identityOf({ userName }), { "publish a": false });
  }
  assertDecisions(accounts, identityOf({ clientId: "cafe\u0301" }), { "publish a": false });
  assertDecisions(accounts, identityOf({ clientId: "caf\u00e9" }), { "publish a": true });
});

Deno.test("attack 13: rules that nobody wrote allow nothing; a filter that is none allows nothing and forbids all", () => {
  assertDecisions(closed(), greenhouse, { "publish a": false, "subscribe a": false });
  assertDecisions(closed("allow everyone all a/#/b"), greenhouse, { "publish a": false, "publish a/x/b": false });
  assertDecisions(closed("deny everyone all a/#/b", "allow user greenhouse all a"), greenhouse, {
    "publish a": true,
    "publish b": false,
  });
});

Deno.test("a user that is disabled, or was removed, may do nothing, also by rules about others", () => {
  const accounts = { ...closed("allow everyone all #"), users: usersOf({ name: "greenhouse", isDisabled: true }) };
  assertDecisions(accounts, greenhouse, { "publish a": false, "receive a": false, "subscribe a": false });
  assertEquals(decide(accounts, greenhouse, "publish", "a").text, "refused: the user is disabled");
  const removed = identityOf({ userName: "removed", credential: 1 });
  assertDecisions(accounts, removed, { "publish a": false });
  assertEquals(decide(accounts, removed, "publish", "a").text, "refused: the user was removed");
  // By a certificate or a token, without a record.
  assertDecisions(accounts, identityOf({ userName: "other" }), { "publish a": true });
});

Deno.test("what a client of before the restart is to receive is kept, unless its user may not", () => {
  const restored = { ...greenhouse, isRestored: true };
  const accounts = closed("deny user greenhouse subscribe a/secret", "deny everyone subscribe a/#");
  assertDecisions(accounts, restored, {
    "receive a/secret": false,
    "receive a/x": true,
    "receive b": true,
    "publish b": false,
    "subscribe b": false,
  });
  assertEquals(decide(accounts, restored, "receive", "b").by, "unknown");
  assertDecisions(accounts, greenhouse, { "receive a/x": false, "receive b": false });
});

Deno.test("decide() names what decided, with this client's names in it", () => {
  const accounts = closed("allow role reader subscribe roles/${role}/#", "deny everyone publish dev/%c/config");
  const byRole = decide(accounts, greenhouse, "receive", "roles/heater/a");
  assertEquals([byRole.allowed, byRole.by, byRole.rule?.number, byRole.topicFilter], [
    true,
    "rule",
    1,
    "roles/heater/#",
  ]);
  assertEquals(
    byRole.text,
    "allowed by rule 1: allow role reader subscribe roles/${role}/# (here roles/heater/#)",
  );
  const unsafe = decide(accounts, identityOf({ clientId: "a/b" }), "publish", "dev/a/b/config");
  assertEquals(unsafe.text, "refused by rule 2: deny everyone publish dev/%c/config (here dev/<any>/config)");
  const grants = [{ action: "all", topicFilter: "a/%c" }] as const;
  const byToken = decide(accounts, { ...greenhouse, grants }, "retain", "a/sensor-1");
  assertEquals([byToken.by, byToken.grant], ["grant", grants[0]]);
  assertStringIncludes(byToken.text, "allowed by the token: all a/%c (here a/sensor-1)");
  assertEquals(describeRule(accounts.rules[1]), "deny everyone publish dev/%c/config");
});

Deno.test("decide() names the first rule by number among those that say the same", () => {
  const accounts = closed("allow role heater all a/+", "allow role reader all a/#", "allow role reader all a/b");
  assertEquals(decide(accounts, greenhouse, "publish", "a/b").rule?.number, 1);
  assertEquals(decide(accounts, greenhouse, "publish", "a/b/c").rule?.number, 2);
});
