/** A payload of 100 MiB for a session whose Client is away: through the broker, onto the disk, over a restart, and out.
 * @module */

import { assertEquals } from "@std/assert";
import { PacketType, ReasonCode } from "../../src/packet/mod.ts";
import { SocketBroker } from "../attacks/support.ts";

const MiB = 1024 * 1024;
const LASTING = { sessionExpiryInterval: 1000 };

/** Comparing the bytes themselves would look for their differences for minutes. */
async function digest(bytes: Uint8Array): Promise<string> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes.slice())).toHex();
}

Deno.test("a payload of 100 MiB waits on the disk for a session, and comes after a restart as it was", async () => {
  const dataDir = await Deno.makeTempDir();
  const config = {
    dataDir,
    durability: "full",
    limits: { maximumPacketSize: 101 * MiB, queuedBytesMax: 128 * MiB, outboundBytesMax: 256 * MiB },
  } as const;
  const payload = new Uint8Array(100 * MiB);
  for (let at = 0; at < payload.length; at += 65_536) crypto.getRandomValues(payload.subarray(at, at + 65_536));
  try {
    {
      await using broker = await SocketBroker.start(config);
      const subscriber = await broker.connect({ clientId: "away", properties: LASTING });
      await subscriber.subscribe("large", { qos: 1 });
      await subscriber.disconnect();
      const publisher = await broker.connect({ clientId: "publisher" });
      await publisher.publish("large", payload, { qos: 1, retain: true });
      assertEquals((await publisher.expect(PacketType.Puback)).reasonCode, ReasonCode.Success);
    }
    await using broker = await SocketBroker.start(config);
    assertEquals(broker.server.loaded.messages, 1);
    const subscriber = await broker.connect({ clientId: "away", cleanStart: false, properties: LASTING });
    assertEquals(await digest((await subscriber.expectPublish()).payload), await digest(payload));
    await subscriber.subscribe("large", { qos: 0 });
    const retained = await subscriber.expectPublish();
    assertEquals([retained.retain, await digest(retained.payload)], [true, await digest(payload)]);
  } finally {
    await Deno.remove(dataDir, { recursive: true });
  }
});
