/** What goes on over several connections: messages begun on one and finished on another, subscriptions that the Server has
 * lost, and messages that come again. A Server that a test leads by the hand. Spec §4.1, §4.3, §4.4. @module */

import { assertEquals } from "@std/assert";
import type { ClientOptions, Subscription } from "../../src/client/client.ts";
import {
  ClientClosedError,
  MessageExpiredError,
  OutboxFullError,
  SessionLostError,
  SubscribeRefusedError,
} from "../../src/client/errors.ts";
import { PacketType, type QoS, ReasonCode } from "../../src/packet/mod.ts";
import { connectThrough, FakeServer, rejectsWith, type ServerSide, settle, type TestConnection } from "./support.ts";

const { Puback, Pubrec, Pubrel, Pubcomp, Publish, Subscribe, Suback } = PacketType;
const PERSISTENT: ClientOptions = { clientId: "c", keepAlive: 0, properties: { sessionExpiryInterval: 1000 } };

/** Answers SUBSCRIBE. */
async function grant(server: ServerSide): Promise<readonly string[]> {
  const { packetIdentifier, subscriptions } = await server.expect(Subscribe);
  const reasonCodes = subscriptions.map(({ qos }) => qos as ReasonCode);
  await server.send({ type: Suback, packetIdentifier, reasonCodes, properties: {} });
  return subscriptions.map(({ topicFilter }) => topicFilter);
}

async function subscribed(
  { client, server }: TestConnection & { server: ServerSide },
  filter: string,
  qos: QoS,
): Promise<Subscription> {
  const subscribing = client.subscribe(filter, { qos });
  await grant(server);
  return await subscribing;
}

/** Breaks the connection, and lets the client in again. */
async function again(
  fake: FakeServer,
  { server, time }: TestConnection & { server: ServerSide },
  sessionPresent: boolean,
): Promise<ServerSide> {
  server.stream.reset();
  const next = await fake.nextAfter(time);
  await next.accept({ sessionPresent });
  return next;
}

/** "topic payload" of the next PUBLISH, and its identifier. */
async function expectPublish(server: ServerSide) {
  const { message, dup, packetIdentifier } = await server.expect(Publish);
  return { text: new TextDecoder().decode(message.payload), dup, packetIdentifier, qos: message.qos };
}

Deno.test("[MQTT-4.4.0-1] a resumed session repeats what is unfinished, in order, with DUP and its old identifiers", async () => {
  const fake = new FakeServer();
  const connection = await fake.connect(PERSISTENT);
  const { client, server } = connection;
  const published = [1, 2, 2, 1].map((qos, i) => client.publish("a", `${i}`, { qos: qos as 1 | 2 }));
  const identifiers: number[] = [];
  for (let i = 0; i < 4; i++) identifiers.push((await expectPublish(server)).packetIdentifier);
  // The third has got as far as PUBREL.
  await server.acknowledge(Pubrec, identifiers[2]);
  await server.expect(Pubrel);
  const later = client.publish("a", "later", { qos: 1 });
  assertEquals((await expectPublish(server)).text, "later");

  const second = await again(fake, connection, true);
  for (const i of [0, 1]) {
    const publish = await expectPublish(second);
    assertEquals([publish.text, publish.dup, publish.packetIdentifier], [`${i}`, true, identifiers[i]]);
  }
  assertEquals((await second.expect(Pubrel)).packetIdentifier, identifiers[2]);
  assertEquals((await expectPublish(second)).text, "3");
  const last = await expectPublish(second);
  assertEquals([last.text, last.dup], ["later", true]);
  await second.acknowledge(Pubcomp, identifiers[2]);
  await second.acknowledge(Puback, identifiers[0]);
  await second.acknowledge(Pubrec, identifiers[1]);
  await second.expect(Pubrel);
  await second.acknowledge(Pubcomp, identifiers[1]);
  await second.acknowledge(Puback, identifiers[3], ReasonCode.NoMatchingSubscribers);
  await second.acknowledge(Puback, last.packetIdentifier);
  const results = await Promise.all([...published, later]);
  assertEquals(results.map(({ reasonCode }) => reasonCode), [0, 0, 0, ReasonCode.NoMatchingSubscribers, 0]);
  assertEquals(client.outboxLength, 0);
  client.drop();
});

