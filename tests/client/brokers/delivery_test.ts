/** The client with brokers that are not ours: each version and QoS both ways, retained messages, wills, aliases, Shared
 * Subscriptions, sessions, accounts, large payloads, requests. @module */

import { assert, assertEquals } from "@std/assert";
import { ConnectRefusedError, PacketType, type QoS, ReasonCode } from "../../../src/client/mod.ts";
import { rejectsWith } from "../support.ts";
import { brokerTest, lasting, patiently, take, takeUntil, texts, versionTest, WatchedClient } from "./support.ts";

for (const qos of [0, 1, 2] as QoS[]) {
  versionTest(
    `messages of QoS ${qos} go and come once, in order, as they were`,
    (broker) => qos <= broker.qosMax,
    async ({ port }, protocolVersion) => {
      await using publisher = await WatchedClient.connect(port, { protocolVersion });
      await using subscriber = await WatchedClient.connect(port, { protocolVersion });
      const readings = await subscriber.client.subscribe("greenhouse/+/temperature", { qos });
      assertEquals(readings.reasonCodes, [qos]);
      const payloads = ["21.5 °C", new Uint8Array([0, 255, 128]), "", ...Array.from({ length: 50 }, (_, i) => `${i}`)];
      const outcomes = await patiently(
        Promise.all(
          payloads.map((payload, i) => publisher.client.publish(`greenhouse/${i}/temperature`, payload, { qos })),
        ),
      );
      assert(outcomes.every(({ reasonCode }) => reasonCode === ReasonCode.Success));
      const messages = await take(readings, payloads.length);
      assertEquals(messages.map(({ topicName }) => topicName), payloads.map((_, i) => `greenhouse/${i}/temperature`));
      assertEquals(
        messages.map(({ payload }) => payload),
        payloads.map((payload) => typeof payload === "string" ? new TextEncoder().encode(payload) : payload),
      );
      assert(messages.every((message) => message.qos === qos && !message.retain && !message.dup));
      assertEquals(publisher.client.outboxLength, 0);
    },
  );
}

versionTest("the lower QoS of both sides is that of the delivery", () => true, async ({ port }, protocolVersion) => {
  await using watched = await WatchedClient.connect(port, { protocolVersion });
  const { client } = watched;
  const low = await client.subscribe("low", { qos: 0 });
  const high = await client.subscribe("high", { qos: 1 });
  await client.publish("low", "x", { qos: 1 });
  await client.publish("high", "x", { qos: 0 });
  assertEquals([...await take(low, 1), ...await take(high, 1)].map(({ qos }) => qos), [0, 0]);
});

versionTest("every property arrives", (_, version) => version === 5, async ({ port }) => {
  await using watched = await WatchedClient.connect(port);
  const properties = {
    payloadFormatIndicator: 1 as const,
    contentType: "application/json",
    responseTopic: "greenhouse/answer",
    correlationData: new Uint8Array([1, 0, 255]),
    userProperties: [["unit", "°C"], ["unit", "K"]] as [string, string][],
  };
  const readings = await watched.client.subscribe("greenhouse/#", { qos: 1 });
  await watched.client.publish("greenhouse/1", '{"value":21.5}', { qos: 1, properties });
  const [message] = await take(readings, 1);
  for (const [name, value] of Object.entries(properties)) {
    assertEquals((message.properties as Record<string, unknown>)[name], value, name);
  }
  assertEquals(message.json(), { value: 21.5 });
});

versionTest(
  "a retained message waits for who comes later, until it is cleared",
  () => true,
  async ({ port }, version) => {
    await using watched = await WatchedClient.connect(port, { protocolVersion: version });
    const { client } = watched;
    await client.publish("greenhouse/state", "open", { qos: 1, retain: true });
    const before = await client.subscribe("greenhouse/state", { qos: 1 });
    const [message] = await take(before, 1);
    assertEquals([message.text(), message.retain], ["open", true]);
    await client.publish("greenhouse/state", "", { qos: 1, retain: true });
    assertEquals((await take(before, 1)).map(({ payload, retain }) => [payload.length, retain]), [[0, false]]);
    await before.unsubscribe();
    const after = await client.subscribe("greenhouse/state", { qos: 1 });
    await client.publish("greenhouse/state", "marker", { qos: 1 });
    assertEquals(texts(await take(after, 1)), ["marker"]);
  },
);

