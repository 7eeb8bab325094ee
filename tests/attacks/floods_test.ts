/** More of everything than is good: each ends at a bound that has a name, and the others are served. @module */

import { assert, assertEquals } from "@std/assert";
import { PacketType, type QoS, ReasonCode } from "../../src/packet/mod.ts";
import { TestBroker } from "../support/test_broker.ts";
import { assertEmpty, assertServes, SocketBroker, until } from "./support.ts";

Deno.test("A flood of SUBSCRIBE ends at subscriptionsPerSessionMax with 0x97; the session lives, and UNSUBSCRIBE makes room", async () => {
  const limits = { subscriptionsPerSessionMax: 1000, filtersPerSubscribeMax: 500 };
  await using broker = await TestBroker.start({ config: { limits } });
  const client = await broker.connect();
  for (let i = 0; i < 2; i++) {
    const suback = await client.subscribe(Array.from({ length: 500 }, (_, n) => `flood/${i}/${n}/+`));
    assert(suback.reasonCodes.every((reasonCode) => reasonCode === 0));
  }
  assertEquals((await client.subscribe(["more/1", "flood/0/0/+"])).reasonCodes, [ReasonCode.QuotaExceeded, 0]);
  assertEquals(broker.server.snapshot().subscriptions, 1000);
  await client.unsubscribe("flood/0/0/+");
  assertEquals((await client.subscribe("more/1")).reasonCodes, [0]);
  await client.send({
    type: PacketType.Unsubscribe,
    packetIdentifier: 1,
    topicFilters: Array.from({ length: 501 }, (_, n) => `x/${n}`),
    properties: {},
  });
  await client.expectDisconnect(ReasonCode.QuotaExceeded);
  await until(() => broker.server.snapshot().subscriptionNodes === 0, "nothing is left of them");
});

Deno.test("A SUBSCRIBE of more than filtersPerSubscribeMax filters ends the connection with 0x97", async () => {
  await using broker = await TestBroker.start({ config: { limits: { filtersPerSubscribeMax: 10 } } });
  const client = await broker.connect();
  await client.send({
    type: PacketType.Subscribe,
    packetIdentifier: 1,
    subscriptions: Array.from({ length: 11 }, (_, n) => ({
      topicFilter: `x/${n}`,
      qos: 0 as QoS,
      noLocal: false,
      retainAsPublished: false,
      retainHandling: 0 as const,
    })),
    properties: {},
  });
  await client.expectDisconnect(ReasonCode.QuotaExceeded);
  assertEquals(broker.server.snapshot().subscriptions, 0);
});

Deno.test("A flood of CONNECT and close over TCP leaves nothing behind", async () => {
  await using broker = await SocketBroker.start({ limits: { connectionsMax: 200, closeTimeoutMs: 200 } });
  const other = await broker.connect({ clientId: "other" });
  for (let round = 0; round < 10; round++) {
    await Promise.all(Array.from({ length: 50 }, async (_, i) => {
      const client = await broker.client();
      if (i % 3 === 0) return client.drop(); // not even CONNECT
      await client.sendConnect();
      if (i % 3 === 1) return client.drop(); // not even CONNACK
      await client.receive().catch(() => undefined);
      client.drop();
    }));
    await until(() => broker.server.snapshot().connections <= 50, "they go as they come");
  }
  await assertServes(other);
  await other.disconnect();
  await assertEmpty(broker.server);
});

Deno.test("A flood of PINGREQ is answered, and does not keep the others from their answers", async () => {
  await using broker = await TestBroker.start();
  const other = await broker.connect();
  const client = await broker.connect();
  const pings = new Uint8Array(200_000);
  for (let i = 0; i < pings.length; i += 2) pings[i] = 0xc0;
  let pongs = 0;
  const reading = (async () => {
    for (; pongs < pings.length / 2; pongs++) await client.expect(PacketType.Pingresp);
  })();
  await Promise.all([client.sendBytes(pings), reading, assertServes(other)]);
  assertEquals(pongs, 100_000);
});

