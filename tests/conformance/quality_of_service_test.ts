/** QoS 0, 1 and 2 in both directions, acknowledgements, re-delivery and order. Spec §3.4 – §3.7, §4.3 – §4.6. @module */

import { assert, assertEquals } from "@std/assert";
import {
  ByteWriter,
  encodePacket,
  isReasonCodeOf,
  PacketType,
  type Properties,
  type ProtocolVersion,
  ReasonCode,
} from "../../src/packet/mod.ts";
import { wire } from "../packet/support.ts";
import { TestBroker } from "../support/test_broker.ts";
import { complete, connectPersistent, deliveries, dropAndWait, readBytes, texts } from "./delivery_support.ts";

const { Puback, Pubrec, Pubrel, Pubcomp, Publish } = PacketType;

Deno.test("[MQTT-4.3.2-1] [MQTT-4.3.2-2] [MQTT-4.3.2-3] the Server as QoS 1 sender: a free identifier, DUP 0, open until PUBACK", async () => {
  await using broker = await TestBroker.start();
  const publisher = await broker.connect();
  const subscriber = await broker.connect();
  await subscriber.subscribe("t", { qos: 1 });
  for (const text of ["a", "b", "c"]) await publisher.publishAcknowledged("t", text, { qos: 1 });
  const received = await deliveries(publisher, subscriber);
  assertEquals(received.map(({ text, qos, dup }) => [text, qos, dup]), [["a", 1, false], ["b", 1, false], [
    "c",
    1,
    false,
  ]]);
  const identifiers = received.map((publish) => publish.packetIdentifier);
  assertEquals(new Set(identifiers).size, 3);
  assert(!identifiers.includes(0));
  assertEquals(broker.server.snapshot().queuedMessages, 3);
  await subscriber.acknowledge(Puback, identifiers[1]);
  await subscriber.expectNothing();
  assertEquals(broker.server.snapshot().queuedMessages, 2);
});

Deno.test("[MQTT-4.3.2-4] [MQTT-4.3.2-5] the Server as QoS 1 receiver: after PUBACK the same identifier is a new message, whatever DUP says", async () => {
  await using broker = await TestBroker.start();
  const publisher = await broker.connect();
  const subscriber = await broker.connect();
  await subscriber.subscribe("t");
  for (const [text, dup] of [["first", false], ["second", true], ["third", false]] as const) {
    assertEquals(await publisher.publishAcknowledged("t", text, { qos: 1, packetIdentifier: 5, dup }), 0);
  }
  assertEquals(await texts(publisher, subscriber), ["first", "second", "third"]);
});

Deno.test("[MQTT-4.3.3-1] [MQTT-4.3.3-2] [MQTT-4.3.3-3] [MQTT-4.3.3-4] [MQTT-4.3.3-5] the Server as QoS 2 sender: PUBLISH is open until PUBREC, PUBREL until PUBCOMP", async () => {
  await using broker = await TestBroker.start();
  const publisher = await broker.connect();
  let subscriber = await connectPersistent(broker, "subscriber");
  await subscriber.subscribe("t", { qos: 2 });
  for (const text of ["a", "b"]) await publisher.publishAcknowledged("t", text, { qos: 2 });
  const [a, b] = await deliveries(publisher, subscriber);
  assertEquals([a.qos, a.dup, b.qos, b.dup], [2, false, 2, false]);
  assert(a.packetIdentifier !== b.packetIdentifier && a.packetIdentifier !== 0 && b.packetIdentifier !== 0);
  await subscriber.acknowledge(Pubrec, a.packetIdentifier);
  const pubrel = await subscriber.expect(Pubrel);
  assertEquals([pubrel.packetIdentifier, pubrel.reasonCode], [a.packetIdentifier, 0]);
  await dropAndWait(broker, subscriber);

  // Both are open: b as PUBLISH, a as PUBREL.
  subscriber = await connectPersistent(broker, "subscriber");
  const open = await subscriber.receiveAll();
  assertEquals(
    open.map((packet) => "packetIdentifier" in packet && [packet.type, packet.packetIdentifier]),
    [[Pubrel, a.packetIdentifier], [Publish, b.packetIdentifier]],
  );
  await subscriber.acknowledge(Pubcomp, a.packetIdentifier);
  await subscriber.acknowledge(Pubrec, b.packetIdentifier);
  await subscriber.expect(Pubrel);
  await subscriber.acknowledge(Pubcomp, b.packetIdentifier);
  await subscriber.expectNothing();
  assertEquals(broker.server.snapshot().queuedMessages, 0);
  await dropAndWait(broker, subscriber);
  await (await connectPersistent(broker, "subscriber")).expectNothing();
});

