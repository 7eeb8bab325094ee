/** Options that no CONNECT can say. @module */

import { assertEquals } from "@std/assert";
import type { ClientOptions } from "../../src/client/client.ts";
import { connectThrough, FakeServer, rejectsWith } from "./support.ts";

const LONG = "x".repeat(65_536);

Deno.test("connect() refuses what does not fit into CONNECT before it opens anything, also when it may start offline", async () => {
  const cases: ClientOptions[] = [
    { clientId: LONG },
    { userName: LONG },
    { password: LONG },
    { will: { topicName: "a", payload: LONG } },
    { will: { topicName: "a", properties: { contentType: LONG } } },
    { properties: { userProperties: [["key", LONG]] } },
    { properties: { sessionExpiryInterval: -1 } },
  ];
  const fake = new FakeServer();
  for (const options of cases) {
    await rejectsWith(RangeError, connectThrough(fake.open, { ...options, startOffline: true }));
    await rejectsWith(RangeError, connectThrough(fake.open, options));
  }
  assertEquals(fake.arrivals, 0);
});
