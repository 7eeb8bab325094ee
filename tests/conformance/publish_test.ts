/** PUBLISH through the whole broker: flags, Topic Name, properties, answers. Spec §3.3. @module */

import { assert, assertEquals } from "@std/assert";
import { PacketType, type Properties, type QoS, ReasonCode } from "../../src/packet/mod.ts";
import { wire } from "../packet/support.ts";
import { TestBroker } from "../support/test_broker.ts";
import { complete, connectPersistent, deliveries, dropAndWait, readBytes } from "./delivery_support.ts";

Deno.test("[MQTT-3.3.1-1] DUP is 1 when a PUBLISH is sent again", async () => {
  await using broker = await TestBroker.start();
  const publisher = await broker.connect();
  let subscriber = await connectPersistent(broker, "subscriber");
  await subscriber.subscribe("t", { qos: 2 });
  await publisher.publishAcknowledged("t", "one", { qos: 1 });
  await publisher.publishAcknowledged("t", "two", { qos: 2 });
  for (const publish of await deliveries(publisher, subscriber)) assertEquals(publish.dup, false);
  await dropAndWait(broker, subscriber);

  subscriber = await connectPersistent(broker, "subscriber");
  const again = await deliveries(publisher, subscriber);
  assertEquals(again.map(({ text, dup, qos }) => [text, dup, qos]), [["one", true, 1], ["two", true, 2]]);
});

Deno.test("[MQTT-3.3.1-2] [MQTT-4.3.1-1] DUP is 0 on every QoS 0 PUBLISH of the Server; one of a client with DUP 1 is refused", async () => {
  await using broker = await TestBroker.start();
  const client = await broker.connect();
  const subscriber = await broker.connect();
  await subscriber.subscribe("t", { qos: 0 });
  await client.publish("t", "0", { qos: 0 });
  await client.publishAcknowledged("t", "1", { qos: 1, dup: true });
  const received = await deliveries(client, subscriber);
  assertEquals(received.map(({ text, qos, dup }) => [text, qos, dup]), [["0", 0, false], ["1", 0, false]]);
  await client.sendBytes(wire(`38 [ "t" 00 'x' ] -- QoS 0, DUP 1`));
  await client.expectDisconnect(ReasonCode.MalformedPacket);
});

Deno.test("[MQTT-3.3.1-3] DUP of a delivery does not come from the incoming PUBLISH", async () => {
  await using broker = await TestBroker.start();
  const publisher = await broker.connect();
  const subscriber = await broker.connect();
  await subscriber.subscribe("t", { qos: 2 });
  await publisher.publishAcknowledged("t", "1", { qos: 1, dup: true });
  await publisher.publishAcknowledged("t", "2", { qos: 2, dup: true });
  const received = await deliveries(publisher, subscriber);
  assertEquals(received.map(({ text, dup }) => [text, dup]), [["1", false], ["2", false]]);
});

Deno.test("[MQTT-3.3.1-4] QoS 3 is malformed: DISCONNECT 0x81", async () => {
  await using broker = await TestBroker.start();
  const client = await broker.connect();
  await client.sendBytes(wire(`36 [ "t" 00 01 00 'x' ]`));
  await client.expectDisconnect(ReasonCode.MalformedPacket);
  const old = await broker.connect({ protocolVersion: 4 });
  await old.sendBytes(wire(`36 [ "t" 00 01 'x' ]`));
  await old.expectClosed();
});

Deno.test("[MQTT-3.3.2-1] the Topic Name is the first field and valid UTF-8", async () => {
  await using broker = await TestBroker.start();
  const subscriber = await broker.connect();
  await subscriber.subscribe("grüße/+");
  const publisher = await broker.connect();
  await publisher.publish("grüße/käfer", "x");
  const expected = wire(`30 [ "grüße/käfer" 00 'x' ]`);
  assertEquals(await readBytes(subscriber, expected.length), expected);
  await publisher.sendBytes(wire(`30 [ 00 02 c3 28 00 ] -- c3 needs a continuation byte`));
  await publisher.expectDisconnect(ReasonCode.MalformedPacket);
});

