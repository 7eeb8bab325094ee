/** Who may be connected, and that verdicts are remembered exactly as long as they hold. @module */

import { assertEquals, assertFalse } from "@std/assert";
import { AclAuthorizer, type AclAuthorizerOptions } from "../../src/auth/acl_authorizer.ts";
import type { BanRecord } from "../../src/auth/account_records.ts";
import type { Identity } from "../../src/auth/authorizer.ts";
import { ReasonCode } from "../../src/packet/mod.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { ChangingAccounts, identityOf, rolesOf, rulesOf, usersOf } from "./acl_support.ts";

const greenhouse = identityOf({ userName: "greenhouse", credential: 1 });

function authorizerOf(source: ChangingAccounts, clock = new FakeClock()): AclAuthorizer {
  return new AclAuthorizer({ source, clock });
}

function ban(kind: BanRecord["kind"], name: string, untilMs?: number): BanRecord {
  return { kind, name, untilMs, reason: "a note for the owner", createdAtMs: 0 };
}

Deno.test("AclAuthorizer.connectRefusal() keeps out who is banned: by address, network, user, Client Identifier", () => {
  const source = new ChangingAccounts({ isClosed: true, users: usersOf({ name: "greenhouse" }) });
  const authorizer = authorizerOf(source);
  assertEquals(authorizer.connectRefusal(greenhouse), undefined);
  const others: [BanRecord, string][] = [
    [ban("address", "192.0.2.1"), "this address is banned"],
    [ban("address", "::ffff:192.0.2.1"), "this address is banned"],
    [ban("address", "192.0.2.0/24"), "this address is banned"],
    [ban("user", "greenhouse"), "this user is banned"],
    [ban("client-id", "sensor-1"), "this Client Identifier is banned"],
  ];
  for (const [record, why] of others) {
    source.change({ bans: [ban("user", "garden"), record] });
    assertEquals(authorizer.connectRefusal(greenhouse), { reasonCode: ReasonCode.Banned, why });
  }
  source.change({
    bans: [ban("address", "192.0.3.0/24"), ban("user", "sensor-1"), ban("client-id", "greenhouse"), ban("user", "")],
  });
  assertEquals(authorizer.connectRefusal(greenhouse), undefined);
  assertEquals(authorizer.connectRefusal(identityOf()), undefined);
});

Deno.test("a ban runs out by itself, and one that has does not hide another", () => {
  const clock = new FakeClock();
  const untilMs = clock.wallMs() + 60_000;
  const source = new ChangingAccounts({ bans: [ban("user", "greenhouse", untilMs)] });
  const authorizer = authorizerOf(source, clock);
  const identity = identityOf({ userName: "greenhouse" });
  assertEquals(authorizer.connectRefusal(identity), {
    reasonCode: ReasonCode.Banned,
    why: "this user is banned until 2026-01-01T00:01:00.000Z",
  });
  clock.advance(59_999);
  assertEquals(authorizer.connectRefusal(identity)?.reasonCode, ReasonCode.Banned);
  clock.advance(1);
  assertEquals(authorizer.connectRefusal(identity), undefined);
  source.change({ bans: [...source.accounts.bans, ban("user", "greenhouse")] });
  assertEquals(authorizer.connectRefusal(identity), { reasonCode: ReasonCode.Banned, why: "this user is banned" });
});

Deno.test("AclAuthorizer.connectRefusal() finds that the user was disabled, removed, or got another password", () => {
  const source = new ChangingAccounts({ isClosed: true, users: usersOf({ name: "greenhouse", credential: 1 }) });
  const authorizer = authorizerOf(source);
  const why = (identity: Identity) => authorizer.connectRefusal(identity)?.why;
  assertEquals(why(greenhouse), undefined);
  source.change({ users: usersOf({ name: "greenhouse", isDisabled: true }) });
  assertEquals(authorizer.connectRefusal(greenhouse), {
    reasonCode: ReasonCode.NotAuthorized,
    why: "the user is disabled",
  });
  source.change({ users: usersOf({ name: "greenhouse", credential: 2 }) });
  assertEquals(why(greenhouse), "the user's password was changed");
  assertEquals(why({ ...greenhouse, credential: 2 }), undefined);
  // Not by the password: a new one does not end it.
  assertEquals(why({ ...greenhouse, credential: undefined }), undefined);
  source.change({ users: new Map() });
  assertEquals(why(greenhouse), "the user was removed");
  assertEquals(why(identityOf({ userName: "by-certificate" })), undefined);
});

