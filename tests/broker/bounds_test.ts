/** What clients leave behind, and what breaks beside them, stays within bounds. @module */

import { assertEquals, assertStringIncludes } from "@std/assert";
import { delay } from "@std/async/delay";
import { PacketType, ReasonCode } from "../../src/packet/mod.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { TableAuthorizer } from "../support/table_authorizer.ts";
import { TestBroker } from "../support/test_broker.ts";
import type { TestClient } from "../support/test_client.ts";

const PERSISTENT = { properties: { sessionExpiryInterval: 3600 } };

/** Takes and acknowledges QoS 1 messages until nothing more comes. @returns their payloads. */
async function drain(client: TestClient): Promise<string[]> {
  const texts: string[] = [];
  for (;;) {
    const packets = await client.receiveAll();
    if (packets.length === 0) return texts;
    for (const packet of packets) {
      if (packet.type !== PacketType.Publish) continue;
      texts.push(packet.text);
      if (packet.qos === 1) await client.acknowledge(PacketType.Puback, packet.packetIdentifier);
    }
  }
}

Deno.test("expired messages make room in a full queue before the policy drops a living one", async () => {
  for (const queuePolicy of ["drop-newest", "drop-oldest"] as const) {
    await using broker = await TestBroker.start({ config: { limits: { queuedMessagesMax: 3, queuePolicy } } });
    const away = await broker.connect({ clientId: "away", ...PERSISTENT });
    await away.subscribe("t", { qos: 1 });
    await broker.lose(away);
    const publisher = await broker.connect();
    for (const [text, expiry] of [["lives", 100], ["dies", 1], ["dies too", 1]] as const) {
      await publisher.publishAcknowledged("t", text, { qos: 1, properties: { messageExpiryInterval: expiry } });
    }
    await broker.advance(5_000);
    await publisher.publishAcknowledged("t", "new", { qos: 1 });
    assertEquals(broker.server.snapshot().queuedMessages, 2);
    const back = await broker.connect({ clientId: "away", cleanStart: false, ...PERSISTENT });
    assertEquals(await drain(back), ["lives", "new"], queuePolicy);
  }
});

Deno.test("limits.queuedBytesTotalMax bounds the queues of all sessions together, beyond a small share of each", async () => {
  await using broker = await TestBroker.start({ config: { limits: { queuedBytesTotalMax: 300_000 } } });
  const away: TestClient[] = [];
  for (let i = 0; i < 5; i++) {
    const client = await broker.connect({ clientId: `away-${i}`, ...PERSISTENT });
    await client.subscribe([`t/${i}`, "all"], { qos: 1 });
    away.push(client);
  }
  for (const client of away) await broker.lose(client);
  const publisher = await broker.connect();
  const payload = "x".repeat(50_000);
  // One hog takes what there is for all, and then gets no more.
  for (let i = 0; i < 10; i++) await publisher.publishAcknowledged("t/0", payload, { qos: 1 });
  assertEquals(broker.server.snapshot().queuedMessages, 5);
  // The others have their share still, and no more than that.
  for (let i = 0; i < 2; i++) await publisher.publishAcknowledged("all", payload, { qos: 1 });
  assertEquals(broker.server.snapshot().queuedMessages, 5 + 4);
  // What leaves makes room, be it taken by its client or given up with its session.
  const back = await broker.connect({ clientId: "away-0", cleanStart: false, ...PERSISTENT });
  assertEquals((await drain(back)).length, 5);
  for (let i = 1; i < 5; i++) await (await broker.connect({ clientId: `away-${i}` })).disconnect();
  assertEquals(broker.server.snapshot().queuedBytes, 0);
  await broker.lose(back);
  for (let i = 0; i < 10; i++) await publisher.publishAcknowledged("t/0", payload, { qos: 1 });
  assertEquals(broker.server.snapshot().queuedMessages, 5);
});

Deno.test("limits.subscriptionCharsPerSessionMax bounds the Topic Filters of a session by weight", async () => {
  await using broker = await TestBroker.start({ config: { limits: { subscriptionCharsPerSessionMax: 100 } } });
  const client = await broker.connect();
  const long = "x".repeat(60);
  assertEquals((await client.subscribe(long)).reasonCodes, [ReasonCode.GrantedQoS0]);
  assertEquals((await client.subscribe(`${long}y`)).reasonCodes, [ReasonCode.QuotaExceeded]);
  assertEquals((await client.subscribe(long, { qos: 1 })).reasonCodes, [ReasonCode.GrantedQoS1], "in place of itself");
  await client.unsubscribe(long);
  assertEquals((await client.subscribe(`${long}y`)).reasonCodes, [ReasonCode.GrantedQoS0]);
});

