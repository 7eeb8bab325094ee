/** Brokers that are not ours behind a network that stalls, cuts connections in the middle of packets, and delivers byte by
 * byte. @module */

import { assert, assertEquals } from "@std/assert";
import type { ClientOptions, ProtocolVersion, QoS } from "../../../src/client/mod.ts";
import { CuttingProxy } from "../../support/cutting_proxy.ts";
import type { RunningBroker } from "./foreign_broker.ts";
import { lasting, patiently, take, texts, versionTest, WatchedClient } from "./support.ts";

const numbers = (count: number) => Array.from({ length: count }, (_, i) => `${i}`);

versionTest("byte by byte: everything gets through", () => true, async (broker, protocolVersion, { qosMax }) => {
  await using proxy = new CuttingProxy(broker.port);
  proxy.isByteByByte = true;
  await using watched = await WatchedClient.connect(proxy.port, {
    protocolVersion,
    will: { topicName: "will", payload: "gone", qos: 1 },
  });
  const { client } = watched;
  const readings = await client.subscribe("greenhouse/#", { qos: qosMax });
  const publishing = numbers(30).map((text, i) => {
    return client.publish("greenhouse/1", text, { qos: i % (qosMax + 1) as QoS });
  });
  await patiently(Promise.all(publishing));
  // Between different QoS no order is promised.
  const came = texts(await take(readings, 30)).map(Number);
  assertEquals(came.toSorted((a, b) => a - b), numbers(30).map(Number));
  await readings.unsubscribe();
  assertEquals(watched.connections, 1);
});

versionTest(
  "cut again and again in the middle of packets: QoS 1 arrives, QoS 2 once",
  () => true,
  async (broker, version, { qosMax }) => {
    await using proxy = new CuttingProxy(broker.port);
    await using subscriber = await WatchedClient.connect(broker.port, lasting(version, "reader"));
    await using publisher = await WatchedClient.connect(proxy.port, lasting(version, "sensor-1"));
    const readings = await subscriber.client.subscribe("greenhouse/#", { qos: qosMax });
    // Without a subscription Aedes says that there is no session.
    await publisher.client.subscribe("commands");
    const total = 200;
    const seen = (async () => {
      const distinct = new Set<string>();
      let count = 0;
      for await (const message of readings) {
        count++;
        if (distinct.add(message.text()).size === total) break;
      }
      return { order: [...distinct], count };
    })();
    const publishing = numbers(total).map((text) => publisher.client.publish("greenhouse/1", text, { qos: qosMax }));
    const all = Promise.all(publishing);
    // Cuts fall at other places of other packets each time.
    const cuts = 5;
    for (let cut = 1; cut <= cuts; cut++) {
      proxy.cutAfterBytes = 211 * cut;
      await publisher.untilConnections(cut + 1);
    }
    await patiently(all);
    const { order, count } = await patiently(seen);
    assertEquals(order, numbers(total));
    if (qosMax === 2) assertEquals(count, total, "none came twice");
    assertEquals(publisher.connections, cuts + 1);
  },
);

/** Where the network stalls, nobody tells the client: it is what does not come that ends the connection. */
async function stalls(broker: RunningBroker, version: ProtocolVersion, options: ClientOptions): Promise<void> {
  await using proxy = new CuttingProxy(broker.port);
  await using watched = await WatchedClient.connect(proxy.port, { ...lasting(version, "sensor-1"), ...options });
  const { client } = watched;
  const readings = await client.subscribe("greenhouse/#", { qos: 1 });
  proxy.stall();
  const publishing = client.publish("greenhouse/1", "21.5", { qos: 1 });
  await watched.untilState("waiting");
  assertEquals(client.outboxLength, 1);
  proxy.drop();
  await patiently(publishing);
  assert(watched.connections > 1);
  assertEquals(texts(await take(readings, 1)), ["21.5"]);
}

versionTest(
  "a stall is noticed by an acknowledgement that does not come, and the message goes out again",
  () => true,
  (broker, version) => stalls(broker, version, { acknowledgementTimeoutMs: 300, connectTimeoutMs: 1000 }),
);

versionTest(
  "a stall is noticed by a PINGRESP that does not come, and the message goes out again",
  (_, version) => version === 4,
  (broker, version) => stalls(broker, version, { keepAlive: 1, acknowledgementTimeoutMs: 0, connectTimeoutMs: 1000 }),
);

versionTest("a stall that passes in time is not noticed", () => true, async (broker, protocolVersion) => {
  await using proxy = new CuttingProxy(broker.port);
  await using watched = await WatchedClient.connect(proxy.port, { protocolVersion });
  const { client } = watched;
  const readings = await client.subscribe("greenhouse/#", { qos: 1 });
  proxy.stall();
  const publishing = numbers(10).map((text) => client.publish("greenhouse/1", text, { qos: 1 }));
  assertEquals(client.outboxLength, 10);
  proxy.resume();
  await patiently(Promise.all(publishing));
  assertEquals(texts(await take(readings, 10)), numbers(10));
  assertEquals(watched.connections, 1);
});
