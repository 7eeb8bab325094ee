/** Sessions that end with their connection: what is not persistent costs no disk, but for the Will Message, which a
 * broker that dies owes all the same. @module */

import { assertEquals } from "@std/assert";
import { PacketType } from "../../src/packet/mod.ts";
import { DelayedStore } from "../support/delayed_store.ts";
import { TestBroker } from "../support/test_broker.ts";
import type { ConnectOptions, TestClient } from "../support/test_client.ts";

const LASTING = { sessionExpiryInterval: 1000 };

/** A whole life: messages of every QoS in both directions, subscriptions of both kinds, what is retained. */
async function live(broker: TestBroker, options: ConnectOptions): Promise<TestClient> {
  const client = await broker.connect(options);
  const other = await broker.connect({ clientId: "other" });
  await client.subscribe(["t", "$share/g/s"], { qos: 2 });
  for (const qos of [0, 1, 2] as const) {
    for (const topicName of ["t", "s"]) {
      if (qos === 0) await other.publish(topicName, "x");
      else await other.publishAcknowledged(topicName, "x", { qos });
      const { packetIdentifier } = await client.expectPublish();
      if (qos === 1) await client.acknowledge(PacketType.Puback, packetIdentifier);
      if (qos < 2) continue;
      await client.acknowledge(PacketType.Pubrec, packetIdentifier);
      await client.expect(PacketType.Pubrel);
      await client.acknowledge(PacketType.Pubcomp, packetIdentifier);
    }
    if (qos === 0) await client.publish("nobody", "x");
    else await client.publishAcknowledged("nobody", "x", { qos });
  }
  // And one that is in flight, one that waits, and one that is not released.
  await other.publishAcknowledged("t", "x", { qos: 1 });
  await client.expectPublish();
  await client.publish("nobody", "x", { qos: 2 });
  await client.expect(PacketType.Pubrec);
  await client.unsubscribe("t");
  await other.disconnect();
  return client;
}

for (const protocolVersion of [4, 5] as const) {
  Deno.test(`what is not persistent costs no disk, through a whole life: MQTT ${protocolVersion}`, async () => {
    const store = new DelayedStore();
    await using broker = await TestBroker.start({ store });
    const client = await live(broker, { clientId: "c", protocolVersion });
    await broker.lose(client);
    await (await broker.connect({ clientId: "c", protocolVersion, cleanStart: protocolVersion === 4 })).disconnect();
    assertEquals(store.changes, 0);
  });
}

Deno.test("a Will Message costs one change when its Client comes and one when it goes, and nothing else does", async () => {
  const store = new DelayedStore();
  await using broker = await TestBroker.start({ store });
  const client = await live(broker, { clientId: "c", will: { topicName: "nobody" } });
  assertEquals(store.changes, 1);
  await broker.lose(client);
  assertEquals(store.changes, 2);
});

Deno.test("CONNACK of a Client with a Will Message waits for the commit", async () => {
  const store = new DelayedStore();
  await using broker = await TestBroker.start({ store });
  store.hold();
  const client = broker.client();
  await client.sendConnect({ clientId: "c", will: { topicName: "w" } });
  await store.held();
  assertEquals(broker.server.snapshot().heldActions, 1);
  store.release();
  await client.expect(PacketType.Connack);
});

/** A watcher of `w`, clients with a will, a crash. @returns the watcher on the next broker. */
async function crash(act: (broker: TestBroker) => Promise<unknown>) {
  const store = new DelayedStore();
  const broker = await TestBroker.start({ store });
  const watcher = await broker.connect({ clientId: "watcher", properties: LASTING });
  await watcher.subscribe("w", { qos: 1 });
  await act(broker);
  while (store.safe < store.ticket) await new Promise((resolve) => setTimeout(resolve));
  const next = store.crash();
  const successor = await TestBroker.start({ store: next, clock: broker.clock });
  const again = await successor.connect({ clientId: "watcher", cleanStart: false, properties: LASTING });
  return {
    store: next,
    broker: successor,
    watcher: again,
    [Symbol.asyncDispose]: async () => {
      await broker[Symbol.asyncDispose]();
      await successor[Symbol.asyncDispose]();
    },
  };
}

for (const protocolVersion of [4, 5] as const) {
  Deno.test(`[MQTT-3.1.2-8] the will of a session that does not persist is sent after a crash, once: MQTT ${protocolVersion}`, async () => {
    const properties = protocolVersion === 5 ? { willDelayInterval: 500 } : {}; // the session's end ends the delay
    const will = { topicName: "w", payload: new TextEncoder().encode("gone"), qos: 1 as const, properties };
    await using after = await crash((broker) => broker.connect({ clientId: "c", protocolVersion, will }));
    const { text, packetIdentifier } = await after.watcher.expectPublish();
    assertEquals(text, "gone");
    await after.watcher.acknowledge(PacketType.Puback, packetIdentifier);
    assertEquals(after.broker.server.snapshot().sessions, 1);
    await after.watcher.subscribe("fence");
    await using last = await TestBroker.start({ store: after.store.crash(), clock: after.broker.clock });
    const again = await last.connect({ clientId: "watcher", cleanStart: false, properties: LASTING });
    await again.expectNothing();
  });
}

Deno.test("[MQTT-3.14.4-3] DISCONNECT 0x00 takes the will back for good, a lost connection has sent it", async () => {
  await using after = await crash(async (broker) => {
    const will = { topicName: "w", qos: 1 } as const;
    await (await broker.connect({ clientId: "c", will })).disconnect();
  });
  await after.watcher.expectNothing();
  await using other = await crash(async (broker) => {
    await broker.lose(await broker.connect({ clientId: "c", will: { topicName: "w", qos: 1 } }));
  });
  await other.watcher.expectPublish();
  await other.watcher.expectNothing();
});

Deno.test("[MQTT-4.3.3-2] a session resumed without an expiry, but with a will, has its QoS 2 messages handed over once", async () => {
  await using after = await crash(async (broker) => {
    const member = await broker.connect({ clientId: "member", properties: LASTING });
    await member.subscribe("$share/g/s", { qos: 2 });
    await broker.lose(member);
    const publisher = await broker.connect();
    await publisher.publishAcknowledged("s", "once", { qos: 2 });
    const resumed = broker.client();
    await resumed.connect({ clientId: "member", cleanStart: false, will: { topicName: "nobody" } });
    const { packetIdentifier } = await resumed.expectPublish();
    await resumed.acknowledge(PacketType.Pubrec, packetIdentifier);
    await resumed.expect(PacketType.Pubrel);
    // Would be its heir.
    const heir = await broker.connect({ clientId: "watcher", cleanStart: false, properties: LASTING });
    await heir.subscribe("$share/g/s", { qos: 2 });
  });
  assertEquals(after.broker.server.snapshot().queuedMessages, 0);
  await after.watcher.expectNothing();
});
