/** Topic Names and Topic Filters, as the whole broker matches them. Spec §4.7. @module */

import { assertEquals } from "@std/assert";
import { PacketType, ReasonCode } from "../../src/packet/mod.ts";
import { wire } from "../packet/support.ts";
import { TestBroker } from "../support/test_broker.ts";
import { deliveries } from "./delivery_support.ts";

/** filter, topics that match, topics that do not. */
const MATCHES: readonly (readonly [filter: string, matching: readonly string[], others: readonly string[]])[] = [
  ["a/b", ["a/b"], ["a", "a/b/", "/a/b", "a/B", "a//b", "a/bc"]],
  ["a/+", ["a/b", "a/"], ["a", "a/b/c", "b/a"]],
  ["+/+", ["a/b", "/b", "a/", "/"], ["a", "a/b/c"]],
  ["+", ["a", " "], ["/a", "a/"]],
  ["/+", ["/a", "/"], ["a", "/a/b"]],
  ["a/+/c", ["a/b/c", "a//c"], ["a/c", "a/b/b/c", "a/b"]],
  ["#", ["a", "/", "a/b/c", "/a"], ["$x", "$x/y"]],
  ["a/#", ["a", "a/", "a/b", "a/b/c"], ["ab", "b", "/a"]],
  ["+/b/#", ["a/b", "/b", "a/b/c"], ["a", "$x/b", "$x/b/c"]],
  ["/#", ["/", "/a"], ["a"]],
  ["$x/#", ["$x", "$x/y"], ["x"]],
  ["$x/+", ["$x/y"], ["$y/x", "$x"]],
];
for (const [filter, matching, others] of MATCHES) {
  const ids = filter.startsWith("+") || filter.startsWith("#") ? "[MQTT-4.7.2-1] [MQTT-3.3.2-3]" : "[MQTT-3.3.2-3]";
  Deno.test(`${ids} ${filter} matches ${matching.join(" ")} and not ${others.join(" ")}`, async () => {
    await using broker = await TestBroker.start();
    const live = await broker.connect();
    await live.subscribe(filter);
    const publisher = await broker.connect();
    for (const topicName of [...others, ...matching]) await publisher.publish(topicName, "x", { retain: true });
    assertEquals((await deliveries(publisher, live)).map((publish) => publish.topicName), matching);
    // The retained ones are found by another walk, with the same answer.
    const late = await broker.connect();
    await late.subscribe(filter);
    const retained = await deliveries(publisher, late);
    assertEquals(retained.map((publish) => publish.topicName).sort(), matching.toSorted());
  });
}

Deno.test("[MQTT-4.7.3-4] nothing is normalised: case, accents composed or not, spaces and empty levels tell topics apart", async () => {
  await using broker = await TestBroker.start();
  const client = await broker.connect();
  const topics = [
    "caf\u00e9",
    "cafe\u0301",
    "CAF\u00c9",
    "a/b",
    "a//b",
    "/a/b",
    "a/b/",
    " a/b",
    "\ufeffa/b",
    "ﬁ",
    "fi",
  ];
  for (const [i, topicFilter] of topics.entries()) {
    await client.subscribe(topicFilter, { properties: { subscriptionIdentifiers: [i + 1] } });
  }
  for (const topicName of topics) await client.publish(topicName, "x");
  assertEquals(
    (await deliveries(client, client)).map((
      { topicName, properties },
    ) => [topicName, properties.subscriptionIdentifiers]),
    topics.map((topicName, i) => [topicName, [i + 1]]),
  );
});

for (const filter of ["a/#/b", "a#", "#/a", "##", "a/b#"]) {
  Deno.test(`[MQTT-4.7.1-1] "${filter}" is no Topic Filter: SUBACK and UNSUBACK 0x8F`, () => assertInvalid(filter));
}
for (const filter of ["a+", "+a", "a/+b/c", "++", "a/b+"]) {
  Deno.test(`[MQTT-4.7.1-2] "${filter}" is no Topic Filter: SUBACK and UNSUBACK 0x8F`, () => assertInvalid(filter));
}
async function assertInvalid(filter: string): Promise<void> {
  await using broker = await TestBroker.start();
  const client = await broker.connect();
  assertEquals((await client.subscribe(["ok", filter, "$share/g/" + filter])).reasonCodes, [0, 0x8f, 0x8f]);
  assertEquals((await client.unsubscribe([filter, "ok"])).reasonCodes, [0x8f, 0]);
  // 3.1.1 has one word for every refusal.
  const old = await broker.connect({ protocolVersion: 4 });
  assertEquals((await old.subscribe([filter, "ok"])).reasonCodes, [0x80, 0]);
}