for (const topicName of ["a/+", "#", "a/#", "+"]) {
  Deno.test(`[MQTT-3.3.2-2] [MQTT-4.7.0-1] a PUBLISH to "${topicName}" is a Protocol Error`, async () => {
    await using broker = await TestBroker.start();
    const watcher = await broker.connect();
    await watcher.subscribe("#");
    const client = await broker.connect();
    await client.sendBytes(wire(`30 [ "${topicName}" 00 'x' ]`));
    await client.expectDisconnect(ReasonCode.ProtocolError);
    await watcher.expectNothing();
  });
}

Deno.test("[MQTT-3.3.2-3] the delivered Topic Name is the published one, and matches the filter", async () => {
  await using broker = await TestBroker.start();
  const client = await broker.connect();
  await client.subscribe(["a/+", "b/#", "$x/y"]);
  for (const topicName of ["a/1", "c/1", "b", "b/2/3", "a/1/2", "$x/y", "a/"]) await client.publish(topicName, "");
  const received = await deliveries(client, client);
  assertEquals(received.map((publish) => publish.topicName), ["a/1", "b", "b/2/3", "$x/y", "a/"]);
});

/** Every property that a PUBLISH of a client may have and that is passed on. */
const PASSED_ON: readonly (readonly [ids: string, name: string, properties: Properties])[] = [
  ["[MQTT-3.3.2-4]", "Payload Format Indicator 0", { payloadFormatIndicator: 0 }],
  ["[MQTT-3.3.2-4]", "Payload Format Indicator 1", { payloadFormatIndicator: 1 }],
  ["[MQTT-3.3.2-15]", "Response Topic", { responseTopic: "answers/to/ä" }],
  ["[MQTT-3.3.2-16]", "Correlation Data", { correlationData: Uint8Array.of(0, 255, 1, 0) }],
  ["[MQTT-3.3.2-16]", "empty Correlation Data", { correlationData: new Uint8Array(0) }],
  ["[MQTT-3.3.2-20]", "Content Type", { contentType: "text/plain; charset=utf-8" }],
  ["[MQTT-3.3.2-17] [MQTT-3.3.2-18]", "User Properties with equal names, in order", {
    userProperties: [["b", "1"], ["a", "2"], ["b", "1"], ["", ""], ["a", "1"]],
  }],
  ["[MQTT-3.3.2-4] [MQTT-3.3.2-15] [MQTT-3.3.2-16] [MQTT-3.3.2-17] [MQTT-3.3.2-20]", "all of them", {
    payloadFormatIndicator: 1,
    contentType: "application/json",
    responseTopic: "r",
    correlationData: Uint8Array.of(7),
    userProperties: [["name", "value"]],
  }],
];
for (const [ids, name, properties] of PASSED_ON) {
  Deno.test(`${ids} passed on unchanged to every subscriber: ${name}`, async () => {
    await using broker = await TestBroker.start();
    const publisher = await broker.connect();
    const away = await connectPersistent(broker, "away");
    await away.subscribe("t", { qos: 1 });
    await away.disconnect();
    const subscribers = [await broker.connect(), await broker.connect(), await broker.connect()];
    for (const qos of [0, 1, 2] as const) await subscribers[qos].subscribe("t", { qos });
    await publisher.publishAcknowledged("t", "text", { qos: 2, retain: true, properties });
    for (const subscriber of subscribers) assertEquals((await subscriber.expectPublish()).properties, properties);
    const late = await broker.connect();
    await late.subscribe("t", { qos: 2 });
    assertEquals((await late.expectPublish()).properties, properties, "retained");
    const back = await connectPersistent(broker, "away");
    assertEquals((await back.expectPublish()).properties, properties, "queued");
  });
}

