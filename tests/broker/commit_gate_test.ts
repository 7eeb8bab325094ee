/** What waits for the store, what does not, and what becomes of it when its connection ends meanwhile. The disk is the
 * test's: see delayed_store.ts. @module */

import { assertEquals } from "@std/assert";
import { PacketType, ReasonCode } from "../../src/packet/mod.ts";
import { DelayedStore } from "../support/delayed_store.ts";
import { TestBroker } from "../support/test_broker.ts";
import type { TestClient } from "../support/test_client.ts";

const LASTING = { sessionExpiryInterval: 1000 };

/** A broker with a persisting subscriber of `topic`, a client that persists, and one that does not. */
async function start() {
  const store = new DelayedStore();
  const broker = await TestBroker.start({ store });
  const keeper = await broker.connect({ clientId: "keeper", properties: LASTING });
  await keeper.subscribe("kept", { qos: 2 });
  const lasting = await broker.connect({ clientId: "lasting", properties: LASTING });
  const passing = await broker.connect({ clientId: "passing" });
  await passing.subscribe("passed", { qos: 2 });
  const dispose = () => broker[Symbol.asyncDispose]();
  return { store, broker, keeper, lasting, passing, [Symbol.asyncDispose]: dispose };
}

/** Holds the disk, does something, and shows that `client` hears nothing of it until the disk has written. */
async function showItWaits(store: DelayedStore, client: TestClient, act: () => Promise<unknown>): Promise<void> {
  store.hold();
  await act();
  await store.held();
  await client.expectNothing();
  store.release();
}

Deno.test("CONNACK of a session that persists waits for the commit", async () => {
  await using it = await start();
  it.store.hold();
  const client = it.broker.client();
  await client.sendConnect({ clientId: "new", properties: LASTING });
  await client.send({ type: PacketType.Pingreq }); // sent behind CONNECT, it waits there
  await it.store.held();
  await it.passing.expectNothing(); // the broker itself does not wait
  const { connectedClients, heldActions } = it.broker.server.snapshot();
  assertEquals([connectedClients, heldActions], [4, 1]);
  it.store.release();
  assertEquals((await client.expect(PacketType.Connack)).reasonCode, ReasonCode.Success);
  await client.expect(PacketType.Pingresp);
});

Deno.test("CONNACK waits while a session that persisted is thrown away or stops persisting", async () => {
  await using it = await start();
  for (const cleanStart of [true, false]) {
    const former = await it.broker.connect({ clientId: "c", properties: LASTING });
    await former.disconnect();
    it.store.hold();
    const client = it.broker.client();
    await client.sendConnect({ clientId: "c", cleanStart });
    await it.store.held();
    assertEquals(it.broker.server.snapshot().heldActions, 1);
    it.store.release();
    assertEquals((await client.expect(PacketType.Connack)).sessionPresent, !cleanStart);
    await client.disconnect();
  }
});

Deno.test("What needs no disk does not wait", async () => {
  await using it = await start();
  it.store.hold();
  const client = await it.broker.connect({ clientId: "quick" });
  await client.subscribe("quick", { qos: 2 });
  await client.unsubscribe("quick");
  await client.subscribe("passed", { qos: 1 });
  for (const publisher of [client, it.lasting]) {
    assertEquals(await publisher.publishAcknowledged("nobody", "", { qos: 1 }), ReasonCode.NoMatchingSubscribers);
    await publisher.publish("passed", "1", { qos: 1 });
    assertEquals((await it.passing.expectPublish()).text, "1");
  }
  await it.lasting.expect(PacketType.Puback);
  // Three packets: what it subscribed to, twice, and the PUBACK of its own.
  assertEquals((await client.receiveAll()).map((packet) => packet.type).sort(), [3, 3, 4]);
  // QoS 2 of a session that does not persist, to one that does not either.
  const packetIdentifier = await client.publish("passed", "2", { qos: 2 });
  assertEquals((await it.passing.expectPublish()).qos, 2);
  const answers = await client.receiveAll();
  assertEquals(answers.map((packet) => packet.type).sort(), [3, 5]);
  await client.acknowledge(PacketType.Pubrel, packetIdentifier);
  await client.expect(PacketType.Pubcomp);
  // QoS 0 is not stored, and goes to the persisting one at once.
  await client.publish("kept", "0");
  assertEquals((await it.keeper.expectPublish()).text, "0");
  await client.disconnect();
  assertEquals([it.store.waiting, it.broker.server.snapshot().heldActions], [0, 0]);
  it.store.release();
});