Deno.test("a clock that is set while the broker runs ends no session and lets no message expire", async () => {
  const clock = new FakeClock();
  await using broker = await TestBroker.start({ clock });
  const away = await broker.connect({ clientId: "away", ...PERSISTENT });
  await away.subscribe("t", { qos: 1 });
  await broker.lose(away);
  const publisher = await broker.connect();
  await publisher.publishAcknowledged("t", "kept", { qos: 1, properties: { messageExpiryInterval: 60 } });
  clock.setWall(clock.wallMs() + 86_400_000);
  await broker.advance(1_000);
  const back = broker.client();
  const connack = await back.connect({ clientId: "away", cleanStart: false, ...PERSISTENT });
  assertEquals(connack.sessionPresent, true);
  const publish = await back.expectPublish();
  assertEquals([publish.text, publish.properties.messageExpiryInterval], ["kept", 59]);
});

Deno.test("a message that is retained during the walk over the others comes once", async () => {
  await using broker = await TestBroker.start();
  const publisher = await broker.connect();
  // More than one slice, so that the walk is still under way when the next PUBLISH is handled.
  for (let i = 0; i < 3_000; i++) await publisher.publish(`r/${String(i).padStart(4, "0")}`, "old", { retain: true });
  await publisher.expectNothing();
  const subscriber = await broker.connect();
  await subscriber.subscribe("r/#", { qos: 1 });
  await publisher.publish("r/9999", "new", { qos: 1, retain: true });
  await publisher.expect(PacketType.Puback);
  const texts = await drain(subscriber);
  while (broker.server.snapshot().retainedWalks > 0) {
    await delay(1); // the next slice comes by a timer
    texts.push(...await drain(subscriber));
  }
  texts.push(...await drain(subscriber));
  assertEquals(texts.filter((text) => text === "new").length, 1);
  assertEquals(texts.length, 3_001);
});

Deno.test("a member of a Shared Subscription that is full is handed nothing that it would drop", async () => {
  await using broker = await TestBroker.start({ config: { limits: { queuedMessagesMax: 5, backpressureMsMax: 0 } } });
  const options = (clientId: string) => ({
    clientId,
    cleanStart: false,
    properties: { sessionExpiryInterval: 3600, receiveMaximum: 1 },
  });
  const first = await broker.connect(options("first"));
  const second = await broker.connect(options("second"));
  for (const member of [first, second]) await member.subscribe("$share/g/t", { qos: 1 });
  const publisher = await broker.connect();
  for (let i = 0; i < 12; i++) await publisher.publishAcknowledged("t", `m${i}`, { qos: 1 });
  await broker.lose(first);
  const texts = await drain(second);
  texts.push(...await drain(await broker.connect(options("first"))));
  assertEquals(new Set(texts).size, 12);
});

Deno.test("[MQTT-3.3.4-7] a PUBCOMP after a resumption frees a place, as §4.9 lets a Client count", async () => {
  await using broker = await TestBroker.start({ config: { limits: { receiveMaximum: 2 } } });
  const before = await broker.connect({ clientId: "c", ...PERSISTENT });
  await before.publish("t", "1", { qos: 2, packetIdentifier: 1 });
  await before.expect(PacketType.Pubrec);
  await broker.lose(before);
  const client = await broker.connect({ clientId: "c", cleanStart: false, ...PERSISTENT });
  for (const packetIdentifier of [2, 3]) {
    await client.publish("t", "x", { qos: 2, packetIdentifier });
    await client.expect(PacketType.Pubrec);
  }
  await client.acknowledge(PacketType.Pubrel, 1);
  await client.expect(PacketType.Pubcomp);
  await client.publish("t", "4", { qos: 2, packetIdentifier: 4 });
  await client.expect(PacketType.Pubrec);
});

Deno.test("an authorizer that throws ends the connection that it was asked for, and nothing else", async () => {
  const authorizer = new TableAuthorizer();
  await using broker = await TestBroker.start({ authorizer });
  const witness = await broker.connect();
  const will = { topicName: "w" };
  const gone = await broker.connect({ clientId: "gone", will });
  const delayed = await broker.connect({
    clientId: "delayed",
    properties: { sessionExpiryInterval: 100 },
    will: { ...will, properties: { willDelayInterval: 1 } },
  });
  const talker = await broker.connect();
  authorizer.mayPublish = () => {
    throw new Error("the table is on fire");
  };
  gone.drop();
  delayed.drop();
  await talker.publish("t", "x");
  await talker.expectDisconnect(ReasonCode.UnspecifiedError);
  await broker.advance(2_000);
  await witness.expectNothing();
  assertEquals(broker.server.snapshot().connectedClients, 1);
  const errors = broker.lines.filter((line) => line.level === "error");
  assertEquals(errors.length >= 3, true);
  assertStringIncludes(errors[0].text, "on fire");
});