Deno.test("[MQTT-3.2.2-5] a lost session: QoS 1 goes out as new, QoS 2 is not risked twice, what PUBREC took is done", async () => {
  const fake = new FakeServer();
  const connection = await fake.connect(PERSISTENT);
  const { client, server } = connection;
  const one = client.publish("a", "1", { qos: 1 });
  const two = client.publish("a", "2", { qos: 2 });
  const taken = client.publish("a", "taken", { qos: 2 });
  two.catch(() => {});
  await expectPublish(server);
  await expectPublish(server);
  const { packetIdentifier } = await expectPublish(server);
  await server.acknowledge(Pubrec, packetIdentifier);
  await server.expect(Pubrel);
  server.stream.reset();
  await settle();
  const offline = client.publish("a", "offline", { qos: 2 });
  const second = await again(fake, connection, false);
  const repeated = await expectPublish(second);
  assertEquals([repeated.text, repeated.dup], ["1", false]);
  await rejectsWith(SessionLostError, two);
  assertEquals((await taken).reasonCode, ReasonCode.Success);
  const unsent = await expectPublish(second);
  assertEquals([unsent.text, unsent.dup, unsent.qos], ["offline", false, 2]);
  await second.acknowledge(Puback, repeated.packetIdentifier);
  await second.acknowledge(Pubrec, unsent.packetIdentifier);
  await second.expect(Pubrel);
  await second.acknowledge(Pubcomp, unsent.packetIdentifier);
  await Promise.all([one, offline]);
  client.drop();
});

Deno.test("subscriptions are made again when the session was lost, and not when it goes on", async () => {
  const fake = new FakeServer();
  const connection = await fake.connect(PERSISTENT);
  const { client } = connection;
  const first = await subscribed(connection, "a/+", 1);
  const second = await subscribed(connection, "b", 2);
  const ended = await subscribed(connection, "c", 0);
  const ending = ended.unsubscribe();
  const unsubscribe = await connection.server.expect(PacketType.Unsubscribe);
  const reasonCodes = [ReasonCode.Success];
  await connection.server.send({
    type: PacketType.Unsuback,
    packetIdentifier: unsubscribe.packetIdentifier,
    reasonCodes,
    properties: {},
  });
  await ending;
  const resumed = await again(fake, connection, true);
  const published = client.publish("x", "", { qos: 1 });
  // The first packet is this one: no SUBSCRIBE before it.
  const { packetIdentifier } = await expectPublish(resumed);
  await resumed.acknowledge(Puback, packetIdentifier);
  await published;

  const anew = await again(fake, { ...connection, server: resumed }, false);
  assertEquals(await grant(anew), ["a/+"]);
  const { packetIdentifier: last } = await anew.expect(Subscribe);
  await anew.send({ type: Suback, packetIdentifier: last, reasonCodes: [ReasonCode.NotAuthorized], properties: {} });
  await anew.publish("a/1", "1");
  const message = await first[Symbol.asyncIterator]().next();
  assertEquals(message.value.text(), "1");
  // The one that is refused now ends with the reason.
  const error = await rejectsWith(Error, second[Symbol.asyncIterator]().next());
  assertEquals((error as never)["reasonCode"], ReasonCode.NotAuthorized);
  client.drop();
});

Deno.test("subscribe() whose SUBACK did not come asks again on the next connection", async () => {
  const fake = new FakeServer();
  const connection = await fake.connect(PERSISTENT);
  const subscribing = connection.client.subscribe("a", { qos: 1 });
  await connection.server.expect(Subscribe);
  const next = await again(fake, connection, true);
  assertEquals(await grant(next), ["a"]);
  assertEquals((await subscribing).reasonCodes, [1]);
  connection.client.drop();
});

