/** Long queues whose tail is on the disk alone: how they come back, to whom, and what may come in between. @module */

import { assert, assertEquals } from "@std/assert";
import type { PartialConfig } from "../../src/config/config.ts";
import { PacketType, ReasonCode } from "../../src/packet/mod.ts";
import { DelayedStore } from "../support/delayed_store.ts";
import { TestBroker } from "../support/test_broker.ts";
import type { PublishOptions, TestClient } from "../support/test_client.ts";

const LASTING = { sessionExpiryInterval: 1000 };
/** About five messages stay in memory. */
const LIMITS = { queuedInMemoryBytesMax: 1_000 };

/** A broker on a store, a session `away` that has left, and a publisher. */
class Stage implements AsyncDisposable {
  readonly #brokers: TestBroker[] = [];
  publisher!: TestClient;

  private constructor(public store: DelayedStore, readonly limits: PartialConfig["limits"]) {}

  static async start(limits: PartialConfig["limits"] = LIMITS): Promise<Stage> {
    const stage = new Stage(new DelayedStore(), limits);
    await stage.begin();
    const away = await stage.broker.connect({ clientId: "away", properties: LASTING });
    await away.subscribe("t", { qos: 2 });
    await away.disconnect();
    return stage;
  }

  get broker(): TestBroker {
    return this.#brokers.at(-1)!;
  }

  get queued(): number {
    return this.broker.server.snapshot().queuedMessages;
  }

  async begin(): Promise<void> {
    const clock = this.#brokers.at(-1)?.clock;
    const config = { limits: this.limits };
    this.#brokers.push(
      await TestBroker.start({ store: this.store, config, ...(clock === undefined ? {} : { clock }) }),
    );
    this.publisher = await this.broker.connect({ clientId: "publisher" });
  }

  async crash(): Promise<void> {
    this.store = this.store.crash();
    await this.begin();
  }

  /** Publishes m`first` to m`last`, each acknowledged. */
  async publish(first: number, last: number, options: PublishOptions & { topicName?: string } = {}): Promise<void> {
    for (let i = first; i <= last; i++) {
      const code = await this.publisher.publishAcknowledged(
        options.topicName ?? "t",
        `m${i}`,
        { qos: 1, ...options } as never,
      );
      assertEquals(code, ReasonCode.Success);
    }
  }

  /** Until the disk has all that it was told. */
  async safe(): Promise<void> {
    await until(() => this.store.safe === this.store.ticket);
  }

  async resume(properties: Record<string, number> = LASTING): Promise<TestClient> {
    const client = this.broker.client();
    const connack = await client.connect({ clientId: "away", cleanStart: false, properties });
    assertEquals(connack.sessionPresent, true);
    return client;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const broker of this.#brokers) await broker[Symbol.asyncDispose]();
  }
}

/** Takes messages as they come, and acknowledges them. */
async function take(client: TestClient, count: number): Promise<number[]> {
  const numbers: number[] = [];
  while (numbers.length < count) {
    const packet = await client.receive();
    if (packet?.type === PacketType.Pubrel) {
      await client.acknowledge(PacketType.Pubcomp, packet.packetIdentifier);
      continue;
    }
    assert(packet?.type === PacketType.Publish, `expected PUBLISH, got ${Deno.inspect(packet)}`);
    numbers.push(Number(packet.text.slice(1)));
    await client.acknowledge(packet.qos === 1 ? PacketType.Puback : PacketType.Pubrec, packet.packetIdentifier);
  }
  return numbers;
}

const range = (first: number, last: number) => Array.from({ length: last - first + 1 }, (_, i) => first + i);

/** @throws when it does not become so, which only happens when a test fails. */
async function until(isSo: () => boolean): Promise<void> {
  const endMs = Date.now() + 10_000;
  while (!isSo()) {
    assert(Date.now() < endMs, "it never came to be");
    await new Promise((resolve) => setTimeout(resolve));
  }
}