/** Splits the properties of a PUBLISH frame with a one-byte Remaining Length: [identifier, the property's bytes in hex]. */
function splitProperties(frame: Uint8Array): [number, string][] {
  let at = 2 + 2 + ((frame[2] << 8) | frame[3]) + ((frame[0] & 6) !== 0 ? 2 : 0);
  const end = at + 1 + frame[at++];
  const textBytes = (from: number) => 2 + ((frame[from] << 8) | frame[from + 1]);
  const found: [number, string][] = [];
  while (at < end) {
    const from = at;
    const identifier = frame[at++];
    if (identifier === 0x01 || identifier === 0x0b) at += 1;
    else if (identifier === 0x02) at += 4;
    else if (identifier === 0x23) at += 2;
    else if (identifier === 0x26) { for (let i = 0; i < 2; i++) at += textBytes(at); }
    else at += textBytes(at);
    found.push([identifier, frame.subarray(from, at).toHex()]);
  }
  return found;
}

for (const qos of [0, 1, 2] as const) {
  Deno.test(`[MQTT-3.3.2-18] at QoS ${qos} properties keep their bytes and order when expiry, alias and identifiers are cut out between`, async () => {
    await using broker = await TestBroker.start();
    const publisher = await broker.connect();
    const subscriber = await broker.connect({ properties: { topicAliasMaximum: 5 } });
    await subscriber.subscribe("topic", { qos: 2, properties: { subscriptionIdentifiers: [9] } });
    const frame = wire(`3${qos * 2} [ "topic" ${qos === 0 ? "" : "00 07"} [
      26 "b" "1"
      02 00 00 00 3c -- Message Expiry Interval
      03 "x/y"
      23 00 01       -- Topic Alias
      26 "a" "2"
      09 00 02 00 ff
      26 "b" "0"
      01 01
      08 "r"
      26 "a" "1"
    ] 'text' ]`);
    await publisher.sendBytes(frame);
    await publisher.receiveAll();
    // Topic Alias and Subscription Identifier of the Server: in place of 3 bytes, 3 and 2.
    const delivered = await readBytes(subscriber, frame.length + 2);
    const passedOn = (list: [number, string][]) => list.filter(([id]) => id !== 0x02 && id !== 0x23 && id !== 0x0b);
    assertEquals(passedOn(splitProperties(delivered)), passedOn(splitProperties(frame)));
    const others = splitProperties(delivered).filter(([id]) => id === 0x02 || id === 0x23 || id === 0x0b);
    assertEquals(others.map(([, hex]) => hex).sort(), ["020000003c", "0b09", "230001"]);
    assertEquals(delivered.subarray(-4), wire("'text'"));
  });
}

for (
  const [id, name, property] of [
    ["[MQTT-3.3.2-13]", "a Response Topic that is not UTF-8", "08 00 01 ff"],
    ["[MQTT-3.3.2-14]", "a Response Topic with +", '08 "a/+"'],
    ["[MQTT-3.3.2-14]", "a Response Topic with #", '08 "#"'],
    ["[MQTT-3.3.2-19]", "a Content Type that is not UTF-8", "03 00 01 ff"],
  ] as const
) {
  Deno.test(`${id} ${name} is refused and goes to nobody`, async () => {
    await using broker = await TestBroker.start();
    const watcher = await broker.connect();
    await watcher.subscribe("#");
    const client = await broker.connect();
    await client.sendBytes(wire(`30 [ "t" [ ${property} ] ]`));
    const packet = await client.expect(PacketType.Disconnect);
    const refusals: number[] = [ReasonCode.MalformedPacket, ReasonCode.ProtocolError, ReasonCode.TopicNameInvalid];
    assert(refusals.includes(packet.reasonCode), `0x${packet.reasonCode.toString(16)}`);
    await client.expectClosed();
    await watcher.expectNothing();
  });
}

Deno.test("[MQTT-3.3.4-1] a PUBLISH is answered as its QoS asks: by nothing, PUBACK, PUBREC", async () => {
  await using broker = await TestBroker.start();
  const client = await broker.connect();
  await client.publish("t", "", { qos: 0 });
  await client.expectNothing();
  await client.publish("t", "", { qos: 1, packetIdentifier: 0xffff });
  assertEquals((await client.expect(PacketType.Puback)).packetIdentifier, 0xffff);
  await client.publish("t", "", { qos: 2, packetIdentifier: 300 });
  assertEquals((await client.expect(PacketType.Pubrec)).packetIdentifier, 300);
  await client.expectNothing();
});

