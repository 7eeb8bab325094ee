/** Session State: how long it lives, and what ends it. Spec §3.1.2.4, §3.1.2.11.2, §4.1. @module */

import { assertEquals } from "@std/assert";
import { PacketType } from "../../src/packet/mod.ts";
import { TestBroker } from "../support/test_broker.ts";

const NEVER = 0xffff_ffff;

/** A session with a subscription and one queued message, whose Client is away. */
async function leaveSession(broker: TestBroker, sessionExpiryInterval: number): Promise<void> {
  const client = await broker.connect({ clientId: "c", properties: { sessionExpiryInterval } });
  await client.subscribe("a", { qos: 1 });
  await client.disconnect();
  const publisher = await broker.connect({ clientId: "p" });
  await publisher.publishAcknowledged("a", "queued", { qos: 1 });
  await publisher.disconnect();
}

Deno.test("[MQTT-3.1.2-5] [MQTT-3.1.2-23] [MQTT-3.1.4-4] Clean Start 0 goes on with the session", async () => {
  await using broker = await TestBroker.start();
  await leaveSession(broker, 100);
  const client = broker.client();
  assertEquals((await client.connect({ clientId: "c", cleanStart: false })).sessionPresent, true);
  assertEquals((await client.expectPublish()).text, "queued");
});

Deno.test("[MQTT-3.1.2-4] [MQTT-3.1.4-4] [MQTT-3.2.2-2] Clean Start 1 throws the session away", async () => {
  await using broker = await TestBroker.start();
  await leaveSession(broker, 100);
  const client = broker.client();
  assertEquals((await client.connect({ clientId: "c", cleanStart: true })).sessionPresent, false);
  await client.expectNothing();
  await client.publish("a", "nobody subscribes", { qos: 1 });
  assertEquals((await client.expect(PacketType.Puback)).reasonCode, 0x10);
  const { subscriptions, queuedMessages, sessions } = broker.server.snapshot();
  assertEquals({ subscriptions, queuedMessages, sessions }, { subscriptions: 0, queuedMessages: 0, sessions: 1 });
});

Deno.test("[MQTT-3.1.2-6] Clean Start 0 without a session makes a new one", async () => {
  await using broker = await TestBroker.start();
  const client = broker.client();
  assertEquals((await client.connect({ clientId: "c", cleanStart: false })).sessionPresent, false);
  await client.subscribe("a");
  await client.publish("a", "works");
  assertEquals((await client.expectPublish()).text, "works");
});

Deno.test("[MQTT-4.1.0-2] The session is dropped when its expiry interval has passed, and not before", async () => {
  await using broker = await TestBroker.start();
  await leaveSession(broker, 100);
  await broker.advance(99_900);
  assertEquals(broker.server.snapshot().sessions, 1);
  await broker.advance(150);
  const { sessions, subscriptions, subscriptionNodes, queuedMessages, timers } = broker.server.snapshot();
  assertEquals({ sessions, subscriptions, subscriptionNodes, queuedMessages, timers }, {
    sessions: 0,
    subscriptions: 0,
    subscriptionNodes: 0,
    queuedMessages: 0,
    timers: 0,
  });
});

Deno.test("[MQTT-4.1.0-2] Session Expiry Interval 0, or none: the session ends with its connection", async () => {
  await using broker = await TestBroker.start();
  for (const properties of [{}, { sessionExpiryInterval: 0 }]) {
    const client = await broker.connect({ properties });
    await client.subscribe("a", { qos: 2 });
    assertEquals(broker.server.snapshot().sessions, 1);
    await client.disconnect();
    const { sessions, subscriptions } = broker.server.snapshot();
    assertEquals({ sessions, subscriptions }, { sessions: 0, subscriptions: 0 });
  }
});

Deno.test("[MQTT-3.1.2-23] 0xFFFFFFFF means that the session does not expire", async () => {
  await using broker = await TestBroker.start();
  await leaveSession(broker, NEVER);
  await broker.advance(200 * 365 * 86_400_000);
  const client = broker.client();
  assertEquals((await client.connect({ clientId: "c", cleanStart: false })).sessionPresent, true);
  assertEquals((await client.expectPublish()).text, "queued");
});

Deno.test("[MQTT-3.1.2-23] 0xFFFFFFFE is 136 years, not forever and not -2", async () => {
  await using broker = await TestBroker.start();
  await leaveSession(broker, NEVER - 1);
  await broker.advance((NEVER - 2) * 1000);
  assertEquals(broker.server.snapshot().sessions, 1);
  await broker.advance(1_050);
  assertEquals(broker.server.snapshot().sessions, 0);
});

Deno.test("[MQTT-4.1.0-1] The session is there as long as the connection, however long that is", async () => {
  await using broker = await TestBroker.start();
  for (const sessionExpiryInterval of [0, 1]) {
    const client = await broker.connect({ properties: { sessionExpiryInterval } });
    await client.subscribe("a");
    await broker.advance(1_000_000);
    await client.publish("a", "still there");
    assertEquals((await client.expectPublish()).text, "still there");
    await client.disconnect();
  }
});

