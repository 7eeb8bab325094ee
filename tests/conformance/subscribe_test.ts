/** SUBSCRIBE, SUBACK, UNSUBSCRIBE, UNSUBACK through the whole broker. Spec §3.8 – §3.11. @module */

import { assert, assertEquals } from "@std/assert";
import { ByteWriter, encodePacket, PacketType, ReasonCode, type SubscriptionRequest } from "../../src/packet/mod.ts";
import { wire } from "../packet/support.ts";
import { TestBroker } from "../support/test_broker.ts";
import { complete, connectPersistent, deliveries, dropAndWait, texts } from "./delivery_support.ts";

function request(topicFilter: string, options: Partial<SubscriptionRequest> = {}): SubscriptionRequest {
  return { topicFilter, qos: 0, noLocal: false, retainAsPublished: false, retainHandling: 0, ...options };
}

/** Packets that no client may send: [statements, what is wrong, bytes, Reason Code of DISCONNECT]. */
const REFUSED: readonly (readonly [ids: string, what: string, wire: string, reasonCode: ReasonCode])[] = [
  ["[MQTT-3.8.1-1]", "SUBSCRIBE with flags 0000", `80 [ 00 01 00 "t" 00 ]`, ReasonCode.MalformedPacket],
  ["[MQTT-3.8.1-1]", "SUBSCRIBE with flags 0011", `83 [ 00 01 00 "t" 00 ]`, ReasonCode.MalformedPacket],
  ["[MQTT-3.8.1-1]", "SUBSCRIBE with flags 1010", `8a [ 00 01 00 "t" 00 ]`, ReasonCode.MalformedPacket],
  [
    "[MQTT-3.8.3-1]",
    "a filter in SUBSCRIBE that is not UTF-8",
    `82 [ 00 01 00 00 01 ff 00 ]`,
    ReasonCode.MalformedPacket,
  ],
  ["[MQTT-3.8.3-2]", "SUBSCRIBE without a filter", `82 [ 00 01 00 ]`, ReasonCode.ProtocolError],
  ["[MQTT-3.8.3-2]", "a filter without its options", `82 [ 00 01 00 "t" ]`, ReasonCode.MalformedPacket],
  ["[MQTT-3.8.3-4]", "No Local on a Shared Subscription", `82 [ 00 01 00 "$share/g/t" 04 ]`, ReasonCode.ProtocolError],
  ["[MQTT-3.8.3-5]", "reserved bit 6 of the options", `82 [ 00 01 00 "t" 40 ]`, ReasonCode.MalformedPacket],
  ["[MQTT-3.8.3-5]", "reserved bit 7 of the options", `82 [ 00 01 00 "t" 80 ]`, ReasonCode.MalformedPacket],
  ["", "QoS 3 in the options", `82 [ 00 01 00 "t" 03 ]`, ReasonCode.ProtocolError],
  ["", "Retain Handling 3", `82 [ 00 01 00 "t" 30 ]`, ReasonCode.ProtocolError],
  ["", "Subscription Identifier 0", `82 [ 00 01 [ 0b 00 ] "t" 00 ]`, ReasonCode.ProtocolError],
  ["", "two Subscription Identifiers", `82 [ 00 01 [ 0b 01 0b 02 ] "t" 00 ]`, ReasonCode.ProtocolError],
  ["[MQTT-3.10.1-1]", "UNSUBSCRIBE with flags 0000", `a0 [ 00 01 00 "t" ]`, ReasonCode.MalformedPacket],
  ["[MQTT-3.10.1-1]", "UNSUBSCRIBE with flags 0110", `a6 [ 00 01 00 "t" ]`, ReasonCode.MalformedPacket],
  [
    "[MQTT-3.10.3-1]",
    "a filter in UNSUBSCRIBE that is not UTF-8",
    `a2 [ 00 01 00 00 01 c0 ]`,
    ReasonCode.MalformedPacket,
  ],
  ["[MQTT-3.10.3-2]", "UNSUBSCRIBE without a filter", `a2 [ 00 01 00 ]`, ReasonCode.ProtocolError],
];
for (const [ids, what, bytes, reasonCode] of REFUSED) {
  Deno.test(`${ids} ${what} ends the connection with 0x${reasonCode.toString(16)}`.trimStart(), async () => {
    await using broker = await TestBroker.start();
    const client = await broker.connect();
    await client.sendBytes(wire(bytes));
    await client.expectDisconnect(reasonCode);
    assertEquals(broker.server.snapshot().subscriptions, 0);
  });
}

