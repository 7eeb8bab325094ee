/** Mirrors src/broker/handle_connect.ts: what the tests of conformance leave out. @module */

import { assertEquals } from "@std/assert";
import { DelayedStore } from "../support/delayed_store.ts";
import { TestBroker } from "../support/test_broker.ts";

for (const sessionExpiryInterval of [0, 1000]) {
  Deno.test(`[MQTT-3.1.2-24] who cannot take CONNACK is closed and leaves no Will Message, Session Expiry ${sessionExpiryInterval}`, async () => {
    await using broker = await TestBroker.start({ store: new DelayedStore() });
    const watcher = await broker.connect();
    await watcher.subscribe("w");
    const client = broker.client();
    await client.sendConnect({
      clientId: "c",
      will: { topicName: "w" },
      properties: { maximumPacketSize: 2, sessionExpiryInterval },
    });
    await client.expectClosed();
    await watcher.expectNothing();
    assertEquals(broker.lines.filter(({ text }) => text.includes("CONNACK is larger")).length, 1);
    assertEquals(broker.server.snapshot().connections, 1);
  });
}