Deno.test("[MQTT-3.3.4-2] [MQTT-3.3.4-3] [MQTT-3.3.4-4] overlapping subscriptions: one delivery, the highest QoS, all identifiers", async () => {
  await using broker = await TestBroker.start();
  const publisher = await broker.connect();
  const subscriber = await broker.connect();
  const subscribe = (filter: string, qos: QoS, identifier: number | undefined) =>
    subscriber.subscribe(filter, {
      qos,
      properties: identifier === undefined ? {} : { subscriptionIdentifiers: [identifier] },
    });
  await subscribe("a/b", 0, 1);
  await subscribe("a/+", 2, 268_435_455);
  await subscribe("a/#", 1, 128);
  await subscribe("#", 1, undefined);
  await subscribe("b/#", 2, 77);
  for (const qos of [0, 1, 2] as const) {
    if (qos === 0) await publisher.publish("a/b", "x");
    else await publisher.publishAcknowledged("a/b", "x", { qos });
    const received = await deliveries(publisher, subscriber);
    assertEquals(received.length, 1);
    assertEquals(received[0].qos, qos);
    const identifiers = received[0].properties.subscriptionIdentifiers!;
    assertEquals(identifiers.toSorted((a, b) => a - b), [1, 128, 268_435_455]);
    await complete(subscriber, received[0]);
  }
});

Deno.test("[MQTT-3.3.4-5] several copies carry the identifier of their own subscription each", async () => {
  await using broker = await TestBroker.start();
  const client = await broker.connect();
  await client.publish("a/b", "retained", { retain: true });
  // Retained messages come once for each subscription, and so does what comes by a Shared Subscription.
  for (const [filter, identifiers] of [["a/+", [5]], ["a/#", [6]], ["a/b", undefined]] as const) {
    await client.subscribe(filter, { properties: identifiers && { subscriptionIdentifiers: [...identifiers] } });
    assertEquals((await client.expectPublish()).properties.subscriptionIdentifiers, identifiers && [...identifiers]);
  }

  await client.unsubscribe(["a/#", "a/b"]);
  await client.subscribe("$share/group/a/+", { properties: { subscriptionIdentifiers: [8] } });
  await client.publish("a/b", "live");
  const live = await deliveries(client, client);
  assertEquals(live.map((publish) => publish.properties.subscriptionIdentifiers).sort(), [[5], [8]]);
});

Deno.test("[MQTT-3.3.4-6] a Subscription Identifier in a client's PUBLISH is a Protocol Error", async () => {
  await using broker = await TestBroker.start();
  const client = await broker.connect();
  await client.sendBytes(wire(`30 [ "t" [ 0b 01 ] ]`));
  await client.expectDisconnect(ReasonCode.ProtocolError);
});

Deno.test("PUBLISH that nobody subscribed to is acknowledged with 0x10, to 5.0 clients only", async () => {
  await using broker = await TestBroker.start();
  const client = await broker.connect();
  for (const qos of [1, 2] as const) {
    assertEquals(await client.publishAcknowledged("t", "", { qos }), ReasonCode.NoMatchingSubscribers);
  }
  // Its own subscription with No Local does not count, one of somebody who is away does.
  await client.subscribe("t", { noLocal: true });
  assertEquals(await client.publishAcknowledged("t", "", { qos: 1 }), ReasonCode.NoMatchingSubscribers);
  const away = await connectPersistent(broker, "away");
  await away.subscribe("t", { qos: 1 });
  await away.disconnect();
  for (const qos of [1, 2] as const) {
    assertEquals(await client.publishAcknowledged("t", "", { qos }), ReasonCode.Success);
  }
  const old = await broker.connect({ protocolVersion: 4 });
  for (const qos of [1, 2] as const) assertEquals(await old.publishAcknowledged("u", "", { qos }), ReasonCode.Success);
});