Deno.test("[MQTT-3.8.3-3] No Local: messages do not come back to the client that published them, from any of its connections", async () => {
  await using broker = await TestBroker.start();
  let client = await connectPersistent(broker, "c");
  const other = await broker.connect();
  await client.subscribe("t", { qos: 1, noLocal: true });
  await client.publishAcknowledged("t", "own", { qos: 1 });
  await other.publish("t", "other's");
  assertEquals(await texts(other, client), ["other's"]);
  await dropAndWait(broker, client);
  client = await connectPersistent(broker, "c"); // another connection of the same Client Identifier
  await client.publishAcknowledged("t", "own", { qos: 1 });
  await client.expectNothing();
});

Deno.test("[MQTT-3.8.3-3] overlapping subscriptions, one with No Local: the own message comes by the others alone", async () => {
  await using broker = await TestBroker.start();
  const client = await broker.connect();
  const other = await broker.connect();
  await client.subscribe("a/b", { qos: 2, noLocal: true, properties: { subscriptionIdentifiers: [1] } });
  await client.subscribe("a/+", { qos: 1, properties: { subscriptionIdentifiers: [2] } });
  await client.subscribe("a/#", { qos: 0, noLocal: true, properties: { subscriptionIdentifiers: [3] } });
  for (const publisher of [client, other]) {
    await publisher.publish("a/b", "x", { qos: 2, packetIdentifier: 7 });
    const packets = publisher === client ? await client.receiveAll() : await deliveries(other, client);
    const [publish, ...rest] = packets.filter((packet) => packet.type === PacketType.Publish);
    assertEquals(rest, []);
    const identifiers = publish.properties.subscriptionIdentifiers!.toSorted();
    assertEquals([publish.qos, identifiers], publisher === client ? [1, [2]] : [2, [1, 2, 3]]);
    await complete(client, publish);
  }
  await client.unsubscribe("a/+");
  await client.publish("a/b", "x");
  await client.expectNothing();
});

Deno.test("[MQTT-3.8.4-1] [MQTT-3.8.4-2] [MQTT-3.8.4-5] [MQTT-3.8.4-6] [MQTT-3.8.4-7] [MQTT-3.9.3-1] [MQTT-3.9.3-2] one SUBACK, one Reason Code for each filter, in their order", async () => {
  await using broker = await TestBroker.start();
  const publisher = await broker.connect();
  const client = await broker.connect();
  for (const packetIdentifier of [1, 0xffff, 300]) {
    await client.send({
      type: PacketType.Subscribe,
      packetIdentifier,
      properties: {},
      subscriptions: [
        request("a", { qos: 2 }),
        request("a/#/b", { qos: 2 }),
        request("b", { qos: 0 }),
        request("$share//x", { qos: 1 }),
        request("c", { qos: 1 }),
        request("d+", { qos: 0 }),
        request("a", { qos: 1 }),
      ],
    });
    const suback = await client.expect(PacketType.Suback);
    assertEquals(suback.packetIdentifier, packetIdentifier);
    assertEquals(suback.reasonCodes, [2, 0x8f, 0, 0x8f, 1, 0x8f, 1]);
    await client.expectNothing();
  }
  // The granted ones hold, the last word about "a" is QoS 1, and the refusals took nothing away.
  for (const topicName of ["a", "b", "c"]) await publisher.publishAcknowledged(topicName, topicName, { qos: 2 });
  const received = await deliveries(publisher, client);
  assertEquals(received.map(({ text, qos }) => [text, qos]), [["a", 1], ["b", 0], ["c", 1]]);
});

