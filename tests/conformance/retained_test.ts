/** Retained messages, Retain Handling and Retain As Published. Spec §3.3.1.3, §3.8.3.1. @module */

import { assertEquals } from "@std/assert";
import { PacketType, type ProtocolVersion, ReasonCode } from "../../src/packet/mod.ts";
import { TestBroker } from "../support/test_broker.ts";
import type { TestClient } from "../support/test_client.ts";
import { connectPersistent, deliveries } from "./delivery_support.ts";

/** What a new subscriber of `filter` gets: [topic, payload, RETAIN]. */
async function retainedFor(broker: TestBroker, filter: string): Promise<[string, string, boolean][]> {
  const client = await broker.connect();
  await client.subscribe(filter, { qos: 2 });
  const received = await deliveries(client, client);
  await client.disconnect();
  return received.map((publish) => [publish.topicName, publish.text, publish.retain]);
}

async function put(publisher: TestClient, topicName: string, text: string, retain = true): Promise<void> {
  await publisher.publish(topicName, text, { retain });
  await publisher.expectNothing();
}

Deno.test("[MQTT-3.3.1-5] a message with RETAIN 1 is stored in place of the former one of its topic, at each QoS", async () => {
  await using broker = await TestBroker.start();
  const publisher = await broker.connect();
  await publisher.publishAcknowledged("t/a", "first", { qos: 1, retain: true });
  await publisher.publishAcknowledged("t/b", "other", { qos: 2, retain: true });
  assertEquals((await retainedFor(broker, "t/+")).sort(), [["t/a", "first", true], ["t/b", "other", true]]);
  await publisher.publishAcknowledged("t/a", "second", { qos: 2, retain: true });
  assertEquals(await retainedFor(broker, "t/a"), [["t/a", "second", true]]);
  await put(publisher, "t/a", "third");
  assertEquals(await retainedFor(broker, "t/a"), [["t/a", "third", true]]);
  assertEquals(broker.server.snapshot().retainedMessages, 2);
});

Deno.test("[MQTT-3.3.1-6] [MQTT-3.3.1-7] an empty payload with RETAIN 1 is delivered, removes the retained message, and is not kept", async () => {
  await using broker = await TestBroker.start();
  const publisher = await broker.connect();
  const present = await broker.connect();
  await present.subscribe("t", { qos: 1 });
  await put(publisher, "t", "kept");
  for (const qos of [0, 1] as const) {
    if (qos === 0) await put(publisher, "t", "");
    else await publisher.publishAcknowledged("t", "", { qos, retain: true });
    assertEquals(await retainedFor(broker, "#"), []);
    assertEquals(broker.server.snapshot().retainedMessages, 0);
  }
  const received = await deliveries(publisher, present);
  assertEquals(received.map(({ text, retain }) => [text, retain]), [["kept", false], ["", false], ["", false]]);
});

Deno.test("[MQTT-3.3.1-8] a message with RETAIN 0 stores, replaces and removes nothing", async () => {
  await using broker = await TestBroker.start();
  const publisher = await broker.connect();
  await put(publisher, "new", "x", false);
  assertEquals(await retainedFor(broker, "#"), []);
  await put(publisher, "t", "kept");
  await put(publisher, "t", "passing", false);
  await put(publisher, "t", "", false);
  assertEquals(await retainedFor(broker, "#"), [["t", "kept", true]]);
});

for (const protocolVersion of [3, 4, 5] as ProtocolVersion[]) {
  Deno.test(`[MQTT-3.3.1-9] [MQTT-3.8.4-4] Retain Handling 0 sends what is retained at each subscribe (protocol level ${protocolVersion})`, async () => {
    await using broker = await TestBroker.start();
    const publisher = await broker.connect();
    await publisher.publishAcknowledged("t/a", "a", { qos: 2, retain: true });
    await publisher.publishAcknowledged("t/b", "b", { qos: 1, retain: true });
    const subscriber = await broker.connect({ protocolVersion });
    for (let round = 0; round < 3; round++) {
      await subscriber.subscribe("t/#", { qos: 1, retainHandling: 0 });
      const received = await deliveries(publisher, subscriber);
      assertEquals(
        received.map(({ topicName, text, qos, retain, dup }) => [topicName, text, qos, retain, dup]).sort(),
        [["t/a", "a", 1, true, false], ["t/b", "b", 1, true, false]],
      );
      for (const publish of received) await subscriber.acknowledge(PacketType.Puback, publish.packetIdentifier);
    }
  });
}

