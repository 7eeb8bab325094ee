/** A second broker on what the first one left: after an orderly end, and after a crash that loses what was not safe.
 * @module */

import { assertEquals } from "@std/assert";
import { PacketType, ReasonCode } from "../../src/packet/mod.ts";
import { DelayedStore } from "../support/delayed_store.ts";
import { TestBroker } from "../support/test_broker.ts";
import type { ConnectOptions, ReceivedPacket, TestClient } from "../support/test_client.ts";

const LASTING = { sessionExpiryInterval: 1000 };

/** Brokers that follow one another on one store. */
class Dynasty implements AsyncDisposable {
  readonly #brokers: TestBroker[] = [];
  store = new DelayedStore();

  static async start(): Promise<Dynasty> {
    const dynasty = new Dynasty();
    dynasty.#brokers.push(await TestBroker.start({ store: dynasty.store }));
    return dynasty;
  }

  get broker(): TestBroker {
    return this.#brokers.at(-1)!;
  }

  /** Ends the broker in order, and starts its successor `laterMs` after. */
  async restart(laterMs = 0): Promise<void> {
    const { broker } = this;
    const stopping = broker.server.stop();
    for (const client of broker.clients) client.drop();
    await stopping;
    this.store = new DelayedStore(this.store.memory);
    await this.#begin(laterMs);
  }

  /** The machine stops at this instant. */
  async crash(laterMs = 0): Promise<void> {
    this.store = this.store.crash();
    await this.#begin(laterMs);
  }

  async #begin(laterMs: number): Promise<void> {
    const { clock } = this.broker;
    clock.advance(laterMs);
    this.#brokers.push(await TestBroker.start({ store: this.store, clock }));
  }

  connect(clientId: string, options: ConnectOptions = {}): Promise<TestClient> {
    return this.broker.connect({ clientId, cleanStart: false, properties: LASTING, ...options });
  }

  /** A client that expects a session. */
  async resume(clientId: string, options: ConnectOptions = {}): Promise<TestClient> {
    const client = this.broker.client();
    const connack = await client.connect({ clientId, cleanStart: false, properties: LASTING, ...options });
    assertEquals(connack.sessionPresent, true, `${clientId} has no session`);
    return client;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const broker of this.#brokers) await broker[Symbol.asyncDispose]();
  }
}

/** What comes until everything before is safe: SUBACK of a session that persists tells. */
async function receiveAllThatIsSafe(client: TestClient): Promise<ReceivedPacket[]> {
  await client.send({
    type: PacketType.Subscribe,
    packetIdentifier: 1,
    subscriptions: [{ topicFilter: "fence", qos: 0, noLocal: false, retainAsPublished: false, retainHandling: 0 }],
    properties: {},
  });
  const packets: ReceivedPacket[] = [];
  for (;;) {
    const packet = await client.receive();
    if (packet === undefined) throw new Error("closed");
    if (packet.type === PacketType.Suback) return packets;
    packets.push(packet);
  }
}

const ENDS = { restart: "a restart", crash: "a crash" } as const;