Deno.test("Payload Format Indicator: a payload that is not UTF-8 passes unless checkPayloadFormat is on, then it gets 0x99", async () => {
  const properties = { payloadFormatIndicator: 1 } as const;
  const notUtf8 = Uint8Array.of(0xc3, 0x28);
  for (const checkPayloadFormat of [false, true]) {
    await using broker = await TestBroker.start({ config: { checkPayloadFormat } });
    const client = await broker.connect();
    await client.subscribe("t");
    for (const qos of [1, 2] as const) {
      const packetIdentifier = await client.publish("t", notUtf8, { qos, properties });
      const answers = await client.receiveAll();
      const acknowledgement = answers.find((packet) => packet.type !== PacketType.Publish);
      assert(acknowledgement?.type === (qos === 1 ? PacketType.Puback : PacketType.Pubrec));
      assertEquals(acknowledgement.packetIdentifier, packetIdentifier);
      assertEquals(acknowledgement.reasonCode, checkPayloadFormat ? ReasonCode.PayloadFormatInvalid : 0);
      assertEquals(answers.length, checkPayloadFormat ? 1 : 2, "refused and not delivered, or taken and delivered");
    }
    await client.publish("t", notUtf8, { qos: 0, properties });
    assertEquals((await deliveries(client, client)).length, checkPayloadFormat ? 0 : 1);
    await client.publish("t", "grün", { qos: 0, properties });
    await client.publish("t", notUtf8, { qos: 0 });
    assertEquals((await deliveries(client, client)).length, 2, "UTF-8, and what does not claim to be");
  }
});

Deno.test("Maximum QoS: subscriptions are granted no more, deliveries are downgraded, a PUBLISH above it ends with 0x9B", async () => {
  for (const maximumQoS of [0, 1] as const) {
    await using broker = await TestBroker.start({ config: { features: { maximumQoS } } });
    const subscriber = broker.client();
    const connack = await subscriber.connect();
    assertEquals(connack.properties.maximumQoS, maximumQoS);
    assertEquals((await subscriber.subscribe(["a", "b"], { qos: 2 })).reasonCodes, [maximumQoS, maximumQoS]);
    const publisher = await broker.connect();
    if (maximumQoS === 1) {
      await publisher.publishAcknowledged("a", "1", { qos: 1 });
      assertEquals((await subscriber.expectPublish()).qos, 1);
    }
    await publisher.publish("a", "", { qos: (maximumQoS + 1) as QoS });
    await publisher.expectDisconnect(ReasonCode.QoSNotSupported);
  }
});

Deno.test("retainAvailable false: a PUBLISH with RETAIN ends with 0x9A", async () => {
  await using broker = await TestBroker.start({ config: { features: { retainAvailable: false } } });
  const client = broker.client();
  assertEquals((await client.connect()).properties.retainAvailable, false);
  await client.publish("t", "", { retain: true });
  await client.expectDisconnect(ReasonCode.RetainNotSupported);
});

for (const qos of [0, 1, 2] as const) {
  Deno.test(`a QoS ${qos} message too large for one subscriber is dropped for it and for nobody else, and takes no quota`, async () => {
    await using broker = await TestBroker.start();
    const publisher = await broker.connect();
    const small = await broker.connect({ properties: { maximumPacketSize: 60, receiveMaximum: 1 } });
    const large = await broker.connect();
    for (const subscriber of [small, large]) await subscriber.subscribe("t", { qos: 2 });
    const big = "x".repeat(200);
    for (const payload of [big, "a", big, big, "b"]) {
      if (qos === 0) await publisher.publish("t", payload);
      else await publisher.publishAcknowledged("t", payload, { qos });
    }
    const toLarge = await deliveries(publisher, large);
    assertEquals(toLarge.map((publish) => publish.text), [big, "a", big, big, "b"]);
    // With Receive Maximum 1 the second small one comes only if the large ones gave their quota back.
    const first = await small.expectPublish();
    await complete(small, first);
    const second = await small.expectPublish();
    await complete(small, second);
    assertEquals([first.text, second.text], ["a", "b"]);
    await small.expectNothing();
    await dropAndWait(broker, large);
    assertEquals(broker.server.snapshot().queuedMessages, 0);
  });
}