Deno.test("a message that comes again after a reconnect is handed over once, and acknowledged", async () => {
  for (const qos of [1, 2] as const) {
    const fake = new FakeServer();
    const connection = await fake.connect(PERSISTENT);
    const subscription = await subscribed(connection, "a", qos);
    for (const i of [1, 2, 3]) await connection.server.publish("a", `${i}`, { qos, packetIdentifier: i });
    const iterator = subscription[Symbol.asyncIterator]();
    assertEquals((await iterator.next()).value.text(), "1");
    await settle();
    connection.server.stream.reset();
    await settle();
    // Read while there was no connection, so its acknowledgement could not leave.
    assertEquals((await iterator.next()).value.text(), "2");
    const next = await again(fake, connection, true);
    for (const i of [1, 2, 3]) await next.publish("a", `${i}`, { qos, packetIdentifier: i, dup: true });
    await next.publish("a", "4", { qos, packetIdentifier: 4 });
    assertEquals((await next.expect(qos === 1 ? Puback : Pubrec)).packetIdentifier, 1);
    assertEquals((await iterator.next()).value.text(), "3");
    assertEquals((await iterator.next()).value.text(), "4");
    for (const i of [2, 3]) assertEquals((await next.expect(qos === 1 ? Puback : Pubrec)).packetIdentifier, i);
    connection.client.drop();
  }
});

Deno.test("[MQTT-4.3.3-10] an identifier of QoS 2 means the same message until it is released", async () => {
  const fake = new FakeServer();
  const connection = await fake.connect(PERSISTENT);
  const { client } = connection;
  const seen: string[] = [];
  const subscribing = client.subscribe("a", { qos: 2, onMessage: (message) => void seen.push(message.text()) });
  await grant(connection.server);
  await subscribing;
  await connection.server.publish("a", "1", { qos: 2, packetIdentifier: 5 });
  await connection.server.expect(Pubrec);
  const next = await again(fake, connection, true);
  await next.publish("a", "1", { qos: 2, packetIdentifier: 5, dup: true });
  assertEquals((await next.expect(Pubrec)).packetIdentifier, 5);
  await next.acknowledge(Pubrel, 5);
  assertEquals((await next.expect(Pubcomp)).reasonCode, ReasonCode.Success);
  await next.publish("a", "2", { qos: 2, packetIdentifier: 5 });
  await next.expect(Pubrec);
  assertEquals(seen, ["1", "2"]);
  client.drop();
});

Deno.test("[MQTT-4.6.0-2] acknowledgements leave in the order of the messages, whoever reads first", async () => {
  const fake = new FakeServer();
  const connection = await fake.connect(PERSISTENT);
  const slow = await subscribed(connection, "slow", 1);
  const fast = await subscribed(connection, "fast", 1);
  const { server } = connection;
  await server.publish("slow", "1", { qos: 1, packetIdentifier: 1 });
  await server.publish("fast", "2", { qos: 1, packetIdentifier: 2 });
  await server.publish("slow", "3", { qos: 1, packetIdentifier: 3 });
  const readFast = fast[Symbol.asyncIterator]();
  await readFast.next();
  await readFast.return!();
  const readSlow = slow[Symbol.asyncIterator]();
  await readSlow.next();
  await readSlow.next();
  await readSlow.return!();
  for (const identifier of [1, 2, 3]) assertEquals((await server.expect(Puback)).packetIdentifier, identifier);
  connection.client.drop();
});

Deno.test("messages of a session that goes on wait until the program has subscribed", async () => {
  const fake = new FakeServer();
  const connection = await fake.connect({ ...PERSISTENT, cleanStart: false }, { sessionPresent: true });
  const { client, server, time } = connection;
  await server.publish("a/1", "1", { qos: 1, packetIdentifier: 1, subscriptionIdentifiers: [7] });
  await server.publish("b", "2", { qos: 1, packetIdentifier: 2 });
  await server.publish("a/2", "3", { qos: 2, packetIdentifier: 3 });
  await settle();
  const subscribing = client.subscribe("a/+", { qos: 2 });
  await server.expect(Subscribe).then(({ packetIdentifier }) =>
    server.send({ type: Suback, packetIdentifier, reasonCodes: [2], properties: {} })
  );
  const iterator = (await subscribing)[Symbol.asyncIterator]();
  assertEquals((await iterator.next()).value.text(), "1");
  assertEquals((await iterator.next()).value.text(), "3");
  await iterator.return!();
  assertEquals((await server.expect(Puback)).packetIdentifier, 1);
  // Nobody wants "b": it is acknowledged after a while, and makes place.
  await time.advance(29_000);
  await time.advance(1_100);
  assertEquals((await server.expect(Puback)).packetIdentifier, 2);
  assertEquals((await server.expect(Pubrec)).packetIdentifier, 3);
  client.drop();
});

