/** Shared Subscriptions through the whole broker. Spec §4.8.2. @module */

import { assert, assertEquals, assertNotEquals } from "@std/assert";
import type { PartialConfig } from "../../src/config/config.ts";
import { PacketType, type QoS, ReasonCode } from "../../src/packet/mod.ts";
import { TestBroker } from "../support/test_broker.ts";
import type { TestClient } from "../support/test_client.ts";
import { complete, connectPersistent, deliveries, dropAndWait, texts } from "./delivery_support.ts";

/** `count` members of $share/g/t with sessions of their own that stay. */
async function members(
  broker: TestBroker,
  count: number,
  qos: QoS = 1,
  receiveMaximum = 65_535,
): Promise<TestClient[]> {
  const joined: TestClient[] = [];
  for (let i = 0; i < count; i++) {
    const member = await connectPersistent(broker, `member-${i}`, { properties: { receiveMaximum } });
    assertEquals((await member.subscribe("$share/g/t", { qos })).reasonCodes, [qos]);
    joined.push(member);
  }
  return joined;
}

async function publishAll(publisher: TestClient, count: number, qos: 1 | 2 = 1): Promise<void> {
  for (let i = 0; i < count; i++) assertEquals(await publisher.publishAcknowledged("t", `${i}`, { qos }), 0);
}

const start = (config: PartialConfig = {}) => TestBroker.start({ config });