Deno.test("[MQTT-4.3.3-6] after PUBREL the PUBLISH is never sent again, not even for a repeated PUBREC", async () => {
  await using broker = await TestBroker.start();
  const publisher = await broker.connect();
  let subscriber = await connectPersistent(broker, "subscriber");
  await subscriber.subscribe("t", { qos: 2 });
  await publisher.publishAcknowledged("t", "x", { qos: 2 });
  const { packetIdentifier } = await subscriber.expectPublish();
  for (let repeat = 0; repeat < 3; repeat++) {
    await subscriber.acknowledge(Pubrec, packetIdentifier);
    assertEquals((await subscriber.expect(Pubrel)).packetIdentifier, packetIdentifier);
    await dropAndWait(broker, subscriber);
    subscriber = await connectPersistent(broker, "subscriber");
    assertEquals((await subscriber.expect(Pubrel)).packetIdentifier, packetIdentifier);
    await subscriber.expectNothing();
  }
  await subscriber.acknowledge(Pubcomp, packetIdentifier);
  await subscriber.expectNothing();
});

Deno.test("[MQTT-4.3.3-7] a QoS 2 message that was sent does not expire any more", async () => {
  await using broker = await TestBroker.start();
  const publisher = await broker.connect();
  let subscriber = await connectPersistent(broker, "subscriber");
  await subscriber.subscribe("t", { qos: 2 });
  await publisher.publishAcknowledged("t", "sent", { qos: 2, properties: { messageExpiryInterval: 10 } });
  await subscriber.expectPublish();
  await dropAndWait(broker, subscriber);
  broker.clock.advance(60_000);
  subscriber = await connectPersistent(broker, "subscriber");
  const again = await subscriber.expectPublish();
  assertEquals([again.text, again.dup], ["sent", true]);
  await complete(subscriber, again);
  await subscriber.expectNothing();
});

Deno.test("[MQTT-4.3.3-8] [MQTT-4.3.3-10] [MQTT-4.3.3-11] [MQTT-4.3.3-12] the Server as QoS 2 receiver: exactly once until PUBCOMP, then a new message", async () => {
  await using broker = await TestBroker.start();
  const publisher = await broker.connect();
  const subscriber = await broker.connect();
  await subscriber.subscribe("t");
  for (const text of ["one", "two"]) {
    for (const dup of [false, true, false, true]) {
      await publisher.publish("t", text, { qos: 2, packetIdentifier: 9, dup });
      const pubrec = await publisher.expect(Pubrec);
      assertEquals([pubrec.packetIdentifier, pubrec.reasonCode], [9, 0]);
    }
    await publisher.acknowledge(Pubrel, 9);
    const pubcomp = await publisher.expect(Pubcomp);
    assertEquals([pubcomp.packetIdentifier, pubcomp.reasonCode], [9, 0]);
  }
  assertEquals(await texts(publisher, subscriber), ["one", "two"]);
});

Deno.test("[MQTT-4.3.3-10] exactly once also when the publisher's session resumes between PUBLISH and PUBREL", async () => {
  await using broker = await TestBroker.start();
  const subscriber = await broker.connect();
  await subscriber.subscribe("t", { qos: 2 });
  let publisher = await connectPersistent(broker, "publisher");
  await publisher.publish("t", "x", { qos: 2, packetIdentifier: 4 });
  await publisher.expect(Pubrec);
  for (let i = 0; i < 3; i++) {
    await dropAndWait(broker, publisher);
    publisher = await connectPersistent(broker, "publisher");
    await publisher.publish("t", "x", { qos: 2, packetIdentifier: 4, dup: true });
    assertEquals((await publisher.expect(Pubrec)).reasonCode, 0);
  }
  await publisher.acknowledge(Pubrel, 4);
  assertEquals((await publisher.expect(Pubcomp)).reasonCode, 0);
  assertEquals(await texts(publisher, subscriber), ["x"]);
});

