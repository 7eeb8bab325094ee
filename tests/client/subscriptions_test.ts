/** Subscriptions whose program, connection or Server does not do what is usual: readers that leave, UNSUBSCRIBE without a
 * connection, SUBSCRIBE that nobody answers. @module */

import { assertEquals } from "@std/assert";
import { deadline } from "@std/async/deadline";
import type { Client, Message, Subscription } from "../../src/client/client.ts";
import { ClientClosedError } from "../../src/client/errors.ts";
import { PacketType, ReasonCode } from "../../src/packet/mod.ts";
import { TestBroker } from "../support/test_broker.ts";
import { connectTo, FakeServer, PATIENCE_MS, rejectsWith, type ServerSide, settle } from "./support.ts";

const { Connect, Puback, Publish, Suback, Subscribe, Unsubscribe } = PacketType;

/** Subscribed to "a". */
async function subscribed(client: Client, server: ServerSide): Promise<Subscription> {
  const subscribing = client.subscribe("a", { qos: 1 });
  const { packetIdentifier } = await server.expect(Subscribe);
  await server.send({ type: Suback, packetIdentifier, reasonCodes: [1], properties: {} });
  return await subscribing;
}

Deno.test("an iterator that is asked for several messages at once acknowledges all of them", async () => {
  const { client, server } = await new FakeServer().connect();
  const iterator = (await subscribed(client, server))[Symbol.asyncIterator]();
  const both = Promise.all([iterator.next(), iterator.next()]);
  await server.publish("a", "1", { qos: 1, packetIdentifier: 1 });
  await server.publish("a", "2", { qos: 1, packetIdentifier: 2 });
  assertEquals((await deadline(both, PATIENCE_MS)).map(({ value }) => value.text()), ["1", "2"]);
  assertEquals((await server.expect(Puback)).packetIdentifier, 1);
  await iterator.return!();
  assertEquals((await server.expect(Puback)).packetIdentifier, 2);
  client.drop();
});

Deno.test("an iterator that is left while it waits takes no message from the next one", async () => {
  const { client, server } = await new FakeServer().connect();
  const subscription = await subscribed(client, server);
  const first = subscription[Symbol.asyncIterator]();
  const waiting = first.next();
  await first.return!();
  assertEquals(await deadline(waiting, PATIENCE_MS), { done: true, value: undefined });
  const next = subscription[Symbol.asyncIterator]().next();
  await server.publish("a", "1", { qos: 1, packetIdentifier: 1 });
  assertEquals((await deadline(next, PATIENCE_MS)).value.text(), "1");
  client.drop();
});

Deno.test("a subscription is disposed without a connection, and the next one tells the Server", async () => {
  const fake = new FakeServer();
  const { client, server, time } = await fake.connect({ properties: { sessionExpiryInterval: 100 } });
  const subscription = await subscribed(client, server);
  server.stream.reset();
  await settle();
  await deadline(Promise.resolve(subscription[Symbol.asyncDispose]()), PATIENCE_MS);
  const next = await fake.nextAfter(time);
  await next.accept({ sessionPresent: true });
  assertEquals((await next.expect(Unsubscribe)).topicFilters, ["a"]);
  client.drop();
});

Deno.test("UNSUBSCRIBE whose connection ends before UNSUBACK holds up nobody, and is sent again", async () => {
  const fake = new FakeServer();
  const { client, server, time } = await fake.connect({ properties: { sessionExpiryInterval: 100 } });
  const ending = (await subscribed(client, server)).unsubscribe();
  await server.expect(Unsubscribe);
  server.stream.reset();
  await deadline(ending, PATIENCE_MS);
  const next = await fake.nextAfter(time);
  await next.accept({ sessionPresent: true });
  await next.expect(Unsubscribe);
  client.drop();
});

Deno.test("a subscription is restored by one SUBSCRIBE, however often it was not answered before", async () => {
  const fake = new FakeServer();
  const { client, server, time } = await fake.connect();
  await subscribed(client, server);
  server.stream.reset();
  for (let i = 0; i < 3; i++) {
    const next = await fake.nextAfter(time);
    await next.accept();
    await next.expect(Subscribe);
    await client.publish("b", "");
    await next.expect(Publish);
    next.stream.reset();
  }
  client.drop();
});

Deno.test("subscribe() refuses User Properties that no packet can hold, with a connection and without one", async () => {
  const fake = new FakeServer();
  const { client, server, time } = await fake.connect();
  const userProperties: [string, string][] = [["key", "x".repeat(65_536)]];
  await rejectsWith(RangeError, client.subscribe("a", { userProperties }));
  server.stream.reset();
  await settle();
  await rejectsWith(RangeError, client.subscribe("a", { userProperties }));
  const next = await fake.nextAfter(time);
  await next.accept();
  await subscribed(client, next);
  client.drop();
});