Deno.test("AclAuthorizer.connectRefusal() keeps a Client Identifier for its user", () => {
  const users = usersOf({ name: "greenhouse", clientIds: ["sensor-1", "%u-*"] }, { name: "garden" });
  const source = new ChangingAccounts({ isClosed: true, users });
  const authorizer = authorizerOf(source);
  const refusal = (userName: string | undefined, clientId: string) =>
    authorizer.connectRefusal(identityOf({ userName, clientId }));
  assertEquals(refusal("greenhouse", "sensor-1"), undefined);
  assertEquals(refusal("greenhouse", "greenhouse-7"), undefined);
  assertEquals(refusal("greenhouse", "sensor-2"), {
    reasonCode: ReasonCode.NotAuthorized,
    why: "the user may not use this Client Identifier",
  });
  for (const userName of ["garden", undefined, "by-certificate"]) {
    for (const clientId of ["sensor-1", "greenhouse-7"]) {
      assertEquals(refusal(userName, clientId), {
        reasonCode: ReasonCode.NotAuthorized,
        why: "this Client Identifier belongs to another user",
        isClientIdOfOthers: true,
      });
    }
    assertEquals(refusal(userName, "sensor-2"), undefined);
  }
  source.change({ users: usersOf({ name: "greenhouse" }, { name: "garden", clientIds: ["sensor-2"] }) });
  assertEquals(refusal("greenhouse", "sensor-1"), undefined);
  assertEquals(refusal("greenhouse", "sensor-2")?.reasonCode, ReasonCode.NotAuthorized);
  source.change({ bans: [ban("address", "192.0.2.1")] });
  assertEquals(refusal("greenhouse", "sensor-1")?.isClientIdOfOthers, undefined);
  assertEquals(refusal("greenhouse", "sensor-2")?.isClientIdOfOthers, true, "also of who is banned");
});

Deno.test("a change of the accounts takes every remembered verdict away, and the broker hears of it afterwards", () => {
  const source = new ChangingAccounts({
    isClosed: true,
    users: usersOf({ name: "greenhouse", roles: ["reader"] }),
    roles: rolesOf("reader"),
    rules: rulesOf("allow role reader all a/#"),
  });
  const authorizer = authorizerOf(source);
  const all = () => [
    authorizer.mayPublish(greenhouse, "a/x", 0, false),
    authorizer.mayPublish(greenhouse, "a/x", 1, true),
    authorizer.maySubscribe(greenhouse, "a/+"),
    authorizer.mayReceive(greenhouse, "a/x"),
  ];
  const heard: boolean[][] = [];
  authorizer.onChange = () => void heard.push(all());
  const [yes, no] = [[true, true, true, true], [false, false, false, false]];
  assertEquals([all(), all()], [yes, yes]);
  source.change({ rules: rulesOf("allow role reader all a/#", "deny user greenhouse retain #") });
  assertEquals(all(), [true, false, true, true]);
  source.change({ roles: new Map() });
  assertEquals(all(), no);
  source.change({ users: usersOf({ name: "greenhouse", isDisabled: true }), isClosed: false });
  assertEquals(all(), no);
  source.change({ users: usersOf({ name: "greenhouse" }), rules: [] });
  assertEquals(all(), yes);
  assertEquals(heard, [[true, false, true, true], no, no, yes]);
  authorizer.close();
  assertEquals(source.watcherCount, 0);
});

Deno.test("a watcher that asks before the authorizer has heard of a change gets the new answer", () => {
  const source = new ChangingAccounts({ isClosed: true, rules: rulesOf("allow everyone all a") });
  const answers: boolean[] = [];
  const identity = identityOf();
  source.watch(() => void answers.push(authorizer.mayPublish(identity, "a", 0, false)));
  const authorizer = authorizerOf(source);
  assertEquals(authorizer.mayPublish(identity, "a", 0, false), true);
  source.change({ rules: [] });
  assertEquals(answers, [false]);
});

Deno.test("verdicts of one topic, one request and one identity are not taken for another's", () => {
  const source = new ChangingAccounts({
    isClosed: true,
    rules: rulesOf("allow client-id sensor-1 publish a", "deny everyone retain a", "allow everyone subscribe b"),
  });
  const authorizer = authorizerOf(source);
  const one = identityOf({ clientId: "sensor-1" });
  const other = identityOf({ clientId: "sensor-2" });
  const verdicts = () =>
    [one, other].flatMap((identity) =>
      ["a", "b"].map((topic) => [
        authorizer.mayPublish(identity, topic, 0, false),
        authorizer.mayPublish(identity, topic, 0, true),
        authorizer.mayReceive(identity, topic),
      ])
    );
  const [none, receive] = [[false, false, false], [false, false, true]];
  for (let time = 0; time < 2; time++) assertEquals(verdicts(), [[true, true, false], receive, none, receive]);
});