Deno.test("SUBACK and UNSUBACK of a session that persists wait for the commit", async () => {
  await using it = await start();
  const request = {
    packetIdentifier: 7,
    properties: {},
    subscriptions: [{ topicFilter: "a", qos: 1, noLocal: false, retainAsPublished: false, retainHandling: 0 }],
  } as const;
  await showItWaits(it.store, it.lasting, () => it.lasting.send({ type: PacketType.Subscribe, ...request }));
  await it.lasting.expect(PacketType.Suback);
  await showItWaits(
    it.store,
    it.lasting,
    () => it.lasting.send({ type: PacketType.Unsubscribe, packetIdentifier: 8, topicFilters: ["a"], properties: {} }),
  );
  await it.lasting.expect(PacketType.Unsuback);
});

Deno.test("PUBACK waits for a message that a persisting session keeps; the subscriber has it already", async () => {
  await using it = await start();
  for (const publisher of [it.lasting, it.passing]) {
    await showItWaits(it.store, publisher, async () => {
      await publisher.publish("kept", "1", { qos: 1 });
      const { packetIdentifier, qos } = await it.keeper.expectPublish();
      assertEquals(qos, 1);
      await it.keeper.acknowledge(PacketType.Puback, packetIdentifier);
    });
    assertEquals((await publisher.expect(PacketType.Puback)).reasonCode, ReasonCode.Success);
  }
});

Deno.test("PUBACK and PUBREC wait for a message that is retained", async () => {
  await using it = await start();
  await showItWaits(it.store, it.passing, () => it.passing.publish("r", "1", { qos: 1, retain: true }));
  await it.passing.expect(PacketType.Puback);
  await showItWaits(it.store, it.passing, () => it.passing.publish("r", "2", { qos: 2, retain: true }));
  await it.passing.expect(PacketType.Pubrec);
  // And for the end of one.
  await showItWaits(it.store, it.passing, () => it.passing.publish("r", "", { qos: 1, retain: true }));
  await it.passing.expect(PacketType.Puback);
});

Deno.test("PUBREC of a publisher that persists, and the forwarding, wait for its Packet Identifier to be safe", async () => {
  await using it = await start();
  it.store.hold();
  const packetIdentifier = await it.lasting.publish("passed", "once", { qos: 2 });
  await it.store.held();
  await it.lasting.expectNothing();
  await it.passing.expectNothing();
  it.store.release();
  await it.lasting.expect(PacketType.Pubrec);
  assertEquals((await it.passing.expectPublish()).text, "once");

  await showItWaits(it.store, it.lasting, () => it.lasting.acknowledge(PacketType.Pubrel, packetIdentifier));
  await it.lasting.expect(PacketType.Pubcomp);
});

Deno.test("The PUBLISH of QoS 2 to a session that persists waits for its Packet Identifier, and PUBREL for the PUBREC", async () => {
  await using it = await start();
  await showItWaits(it.store, it.keeper, () => it.passing.publish("kept", "once", { qos: 2 }));
  const { text, packetIdentifier } = await it.keeper.expectPublish();
  assertEquals(text, "once");
  await it.passing.expect(PacketType.Pubrec);
  await showItWaits(it.store, it.keeper, () => it.keeper.acknowledge(PacketType.Pubrec, packetIdentifier));
  assertEquals((await it.keeper.expect(PacketType.Pubrel)).packetIdentifier, packetIdentifier);
});

Deno.test("Batches become safe one by one, and what waits leaves in the order it came", async () => {
  await using it = await start();
  it.store.hold();
  for (const packetIdentifier of [1, 2, 3]) {
    await it.lasting.publish("kept", String(packetIdentifier), { qos: 1, packetIdentifier });
    await it.store.held(packetIdentifier);
  }
  for (const packetIdentifier of [1, 2, 3]) {
    it.store.commit(1);
    assertEquals((await it.lasting.expect(PacketType.Puback)).packetIdentifier, packetIdentifier);
    await it.lasting.expectNothing();
  }
});

