/** A session that goes on with a program that remembers nothing of it. @module */

import { assertEquals } from "@std/assert";
import type { Client } from "../../src/client/client.ts";
import { ClientClosedError } from "../../src/client/errors.ts";
import { PacketType } from "../../src/packet/mod.ts";
import { TestBroker } from "../support/test_broker.ts";
import { connectThrough, connectTo, rejectsWith, settle } from "./support.ts";

Deno.test("a message of QoS 2 is not taken for one that an earlier process left in the middle", async () => {
  await using broker = await TestBroker.start();
  const { client: reader } = await connectTo(broker);
  const came: string[] = [];
  await reader.subscribe("a", { qos: 2, onMessage: (message) => void came.push(message.text()) });
  const options = { clientId: "writer", cleanStart: false, properties: { sessionExpiryInterval: 1000 } };
  const earlier: { client?: Client } = {};
  // It ends between PUBREC and PUBREL, with an identifier that every process would begin with.
  earlier.client = (await connectThrough(() => Promise.resolve(broker.open()), {
    ...options,
    cleanStart: true,
    observer: {
      packet: (direction, { type }) =>
        void (direction === "received" && type === PacketType.Pubrec && earlier.client!.drop()),
    },
  })).client;
  await rejectsWith(ClientClosedError, earlier.client.publish("a", "one", { qos: 2 }));
  const { client } = await connectTo(broker, options);
  assertEquals(client.server.sessionPresent, true);
  await client.publish("a", "two", { qos: 2 });
  await settle();
  assertEquals(came, ["one", "two"]);
});
