/** The disk refuses what it is given: nothing is acknowledged that it has not taken, and what needs no disk goes on.
 * @module */

import { assertEquals } from "@std/assert";
import { PacketType, ReasonCode } from "../../src/packet/mod.ts";
import { DelayedStore } from "../support/delayed_store.ts";
import { TestBroker, type TestBrokerOptions } from "../support/test_broker.ts";
import type { TestClient } from "../support/test_client.ts";
import { makeDispatcher } from "./support.ts";

const LASTING = { sessionExpiryInterval: 1000 };
const FULL = "database or disk is full";
const WHY = `the store cannot be written to: ${FULL}`;

/** A broker with a persisting subscriber of `kept` and a passing one of `passed`; then its disk is full. */
class Trouble implements AsyncDisposable {
  private constructor(
    readonly store: DelayedStore,
    readonly broker: TestBroker,
    readonly keeper: TestClient,
    readonly passing: TestClient,
  ) {}

  static async start(config: TestBrokerOptions["config"] = {}): Promise<Trouble> {
    const store = new DelayedStore();
    const broker = await TestBroker.start({ store, config });
    const keeper = await broker.connect({ clientId: "keeper", properties: LASTING });
    await keeper.subscribe("kept", { qos: 2 });
    const passing = await broker.connect({ clientId: "passing" });
    await passing.subscribe("passed", { qos: 2 });
    return new Trouble(store, broker, keeper, passing);
  }

  async begin(): Promise<void> {
    this.store.hold();
    this.store.trouble = FULL;
    await this.broker.advance(1);
  }

  end(): void {
    this.store.trouble = undefined;
    this.store.release();
  }

  logged(level: string): string[] {
    return this.broker.lines.filter((line) => line.level === level).map(({ text }) => text);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.broker[Symbol.asyncDispose]();
  }
}

Deno.test("5.0 publishers that need the disk hear 0x97 and why, at QoS 1 and 2, and for what is retained", async () => {
  await using it = await Trouble.start();
  const publisher = await it.broker.connect();
  await it.begin();
  const cases = [["kept", 1, false], ["kept", 2, false], ["r", 1, true], ["r", 2, true]] as const;
  for (const [topicName, qos, retain] of cases) {
    await publisher.publish(topicName, "x", { qos, retain });
    const answer = await publisher.expect(qos === 1 ? PacketType.Puback : PacketType.Pubrec);
    assertEquals([answer.reasonCode, answer.properties.reasonString], [ReasonCode.QuotaExceeded, WHY]);
  }
  it.end();
  assertEquals(await publisher.publishAcknowledged("kept", "y", { qos: 1 }), ReasonCode.Success);
  assertEquals((await it.keeper.expectPublish()).text, "y");
});

for (const qos of [1, 2] as const) {
  Deno.test(`what a 3.1.1 publisher sends at QoS ${qos} is taken, and acknowledged when the disk has it, not before`, async () => {
    await using it = await Trouble.start();
    const publisher = await it.broker.connect({ protocolVersion: 4 });
    await it.begin();
    await publisher.publish("kept", "x", { qos, packetIdentifier: 1 });
    await publisher.publish("r", "x", { qos, retain: true, packetIdentifier: 2 });
    await it.broker.advance(60_000);
    await publisher.expectNothing();
    it.end();
    for (const packetIdentifier of [1, 2]) {
      const answer = await publisher.expect(qos === 1 ? PacketType.Puback : PacketType.Pubrec);
      assertEquals(answer.packetIdentifier, packetIdentifier);
    }
    assertEquals((await it.keeper.expectPublish()).text, "x");
  });
}

Deno.test("3.1.1 publishers are not read from without bound while the disk refuses", async () => {
  await using it = await Trouble.start({ limits: { storeWaitingBytesMax: 10_000 } });
  const publisher = await it.broker.connect({ protocolVersion: 4 });
  await it.begin();
  const flood = (async () => {
    for (let i = 0; i < 100; i++) await publisher.publish("kept", "x".repeat(1_000), { qos: 1 });
  })();
  await it.store.held();
  await it.broker.advance(1);
  await it.passing.expectNothing(); // who needs no disk is read from
  assertEquals(it.store.waitingBytes < 15_000, true, `${it.store.waitingBytes} bytes wait`);
  it.end();
  await flood;
  for (let i = 0; i < 100; i++) await publisher.expect(PacketType.Puback);
});