Deno.test("A connection that ends while its CONNACK waits leaves its session, and its will is sent", async () => {
  await using it = await start();
  it.store.hold();
  const client = it.broker.client();
  await client.sendConnect({ clientId: "new", properties: LASTING, will: { topicName: "passed" } });
  await it.store.held();
  client.drop();
  it.store.release();
  assertEquals((await it.passing.expectPublish()).topicName, "passed");
  const again = it.broker.client();
  assertEquals((await again.connect({ clientId: "new", cleanStart: false })).sessionPresent, true);
});

Deno.test("A connection that is taken over while its CONNACK waits gets none; the new one gets one", async () => {
  await using it = await start();
  it.store.hold();
  const first = it.broker.client();
  await first.sendConnect({ clientId: "new", properties: LASTING });
  await it.store.held(1);
  const second = it.broker.client();
  await second.sendConnect({ clientId: "new", cleanStart: false, properties: LASTING });
  await it.store.held(2);
  await first.expectClosed(); // no DISCONNECT before CONNACK [MQTT-3.14.0-1]
  it.store.release();
  assertEquals((await second.expect(PacketType.Connack)).sessionPresent, true);
  await second.expectNothing();
  const { connectedClients, sessions, heldActions } = it.broker.server.snapshot();
  assertEquals({ connectedClients, sessions, heldActions }, { connectedClients: 4, sessions: 4, heldActions: 0 });
});

Deno.test("Messages for a session whose CONNACK waits come after it", async () => {
  await using it = await start();
  await it.keeper.disconnect();
  it.store.hold();
  const again = it.broker.client();
  await again.sendConnect({ clientId: "keeper", cleanStart: false, properties: LASTING });
  await it.store.held();
  for (const qos of [1, 2] as const) await it.passing.publish("kept", `${qos}`, { qos });
  await it.passing.expectNothing();
  it.store.release();
  await again.expect(PacketType.Connack);
  assertEquals((await again.expectPublish()).text, "1");
  assertEquals((await again.expectPublish()).text, "2");
});

Deno.test("A publisher that ends while its QoS 2 message waits has published it once, and hears so when it resumes", async () => {
  await using it = await start();
  it.store.hold();
  const packetIdentifier = await it.lasting.publish("passed", "once", { qos: 2 });
  await it.store.held();
  await it.broker.lose(it.lasting);
  it.store.release();
  assertEquals((await it.passing.expectPublish()).text, "once");

  const again = await it.broker.connect({ clientId: "lasting", cleanStart: false, properties: LASTING });
  await again.publish("passed", "once", { qos: 2, dup: true, packetIdentifier });
  assertEquals((await again.expect(PacketType.Pubrec)).packetIdentifier, packetIdentifier);
  await again.acknowledge(PacketType.Pubrel, packetIdentifier);
  assertEquals((await again.expect(PacketType.Pubcomp)).reasonCode, ReasonCode.Success);
  await it.passing.expectNothing();
});

Deno.test("[MQTT-3.8.3-3] No Local holds for a publisher that ended while its QoS 2 message waited", async () => {
  await using it = await start();
  await it.lasting.subscribe("own", { qos: 2, noLocal: true });
  it.store.hold();
  await it.lasting.publish("own", "not for me", { qos: 2 });
  await it.store.held();
  await it.broker.lose(it.lasting);
  it.store.release();
  const again = await it.broker.connect({ clientId: "lasting", cleanStart: false, properties: LASTING });
  await again.expectNothing();
  assertEquals(it.broker.server.snapshot().queuedMessages, 0);
});