Deno.test("10,000 overlapping wildcard subscriptions of one client: one delivery with all their identifiers", async () => {
  const levels = 13;
  await using broker = await TestBroker.start();
  const client = await broker.connect();
  const names = Array.from({ length: levels }, (_, i) => `l${i}`);
  const filters: string[] = [];
  for (let mask = 0; filters.length < 10_000 && mask < 2 ** levels; mask++) {
    const filter = names.map((name, i) => (mask >> i & 1) === 1 ? "+" : name).join("/");
    filters.push(filter);
    if (mask % 4 === 0 && filters.length < 10_000) filters.push(`${filter}/#`);
  }
  assertEquals(filters.length, 10_000);
  for (let i = 0; i < filters.length; i += 1000) {
    for (let n = i; n < i + 1000; n += 250) {
      await client.subscribe(filters.slice(n, n + 250), { properties: { subscriptionIdentifiers: [n / 250 + 1] } });
    }
  }
  const publisher = await broker.connect();
  assertEquals(await publisher.publishAcknowledged(names.join("/"), "x", { qos: 1 }), 0);
  const { properties, text } = await client.expectPublish();
  assertEquals(text, "x");
  assertEquals(properties.subscriptionIdentifiers?.length, 10_000);
  await client.expectNothing();
  await assertServes(publisher);
  // And all of them away again, in the way they came.
  for (let i = 0; i < filters.length; i += 1000) await client.unsubscribe(filters.slice(i, i + 1000));
  assertEquals(broker.server.snapshot().subscriptions, 0);
});

Deno.test("A retained flood ends at retainedMessagesMax: 0x97 for those who can be told, and the topics that are kept stay", async () => {
  await using broker = await TestBroker.start({ config: { limits: { retainedMessagesMax: 100 } } });
  const client = await broker.connect();
  const retain = true;
  for (let i = 0; i < 100; i++) {
    assertEquals(await client.publishAcknowledged(`r/${i}`, "x", { qos: 1, retain }), ReasonCode.NoMatchingSubscribers);
  }
  assertEquals(await client.publishAcknowledged("r/100", "x", { qos: 1, retain }), ReasonCode.QuotaExceeded);
  assertEquals(await client.publishAcknowledged("r/100", "x", { qos: 2, retain }), ReasonCode.QuotaExceeded);
  const old = await broker.connect({ protocolVersion: 4 });
  await old.publishAcknowledged("r/101", "x", { qos: 1, retain });
  await client.publish("r/102", "x", { retain });
  await client.expectNothing();
  assertEquals(broker.server.snapshot().retainedMessages, 100);
  // In the place of one there is room, and clearing one makes room.
  assertEquals(await client.publishAcknowledged("r/5", "y", { qos: 1, retain }), ReasonCode.NoMatchingSubscribers);
  await client.publishAcknowledged("r/6", "", { qos: 1, retain });
  assertEquals(await client.publishAcknowledged("r/100", "x", { qos: 1, retain }), ReasonCode.NoMatchingSubscribers);
  assertEquals(broker.lines.filter(({ level }) => level === "warning").length, 1, "one complaint, not one for each");
});

Deno.test("A retained flood ends at retainedBytesMax", async () => {
  await using broker = await TestBroker.start({ config: { limits: { retainedBytesMax: 100_000 } } });
  const client = await broker.connect();
  for (let i = 0; i < 300; i++) await client.publish(`r/${i}`, new Uint8Array(1000), { retain: true });
  await client.expectNothing();
  const { retainedBytes, retainedMessages } = broker.server.snapshot();
  assert(retainedBytes <= 100_000 && retainedMessages > 90, `${retainedMessages} messages, ${retainedBytes} bytes`);
});