versionTest("drop() lets the will be sent, disconnect() does not", () => true, async ({ port }, protocolVersion) => {
  await using witness = await WatchedClient.connect(port, { protocolVersion });
  const wills = await witness.client.subscribe("will/+", { qos: 1 });
  const withWill = (name: string) =>
    WatchedClient.connect(port, { protocolVersion, will: { topicName: `will/${name}`, payload: "gone", qos: 1 } });
  const leaving = await withWill("leaving");
  await leaving.client.disconnect();
  const dropped = await withWill("dropped");
  dropped.client.drop();
  await dropped.client.closed;
  const [will] = await take(wills, 1);
  assertEquals([will.topicName, will.text(), will.qos], ["will/dropped", "gone", 1]);
  await witness.client.publish("will/end", "end", { qos: 1 });
  assertEquals(texts(await takeUntil(wills, "end")), []);
});

versionTest(
  "DISCONNECT with Will Message has the will sent",
  (_, version) => version === 5,
  async ({ port }) => {
    await using witness = await WatchedClient.connect(port);
    const wills = await witness.client.subscribe("will");
    const leaving = await WatchedClient.connect(port, { will: { topicName: "will", payload: "gone" } });
    await leaving.client.disconnect({ reasonCode: ReasonCode.DisconnectWithWillMessage });
    assertEquals(texts(await take(wills, 1)), ["gone"]);
  },
);

versionTest("topic names are sent once where the Server takes aliases", (_, version) => version === 5, async (
  { port },
) => {
  await using watched = await WatchedClient.connect(port, { properties: { topicAliasMaximum: 10 } });
  const { client, sent } = watched;
  assertEquals(client.server.topicAliasMaximum, 10);
  const readings = await client.subscribe("greenhouse/#", { qos: 1 });
  // More topics than aliases.
  const names = Array.from({ length: 60 }, (_, i) => `greenhouse/${i % 15}/temperature`);
  await patiently(Promise.all(names.map((name, i) => client.publish(name, `${i}`, { qos: 1 }))));
  const messages = await take(readings, names.length);
  assertEquals(messages.map((message) => [message.topicName, message.text()]), names.map((name, i) => [name, `${i}`]));
  const aliases = sent.flatMap((packet) => packet.type === PacketType.Publish ? [packet.topicAlias] : []);
  assert(aliases.every((alias) => alias <= 10), String(aliases));
  assert(new Set(aliases.filter((alias) => alias > 0)).size === 10, String(aliases));
});

versionTest("a Shared Subscription gives each message to one", (broker) => broker.hasSharedSubscriptions, async (
  { port },
  protocolVersion,
) => {
  await using first = await WatchedClient.connect(port, { protocolVersion });
  await using second = await WatchedClient.connect(port, { protocolVersion });
  await using publisher = await WatchedClient.connect(port, { protocolVersion });
  const total = 40;
  const seen: string[][] = [[], []];
  const all = Promise.withResolvers<void>();
  for (const [i, { client }] of [first, second].entries()) {
    await client.subscribe("$share/workers/jobs/+", {
      qos: 1,
      onMessage: (message) => {
        seen[i].push(message.text());
        if (seen[0].length + seen[1].length === total) all.resolve();
      },
    });
  }
  for (let i = 0; i < total; i++) await publisher.client.publish("jobs/a", `${i}`, { qos: 1 });
  await patiently(all.promise);
  assertEquals(seen.flat().map(Number).sort((a, b) => a - b), Array.from({ length: total }, (_, i) => i));
  assert(seen[0].length > 0 && seen[1].length > 0, JSON.stringify(seen));
});

versionTest("a session keeps what comes while its client is away", () => true, async ({ port }, version, broker) => {
  await using publisher = await WatchedClient.connect(port, { protocolVersion: version });
  const options = lasting(version, "reader");
  const before = await WatchedClient.connect(port, options);
  assertEquals(before.client.server.sessionPresent, false);
  await before.client.subscribe("greenhouse/+", { qos: broker.qosMax });
  before.client.drop();
  await before.client.closed;
  for (let i = 0; i < 10; i++) {
    await publisher.client.publish(`greenhouse/${i}`, `${i}`, { qos: i % 2 === 0 ? broker.qosMax : 1 });
  }
  await using after = await WatchedClient.connect(port, options);
  // 3.1 does not tell.
  if (version !== 3) assertEquals(after.client.server.sessionPresent, true);
  const readings = await after.client.subscribe("greenhouse/+", { qos: broker.qosMax });
  // What was on its way to the old connection may come last.
  const came = new Set<string>();
  while (came.size < 10) for (const text of texts(await take(readings, 1))) came.add(text);
  assertEquals([...came].sort(), Array.from({ length: 10 }, (_, i) => `${i}`));
});