Deno.test("[MQTT-4.9.0-2] no more is sent than the Server's Receive Maximum, and the order is kept", async () => {
  const fake = new FakeServer();
  const { client, server } = await fake.connect(PERSISTENT, { properties: { receiveMaximum: 2 } });
  const published = Array.from({ length: 6 }, (_, i) => client.publish("a", `${i}`, { qos: i % 2 === 0 ? 1 : 2 }));
  const seen: string[] = [];
  for (let open: number[] = []; seen.length < 6;) {
    while (open.length < Math.min(2, 6 - seen.length + open.length)) {
      const { text, qos, packetIdentifier } = await expectPublish(server);
      seen.push(text);
      open.push(qos === 1 ? packetIdentifier : -packetIdentifier);
    }
    const unread = server.stream.unreadBytes;
    assertEquals(unread, 0);
    const [identifier] = open;
    open = open.slice(1);
    if (identifier > 0) await server.acknowledge(Puback, identifier);
    else {
      await server.acknowledge(Pubrec, -identifier);
      await server.expect(Pubrel);
      await server.acknowledge(Pubcomp, -identifier);
    }
    if (seen.length === 6) {
      for (const left of open) {
        if (left > 0) await server.acknowledge(Puback, left);
        else {
          await server.acknowledge(Pubrec, -left);
          await server.expect(Pubrel);
          await server.acknowledge(Pubcomp, -left);
        }
      }
    }
  }
  assertEquals(seen, ["0", "1", "2", "3", "4", "5"]);
  await Promise.all(published);
  client.drop();
});

Deno.test("the outbox is bounded in messages and in bytes, offline and online", async () => {
  const fake = new FakeServer();
  fake.refuses = new Error("nobody there");
  const options = { ...PERSISTENT, startOffline: true, outboxMessagesMax: 3, outboxBytesMax: 2000 };
  const { client, time } = await connectThrough(fake.open, options);
  const waiting = ["1", "2", "3"].map((text) => client.publish("a", text, { qos: 1 }));
  await rejectsWith(OutboxFullError, client.publish("a", "4", { qos: 1 }));
  assertEquals(client.outboxLength, 3);
  fake.refuses = undefined;
  const server = await fake.nextAfter(time);
  await server.accept();
  for (const text of ["1", "2", "3"]) {
    const publish = await expectPublish(server);
    assertEquals(publish.text, text);
    await server.acknowledge(Puback, publish.packetIdentifier);
  }
  await Promise.all(waiting);
  await rejectsWith(OutboxFullError, client.publish("a", "x".repeat(2000), { qos: 1 }));
  const fits = client.publish("a", "x".repeat(1000), { qos: 2 });
  fits.catch(() => {});
  await rejectsWith(OutboxFullError, client.publish("a", "x".repeat(1000), { qos: 2 }));
  client.drop();
});

Deno.test("a message that expires while it waits is not sent, and one that does not tells what is left", async () => {
  const fake = new FakeServer();
  fake.refuses = new Error("nobody there");
  const { client, time } = await connectThrough(fake.open, { ...PERSISTENT, startOffline: true });
  const expired = client.publish("a", "1", { qos: 1, properties: { messageExpiryInterval: 5 } });
  expired.catch(() => {});
  const lasting = client.publish("a", "2", { qos: 1, properties: { messageExpiryInterval: 100 } });
  lasting.catch(() => {});
  await time.advance(10_000);
  fake.refuses = undefined;
  const server = await fake.nextAfter(time);
  await server.accept();
  const { message } = await server.expect(Publish);
  assertEquals(new TextDecoder().decode(message.payload), "2");
  const left = message.properties.messageExpiryInterval!;
  assertEquals(left <= 90 && left >= 55, true);
  await rejectsWith(MessageExpiredError, expired);
  client.drop();
});