Deno.test("[MQTT-3.8.4-3] [MQTT-3.8.4-4] subscribing again replaces the options, and no message is lost or doubled meanwhile", async () => {
  await using broker = await TestBroker.start();
  const publisher = await broker.connect();
  const client = await broker.connect();
  const seen: string[] = [];
  const sent: string[] = [];
  for (let round = 0; round < 20; round++) {
    const publishing = (async () => {
      for (let i = 0; i < 10; i++) {
        sent.push(`${round}.${i}`);
        await publisher.publish("t", `${round}.${i}`);
      }
    })();
    if (round === 0) {
      await publishing;
      await publisher.expectNothing();
      sent.length = 0;
    }
    const packetIdentifier = client.nextPacketIdentifier();
    const properties = { subscriptionIdentifiers: [round + 1] };
    await client.send({ type: PacketType.Subscribe, packetIdentifier, properties, subscriptions: [request("t")] });
    await publishing;
    const packets = (await publisher.receiveAll(), await client.receiveAll());
    const subackAt = packets.findIndex((packet) => packet.type === PacketType.Suback);
    for (const [i, packet] of packets.entries()) {
      if (packet.type !== PacketType.Publish) continue;
      seen.push(packet.text);
      // Until SUBACK the old identifier may be used, after it the new one alone.
      const identifiers = packet.properties.subscriptionIdentifiers!;
      assert(identifiers.length === 1);
      if (i > subackAt) assertEquals(identifiers, [round + 1]);
    }
  }
  assertEquals(seen, sent);
  assertEquals(broker.server.snapshot().subscriptions, 1);
});

Deno.test("[MQTT-3.9.2-1] [MQTT-3.9.2-2] [MQTT-3.11.2-1] [MQTT-3.11.2-2] SUBACK and UNSUBACK fit the client's Maximum Packet Size", async () => {
  await using broker = await TestBroker.start();
  const client = await broker.connect({ properties: { maximumPacketSize: 16 } });
  const filters = ["a/#/b", "b+", "c", "d", "e", "f", "g", "h", "i", "j", "k"]; // 11 Reason Codes: 16 bytes
  const suback = await client.subscribe(filters);
  const unsuback = await client.unsubscribe(filters);
  for (const packet of [suback, unsuback]) {
    const writer = new ByteWriter();
    encodePacket(writer, packet, 5, Infinity);
    assertEquals(writer.length, 16);
    assertEquals(packet.properties, {});
    assertEquals(packet.reasonCodes, [0x8f, 0x8f, ...Array(9).fill(0)]);
  }
});

Deno.test("[MQTT-3.10.4-1] filters to remove are compared character by character", async () => {
  await using broker = await TestBroker.start();
  const publisher = await broker.connect();
  const client = await broker.connect();
  await client.subscribe(["a/b", "a/+", "$share/g/a/b"], { qos: 0 });
  const others = ["a/#", "#", "A/b", "a/b/", "+/+", "$share/g/a/+", "$share/h/a/b", " a/b", "a"];
  assertEquals((await client.unsubscribe(others)).reasonCodes, others.map(() => ReasonCode.NoSubscriptionExisted));
  assertEquals(broker.server.snapshot().subscriptions, 3);
  assertEquals((await client.unsubscribe("a/b")).reasonCodes, [0]);
  await publisher.publish("a/b", "x");
  assertEquals((await deliveries(publisher, client)).length, 2, "by a/+ and by $share/g/a/b");
  assertEquals((await client.unsubscribe(["$share/g/a/b", "a/+"])).reasonCodes, [0, 0]);
  await publisher.publish("a/b", "x");
  assertEquals((await deliveries(publisher, client)).length, 0);
});