Deno.test("[MQTT-4.3.3-9] after a PUBREC of 0x80 or more the identifier is a new message", async () => {
  await using broker = await TestBroker.start();
  const publisher = await broker.connect();
  const subscriber = await broker.connect();
  await subscriber.subscribe("t");
  await publisher.publish("$SYS/mine", "refused", { qos: 2, packetIdentifier: 2 });
  assertEquals((await publisher.expect(Pubrec)).reasonCode, ReasonCode.NotAuthorized);
  await publisher.publish("t", "taken", { qos: 2, packetIdentifier: 2, dup: true });
  assertEquals((await publisher.expect(Pubrec)).reasonCode, 0);
  assertEquals(await texts(publisher, subscriber), ["taken"]);
});

Deno.test("[MQTT-4.3.3-13] the QoS 2 handshake goes on although the message expired", async () => {
  await using broker = await TestBroker.start();
  const publisher = await broker.connect();
  await publisher.publish("t", "", { qos: 2, packetIdentifier: 3, properties: { messageExpiryInterval: 1 } });
  await publisher.expect(Pubrec);
  broker.clock.advance(5_000);
  await publisher.publish("t", "", {
    qos: 2,
    packetIdentifier: 3,
    dup: true,
    properties: { messageExpiryInterval: 1 },
  });
  assertEquals((await publisher.expect(Pubrec)).packetIdentifier, 3);
  await publisher.acknowledge(Pubrel, 3);
  assertEquals((await publisher.expect(Pubcomp)).reasonCode, 0);
});

Deno.test("[MQTT-4.4.0-1] on resuming a session everything unfinished is repeated with its identifier and in order, and at no other time", async () => {
  await using broker = await TestBroker.start();
  const publisher = await broker.connect();
  let subscriber = await connectPersistent(broker, "subscriber");
  await subscriber.subscribe("#", { qos: 2 });
  for (let i = 0; i < 6; i++) await publisher.publishAcknowledged(`t/${i}`, `${i}`, { qos: i % 2 === 0 ? 1 : 2 });
  const sent = await deliveries(publisher, subscriber);
  assertEquals(sent.length, 6);
  broker.clock.advance(3_600_000);
  await publisher.expectNothing();
  await subscriber.expectNothing();

  await complete(subscriber, sent[2]);
  await complete(subscriber, sent[3]);
  await subscriber.expectNothing();
  await dropAndWait(broker, subscriber);
  subscriber = await connectPersistent(broker, "subscriber");
  const again = await deliveries(publisher, subscriber);
  const open = [sent[0], sent[1], sent[4], sent[5]];
  assertEquals(
    again.map(({ topicName, text, qos, packetIdentifier, dup }) => ({ topicName, text, qos, packetIdentifier, dup })),
    open.map(({ topicName, text, qos, packetIdentifier }) => ({ topicName, text, qos, packetIdentifier, dup: true })),
  );
  await subscriber.expectNothing();
  // A Clean Start ends the session: nothing is repeated.
  await dropAndWait(broker, subscriber);
  await (await connectPersistent(broker, "subscriber", { cleanStart: true })).expectNothing();
});

