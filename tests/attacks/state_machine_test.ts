/** Handshakes in the wrong order, identifiers that are never released, names that are fought for, times at their ends.
 * @module */

import { assert, assertEquals } from "@std/assert";
import { PacketType, type ProtocolVersion, ReasonCode } from "../../src/packet/mod.ts";
import { TestBroker } from "../support/test_broker.ts";
import { assertEmpty, assertNoInternalError, assertServes, SocketBroker, until } from "./support.ts";

Deno.test("[MQTT-3.3.4-7] QoS 2 identifiers that are never released: 5.0 clients may have Receive Maximum of them", async () => {
  await using broker = await TestBroker.start({ config: { limits: { receiveMaximum: 20 } } });
  const client = await broker.connect();
  for (let i = 1; i <= 20; i++) {
    await client.publish("t", "x", { qos: 2, packetIdentifier: i });
    await client.expect(PacketType.Pubrec);
  }
  // The same ones again are repeats, and cost nothing.
  for (let i = 1; i <= 20; i++) {
    await client.publish("t", "x", { qos: 2, packetIdentifier: i, dup: true });
    await client.expect(PacketType.Pubrec);
  }
  await client.publish("t", "x", { qos: 2, packetIdentifier: 21 });
  await client.expectDisconnect(ReasonCode.ReceiveMaximumExceeded);
  await assertEmpty(broker.server);
});

Deno.test("QoS 2 identifiers that are never released: 3.1.1 clients may have all 65,535, and each message once", async () => {
  await using broker = await TestBroker.start();
  const subscriber = await broker.connect();
  await subscriber.subscribe("t");
  const client = await broker.connect({ protocolVersion: 4 });
  const count = 65_535;
  let received = 0;
  const taking = (async () => {
    for (; received < count; received++) await subscriber.expectPublish();
  })();
  for (const dup of [false, true]) {
    for (let i = 1; i <= count; i++) {
      await client.publish("t", "x", { qos: 2, packetIdentifier: i, dup });
      assertEquals((await client.expect(PacketType.Pubrec)).packetIdentifier, i);
    }
  }
  await taking;
  await subscriber.expectNothing();
  for (let i = 1; i <= count; i++) {
    await client.acknowledge(PacketType.Pubrel, i);
    assertEquals((await client.expect(PacketType.Pubcomp)).packetIdentifier, i);
  }
});

Deno.test("A reconnect for each few QoS 2 messages does not gather more than 65,535 identifiers, and no message comes twice", async () => {
  await using broker = await TestBroker.start({ config: { limits: { receiveMaximum: 10 } } });
  const subscriber = await broker.connect();
  await subscriber.subscribe("t");
  const options = { clientId: "gatherer", cleanStart: false, properties: { sessionExpiryInterval: 100 } };
  for (let round = 0; round < 5; round++) {
    const client = await broker.connect(options);
    for (let i = 0; i < 10; i++) {
      await client.publish("t", "x", { qos: 2, packetIdentifier: round * 10 + i + 1 });
      await client.expect(PacketType.Pubrec);
    }
    client.drop();
    await until(() => broker.server.snapshot().connectedClients === 1, "it is gone");
  }
  const client = await broker.connect(options);
  for (let i = 1; i <= 10; i++) {
    await client.publish("t", "x", { qos: 2, packetIdentifier: i, dup: true });
    await client.expect(PacketType.Pubrec);
  }
  assertEquals((await subscriber.receiveAll()).length, 50);
});

for (const protocolVersion of [3, 4, 5] as ProtocolVersion[]) {
  Deno.test(`Acknowledgements for identifiers that nobody used, version ${protocolVersion}: answered or ignored, never an end`, async () => {
    await using broker = await TestBroker.start();
    const client = await broker.connect({ protocolVersion });
    await client.acknowledge(PacketType.Pubrel, 77);
    const pubcomp = await client.expect(PacketType.Pubcomp);
    assertEquals(pubcomp.packetIdentifier, 77);
    assertEquals(pubcomp.reasonCode, protocolVersion === 5 ? ReasonCode.PacketIdentifierNotFound : 0);
    await client.acknowledge(PacketType.Puback, 77);
    await client.acknowledge(PacketType.Pubcomp, 77);
    await client.expectNothing();
    await client.acknowledge(PacketType.Pubrec, 77);
    const pubrel = await client.expect(PacketType.Pubrel);
    assertEquals(pubrel.reasonCode, protocolVersion === 5 ? ReasonCode.PacketIdentifierNotFound : 0);
    await client.acknowledge(PacketType.Pubcomp, 77);
    await client.expectNothing();
    assertNoInternalError(broker);
  });
}