Deno.test("[MQTT-3.3.1-10] Retain Handling 1 sends them only when the subscription is new", async () => {
  await using broker = await TestBroker.start();
  await put(await broker.connect(), "t", "kept");
  let subscriber = await connectPersistent(broker, "s");
  const counts: number[] = [];
  const subscribe = async () => {
    await subscriber.subscribe("t", { retainHandling: 1 });
    counts.push((await deliveries(subscriber, subscriber)).length);
  };
  await subscribe();
  await subscribe();
  await subscriber.unsubscribe("t");
  await subscribe();
  await subscriber.disconnect();
  subscriber = await connectPersistent(broker, "s"); // the session brought its subscription along
  await subscribe();
  assertEquals(counts, [1, 0, 1, 0]);
});

Deno.test("[MQTT-3.3.1-11] Retain Handling 2 never sends them at subscribe time", async () => {
  await using broker = await TestBroker.start();
  const publisher = await broker.connect();
  await put(publisher, "t", "kept");
  const subscriber = await broker.connect();
  for (let round = 0; round < 2; round++) {
    await subscriber.subscribe("t", { retainHandling: 2 });
    await subscriber.expectNothing();
  }
  await put(publisher, "t", "new");
  assertEquals((await deliveries(publisher, subscriber)).map((publish) => publish.text), ["new"]);
});

Deno.test("[MQTT-3.3.1-12] [MQTT-3.3.1-13] Retain As Published 0 clears RETAIN of what is forwarded, 1 leaves it as it is", async () => {
  await using broker = await TestBroker.start();
  const publisher = await broker.connect();
  for (const qos of [0, 1, 2] as const) {
    for (const retainAsPublished of [false, true]) {
      const subscriber = await broker.connect();
      await subscriber.subscribe("t", { qos, retainAsPublished, retainHandling: 2 });
      for (const retain of [false, true]) {
        await publisher.publishAcknowledged("t", "x", { qos: 2, retain });
        const publish = (await deliveries(publisher, subscriber))[0];
        assertEquals([publish.qos, publish.retain], [qos, retain && retainAsPublished]);
      }
      await subscriber.disconnect();
    }
  }
  // What was retained before bears RETAIN 1 under either option.
  for (const retainAsPublished of [false, true]) {
    const late = await broker.connect();
    await late.subscribe("t", { retainAsPublished });
    assertEquals((await late.expectPublish()).retain, true);
  }
});

Deno.test("RETAIN of a 3.1.1 subscriber is cleared when forwarding", async () => {
  await using broker = await TestBroker.start();
  const publisher = await broker.connect();
  const old = await broker.connect({ protocolVersion: 4 });
  await old.subscribe("t");
  await put(publisher, "t", "x");
  assertEquals((await old.expectPublish()).retain, false);
});

Deno.test("retained messages come at the lower QoS, with the identifier of the subscription, after SUBACK, also to a filter among thousands", async () => {
  await using broker = await TestBroker.start();
  const publisher = await broker.connect();
  for (let i = 0; i < 1000; i++) await publisher.publish(`many/${i}`, `${i}`, { retain: true });
  await publisher.expectNothing();
  const subscriber = await broker.connect();
  await subscriber.subscribe("many/+", { qos: 2, properties: { subscriptionIdentifiers: [4] } }); // SUBACK is the first
  const seen = new Set<string>();
  while (seen.size < 1000) {
    const publish = await subscriber.expectPublish();
    assertEquals([publish.qos, publish.retain, publish.properties.subscriptionIdentifiers], [0, true, [4]]);
    assertEquals(publish.topicName, `many/${publish.text}`);
    seen.add(publish.text);
  }
  await subscriber.expectNothing();
});

Deno.test("retained messages beyond their limit get 0x97, and the message itself is not retained", async () => {
  await using broker = await TestBroker.start({ config: { limits: { retainedMessagesMax: 1 } } });
  const publisher = await broker.connect();
  const options = { qos: 1, retain: true } as const;
  assertEquals(await publisher.publishAcknowledged("a", "1", options), ReasonCode.NoMatchingSubscribers);
  assertEquals(await publisher.publishAcknowledged("b", "1", options), ReasonCode.QuotaExceeded);
  assertEquals(await publisher.publishAcknowledged("a", "2", options), ReasonCode.NoMatchingSubscribers);
  assertEquals(await retainedFor(broker, "#"), [["a", "2", true]]);
});

Deno.test("a Shared Subscription gets no retained messages when it begins", async () => {
  await using broker = await TestBroker.start();
  const client = await broker.connect();
  await put(client, "t", "kept");
  await client.subscribe("$share/group/t");
  await client.expectNothing();
});
