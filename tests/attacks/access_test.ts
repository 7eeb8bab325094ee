/** Attacks 16, 17 and 18: topics and filters that are judged as something else than what they are. Aliases (mosquitto#3670
 * to #3672), groups (nats advisory 2026-18), wildcards over the Server's own topics, publishing there (Aedes#597, #622,
 * CVE-2018-12543). @module */

import { assert, assertEquals } from "@std/assert";
import { PacketType, ReasonCode } from "../../src/packet/mod.ts";
import { rule } from "../support/accounts.ts";
import type { PublishOptions, TestClient } from "../support/test_client.ts";
import { AccessBroker, as, puback, suback } from "./access_support.ts";
import { assertServes } from "./support.ts";

const { NotAuthorized, NoMatchingSubscribers, Success, TopicFilterInvalid } = ReasonCode;
const OF_READER = { subjectKind: "user", subjectName: "reader" } as const;
const WATCHER = rule("#", { subjectKind: "user", subjectName: "watcher" });

Deno.test("Attack 16: an alias is judged by the topic that it stands for: set by an allowed one, by a forbidden one, set anew", async () => {
  await using it = await AccessBroker.start({
    users: ["reader", "watcher"],
    rules: [WATCHER, rule("open/#", { ...OF_READER, action: "publish" })],
  });
  const watcher = await it.connect(as("watcher"));
  await watcher.subscribe("#");
  const client = await it.connect(as("reader"));
  const send = async (topicName: string, topicAlias: number, retain = false) => {
    await client.publish(topicName, topicName, { qos: 1, topicAlias, retain });
    return (await client.expect(PacketType.Puback)).reasonCode;
  };
  assertEquals(await send("open/a", 1), Success);
  assertEquals(await send("", 1), Success);
  for (let count = 0; count < 2; count++) assertEquals((await watcher.expectPublish()).topicName, "open/a");
  // Set to a forbidden topic: neither this message nor those that follow by the alias.
  assertEquals([await send("secret/a", 1), await send("", 1), await send("", 1, true)], Array(3).fill(NotAuthorized));
  await watcher.expectNothing();
  // And back.
  assertEquals([await send("open/b", 1), await send("", 1)], [Success, Success]);
  // An alias that was set by a forbidden topic first.
  assertEquals([await send("secret/b", 2), await send("", 2), await send("", 1)], [
    NotAuthorized,
    NotAuthorized,
    Success,
  ]);
  for (let count = 0; count < 3; count++) assertEquals((await watcher.expectPublish()).topicName, "open/b");
  await watcher.expectNothing();
  assertEquals(it.server.snapshot().retainedMessages, 0);
});

Deno.test("Attack 16: an alias does not outlive the right to its topic", async () => {
  await using it = await AccessBroker.start({
    users: ["reader", "watcher"],
    rules: [WATCHER, rule("open/#", { ...OF_READER, action: "publish" })],
  });
  const watcher = await it.connect(as("watcher"));
  await watcher.subscribe("#");
  const client = await it.connect(as("reader"));
  await client.publish("open/a", "before", { topicAlias: 1 });
  await client.publish("", "before, too", { topicAlias: 1 });
  await client.expectNothing();
  await it.store.removeRule(2);
  // Nobody subscribes meanwhile: that would make routes be looked up anew.
  await untilRefused(client, { topicAlias: 1 });
  await client.publish("", "after", { topicAlias: 1 });
  await client.publish("", "after", { topicAlias: 1, qos: 1 });
  assertEquals((await client.expect(PacketType.Puback)).reasonCode, NotAuthorized);
  const texts = (await watcher.receiveAll()).map((packet) => packet.type === PacketType.Publish ? packet.text : "");
  assertEquals(texts.filter((text) => text !== "meanwhile"), ["before", "before, too"]);
});

/** Publishes what is allowed yet, until it is not. */
async function untilRefused(client: TestClient, options: PublishOptions): Promise<void> {
  for (const endMs = performance.now() + 30_000; performance.now() < endMs;) {
    await client.publish("", "meanwhile", { ...options, qos: 1 });
    if ((await client.expect(PacketType.Puback)).reasonCode === NotAuthorized) return;
    await new Promise((resolve) => setTimeout(resolve)); // the broker's timers have their turn
  }
  throw new Error("it is still allowed");
}