Deno.test("PUBCOMP or PUBACK in place of PUBREC frees nothing, and the message is still there for the next connection", async () => {
  await using broker = await TestBroker.start();
  const options = { clientId: "early", cleanStart: false, properties: { sessionExpiryInterval: 100 } };
  const client = await broker.connect(options);
  await client.subscribe("t", { qos: 2 });
  const publisher = await broker.connect();
  await publisher.publishAcknowledged("t", "x", { qos: 2 });
  const { packetIdentifier } = await client.expectPublish();
  await client.acknowledge(PacketType.Pubcomp, packetIdentifier);
  await client.acknowledge(PacketType.Puback, packetIdentifier);
  await client.expectNothing();
  assertEquals(broker.server.snapshot().queuedMessages, 1);
  client.drop();
  await until(() => broker.server.snapshot().connectedClients === 1, "it is gone");
  const again = await broker.connect(options);
  const publish = await again.expectPublish();
  assertEquals([publish.packetIdentifier, publish.dup], [packetIdentifier, true]);
  await again.acknowledge(PacketType.Pubrec, packetIdentifier);
  await again.acknowledge(PacketType.Pubrec, packetIdentifier);
  await again.expect(PacketType.Pubrel);
  await again.expect(PacketType.Pubrel);
  await again.acknowledge(PacketType.Pubcomp, packetIdentifier);
  await again.acknowledge(PacketType.Pubcomp, packetIdentifier);
  await again.expectNothing();
  assertEquals(broker.server.snapshot().queuedMessages, 0);
});

Deno.test("A reconnect storm with one Client Identifier over TCP: the last one has it, and one session is there", async () => {
  await using broker = await SocketBroker.start();
  const storm = Array.from({ length: 100 }, async () => {
    const client = await broker.client();
    await client.sendConnect({
      clientId: "one",
      cleanStart: Math.random() < 0.5,
      properties: { sessionExpiryInterval: 5 },
    });
    return client;
  });
  const clients = await Promise.all(storm);
  // All of them were let in, before one is looked for that is left.
  for (const client of clients) assertEquals((await client.expect(PacketType.Connack)).reasonCode, 0);
  await until(() => broker.server.snapshot().connections === 1, "one is left");
  assertEquals(broker.server.snapshot().sessions, 1);
  let alive = 0;
  for (const client of clients) {
    const isOpen = await client.send({ type: PacketType.Pingreq }).then(() => client.receive()).catch(() => undefined);
    if (isOpen?.type === PacketType.Pingresp) alive++;
    else if (isOpen !== undefined) {
      assert(isOpen.type === PacketType.Disconnect && isOpen.reasonCode === ReasonCode.SessionTakenOver);
    }
  }
  assertEquals(alive, 1);
});

Deno.test("A takeover during the will delay: the will of before is not sent, that of the new connection is", async () => {
  await using broker = await TestBroker.start();
  const watcher = await broker.connect();
  await watcher.subscribe("will/#");
  const options = (topicName: string) => ({
    clientId: "dying",
    cleanStart: false,
    properties: { sessionExpiryInterval: 1000 },
    will: { topicName, properties: { willDelayInterval: 10 } },
  });
  for (let round = 0; round < 5; round++) {
    const client = await broker.connect(options(`will/${round}`));
    client.drop();
    await until(() => broker.server.snapshot().connectedClients === 1, "it is gone");
    await broker.advance(5000);
  }
  await watcher.expectNothing();
  await broker.advance(6000);
  assertEquals((await watcher.expectPublish()).topicName, "will/4");
  await broker.advance(2_000_000);
  await watcher.expectNothing();
  await watcher.disconnect();
  await assertEmpty(broker.server);
});

