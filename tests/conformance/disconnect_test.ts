/** DISCONNECT, in both directions, and the end that follows it. Spec §3.14, §4.13. Wills and sessions have files of their
 * own. @module */

import { assertEquals } from "@std/assert";
import { type DisconnectPacket, isReasonCodeOf, PacketType, ReasonCode } from "../../src/packet/mod.ts";
import { wire } from "../packet/support.ts";
import { TestBroker } from "../support/test_broker.ts";
import type { TestClient } from "../support/test_client.ts";

/** Ways to make the Server disconnect a Client, and the Reason Code that it gives. */
const CAUSES: Record<string, [ReasonCode, (client: TestClient, broker: TestBroker) => Promise<unknown>]> = {
  "a malformed packet": [0x81, (client) => client.sendBytes(wire("c1 00"))],
  "a protocol error": [0x82, (client) => client.sendBytes(wire("d0 00"))],
  "silence": [0x8d, (_, broker) => broker.advance(150_050)],
  "a takeover": [0x8e, (client, broker) => broker.connect({ clientId: client.clientId })],
  "a Topic Alias of 0xFFFF": [0x94, (client) => client.publish("a", "", { topicAlias: 0xffff })],
  "a packet too large": [0x95, (client) => client.sendBytes(wire("30 ff ff ff 7f"))],
  "the Server's shutting down": [0x8b, (_, broker) => {
    broker.server.stop();
    return Promise.resolve();
  }],
};

for (const [cause, [reasonCode, bring]] of Object.entries(CAUSES)) {
  Deno.test(`[MQTT-3.14.2-1] [MQTT-3.14.2-2] [MQTT-3.14.4-2] [MQTT-4.13.1-1] DISCONNECT after ${cause}: its code is of the table, and there is no Session Expiry Interval`, async () => {
    await using broker = await TestBroker.start();
    const client = await broker.connect({ keepAlive: 100, properties: { sessionExpiryInterval: 10 } });
    await bring(client, broker);
    const disconnect: DisconnectPacket = await client.expect(PacketType.Disconnect);
    assertEquals(disconnect.reasonCode, reasonCode);
    assertEquals(isReasonCodeOf(PacketType.Disconnect, "server", disconnect.reasonCode), true);
    assertEquals(disconnect.properties.sessionExpiryInterval, undefined);
    await client.expectClosed();
  });
}

Deno.test("[MQTT-3.14.2-3] [MQTT-3.14.2-4] A DISCONNECT that would get too large leaves out its Reason String and has no User Properties", async () => {
  await using broker = await TestBroker.start();
  // Large enough for CONNACK, too small for the Reason String.
  const client = await broker.connect({ properties: { maximumPacketSize: 30 } });
  await client.sendBytes(wire("c1 00"));
  const { reasonCode, properties } = await client.expect(PacketType.Disconnect);
  assertEquals([reasonCode, properties], [ReasonCode.MalformedPacket, {}]);
  await client.expectClosed();

  const large = await broker.connect();
  await large.sendBytes(wire("c1 00"));
  assertEquals(typeof (await large.expect(PacketType.Disconnect)).properties.reasonString, "string");
});

Deno.test("[MQTT-3.14.4-1] [MQTT-3.14.4-2] The Server sends nothing after a Client's DISCONNECT, and handles nothing behind it", async () => {
  await using broker = await TestBroker.start();
  const watcher = await broker.connect();
  await watcher.subscribe("#");
  const client = await broker.connect();
  await client.subscribe("a");
  await client.sendBytes(wire(`e0 00 30 [ "a" [ ] 'late' ] c0 00 82 [ 00 01 [ ] "b" 00 ]`));
  await client.expectClosed();
  await watcher.expectNothing();
});

Deno.test("A Client's DISCONNECT in each of its forms ends the connection", async () => {
  await using broker = await TestBroker.start();
  for (
    const bytes of ["e0 00", "e0 [ 00 ]", "e0 [ 00 [ ] ]", "e0 [ 04 ]", `e0 [ 80 [ 1f "why" 26 "name" "value" ] ]`]
  ) {
    const client = await broker.connect();
    await client.sendBytes(wire(bytes));
    await client.expectClosed();
  }
  assertEquals(broker.server.snapshot().connections, 0);
});

Deno.test("[MQTT-3.14.0-1] A 3.1.1 or 3.1 client that breaks the protocol is closed without a packet", async () => {
  await using broker = await TestBroker.start();
  for (const protocolVersion of [4, 3] as const) {
    for (const bytes of ["c1 00", "d0 00", "f0 00", "e0 [ 00 ]", "30 00"]) {
      const client = await broker.connect({ protocolVersion });
      await client.sendBytes(wire(bytes));
      await client.expectClosed();
    }
  }
});

Deno.test("A Client that ends its side of the connection without DISCONNECT is gone", async () => {
  await using broker = await TestBroker.start();
  const client = await broker.connect();
  await broker.lose(client);
  assertEquals(broker.server.snapshot().sessions, 0);
});

Deno.test("A Client that never reads its DISCONNECT is closed all the same", async () => {
  await using broker = await TestBroker.start({ config: { limits: { closeTimeoutMs: 10 } } });
  const stream = broker.open({ bufferBytes: 64 });
  await stream.write(wire(`10 [ "MQTT" 05 02 00 00 [ ] "c" ]`));
  await stream.write(wire("c1 00"));
  const watcher = await broker.connect();
  while (broker.server.snapshot().connections > 1) await watcher.expectNothing();
  await stream.write(wire("c0 00")).catch(() => {});
  stream.close();
});