for (
  const filter of [
    "$share/g",
    "$share/g/",
    "$share//t",
    "$share/+/t",
    "$share/#/t",
    "$share/a+b/t",
    "$share/a#/t",
    "$share/",
  ]
) {
  const ids = filter.startsWith("$share//") || filter === "$share/" || /[+#]/.test(filter)
    ? "[MQTT-4.8.2-1] [MQTT-4.8.2-2]"
    : "[MQTT-4.8.2-2]";
  Deno.test(`${ids} "${filter}" is no filter of a Shared Subscription: 0x8F`, async () => {
    await using broker = await start();
    const client = await broker.connect();
    assertEquals((await client.subscribe([filter, "$share/g/t"])).reasonCodes, [ReasonCode.TopicFilterInvalid, 0]);
    assertEquals(broker.server.snapshot().subscriptions, 1);
  });
}

Deno.test("[MQTT-4.8.2-1] [MQTT-4.8.2-2] the ShareName and the filter behind it tell groups apart; each group gets one copy", async () => {
  await using broker = await start();
  const publisher = await broker.connect();
  const filters = ["$share/g/t/1", "$share/h/t/1", "$share/g/t/+", "$share/g//t/1", "$share/ä b/#", "t/1"];
  const clients: TestClient[] = [];
  for (const filter of filters) {
    // Two in each group: one of them gets it.
    for (let i = 0; i < (filter === "t/1" ? 1 : 2); i++) {
      const client = await broker.connect();
      assertEquals((await client.subscribe(filter)).reasonCodes, [0]);
      clients.push(client);
    }
  }
  await publisher.publish("t/1", "x");
  const counts: number[] = [];
  for (const client of clients) counts.push((await deliveries(publisher, client)).length);
  const perFilter = [0, 2, 4, 6, 8].map((at) => counts[at] + counts[at + 1]);
  assertEquals([...perFilter, counts[10]], [1, 1, 1, 0, 1, 1]);
});

Deno.test("[MQTT-4.8.2-3] a delivery has the QoS that this member was granted", async () => {
  await using broker = await start();
  const publisher = await broker.connect();
  const joined: TestClient[] = [];
  for (const qos of [0, 1, 2] as const) {
    const member = await broker.connect();
    await member.subscribe("$share/g/t", { qos });
    joined.push(member);
  }
  await publishAll(publisher, 6, 2);
  for (const [qos, member] of joined.entries()) {
    const received = await deliveries(publisher, member);
    assertEquals(received.map((publish) => publish.qos), [qos, qos]);
  }
});

Deno.test("round-robin is the default: each member in turn, also after one left and one came", async () => {
  await using broker = await start();
  const publisher = await broker.connect();
  const [a, b, c] = await members(broker, 3, 0);
  await publishAll(publisher, 6);
  assertEquals([await texts(publisher, a), await texts(publisher, b), await texts(publisher, c)], [
    ["0", "3"],
    ["1", "4"],
    ["2", "5"],
  ]);
  await b.unsubscribe("$share/g/t");
  await publishAll(publisher, 4);
  assertEquals([await texts(publisher, a), await texts(publisher, c)], [["0", "2"], ["1", "3"]]);
});

Deno.test("sticky: the same member as long as it is there, then another", async () => {
  await using broker = await start({ sharedSubscriptionStrategy: "sticky" });
  const publisher = await broker.connect();
  const joined = await members(broker, 3, 0);
  await publishAll(publisher, 5);
  assertEquals((await texts(publisher, joined[0])).length, 5);
  await dropAndWait(broker, joined[0]);
  await publishAll(publisher, 5);
  const counts = [(await texts(publisher, joined[1])).length, (await texts(publisher, joined[2])).length];
  assertEquals(counts.sort(), [0, 5]);
});

Deno.test("hash: the messages of one publisher go to one member, those of many are spread", async () => {
  await using broker = await start({ sharedSubscriptionStrategy: "hash" });
  const joined = await members(broker, 3, 0);
  for (let i = 0; i < 30; i++) {
    const publisher = await broker.connect({ clientId: `publisher-${i}` });
    for (let j = 0; j < 4; j++) await publisher.publish("t", `${i}`);
    await publisher.expectNothing();
  }
  const seen = new Map<string, number>();
  for (const [index, member] of joined.entries()) {
    const received = await texts(member, member);
    assertNotEquals(received.length, 0);
    assertEquals(received.length % 4, 0);
    for (const text of received) assertEquals(seen.get(text) ?? index, index), seen.set(text, index);
  }
  assertEquals(seen.size, 30);
});

Deno.test("random: everybody gets some, each message goes to one", async () => {
  await using broker = await start({ sharedSubscriptionStrategy: "random" });
  const publisher = await broker.connect();
  const joined = await members(broker, 2, 0);
  await publishAll(publisher, 200);
  const received = [await texts(publisher, joined[0]), await texts(publisher, joined[1])];
  assert(received[0].length > 0 && received[1].length > 0);
  assertEquals(
    [...received[0], ...received[1]].map(Number).sort((a, b) => a - b),
    Array.from({ length: 200 }, (_, i) => i),
  );
});

for (const sharedSubscriptionStrategy of ["round-robin", "random", "sticky", "hash"] as const) {
  Deno.test(`${sharedSubscriptionStrategy}: a member that is connected and not full is preferred`, async () => {
    await using broker = await start({ sharedSubscriptionStrategy });
    const publisher = await broker.connect();
    const [away, full, ready] = await members(broker, 3, 1, 1);
    await dropAndWait(broker, away);
    // Fill one: whoever gets the first message keeps it unacknowledged.
    await publishAll(publisher, 1);
    const first = [...await deliveries(publisher, full), ...await deliveries(publisher, ready)];
    assertEquals(first.length, 1);
    await publishAll(publisher, 1);
    const second = [...await deliveries(publisher, full), ...await deliveries(publisher, ready)];
    assertEquals(second.length, 1, "the other one, which is not full");
    assertEquals(broker.server.snapshot().queuedMessages, 2, "nothing waits for the one that is away");
  });
}

Deno.test("a message for a group whose members are all away waits in one of their sessions", async () => {
  await using broker = await start();
  const publisher = await broker.connect();
  const [a, b] = await members(broker, 2);
  await dropAndWait(broker, a);
  await dropAndWait(broker, b);
  await publishAll(publisher, 4);
  await publisher.publish("t", "QoS 0 is for nobody then");
  await publisher.expectNothing();
  const received = [
    ...await texts(publisher, await connectPersistent(broker, "member-0")),
    ...await texts(publisher, await connectPersistent(broker, "member-1")),
  ];
  assertEquals(received.sort(), ["0", "1", "2", "3"]);
});

for (const how of ["drops", "disconnects", "ends its session"] as const) {
  Deno.test(`a member ${how}: its unacknowledged QoS 1 messages and all that is queued go to another`, async () => {
    await using broker = await start();
    const publisher = await broker.connect();
    const properties = { sessionExpiryInterval: how === "ends its session" ? 0 : 100, receiveMaximum: 2 };
    const leaving = await broker.connect({ properties });
    await leaving.subscribe("$share/g/t", { qos: 2 });
    for (const [i, qos] of ([1, 1, 1, 2] as const).entries()) {
      await publisher.publishAcknowledged("t", `${i}`, { qos });
    }
    const open = await deliveries(publisher, leaving);
    assertEquals(open.map((publish) => publish.text), ["0", "1"]);
    await complete(leaving, open[0]);
    assertEquals((await leaving.expectPublish()).text, "2");
    const staying = await broker.connect();
    await staying.subscribe("$share/g/t", { qos: 2, properties: { subscriptionIdentifiers: [5] } });
    if (how === "disconnects") await leaving.disconnect();
    else await dropAndWait(broker, leaving);
    const received = await deliveries(publisher, staying);
    assertEquals(
      received.map(({ text, qos, dup, properties }) => [text, qos, dup, properties.subscriptionIdentifiers]),
      [
        ["1", 1, false, [5]],
        ["2", 1, false, [5]],
        ["3", 2, false, [5]],
      ],
    );
    assertEquals(broker.server.snapshot().queuedMessages, 3);
  });
}

Deno.test("what a member leaves behind goes to one that can take it at QoS 1, not to one that was granted QoS 0", async () => {
  await using broker = await start();
  const publisher = await broker.connect();
  const leaving = await broker.connect({ properties: { receiveMaximum: 1 } });
  await leaving.subscribe("$share/g/t", { qos: 1 });
  await publishAll(publisher, 4);
  assertEquals(await texts(publisher, leaving), ["0"]);
  const atQoS0 = await broker.connect();
  await atQoS0.subscribe("$share/g/t", { qos: 0 });
  const atQoS1 = await broker.connect();
  await atQoS1.subscribe("$share/g/t", { qos: 1 });
  await leaving.disconnect();
  assertEquals(await texts(publisher, atQoS1), ["0", "1", "2", "3"]);
  await atQoS0.expectNothing();
});

Deno.test("[MQTT-4.8.2-4] a QoS 2 delivery begun with a member is finished with it when it comes back", async () => {
  await using broker = await start();
  const publisher = await broker.connect();
  let [member, other] = await members(broker, 2, 2);
  await publisher.publishAcknowledged("t", "begun", { qos: 2 });
  const begun = await member.expectPublish();
  await dropAndWait(broker, member);
  await other.expectNothing();
  member = await connectPersistent(broker, "member-0");
  const again = await member.expectPublish();
  assertEquals([again.text, again.dup, again.packetIdentifier], ["begun", true, begun.packetIdentifier]);
  await member.acknowledge(PacketType.Pubrec, again.packetIdentifier);
  await member.expect(PacketType.Pubrel);
  await dropAndWait(broker, member);
  await other.expectNothing();
  member = await connectPersistent(broker, "member-0");
  assertEquals((await member.expect(PacketType.Pubrel)).packetIdentifier, begun.packetIdentifier);
  await member.acknowledge(PacketType.Pubcomp, begun.packetIdentifier);
  await member.expectNothing();
  await other.expectNothing();
});

Deno.test("[MQTT-4.8.2-5] if its session ends instead, the QoS 2 message goes to nobody", async () => {
  await using broker = await start();
  const publisher = await broker.connect();
  const [member, other] = await members(broker, 2, 2);
  await publisher.publishAcknowledged("t", "begun", { qos: 2 });
  await member.expectPublish();
  await member.disconnect(0, { sessionExpiryInterval: 0 });
  await other.expectNothing();
  assertEquals(broker.server.snapshot().queuedMessages, 0);
});

Deno.test("[MQTT-4.8.2-6] a PUBACK or PUBREC of 0x80 or more ends the message; no other member gets it", async () => {
  await using broker = await start();
  const publisher = await broker.connect();
  const joined = await members(broker, 2, 2);
  for (const qos of [1, 2] as const) {
    await publisher.publishAcknowledged("t", `${qos}`, { qos });
    const refusing = joined[qos - 1];
    const publish = await refusing.expectPublish();
    const type = qos === 1 ? PacketType.Puback : PacketType.Pubrec;
    await refusing.acknowledge(type, publish.packetIdentifier, ReasonCode.UnspecifiedError);
    for (const member of joined) await member.expectNothing();
  }
  await dropAndWait(broker, joined[0]);
  await joined[1].expectNothing();
  assertEquals(broker.server.snapshot().queuedMessages, 0);
});

Deno.test("RETAIN of a message that another member takes over follows the options of that member", async () => {
  await using broker = await start();
  const publisher = await broker.connect();
  const leaving = await broker.connect();
  await leaving.subscribe("$share/g/t", { qos: 1, retainAsPublished: true });
  await publisher.publishAcknowledged("t", "x", { qos: 1, retain: true });
  assertEquals((await leaving.expectPublish()).retain, true);
  const staying = await broker.connect();
  await staying.subscribe("$share/g/t", { qos: 1, retainAsPublished: false });
  await leaving.disconnect();
  assertEquals((await staying.expectPublish()).retain, false);
});

Deno.test("subscribing again to the same shared filter replaces the member's options and adds no member", async () => {
  await using broker = await start();
  const publisher = await broker.connect();
  const member = await broker.connect();
  for (const identifier of [1, 2]) {
    await member.subscribe("$share/g/t", { properties: { subscriptionIdentifiers: [identifier] } });
  }
  await publisher.publish("t", "x");
  const received = await deliveries(publisher, member);
  assertEquals(received.map((publish) => publish.properties.subscriptionIdentifiers), [[2]]);
  const { subscriptions, sharedGroups } = broker.server.snapshot();
  assertEquals([subscriptions, sharedGroups], [1, 1]);
  await member.unsubscribe("$share/g/t");
  assertEquals(broker.server.snapshot().sharedGroups, 0);
});