Deno.test("what needs no disk goes on: QoS 0, QoS 1 and 2 to sessions that do not persist, SUBSCRIBE, PINGREQ, clean sessions", async () => {
  await using it = await Trouble.start();
  await it.begin();
  const clients = [
    await it.broker.connect({ clientId: "new" }),
    await it.broker.connect({ clientId: "old", protocolVersion: 4 }),
    await it.broker.connect({ clientId: "passing" }), // takes over
  ];
  await it.passing.expectDisconnect(ReasonCode.SessionTakenOver);
  for (const client of clients) {
    assertEquals((await client.subscribe(client.clientId, { qos: 2 })).reasonCodes, [2]);
    await client.publish("kept", client.clientId);
    assertEquals((await it.keeper.expectPublish()).text, client.clientId);
    for (const qos of [1, 2] as const) {
      await client.publish(client.clientId, "x", { qos });
      assertEquals((await client.expectPublish()).qos, qos);
      await client.expect(qos === 1 ? PacketType.Puback : PacketType.Pubrec);
    }
    await client.expectNothing();
    await client.unsubscribe(client.clientId);
    await client.disconnect();
  }
  // Retained at QoS 0: nobody is promised anything, and it is there for those who ask now.
  const client = await it.broker.connect();
  await client.publish("r", "x", { retain: true });
  await client.subscribe("r");
  assertEquals((await client.expectPublish()).text, "x");
  it.end();
});

Deno.test("what the disk must know is refused with 0x97: sessions that persist, their end, their subscriptions", async () => {
  await using it = await Trouble.start();
  await (await it.broker.connect({ clientId: "deleted", properties: LASTING })).disconnect();
  it.store.hold();
  const deleting = it.broker.client();
  await deleting.sendConnect({ clientId: "deleted" });
  await it.store.held();
  await it.begin();
  deleting.drop();
  await it.broker.advance(1);
  const cases = [
    { clientId: "new", properties: LASTING },
    { clientId: "keeper" },
    { clientId: "deleted" }, // after a crash it would be back
  ];
  for (const options of cases) {
    const client = it.broker.client();
    await client.sendConnect(options);
    const { reasonCode, properties } = await client.expect(PacketType.Connack);
    assertEquals([reasonCode, properties.reasonString], [ReasonCode.QuotaExceeded, WHY], options.clientId);
  }
  assertEquals((await it.keeper.subscribe("a")).reasonCodes, [ReasonCode.QuotaExceeded]);
  it.end();
  assertEquals((await it.keeper.subscribe("a")).reasonCodes, [0]);
});

Deno.test("a CONNECT that was waiting for the disk when the trouble began hears 0x97 and why, once its time is over", async () => {
  await using it = await Trouble.start();
  it.store.hold();
  const clients = [5, 4].map(() => it.broker.client());
  await clients[0].sendConnect({ clientId: "new", properties: LASTING });
  await clients[1].sendConnect({ clientId: "old", protocolVersion: 4, cleanStart: false });
  await it.store.held();
  await it.begin();
  await it.broker.advance(10_050);
  const connack = await clients[0].expect(PacketType.Connack);
  assertEquals([connack.reasonCode, connack.properties.reasonString], [ReasonCode.QuotaExceeded, WHY]);
  const { reasonCode, sessionPresent } = await clients[1].expect(PacketType.Connack);
  assertEquals([reasonCode === 0, sessionPresent], [false, false]);
  for (const client of clients) await client.expectClosed();
  it.end();
});