Deno.test("[MQTT-4.4.0-2] a PUBACK or PUBREC of 0x80 or more finishes the message", async () => {
  await using broker = await TestBroker.start();
  const publisher = await broker.connect();
  let subscriber = await connectPersistent(broker, "subscriber", { properties: { receiveMaximum: 1 } });
  await subscriber.subscribe("t", { qos: 2 });
  for (const [i, qos] of ([1, 2, 1] as const).entries()) await publisher.publishAcknowledged("t", `${i}`, { qos });
  const first = await subscriber.expectPublish();
  await subscriber.acknowledge(Puback, first.packetIdentifier, ReasonCode.QuotaExceeded);
  const second = await subscriber.expectPublish();
  await subscriber.acknowledge(Pubrec, second.packetIdentifier, ReasonCode.ImplementationSpecificError);
  const third = await subscriber.expectPublish(); // and no PUBREL before it
  assertEquals([first.text, second.text, third.text], ["0", "1", "2"]);
  await dropAndWait(broker, subscriber);
  subscriber = await connectPersistent(broker, "subscriber");
  assertEquals(await texts(publisher, subscriber), ["2"]);
});

Deno.test("[MQTT-4.5.0-1] a message is put into every matching session, connected or not", async () => {
  await using broker = await TestBroker.start();
  const publisher = await broker.connect();
  const clientIds = ["one", "two", "three"];
  for (const clientId of clientIds) {
    const client = await connectPersistent(broker, clientId);
    await client.subscribe(clientId === "three" ? "other" : "t", { qos: 1 });
    if (clientId !== "one") await client.disconnect();
  }
  await publisher.publishAcknowledged("t", "x", { qos: 1 });
  await publisher.publish("t", "QoS 0");
  await publisher.expectNothing();
  const received = [];
  for (const clientId of clientIds) {
    received.push(await texts(publisher, await connectPersistent(broker, clientId)));
  }
  // The takeover of the connected one repeats what it has not acknowledged; QoS 0 is for those who are there.
  assertEquals(received, [["x"], ["x"], []]);
});

Deno.test("[MQTT-4.6.0-5] [MQTT-4.6.0-6] messages of one client, topic and QoS arrive in order, also from the queue and on resume", async () => {
  await using broker = await TestBroker.start();
  const publishers = [await broker.connect(), await broker.connect()];
  let subscriber = await connectPersistent(broker, "subscriber", { properties: { receiveMaximum: 3 } });
  await subscriber.subscribe("#", { qos: 2 });
  for (let i = 0; i < 8; i++) {
    for (const [which, publisher] of publishers.entries()) {
      for (const qos of [1, 2] as const) await publisher.publishAcknowledged(`t${qos}`, `${which}:${i}`, { qos });
    }
  }
  await dropAndWait(broker, subscriber);
  subscriber = await connectPersistent(broker, "subscriber", { properties: { receiveMaximum: 5 } });
  const seen = new Map<string, number[]>();
  for (let count = 0; count < 32; count++) {
    const publish = await subscriber.expectPublish();
    const [which, i] = publish.text.split(":");
    const key = `${which} ${publish.topicName}`;
    seen.set(key, [...seen.get(key) ?? [], Number(i)]);
    if (publish.qos === 1) await subscriber.acknowledge(Puback, publish.packetIdentifier);
    else {
      // Others that the quota allows may come before PUBREL: they are looked at in their turn.
      await subscriber.acknowledge(Pubrec, publish.packetIdentifier, ReasonCode.UnspecifiedError);
    }
  }
  assertEquals(seen.size, 4);
  for (const order of seen.values()) assertEquals(order, [0, 1, 2, 3, 4, 5, 6, 7]);
  await subscriber.expectNothing();
});

Deno.test("[MQTT-4.6.0-5] QoS 0 messages arrive in the order in which they were sent", async () => {
  await using broker = await TestBroker.start();
  const publisher = await broker.connect();
  const subscriber = await broker.connect();
  await subscriber.subscribe("t");
  const sent = Array.from({ length: 500 }, (_, i) => `${i}`);
  for (const text of sent) await publisher.publish("t", text);
  assertEquals(await texts(publisher, subscriber), sent);
});