Deno.test("[MQTT-3.10.4-2] [MQTT-3.10.4-3] after UNSUBSCRIBE nothing new is queued, and what was begun is completed", async () => {
  await using broker = await TestBroker.start();
  const publisher = await broker.connect();
  let client = await connectPersistent(broker, "c");
  await client.subscribe("t", { qos: 2 });
  for (const qos of [1, 2] as const) await publisher.publishAcknowledged("t", `${qos}`, { qos });
  const [first, second] = await deliveries(publisher, client);
  assertEquals((await client.unsubscribe("t")).reasonCodes, [0]);
  assertEquals(await publisher.publishAcknowledged("t", "late", { qos: 2 }), ReasonCode.NoMatchingSubscribers);
  await client.expectNothing();
  await complete(client, first);
  await dropAndWait(broker, client);
  client = await connectPersistent(broker, "c");
  const again = await client.expectPublish();
  assertEquals([again.text, again.dup, again.packetIdentifier], ["2", true, second.packetIdentifier]);
  await complete(client, again);
  await client.expectNothing();
  assertEquals(broker.server.snapshot().queuedMessages, 0);
});

Deno.test("[MQTT-3.10.4-4] [MQTT-3.10.4-5] [MQTT-3.10.4-6] [MQTT-3.11.3-1] [MQTT-3.11.3-2] one UNSUBACK, one Reason Code for each filter, in their order", async () => {
  await using broker = await TestBroker.start();
  const client = await broker.connect();
  for (const packetIdentifier of [1, 0xffff, 300]) {
    await client.subscribe(["a", "b", "c/#"]);
    const topicFilters = ["b", "x", "a/#/b", "c/#", "b", "a"];
    await client.send({ type: PacketType.Unsubscribe, packetIdentifier, topicFilters, properties: {} });
    const unsuback = await client.expect(PacketType.Unsuback);
    assertEquals(unsuback.packetIdentifier, packetIdentifier);
    assertEquals(unsuback.reasonCodes, [0, 0x11, 0x8f, 0, 0x11, 0]);
    assertEquals(broker.server.snapshot().subscriptions, 0);
    assertEquals((await client.unsubscribe("nothing")).reasonCodes, [0x11]);
    await client.expectNothing();
  }
  for (const protocolVersion of [3, 4] as const) {
    const old = await broker.connect({ protocolVersion });
    await old.sendBytes(wire(`a2 [ 12 34 "nothing" ]`));
    assertEquals((await old.expect(PacketType.Unsuback)).packetIdentifier, 0x1234);
  }
});

Deno.test("limits.subscriptionsPerSessionMax: one more filter gets 0x97, a replacement does not", async () => {
  await using broker = await TestBroker.start({ config: { limits: { subscriptionsPerSessionMax: 3 } } });
  const client = await broker.connect();
  assertEquals((await client.subscribe(["a", "b"])).reasonCodes, [0, 0]);
  assertEquals((await client.subscribe(["c", "d", "a", "$share/g/e"])).reasonCodes, [0, 0x97, 0, 0x97]);
  assertEquals((await client.unsubscribe(["d", "b"])).reasonCodes, [0x11, 0]);
  assertEquals((await client.subscribe(["d", "e"])).reasonCodes, [0, 0x97]);
  assertEquals(broker.server.snapshot().subscriptions, 3);
  const other = await broker.connect({ protocolVersion: 4 });
  assertEquals((await other.subscribe(["a", "b", "c", "d"])).reasonCodes, [0, 0, 0, 0x80]);
});

Deno.test("what is switched off gets its own Reason Code in SUBACK, and is announced in CONNACK", async () => {
  const cases = [
    ["wildcardSubscriptionAvailable", "a/+", 0xa2],
    ["sharedSubscriptionAvailable", "$share/g/a", 0x9e],
    ["subscriptionIdentifierAvailable", "a", 0xa1],
  ] as const;
  for (const [feature, filter, reasonCode] of cases) {
    await using broker = await TestBroker.start({ config: { features: { [feature]: false } } });
    const client = broker.client();
    assertEquals((await client.connect()).properties[feature], false);
    const properties = feature === "subscriptionIdentifierAvailable" ? { subscriptionIdentifiers: [1] } : {};
    assertEquals((await client.subscribe(filter, { properties })).reasonCodes, [reasonCode]);
    assertEquals((await client.subscribe("plain")).reasonCodes, [0]);
  }
});