for (const filters of [["#"], ["+/+/none", "+/x/+", "#"]]) {
  Deno.test(`A subscription to ${filters.join(", ")} among 100,000 retained messages gets all, and others are answered in between`, async () => {
    const count = 100_000;
    await using broker = await TestBroker.start();
    const publisher = await broker.connect();
    for (let i = 0; i < count; i++) await publisher.publish(`r/${i % 100}/${i}`, "x", { retain: true });
    await publisher.expectNothing();
    assertEquals(broker.server.snapshot().retainedMessages, count);

    const subscriber = await broker.connect();
    const other = await broker.connect();
    await subscriber.subscribe(filters);
    let received = 0;
    const taking = (async () => {
      for (; received < count; received++) await subscriber.expectPublish();
    })();
    // Counted in what the subscriber has got, and not in time: between two answers only a few slices may pass.
    let answers = 0;
    let before = 0;
    let longest = 0;
    while (received < count) {
      await other.expectNothing();
      answers++;
      longest = Math.max(longest, received - before);
      before = received;
      await new Promise((resolve) => setTimeout(resolve));
    }
    await taking;
    assert(answers > 20, `only ${answers} answers meanwhile`);
    assert(longest < count / 5, `${longest} messages between two answers`);
    assertEquals(broker.server.snapshot().retainedWalks, 0);
    await subscriber.expectNothing();
  });
}

Deno.test("Walks over retained messages rest while their subscriber does not read, and end with it", async () => {
  await using broker = await TestBroker.start({ config: { limits: { outboundMarkBytes: 4096 } } });
  const publisher = await broker.connect();
  for (let i = 0; i < 2000; i++) await publisher.publish(`r/${i}`, "x".repeat(100), { retain: true });
  await publisher.expectNothing();
  const deaf = await broker.connect();
  await deaf.subscribe(Array.from({ length: 500 }, (_, i) => i === 0 ? "r/#" : `r/${i}/#`));
  await until(() => broker.server.snapshot().outboundBytes > 0, "the subscriber is behind");
  for (let i = 0; i < 10; i++) await assertServes(publisher);
  const { retainedWalks, outboundBytes } = broker.server.snapshot();
  assertEquals(retainedWalks, 500);
  assert(outboundBytes < 10_000);

  // It reads again, and gets all of it: 2000 by the first, and each of 499 once more.
  for (let i = 0; i < 2000 + 499; i++) await deaf.expectPublish();
  await deaf.expectNothing();
  assertEquals(broker.server.snapshot().retainedWalks, 0);

  const gone = await broker.connect();
  await gone.subscribe("#");
  await until(() => broker.server.snapshot().outboundBytes > 0, "the subscriber is behind");
  gone.drop();
  await until(() => broker.server.snapshot().retainedWalks === 0, "its walk has ended with it");
});

Deno.test("Retained messages larger than the queue's and the buffer's bounds together all arrive", async () => {
  const limits = {
    maximumPacketSize: 70_000,
    outboundBytesMax: 128_000,
    outboundMarkBytes: 32_000,
    queuedMessagesMax: 8,
    queuedBytesMax: 300_000,
  };
  await using broker = await TestBroker.start({ config: { limits } });
  const publisher = await broker.connect();
  for (let i = 0; i < 30; i++) {
    await publisher.publishAcknowledged(`r/${i}`, new Uint8Array(60_000), { qos: 1, retain: true });
  }
  for (const qos of [0, 1] as const) {
    const subscriber = await broker.connect();
    await subscriber.subscribe("#", { qos });
    for (let i = 0; i < 30; i++) {
      const { packetIdentifier } = await subscriber.expectPublish();
      if (qos === 1) await subscriber.acknowledge(PacketType.Puback, packetIdentifier);
    }
  }
});