versionTest("unsubscribe() ends the messages", () => true, async ({ port }, protocolVersion) => {
  await using watched = await WatchedClient.connect(port, { protocolVersion });
  const { client } = watched;
  const some = await client.subscribe(["a", "b"], { qos: 1 });
  const other = await client.subscribe("c", { qos: 1 });
  await client.publish("a", "1", { qos: 1 });
  assertEquals(texts(await take(some, 1)), ["1"]);
  await some.unsubscribe();
  const count = packetsOf(watched);
  for (const topicName of ["a", "b", "c"]) await client.publish(topicName, "2", { qos: 1 });
  assertEquals(texts(await take(other, 1)), ["2"]);
  assertEquals(packetsOf(watched), count + 1, "of the three the Server sends one");
});

/** PUBACKs that were sent: what came at QoS 1. */
function packetsOf({ sent }: WatchedClient): number {
  return sent.filter(({ type }) => type === PacketType.Puback).length;
}

versionTest("large payloads go and come whole", () => true, async ({ port }, protocolVersion) => {
  await using watched = await WatchedClient.connect(port, { protocolVersion });
  const { client } = watched;
  const payload = new Uint8Array(900_000);
  for (let i = 0; i < payload.length; i++) payload[i] = (i * 7919) >> 3;
  const large = await client.subscribe("large", { qos: 1 });
  for (const qos of [0, 1] as QoS[]) {
    const [, [message]] = await Promise.all([client.publish("large", payload, { qos }), take(large, 1)]);
    assertEquals(message.payload.length, payload.length);
    assert(message.payload.every((byte, i) => byte === payload[i]));
  }
});

versionTest("request() gets its answer", (_, version) => version === 5, async ({ port }) => {
  await using asking = await WatchedClient.connect(port);
  await using answering = await WatchedClient.connect(port);
  await answering.client.subscribe("double", {
    onMessage: async (message) => {
      const { responseTopic, correlationData } = message.properties;
      await answering.client.publish(responseTopic!, `${2 * Number(message.text())}`, {
        properties: { correlationData },
      });
    },
  });
  const answers = await patiently(Promise.all([1, 2, 3].map((n) => asking.client.request("double", `${n}`))));
  assertEquals(texts(answers), ["2", "4", "6"]);
});

brokerTest("user name and password open the door, and others do not", () => true, async (broker) => {
  const account = { userName: "sensor-1", password: "a long enough one" };
  await using started = await broker.start(account);
  for (const protocolVersion of broker.versions) {
    await using watched = await WatchedClient.connect(started.port, { protocolVersion, ...account });
    await watched.client.publish("a", "", { qos: 1 });
    for (const wrong of [{ userName: "sensor-1", password: "another" }, {}]) {
      const refused = await rejectsWith(
        ConnectRefusedError,
        WatchedClient.connect(started.port, { protocolVersion, reconnect: false, ...wrong }),
      );
      const codes: readonly ReasonCode[] = [ReasonCode.NotAuthorized, ReasonCode.BadUserNameOrPassword];
      assert(codes.includes(refused.reasonCode), refused.message);
    }
  }
});

brokerTest(
  "a client that names no version comes in with 3.1.1, one that insists on 5.0 does not",
  ({ versions }) => !versions.includes(5),
  async (broker) => {
    await using started = await broker.start();
    await using watched = await WatchedClient.connect(started.port);
    assertEquals(watched.client.protocolVersion, 4);
    await watched.client.publish("a", "", { qos: 1 });
    const { reasonCode } = await rejectsWith(
      ConnectRefusedError,
      WatchedClient.connect(started.port, { protocolVersion: 5, reconnect: false }),
    );
    assertEquals(reasonCode, ReasonCode.UnsupportedProtocolVersion);
  },
);