Deno.test("a malformed packet of a client whose will cannot be judged ends this connection only", async () => {
  const authorizer = new TableAuthorizer();
  await using broker = await TestBroker.start({ authorizer });
  const witness = await broker.connect();
  const client = await broker.connect({ will: { topicName: "w" } });
  authorizer.mayPublish = () => {
    throw new Error("the table is on fire");
  };
  await client.sendBytes(Uint8Array.of(0xf1, 0xff, 0xff, 0xff, 0xff, 0xff));
  await client.expectDisconnect(ReasonCode.MalformedPacket);
  await broker.advance(100);
  await witness.expectNothing();
  assertEquals(broker.server.snapshot().connectedClients, 1);
});

Deno.test("an authorizer that throws in the walk over retained messages ends that walk's connection, and the others walk on", async () => {
  const authorizer = new TableAuthorizer();
  await using broker = await TestBroker.start({ authorizer });
  const publisher = await broker.connect();
  for (let i = 0; i < 3_000; i++) await publisher.publish(`r/${i}`, "x", { retain: true });
  await publisher.expectNothing();
  authorizer.mayReceive = (identity, topicName) => {
    if (identity.clientId === "bad" && topicName === "r/999") throw new Error("the table is on fire");
    return true;
  };
  const good = await broker.connect({ clientId: "good" });
  const bad = await broker.connect({ clientId: "bad" });
  await good.subscribe("r/#");
  await bad.subscribe("r/#");
  let received = 0;
  while (received < 3_000) {
    received += (await drain(good)).length;
    await delay(1);
  }
  assertEquals(received, 3_000);
  assertEquals(broker.server.snapshot().connectedClients, 2);
});

Deno.test("[MQTT-3.8.4-4] a subscription that is replaced with Retain Handling 1 still gets all that is retained", async () => {
  await using broker = await TestBroker.start();
  const publisher = await broker.connect();
  for (let i = 0; i < 3_000; i++) await publisher.publish(`r/${i}`, "x", { retain: true });
  await publisher.expectNothing();
  const client = await broker.connect();
  const subscription = { topicFilter: "r/#", qos: 0, noLocal: false, retainAsPublished: false } as const;
  for (const retainHandling of [0, 1] as const) {
    await client.send({
      type: PacketType.Subscribe,
      packetIdentifier: retainHandling + 1,
      subscriptions: [{ ...subscription, retainHandling }],
      properties: {},
    });
  }
  let received = 0;
  do {
    await delay(1);
    received += (await drain(client)).length;
  } while (broker.server.snapshot().retainedWalks > 0);
  received += (await drain(client)).length;
  assertEquals(received, 3_000);
});

Deno.test("the largest Message Expiry Interval comes through as it is", async () => {
  await using broker = await TestBroker.start();
  const subscriber = await broker.connect();
  await subscriber.subscribe("t", { qos: 1 });
  const publisher = await broker.connect();
  const properties = { messageExpiryInterval: 0xffff_ffff };
  for (let i = 0; i < 50; i++) {
    broker.clock.advance(0.3);
    await publisher.publishAcknowledged("t", "x", { qos: 1, properties });
    const publish = await subscriber.expectPublish();
    assertEquals(publish.properties.messageExpiryInterval, 0xffff_ffff);
    await subscriber.acknowledge(PacketType.Puback, publish.packetIdentifier);
  }
});

Deno.test("messages of a member that ends go to the members that have room, not to one whose queue is full", async () => {
  await using broker = await TestBroker.start({ config: { limits: { queuedMessagesMax: 10, backpressureMsMax: 0 } } });
  const options = (clientId: string) => ({ clientId, cleanStart: false, properties: { sessionExpiryInterval: 3600 } });
  const publisher = await broker.connect();
  const first = await broker.connect(options("first"));
  await first.subscribe("$share/g/t", { qos: 1 });
  await broker.lose(first);
  for (let i = 0; i < 5; i++) await publisher.publishAcknowledged("t", `m${i}`, { qos: 1 });
  const full = await broker.connect(options("full"));
  await full.subscribe(["$share/g/t", "own"], { qos: 1 });
  const roomy = await broker.connect(options("roomy"));
  await roomy.subscribe("$share/g/t", { qos: 1 });
  for (const client of [full, roomy]) await broker.lose(client);
  for (let i = 0; i < 10; i++) await publisher.publishAcknowledged("own", "x", { qos: 1 });
  // The first session ends: what it held has one good place.
  await (await broker.connect({ clientId: "first" })).disconnect();
  const texts = await drain(await broker.connect(options("roomy")));
  assertEquals(texts, ["m0", "m1", "m2", "m3", "m4"]);
});
