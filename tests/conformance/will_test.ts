/** Will Messages: kept, sent, taken back. Spec §3.1.2.5 – §3.1.2.7, §3.1.3.2 – §3.1.3.4, §3.14.4. @module */

import { assertEquals } from "@std/assert";
import { PacketType, ReasonCode } from "../../src/packet/mod.ts";
import { MemoryStore } from "../../src/persistence/memory_store.ts";
import { TableAuthorizer } from "../support/table_authorizer.ts";
import { TestBroker } from "../support/test_broker.ts";
import type { ConnectOptions, TestClient } from "../support/test_client.ts";

const payload = new TextEncoder().encode("gone");

/** A client with a will on "will". */
function withWill(
  broker: TestBroker,
  options: ConnectOptions & { willDelayInterval?: number; sessionExpiryInterval?: number } = {},
): Promise<TestClient> {
  const { willDelayInterval, sessionExpiryInterval, ...rest } = options;
  return broker.connect({
    clientId: "c",
    will: { topicName: "will", payload, properties: willDelayInterval === undefined ? {} : { willDelayInterval } },
    properties: sessionExpiryInterval === undefined ? {} : { sessionExpiryInterval },
    ...rest,
  });
}

async function watch(broker: TestBroker): Promise<TestClient> {
  const watcher = await broker.connect({ clientId: "watcher" });
  await watcher.subscribe("will", { qos: 2 });
  return watcher;
}

async function expectWill(watcher: TestClient): Promise<void> {
  const { topicName, text } = await watcher.expectPublish();
  assertEquals([topicName, text], ["will", "gone"]);
  await watcher.expectNothing();
}

for (const protocolVersion of [5, 4, 3] as const) {
  for (const cleanStart of [true, false]) {
    Deno.test(`[MQTT-3.1.2-7] [MQTT-3.1.2-8] The will is sent when the connection is lost: version ${protocolVersion}, Clean ${Number(cleanStart)}`, async () => {
      await using broker = await TestBroker.start();
      const watcher = await watch(broker);
      const client = await withWill(broker, { protocolVersion, cleanStart });
      await watcher.expectNothing();
      await broker.lose(client);
      await expectWill(watcher);
    });

    Deno.test(`[MQTT-3.14.4-3] [MQTT-3.1.2-10] DISCONNECT 0x00 takes the will back: version ${protocolVersion}, Clean ${Number(cleanStart)}`, async () => {
      await using broker = await TestBroker.start();
      const watcher = await watch(broker);
      await (await withWill(broker, { protocolVersion, cleanStart })).disconnect();
      await watcher.expectNothing();
      // It does not come back with the session either.
      const again = await broker.connect({ protocolVersion, clientId: "c", cleanStart: false });
      await broker.lose(again);
      await broker.advance(1000);
      await watcher.expectNothing();
    });
  }
}

Deno.test("[MQTT-3.1.2-8] DISCONNECT 0x04 and every error code let the will stand", async () => {
  await using broker = await TestBroker.start();
  const watcher = await watch(broker);
  for (const reasonCode of [0x04, 0x80, 0x81, 0x82, 0x83, 0x90, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99]) {
    await (await withWill(broker)).disconnect(reasonCode as ReasonCode);
    await expectWill(watcher);
  }
});

Deno.test("[MQTT-3.1.2-8] The will is sent on a Keep Alive time-out", async () => {
  await using broker = await TestBroker.start();
  const watcher = await watch(broker);
  await withWill(broker, { keepAlive: 10 });
  await broker.advance(14_900);
  await watcher.expectNothing();
  await broker.advance(150);
  await expectWill(watcher);
});

Deno.test("[MQTT-3.1.2-8] The will is sent after a protocol error and after a malformed packet", async () => {
  await using broker = await TestBroker.start();
  const watcher = await watch(broker);
  for (const bytes of [[0x20, 0], [0xc1, 0], [0x30, 0], [0x10, 0]]) {
    const client = await withWill(broker);
    await client.sendBytes(new Uint8Array(bytes));
    await client.expect(PacketType.Disconnect);
    await expectWill(watcher);
  }
});

Deno.test("[MQTT-3.1.2-8] A DISCONNECT that breaks the protocol does not take the will back", async () => {
  await using broker = await TestBroker.start();
  const watcher = await watch(broker);
  const client = await withWill(broker);
  await client.send({ type: PacketType.Disconnect, reasonCode: 0, properties: { sessionExpiryInterval: 1 } });
  await client.expectDisconnect(ReasonCode.ProtocolError);
  await expectWill(watcher);
});

