/** The client with a whole broker: every QoS and version, subscriptions that overlap, requests, wills, limits. @module */

import { assertEquals } from "@std/assert";
import { deadline } from "@std/async/deadline";
import type { Message, Subscription } from "../../src/client/client.ts";
import {
  ClientClosedError,
  ConnectRefusedError,
  MqttError,
  NotConnectedError,
  PublishRefusedError,
  RequestTimeoutError,
  SubscribeRefusedError,
} from "../../src/client/errors.ts";
import { PacketType, type ProtocolVersion, type QoS, ReasonCode } from "../../src/packet/mod.ts";
import { TestBroker } from "../support/test_broker.ts";
import { connectTo, PATIENCE_MS, rejectsWith, settle } from "./support.ts";

/** The next messages, in order. */
export async function take(subscription: Subscription, count: number): Promise<Message[]> {
  const messages: Message[] = [];
  const iterator = subscription[Symbol.asyncIterator]();
  while (messages.length < count) {
    const { done, value } = await deadline(iterator.next() as Promise<IteratorResult<Message>>, PATIENCE_MS);
    if (done) throw new Error(`ended after ${messages.length} of ${count}`);
    messages.push(value);
  }
  await iterator.return?.();
  return messages;
}
const texts = (messages: Message[]) => messages.map((message) => message.text());

for (const protocolVersion of [5, 4, 3] as ProtocolVersion[]) {
  for (const qos of [0, 1, 2] as QoS[]) {
    Deno.test(`connect() with version ${protocolVersion}: a message of QoS ${qos} comes once, as it was sent`, async () => {
      await using broker = await TestBroker.start();
      const { client } = await connectTo(broker, { protocolVersion });
      const readings = await client.subscribe("greenhouse/+", { qos });
      assertEquals(readings.reasonCodes, [qos]);
      assertEquals((await client.publish("greenhouse/1", "21.5 °C", { qos })).reasonCode, ReasonCode.Success);
      await client.publish("greenhouse/2", new Uint8Array([0, 255]), { qos });
      const [first, second] = await take(readings, 2);
      assertEquals([first.topicName, first.text(), first.qos, first.retain], ["greenhouse/1", "21.5 °C", qos, false]);
      assertEquals([...second.payload], [0, 255]);
      assertEquals(client.outboxLength, 0);
      await readings.unsubscribe();
      await client.publish("greenhouse/1", "nobody", { qos });
      await client.disconnect();
      assertEquals(client.state, "closed");
      await client.closed;
    });
  }
}

Deno.test("publish() carries every property, and the message brings them", async () => {
  await using broker = await TestBroker.start();
  const { client } = await connectTo(broker);
  const answers = await client.subscribe("a");
  const properties = {
    payloadFormatIndicator: 1,
    messageExpiryInterval: 100,
    contentType: "application/json",
    responseTopic: "b",
    correlationData: new Uint8Array([1, 2]),
    userProperties: [["k", "v"], ["k", "w"]],
  } as const;
  await client.publish("a", '{"x":1}', { properties: properties as never });
  const [message] = await take(answers, 1);
  assertEquals(message.json(), { x: 1 });
  const { subscriptionIdentifiers, ...others } = message.properties;
  assertEquals(others as unknown, properties);
  assertEquals(subscriptionIdentifiers?.length, 1);
});

Deno.test("publish() tells the Reason Code of the Server", async () => {
  await using broker = await TestBroker.start();
  const { client } = await connectTo(broker);
  assertEquals((await client.publish("a", "", { qos: 1 })).reasonCode, ReasonCode.NoMatchingSubscribers);
  assertEquals((await client.publish("a", "", { qos: 2 })).reasonCode, ReasonCode.NoMatchingSubscribers);
  const refused = await rejectsWith(PublishRefusedError, client.publish("$SYS/a", "", { qos: 1 }));
  assertEquals(refused.reasonCode >= 0x80, true);
});

Deno.test("publish() and subscribe() refuse what the packets cannot say, and the client goes on", async () => {
  await using broker = await TestBroker.start();
  const { client } = await connectTo(broker);
  for (const topicName of ["", "a/#", "a/+/b", "a\0", "\uD800"]) {
    await rejectsWith(TypeError, client.publish(topicName, ""));
  }
  for (const filter of ["", "a#", "a/#/b", "$share/a", "$share//a"]) {
    await rejectsWith(TypeError, client.subscribe(filter));
  }
  await rejectsWith(TypeError, client.subscribe([]));
  await rejectsWith(TypeError, client.subscribe("$share/g/a", { noLocal: true }));
  const longName = "x".repeat(65_536);
  await rejectsWith(RangeError, client.publish("a", "", { properties: { contentType: longName } }));
  await client.publish("a", "", { qos: 1 });
});

