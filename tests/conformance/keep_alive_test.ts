/** Keep Alive: who is silent for too long is gone. Spec §3.1.2.10, §3.12. @module */

import { assertEquals } from "@std/assert";
import { PacketType, ReasonCode } from "../../src/packet/mod.ts";
import { TestBroker } from "../support/test_broker.ts";

Deno.test("[MQTT-3.1.2-22] [MQTT-3.2.2-22] Nothing for one and a half times the Keep Alive: DISCONNECT 0x8D and the end", async () => {
  await using broker = await TestBroker.start();
  const client = await broker.connect({ keepAlive: 10 });
  await broker.advance(14_900);
  assertEquals(broker.server.snapshot().connections, 1);
  await broker.advance(150);
  await client.expectDisconnect(ReasonCode.KeepAliveTimeout);
});

Deno.test("[MQTT-3.1.2-22] Every kind of packet begins the time anew; a part of one does not", async () => {
  await using broker = await TestBroker.start();
  const client = await broker.connect({ keepAlive: 10 });
  await broker.advance(14_000);
  await client.expectNothing(); // PINGREQ
  await broker.advance(14_000);
  await client.publish("a", "", { qos: 1 });
  await client.expect(PacketType.Puback);
  await broker.advance(14_000);
  await client.subscribe("b");
  await broker.advance(14_000);
  await client.acknowledge(PacketType.Puback, 1);
  await client.unsubscribe("b");
  await broker.advance(14_000);
  await client.sendBytes(new Uint8Array([0xc0]));
  await broker.advance(1_100);
  await client.expectDisconnect(ReasonCode.KeepAliveTimeout);
});

Deno.test("[MQTT-3.1.2-22] What the Server sends does not count", async () => {
  await using broker = await TestBroker.start();
  const client = await broker.connect({ keepAlive: 10 });
  await client.subscribe("a");
  const publisher = await broker.connect();
  for (let i = 0; i < 3; i++) {
    await broker.advance(4_000);
    await publisher.publish("a", "");
    await client.expectPublish();
  }
  await broker.advance(3_100);
  await client.expectDisconnect(ReasonCode.KeepAliveTimeout);
});

Deno.test("[MQTT-3.1.2-22] Keep Alive 0 switches it off", async () => {
  await using broker = await TestBroker.start();
  const client = await broker.connect({ keepAlive: 0 });
  await broker.advance(10 * 365 * 86_400_000);
  await client.expectNothing();
});

Deno.test("[MQTT-3.1.2-22] The largest Keep Alive is 65,535 seconds", async () => {
  await using broker = await TestBroker.start();
  const client = await broker.connect({ keepAlive: 0xffff });
  await broker.advance(0xffff * 1500 - 100);
  assertEquals(broker.server.snapshot().connections, 1);
  await broker.advance(200);
  await client.expectDisconnect(ReasonCode.KeepAliveTimeout);
});

Deno.test("[MQTT-3.1.2-22] A 3.1.1 or 3.1 client is closed without a packet, and keeps the Keep Alive it asked for", async () => {
  await using broker = await TestBroker.start({ config: { limits: { keepAliveMaxS: 5 } } });
  for (const protocolVersion of [4, 3] as const) {
    const client = await broker.connect({ protocolVersion, keepAlive: 10 });
    await broker.advance(14_900);
    assertEquals(broker.server.snapshot().connectedClients, 1);
    await broker.advance(150);
    await client.expectClosed();
  }
});

Deno.test("[MQTT-3.1.2-22] Server Keep Alive is what is enforced", async () => {
  await using broker = await TestBroker.start({ config: { limits: { keepAliveMaxS: 10 } } });
  for (const keepAlive of [0, 1000]) {
    const client = await broker.connect({ keepAlive });
    await broker.advance(14_900);
    assertEquals(broker.server.snapshot().connections, 1);
    await broker.advance(150);
    await client.expectDisconnect(ReasonCode.KeepAliveTimeout);
  }
});
