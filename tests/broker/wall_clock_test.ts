/** Deadlines over a restart, when the machine's clock was set meanwhile: the store says by how much its time differs.
 * @module */

import { assertEquals } from "@std/assert";
import { DelayedStore } from "../support/delayed_store.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { TestBroker } from "../support/test_broker.ts";

const HOUR_MS = 3_600_000;
const LASTING = { sessionExpiryInterval: 1000 };

/** A broker that dies and is started again while somebody sets the clock by `setMs`. */
class Machine implements AsyncDisposable {
  readonly clock = new FakeClock();
  readonly #brokers: TestBroker[] = [];
  store = new DelayedStore();

  static async start(): Promise<Machine> {
    const machine = new Machine();
    machine.#brokers.push(await TestBroker.start({ store: machine.store, clock: machine.clock }));
    return machine;
  }

  get broker(): TestBroker {
    return this.#brokers.at(-1)!;
  }

  async restart(setMs = 0, wallOffsetMs = 0): Promise<void> {
    while (this.store.safe < this.store.ticket) await new Promise((resolve) => setTimeout(resolve));
    this.store = this.store.crash();
    this.store.wallOffsetMs = wallOffsetMs;
    this.clock.setWall(this.clock.wallMs() + setMs);
    this.#brokers.push(await TestBroker.start({ store: this.store, clock: this.clock }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const broker of this.#brokers) await broker[Symbol.asyncDispose]();
  }
}

for (const setMs of [-HOUR_MS, HOUR_MS]) {
  const how = setMs < 0 ? "back" : "forward";
  Deno.test(`[MQTT-3.3.2-6] messages keep what was left of their Message Expiry Interval when the clock was set ${how}`, async () => {
    await using machine = await Machine.start();
    const client = await machine.broker.connect({ clientId: "c", properties: LASTING });
    await client.subscribe("t", { qos: 1 });
    await client.disconnect();
    const publisher = await machine.broker.connect();
    const properties = { messageExpiryInterval: 100 };
    for (const topicName of ["t", "r"]) {
      await publisher.publishAcknowledged(topicName, "x", { qos: 1, retain: topicName === "r", properties });
    }
    await machine.restart(setMs, -setMs);
    await machine.broker.advance(30_000);
    const again = await machine.broker.connect({ clientId: "c", cleanStart: false, properties: LASTING });
    assertEquals((await again.expectPublish()).properties, { messageExpiryInterval: 70 });
    await again.subscribe("r");
    assertEquals((await again.expectPublish()).properties, { messageExpiryInterval: 70 });
    assertEquals(machine.broker.server.snapshot().retainedMessages, 1);
    await machine.broker.advance(70_050);
    assertEquals(machine.broker.server.snapshot().retainedMessages, 0);
  });
}

Deno.test("[MQTT-4.1.0-2] a session expires by the store's time, and its delayed will is due by it", async () => {
  await using machine = await Machine.start();
  const watcher = await machine.broker.connect({ clientId: "watcher", properties: LASTING });
  await watcher.subscribe("will");
  const will = { topicName: "will", properties: { willDelayInterval: 50 } };
  await machine.broker.lose(
    await machine.broker.connect({ clientId: "c", will, properties: { sessionExpiryInterval: 100 } }),
  );
  await machine.broker.lose(watcher);
  await machine.restart(HOUR_MS, -HOUR_MS);
  const again = await machine.broker.connect({ clientId: "watcher", cleanStart: false, properties: LASTING });
  await again.expectNothing();
  await machine.broker.advance(49_000);
  await again.expectNothing();
  await machine.broker.advance(1_050);
  await again.expectPublish();
  assertEquals(machine.broker.server.snapshot().sessions, 2);
  await machine.broker.advance(50_000);
  assertEquals(machine.broker.server.snapshot().sessions, 1);
});

Deno.test("[MQTT-4.1.0-2] [MQTT-3.1.2-8] no deadline is further away than its interval, nor is it put off by each restart", async () => {
  await using machine = await Machine.start();
  const watcher = await machine.broker.connect({ clientId: "watcher", properties: LASTING });
  await watcher.subscribe("will", { qos: 1 });
  const will = { topicName: "will", qos: 1 as const, properties: { willDelayInterval: 60 } };
  await machine.broker.lose(
    await machine.broker.connect({ clientId: "c", will, properties: { sessionExpiryInterval: 100 } }),
  );
  // A store that does not know that the clock was set back by a day.
  await machine.restart(-24 * HOUR_MS);
  await machine.broker.advance(40_000);
  await machine.restart();
  const again = await machine.broker.connect({ clientId: "watcher", cleanStart: false, properties: LASTING });
  await machine.broker.advance(19_000);
  await again.expectNothing();
  await machine.broker.advance(1_050);
  await again.expectPublish();
  assertEquals(machine.broker.server.snapshot().sessions, 2);
  await machine.broker.advance(40_000);
  assertEquals(machine.broker.server.snapshot().sessions, 1);
});
