/** What a Client may not do, and how it is told, in each protocol version. Spec §3.1.4, §3.4.2.1, §3.9.3, §5.4.2.
 * @module */

import { assertEquals } from "@std/assert";
import { PacketType, ReasonCode } from "../../src/packet/mod.ts";
import { type Refusal, TableAuthorizer } from "../support/table_authorizer.ts";
import { TestBroker } from "../support/test_broker.ts";

const { NotAuthorized, Success } = ReasonCode;

function start(...refusals: Refusal[]): Promise<TestBroker> {
  return TestBroker.start({ authorizer: new TableAuthorizer(refusals) });
}

Deno.test("A PUBLISH that is not allowed: PUBACK and PUBREC 0x87, and QoS 0 is dropped", async () => {
  await using broker = await start({ may: "publish", clientId: "p", topic: "no" });
  const watcher = await broker.connect();
  await watcher.subscribe("#");
  const client = await broker.connect({ clientId: "p" });
  await client.publish("no", "0");
  assertEquals(await client.publishAcknowledged("no", "1", { qos: 1 }), NotAuthorized);
  assertEquals(await client.publishAcknowledged("no", "2", { qos: 2 }), NotAuthorized);
  await client.publish("no", "retained", { retain: true });
  await client.publish("yes", "allowed");
  await client.expectNothing();
  assertEquals((await watcher.expectPublish()).text, "allowed");
  await watcher.expectNothing();
  assertEquals(broker.server.snapshot().retainedMessages, 0);
  // The refusal of QoS 2 ended the exchange: the identifier is free again.
  await client.publish("yes", "3", { qos: 2, packetIdentifier: 2 });
  assertEquals((await client.expect(PacketType.Pubrec)).reasonCode, Success);
});

Deno.test("The topic behind a Topic Alias is the one that is asked about", async () => {
  await using broker = await start({ may: "publish", clientId: "p", topic: "no" });
  const client = await broker.connect({ clientId: "p" });
  await client.publish("no", "", { qos: 1, topicAlias: 1 });
  assertEquals((await client.expect(PacketType.Puback)).reasonCode, NotAuthorized);
  await client.publish("", "", { qos: 1, topicAlias: 1 });
  assertEquals((await client.expect(PacketType.Puback)).reasonCode, NotAuthorized);
});

Deno.test("A PUBLISH of 3.1.1 or 3.1 that is not allowed is acknowledged and dropped: there is no word for it", async () => {
  await using broker = await start({ may: "publish", clientId: "p", topic: "no" });
  const watcher = await broker.connect();
  await watcher.subscribe("#", { qos: 2 });
  for (const protocolVersion of [4, 3] as const) {
    const client = await broker.connect({ clientId: "p", protocolVersion });
    await client.publish("no", "0");
    await client.publishAcknowledged("no", "1", { qos: 1 });
    await client.publishAcknowledged("no", "2", { qos: 2 });
    await client.expectNothing();
    await client.disconnect();
  }
  await watcher.expectNothing();
});

Deno.test("A Topic Filter that is not allowed: 0x87 in its place of SUBACK, 0x80 for 3.1.1", async () => {
  await using broker = await start({ may: "subscribe", clientId: "s", topic: "no/#" });
  for (const [protocolVersion, refusal] of [[5, NotAuthorized], [4, ReasonCode.UnspecifiedError]] as const) {
    const client = await broker.connect({ clientId: "s", protocolVersion });
    const { reasonCodes } = await client.subscribe(["a", "no/#", "b"], { qos: 1 });
    assertEquals(reasonCodes, [1, refusal, 1]);
    await client.publish("no/1", "");
    await client.expectNothing();
    await client.disconnect();
  }
});

Deno.test("A Shared Subscription is asked about by its Topic Filter", async () => {
  await using broker = await start({ may: "subscribe", topic: "no" });
  const client = await broker.connect();
  assertEquals((await client.subscribe(["$share/group/no", "$share/group/yes"])).reasonCodes, [NotAuthorized, Success]);
});

Deno.test("Retained and queued messages that a Client may not receive any more are left out", async () => {
  const authorizer = new TableAuthorizer();
  await using broker = await TestBroker.start({ authorizer });
  const publisher = await broker.connect();
  const options = { clientId: "s", cleanStart: false, properties: { sessionExpiryInterval: 100 } };
  const client = await broker.connect(options);
  await client.subscribe("#", { qos: 1 });
  await client.disconnect();
  for (const topicName of ["yes", "no"]) await publisher.publishAcknowledged(topicName, "x", { qos: 1, retain: true });
  authorizer.refusals = [{ may: "receive", clientId: "s", topic: "no" }];
  const again = await broker.connect(options);
  assertEquals((await again.expectPublish()).topicName, "yes");
  await again.expectNothing();
  await again.subscribe("+");
  assertEquals((await again.expectPublish()).topicName, "yes");
  await again.expectNothing();
});

Deno.test("Clients cannot publish to the Server's own topics", async () => {
  await using broker = await TestBroker.start();
  const watcher = await broker.connect();
  await watcher.subscribe(["$SYS/#", "$CONTROL/#", "#"]);
  const client = await broker.connect();
  for (const topicName of ["$SYS/broker/version", "$SYS", "$CONTROL/x", "$share/group/a"]) {
    await client.publish(topicName, "0", { retain: true });
    assertEquals(await client.publishAcknowledged(topicName, "1", { qos: 1 }), NotAuthorized);
  }
  await watcher.expectNothing();
  assertEquals(broker.server.snapshot().retainedMessages, 0);
});
