/** Topic Aliases in both directions. Spec §3.3.2.3.4. @module */

import { assertEquals } from "@std/assert";
import { ReasonCode } from "../../src/packet/mod.ts";
import { wire } from "../packet/support.ts";
import { TestBroker } from "../support/test_broker.ts";
import { complete, connectPersistent, deliveries, dropAndWait } from "./delivery_support.ts";

Deno.test("[MQTT-3.3.2-12] the Server takes all aliases from 1 to its Topic Alias Maximum, and lets them be set anew", async () => {
  await using broker = await TestBroker.start({ config: { limits: { topicAliasMaximum: 10 } } });
  const subscriber = await broker.connect();
  await subscriber.subscribe("#", { qos: 1 });
  const publisher = broker.client();
  assertEquals((await publisher.connect()).properties.topicAliasMaximum, 10);
  for (let alias = 1; alias <= 10; alias++) await publisher.publish(`topic/${alias}`, "set", { topicAlias: alias });
  for (let alias = 10; alias >= 1; alias--) {
    await publisher.publishAcknowledged("", "used", { topicAlias: alias, qos: 1 });
  }
  await publisher.publish("other", "set anew", { topicAlias: 3 });
  await publisher.publish("", "used", { topicAlias: 3 });
  const received = await deliveries(publisher, subscriber);
  const topics = Array.from({ length: 10 }, (_, i) => `topic/${i + 1}`);
  assertEquals(received.map((publish) => publish.topicName), [...topics, ...topics.toReversed(), "other", "other"]);
  assertEquals(received.every((publish) => publish.topicAlias === 0), true);
});

Deno.test("[MQTT-3.3.2-7] Topic Aliases end with the connection, those of the Server, too", async () => {
  await using broker = await TestBroker.start();
  let client = await connectPersistent(broker, "c", { properties: { topicAliasMaximum: 5 } });
  await client.subscribe("topic", { qos: 1 });
  await client.publish("topic", "set", { topicAlias: 1 });
  assertEquals(
    (await deliveries(client, client)).map(({ topicName, topicAlias }) => [topicName, topicAlias]),
    [["topic", 1]],
  );
  await dropAndWait(broker, client);
  client = await connectPersistent(broker, "c", { properties: { topicAliasMaximum: 5 } });
  const other = await broker.connect();
  await other.publish("topic", "x");
  await other.expectNothing();
  const publish = await client.expectPublish();
  assertEquals([publish.topicName, publish.topicAlias], ["topic", 1], "the Topic Name comes again");
  await client.publish("", "y", { topicAlias: 1 });
  await client.expectDisconnect(ReasonCode.ProtocolError);
});

Deno.test("[MQTT-3.3.2-8] [MQTT-3.3.2-9] alias 0, one above the maximum, and any where the maximum is 0 are refused with 0x94", async () => {
  for (const [topicAliasMaximum, alias] of [[10, "00 00"], [10, "00 0b"], [10, "ff ff"], [0, "00 01"]] as const) {
    await using broker = await TestBroker.start({ config: { limits: { topicAliasMaximum } } });
    const watcher = await broker.connect();
    await watcher.subscribe("#");
    const client = await broker.connect();
    await client.sendBytes(wire(`30 [ "t" [ 23 ${alias} ] ]`));
    await client.expectDisconnect(ReasonCode.TopicAliasInvalid);
    await watcher.expectNothing();
  }
});

Deno.test("an alias that was not set, and a PUBLISH with neither Topic Name nor alias, are Protocol Errors", async () => {
  await using broker = await TestBroker.start();
  for (const properties of ["00", "[ 23 00 05 ]"]) {
    const client = await broker.connect();
    await client.sendBytes(wire(`30 [ 00 00 ${properties} ]`));
    await client.expectDisconnect(ReasonCode.ProtocolError);
  }
});

Deno.test("[MQTT-3.3.2-11] the Server's aliases stay within the client's maximum: first with the Topic Name, then in its place; further topics go without", async () => {
  await using broker = await TestBroker.start();
  const publisher = await broker.connect();
  const subscriber = await broker.connect({ properties: { topicAliasMaximum: 2 } });
  await subscriber.subscribe("topic/+", { qos: 2 });
  const seen: [string, number][] = [];
  for (const [i, name] of ["a", "b", "c", "a", "b", "c", "a"].entries()) {
    await publisher.publishAcknowledged(`topic/${name}`, name, { qos: i % 2 === 0 ? 1 : 2 });
    const publish = await subscriber.expectPublish();
    assertEquals(publish.text, name);
    seen.push([publish.topicName, publish.topicAlias]);
    await complete(subscriber, publish);
  }
  assertEquals(seen, [["topic/a", 1], ["topic/b", 2], ["topic/c", 0], ["", 1], ["", 2], ["topic/c", 0], ["", 1]]);
});

Deno.test("[MQTT-3.3.2-11] a client that allows no aliases gets none, nor does a 3.1.1 client", async () => {
  await using broker = await TestBroker.start();
  const publisher = await broker.connect();
  const subscribers = [
    await broker.connect(),
    await broker.connect({ properties: { topicAliasMaximum: 0 } }),
    await broker.connect({ protocolVersion: 4 }),
  ];
  for (const subscriber of subscribers) await subscriber.subscribe("topic");
  for (let i = 0; i < 3; i++) await publisher.publish("topic", "x", { topicAlias: 1 });
  for (const subscriber of subscribers) {
    const received = await deliveries(publisher, subscriber);
    assertEquals(received.map(({ topicName, topicAlias }) => [topicName, topicAlias]), [
      ["topic", 0],
      ["topic", 0],
      ["topic", 0],
    ]);
  }
});

Deno.test("the Server's aliases hold over queued, repeated and retained messages of one connection", async () => {
  await using broker = await TestBroker.start();
  const publisher = await broker.connect();
  let subscriber = await connectPersistent(broker, "s");
  await subscriber.subscribe("topic/+", { qos: 1 });
  await publisher.publishAcknowledged("topic/a", "in flight", { qos: 1, retain: true });
  await publisher.receiveAll();
  await dropAndWait(broker, subscriber);
  await publisher.publishAcknowledged("topic/a", "queued", { qos: 1 });
  subscriber = await connectPersistent(broker, "s", { properties: { topicAliasMaximum: 10 } });
  const resumed = await deliveries(publisher, subscriber);
  await subscriber.subscribe("topic/a", { qos: 0 });
  const all = [...resumed, ...await deliveries(publisher, subscriber)];
  assertEquals(all.map(({ text, topicName, topicAlias }) => [text, topicName, topicAlias]), [
    ["in flight", "topic/a", 1],
    ["queued", "", 1],
    ["in flight", "", 1],
  ]);
});

Deno.test("a message that fits only without a new alias is sent without one", async () => {
  await using broker = await TestBroker.start();
  const publisher = await broker.connect();
  const frame = wire(`30 [ "topic" 00 30*78 ]`);
  const subscriber = await broker.connect({
    properties: { topicAliasMaximum: 5, maximumPacketSize: frame.length },
  });
  await subscriber.subscribe("topic");
  await publisher.publish("topic", "x".repeat(31));
  await publisher.publish("topic", "x".repeat(30));
  await publisher.publish("topic", "small");
  const received = await deliveries(publisher, subscriber);
  assertEquals(received.map(({ text, topicName, topicAlias }) => [text.length, topicName, topicAlias]), [
    [30, "topic", 0],
    [5, "topic", 1],
  ]);
});