Deno.test("Attack 17: a shared subscription is judged by its filter: no group makes more of it", async () => {
  await using it = await AccessBroker.start({
    users: ["reader", "watcher"],
    rules: [
      WATCHER,
      rule("site/#", { ...OF_READER, action: "subscribe" }),
      rule("site/secret/#", { ...OF_READER, effect: "deny" }),
    ],
  });
  const reader = await it.connect(as("reader"));
  const filters = ["other", "#", "+/#", "/#", "site/secret", "site/secret/#", "site/secret/+", "site", "site/a"];
  const plain = (await reader.subscribe(filters)).reasonCodes;
  assertEquals(plain, [...Array(7).fill(NotAuthorized), Success, Success]);
  for (const group of ["g", "secret", "site", "$SYS", "$share", "ä"]) {
    const shared = filters.map((filter) => `$share/${group}/${filter}`);
    assertEquals((await reader.subscribe(shared)).reasonCodes, plain, group);
  }
  for (
    const filter of [
      "$share/site",
      "$share/",
      "$share",
      "$share//site/a",
      "$share/+/site/a",
      "$share/#/site",
      "$share/g/",
    ]
  ) {
    assert(await suback(reader, filter) >= 0x80, filter);
  }
  // Not groups, though they look like some.
  for (
    const filter of ["$Share/g/site/a", "$shared/g/site/a", " $share/g/site/a", "$queue/site/a", "$exclusive/site/a"]
  ) {
    assertEquals(await suback(reader, filter), NotAuthorized, filter);
  }
  // The part of a wide filter that is forbidden does not come through a group either.
  assertEquals(await suback(reader, "$share/g/site/#"), 1);
  const watcher = await it.connect(as("watcher"));
  assertEquals(await puback(watcher, "site/secret/a"), NoMatchingSubscribers);
  await reader.expectNothing();
});

Deno.test("Attack 17: # and +/… match no topic that begins with $, neither by a rule nor by a subscription", async () => {
  await using it = await AccessBroker.start({
    users: ["reader", "watcher"],
    rules: [WATCHER, rule("#", OF_READER), rule("+/#", OF_READER), rule("+/broker/+", OF_READER)],
    config: { sysIntervalS: 1 },
  });
  const reader = await it.connect(as("reader"));
  for (const filter of ["$SYS/#", "$SYS/+/+", "$SYS", "$SYS/broker/version", "$CONTROL/#", "$/#", "$x"]) {
    assertEquals(await suback(reader, filter), NotAuthorized, filter);
    assertEquals(await suback(reader, `$share/g/${filter}`), NotAuthorized, filter);
  }
  for (const filter of ["#", "+/#", "+/broker/+", "+/broker/#", "$share/g/#", "$share/g/+/broker/+"]) {
    assertEquals(await suback(reader, filter), 1);
  }
  await it.advance(1000);
  await reader.expectNothing();
  // A rule that names them opens them, and no more.
  await it.store.addRule(rule("$SYS/broker/version", { ...OF_READER, action: "subscribe" }));
  await it.obeyed();
  assertEquals(await suback(reader, "$SYS/broker/version"), 1);
  assertEquals((await reader.expectPublish()).topicName, "$SYS/broker/version");
  assertEquals((await reader.subscribe(["$SYS/#", "$SYS/broker/+"])).reasonCodes, [NotAuthorized, NotAuthorized]);
  await it.advance(1000);
  for (const packet of await reader.receiveAll()) {
    assert(packet.type === PacketType.Publish && packet.topicName === "$SYS/broker/version");
  }
});

Deno.test("Attack 17: a subscription to $SYS that was allowed is silent when the right is gone", async () => {
  await using it = await AccessBroker.start({
    users: ["reader"],
    rules: [rule("$SYS/#", { ...OF_READER, action: "subscribe" })],
    config: { sysIntervalS: 1 },
  });
  const reader = await it.connect(as("reader"));
  assertEquals((await reader.subscribe("$SYS/broker/uptime")).reasonCodes, [0]);
  await it.advance(1000);
  assertEquals((await reader.expectPublish()).topicName, "$SYS/broker/uptime");
  await it.store.removeRule(1);
  await it.obeyed();
  await reader.receiveAll(); // what was sent until then
  await it.advance(1000);
  await reader.expectNothing();
});

