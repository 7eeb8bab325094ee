/** Message Expiry Interval: counted down while the message is here, dropped when it has passed. Spec §3.3.2.3.3.
 * @module */

import { assertEquals } from "@std/assert";
import { PacketType } from "../../src/packet/mod.ts";
import { TestBroker } from "../support/test_broker.ts";
import { complete, connectPersistent, deliveries, dropAndWait, texts, until } from "./delivery_support.ts";

const expiring = (messageExpiryInterval: number) => ({ messageExpiryInterval });

Deno.test("[MQTT-3.3.2-5] [MQTT-3.3.2-6] queued messages: what is left of the expiry is sent, what has passed is dropped", async () => {
  await using broker = await TestBroker.start();
  const publisher = await broker.connect();
  const away = await connectPersistent(broker, "s");
  await away.subscribe("t", { qos: 2 });
  await away.disconnect();
  const intervals = [10, 100, 0, 30, 0xffff_ffff];
  for (const [i, interval] of intervals.entries()) {
    const qos = i % 2 === 0 ? 1 : 2;
    await publisher.publishAcknowledged("t", `${interval}`, { qos, properties: expiring(interval) });
  }
  await publisher.publishAcknowledged("t", "forever", { qos: 1 });
  broker.clock.advance(20_000);
  const back = await connectPersistent(broker, "s");
  assertEquals((await deliveries(publisher, back)).map(({ text, properties }) => [text, properties]), [
    ["100", expiring(80)],
    ["30", expiring(10)],
    ["4294967295", expiring(0xffff_ffff - 20)],
    ["forever", {}],
  ]);
});

Deno.test("[MQTT-3.3.2-5] a message that expires behind the Receive Maximum is dropped, and the next one comes", async () => {
  await using broker = await TestBroker.start();
  const publisher = await broker.connect();
  const subscriber = await broker.connect({ properties: { receiveMaximum: 1 } });
  await subscriber.subscribe("t", { qos: 1 });
  for (const [text, interval] of [["open", 5], ["short", 5], ["long", 50]] as const) {
    await publisher.publishAcknowledged("t", text, { qos: 1, properties: expiring(interval) });
  }
  const open = await subscriber.expectPublish();
  broker.clock.advance(6_000);
  await complete(subscriber, open);
  const next = await subscriber.expectPublish();
  assertEquals([next.text, next.properties], ["long", expiring(44)]);
});

Deno.test("[MQTT-3.3.2-6] a message that is delivered at once keeps its interval, at each QoS", async () => {
  await using broker = await TestBroker.start();
  const publisher = await broker.connect();
  const subscriber = await broker.connect();
  await subscriber.subscribe("t", { qos: 2 });
  for (const interval of [1, 60, 0xffff_ffff]) {
    await publisher.publish("t", "", { properties: expiring(interval) });
    for (const qos of [1, 2] as const) {
      await publisher.publishAcknowledged("t", "", { qos, properties: expiring(interval) });
    }
    const received = await deliveries(publisher, subscriber);
    assertEquals(received.map((publish) => publish.properties), [
      expiring(interval),
      expiring(interval),
      expiring(interval),
    ]);
  }
});

Deno.test("[MQTT-3.3.2-5] [MQTT-3.3.2-6] retained messages: counted down, and gone when the interval has passed", async () => {
  await using broker = await TestBroker.start();
  const publisher = await broker.connect();
  await publisher.publish("short", "x", { retain: true, properties: expiring(10) });
  await publisher.publish("long", "x", { retain: true, properties: expiring(1000) });
  await publisher.expectNothing();
  for (const [advanceMs, expected] of [[4_000, [["long", 996], ["short", 6]]], [6_500, [["long", 990]]]] as const) {
    broker.clock.advance(advanceMs);
    for (const qos of [0, 1] as const) {
      const subscriber = await broker.connect();
      await subscriber.subscribe("#", { qos });
      const received = await deliveries(publisher, subscriber);
      const found = received.map(({ topicName, properties }) => [topicName, properties.messageExpiryInterval]);
      assertEquals(found.sort(), expected as unknown as typeof found);
    }
  }
  await until(() => broker.server.snapshot().retainedMessages === 1);
  // A replacement without an interval stays.
  await publisher.publish("long", "y", { retain: true });
  await publisher.expectNothing();
  broker.clock.advance(2_000_000);
  const late = await broker.connect();
  await late.subscribe("#");
  assertEquals((await late.expectPublish()).properties, {});
});

Deno.test("[MQTT-3.3.2-6] a message in flight is repeated with what is left, or 0: its delivery had begun", async () => {
  await using broker = await TestBroker.start();
  const publisher = await broker.connect();
  let subscriber = await connectPersistent(broker, "s");
  await subscriber.subscribe("t", { qos: 2 });
  for (const qos of [1, 2] as const) {
    await publisher.publishAcknowledged("t", `${qos}`, { qos, properties: expiring(10) });
  }
  assertEquals(await texts(publisher, subscriber), ["1", "2"]);
  for (const [advanceMs, left] of [[3_000, 7], [20_000, 0]]) {
    await dropAndWait(broker, subscriber);
    broker.clock.advance(advanceMs);
    subscriber = await connectPersistent(broker, "s");
    const again = await deliveries(publisher, subscriber);
    assertEquals(again.map(({ text, dup, properties }) => [text, dup, properties]), [
      ["1", true, expiring(left)],
      ["2", true, expiring(left)],
    ]);
  }
});

Deno.test("[MQTT-3.3.2-5] an expired message does not go to another member of a Shared Subscription", async () => {
  await using broker = await TestBroker.start();
  const publisher = await broker.connect();
  const leaving = await connectPersistent(broker, "leaving");
  await leaving.subscribe("$share/g/t", { qos: 1 });
  await publisher.publishAcknowledged("t", "short", { qos: 1, properties: expiring(10) });
  await publisher.publishAcknowledged("t", "long", { qos: 1, properties: expiring(1000) });
  assertEquals(await texts(publisher, leaving), ["short", "long"]);
  const staying = await broker.connect();
  await staying.subscribe("$share/g/t", { qos: 1 });
  broker.clock.advance(20_000);
  await leaving.disconnect();
  const received = await deliveries(publisher, staying);
  assertEquals(received.map(({ text, dup, properties }) => [text, dup, properties]), [["long", false, expiring(980)]]);
  await staying.acknowledge(PacketType.Puback, received[0].packetIdentifier);
});
