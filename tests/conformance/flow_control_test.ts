/** Receive Maximum in both directions. Spec §3.3.4, §4.9. @module */

import { assertEquals } from "@std/assert";
import { PacketType, ReasonCode } from "../../src/packet/mod.ts";
import { DelayedStore } from "../support/delayed_store.ts";
import { TestBroker } from "../support/test_broker.ts";
import { complete, connectPersistent, deliveries, dropAndWait, texts } from "./delivery_support.ts";

Deno.test("[MQTT-3.3.4-7] a client that exceeds the Server's Receive Maximum gets DISCONNECT 0x93", async () => {
  await using broker = await TestBroker.start({ config: { limits: { receiveMaximum: 2 } } });
  const client = broker.client();
  assertEquals((await client.connect()).properties.receiveMaximum, 2);
  // Up to the limit, again and again; a repeat and QoS 0 count for nothing.
  for (let round = 0; round < 3; round++) {
    for (const packetIdentifier of [1, 2, 2]) {
      await client.publish("t", "", { qos: 2, packetIdentifier, dup: packetIdentifier === 2 });
      await client.expect(PacketType.Pubrec);
    }
    await client.publish("t", "", { qos: 0 });
    for (const packetIdentifier of [1, 2]) {
      await client.acknowledge(PacketType.Pubrel, packetIdentifier);
      await client.expect(PacketType.Pubcomp);
    }
  }
  for (const qos of [1, 1, 1, 1] as const) assertEquals(await client.publishAcknowledged("t", "", { qos }), 0x10);
  // A PUBREC of 0x80 or more gives its place back.
  for (let i = 0; i < 5; i++) assertEquals(await client.publishAcknowledged("$SYS/x", "", { qos: 2 }), 0x87);
  for (const packetIdentifier of [1, 2]) await client.publish("t", "", { qos: 2, packetIdentifier });
  await client.expect(PacketType.Pubrec);
  await client.expect(PacketType.Pubrec);
  await client.publish("t", "", { qos: 2, packetIdentifier: 3 });
  await client.expectDisconnect(ReasonCode.ReceiveMaximumExceeded);
});

Deno.test("[MQTT-3.3.4-7] a QoS 1 message counts against the Receive Maximum, too", async () => {
  await using broker = await TestBroker.start({ config: { limits: { receiveMaximum: 1 } } });
  const client = await broker.connect();
  await client.publish("t", "", { qos: 2, packetIdentifier: 1 });
  await client.expect(PacketType.Pubrec);
  await client.publish("t", "", { qos: 1, packetIdentifier: 2 });
  await client.expectDisconnect(ReasonCode.ReceiveMaximumExceeded);
  // A 3.1.1 client was told no maximum.
  const old = await broker.connect({ protocolVersion: 4 });
  for (const packetIdentifier of [1, 2, 3]) {
    await old.publish("t", "", { qos: 2, packetIdentifier });
    await old.expect(PacketType.Pubrec);
  }
});

for (const receiveMaximum of [1, 2, 5]) {
  Deno.test(`[MQTT-3.3.4-9] [MQTT-4.9.0-1] [MQTT-4.9.0-2] no more than Receive Maximum ${receiveMaximum} of QoS 1 and 2 are unfinished`, async () => {
    await using broker = await TestBroker.start();
    const publisher = await broker.connect();
    const subscriber = await broker.connect({ properties: { receiveMaximum } });
    await subscriber.subscribe("t", { qos: 2 });
    const sent = Array.from({ length: 12 }, (_, i) => `${i}`);
    for (const [i, text] of sent.entries()) {
      await publisher.publishAcknowledged("t", text, { qos: i % 3 === 0 ? 1 : 2 });
    }
    const open = await deliveries(publisher, subscriber);
    assertEquals(open.length, receiveMaximum);
    const received = open.map((publish) => publish.text);
    for (let publish = open.shift(); publish !== undefined; publish = open.shift()) {
      if (publish.qos === 2) {
        // PUBREC is not the end: the place is free after PUBCOMP only.
        await subscriber.acknowledge(PacketType.Pubrec, publish.packetIdentifier);
        await subscriber.expect(PacketType.Pubrel);
        await subscriber.expectNothing();
        await subscriber.acknowledge(PacketType.Pubcomp, publish.packetIdentifier);
      } else await subscriber.acknowledge(PacketType.Puback, publish.packetIdentifier);
      const next = await deliveries(publisher, subscriber);
      assertEquals(next.length, received.length < sent.length ? 1 : 0);
      received.push(...next.map((publish) => publish.text));
      open.push(...next);
    }
    assertEquals(received, sent);
  });
}

Deno.test("[MQTT-4.9.0-2] a repeated or unknown PUBACK gives no place that was not taken", async () => {
  await using broker = await TestBroker.start();
  const publisher = await broker.connect();
  const subscriber = await broker.connect({ properties: { receiveMaximum: 2 } });
  await subscriber.subscribe("t", { qos: 1 });
  for (let i = 0; i < 8; i++) await publisher.publishAcknowledged("t", `${i}`, { qos: 1 });
  const [first] = await deliveries(publisher, subscriber);
  for (const packetIdentifier of [first.packetIdentifier, first.packetIdentifier, 4000, first.packetIdentifier]) {
    await subscriber.acknowledge(PacketType.Puback, packetIdentifier);
  }
  assertEquals(await texts(publisher, subscriber), ["2"]);
});