Deno.test("Attack 17: filters that say the same in other words do not get round a rule that denies", async () => {
  await using it = await AccessBroker.start({
    users: ["reader", "watcher"],
    rules: [WATCHER, rule("site/#", OF_READER), rule("site/secret/#", { ...OF_READER, effect: "deny" })],
  });
  const reader = await it.connect(as("reader"));
  const watcher = await it.connect(as("watcher"));
  const filters = ["site/#", "site/+/#", "site/+", "site/+/+", "+/secret/#", "site/+/a", "$share/g/site/+/#"];
  for (const filter of filters) await reader.subscribe(filter, { qos: 1 });
  for (const topicName of ["site/secret", "site/secret/a", "site/secret/", "site/secret/a/b"]) {
    assertEquals(await puback(watcher, topicName, true), NoMatchingSubscribers, topicName);
    assertEquals(await puback(reader, topicName), NotAuthorized);
  }
  await reader.expectNothing();
  // Other letters and empty levels are other topics, not other spellings.
  assertEquals(await suback(reader, "site/Secret"), 1);
  assertEquals(await suback(reader, "/site/secret"), NotAuthorized);
  assertEquals(await suback(reader, "site//secret"), 1);
});

Deno.test("Attack 18: nobody publishes to $SYS, $CONTROL or $share, with whatever rules, version, alias or Will", async () => {
  const topicNames = [
    "$SYS/broker/version",
    "$SYS",
    "$SYS/",
    "$CONTROL/dynamic-security/v1",
    "$share/g/a",
  ];
  await using it = await AccessBroker.start({
    users: ["reader", "watcher"],
    rules: [
      WATCHER,
      rule("#"),
      ...["$SYS/#", "$CONTROL/#", "+/#"].map((filter) => rule(filter)),
    ],
    config: { sysIntervalS: 1000 },
  });
  const watcher = await it.connect(as("watcher"));
  await watcher.subscribe(["$SYS/#", "$CONTROL/#", "#"], { retainHandling: 2 });
  const { retainedMessages } = it.server.snapshot();
  const client = await it.connect(as("reader"));
  const old = await it.connect(as("reader", { clientId: "old", protocolVersion: 4 }));
  for (const [index, topicName] of topicNames.entries()) {
    for (const retain of [false, true]) {
      await client.publish(topicName, "0", { retain });
      assertEquals(await client.publishAcknowledged(topicName, "1", { qos: 1, retain }), NotAuthorized, topicName);
      assertEquals(await client.publishAcknowledged(topicName, "2", { qos: 2, retain }), NotAuthorized, topicName);
      await old.publishAcknowledged(topicName, "1", { qos: 1, retain });
    }
    await client.publish(topicName, "0", { topicAlias: index + 1 });
    await client.publish("", "0", { topicAlias: index + 1, qos: 1 });
    assertEquals((await client.expect(PacketType.Puback)).reasonCode, NotAuthorized);
    await it.expectRefused(NotAuthorized, as("reader", { clientId: "will", will: { topicName } }));
  }
  await watcher.expectNothing();
  assertEquals(it.server.snapshot().retainedMessages, retainedMessages);
  for (const one of [client, old]) await assertServes(one);
});

Deno.test("Attack 18: clearing what the Server retains under $SYS is refused, too", async () => {
  await using it = await AccessBroker.start({
    users: ["reader"],
    rules: [rule("$SYS/#"), rule("#")],
    config: { sysIntervalS: 1000 },
  });
  const client = await it.connect(as("reader"));
  assertEquals(await client.publishAcknowledged("$SYS/broker/version", "", { qos: 1, retain: true }), NotAuthorized);
  await client.subscribe("$SYS/broker/version");
  assertEquals((await client.expectPublish()).text.startsWith("quetzal"), true);
});

Deno.test("Attack 17: filters that are none cannot be used against a rule", async () => {
  await using it = await AccessBroker.start({ users: ["reader"], rules: [rule("a/#")] });
  const reader = await it.connect(as("reader"));
  for (const filter of ["a/#/b", "a/b#", "a/+b", "a#", "a/++"]) {
    assertEquals(
      [await suback(reader, filter), await suback(reader, `$share/g/${filter}`)],
      Array(2).fill(TopicFilterInvalid),
    );
  }
  assertEquals(await suback(reader, "a/b"), 1);
});