Deno.test("subscribe() with overlapping filters: each subscription gets a message once", async () => {
  await using broker = await TestBroker.start();
  const { client } = await connectTo(broker);
  const wide = await client.subscribe("a/#", { qos: 1 });
  const narrow = await client.subscribe(["a/b", "a/+"], { qos: 2 });
  const same = await client.subscribe("a/b");
  await client.publish("a/b", "1", { qos: 1 });
  await client.publish("a/c", "2", { qos: 1 });
  assertEquals(texts(await take(wide, 2)), ["1", "2"]);
  assertEquals(texts(await take(narrow, 2)), ["1", "2"]);
  assertEquals(texts(await take(same, 1)), ["1"]);
  // Ending one leaves the filter to the other that has it.
  await same.unsubscribe();
  await client.publish("a/b", "3", { qos: 1 });
  assertEquals(texts(await take(narrow, 1)), ["3"]);
  assertEquals(texts(await take(wide, 1)), ["3"]);
});

Deno.test("subscribe() with a Shared Subscription gets what the Server gives it", async () => {
  await using broker = await TestBroker.start();
  const { client } = await connectTo(broker);
  const shared = await client.subscribe("$share/group/a/+", { qos: 1 });
  await client.publish("a/1", "x", { qos: 1 });
  assertEquals(texts(await take(shared, 1)), ["x"]);
  await shared.unsubscribe();
  assertEquals((await client.publish("a/1", "x", { qos: 1 })).reasonCode, ReasonCode.NoMatchingSubscribers);
});

Deno.test("subscribe() with a callback: one after the other, each acknowledged when it is done", async () => {
  await using broker = await TestBroker.start();
  const { client, packets } = await connectTo(broker);
  const seen: string[] = [];
  const gate = Promise.withResolvers<void>();
  const all = Promise.withResolvers<void>();
  await client.subscribe("a", {
    qos: 1,
    onMessage: async (message) => {
      if (seen.push(message.text()) === 1) await gate.promise;
      if (seen.length === 3) all.resolve();
    },
  });
  for (const text of ["1", "2", "3"]) await client.publish("a", text, { qos: 1 });
  await settle();
  assertEquals(seen, ["1"]);
  assertEquals(packets.filter((packet) => packet === `sent ${PacketType.Puback}`).length, 0);
  gate.resolve();
  await deadline(all.promise, PATIENCE_MS);
  await settle();
  assertEquals(seen, ["1", "2", "3"]);
  assertEquals(packets.filter((packet) => packet === `sent ${PacketType.Puback}`).length, 3);
});

Deno.test("subscribe(): what a callback throws ends the client, and says so", async () => {
  await using broker = await TestBroker.start();
  const { client } = await connectTo(broker);
  const mistake = new Error("a mistake of the program");
  await client.subscribe("a", { onMessage: () => Promise.reject(mistake) });
  await client.publish("a", "");
  assertEquals(await rejectsWith(Error, client.closed), mistake);
  const error = await rejectsWith(ClientClosedError, client.publish("a", ""));
  assertEquals(error.cause, mistake);
});

Deno.test("subscribe() rejects when no filter is granted, and resolves when some are", async () => {
  await using broker = await TestBroker.start({
    config: { features: { wildcardSubscriptionAvailable: true } } as never,
  });
  const { client } = await connectTo(broker);
  const some = await client.subscribe(["a", `${"x/".repeat(200)}y`]);
  assertEquals(some.reasonCodes.map((code) => code < 0x80), [true, false]);
  const error = await rejectsWith(SubscribeRefusedError, client.subscribe(`${"x/".repeat(200)}y`));
  assertEquals(error.reasonCode >= 0x80, true);
  await client.publish("a", "1");
  assertEquals(texts(await take(some, 1)), ["1"]);
});

Deno.test("a subscription's loop ends when it is unsubscribed, disposed, aborted, or the client ends", async () => {
  await using broker = await TestBroker.start();
  const { client } = await connectTo(broker);
  const controller = new AbortController();
  const first = await client.subscribe("a");
  const second = await client.subscribe("b", { signal: controller.signal });
  const third = await client.subscribe("c");
  const loops = [first, second, third].map(async (subscription) => {
    for await (const _ of subscription);
  });
  await first.unsubscribe();
  await first.unsubscribe();
  await loops[0];
  controller.abort();
  await loops[1];
  assertEquals((await client.publish("b", "", { qos: 1 })).reasonCode, ReasonCode.NoMatchingSubscribers);
  await client.disconnect();
  await loops[2];
  await third[Symbol.asyncDispose]();
});

Deno.test("an iterator that is not read makes the Server wait, and memory is bounded", async () => {
  await using broker = await TestBroker.start();
  const { client, packets } = await connectTo(broker, { properties: { receiveMaximum: 5 } });
  const { client: publisher } = await connectTo(broker);
  const slow = await client.subscribe("a", { qos: 1 });
  for (let i = 0; i < 50; i++) await publisher.publish("a", `${i}`, { qos: 1 });
  await settle();
  assertEquals(packets.filter((packet) => packet === `received ${PacketType.Publish}`).length, 5);
  assertEquals(texts(await take(slow, 50)), Array.from({ length: 50 }, (_, i) => `${i}`));
});