for (const end of Object.keys(ENDS) as (keyof typeof ENDS)[]) {
  const after = ENDS[end];

  Deno.test(`Sessions and subscriptions with all their options are there after ${after}`, async () => {
    await using it = await Dynasty.start();
    const client = await it.connect("c");
    await client.subscribe("plain", { qos: 1, properties: { subscriptionIdentifiers: [7] } });
    await client.subscribe("own", { qos: 1, noLocal: true });
    await client.subscribe("kept", { retainAsPublished: true });
    await client.subscribe("gone", { qos: 1 });
    await client.unsubscribe("gone");
    await client.subscribe("$share/group/shared", { qos: 1 });
    await it[end]();

    const again = await it.resume("c");
    const publisher = await it.connect("p");
    await publisher.publish("plain", "", { qos: 2 });
    await publisher.publish("kept", "", { retain: true });
    await publisher.publish("gone", "");
    await publisher.publish("shared", "", { qos: 1 });
    await again.publish("own", "");
    await publisher.expect(PacketType.Pubrec);
    const received = (await again.receiveAll()).map((packet) =>
      packet.type === PacketType.Publish ? packet : undefined
    );
    assertEquals(
      received.map((p) => [p?.topicName, p?.qos, p?.retain, p?.properties.subscriptionIdentifiers]).sort(),
      [["kept", 0, true, undefined], ["plain", 1, false, [7]], ["shared", 1, false, undefined]],
    );
  });

  Deno.test(`Queued messages are there in their order after ${after}, with their properties`, async () => {
    await using it = await Dynasty.start();
    const client = await it.connect("c");
    await client.subscribe("#", { qos: 2 });
    await client.disconnect();
    const publisher = await it.connect("p");
    const messages = [["1", 1], ["2", 1], ["3", 2], ["4", 2]] as const;
    const properties = { contentType: "text/plain", userProperties: [["a", "b"]] as [string, string][] };
    for (const [text, qos] of messages) {
      await publisher.publishAcknowledged("t", text, {
        qos,
        properties: { ...properties, messageExpiryInterval: 100 },
      });
    }
    await it[end](30_000);
    const again = await it.resume("c");
    // The order is one of each QoS [MQTT-4.6.0-6]: those of QoS 2 leave when their Packet Identifiers are safe.
    for (const [text, qos] of messages) {
      const received = await again.expectPublish();
      assertEquals([received.text, received.qos, received.dup], [text, qos, false]);
      assertEquals(received.properties, { ...properties, messageExpiryInterval: 70 });
    }
    await again.expectNothing();
  });

  Deno.test(`Queued messages whose time passed meanwhile are not sent after ${after}`, async () => {
    await using it = await Dynasty.start();
    const client = await it.connect("c");
    await client.subscribe("#", { qos: 1 });
    await client.disconnect();
    const publisher = await it.connect("p");
    for (const messageExpiryInterval of [10, 20]) {
      const options = { qos: 1, properties: { messageExpiryInterval } } as const;
      await publisher.publishAcknowledged("t", String(messageExpiryInterval), options);
    }
    await it[end](15_000);
    const again = await it.resume("c");
    assertEquals((await again.expectPublish()).text, "20");
    await again.expectNothing();
  });

  Deno.test(`[MQTT-4.4.0-1] Messages in flight are repeated after ${after}: DUP, the same Packet Identifier, the same order`, async () => {
    await using it = await Dynasty.start();
    const client = await it.connect("c");
    await client.subscribe("#", { qos: 2 });
    const publisher = await it.connect("p");
    const sent: [string, number][] = [];
    for (const [text, qos] of [["1", 1], ["2", 2], ["3", 1], ["4", 2]] as const) {
      await publisher.publishAcknowledged("t", text, { qos });
      const received = await client.expectPublish();
      sent.push([received.text, received.packetIdentifier]);
    }
    await client.acknowledge(PacketType.Puback, sent[0][1]);
    await client.acknowledge(PacketType.Pubrec, sent[1][1]);
    await client.expect(PacketType.Pubrel);
    await it[end]();
    const again = await it.resume("c");
    // The QoS 2 message that was received waits for PUBCOMP only.
    assertEquals((await again.expect(PacketType.Pubrel)).packetIdentifier, sent[1][1]);
    for (const [text, packetIdentifier] of sent.slice(2)) {
      const received = await again.expectPublish();
      assertEquals([received.text, received.packetIdentifier, received.dup], [text, packetIdentifier, true]);
    }
    await again.acknowledge(PacketType.Pubcomp, sent[1][1]);
    await again.expectNothing();
  });

  Deno.test(`[MQTT-4.4.0-1] The same for messages that had waited in the queue before they were sent: ${after}`, async () => {
    await using it = await Dynasty.start();
    const first = await it.connect("c");
    await first.subscribe("#", { qos: 2 });
    await first.disconnect();
    const publisher = await it.connect("p");
    for (const text of ["1", "2", "3"]) await publisher.publishAcknowledged("t", text, { qos: 2 });
    const client = await it.resume("c");
    const sent = [await client.expectPublish(), await client.expectPublish(), await client.expectPublish()];
    await client.acknowledge(PacketType.Pubrec, sent[0].packetIdentifier);
    await client.expect(PacketType.Pubrel);
    await client.acknowledge(PacketType.Pubcomp, sent[0].packetIdentifier);
    await client.expectNothing();
    await publisher.publishAcknowledged("t", "4", { qos: 2 });
    sent.push(await client.expectPublish());
    await it[end]();
    const again = await it.resume("c");
    for (const { text, packetIdentifier } of sent.slice(1)) {
      const received = await again.expectPublish();
      assertEquals([received.text, received.packetIdentifier, received.dup], [text, packetIdentifier, true]);
    }
    await again.expectNothing();
  });

  Deno.test(`[MQTT-4.4.0-1] A QoS 1 message sent from the queue keeps its Packet Identifier and is a repeat after ${after}`, async () => {
    await using it = await Dynasty.start();
    const client = await it.connect("c", { properties: { ...LASTING, receiveMaximum: 1 } });
    await client.subscribe("#", { qos: 1 });
    const publisher = await it.connect("p");
    for (const text of ["1", "2"]) await publisher.publishAcknowledged("t", text, { qos: 1 });
    const first = await client.expectPublish();
    await client.acknowledge(PacketType.Puback, first.packetIdentifier);
    const second = await client.expectPublish();
    await client.subscribe("fence"); // its SUBACK comes when all before is safe
    await it[end]();
    const again = await it.resume("c");
    const received = await again.expectPublish();
    assertEquals([received.text, received.packetIdentifier, received.dup], ["2", second.packetIdentifier, true]);
    await again.expectNothing();
  });

  Deno.test(`The publisher's half of QoS 2 goes on after ${after}: no second message, and PUBREL finds its identifier`, async () => {
    await using it = await Dynasty.start();
    const client = await it.connect("c");
    await client.subscribe("t", { qos: 1 });
    const publisher = await it.connect("p");
    await publisher.publish("t", "once", { qos: 2, packetIdentifier: 77 });
    await publisher.expect(PacketType.Pubrec);
    await client.acknowledge(PacketType.Puback, (await client.expectPublish()).packetIdentifier);
    await client.subscribe("fence");
    await it[end]();
    const again = await it.resume("p");
    await again.publish("t", "once", { qos: 2, packetIdentifier: 77, dup: true });
    await again.expect(PacketType.Pubrec);
    await again.acknowledge(PacketType.Pubrel, 77);
    assertEquals((await again.expect(PacketType.Pubcomp)).reasonCode, ReasonCode.Success);
    await (await it.resume("c")).expectNothing();
    // PUBCOMP was the end of it, also for the next broker.
    await it[end]();
    const last = await it.resume("p");
    await last.acknowledge(PacketType.Pubrel, 77);
    assertEquals((await last.expect(PacketType.Pubcomp)).reasonCode, ReasonCode.PacketIdentifierNotFound);
  });

  Deno.test(`Retained messages are there after ${after}, replaced, cleared and expired as they were`, async () => {
    await using it = await Dynasty.start();
    const publisher = await it.connect("p");
    const retain = { qos: 1, retain: true } as const;
    await publisher.publishAcknowledged("a", "old", retain);
    await publisher.publishAcknowledged("a", "new", { ...retain, properties: { contentType: "text/plain" } });
    await publisher.publishAcknowledged("b", "cleared", retain);
    await publisher.publishAcknowledged("b", "", retain);
    await publisher.publishAcknowledged("c", "10", { ...retain, properties: { messageExpiryInterval: 10 } });
    await publisher.publishAcknowledged("d", "20", { ...retain, properties: { messageExpiryInterval: 20 } });
    await it[end](15_000);
    const client = await it.connect("c");
    await client.subscribe("#");
    const received = [await client.expectPublish(), await client.expectPublish()];
    assertEquals(received.map(({ topicName, text, properties }) => [topicName, text, properties]).sort(), [
      ["a", "new", { contentType: "text/plain" }],
      ["d", "20", { messageExpiryInterval: 5 }],
    ]);
    await client.expectNothing();
  });

  Deno.test(`[MQTT-4.1.0-2] Sessions expire by the wall clock over ${after}`, async () => {
    await using it = await Dynasty.start();
    const away = await it.connect("away", { properties: { sessionExpiryInterval: 100 } });
    await away.disconnect();
    await it.connect("there", { properties: { sessionExpiryInterval: 100 } });
    await it[end](50_000);
    await it.broker.advance(50_050);
    // The one that was connected lost its connection only when the broker ended.
    assertEquals(it.broker.server.snapshot().sessions, end === "crash" ? 1 : 0);
    await it[end](0);
    assertEquals(it.broker.server.snapshot().sessions, end === "crash" ? 1 : 0);
  });

  Deno.test(`[MQTT-4.1.0-2] A session that expired during ${after} is not resumed, not even at once`, async () => {
    await using it = await Dynasty.start();
    await (await it.connect("c", { properties: { sessionExpiryInterval: 10 } })).disconnect();
    await it.connect("fence"); // its CONNACK comes when all before is safe
    await it[end](10_000);
    const client = it.broker.client();
    assertEquals((await client.connect({ clientId: "c", cleanStart: false })).sessionPresent, false);
  });

  Deno.test(`Sessions that end with their connection are not there after ${after}`, async () => {
    await using it = await Dynasty.start();
    const client = await it.connect("c", { properties: {} });
    await client.subscribe("a", { qos: 1 });
    await it[end]();
    const { sessions, subscriptions } = it.broker.server.snapshot();
    assertEquals({ sessions, subscriptions }, { sessions: 0, subscriptions: 0 });
  });

  Deno.test(`[MQTT-3.1.2-8] The will of a Client that was connected is sent over ${after}, once`, async () => {
    await using it = await Dynasty.start();
    const watcher = await it.connect("watcher");
    await watcher.subscribe("will", { qos: 1 });
    await it.connect("c", { will: { topicName: "will", qos: 1 } });
    await it[end]();
    const again = await it.resume("watcher");
    const { packetIdentifier } = await again.expectPublish();
    await again.acknowledge(PacketType.Puback, packetIdentifier);
    await again.subscribe("fence");
    await it[end]();
    const last = await it.resume("watcher");
    await it.broker.advance(1000);
    await last.expectNothing();
  });

  Deno.test(`[MQTT-3.1.2-8] [MQTT-3.1.3-9] A delayed will waits over ${after}, and its Client may still cancel it`, async () => {
    await using it = await Dynasty.start();
    const watcher = await it.connect("watcher");
    await watcher.subscribe("+", { qos: 1 });
    for (const clientId of ["sent", "cancelled"]) {
      const will = { topicName: clientId, qos: 1, properties: { willDelayInterval: 60 } } as const;
      await it.broker.lose(await it.connect(clientId, { will }));
    }
    await watcher.subscribe("fence");
    await it[end](30_000);
    const again = await it.resume("watcher");
    await it.resume("cancelled");
    await it.broker.advance(29_900);
    await again.expectNothing();
    await it.broker.advance(150);
    assertEquals((await again.expectPublish()).topicName, "sent");
    await it.broker.advance(100_000);
    await again.expectNothing();
  });
}