Deno.test("[MQTT-3.1.2-8] A Will Delay that is longer than the session: the will is sent when the session ends", async () => {
  await using broker = await TestBroker.start();
  const watcher = await broker.connect();
  await watcher.subscribe("will");
  const client = await broker.connect({
    clientId: "dying",
    properties: { sessionExpiryInterval: 10 },
    will: { topicName: "will", properties: { willDelayInterval: 0xffff_ffff } },
  });
  client.drop();
  await until(() => broker.server.snapshot().connectedClients === 1, "it is gone");
  await broker.advance(9_000);
  await watcher.expectNothing();
  await broker.advance(1_100);
  await watcher.expectPublish();
  assertEquals(broker.server.snapshot().sessions, 1);
});

Deno.test("Message Expiry Interval 0 and 4294967295: the one is not kept, the other counts down and never overflows", async () => {
  await using broker = await TestBroker.start();
  const options = { clientId: "away", cleanStart: false, properties: { sessionExpiryInterval: 0xffff_ffff } };
  const away = await broker.connect(options);
  await away.subscribe("t", { qos: 1 });
  await away.disconnect();
  const publisher = await broker.connect();
  await publisher.publishAcknowledged("t", "zero", { qos: 1, properties: { messageExpiryInterval: 0 } });
  await publisher.publishAcknowledged("t", "max", { qos: 1, properties: { messageExpiryInterval: 0xffff_ffff } });
  await publisher.publish("r/zero", "zero", { retain: true, properties: { messageExpiryInterval: 0 } });
  await publisher.publish("r/max", "max", { retain: true, properties: { messageExpiryInterval: 0xffff_ffff } });
  await publisher.expectNothing();
  await broker.advance(100_000);
  const back = await broker.connect(options);
  const publish = await back.expectPublish();
  assertEquals([publish.text, publish.properties.messageExpiryInterval], ["max", 0xffff_ffff - 100]);
  await back.acknowledge(PacketType.Puback, publish.packetIdentifier);
  await back.expectNothing();
  await back.subscribe("r/#");
  const retained = await back.expectPublish();
  assertEquals([retained.text, retained.properties.messageExpiryInterval], ["max", 0xffff_ffff - 100]);
  await back.expectNothing();
  assertEquals(broker.server.snapshot().retainedMessages, 1);
  await broker.advance(0xffff_ffff * 1000);
  assertEquals(broker.server.snapshot().retainedMessages, 0);
});

Deno.test("Session Expiry Interval 4294967295 does not expire; one less does, after 136 years", async () => {
  await using broker = await TestBroker.start();
  for (const sessionExpiryInterval of [0xffff_ffff, 0xffff_fffe]) {
    const client = await broker.connect({
      clientId: `${sessionExpiryInterval}`,
      properties: { sessionExpiryInterval },
    });
    await client.disconnect();
  }
  await broker.advance(0xffff_fffe * 1000 - 1000);
  assertEquals(broker.server.snapshot().sessions, 2);
  await broker.advance(2000);
  assertEquals(broker.server.snapshot().sessions, 1);
  await broker.advance(0xffff_ffff * 1000);
  assertEquals(broker.server.snapshot().sessions, 1);
});

Deno.test("sessionExpiryIntervalMaxS holds those who ask for eternity, 3.1.1 with Clean Session 0 too", async () => {
  await using broker = await TestBroker.start({ config: { limits: { sessionExpiryIntervalMaxS: 60 } } });
  const client = broker.client();
  await client.sendConnect({ clientId: "five", properties: { sessionExpiryInterval: 0xffff_ffff } });
  assertEquals((await client.expect(PacketType.Connack)).properties.sessionExpiryInterval, 60);
  await client.disconnect(0, { sessionExpiryInterval: 0xffff_ffff });
  const old = await broker.connect({ clientId: "four", protocolVersion: 4, cleanStart: false });
  await old.disconnect();
  await broker.advance(61_000);
  await assertEmpty(broker.server);
});