Deno.test("a Will Message is no reason to refuse a clean session; the store is told of it when it takes it again", async () => {
  await using it = await Trouble.start();
  await it.begin();
  const { changes } = it.store;
  const will = { topicName: "kept", qos: 1 } as const;
  const client = await it.broker.connect({ clientId: "c", will });
  await (await it.broker.connect({ clientId: "gone", will })).disconnect();
  assertEquals(it.store.changes, changes, "those that come and go do not make the batch grow");
  it.end();
  await it.broker.advance(1);
  assertEquals(it.store.changes, changes + 1);
  await it.keeper.subscribe("fence");
  await using next = await TestBroker.start({ store: it.store.crash(), clock: it.broker.clock });
  const again = await next.connect({ clientId: "keeper", cleanStart: false, properties: LASTING });
  assertEquals((await again.expectPublish()).topicName, "kept");
  client.drop();
});

Deno.test("the store is told of a Will Message that came during trouble too short for anybody to see", async () => {
  const store = new DelayedStore();
  store.hold();
  const broker = await makeDispatcher({}, 0, store);
  store.trouble = FULL;
  const will = { topicName: "w", payload: new Uint8Array(), qos: 0, retain: false, properties: {} } as const;
  broker.connect("c", { will });
  store.trouble = undefined;
  const { changes } = store;
  broker.pass(50);
  assertEquals(store.changes, changes + 1);
  broker.pass(50);
  assertEquals(store.changes, changes + 1, "once");
  store.release();
  let owed = "";
  await store.memory.load({
    session: ({ clientId, will }) => owed += `${clientId} ${will?.message.topicName}`,
    subscription() {},
    outgoing() {},
    queuedRun() {},
    incomingQoS2() {},
    retained() {},
  });
  assertEquals(owed, "c w");
});

Deno.test("the end of a clean session with a Will Message is no reason to let its Client wait", async () => {
  await using it = await Trouble.start();
  await it.passing.subscribe("w");
  const former = await it.broker.connect({ clientId: "c", will: { topicName: "w" } });
  await it.begin();
  await it.broker.connect({ clientId: "c" });
  await former.expectDisconnect(ReasonCode.SessionTakenOver);
  assertEquals((await it.passing.expectPublish()).topicName, "w");
  it.end();
});

Deno.test("the log says when the trouble begins, once a minute while it lasts, and when it is over", async () => {
  await using it = await Trouble.start();
  await it.begin();
  for (let i = 0; i < 3; i++) await it.broker.advance(1);
  assertEquals(it.logged("error").length, 1);
  assertEquals(it.logged("error")[0].includes(FULL), true);
  await it.broker.advance(60_000);
  await it.broker.advance(1);
  assertEquals(it.logged("error").length, 2);
  it.end();
  await it.broker.advance(1);
  assertEquals(it.logged("warning").map((text) => text.includes("again")), [true]);
  await it.broker.advance(120_000);
  assertEquals([it.logged("error").length, it.logged("warning").length], [2, 1]);
});

Deno.test('$SYS/broker/store/trouble is "ok", or why the disk refuses, as soon as it changes', async () => {
  await using it = await Trouble.start({ sysIntervalS: 3600 });
  await it.passing.subscribe("$SYS/broker/store/trouble");
  const first = await it.passing.expectPublish();
  assertEquals([first.text, first.retain], ["ok", true]);
  await it.begin();
  assertEquals((await it.passing.expectPublish()).text, FULL);
  it.end();
  await it.broker.advance(1);
  assertEquals((await it.passing.expectPublish()).text, "ok");
});

Deno.test("messages that are delivered during the trouble leave the store when it is over", async () => {
  await using it = await Trouble.start();
  const publisher = await it.broker.connect();
  await publisher.publishAcknowledged("kept", "x", { qos: 1 });
  const { packetIdentifier } = await it.keeper.expectPublish();
  await it.begin();
  await it.keeper.acknowledge(PacketType.Puback, packetIdentifier);
  await it.keeper.expectNothing();
  assertEquals(it.broker.server.snapshot().queuedMessages, 0);
  it.end();
  await it.keeper.subscribe("fence");
  await using next = await TestBroker.start({ store: it.store.crash(), clock: it.broker.clock });
  assertEquals(next.server.snapshot().queuedMessages, 0);
});
