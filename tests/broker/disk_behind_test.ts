/** As much waits for the disk as may wait (`limits.storeWaitingBytesMax`), be it slow or in trouble: who is held, who is
 * refused, and who goes on. @module */

import { assert, assertEquals } from "@std/assert";
import { PacketType, type ProtocolVersion, type QoS, ReasonCode } from "../../src/packet/mod.ts";
import { DelayedStore } from "../support/delayed_store.ts";
import { TestBroker } from "../support/test_broker.ts";
import type { ConnectOptions, TestClient } from "../support/test_client.ts";

const LASTING = { sessionExpiryInterval: 1000 };
const FULL = "database or disk is full";
const WAITING_BYTES_MAX = 10_000;
const MESSAGE_BYTES = 4_000;
/** Takes what waits beyond the limit. */
const LARGE = "x".repeat(WAITING_BYTES_MAX);

/** A broker with a persisting subscriber of `kept`; then its disk writes nothing any more. */
class Stage implements AsyncDisposable {
  private constructor(readonly store: DelayedStore, readonly broker: TestBroker, readonly keeper: TestClient) {}

  static async start(): Promise<Stage> {
    const store = new DelayedStore();
    const config = { limits: { storeWaitingBytesMax: WAITING_BYTES_MAX } };
    const broker = await TestBroker.start({ store, config });
    const keeper = await broker.connect({ clientId: "keeper", properties: LASTING });
    await keeper.subscribe("kept", { qos: 2 });
    return new Stage(store, broker, keeper);
  }

  slow(): void {
    this.store.hold();
  }

  async refuse(): Promise<void> {
    this.store.hold();
    this.store.trouble = FULL;
    await this.broker.advance(1);
  }

  recover(): void {
    this.store.trouble = undefined;
    this.store.release();
  }

  /** A 3.1.1 publisher brings so much that the disk is behind, and is held. */
  async fill(options: ConnectOptions = {}): Promise<TestClient> {
    const publisher = await this.broker.connect({ protocolVersion: 4, ...options });
    await publisher.publish("kept", LARGE, { qos: 1 });
    await this.heldActions(1);
    return publisher;
  }

