/** Clients that do not read, or read a trickle: they cost a bounded amount, and the others do not notice. @module */

import { assert, assertEquals } from "@std/assert";
import { PacketType } from "../../src/packet/mod.ts";
import { TestBroker } from "../support/test_broker.ts";
import type { ReceivedPacket, TestClient } from "../support/test_client.ts";
import { assertServes, SMALL_LIMITS, SocketBroker, until } from "./support.ts";

const KiB = 1024;
const PAYLOAD = new Uint8Array(32 * KiB);

/** Takes `count` messages, acknowledges those at QoS 1, and looks that they come in order. */
async function takeAll(client: TestClient, count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    const publish = await client.expectPublish();
    assertEquals(new DataView(publish.payload.buffer).getUint32(0), i, "in order, none missing");
    if (publish.qos === 1) await client.acknowledge(PacketType.Puback, publish.packetIdentifier);
  }
}

async function flood(client: TestClient, topicName: string, count: number, qos: 0 | 1): Promise<void> {
  const payload = PAYLOAD.slice();
  const view = new DataView(payload.buffer);
  for (let i = 0; i < count; i++) {
    view.setUint32(0, i);
    await client.publish(topicName, payload, { qos });
    if (qos === 1) await client.expect(PacketType.Puback);
  }
}

for (const qos of [0, 1] as const) {
  for (const slowCount of [1, 20]) {
    const name = `${slowCount} subscriber(s) that never read, flooded at QoS ${qos}: another gets everything, their ` +
      `bytes are bounded, and what is lost is counted`;
    Deno.test(name, async () => {
      // All ends share this process, so each gets a fraction of it: they are given some patience and some room.
      const limits = {
        ...SMALL_LIMITS,
        outboundBytesMax: 4096 * KiB,
        queuedMessagesMax: 20,
        queuedBytesMax: 1024 * KiB,
        backpressureMsMax: 1500,
      };
      await using broker = await SocketBroker.start({ limits, sysIntervalS: 1 });
      for (let i = 0; i < slowCount; i++) await (await broker.connect()).subscribe("flood", { qos });
      const healthy = await broker.connect();
      await healthy.subscribe("flood", { qos });
      const publisher = await broker.connect();
      // Enough to fill the sockets' own buffers, some MiB each, and ours.
      const count = 1000;
      const taking = takeAll(healthy, count);
      let bytesMax = 0;
      let queuedMax = 0;
      const watching = setInterval(() => {
        const { outboundBytes, queuedBytes } = broker.server.snapshot();
        bytesMax = Math.max(bytesMax, outboundBytes);
        queuedMax = Math.max(queuedMax, queuedBytes);
      }, 1);
      await Promise.all([flood(publisher, "flood", count, qos), taking]);
      clearInterval(watching);
      const allowed = (slowCount + 1) * (limits.outboundBytesMax + PAYLOAD.length + 1024);
      assert(bytesMax <= allowed, `${bytesMax} bytes waited, more than ${allowed}`);
      // As much in flight as in the queue.
      assert(queuedMax <= 2 * (slowCount + 1) * limits.queuedBytesMax, `${queuedMax} bytes were queued`);
      await assertServes(healthy);

      await healthy.subscribe("$SYS/broker/publish/messages/dropped");
      let dropped = 0;
      while (dropped === 0) dropped = Number((await healthy.expectPublish()).text);
      assert(dropped > 0);
    });
  }
}

Deno.test("A subscriber that never reads holds its publisher back once, until backpressureMsMax has passed", async () => {
  const limits = { ...SMALL_LIMITS, backpressureMsMax: 200 };
  await using broker = await TestBroker.start({ config: { limits } });
  const slow = await broker.connect();
  await slow.subscribe("flood");
  const publisher = await broker.connect();
  const other = await broker.connect();

  let published = 0;
  const flooding = (async () => {
    for (; published < 60; published++) await publisher.publish("flood", PAYLOAD);
  })();
  flooding.catch(() => {});
  // 64 KiB are under way to the subscriber, more waits for it; then the broker stops reading, and so writing stops.
  await until(() => broker.server.snapshot().outboundBytes > 0, "the subscriber is behind");
  for (let i = 0; i < 10; i++) await assertServes(other);
  const heldAt = published;
  assert(heldAt < 20, `${heldAt} messages were taken while the publisher should wait`);
  assertEquals(broker.lines.filter(({ text }) => text.includes("reads too slowly")).length, 0);

  await broker.advance(limits.backpressureMsMax + 100);
  await flooding; // the fake clock stands still: nothing holds the publisher a second time
  assertEquals(broker.lines.filter(({ text }) => text.includes("reads too slowly")).length, 1);
  assert(broker.server.snapshot().outboundBytes <= limits.outboundBytesMax);
  await assertServes(other);
});