Deno.test("A repeated QoS 2 PUBLISH is answered behind the first answer, and forwarded once", async () => {
  await using it = await start();
  it.store.hold();
  await it.lasting.publish("passed", "once", { qos: 2, packetIdentifier: 9 });
  await it.store.held();
  await it.broker.lose(it.lasting);
  const again = it.broker.client();
  await again.sendConnect({ clientId: "lasting", cleanStart: false, properties: LASTING });
  await again.publish("passed", "once", { qos: 2, dup: true, packetIdentifier: 9 });
  await it.passing.expectNothing();
  it.store.release();
  await again.expect(PacketType.Connack);
  await again.expect(PacketType.Pubrec);
  await again.expectNothing();
  assertEquals((await it.passing.expectPublish()).text, "once");
  await it.passing.expectNothing();
});

Deno.test("A subscriber that is taken over while a QoS 2 PUBLISH waits gets it once, on its new connection", async () => {
  await using it = await start();
  it.store.hold();
  await it.passing.publish("kept", "once", { qos: 2 });
  await it.store.held();
  const again = it.broker.client();
  await again.sendConnect({ clientId: "keeper", cleanStart: false, properties: LASTING });
  await it.keeper.expectDisconnect(ReasonCode.SessionTakenOver);
  it.store.release();
  await again.expect(PacketType.Connack);
  assertEquals((await again.expectPublish()).text, "once");
  await again.expectNothing();
});

Deno.test("A connection that ends while its SUBACK waits has subscribed", async () => {
  await using it = await start();
  it.store.hold();
  const subscriptions = [
    { topicFilter: "a", qos: 1, noLocal: false, retainAsPublished: false, retainHandling: 0 } as const,
  ];
  await it.lasting.send({ type: PacketType.Subscribe, packetIdentifier: 1, subscriptions, properties: {} });
  await it.store.held();
  await it.broker.lose(it.lasting);
  it.store.release();
  const again = await it.broker.connect({ clientId: "lasting", cleanStart: false, properties: LASTING });
  await again.publish("a", "");
  assertEquals((await again.expectPublish()).topicName, "a");
});

Deno.test("A store that refuses to write: what needs it gets 0x97, what does not goes on", async () => {
  await using it = await start();
  it.store.trouble = "the disk is full";
  const client = it.broker.client();
  await client.sendConnect({ clientId: "new", properties: LASTING });
  assertEquals((await client.expect(PacketType.Connack)).reasonCode, ReasonCode.QuotaExceeded);
  await client.expectClosed();
  assertEquals((await it.lasting.subscribe("a")).reasonCodes, [ReasonCode.QuotaExceeded]);
  assertEquals((await it.passing.subscribe("a")).reasonCodes, [ReasonCode.Success]);
  assertEquals(await it.passing.publishAcknowledged("kept", "", { qos: 1 }), ReasonCode.QuotaExceeded);
  assertEquals(await it.lasting.publishAcknowledged("a", "", { qos: 1 }), ReasonCode.Success);
  assertEquals((await it.passing.expectPublish()).topicName, "a");
});

Deno.test("QoS 2 between clients that need no disk does not wait for what others need", async () => {
  await using it = await start();
  const other = await it.broker.connect();
  it.store.hold();
  await it.lasting.publish("kept", "x", { qos: 1 });
  await it.store.held();
  await other.publish("passed", "now", { qos: 2, packetIdentifier: 1 });
  await other.expect(PacketType.Pubrec);
  assertEquals((await it.passing.expectPublish()).text, "now");
  it.store.release();
  await it.lasting.expect(PacketType.Puback);
});

Deno.test("what a QoS 2 message that waits becomes at QoS 0 is not sent to who has unsubscribed meanwhile", async () => {
  await using it = await start();
  const staying = await it.broker.connect();
  for (const client of [it.passing, staying]) await client.subscribe("zero", { qos: 0 });
  it.store.hold();
  await it.lasting.publish("zero", "late", { qos: 2, packetIdentifier: 1 });
  await it.store.held();
  assertEquals(it.broker.server.snapshot().heldActions, 2, "one for PUBREC, one for all receivers");
  await it.passing.unsubscribe("zero");
  it.store.release();
  assertEquals((await staying.expectPublish()).text, "late");
  await it.passing.expectNothing();
});