Deno.test("[MQTT-3.1.2-8] The will without a delay is sent on takeover, with Clean Start 1 and 0", async () => {
  await using broker = await TestBroker.start();
  const watcher = await watch(broker);
  for (const cleanStart of [true, false]) {
    for (const sessionExpiryInterval of [0, 100]) {
      const first = await withWill(broker, { sessionExpiryInterval });
      const second = await broker.connect({ clientId: "c", cleanStart });
      await first.expectDisconnect(ReasonCode.SessionTakenOver);
      await expectWill(watcher);
      await second.disconnect();
      await watcher.expectNothing();
    }
  }
});

Deno.test("[MQTT-3.1.3-9] A takeover with Clean Start 0 before the delay has passed: no will, now or later", async () => {
  await using broker = await TestBroker.start();
  const watcher = await watch(broker);
  const first = await withWill(broker, { willDelayInterval: 10, sessionExpiryInterval: 100 });
  const second = await broker.connect({
    clientId: "c",
    cleanStart: false,
    properties: { sessionExpiryInterval: 100 },
  });
  await first.expectDisconnect(ReasonCode.SessionTakenOver);
  await broker.advance(20_000);
  await watcher.expectNothing();
  await broker.lose(second);
  await broker.advance(20_000);
  await watcher.expectNothing();
});

Deno.test("[MQTT-3.1.2-8] A takeover with Clean Start 1 ends the session, and its delayed will is sent at once", async () => {
  await using broker = await TestBroker.start();
  const watcher = await watch(broker);
  const first = await withWill(broker, { willDelayInterval: 10, sessionExpiryInterval: 100 });
  await broker.connect({ clientId: "c", cleanStart: true });
  await first.expectDisconnect(ReasonCode.SessionTakenOver);
  await expectWill(watcher);
});

Deno.test("[MQTT-3.1.2-8] The will waits for its delay", async () => {
  await using broker = await TestBroker.start();
  const watcher = await watch(broker);
  await broker.lose(await withWill(broker, { willDelayInterval: 10, sessionExpiryInterval: 100 }));
  await broker.advance(9_900);
  await watcher.expectNothing();
  await broker.advance(150);
  await expectWill(watcher);
  // And never again.
  await broker.advance(100_000);
  await watcher.expectNothing();
});

Deno.test("[MQTT-3.1.2-8] A session that ends before the delay has passed sends the will at its end", async () => {
  await using broker = await TestBroker.start();
  const watcher = await watch(broker);
  await broker.lose(await withWill(broker, { willDelayInterval: 1000, sessionExpiryInterval: 10 }));
  await broker.advance(9_900);
  await watcher.expectNothing();
  await broker.advance(150);
  await expectWill(watcher);
});

Deno.test("[MQTT-3.1.2-8] A delay is nothing to a session that ends with its connection", async () => {
  await using broker = await TestBroker.start();
  const watcher = await watch(broker);
  await broker.lose(await withWill(broker, { willDelayInterval: 1000 }));
  await expectWill(watcher);
});

Deno.test("[MQTT-3.1.2-8] A DISCONNECT 0x04 that sets the Session Expiry Interval to 0 sends a delayed will at once", async () => {
  await using broker = await TestBroker.start();
  const watcher = await watch(broker);
  const client = await withWill(broker, { willDelayInterval: 1000, sessionExpiryInterval: 1000 });
  await client.disconnect(ReasonCode.DisconnectWithWillMessage, { sessionExpiryInterval: 0 });
  await expectWill(watcher);
});

Deno.test("[MQTT-3.1.2-8] A Will Delay of 0xFFFFFFFF waits for the end of the session", async () => {
  await using broker = await TestBroker.start();
  const watcher = await watch(broker);
  await broker.lose(await withWill(broker, { willDelayInterval: 0xffff_ffff, sessionExpiryInterval: 0xffff_ffff }));
  await broker.advance(100 * 365 * 86_400_000);
  await watcher.expectNothing();
  await broker.connect({ clientId: "c", cleanStart: true });
  await expectWill(watcher);
});