Deno.test("Packet Identifiers wrap at 65,535 without touching those in use", async () => {
  await using broker = await TestBroker.start();
  const publisher = await broker.connect();
  const subscriber = await broker.connect();
  await subscriber.subscribe("t", { qos: 2 });
  const held = new Set<number>();
  for (const qos of [1, 2, 1, 2] as const) {
    await publisher.publishAcknowledged("t", "held", { qos });
    const publish = await subscriber.expectPublish();
    held.add(publish.packetIdentifier);
    if (qos === 2 && held.size === 4) {
      await subscriber.acknowledge(Pubrec, publish.packetIdentifier); // held as PUBREL
      await subscriber.expect(Pubrel);
    }
  }
  assertEquals(held.size, 4);
  const batch = 700;
  const publishes = wire(
    Array.from({ length: batch }, (_, i) => {
      const identifier = (i + 1).toString(16).padStart(4, "0");
      return `32 06 00 01 't' ${identifier.slice(0, 2)} ${identifier.slice(2)} 00`;
    }).join("\n"),
  );
  const frame = wire(`32 06 00 01 't' 00 00 00`);
  const seen = new Set<number>();
  for (let count = 0; count < 65_535 + 2 * batch; count += batch) {
    await publisher.sendBytes(publishes);
    const [, received] = await Promise.all([
      readBytes(publisher, batch * 4),
      readBytes(subscriber, batch * frame.length),
    ]);
    const pubacks = new Uint8Array(batch * 4);
    const current = new Set<number>();
    for (let i = 0; i < batch; i++) {
      const at = i * frame.length + 5;
      const identifier = (received[at] << 8) | received[at + 1];
      current.add(identifier);
      seen.add(identifier);
      pubacks.set([0x40, 2, identifier >>> 8, identifier & 0xff], i * 4);
    }
    assertEquals(current.size, batch, "no identifier twice at once");
    assert(current.isDisjointFrom(held), "none that is in use");
    assert(!current.has(0));
    await subscriber.sendBytes(pubacks);
  }
  assertEquals(seen.size, 65_535 - held.size, "all the others were used");
});

Deno.test("[MQTT-3.4.2-1] [MQTT-3.5.2-1] [MQTT-3.6.2-1] [MQTT-3.7.2-1] acknowledgements of the Server have Reason Codes of their tables; a client's with others are refused", async () => {
  await using broker = await TestBroker.start({ config: { checkPayloadFormat: true } });
  const client = await broker.connect();
  const properties: Properties = { payloadFormatIndicator: 1 };
  const answers: [number, number][] = [];
  for (const qos of [1, 2] as const) {
    for (const topicName of ["nobody", "$SYS/x", "bad"]) {
      await client.publish(topicName, Uint8Array.of(255), { qos, properties: topicName === "bad" ? properties : {} });
      const answer = await client.receive();
      assert(answer?.type === Puback || answer?.type === Pubrec);
      assert(isReasonCodeOf(answer.type, "server", answer.reasonCode));
      answers.push([answer.type, answer.reasonCode]);
    }
  }
  await client.acknowledge(Pubrel, 999);
  const pubcomp = await client.expect(Pubcomp);
  answers.push([pubcomp.type, pubcomp.reasonCode]);
  await client.acknowledge(Pubrec, 999);
  const pubrel = await client.expect(Pubrel);
  answers.push([pubrel.type, pubrel.reasonCode]);
  assertEquals(answers, [
    [Puback, 0x10],
    [Puback, 0x87],
    [Puback, 0x99],
    [Pubrec, 0x10],
    [Pubrec, 0x87],
    [Pubrec, 0x99],
    [Pubcomp, 0x92],
    [Pubrel, 0x92],
  ]);
  for (const first of ["40", "50", "62", "70"]) {
    const wrong = await broker.connect();
    await wrong.sendBytes(wire(`${first} [ 00 01 9a ] -- Retain not supported: of CONNACK and DISCONNECT only`));
    await wrong.expectDisconnect(ReasonCode.ProtocolError);
  }
});