Deno.test("a store that refuses to write refuses QoS 2 of a publisher that persists, and the end of a stored session", async () => {
  await using it = await start();
  it.store.trouble = "the disk is full";
  assertEquals(await it.lasting.publishAcknowledged("nobody", "x", { qos: 2 }), ReasonCode.QuotaExceeded);
  const again = it.broker.client();
  await again.sendConnect({ clientId: "lasting" });
  assertEquals((await again.expect(PacketType.Connack)).reasonCode, ReasonCode.QuotaExceeded);
  await it.lasting.expectNothing();
});

Deno.test("a CONNECT that the store does not answer in time is refused with 0x88, and leaves no will", async () => {
  await using it = await start();
  await it.passing.subscribe("w");
  it.store.hold();
  const client = it.broker.client();
  await client.sendConnect({ clientId: "new", properties: LASTING, will: { topicName: "w" } });
  await it.store.held();
  await it.broker.advance(10_050);
  assertEquals((await client.expect(PacketType.Connack)).reasonCode, ReasonCode.ServerUnavailable);
  await client.expectClosed();
  await it.passing.expectNothing();
  it.store.release();
});

Deno.test("when the disk is behind by limits.storeWaitingBytesMax, who adds to it waits, and who needs no disk does not", async () => {
  const store = new DelayedStore();
  await using broker = await TestBroker.start({ store, config: { limits: { storeWaitingBytesMax: 10_000 } } });
  const keeper = await broker.connect({ clientId: "keeper", properties: LASTING });
  await keeper.subscribe("kept", { qos: 1 });
  const publisher = await broker.connect({ protocolVersion: 4 });
  const passing = await broker.connect();
  await passing.subscribe("passed", { qos: 1 });
  store.hold();
  const flood = (async () => {
    for (let i = 0; i < 100; i++) await publisher.publish("kept", "x".repeat(1_000), { qos: 1 });
  })();
  await store.held();
  await passing.publish("passed", "goes", { qos: 1 });
  assertEquals((await passing.expectPublish()).text, "goes");
  await passing.expect(PacketType.Puback);
  assertEquals(store.waitingBytes < 13_000, true, `${store.waitingBytes} bytes wait`);
  store.release();
  await flood;
  for (let i = 0; i < 100; i++) await publisher.expect(PacketType.Puback);
  for (let i = 0; i < 100; i++) await keeper.expectPublish();
  assertEquals(store.waitingBytes, 0);
});

Deno.test("the store never hears of a message that a full queue drops", async () => {
  const store = new DelayedStore();
  await using broker = await TestBroker.start({ store, config: { limits: { queuedMessagesMax: 2 } } });
  const away = await broker.connect({ clientId: "away", properties: LASTING });
  await away.subscribe("t", { qos: 1 });
  await broker.lose(away);
  const publisher = await broker.connect();
  for (let i = 0; i < 2; i++) await publisher.publishAcknowledged("t", "kept", { qos: 1 });
  const { changes } = store;
  await publisher.publishAcknowledged("t", "dropped", { qos: 1 });
  assertEquals(store.changes, changes);
});

Deno.test("[MQTT-4.6.0-5] QoS 2 messages that wait for the store leave in the order they were published, also around one that is too large", async () => {
  await using it = await start();
  const small = await it.broker.connect({ properties: { maximumPacketSize: 60, receiveMaximum: 3 } });
  await small.subscribe("passed", { qos: 2 });
  it.store.hold();
  let packetIdentifier = 0;
  for (const text of ["A", "B".repeat(100), "C", "D"]) {
    await it.lasting.publish("passed", text, { qos: 2, packetIdentifier: ++packetIdentifier });
  }
  await it.store.held();
  await it.lasting.expectNothing();
  it.store.release();
  const texts: string[] = [];
  while (texts.length < 3) texts.push((await small.expectPublish()).text);
  assertEquals(texts, ["A", "C", "D"]);
});

Deno.test("[MQTT-3.3.2-5] a QoS 2 message that expires while it waits for the store is not sent", async () => {
  await using it = await start();
  it.store.hold();
  const properties = { messageExpiryInterval: 1 };
  await it.lasting.publish("passed", "late", { qos: 2, packetIdentifier: 1, properties });
  await it.store.held();
  await it.broker.advance(5_000);
  it.store.release();
  await it.lasting.expect(PacketType.Pubrec);
  await it.passing.expectNothing();
  assertEquals(it.broker.server.snapshot().queuedMessages, 0);
});