Deno.test("[MQTT-3.1.3-9] [MQTT-3.1.2-8] A Client that is back before the delay has passed cancels its will", async () => {
  await using broker = await TestBroker.start();
  const watcher = await watch(broker);
  await broker.lose(await withWill(broker, { willDelayInterval: 10, sessionExpiryInterval: 100 }));
  await broker.advance(9_000);
  const again = await withWill(broker, { willDelayInterval: 10, sessionExpiryInterval: 100, cleanStart: false });
  await broker.advance(10_000);
  await watcher.expectNothing();
  // The will of the new CONNECT has a delay of its own, from the new end.
  await broker.lose(again);
  await broker.advance(9_900);
  await watcher.expectNothing();
  await broker.advance(150);
  await expectWill(watcher);
});

Deno.test("[MQTT-3.1.2-8] A Client that is back a moment after the delay has passed is too late", async () => {
  await using broker = await TestBroker.start();
  const watcher = await watch(broker);
  await broker.lose(await withWill(broker, { willDelayInterval: 10, sessionExpiryInterval: 100 }));
  await watcher.expectNothing();
  // No timer can have rung between these two.
  broker.clock.advance(10_000);
  await broker.connect({ clientId: "c", cleanStart: false });
  await expectWill(watcher);
});

Deno.test("[MQTT-3.1.2-8] A Client that is back with Clean Start 1 ends the waiting session: its will is sent", async () => {
  await using broker = await TestBroker.start();
  const watcher = await watch(broker);
  await broker.lose(await withWill(broker, { willDelayInterval: 10, sessionExpiryInterval: 100 }));
  await watcher.expectNothing();
  await broker.connect({ clientId: "c", cleanStart: true });
  await expectWill(watcher);
});

Deno.test("[MQTT-3.1.2-10] A will that was sent is forgotten", async () => {
  await using broker = await TestBroker.start();
  const watcher = await watch(broker);
  await broker.lose(await withWill(broker, { sessionExpiryInterval: 100 }));
  await expectWill(watcher);
  await broker.lose(
    await broker.connect({ clientId: "c", cleanStart: false, properties: { sessionExpiryInterval: 100 } }),
  );
  await broker.advance(1000);
  await watcher.expectNothing();
});

Deno.test("[MQTT-3.1.2-14] Will Retain 0: an ordinary message", async () => {
  await using broker = await TestBroker.start();
  const watcher = await watch(broker);
  await broker.lose(await withWill(broker));
  assertEquals((await watcher.expectPublish()).retain, false);
  assertEquals(broker.server.snapshot().retainedMessages, 0);
});

Deno.test("[MQTT-3.1.2-15] Will Retain 1: a retained message", async () => {
  await using broker = await TestBroker.start();
  const watcher = await watch(broker);
  const client = await broker.connect({ will: { topicName: "will", payload, retain: true, qos: 1 } });
  assertEquals(broker.server.snapshot().retainedMessages, 0);
  await broker.lose(client);
  await watcher.expectPublish();
  const late = await broker.connect();
  await late.subscribe("will");
  const { text, retain } = await late.expectPublish();
  assertEquals([text, retain], ["gone", true]);
  // An empty one takes it away.
  await broker.lose(await broker.connect({ will: { topicName: "will", retain: true } }));
  assertEquals((await watcher.expectPublish()).text, "");
  assertEquals(broker.server.snapshot().retainedMessages, 0);
});

Deno.test("[MQTT-3.1.2-12] The will is sent with its QoS, or what the subscriber was granted", async () => {
  await using broker = await TestBroker.start();
  const watcher = await watch(broker);
  const modest = await broker.connect();
  await modest.subscribe("will", { qos: 1 });
  for (const qos of [0, 1, 2] as const) {
    await broker.lose(await broker.connect({ will: { topicName: "will", payload, qos } }));
    assertEquals((await watcher.expectPublish()).qos, qos);
    assertEquals((await modest.expectPublish()).qos, Math.min(qos, 1));
  }
});

Deno.test("[MQTT-3.1.3-10] All properties of the will are sent, the User Properties in their order", async () => {
  await using broker = await TestBroker.start();
  const watcher = await watch(broker);
  const properties = {
    payloadFormatIndicator: 1 as const,
    contentType: "text/plain",
    responseTopic: "answers/here",
    correlationData: new Uint8Array([0, 1, 255]),
    userProperties: [["b", "1"], ["a", "2"], ["b", "1"], ["", ""]] as [string, string][],
  };
  const client = await broker.connect({
    will: {
      topicName: "will",
      payload,
      properties: { ...properties, willDelayInterval: 0, messageExpiryInterval: 60 },
    },
  });
  // The expiry counts from the publication, not from CONNECT.
  await broker.advance(3_600_000);
  await broker.lose(client);
  assertEquals((await watcher.expectPublish()).properties, { ...properties, messageExpiryInterval: 60 });
});

