/** A station that is killed: publishes numbered readings with an outbox on the disk, and says what it has begun and what was
 * acknowledged. Arguments: URL, folder of the outbox, first number, how many (0 = without end).
 * @module */

import { systemClock } from "../../src/base/clock.ts";
import { connect } from "../../src/client/mod.ts";
import { SqliteStore } from "../../src/persistence/sqlite_store.ts";

const [url, folder, first, count] = Deno.args;
const outbox = await SqliteStore.open(folder, { durability: "normal", clock: systemClock });
const client = await connect(url, {
  clientId: "station",
  properties: { sessionExpiryInterval: 3600 },
  outbox,
  startOffline: true,
  reconnect: { delayMinMs: 10, delayMaxMs: 50 },
});
console.log(`left ${client.outboxLength}`);
const end = Number(first) + (Number(count) || Infinity);
const waiting = new Set<Promise<void>>();
for (let number = Number(first); number < end; number++) {
  console.log(`begun ${number}`);
  const published = client.publish(`readings/q${1 + number % 2}`, `${number}`, { qos: number % 2 === 0 ? 1 : 2 })
    .then(() => console.log(`acknowledged ${number}`));
  waiting.add(published);
  published.finally(() => waiting.delete(published));
  while (waiting.size >= 20) await Promise.race(waiting);
}
while (client.outboxLength > 0) await new Promise((resolve) => setTimeout(resolve, 5));
await client.disconnect();
await outbox.close();
console.log("done");