Deno.test("what is said of one Client of a user is said of none of its others, whoever comes first", () => {
  const userName = "greenhouse";
  const ordinary = identityOf({ userName, clientId: "sensor-1", remoteHost: "192.0.2.1" });
  const identities = {
    ordinary,
    other: { ...ordinary, clientId: "sensor-2" },
    named: { ...ordinary, clientId: "gateway" },
    elsewhere: { ...ordinary, remoteHost: "198.51.100.1" },
    withGrant: { ...ordinary, grants: [{ action: "publish", topicFilter: "grant" }] as const },
    withoutName: { ...ordinary, userName: undefined },
    unknown: { ...ordinary, userName: "garden" },
  };
  const rules = rulesOf(
    "allow user greenhouse publish user/%u/%c",
    "allow client-id gateway publish client",
    "allow address 198.51.100.0/24 publish address",
    "allow everyone publish all/%u/%c",
  );
  const topics = ["user/greenhouse/sensor-1", "user/greenhouse/sensor-2", "client", "address", "grant"];
  topics.push("all/greenhouse/sensor-1", "all/garden/sensor-1");
  const source = new ChangingAccounts({ isClosed: true, users: usersOf({ name: userName }), rules });
  const expected = {
    ordinary: ["user/greenhouse/sensor-1", "all/greenhouse/sensor-1"],
    other: ["user/greenhouse/sensor-2"],
    named: ["client"],
    elsewhere: ["user/greenhouse/sensor-1", "address", "all/greenhouse/sensor-1"],
    withGrant: ["user/greenhouse/sensor-1", "grant", "all/greenhouse/sensor-1"],
    withoutName: [],
    unknown: ["all/garden/sensor-1"],
  };
  for (const names of [Object.keys(identities), Object.keys(identities).reverse()] as (keyof typeof identities)[][]) {
    const authorizer = authorizerOf(source);
    for (const name of names) {
      const allowed = topics.filter((topic) => authorizer.mayPublish(identities[name], topic, 0, false));
      assertEquals([name, allowed], [name, expected[name]]);
    }
  }
});

/** No filter of a rule is allowed throughout: so topics are judged, and remembered, one by one. */
const PARTED = rulesOf(
  "allow everyone publish dev/%c/#",
  "allow everyone publish long/#",
  "deny everyone publish +/+/secret",
);

Deno.test("more topics than are remembered get the right answers all the same", () => {
  const source = new ChangingAccounts({ isClosed: true, rules: PARTED });
  const identities = Array.from({ length: 5 }, (_, index) => identityOf({ clientId: `sensor-${index}` }));
  const bounds: [AclAuthorizerOptions, verdictsMax: number][] = [
    [{ verdictsPerIdentityMax: 3 }, 3 * identities.length],
    [{ verdictsMax: 7 }, 7],
    [{ verdictsPerIdentityMax: 1 }, identities.length],
    [{ verdictsMax: 0 }, 0],
    [{}, 20 * identities.length],
  ];
  for (const [options, verdictsMax] of bounds) {
    let verdictsSeen = 0;
    const authorizer = new AclAuthorizer({ source, clock: new FakeClock() }, options);
    for (let round = 0; round < 3; round++) {
      for (let topic = 0; topic < 10; topic++) {
        for (const identity of identities) {
          for (const owner of [identity.clientId, "other"]) {
            const isOwn = owner === identity.clientId;
            assertEquals(authorizer.mayPublish(identity, `dev/${owner}/${topic}`, 0, false), isOwn);
            verdictsSeen = Math.max(verdictsSeen, authorizer.verdictCount);
          }
        }
      }
    }
    assertEquals(verdictsSeen, verdictsMax);
  }
});

Deno.test("long topics count as several, so that what is remembered of them stays small, too", () => {
  const source = new ChangingAccounts({ isClosed: true, rules: PARTED });
  const options = { verdictsPerIdentityMax: 100, verdictsMax: 250 };
  const authorizer = new AclAuthorizer({ source, clock: new FakeClock() }, options);
  const identities = Array.from({ length: 8 }, (_, index) => identityOf({ clientId: `sensor-${index}` }));
  const counts: number[] = [];
  for (const identity of identities) {
    // 30 each: after three, the fourth takes their place.
    for (let topic = 0; topic < 4; topic++) {
      assertEquals(authorizer.mayPublish(identity, `long/${topic}`.padEnd(29 * 128, "x"), 0, false), true);
      counts.push(authorizer.verdictCount);
    }
  }
  assertEquals(counts.slice(0, 8), [30, 60, 90, 30, 60, 90, 120, 60]);
  assertEquals(Math.max(...counts), 240);
  const before = authorizer.verdictCount;
  assertEquals(authorizer.mayPublish(identities[0], "long/".padEnd(100 * 128, "x"), 0, false), true);
  assertEquals(authorizer.verdictCount, before, "one that alone would be too much is not remembered");
});