for (const qos of [1, 2] as const) {
  Deno.test(`[MQTT-4.6.0-6] a long queue at QoS ${qos} is drained in its order, over several reads`, async () => {
    await using it = await Stage.start();
    await it.publish(1, 60, { qos });
    assertEquals(it.queued, 60);
    const client = await it.resume({ ...LASTING, receiveMaximum: 7 });
    assertEquals(await take(client, 60), range(1, 60));
    assert(it.store.readsAnswered > 5, `${it.store.readsAnswered} reads`);
    await until(() => it.queued === 0 || qos === 2);
  });
}

Deno.test("what is read back is counted with its Subscription Identifiers: no message is passed over", async () => {
  await using it = await Stage.start();
  const away = await it.resume();
  for (let i = 1; i <= 9; i++) {
    await away.subscribe(`t/${"+/".repeat(i - 1)}#`, { qos: 1, properties: { subscriptionIdentifiers: [i] } });
  }
  await away.disconnect();
  const topicName = "t/1/2/3/4/5/6/7/8";
  await it.publish(1, 20, { topicName });
  const client = await it.resume();
  assertEquals(await take(client, 20), range(1, 20));
  assertEquals(it.broker.lines.filter(({ text }) => text.includes("are not in the store")), []);
});

Deno.test("what is in memory of a long queue is bounded, and $SYS and the snapshot count all of it", async () => {
  await using it = await Stage.start({
    queuedInMemoryBytesMax: 1_000,
    queuedBytesTotalMax: 70_000,
    queuedBytesMax: 1e9,
  });
  const long = "x".repeat(40_000);
  for (let i = 0; i < 10; i++) {
    assertEquals(await it.publisher.publishAcknowledged("t", long, { qos: 1 }), ReasonCode.Success);
  }
  const { queuedMessages, queuedBytes } = it.broker.server.snapshot();
  assertEquals([queuedMessages, queuedBytes > 400_000], [10, true]);
  const client = await it.resume();
  for (let i = 0; i < 10; i++) {
    const { packetIdentifier, payload } = await client.expectPublish();
    assertEquals(payload.length, 40_000);
    await client.acknowledge(PacketType.Puback, packetIdentifier);
  }
});

Deno.test("[MQTT-4.6.0-6] live messages that arrive during the drain stay behind it, also while a read is under way", async () => {
  await using it = await Stage.start();
  await it.publish(1, 20);
  const client = await it.resume({ ...LASTING, receiveMaximum: 3 });
  assertEquals(await take(client, 4), range(1, 4));
  it.store.hold();
  const publishing = it.publish(21, 30);
  await it.store.held();
  it.store.release();
  await publishing;
  assertEquals(await take(client, 26), range(5, 30));
  await it.publish(31, 31);
  assertEquals(await take(client, 1), [31]);
  assertEquals(it.queued, 0);
});

Deno.test("the Client is not kept waiting by a disk that reads slowly: what needs no read goes on", async () => {
  await using it = await Stage.start({ queuedInMemoryBytesMax: 0 });
  await it.publish(1, 3);
  it.store.hold();
  const client = it.broker.client();
  await client.sendConnect({ clientId: "away", cleanStart: false, properties: LASTING });
  await it.store.held();
  it.store.commit();
  await client.expect(PacketType.Connack);
  await client.expectNothing(); // PINGRESP comes, and no message
  await it.publisher.publish("t", "now");
  assertEquals((await client.expectPublish()).text, "now", "QoS 0 has no place in the queue");
  assertEquals([it.store.readable, it.queued], [1, 3]);
  it.store.release();
  assertEquals(await take(client, 3), range(1, 3));
});