Deno.test("[MQTT-3.1.2-25] A message that gets too large for a subscriber on its way is dropped for it alone", async () => {
  await using broker = await TestBroker.start();
  const maximumPacketSize = 200;
  const small = await broker.connect({ properties: { maximumPacketSize } });
  await small.subscribe("t", { qos: 1, properties: { subscriptionIdentifiers: [268_435_455] } });
  const plain = await broker.connect({ properties: { maximumPacketSize } });
  await plain.subscribe("t", { qos: 1 });
  const publisher = await broker.connect();
  // Fixed Header 3, topic 3, identifier 2, property length 1 (and 5 for the Subscription Identifier).
  const fits = maximumPacketSize - 3 - 3 - 2 - 1;
  for (let more = 0; more <= 1; more++) {
    await publisher.publishAcknowledged("t", new Uint8Array(fits - 5 + more), { qos: 1 });
    await plain.acknowledge(PacketType.Puback, (await plain.expectPublish()).packetIdentifier);
  }
  const first = await small.expectPublish();
  assertEquals(first.payload.length, fits - 5);
  await small.acknowledge(PacketType.Puback, first.packetIdentifier);
  await small.expectNothing();
  // One byte more is too much for both, and blocks neither.
  await publisher.publishAcknowledged("t", new Uint8Array(fits + 1), { qos: 1 });
  await plain.expectNothing();
  await publisher.publishAcknowledged("t", "small", { qos: 1 });
  assertEquals([(await small.expectPublish()).text, (await plain.expectPublish()).text], ["small", "small"]);
  assertEquals(broker.server.snapshot().queuedMessages, 2);
});

Deno.test("A refused CONNECT leaves nothing half open: what follows it is thrown away", async () => {
  await using broker = await TestBroker.start({ config: { protocolVersions: [5] } });
  const client = broker.client();
  await client.sendConnect({ protocolVersion: 4 });
  await client.publish("t", "x").catch(() => {});
  await client.send({ type: PacketType.Pingreq }).catch(() => {});
  assertEquals((await client.expect(PacketType.Connack)).reasonCode !== 0, true);
  await client.expectClosed();
  await assertEmpty(broker.server);
});

for (
  const topicName of ["$SYS/broker/version", "$SYS", "$SYS/x", "$CONTROL/dynamic-security/v1", "$share/g/t", "$share"]
) {
  Deno.test(`Clients cannot publish to ${topicName}, neither by PUBLISH nor by a will`, async () => {
    await using broker = await TestBroker.start({ config: { sysIntervalS: 1 } });
    const watcher = await broker.connect();
    await watcher.subscribe(["$SYS/x", "$CONTROL/#", "+/g/t", "#"]);
    const client = await broker.connect();
    assertEquals(await client.publishAcknowledged(topicName, "x", { qos: 1, retain: true }), ReasonCode.NotAuthorized);
    assertEquals(await client.publishAcknowledged(topicName, "x", { qos: 2 }), ReasonCode.NotAuthorized);
    await client.publish(topicName, "x", { retain: true });
    const old = await broker.connect({ protocolVersion: 4 });
    assertEquals(await old.publishAcknowledged(topicName, "x", { qos: 1, retain: true }), 0);
    assertEquals(await old.publishAcknowledged(topicName, "x", { qos: 2, retain: true }), 0);
    await old.expectNothing();
    await client.expectNothing();
    await watcher.expectNothing();
    const dying = broker.client();
    await dying.sendConnect({ will: { topicName } });
    assertEquals((await dying.expect(PacketType.Connack)).reasonCode, ReasonCode.NotAuthorized);
    await client.subscribe(topicName.startsWith("$share") ? "x" : topicName);
    const kept = (await client.receiveAll()).filter((packet) => packet.type === PacketType.Publish);
    assert(kept.every((publish) => publish.type === PacketType.Publish && publish.text !== "x"));
  });
}

Deno.test("A client of another connection cannot keep a name: it is taken over with 0x8E, as anonymous clients are all one", async () => {
  await using broker = await TestBroker.start();
  const first = await broker.connect({ clientId: "name" });
  const second = await broker.connect({ clientId: "name" });
  await first.expectDisconnect(ReasonCode.SessionTakenOver);
  await assertServes(second);
});