Deno.test("[MQTT-4.9.0-1] the send quota begins anew with each connection, and repeats count", async () => {
  await using broker = await TestBroker.start();
  const publisher = await broker.connect();
  let subscriber = await connectPersistent(broker, "s", { properties: { receiveMaximum: 3 } });
  await subscriber.subscribe("t", { qos: 1 });
  for (let i = 0; i < 6; i++) await publisher.publishAcknowledged("t", `${i}`, { qos: 1 });
  assertEquals(await texts(publisher, subscriber), ["0", "1", "2"]);
  await dropAndWait(broker, subscriber);
  subscriber = await connectPersistent(broker, "s", { properties: { receiveMaximum: 2 } });
  const repeated = await deliveries(publisher, subscriber);
  assertEquals(repeated.map(({ text, dup }) => [text, dup]), [["0", true], ["1", true]]);
  await complete(subscriber, repeated[0]);
  assertEquals((await subscriber.expectPublish()).text, "2");
  await dropAndWait(broker, subscriber);
  subscriber = await connectPersistent(broker, "s"); // no Receive Maximum: 65,535
  assertEquals(await texts(publisher, subscriber), ["1", "2", "3", "4", "5"]);
});

Deno.test("[MQTT-3.3.4-10] [MQTT-4.9.0-3] at the limit everything else is still sent, handled and answered", async () => {
  await using broker = await TestBroker.start({ config: { limits: { receiveMaximum: 1 } } });
  const publisher = await broker.connect();
  const client = await broker.connect({ properties: { receiveMaximum: 1 } });
  await client.subscribe(["full", "zero"], { qos: 2 });
  for (let i = 0; i < 3; i++) await publisher.publishAcknowledged("full", `${i}`, { qos: 1 });
  const open = await client.expectPublish();
  await client.expectNothing(); // PINGRESP
  await publisher.publish("zero", "QoS 0");
  assertEquals((await client.expectPublish()).text, "QoS 0");
  assertEquals((await client.subscribe("more")).reasonCodes, [0]);
  assertEquals((await client.unsubscribe("more")).reasonCodes, [0]);
  assertEquals(await client.publishAcknowledged("elsewhere", "", { qos: 2 }), 0x10);
  assertEquals(await client.publishAcknowledged("elsewhere", "", { qos: 1 }), 0x10);
  // The client's own direction at its limit: the rest is handled as well.
  await client.publish("elsewhere", "", { qos: 2, packetIdentifier: 50 });
  await client.expect(PacketType.Pubrec);
  await client.expectNothing();
  await complete(client, open);
  assertEquals((await client.expectPublish()).text, "1");
});

Deno.test("a client that names no Receive Maximum gets limits.outgoingInFlightMax at once", async () => {
  await using broker = await TestBroker.start({ config: { limits: { outgoingInFlightMax: 4 } } });
  const publisher = await broker.connect();
  const subscriber = await broker.connect();
  await subscriber.subscribe("t", { qos: 1 });
  for (let i = 0; i < 6; i++) await publisher.publishAcknowledged("t", `${i}`, { qos: 1 });
  assertEquals(await texts(publisher, subscriber), ["0", "1", "2", "3"]);
});

for (const queuePolicy of ["drop-newest", "drop-oldest"] as const) {
  Deno.test(`a full queue keeps its bound: ${queuePolicy}`, async () => {
    await using broker = await TestBroker.start({ config: { limits: { queuedMessagesMax: 3, queuePolicy } } });
    const publisher = await broker.connect();
    const subscriber = await connectPersistent(broker, "s");
    await subscriber.subscribe("t", { qos: 1 });
    await subscriber.disconnect();
    for (let i = 0; i < 6; i++) await publisher.publishAcknowledged("t", `${i}`, { qos: 1 });
    const back = await connectPersistent(broker, "s");
    assertEquals(await texts(publisher, back), queuePolicy === "drop-newest" ? ["0", "1", "2"] : ["3", "4", "5"]);
  });
}

Deno.test("a QoS 2 message that turns out too large when the store is safe gives its place to the next one", async () => {
  const store = new DelayedStore();
  await using broker = await TestBroker.start({ store });
  const publisher = await broker.connect();
  const properties = { receiveMaximum: 1, maximumPacketSize: 60 };
  const subscriber = await connectPersistent(broker, "s", { properties });
  await subscriber.subscribe("t", { qos: 2 });
  store.hold();
  for (const text of ["x".repeat(100), "small"]) await publisher.publish("t", text, { qos: 2 });
  await publisher.expectNothing(); // both are handled, and wait for the store
  store.release();
  for (let i = 0; i < 2; i++) await publisher.expect(PacketType.Pubrec);
  assertEquals((await subscriber.expectPublish()).text, "small");
});