for (const qos of [1, 2] as const) {
  Deno.test(`a crash in the middle of the drain at QoS ${qos}: the rest comes after it, in order, nothing is lost`, async () => {
    await using it = await Stage.start();
    await it.publish(1, 40, { qos });
    const first = await it.resume({ ...LASTING, receiveMaximum: 4 });
    const before = await take(first, 15);
    await first.send({ type: PacketType.Pingreq });
    while ((await first.receive())?.type !== PacketType.Pingresp);
    await it.safe();
    it.store.hold();
    await it.crash();
    assert(it.queued >= 40 - 15, `${it.queued} are left`);
    const again = await it.resume({ ...LASTING, receiveMaximum: 4 });
    const after: number[] = [];
    while (after.at(-1) !== 40) after.push(...await take(again, 1));
    const fresh = after.filter((number) => !before.includes(number));
    assertEquals([...before, ...fresh], range(1, 40));
    if (qos === 1) assertEquals(after, [...after].sort((a, b) => a - b));
  });
}

Deno.test("a restart loads a long queue without its bodies, and counts it", async () => {
  await using it = await Stage.start();
  await it.publish(1, 30);
  await it.crash();
  assertEquals([it.queued, it.store.readsAnswered], [30, 0]);
  await it.publish(31, 33);
  const client = await it.resume();
  assertEquals(await take(client, 33), range(1, 33));
});

Deno.test("a read that fails is tried again later, the log says so once, and nothing is lost", async () => {
  await using it = await Stage.start({ queuedInMemoryBytesMax: 0 });
  await it.publish(1, 5);
  it.store.readError = new Error("no such sector");
  const client = await it.resume();
  await until(() => it.store.readsAnswered === 1);
  await it.publish(6, 6); // would ask again, if the failure had not to wait
  await it.broker.advance(1); // turns of the event loop
  await client.expectNothing();
  assertEquals([it.store.readsAnswered, it.queued], [1, 6]);
  await until(() => it.store.readsAnswered === 2);
  it.store.readError = undefined;
  assertEquals(await take(client, 6), range(1, 6));
  const said = it.broker.lines.filter(({ level, text }) => level === "error" && text.includes("no such sector"));
  assertEquals(said.length, 1);
});

Deno.test("a run that turns out shorter than the store had said ends, and the log says so", async () => {
  await using it = await Stage.start({ queuedInMemoryBytesMax: 0 });
  await it.publish(1, 5);
  const { readOutgoing } = it.store;
  it.store.readOutgoing = (clientId, first, last, bytesMax, answer) =>
    readOutgoing.call(it.store, clientId, first, last, bytesMax, (records) => {
      answer(Array.isArray(records) ? records.filter(({ position }) => position < 3) : records);
    });
  const client = await it.resume();
  assertEquals(await take(client, 2), [1, 2]);
  await until(() => it.queued === 0);
  assert(it.broker.lines.some(({ text }) => text.startsWith("3 queued messages of away are not in the store")));
  await it.publish(6, 6);
  assertEquals(await take(client, 1), [6]);
});

Deno.test("an answer for a session that has ended is ignored, also when its Client has a new one by then", async () => {
  await using it = await Stage.start({ queuedInMemoryBytesMax: 0 });
  await it.publish(1, 5);
  await it.publish(6, 6); // what is read was safe before
  it.store.hold();
  const first = it.broker.client();
  await first.sendConnect({ clientId: "away", cleanStart: false, properties: LASTING });
  await it.store.held();
  it.store.commit();
  await first.expect(PacketType.Connack);
  assertEquals(it.store.readable, 1);
  const second = it.broker.client();
  await second.sendConnect({ clientId: "away", properties: LASTING });
  await first.expectDisconnect(ReasonCode.SessionTakenOver);
  it.store.release();
  assertEquals((await second.expect(PacketType.Connack)).sessionPresent, false);
  await second.expectNothing();
  assertEquals([it.queued, it.store.readable], [0, 0]);
  await second.subscribe("t", { qos: 1 });
  await it.publish(7, 7);
  assertEquals(await take(second, 1), [7]);
});

