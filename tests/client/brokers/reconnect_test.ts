/** Brokers that are not ours are stopped and started again under a client: what was published is finished, what was subscribed
 * to comes again. @module */

import { assert, assertEquals } from "@std/assert";
import { PacketType, type QoS, SessionLostError } from "../../../src/client/mod.ts";
import type { RunningBroker } from "./foreign_broker.ts";
import { brokerTest, lasting, patiently, take, texts, versionTest, WatchedClient } from "./support.ts";

/** Ends the broker under both clients, and brings it back. */
async function restart(broker: RunningBroker, clients: readonly WatchedClient[]): Promise<void> {
  const counts = clients.map(({ connections }) => connections);
  await broker.stop();
  for (const client of clients) await client.untilState("waiting");
  await broker.startAgain();
  await Promise.all(clients.map((client, i) => client.untilConnections(counts[i] + 1)));
}

versionTest("after a restart subscriptions are there again", () => true, async (broker, protocolVersion) => {
  // No session stays.
  await using watched = await WatchedClient.connect(broker.port, { protocolVersion });
  const { client } = watched;
  const some = await client.subscribe(["a/+", "b"], { qos: 1 });
  const other = await client.subscribe("c", { qos: 0 });
  const ended = await client.subscribe("d", { qos: 1 });
  await ended.unsubscribe();
  for (let round = 1; round <= 2; round++) {
    await restart(broker, [watched]);
    if (protocolVersion !== 3) assertEquals(client.server.sessionPresent, false);
    const before = watched.sent.length;
    for (const topicName of ["a/1", "b", "c", "d"]) await client.publish(topicName, `${round}`, { qos: 1 });
    // Of two topics nobody promises which comes first.
    const both = (await take(some, 2)).map((message) => [message.topicName, message.text(), message.qos]);
    assertEquals(both.toSorted(), [["a/1", `${round}`, 1], ["b", `${round}`, 1]]);
    assertEquals(texts(await take(other, 1)), [`${round}`]);
    const acknowledged = watched.sent.slice(before).filter(({ type }) => type === PacketType.Puback).length;
    assertEquals(acknowledged, 2, "what was unsubscribed does not come back");
  }
});

for (const qos of [1, 2] as QoS[]) {
  versionTest(
    `a restart under a stream of QoS ${qos}: every publish is finished, and what the broker keeps arrives in order`,
    (broker) => qos <= broker.qosMax && (qos === 1 || broker.keeps === "messages"),
    async (broker, version, { keeps }) => {
      await using publisher = await WatchedClient.connect(broker.port, lasting(version, "sensor-1"));
      await using subscriber = await WatchedClient.connect(broker.port, lasting(version, "reader"));
      const total = 3000;
      const last = `${total - 1}`;
      const seen: string[] = [];
      const end = Promise.withResolvers<void>();
      await subscriber.client.subscribe("greenhouse/#", {
        qos,
        onMessage: (message) => {
          seen.push(message.text());
          if (message.text() === last) end.resolve();
        },
      });
      const publish = (text: string) => publisher.client.publish("greenhouse/temperature", text, { qos });
      const publishing = Array.from({ length: total - 1 }, (_, i) => publish(`${i}`));
      await publishing[total / 10];
      await restart(broker, [publisher, subscriber]);
      await patiently(Promise.all(publishing));
      // Whoever lost the subscription has it again by now.
      await subscriber.client.publish("somewhere/else", "", { qos: 1 });
      await patiently(publish(last));
      assertEquals(publisher.client.outboxLength, 0);
      await patiently(end.promise);
      if (qos === 2) assertEquals(seen.length, total, "none came twice");
      const firsts = [...new Set(seen)].map(Number);
      if (keeps === "messages") assertEquals(firsts, Array.from({ length: total }, (_, i) => i));
    },
  );
}

versionTest("what is published while the broker is away goes out in order when it is back", () => true, async (
  broker,
  protocolVersion,
) => {
  await using watched = await WatchedClient.connect(broker.port, { protocolVersion });
  const { client } = watched;
  const readings = await client.subscribe("greenhouse/#", { qos: 1 });
  await broker.stop();
  await watched.untilState("waiting");
  const publishing = Array.from({ length: 20 }, (_, i) => client.publish("greenhouse/1", `${i}`, { qos: 1 }));
  assertEquals(client.outboxLength, 20);
  await broker.startAgain();
  await patiently(Promise.all(publishing));
  // The subscription was made anew before they went out.
  assertEquals(texts(await take(readings, 20)), Array.from({ length: 20 }, (_, i) => `${i}`));
});

brokerTest(
  "QoS 2 under way when the session is lost is told to be uncertain, and what had not begun is sent",
  ({ keeps, qosMax }) => keeps === "nothing" && qosMax === 2,
  async (broker) => {
    await using started = await broker.start();
    await using publisher = await WatchedClient.connect(started.port, lasting(4, "sensor-1"));
    const publishing = Array.from({ length: 500 }, (_, i) => publisher.client.publish("a", `${i}`, { qos: 2 }));
    await publishing[10];
    const settled = Promise.allSettled(publishing);
    await restart(started, [publisher]);
    const later = publisher.client.publish("a", "later", { qos: 2 });
    for (const outcome of await patiently(settled)) {
      if (outcome.status === "rejected") assert(outcome.reason instanceof SessionLostError, String(outcome.reason));
    }
    await patiently(later);
    assertEquals(publisher.client.outboxLength, 0);
  },
);
