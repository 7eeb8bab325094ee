/** Mirrors src/persistence/forgetful_store.ts. @module */

import { assertEquals, assertThrows } from "@std/assert";
import { ForgetfulStore } from "../../src/persistence/forgetful_store.ts";
import type { StoreVisitor } from "../../src/persistence/store.ts";
import { TestBroker } from "../support/test_broker.ts";

Deno.test("ForgetfulStore: nothing has to wait, and nothing can be read", async () => {
  const store = new ForgetfulStore();
  store.putSession();
  store.putRetained();
  store.endTurn();
  assertEquals([store.changes, store.ticket, store.safe, store.waitingBytes, store.canRead], [0, 0, 0, 0, false]);
  assertThrows(() => store.readOutgoing(), Error, "keeps nothing");
  await store.load({} as StoreVisitor); // no method of it is called
  await store.close();
});

Deno.test("a broker with a ForgetfulStore keeps sessions, queues and retained messages while it runs", async () => {
  await using broker = await TestBroker.start({ config: { durability: "off" }, store: new ForgetfulStore() });
  const lasting = { clientId: "keeper", cleanStart: false, properties: { sessionExpiryInterval: 100 } };
  const keeper = await broker.connect(lasting);
  await keeper.subscribe("a", { qos: 2 });
  await keeper.disconnect();
  const publisher = await broker.connect();
  for (const qos of [1, 2] as const) await publisher.publishAcknowledged("a", `${qos}`, { qos, retain: true });
  const back = await broker.connect(lasting);
  assertEquals([(await back.expectPublish()).qos, (await back.expectPublish()).qos], [1, 2]);
  const late = await broker.connect();
  await late.subscribe("a");
  assertEquals((await late.expectPublish()).retain, true);
});