Deno.test("topics of a filter that is allowed or forbidden throughout are not remembered one by one", () => {
  const rules = rulesOf(
    "allow everyone publish dev/%c/#",
    "deny everyone publish secret/+",
    "allow everyone publish +",
  );
  const source = new ChangingAccounts({ isClosed: true, rules });
  const authorizer = authorizerOf(source);
  const identity = identityOf();
  for (let topic = 0; topic < 100; topic++) {
    assertEquals(authorizer.mayPublish(identity, `dev/sensor-1/${topic}`, 0, false), true);
    assertEquals(authorizer.mayPublish(identity, `secret/${topic}`, 0, false), false);
    assertEquals(authorizer.mayPublish(identity, `${topic}`, 0, false), true);
    assertEquals(authorizer.mayPublish(identity, `other/${topic}`, 0, false), false);
  }
  assertEquals(
    authorizer.verdictCount,
    2 + 2 + 2 + 100,
    "the first two of each rule, and those that no rule speaks of",
  );
  assertEquals(authorizer.publishableFilter(identity, "dev/sensor-1/a"), "dev/sensor-1/#");
  assertEquals(authorizer.publishableFilter(identity, "a"), "+");
  for (const topic of ["secret/a", "$a", "other/a"]) {
    assertEquals(authorizer.publishableFilter(identity, topic), undefined, topic);
  }
  source.change({ rules: [...rules, ...rulesOf("deny everyone publish +/sensor-1/7")] });
  assertEquals(authorizer.publishableFilter(identity, "dev/sensor-1/a"), undefined, "that was before");
  for (let topic = 0; topic < 10; topic++) {
    assertEquals(authorizer.mayPublish(identity, `dev/sensor-1/${topic}`, 0, false), topic !== 7);
  }
  assertEquals(authorizer.publishableFilter(identity, "dev/sensor-1/a"), undefined, "one of its topics is forbidden");
});

Deno.test("where all is allowed, all but the server's own topics may be published to", () => {
  const authorizer = authorizerOf(new ChangingAccounts());
  assertEquals(authorizer.publishableFilter(identityOf(), "a/b"), "#");
  assertEquals(authorizer.publishableFilter(identityOf(), "$a"), undefined);
});

Deno.test("verdicts outlive credentials that are hashed better, and the index of rules is not made anew for that", () => {
  const source = new ChangingAccounts({ isClosed: true, rules: rulesOf("allow everyone publish a") });
  const authorizer = authorizerOf(source);
  const identity = identityOf();
  assertEquals(authorizer.mayPublish(identity, "a", 0, false), true);
  source.replaceSilently();
  assertEquals(authorizer.mayPublish(identity, "b", 0, false), false);
  assertEquals(authorizer.verdictCount, 2);
});

Deno.test("a client of before the restart keeps what it is to receive; when it is back, its token decides", () => {
  const source = new ChangingAccounts({ isClosed: true, rules: rulesOf("deny user greenhouse subscribe b") });
  const authorizer = authorizerOf(source);
  const restored = identityOf({ userName: "greenhouse", isRestored: true });
  assertEquals(["a", "b"].map((topic) => authorizer.mayReceive(restored, topic)), [true, false]);
  assertFalse(authorizer.mayPublish(restored, "a", 0, false));
  const back = identityOf({ userName: "greenhouse", grants: [{ action: "subscribe", topicFilter: "a/#" }] });
  assertEquals(["a", "c"].map((topic) => authorizer.mayReceive(back, topic)), [true, false]);
});

Deno.test("What a token lists is all that its bearer may do, also while there are no accounts", () => {
  const authorizer = new AclAuthorizer({ source: new ChangingAccounts({ isClosed: false }), clock: new FakeClock() });
  const grants = [{ action: "publish", topicFilter: "web/#" }] as const;
  const bearer = { clientId: "c", userName: "web", remoteHost: "127.0.0.1", grants };
  assertEquals(authorizer.mayPublish(bearer, "web/a", 0, false), true);
  assertEquals(authorizer.mayPublish(bearer, "other", 0, false), false);
  assertEquals(authorizer.maySubscribe(bearer, "#"), false);
  assertEquals(authorizer.mayReceive(bearer, "web/a"), false);
  assertEquals(authorizer.mayPublish({ ...bearer, grants: [] }, "web/a", 0, false), false);
  assertEquals(authorizer.mayPublish({ ...bearer, grants: undefined }, "other", 0, false), true);
});