Deno.test("A crash loses nothing that was acknowledged, and what was not may come again", async () => {
  await using it = await Dynasty.start();
  const client = await it.connect("c");
  await client.subscribe("t", { qos: 1 });
  await client.disconnect();
  const publisher = await it.connect("p");
  await publisher.publishAcknowledged("t", "safe", { qos: 1 });
  it.store.hold();
  await publisher.publish("t", "not safe", { qos: 1 });
  await it.store.held();
  await publisher.expectNothing(); // no PUBACK
  await it.crash();
  const again = await it.resume("c");
  assertEquals((await again.expectPublish()).text, "safe");
  await again.expectNothing();
});

Deno.test("A crash at any instant of a QoS 2 exchange: the subscriber has the message once", async () => {
  // After so many batches the disk stops.
  for (let batches = 0; batches <= 4; batches++) {
    await using it = await Dynasty.start();
    const client = await it.connect("c");
    await client.subscribe("t", { qos: 2 });
    const publisher = await it.connect("p");
    it.store.hold();
    let delivered = 0;
    let packetIdentifier = 0;
    await publisher.publish("t", "once", { qos: 2, packetIdentifier: 5 });
    await it.store.held();
    for (let batch = 0; batch < batches; batch++) {
      if (it.store.waiting === 0) break;
      it.store.commit(1);
      for (const packet of await client.receiveAll()) {
        if (packet.type === PacketType.Publish) {
          delivered++;
          packetIdentifier = packet.packetIdentifier;
          await client.acknowledge(PacketType.Pubrec, packetIdentifier);
        } else if (packet.type === PacketType.Pubrel) {
          await client.acknowledge(PacketType.Pubcomp, packet.packetIdentifier);
          packetIdentifier = 0;
        }
      }
      await client.expectNothing();
    }
    await it.crash();
    // Both sides resume as the specification says: the Client remembers the identifiers that it has not released.
    const again = await it.resume("p");
    await again.publish("t", "once", { qos: 2, packetIdentifier: 5, dup: true });
    await again.expect(PacketType.Pubrec);
    const subscriber = await it.resume("c");
    for (const packet of await receiveAllThatIsSafe(subscriber)) {
      if (packet.type !== PacketType.Publish) continue;
      if (packet.packetIdentifier !== packetIdentifier) delivered++;
    }
    assertEquals(delivered, 1, `after ${batches} batches`);
  }
});