Deno.test("unsubscribe() ends what an earlier process left in the session, and tells each Reason Code", async () => {
  await using broker = await TestBroker.start();
  const options = { clientId: "reader", cleanStart: false, properties: { sessionExpiryInterval: 100 } };
  const { client: earlier } = await connectTo(broker, options);
  await earlier.subscribe("a/#", { qos: 1 });
  earlier.drop();
  const { client } = await connectTo(broker, options);
  assertEquals(client.server.sessionPresent, true);
  const { Success, NoSubscriptionExisted, NoMatchingSubscribers } = ReasonCode;
  assertEquals(await client.unsubscribe(["a/#", "b"]), [Success, NoSubscriptionExisted]);
  assertEquals((await client.publish("a/1", "", { qos: 1 })).reasonCode, NoMatchingSubscribers);
  await client.subscribe("c");
  await rejectsWith(TypeError, client.unsubscribe(["b", "c"]));
  await rejectsWith(TypeError, client.unsubscribe("a#"));
  await rejectsWith(TypeError, client.unsubscribe([]));
  await client.disconnect();
  await rejectsWith(ClientClosedError, client.unsubscribe("b"));
});

Deno.test("unsubscribe() waits for a connection, and for UNSUBACK over as many as that takes; 3.1.1 has no Reason Codes", async () => {
  const fake = new FakeServer();
  const { client, server, time } = await fake.connect({ protocolVersion: 4, cleanStart: false, clientId: "reader" });
  server.stream.reset();
  await settle();
  const ending = client.unsubscribe("old");
  const second = await fake.nextAfter(time);
  await second.accept({ sessionPresent: true });
  await second.expect(Unsubscribe);
  second.stream.reset();
  const third = await fake.nextAfter(time);
  assertEquals((await third.expect(Connect)).cleanStart, false);
  third.protocolVersion = 4;
  await third.send({ type: PacketType.Connack, sessionPresent: true, reasonCode: 0, properties: {} });
  const { packetIdentifier } = await third.expect(Unsubscribe);
  await third.sendBytes([0xb0, 2, packetIdentifier >>> 8, packetIdentifier & 0xff]);
  assertEquals(await deadline(ending, PATIENCE_MS), [ReasonCode.Success]);
  const lost = client.unsubscribe("old");
  await third.expect(Unsubscribe);
  client.drop();
  await rejectsWith(ClientClosedError, lost);
});

Deno.test("a message under another Topic Name goes to the subscription whose identifier it has, and to nobody without one", async () => {
  const { client, server } = await new FakeServer().connect();
  const iterator = (await subscribed(client, server))[Symbol.asyncIterator]();
  const subscribing = client.subscribe("b");
  const { packetIdentifier, properties } = await server.expect(Subscribe);
  await server.send({ type: Suback, packetIdentifier, reasonCodes: [0], properties: {} });
  const other = (await subscribing)[Symbol.asyncIterator]();
  const { subscriptionIdentifiers } = properties;
  await server.publish("tenant/a", "nobody's");
  await server.publish("tenant/b", "b's", { subscriptionIdentifiers });
  await server.publish("a", "a's");
  assertEquals((await deadline(other.next() as Promise<IteratorResult<Message>>, PATIENCE_MS)).value.text(), "b's");
  assertEquals((await deadline(iterator.next() as Promise<IteratorResult<Message>>, PATIENCE_MS)).value.text(), "a's");
  client.drop();
});

Deno.test("a subscription that is made between two messages of one topic gets the second", async () => {
  const { client, server } = await new FakeServer().connect();
  const iterator = (await subscribed(client, server))[Symbol.asyncIterator]();
  await server.publish("a", "1");
  assertEquals((await deadline(iterator.next() as Promise<IteratorResult<Message>>, PATIENCE_MS)).value.text(), "1");
  const subscribing = client.subscribe("+");
  const { packetIdentifier } = await server.expect(Subscribe);
  await server.send({ type: Suback, packetIdentifier, reasonCodes: [0], properties: {} });
  const other = (await subscribing)[Symbol.asyncIterator]();
  await server.publish("a", "2");
  for (const each of [iterator, other]) {
    assertEquals((await deadline(each.next() as Promise<IteratorResult<Message>>, PATIENCE_MS)).value.text(), "2");
  }
  client.drop();
});