Deno.test("[MQTT-3.1.3-11] A Will Topic with a wildcard is refused", async () => {
  await using broker = await TestBroker.start();
  for (const topicName of ["a/#", "+/a"]) {
    const client = broker.client();
    await client.sendConnect({ will: { topicName } });
    assertEquals((await client.expect(PacketType.Connack)).reasonCode, ReasonCode.ProtocolError);
    await client.expectClosed();
  }
});

Deno.test("A will for a topic of the Server's own is refused with 0x87", async () => {
  await using broker = await TestBroker.start();
  const client = broker.client();
  await client.sendConnect({ will: { topicName: "$SYS/broker/version" } });
  assertEquals((await client.expect(PacketType.Connack)).reasonCode, ReasonCode.NotAuthorized);
  await client.expectClosed();
});

Deno.test("A will that its Client may not publish is refused at CONNECT with 0x87", async () => {
  const authorizer = new TableAuthorizer([{ may: "publish", topic: "will" }]);
  await using broker = await TestBroker.start({ authorizer });
  const client = broker.client();
  await client.sendConnect({ will: { topicName: "will" } });
  assertEquals((await client.expect(PacketType.Connack)).reasonCode, ReasonCode.NotAuthorized);
  await client.expectClosed();
});

Deno.test("A will whose right was revoked since CONNECT is not sent", async () => {
  const authorizer = new TableAuthorizer();
  await using broker = await TestBroker.start({ authorizer });
  const watcher = await watch(broker);
  const client = await withWill(broker);
  authorizer.refusals = [{ may: "publish", clientId: "c" }];
  await client.disconnect(ReasonCode.DisconnectWithWillMessage);
  await watcher.expectNothing();
});

Deno.test("A CONNECT that is refused leaves no will behind", async () => {
  const authorizer = new TableAuthorizer([{ may: "connect", clientId: "c" }]);
  await using broker = await TestBroker.start({ authorizer });
  const watcher = await watch(broker);
  const client = broker.client();
  await client.sendConnect({ clientId: "c", will: { topicName: "will", payload } });
  await client.expect(PacketType.Connack);
  await client.expectClosed();
  await broker.advance(20_000);
  await watcher.expectNothing();
});

Deno.test("The will of a session reaches its own subscription only when the session goes on", async () => {
  await using broker = await TestBroker.start();
  for (const sessionExpiryInterval of [0, 100]) {
    const client = await withWill(broker, { sessionExpiryInterval, will: { topicName: "will", payload, qos: 1 } });
    await client.subscribe("will", { qos: 1 });
    await broker.lose(client);
    const again = await broker.connect({ clientId: "c", cleanStart: false });
    const received = await again.receiveAll();
    assertEquals(received.length, sessionExpiryInterval === 0 ? 0 : 1);
    await again.disconnect();
  }
});

Deno.test("A Server that shuts down sends the wills that are due, and keeps the others for later", async () => {
  const store = new MemoryStore();
  await using first = await TestBroker.start({ store });
  const properties = { sessionExpiryInterval: 1000 };
  const watcher = await first.connect({ clientId: "watcher", properties });
  await watcher.subscribe("+", { qos: 1 });
  const now = await first.connect({ clientId: "now", will: { topicName: "now", qos: 1 } });
  await first.connect({
    clientId: "later",
    properties,
    will: { topicName: "later", qos: 1, properties: { willDelayInterval: 60 } },
  });
  const stopping = first.server.stop();
  await now.expectDisconnect(ReasonCode.ServerShuttingDown);
  for (;;) {
    // The watcher, which is still there or not, keeps it in its session.
    const packet = await watcher.receive();
    if (packet === undefined) break;
  }
  for (const client of first.clients) client.drop();
  await stopping;

  await using second = await TestBroker.start({ store, clock: first.clock });
  const again = await second.connect({ clientId: "watcher", cleanStart: false, properties });
  assertEquals((await again.expectPublish()).topicName, "now");
  await again.expectNothing();
  await second.advance(60_050);
  assertEquals((await again.expectPublish()).topicName, "later");
});