Deno.test("request() gets the answer, and a time-out when nobody answers", async () => {
  await using broker = await TestBroker.start();
  const { client } = await connectTo(broker);
  const { client: responder } = await connectTo(broker);
  await responder.subscribe("sum", {
    onMessage: async (message) => {
      const { responseTopic, correlationData } = message.properties;
      const [a, b] = message.json() as number[];
      await responder.publish(responseTopic!, `${a + b}`, { properties: { correlationData } });
    },
  });
  const answers = await Promise.all([[1, 2], [3, 4]].map((pair) => client.request("sum", JSON.stringify(pair))));
  assertEquals(answers.map((answer) => answer.text()), ["3", "7"]);
  await responder.subscribe("silent");
  await rejectsWith(RequestTimeoutError, client.request("silent", "", { timeoutMs: 1 }));
  await rejectsWith(MqttError, client.request("nobody", "", { qos: 1 }));
  const { client: old } = await connectTo(broker, { protocolVersion: 4 });
  await rejectsWith(MqttError, old.request("sum", "[1,2]"));
});

Deno.test("drop() lets the Server send the will, disconnect() does not, unless it is asked to", async () => {
  await using broker = await TestBroker.start();
  const { client: watcher } = await connectTo(broker);
  const wills = await watcher.subscribe("will/+", { qos: 1 });
  const will = (name: string) => ({ topicName: `will/${name}`, payload: name, qos: 1 } as const);
  const { client: leaver } = await connectTo(broker, { will: will("leaver") });
  const { client: dropper } = await connectTo(broker, { will: will("dropper") });
  const { client: asker } = await connectTo(broker, { will: will("asker") });
  await leaver.disconnect();
  dropper.drop();
  assertEquals(texts(await take(wills, 1)), ["dropper"]);
  await asker.disconnect({ reasonCode: ReasonCode.DisconnectWithWillMessage });
  assertEquals(texts(await take(wills, 1)), ["asker"]);
});

Deno.test("after its end everything rejects with ClientClosedError", async () => {
  await using broker = await TestBroker.start();
  const { client } = await connectTo(broker);
  await client.disconnect();
  await client.disconnect();
  client.drop();
  await rejectsWith(ClientClosedError, client.publish("a", ""));
  await rejectsWith(ClientClosedError, client.publish("a", "", { qos: 1 }));
  await rejectsWith(ClientClosedError, client.subscribe("a"));
  await rejectsWith(ClientClosedError, client.reauthenticate());
});

Deno.test("connect() rejects with the Server's Reason Code", async () => {
  const authenticator = {
    authenticate: (_: unknown, answer: (verdict: { reasonCode: ReasonCode }) => void) =>
      answer({ reasonCode: ReasonCode.BadUserNameOrPassword }),
    begin: () => undefined,
  };
  await using broker = await TestBroker.start({ authenticator: authenticator as never });
  for (const protocolVersion of [5, 4] as ProtocolVersion[]) {
    const error = await rejectsWith(ConnectRefusedError, connectTo(broker, { protocolVersion }));
    assertEquals(error.reasonCode, ReasonCode.BadUserNameOrPassword);
  }
});

Deno.test("AbortSignals end what they were given to", async () => {
  await using broker = await TestBroker.start();
  const reason = new Error("enough");
  const aborted = AbortSignal.abort(reason);
  assertEquals(await rejectsWith(Error, connectTo(broker, { signal: aborted })), reason);
  const controller = new AbortController();
  const { client } = await connectTo(broker, { signal: controller.signal });
  assertEquals(await rejectsWith(Error, client.publish("a", "", { signal: aborted })), reason);
  assertEquals(await rejectsWith(Error, client.publish("a", "", { qos: 1, signal: aborted })), reason);
  assertEquals(await rejectsWith(Error, client.subscribe("a", { signal: aborted })), reason);
  assertEquals(await rejectsWith(Error, client.request("a", "", { signal: aborted })), reason);
  controller.abort();
  await client.closed;
  assertEquals(client.state, "closed");
});

Deno.test("publish() of QoS 0 without a connection rejects, and QoS 1 waits for one", async () => {
  await using broker = await TestBroker.start();
  const { client, time, states } = await connectTo(broker, { clientId: "c" });
  await broker.server.stop();
  await settle();
  assertEquals(client.state, "waiting");
  await rejectsWith(NotConnectedError, client.publish("a", ""));
  const waiting = client.publish("a", "", { qos: 1 });
  await time.advance(1000);
  assertEquals(client.outboxLength, 1);
  client.drop();
  await rejectsWith(ClientClosedError, waiting);
  assertEquals(states.at(-1), "closed");
});
