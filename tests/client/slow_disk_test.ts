/** What must not leave before the disk has it, with a disk that the test holds: an outgoing QoS 2 message and what comes
 * behind it, PUBREL, PUBREC and PUBCOMP. @module */

import { assertEquals } from "@std/assert";
import { PacketType } from "../../src/packet/mod.ts";
import { DelayedStore } from "../support/delayed_store.ts";
import { FakeServer, settle } from "./support.ts";

const { Publish, Puback, Pubrec, Pubrel, Pubcomp, Subscribe, Suback } = PacketType;

async function connected() {
  const fake = new FakeServer();
  const store = new DelayedStore();
  const options = { clientId: "station", keepAlive: 0, properties: { sessionExpiryInterval: 3600 }, outbox: store };
  const { client, server, packets } = await fake.connect(options);
  await settle();
  store.hold();
  /** How many of this type the client has sent. */
  const sent = (type: number) => packets.filter((packet) => packet === `sent ${type}`).length;
  return { client, server, store, sent };
}

Deno.test("an outgoing QoS 2 message waits for its identifier to be safe, and the QoS 1 message behind it waits, too", async () => {
  const { client, server, store, sent } = await connected();
  const before = client.publish("a", "0", { qos: 1 });
  const published = [client.publish("a", "1", { qos: 2 }), client.publish("a", "2", { qos: 1 })];
  const first = await server.expect(Publish);
  const { packetIdentifier } = first;
  assertEquals(first.message.qos, 1);
  await server.acknowledge(Puback, packetIdentifier);
  await before;
  await settle();
  assertEquals(sent(Publish), 1);
  store.commit();
  assertEquals((await server.expect(Publish)).message.qos, 2);
  assertEquals((await server.expect(Publish)).packetIdentifier, packetIdentifier + 2);

  await server.acknowledge(Pubrec, packetIdentifier + 1);
  await settle();
  assertEquals(sent(Pubrel), 0);
  store.commit();
  assertEquals((await server.expect(Pubrel)).packetIdentifier, packetIdentifier + 1);
  await server.acknowledge(Pubcomp, packetIdentifier + 1);
  await server.acknowledge(Puback, packetIdentifier + 2);
  await Promise.all(published);
  client.drop();
});

Deno.test("PUBREC waits until the identifier is safe, PUBCOMP until its release is, PUBACK for nothing", async () => {
  const { client, server, store, sent } = await connected();
  const subscribing = client.subscribe("a", { qos: 2, onMessage: () => {} });
  const { packetIdentifier } = await server.expect(Subscribe);
  await server.send({ type: Suback, packetIdentifier, reasonCodes: [2], properties: {} });
  await subscribing;
  await server.publish("a", "1", { qos: 2, packetIdentifier: 7 });
  await server.publish("a", "2", { qos: 1, packetIdentifier: 8 });
  assertEquals((await server.expect(Puback)).packetIdentifier, 8);
  await settle();
  assertEquals(sent(Pubrec), 0);
  store.commit();
  assertEquals((await server.expect(Pubrec)).packetIdentifier, 7);
  await server.acknowledge(Pubrel, 7);
  await settle();
  assertEquals(sent(Pubcomp), 0);
  store.commit();
  assertEquals((await server.expect(Pubcomp)).packetIdentifier, 7);
  client.drop();
});