for (const count of [100]) {
  Deno.test(`${count} subscribers that never read hold a publisher back together, not one after the other`, async () => {
    const limits = { ...SMALL_LIMITS, backpressureMsMax: 200 };
    await using broker = await TestBroker.start({ config: { limits } });
    for (let i = 0; i < count; i++) await (await broker.connect()).subscribe("flood");
    const publisher = await broker.connect();
    const other = await broker.connect();
    let isDone = false;
    const flooding = (async () => {
      for (let i = 0; i < 60; i++) await publisher.publish("flood", PAYLOAD);
      isDone = true;
    })();
    flooding.catch(() => {});
    await until(() => broker.server.snapshot().outboundBytes > count * 10, "all are behind");
    await assertServes(other);
    await broker.advance(limits.backpressureMsMax + 100);
    await flooding;
    assert(isDone);
    assert(broker.server.snapshot().outboundBytes <= count * limits.outboundBytesMax);
    assertEquals(broker.lines.filter(({ text }) => text.includes("reads too slowly")).length, count);
  });
}

Deno.test("A subscriber that reads a trickle gets what fits, in order, and the publisher ends", async () => {
  await using broker = await TestBroker.start({ config: { limits: SMALL_LIMITS } });
  const trickle = broker.client({ readBytesMax: 512, bufferBytes: 2048 });
  await trickle.connect();
  await trickle.subscribe("flood");
  const publisher = await broker.connect();
  const ticking = setInterval(() => broker.clock.advance(50), 5);
  try {
    let last = -1;
    let isDone = false;
    const reading = (async () => {
      while (!isDone) {
        const packet = await trickle.receive();
        if (packet?.type !== PacketType.Publish) break;
        const number = new DataView(packet.payload.buffer).getUint32(0);
        assert(number > last, "in order");
        last = number;
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
    })();
    await flood(publisher, "flood", 200, 0);
    isDone = true;
    await publisher.publish("flood", new Uint8Array([0xff, 0, 0, 0]));
    trickle.drop();
    await reading.catch(() => {});
    assert(last >= 0);
    await assertServes(publisher);
  } finally {
    clearInterval(ticking);
  }
});

Deno.test("A publisher that outruns a subscriber at half its speed loses nothing at QoS 0", async () => {
  // The default limits are what users have. But what a busy machine takes from this process is not the subscriber's slowness.
  await using broker = await SocketBroker.start({ limits: { backpressureMsMax: 3000 } });
  const subscriber = await broker.connect();
  await subscriber.subscribe("fast");
  const publisher = await broker.connect();
  const count = 1500;
  const taking = (async () => {
    let burst = 0;
    for (let i = 0; i < count; i++) {
      const publish = await subscriber.expectPublish();
      assertEquals(new DataView(publish.payload.buffer).getUint32(0), i);
      // Some 30 MB/s, where the publisher could do ten times as much.
      if (++burst === 64) {
        burst = 0;
        await new Promise((resolve) => setTimeout(resolve, 40));
      }
    }
  })();
  await Promise.all([flood(publisher, "fast", count, 0), taking]);
});

Deno.test("A client that publishes to itself and does not read goes on after backpressureMsMax, and gets all of QoS 1", async () => {
  await using broker = await SocketBroker.start({ limits: { ...SMALL_LIMITS, backpressureMsMax: 50 } });
  const client = await broker.connect();
  await client.subscribe("self", { qos: 1 });
  const count = 300;
  // Writes all before it reads anything: the sockets' buffers take what the broker does not.
  const payload = new Uint8Array(16 * KiB);
  const writing = (async () => {
    for (let i = 0; i < count; i++) {
      new DataView(payload.buffer).setUint32(0, i);
      await client.publish("self", payload, { qos: 1 });
    }
  })();
  await writing;
  let pubacks = 0;
  let publishes = 0;
  while (pubacks < count || publishes < count) {
    const packet = await client.receive();
    if (packet?.type === PacketType.Puback) pubacks++;
    else if (packet?.type === PacketType.Publish) {
      assertEquals(new DataView(packet.payload.buffer).getUint32(0), publishes++);
      await client.acknowledge(PacketType.Puback, packet.packetIdentifier);
    }
  }
});

Deno.test("Two clients that publish to each other with full queues do not lock each other", async () => {
  const limits = { ...SMALL_LIMITS, queuedMessagesMax: 16, outgoingInFlightMax: 4, backpressureMsMax: 100 };
  await using broker = await TestBroker.start({ config: { limits } });
  const clients = [await broker.connect({ clientId: "left" }), await broker.connect({ clientId: "right" })];
  await clients[0].subscribe("to/left", { qos: 1 });
  await clients[1].subscribe("to/right", { qos: 1 });
  const ticking = setInterval(() => broker.clock.advance(50), 5);
  try {
    const count = 200;
    // Each writes everything, then answers: until then both queues are full and nobody acknowledges.
    await Promise.all(clients.map(async (client, i) => {
      const topicName = i === 0 ? "to/right" : "to/left";
      for (let n = 0; n < count; n++) await client.publish(topicName, `${n}`, { qos: 1 });
    }));
    for (const client of clients) {
      let pubacks = 0;
      let received = 0;
      while (pubacks < count || received < limits.queuedMessagesMax + limits.outgoingInFlightMax) {
        const packet = await client.receive();
        if (packet?.type === PacketType.Puback) pubacks++;
        else if (packet?.type === PacketType.Publish) {
          received++;
          await client.acknowledge(PacketType.Puback, packet.packetIdentifier);
        }
      }
    }
    for (const client of clients) await client.receiveAll();
  } finally {
    clearInterval(ticking);
  }
});

const QUESTIONS = {
  "PINGREQ": new Uint8Array([0xc0, 0x00]),
  "SUBSCRIBE": new Uint8Array([0x82, 0x07, 0x00, 0x01, 0x00, 0x00, 0x01, 0x61, 0x00]),
  "PUBREL": new Uint8Array([0x62, 0x02, 0x00, 0x01]),
};
for (const [name, question] of Object.entries(QUESTIONS)) {
  Deno.test(`A flood of ${name} by a client that does not read its answers is not read any more when they are too many`, async () => {
    const limits = { ...SMALL_LIMITS, maximumPacketSize: 4096, outboundBytesMax: 8192, outboundMarkBytes: 4096 };
    await using broker = await TestBroker.start({ config: { limits } });
    const other = await broker.connect();
    const deaf = await broker.connect({ keepAlive: 10 });
    const questions = new Uint8Array(question.length * 300);
    for (let at = 0; at < questions.length; at += question.length) questions.set(question, at);
    let written = 0;
    const flooding = (async () => {
      for (; written < 3_000; written++) await deaf.sendBytes(questions);
    })().catch(() => {});
    await until(() => broker.server.snapshot().outboundBytes > 0, "nothing more goes out");
    for (let i = 0; i < 20; i++) await assertServes(other);
    const before = written;
    assert(before * questions.length < 400_000, `${before * questions.length} bytes were read`);
    assert(broker.server.snapshot().outboundBytes < 2 * limits.outboundBytesMax);

    // It reads: everything goes on where it was.
    const reading = (async () => {
      while (await deaf.receive() !== undefined);
    })().catch(() => {});
    await until(() => written > before + 50, "the flood goes on");
    deaf.drop();
    await Promise.all([flooding, reading]);
    await assertServes(other);
  });
}

Deno.test("A client that neither reads its answers nor is read from any more ends by its Keep Alive", async () => {
  const limits = { ...SMALL_LIMITS, maximumPacketSize: 4096, outboundBytesMax: 8192, outboundMarkBytes: 4096 };
  await using broker = await TestBroker.start({ config: { limits } });
  const deaf = await broker.connect({ keepAlive: 10 });
  const flooding = (async () => {
    const questions = new Uint8Array(2000).map((_, i) => i % 2 === 0 ? 0xc0 : 0x00);
    for (;;) {
      await deaf.sendBytes(questions);
      await new Promise((resolve) => setTimeout(resolve)); // memory never makes a writer wait for the event loop
    }
  })().catch(() => {});
  await until(() => broker.server.snapshot().outboundBytes > 0, "nothing more goes out");
  await until(() => {
    broker.clock.advance(1000);
    return broker.server.snapshot().connections === 0;
  }, "it is gone");
  await flooding;
});

Deno.test("outboundBytesTotalMax: QoS 0 for those that are behind is dropped when all together have too much", async () => {
  const limits = { ...SMALL_LIMITS, outboundBytesTotalMax: 512 * KiB };
  await using broker = await TestBroker.start({ config: { limits } });
  const count = 20;
  for (let i = 0; i < count; i++) await (await broker.connect()).subscribe("flood");
  const publisher = await broker.connect();
  const ticking = setInterval(() => broker.clock.advance(50), 5);
  try {
    for (let i = 0; i < 40; i++) await publisher.publish("flood", PAYLOAD);
    await publisher.expectNothing();
  } finally {
    clearInterval(ticking);
  }
  // To the mark each may have, one message above it, whatever the others have.
  const allowed = Math.max(limits.outboundBytesTotalMax, count * (limits.outboundMarkBytes + PAYLOAD.length + 1024));
  assert(broker.server.snapshot().outboundBytes <= allowed);
});

Deno.test("outboundBytesTotalMax: one message larger than the mark does not go to everybody at once", async () => {
  const limits = { ...SMALL_LIMITS, outboundBytesTotalMax: 512 * KiB };
  await using broker = await TestBroker.start({ config: { limits } });
  const count = 30;
  for (let i = 0; i < count; i++) await (await broker.connect()).subscribe("large");
  const publisher = await broker.connect();
  await publisher.publish("large", new Uint8Array(100 * KiB));
  await until(() => broker.server.snapshot().outboundBytes > 0, "it was delivered");
  assert(broker.server.snapshot().outboundBytes <= limits.outboundBytesTotalMax + 101 * KiB);
});

Deno.test("What a client reads and never acknowledges is bounded by bytes, too", async () => {
  const limits = { ...SMALL_LIMITS, queuedBytesMax: 256 * KiB };
  await using broker = await TestBroker.start({ config: { limits } });
  // Of a session that ends with its connection nothing is kept but identifiers.
  const taker = await broker.connect({ properties: { sessionExpiryInterval: 60 } });
  await taker.subscribe("big", { qos: 1 });
  const publisher = await broker.connect();
  const ticking = setInterval(() => broker.clock.advance(50), 2);
  const publishing = (async () => {
    for (let i = 0; i < 50; i++) await publisher.publishAcknowledged("big", PAYLOAD, { qos: 1 });
    await taker.send({ type: PacketType.Pingreq });
  })();
  const inFlight: ReceivedPacket[] = [];
  for (let packet = await taker.receive(); packet?.type === PacketType.Publish; packet = await taker.receive()) {
    inFlight.push(packet);
  }
  await publishing;
  clearInterval(ticking);
  assertEquals(inFlight.length, 7); // 7 × (32 KiB + overhead) fit into 256 KiB
  const { queuedMessages } = broker.server.snapshot();
  assertEquals(queuedMessages, 14); // as many again in the queue; the rest was dropped by policy
  // Acknowledging makes room for those that wait.
  for (const packet of inFlight) {
    if (packet.type === PacketType.Publish) await taker.acknowledge(PacketType.Puback, packet.packetIdentifier);
  }
  for (let i = 0; i < 7; i++) await taker.expectPublish();
  await taker.expectNothing();
});

for (const limits of [{ queuedMessagesMax: 0 }, { queuedBytesMax: 0 }, { outboundMarkBytes: 1 }] as const) {
  Deno.test(`A bound at its lowest locks nobody: ${JSON.stringify(limits)}`, async () => {
    await using broker = await TestBroker.start({ config: { limits } });
    const keeper = await broker.connect();
    for (let i = 0; i < 20; i++) await keeper.publishAcknowledged(`kept/${i}`, "x", { qos: 1, retain: true });
    const subscriber = await broker.connect();
    await subscriber.subscribe(["live", "kept/#"], { qos: 1 });
    // With no bytes allowed one message is in flight, and the others are dropped: nobody waits for them.
    const expected = "queuedBytesMax" in limits ? 1 : 20;
    for (let i = 0; i < expected; i++) {
      await subscriber.acknowledge(PacketType.Puback, (await subscriber.expectPublish()).packetIdentifier);
    }
    for (let i = 0; i < 20; i++) await keeper.publishAcknowledged("live", "x", { qos: 1 });
  });
}