Deno.test("[MQTT-4.1.0-1] A Client that is back in time stops the clock; the interval of its last CONNECT counts from its next leaving", async () => {
  await using broker = await TestBroker.start();
  await leaveSession(broker, 100);
  await broker.advance(60_000);
  const client = await broker.connect({
    clientId: "c",
    cleanStart: false,
    properties: { sessionExpiryInterval: 10 },
  });
  await broker.advance(60_000);
  await client.expectPublish();
  await client.disconnect();
  await broker.advance(9_900);
  assertEquals(broker.server.snapshot().sessions, 1);
  await broker.advance(150);
  assertEquals(broker.server.snapshot().sessions, 0);
});

Deno.test("[MQTT-3.1.2-23] A session is kept also when the connection breaks", async () => {
  await using broker = await TestBroker.start();
  const options = { clientId: "c", cleanStart: false, properties: { sessionExpiryInterval: 100 } };
  const client = await broker.connect(options);
  await client.subscribe("a", { qos: 1 });
  client.drop();
  const publisher = await broker.connect();
  await publisher.publishAcknowledged("a", "1", { qos: 1 });
  const again = await broker.connect(options);
  assertEquals((await again.expectPublish()).text, "1");
});

Deno.test("Session Expiry Interval may change at DISCONNECT: longer, shorter, and to 0", async () => {
  await using broker = await TestBroker.start();
  for (const [atConnect, atDisconnect, livesS] of [[10, 100, 100], [100, 10, 10], [100, 0, 0]]) {
    const client = await broker.connect({ properties: { sessionExpiryInterval: atConnect } });
    await client.disconnect(0, { sessionExpiryInterval: atDisconnect });
    if (livesS > 0) {
      await broker.advance(livesS * 1000 - 100);
      assertEquals(broker.server.snapshot().sessions, 1);
      await broker.advance(150);
    }
    assertEquals(broker.server.snapshot().sessions, 0);
  }
});

Deno.test("Session Expiry Interval 0 cannot become another at DISCONNECT: DISCONNECT 0x82", async () => {
  await using broker = await TestBroker.start();
  const client = await broker.connect();
  await client.send({ type: PacketType.Disconnect, reasonCode: 0, properties: { sessionExpiryInterval: 1 } });
  await client.expectDisconnect(0x82);
  assertEquals(broker.server.snapshot().sessions, 0);
});

Deno.test("Session Expiry Interval 0 may be said again at DISCONNECT", async () => {
  await using broker = await TestBroker.start();
  const client = await broker.connect();
  await client.disconnect(0, { sessionExpiryInterval: 0 });
  assertEquals(broker.server.snapshot().sessions, 0);
});

Deno.test("A DISCONNECT cannot raise the Session Expiry Interval above the limit", async () => {
  await using broker = await TestBroker.start({ config: { limits: { sessionExpiryIntervalMaxS: 50 } } });
  const client = await broker.connect({ properties: { sessionExpiryInterval: 10 } });
  await client.disconnect(0, { sessionExpiryInterval: NEVER });
  await broker.advance(50_050);
  assertEquals(broker.server.snapshot().sessions, 0);
});

Deno.test("[MQTT-3.1.2-23] Clean Session 0 of 3.1.1 is a session without end, Clean Session 1 one that ends with its connection", async () => {
  await using broker = await TestBroker.start();
  for (const protocolVersion of [4, 3] as const) {
    const client = await broker.connect({ protocolVersion, clientId: "c", cleanStart: false });
    await client.subscribe("a", { qos: 1 });
    client.drop();
    await broker.advance(10 * 365 * 86_400_000);
    const again = broker.client();
    const connack = await again.connect({ protocolVersion, clientId: "c", cleanStart: false });
    assertEquals(connack.sessionPresent, protocolVersion === 4); // 3.1 cannot say so
    await again.publish("a", "");
    await again.expectPublish();
    await again.disconnect();
    await (await broker.connect({ protocolVersion, clientId: "c", cleanStart: true })).disconnect();
    assertEquals(broker.server.snapshot().sessions, 0);
  }
});

Deno.test("Sessions beyond sessionsOfflineMax are refused with 0x97, those that end with their connection are not", async () => {
  await using broker = await TestBroker.start({ config: { limits: { sessionsOfflineMax: 1 } } });
  const properties = { sessionExpiryInterval: 100 };
  await (await broker.connect({ clientId: "first", properties })).disconnect();
  const client = broker.client();
  await client.sendConnect({ clientId: "second", properties });
  assertEquals((await client.expect(PacketType.Connack)).reasonCode, 0x97);
  await client.expectClosed();
  await broker.connect({ clientId: "second" });
  // Who has a session already comes in.
  const first = broker.client();
  assertEquals((await first.connect({ clientId: "first", cleanStart: false, properties })).sessionPresent, true);
});