  /** Until so many acknowledgements and deliveries wait for the disk. */
  async heldActions(count: number): Promise<void> {
    const endMs = Date.now() + 5_000;
    while (this.broker.server.snapshot().heldActions !== count) {
      assert(Date.now() < endMs, `${this.broker.server.snapshot().heldActions} actions wait`);
      await new Promise((resolve) => setTimeout(resolve));
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.recover();
    await this.broker[Symbol.asyncDispose]();
  }
}

for (const qos of [1, 2] as const) {
  Deno.test(`3.x publishers at QoS ${qos} that come again and again do not make what waits for a refusing disk grow`, async () => {
    await using it = await Stage.start();
    await it.refuse();
    // The third one is beyond the limit: from then on each is closed without an acknowledgement, and takes nothing in.
    for (let taken = 1; taken <= 3; taken++) {
      const publisher = await it.broker.connect({ clientId: "p", protocolVersion: 4 });
      await publisher.publish("kept", "x".repeat(MESSAGE_BYTES), { qos });
      await it.heldActions(qos === 1 ? taken : 2 * taken);
    }
    const { waitingBytes } = it.store;
    assert(waitingBytes > WAITING_BYTES_MAX && waitingBytes < WAITING_BYTES_MAX + 1.5 * MESSAGE_BYTES);
    for (const protocolVersion of [3, 4] as ProtocolVersion[]) {
      for (let i = 0; i < 5; i++) {
        const publisher = await it.broker.connect({ clientId: "p", protocolVersion });
        await publisher.publish("kept", "x".repeat(MESSAGE_BYTES), { qos });
        await publisher.expectClosed();
      }
    }
    assertEquals(it.store.waitingBytes, waitingBytes);
    assert(it.broker.lines.some(({ text }) => text.includes("as much waits for it as may wait")));
  });
}

Deno.test("while as much waits for a refusing disk as may wait: 5.0 hears 0x97, and who needs no disk goes on", async () => {
  await using it = await Stage.start();
  await it.refuse();
  await it.fill();
  const modern = await it.broker.connect();
  for (const qos of [1, 2] as const) {
    assertEquals(await modern.publishAcknowledged("kept", "x", { qos }), ReasonCode.QuotaExceeded);
  }
  const old = await it.broker.connect({ protocolVersion: 4 });
  await old.subscribe("passed", { qos: 2 });
  for (const qos of [0, 1, 2] as QoS[]) {
    for (const publisher of [modern, old]) {
      if (qos === 0) await publisher.publish("passed", "x");
      else if (publisher === modern) assertEquals(await modern.publishAcknowledged("passed", "x", { qos }), 0);
      else await old.publish("passed", "x", { qos });
    }
  }
  let delivered = 0;
  let acknowledged = 0;
  for (const { type } of await old.receiveAll()) {
    if (type === PacketType.Publish) delivered++;
    else if (type === PacketType.Puback || type === PacketType.Pubrec) acknowledged++;
  }
  assertEquals([delivered, acknowledged], [6, 2]);
});

Deno.test("a subscriber that only acknowledges is not held while the disk is behind", async () => {
  await using it = await Stage.start();
  const publisher = await it.broker.connect();
  // One message that waits for PUBCOMP, one for PUBREC, and one for PUBACK.
  for (const qos of [2, 2, 1] as const) await publisher.publishAcknowledged("kept", "x", { qos });
  const open = [await it.keeper.expectPublish(), await it.keeper.expectPublish(), await it.keeper.expectPublish()]
    .map(({ packetIdentifier }) => packetIdentifier);
  await it.keeper.acknowledge(PacketType.Pubrec, open[0]);
  await it.keeper.expect(PacketType.Pubrel);
  it.slow();
  await it.fill();
  assertEquals((await it.keeper.expectPublish()).text, LARGE);
  const acknowledgements = [
    [PacketType.Pubcomp, open[0]],
    [PacketType.Pubrec, open[1]],
    [PacketType.Puback, open[2]],
  ] as const;
  for (const [type, packetIdentifier] of acknowledgements) {
    const { changes } = it.store;
    await it.keeper.acknowledge(type, packetIdentifier);
    await it.keeper.expectNothing(); // PINGRESP comes
    assertEquals(it.store.changes, changes + 1, "the disk is told");
  }
});

const MORE = {
  "a PUBLISH": (client: TestClient) => client.publish("kept", "y", { qos: 1 }),
  "a SUBSCRIBE": (client: TestClient) =>
    client.send({
      type: PacketType.Subscribe,
      packetIdentifier: 1,
      subscriptions: [{ topicFilter: "a", qos: 1, noLocal: false, retainAsPublished: false, retainHandling: 0 }],
      properties: {},
    }),
};
for (const [what, send] of Object.entries(MORE)) {
  Deno.test(`who brings ${what} that the disk must have is held while it is behind, and let go when it has caught up`, async () => {
    await using it = await Stage.start();
    // A disk that is only slow is no reason to close a 3.x publisher.
    const options = what === "a PUBLISH" ? { protocolVersion: 4 } as const : { properties: LASTING };
    const client = await it.broker.connect({ clientId: "c", ...options });
    it.slow();
    await it.fill();
    const { changes } = it.store;
    await send(client);
    await client.send({ type: PacketType.Pingreq });
    await it.heldActions(2);
    // Others are answered, and so would this one be.
    await it.keeper.expectPublish();
    if (what === "a PUBLISH") await it.keeper.expectPublish();
    await it.keeper.expectNothing();
    assertEquals(it.store.changes, changes + 1);
    it.recover();
    const types = [(await client.receive())?.type, (await client.receive())?.type];
    // What waited for the disk comes before what was sent behind it.
    assertEquals(types, [what === "a PUBLISH" ? PacketType.Puback : PacketType.Suback, PacketType.Pingresp]);
  });
}

Deno.test("a CONNECT that the disk must know of is refused while it is behind: 0x89, or 3; any other is served", async () => {
  await using it = await Stage.start();
  await (await it.broker.connect({ clientId: "away", properties: LASTING })).disconnect();
  it.slow();
  await it.fill();
  const will = { topicName: "w" };
  const refused: ConnectOptions[] = [
    { clientId: "new", properties: LASTING },
    { clientId: "new", will },
    { clientId: "new", protocolVersion: 4, cleanStart: false },
    { clientId: "new", protocolVersion: 3, cleanStart: false },
    { clientId: "new", protocolVersion: 4, will },
    { clientId: "away", cleanStart: false, properties: LASTING },
    { clientId: "away" }, // ends a session that persists
  ];
  const { changes } = it.store;
  for (const options of refused) {
    const client = it.broker.client();
    await client.sendConnect(options);
    const { reasonCode, sessionPresent } = await client.expect(PacketType.Connack);
    // The decoder translates 3, Server unavailable.
    const expected = (options.protocolVersion ?? 5) === 5 ? ReasonCode.ServerBusy : ReasonCode.ServerUnavailable;
    assertEquals([reasonCode, sessionPresent], [expected, false], Deno.inspect(options));
    await client.expectClosed();
  }
  for (const protocolVersion of [3, 4, 5] as ProtocolVersion[]) {
    await (await it.broker.connect({ clientId: "new", protocolVersion })).expectNothing();
  }
  assertEquals(it.store.changes, changes);
  it.recover();
  await it.heldActions(0);
  const back = it.broker.client();
  assertEquals((await back.connect({ clientId: "away", cleanStart: false, properties: LASTING })).sessionPresent, true);
});

for (const isRefusing of [true, false]) {
  const how = isRefusing ? "refuses ends by its Keep Alive" : "is slow does not end by its Keep Alive";
  Deno.test(`[MQTT-3.1.2-22] a publisher that is held by a disk that ${how}`, async () => {
    await using it = await Stage.start();
    if (isRefusing) await it.refuse();
    else it.slow();
    const publisher = await it.fill({ keepAlive: 10 });
    await it.broker.advance(14_900);
    assertEquals(it.broker.server.snapshot().connections, 2);
    for (let i = 0; i < 5; i++) await it.broker.advance(14_900);
    assertEquals(it.broker.server.snapshot().connections, isRefusing ? 1 : 2);
    if (isRefusing) return await publisher.expectClosed();
    it.recover();
    await publisher.expect(PacketType.Puback);
    await publisher.expectNothing();
    // From now on its Keep Alive counts.
    await it.broker.advance(14_900);
    assertEquals(it.broker.server.snapshot().connections, 2);
    await it.broker.advance(200);
    await publisher.expectClosed();
  });
}

Deno.test("[MQTT-4.3.3-6] PUBREC 0x80 after PUBREC 0x00 changes nothing: PUBREL is repeated, also after a crash", async () => {
  const store = new DelayedStore();
  await using broker = await TestBroker.start({ store });
  const keeper = await broker.connect({ clientId: "keeper", properties: LASTING });
  await keeper.subscribe("kept", { qos: 2 });
  await (await broker.connect()).publishAcknowledged("kept", "x", { qos: 2 });
  const { packetIdentifier } = await keeper.expectPublish();
  await keeper.acknowledge(PacketType.Pubrec, packetIdentifier);
  await keeper.expect(PacketType.Pubrel);
  const { changes } = store;
  await keeper.acknowledge(PacketType.Pubrec, packetIdentifier, ReasonCode.UnspecifiedError);
  await keeper.expectNothing();
  assertEquals([store.changes, broker.server.snapshot().queuedMessages], [changes, 1]);
  await keeper.subscribe("fence"); // all that was told is safe
  await using next = await TestBroker.start({ store: store.crash(), clock: broker.clock });
  const again = await next.connect({ clientId: "keeper", cleanStart: false, properties: LASTING });
  assertEquals((await again.expect(PacketType.Pubrel)).packetIdentifier, packetIdentifier);
  await again.acknowledge(PacketType.Pubcomp, packetIdentifier);
  await again.expectNothing();
  assertEquals(next.server.snapshot().queuedMessages, 0);
});