Deno.test("a QoS 2 message that waits for the store goes to another member when the first one leaves", async () => {
  await using it = await start();
  const first = await it.broker.connect();
  await first.subscribe("$share/g/s", { qos: 2 });
  it.store.hold();
  await it.lasting.publish("s", "x", { qos: 2, packetIdentifier: 1 });
  await it.store.held();
  await it.passing.subscribe("$share/g/s", { qos: 2 });
  await first.disconnect();
  await it.passing.expectNothing();
  it.store.release();
  assertEquals((await it.passing.expectPublish()).text, "x");
});

Deno.test("a publisher that waits for the disk does not run into its Keep Alive", async () => {
  const store = new DelayedStore();
  await using broker = await TestBroker.start({ store, config: { limits: { storeWaitingBytesMax: 1_000 } } });
  const keeper = await broker.connect({ clientId: "keeper", properties: LASTING });
  await keeper.subscribe("kept", { qos: 1 });
  const publisher = await broker.connect({ keepAlive: 2 });
  store.hold();
  await publisher.publish("kept", "x".repeat(2_000), { qos: 1 });
  await store.held();
  for (let i = 0; i < 5; i++) {
    await publisher.send({ type: PacketType.Pingreq });
    await broker.advance(1_000);
  }
  store.release();
  await publisher.expect(PacketType.Puback);
  for (let i = 0; i < 5; i++) await publisher.expect(PacketType.Pingresp);
});

Deno.test("whatever adds to what waits for the disk is not read without bound", async () => {
  const store = new DelayedStore();
  await using broker = await TestBroker.start({ store, config: { limits: { storeWaitingBytesMax: 20_000 } } });
  const client = await broker.connect({ clientId: "c", properties: LASTING });
  store.hold();
  const flood = (async () => {
    for (let i = 0; i < 1_000; i++) {
      const subscriptions = [
        { topicFilter: "a", qos: 0, noLocal: false, retainAsPublished: false, retainHandling: 2 } as const,
      ];
      await client.send({ type: PacketType.Subscribe, packetIdentifier: i + 1, subscriptions, properties: {} });
    }
  })();
  await store.held();
  await broker.advance(100);
  const { heldActions } = broker.server.snapshot();
  assertEquals(heldActions > 0 && heldActions < 200, true, `${heldActions} actions wait`);
  store.release();
  await flood;
  for (let i = 0; i < 1_000; i++) await client.expect(PacketType.Suback);
});

Deno.test("a second clearing of a retained topic is acknowledged when the first one is safe", async () => {
  await using it = await start();
  for (const qos of [1, 2] as const) {
    await it.lasting.publishAcknowledged("retained", "x", { qos: 1, retain: true });
    it.store.hold();
    await it.lasting.publish("retained", "", { qos: 1, retain: true });
    await it.store.held();
    await it.passing.publish("retained", "", { qos, retain: true });
    await it.passing.expectNothing();
    it.store.release();
    await it.lasting.expect(PacketType.Puback);
    await it.passing.expect(qos === 1 ? PacketType.Puback : PacketType.Pubrec);
  }
});

Deno.test("a repeated PUBREL is answered when the release is safe", async () => {
  await using it = await start();
  const packetIdentifier = await it.lasting.publish("nobody", "x", { qos: 2 });
  await it.lasting.expect(PacketType.Pubrec);
  const pubrel = { type: PacketType.Pubrel, packetIdentifier, reasonCode: ReasonCode.Success, properties: {} } as const;
  it.store.hold();
  await it.lasting.send(pubrel);
  await it.store.held();
  await it.lasting.send(pubrel);
  await it.lasting.expectNothing();
  it.store.release();
  assertEquals((await it.lasting.expect(PacketType.Pubcomp)).reasonCode, ReasonCode.Success);
  assertEquals((await it.lasting.expect(PacketType.Pubcomp)).reasonCode, ReasonCode.PacketIdentifierNotFound);
});