Deno.test("[MQTT-4.1.0-1] a session resumed with Session Expiry 0 gets its long queue, then the store forgets it", async () => {
  await using it = await Stage.start();
  await it.publish(1, 30);
  const client = await it.resume({ sessionExpiryInterval: 0, receiveMaximum: 5 });
  assertEquals(await take(client, 3), range(1, 3));
  await it.publish(31, 33);
  assertEquals(await take(client, 30), range(4, 33));
  await client.expectNothing();
  // Nothing of it is left on the disk, nor told of any more.
  const { changes } = it.store;
  await it.publish(34, 34);
  assertEquals(await take(client, 1), [34]);
  await client.disconnect();
  assertEquals(it.store.changes, changes);
  await it.safe();
  let sessions = 0;
  await it.store.memory.load({
    session: () => sessions++,
    subscription() {},
    outgoing: () => assert(false, "a message is left"),
    queuedRun() {},
    incomingQoS2() {},
    retained() {},
  });
  assertEquals(sessions, 0);
});

Deno.test("a session resumed with Session Expiry 0 does not come back when the broker dies during the drain", async () => {
  await using it = await Stage.start();
  await it.publish(1, 30);
  const client = await it.resume({ sessionExpiryInterval: 0, receiveMaximum: 5 });
  await take(client, 3);
  await it.crash();
  const { sessions, queuedMessages } = it.broker.server.snapshot();
  assertEquals([sessions, queuedMessages], [1, 0], "the publisher's alone");
});

Deno.test("drop-oldest drops what is on the disk, too: the newest are kept", async () => {
  await using it = await Stage.start({ ...LIMITS, queuedMessagesMax: 20 });
  await it.publish(1, 30);
  assertEquals(it.queued, 20);
  assertEquals(await take(await it.resume(), 20), range(1, 20));

  await using other = await Stage.start({ ...LIMITS, queuedMessagesMax: 20, queuePolicy: "drop-oldest" });
  await other.publish(1, 30);
  await until(() => other.queued === 20);
  assertEquals(await take(await other.resume(), 20), range(11, 30));
});

Deno.test("[MQTT-3.3.2-5] expired messages on the disk are not sent", async () => {
  await using it = await Stage.start();
  for (let i = 1; i <= 30; i++) {
    await it.publish(i, i, i % 3 === 0 ? {} : { properties: { messageExpiryInterval: 10 } });
  }
  await it.broker.advance(20_000);
  assertEquals(await take(await it.resume(), 10), range(1, 10).map((i) => i * 3));
  await until(() => it.queued === 0);
});

for (const restarts of [false, true]) {
  Deno.test(`expired messages on the disk make room in a full queue${restarts ? ", also after a restart" : ""}`, async () => {
    await using it = await Stage.start({ ...LIMITS, queuedMessagesMax: 20 });
    await it.publish(1, 10);
    await it.publish(11, 20, { properties: { messageExpiryInterval: 10 } });
    await it.broker.advance(20_000);
    if (restarts) await it.crash();
    await it.publish(21, 21); // found it full, and is lost
    await until(() => it.queued === 10);
    await it.publish(22, 31);
    assertEquals(it.queued, 20);
    assertEquals(await take(await it.resume(), 20), [...range(1, 10), ...range(22, 31)]);
  });
}

Deno.test("[MQTT-4.8.2-5] what came by a Shared Subscription is handed over at once, from behind what is on the disk", async () => {
  await using it = await Stage.start({ queuedInMemoryBytesMax: 0 });
  const member = await it.resume({ ...LASTING, receiveMaximum: 1 });
  await member.subscribe("$share/g/s", { qos: 1 });
  await it.publish(1, 3);
  await it.publish(4, 6, { topicName: "s" });
  await it.publish(7, 8);
  assertEquals((await member.expectPublish()).text, "m1");
  const heir = await it.broker.connect({ clientId: "heir" });
  await heir.subscribe("$share/g/s", { qos: 1 });
  const reads = it.store.readsAnswered;
  await it.broker.lose(member);
  assertEquals(await take(heir, 3), [4, 5, 6]);
  assertEquals(it.store.readsAnswered, reads);
  assertEquals(await take(await it.resume(), 5), [1, 2, 3, 7, 8]);
});