for (const queuePolicy of ["drop-newest", "drop-oldest"] as const) {
  for (const bound of ["messages", "bytes"] as const) {
    Deno.test(`A full queue by ${bound}, ${queuePolicy}: what stays is what the policy says, in order`, async () => {
      const limits = bound === "messages"
        ? { queuedMessagesMax: 10, queuePolicy }
        : { queuedBytesMax: 10 * (160 + 2 + 1 + 1000) + 500, queuePolicy };
      await using broker = await TestBroker.start({ config: { limits } });
      const options = { clientId: "away", cleanStart: false, properties: { sessionExpiryInterval: 1000 } };
      const away = await broker.connect(options);
      await away.subscribe("q", { qos: 1 });
      await away.disconnect();
      const publisher = await broker.connect();
      for (let i = 0; i < 30; i++) {
        const payload = new Uint8Array(1000).fill(i);
        assertEquals(await publisher.publishAcknowledged("q", payload, { qos: 1 }), 0);
      }
      const { queuedMessages, queuedBytes } = broker.server.snapshot();
      assertEquals(queuedMessages, 10);
      if (bound === "bytes") assert(queuedBytes <= limits.queuedBytesMax!);
      const back = await broker.connect(options);
      const got: number[] = [];
      for (let i = 0; i < 10; i++) got.push((await back.expectPublish()).payload[0]);
      const first = queuePolicy === "drop-newest" ? 0 : 20;
      assertEquals(got, Array.from({ length: 10 }, (_, i) => first + i));
      await back.expectNothing();
    });
  }
}

Deno.test("sessionsOfflineMax: a session more that would wait for its client is refused with 0x97; others are let in", async () => {
  await using broker = await TestBroker.start({ config: { limits: { sessionsOfflineMax: 5 } } });
  const lasting = { sessionExpiryInterval: 0xffff_ffff };
  for (let i = 0; i < 5; i++) {
    await (await broker.connect({ clientId: `lasting-${i}`, properties: lasting })).disconnect();
  }
  const refused = broker.client();
  await refused.sendConnect({ clientId: "lasting-5", properties: lasting });
  assertEquals((await refused.expect(PacketType.Connack)).reasonCode, ReasonCode.QuotaExceeded);
  const old = broker.client();
  await old.sendConnect({ clientId: "lasting-6", protocolVersion: 4, cleanStart: false });
  assertEquals((await old.expect(PacketType.Connack)).reasonCode, ReasonCode.ServerUnavailable);
  await assertServes(await broker.connect());
  // Those that are known may come back, with their session or with a new one in its place.
  for (const cleanStart of [false, true]) {
    await (await broker.connect({ clientId: "lasting-3", cleanStart, properties: lasting })).disconnect();
  }
  assertEquals(broker.server.snapshot().sessions, 5 + 1);
});

Deno.test("connectionsMax: one more hears Server busy; beyond twice as many nobody is listened to", async () => {
  await using broker = await TestBroker.start({ config: { limits: { connectionsMax: 5 } } });
  const clients = [];
  for (let i = 0; i < 5; i++) clients.push(await broker.connect());
  const sixth = broker.client();
  await sixth.sendConnect();
  assertEquals((await sixth.expect(PacketType.Connack)).reasonCode, ReasonCode.ServerBusy);
  sixth.drop();
  const old = broker.client();
  await old.sendConnect({ protocolVersion: 4 });
  assertEquals((await old.expect(PacketType.Connack)).reasonCode, ReasonCode.ServerUnavailable);
  old.drop();
  await until(() => broker.server.snapshot().connections === 5, "the refused ones are gone");

  const waiting = Array.from({ length: 20 }, () => broker.client());
  let closed = 0;
  for (const client of waiting.slice(-10)) {
    await client.expectClosed();
    closed++;
  }
  assertEquals(closed, 10);
  assert(broker.server.snapshot().connections <= 10);
  await assertServes(clients[0]);
});

Deno.test("Connections that linger after their refusal count: a flood of them is closed at once", async () => {
  await using broker = await TestBroker.start({ config: { limits: { connectionsMax: 5, closeTimeoutMs: 60_000 } } });
  const client = await broker.connect();
  const lingering = Array.from({ length: 9 }, () => broker.client());
  for (const one of lingering) {
    await one.sendBytes(new Uint8Array([0x00, 0x00])); // no CONNECT: it is let go, and does not leave
  }
  await until(() => broker.server.snapshot().connections === 1, "the broker has let them go");
  const next = broker.client();
  await next.expectClosed();
  await assertServes(client);
  for (const one of lingering) one.drop();
});