Deno.test("reconnecting: later each time, scattered, and soon again after a good connection", async () => {
  const fake = new FakeServer();
  const { server, time, client } = await fake.connect({ reconnect: { delayMinMs: 1000, delayMaxMs: 4000 } });
  server.stream.reset();
  fake.refuses = new Error("gone");
  const atMs: number[] = [];
  const startMs = time.clock.monotonicMs();
  for (let arrivals = 1; arrivals < 5;) {
    await time.advance(50);
    if (fake.arrivals > arrivals) {
      arrivals = fake.arrivals;
      atMs.push(time.clock.monotonicMs() - startMs);
    }
  }
  // 0.75 of 1, 2, 4 and 4 seconds, since chance says a half here.
  const delays = atMs.map((ms, i) => Math.round((ms - (atMs[i - 1] ?? 0)) / 500) * 500);
  assertEquals(delays, [1000, 1500, 3000, 3000].map((ms, i) => i === 0 ? delays[0] : ms));
  assertEquals(delays[0] <= 1000, true);
  fake.refuses = undefined;
  await time.advance(4000);
  const good = await fake.next();
  await good.accept();
  await time.advance(60_000);
  good.stream.reset();
  await time.advance(850);
  await (await fake.next()).accept();
  client.drop();
});

/** Connects again `times`, as `lead` says. @returns how long the client waited each time, in milliseconds. */
async function delaysOf(
  fake: FakeServer,
  { server, time }: TestConnection & { server: ServerSide },
  times: number,
  lead: (server: ServerSide) => Promise<void>,
): Promise<number[]> {
  const delays: number[] = [];
  for (let next = server; delays.length < times;) {
    await lead(next);
    await settle();
    const lostAtMs = time.clock.monotonicMs();
    next = await fake.nextAfter(time);
    delays.push(time.clock.monotonicMs() - lostAtMs);
    await next.accept({ sessionPresent: true });
    await settle();
  }
  return delays;
}

/** 0.75 of 1, 2, 4 and 4 seconds, since chance says a half here; the time goes on in steps of 50 ms. */
const SLOWER_MS = [750, 1500, 3000, 3000];
const BACKOFF = { delayMinMs: 1000, delayMaxMs: 4000 };

Deno.test("reconnecting: a Server that ends each connection after CONNACK is asked later each time", async () => {
  const fake = new FakeServer();
  const connection = await fake.connect({ reconnect: BACKOFF });
  const delays = await delaysOf(fake, connection, 4, async (server) => {
    await server.send({ type: PacketType.Disconnect, reasonCode: ReasonCode.ServerShuttingDown, properties: {} });
    server.stream.close();
  });
  assertEquals(delays, SLOWER_MS);
  connection.client.drop();
});

for (const qos of [1, 2] as const) {
  Deno.test(`reconnecting: a message of QoS ${qos} that the Server breaks down at is sent later each time, and kept`, async () => {
    const fake = new FakeServer();
    const connection = await fake.connect({ ...PERSISTENT, reconnect: BACKOFF });
    const { client, time } = connection;
    const published = client.publish("a", "too much", { qos });
    const breakDown = async (server: ServerSide) => {
      assertEquals((await expectPublish(server)).text, "too much");
      // It takes a while to bring the message over.
      await time.advance(5000);
      server.stream.reset();
    };
    const delays = await delaysOf(fake, connection, 5, breakDown);
    assertEquals(delays, [delays[0], ...SLOWER_MS.slice(1), 3000]);
    assertEquals(client.outboxLength, 1);
    client.drop();
    await rejectsWith(ClientClosedError, published);
  });
}

Deno.test("reconnecting: a connection on which a message got through is a good one", async () => {
  const fake = new FakeServer();
  const connection = await fake.connect({ ...PERSISTENT, reconnect: BACKOFF });
  const { client, time } = connection;
  const published = [1, 2, 3, 4].map((text) => client.publish("a", `${text}`, { qos: 1 }));
  const delays = await delaysOf(fake, connection, 4, async (server) => {
    const { packetIdentifier } = await expectPublish(server);
    await server.acknowledge(Puback, packetIdentifier);
    await time.advance(5000);
    server.stream.reset();
  });
  assertEquals(delays, [750, 750, 750, 750]);
  await Promise.all(published);
  client.drop();
});