Deno.test("[MQTT-4.7.3-1] empty Topic Names and Topic Filters are refused, empty levels are not", async () => {
  await using broker = await TestBroker.start();
  for (const packet of [`30 [ 00 00 00 'x' ]`, `82 [ 00 01 00 00 00 00 ]`, `a2 [ 00 01 00 00 00 ]`]) {
    const client = await broker.connect();
    await client.sendBytes(wire(packet));
    await client.expectDisconnect(ReasonCode.ProtocolError);
  }
  const client = await broker.connect();
  await client.subscribe("/");
  await client.publish("/", "x");
  assertEquals((await client.expectPublish()).topicName, "/");
});

Deno.test("[MQTT-4.7.3-2] U+0000 in a Topic Name or Topic Filter is malformed", async () => {
  await using broker = await TestBroker.start();
  for (
    const packet of [`30 [ 00 03 61 00 62 00 ]`, `82 [ 00 01 00 00 03 61 00 62 00 ]`, `a2 [ 00 01 00 00 03 61 00 62 ]`]
  ) {
    const client = await broker.connect();
    await client.sendBytes(wire(packet));
    await client.expectDisconnect(ReasonCode.MalformedPacket);
  }
});

Deno.test("[MQTT-4.7.3-3] Topic Names and Topic Filters of 65,535 bytes work", async () => {
  await using broker = await TestBroker.start();
  const client = await broker.connect();
  const topicName = "ä".repeat(32_767) + "x";
  assertEquals((await client.subscribe(topicName)).reasonCodes, [0]);
  await client.publish(topicName, "x", { retain: true });
  assertEquals((await client.expectPublish()).topicName, topicName);
  assertEquals((await client.unsubscribe(topicName)).reasonCodes, [0]);
});

Deno.test("limits.topicLevelsMax: deeper filters get 0x8F, deeper topics 0x90 or are dropped", async () => {
  await using broker = await TestBroker.start({ config: { limits: { topicLevelsMax: 3 } } });
  const client = await broker.connect();
  const watcher = await broker.connect();
  await watcher.subscribe("#");
  assertEquals((await client.subscribe(["a/b/c", "a/b/c/d", "a/b/c/#", "$share/g/a/b/c/d"])).reasonCodes, [
    0,
    0x8f,
    0x8f,
    0x8f,
  ]);
  for (const qos of [1, 2] as const) {
    assertEquals(await client.publishAcknowledged("a/b/c/d", "", { qos }), ReasonCode.TopicNameInvalid);
    assertEquals(await client.publishAcknowledged("x/b/c", "", { qos }), ReasonCode.Success);
  }
  await client.publish("///", "");
  assertEquals((await deliveries(client, watcher)).map((publish) => publish.topicName), ["x/b/c", "x/b/c"]);
});

Deno.test("65,535 levels in a Topic Name or Topic Filter are refused, and the broker goes on", async () => {
  await using broker = await TestBroker.start();
  const slashes = "/".repeat(65_534);
  const client = await broker.connect();
  assertEquals((await client.subscribe(slashes)).reasonCodes, [ReasonCode.TopicFilterInvalid]);
  assertEquals((await client.subscribe(slashes + "#")).reasonCodes, [ReasonCode.TopicFilterInvalid]);
  assertEquals(await client.publishAcknowledged(slashes, "", { qos: 1 }), ReasonCode.TopicNameInvalid);
  await client.expectNothing();
});

for (const topicName of ["$SYS/broker/version", "$SYS", "$SYS/x", "$share/g/t", "$CONTROL/x"]) {
  Deno.test(`clients cannot publish to ${topicName}: 0x87, or dropped at QoS 0 and from 3.1.1`, async () => {
    await using broker = await TestBroker.start();
    const watcher = await broker.connect();
    await watcher.subscribe(["$SYS/#", "$CONTROL/#"]);
    const client = await broker.connect();
    for (const qos of [1, 2] as const) {
      assertEquals(await client.publishAcknowledged(topicName, "x", { qos, retain: true }), ReasonCode.NotAuthorized);
    }
    await client.publish(topicName, "x", { retain: true });
    await client.expectNothing();
    const old = await broker.connect({ protocolVersion: 4 });
    for (const qos of [1, 2] as const) assertEquals(await old.publishAcknowledged(topicName, "x", { qos }), 0);
    await old.publish(topicName, "x");
    assertEquals((await deliveries(old, watcher)).length, 0);
    assertEquals(broker.server.snapshot().retainedMessages, 0);
  });
}

Deno.test("[MQTT-3.12.4-1] PINGREQ is answered by PINGRESP, once each", async () => {
  await using broker = await TestBroker.start();
  for (const protocolVersion of [3, 4, 5] as const) {
    const client = await broker.connect({ protocolVersion });
    await client.sendBytes(wire("c0 00 c0 00 c0 00"));
    for (let i = 0; i < 3; i++) await client.expect(PacketType.Pingresp);
    await client.expectNothing();
  }
});