/** The Server's packet types, how a client makes it answer with a refusal, and the statements about its size. */
const SMALL_ANSWERS = [
  ["[MQTT-3.4.2-2] [MQTT-3.4.2-3]", "PUBACK", Puback, `32 [ "$SYS/a" 00 01 00 ]`],
  ["[MQTT-3.5.2-2] [MQTT-3.5.2-3]", "PUBREC", Pubrec, `34 [ "$SYS/a" 00 01 00 ]`],
  ["[MQTT-3.6.2-2] [MQTT-3.6.2-3]", "PUBREL", Pubrel, `50 02 00 01`],
  ["[MQTT-3.7.2-2] [MQTT-3.7.2-3]", "PUBCOMP", Pubcomp, `62 02 00 01`],
] as const;
for (const [ids, name, type, request] of SMALL_ANSWERS) {
  Deno.test(`${ids} ${name} has no Reason String and no User Property that would make it too large`, async () => {
    await using broker = await TestBroker.start();
    // 16 bytes: CONNACK just fits. No answer may be larger.
    for (const maximumPacketSize of [16, 1000]) {
      const client = await broker.connect({ properties: { maximumPacketSize } });
      await client.sendBytes(wire(request));
      const answer = await client.expect(type);
      assert(answer.reasonCode >= 0x80);
      const writer = new ByteWriter();
      encodePacket(writer, answer, 5, Infinity);
      assert(writer.length <= maximumPacketSize);
    }
  });
}

Deno.test("[MQTT-3.6.1-1] PUBREL with other flags than 0010 is malformed", async () => {
  await using broker = await TestBroker.start();
  for (const first of ["60", "61", "63", "64", "6a"]) {
    const client = await broker.connect();
    await client.sendBytes(wire(`${first} 02 00 01`));
    await client.expectDisconnect(ReasonCode.MalformedPacket);
  }
  // The Server's own has them right.
  const client = await broker.connect();
  await client.sendBytes(wire("50 02 00 07"));
  assertEquals(await readBytes(client, 5), wire("62 03 00 07 92"));
});

/** Every pair of versions, and every pair of QoS in each. */
const VERSIONS: readonly ProtocolVersion[] = [3, 4, 5];
const VERSION_NAMES = { 3: "3.1", 4: "3.1.1", 5: "5.0" } as const;
for (const publisherVersion of VERSIONS) {
  for (const subscriberVersion of VERSIONS) {
    const pair = `${VERSION_NAMES[publisherVersion]} to ${VERSION_NAMES[subscriberVersion]}`;
    Deno.test(`[MQTT-3.8.4-8] ${pair}: each QoS published and granted arrives at the lower one, complete and once`, async () => {
      await using broker = await TestBroker.start();
      const publisher = await broker.connect({ protocolVersion: publisherVersion });
      const subscriber = await broker.connect({ protocolVersion: subscriberVersion });
      const properties: Properties = publisherVersion === 5
        ? { contentType: "text", userProperties: [["k", "v"]], messageExpiryInterval: 100 }
        : {};
      for (const subscribeQoS of [0, 1, 2] as const) {
        const suback = await subscriber.subscribe("t/+", {
          qos: subscribeQoS,
          properties: subscriberVersion === 5 ? { subscriptionIdentifiers: [3] } : {},
        });
        assertEquals(suback.reasonCodes, [subscribeQoS]);
        for (const publishQoS of [0, 1, 2] as const) {
          const text = `published at ${publishQoS}, subscribed at ${subscribeQoS}`;
          if (publishQoS === 0) await publisher.publish("t/x", text, { properties });
          else assertEquals(await publisher.publishAcknowledged("t/x", text, { qos: publishQoS, properties }), 0);
          await publisher.expectNothing();
          const publish = await subscriber.expectPublish();
          const qos = Math.min(publishQoS, subscribeQoS);
          assertEquals(
            [publish.topicName, publish.text, publish.qos, publish.dup, publish.retain, publish.packetIdentifier > 0],
            ["t/x", text, qos, false, false, qos > 0],
          );
          assertEquals(
            publish.properties,
            subscriberVersion === 5 ? { ...properties, subscriptionIdentifiers: [3] } : {},
          );
          await complete(subscriber, publish);
          await subscriber.expectNothing();
        }
      }
      assertEquals(broker.server.snapshot().queuedMessages, 0);
    });
  }
}