Deno.test("Topic Aliases: the Topic Name goes once, and anew on the next connection", async () => {
  const fake = new FakeServer();
  const connection = await fake.connect(PERSISTENT, { properties: { topicAliasMaximum: 1 } });
  const { client } = connection;
  const names: [string, number][] = [];
  let { server } = connection;
  for (const topicName of ["long/topic", "long/topic", "other/topic"]) {
    await client.publish(topicName, "");
    const { message, topicAlias } = await server.expect(Publish);
    names.push([message.topicName, topicAlias]);
  }
  server = await again(fake, connection, true);
  await settle();
  await client.publish("long/topic", "");
  const { message, topicAlias } = await server.expect(Publish);
  names.push([message.topicName, topicAlias]);
  // The second Server takes none.
  assertEquals(names, [["long/topic", 1], ["", 1], ["other/topic", 0], ["long/topic", 0]]);
  client.drop();
});

Deno.test("QoS 0 that nobody reads stops the reading, not the answers, and its memory is bounded", async () => {
  const fake = new FakeServer();
  const connection = await fake.connect({ ...PERSISTENT, keepAlive: 10 });
  const { client, server, time } = connection;
  const subscription = await subscribed(connection, "a", 0);
  const payload = "x".repeat(60_000);
  let sent = 0;
  // Until nothing more is taken: 1 MiB in the queue, and what is under way.
  for (;;) {
    const writing = server.publish("a", payload).then(() => true);
    const isTaken = await Promise.race([writing, settle().then(() => false)]);
    if (!isTaken) break;
    if (++sent > 200) throw new Error("everything is taken");
  }
  assertEquals(sent >= 17, true);
  // The Server cannot answer, and is not blamed: PINGREQ goes on.
  await time.advance(120_000);
  assertEquals(client.state, "connected");
  // A program that publishes in its loop gets its answer, and loses QoS 0 messages rather than its memory.
  const published = client.publish("b", "", { qos: 1 });
  let packet = await server.receive();
  while (packet?.type !== Publish) packet = await server.receive();
  await server.acknowledge(Puback, packet.packetIdentifier);
  await published;
  const iterator = subscription[Symbol.asyncIterator]();
  let read = 0;
  for (; read < sent; read++) assertEquals((await iterator.next()).value.payload.length, 60_000);
  client.drop();
});

Deno.test("a request in the loop of a subscription that is full gets its answer", async () => {
  const fake = new FakeServer();
  const connection = await fake.connect({ ...PERSISTENT });
  const { client, server } = connection;
  await subscribed(connection, "a", 0);
  let isWritten = false;
  const flood = (async () => {
    for (let i = 0; i < 60; i++) await server.publish("a", "x".repeat(60_000));
    isWritten = true;
  })();
  await settle();
  assertEquals(isWritten, false);
  const requested = client.request("question", "");
  const [responseFilter] = await grant(server);
  const { message } = await server.expect(Publish);
  const { responseTopic, correlationData } = message.properties;
  assertEquals(responseTopic, responseFilter);
  await flood;
  await server.publish(responseTopic!, "answer", { properties: { correlationData } });
  assertEquals((await requested).text(), "answer");
  client.drop();
});

Deno.test("a subscription with a callback that the Server refuses after a lost session ends the client, and says so", async () => {
  const fake = new FakeServer();
  const connection = await fake.connect(PERSISTENT);
  const subscribing = connection.client.subscribe("a", { onMessage: () => {} });
  await grant(connection.server);
  await subscribing;
  const next = await again(fake, connection, false);
  const { packetIdentifier } = await next.expect(Subscribe);
  await next.send({ type: Suback, packetIdentifier, reasonCodes: [ReasonCode.NotAuthorized], properties: {} });
  const error = await rejectsWith(SubscribeRefusedError, connection.client.closed);
  assertEquals(error.reasonCode, ReasonCode.NotAuthorized);
});
