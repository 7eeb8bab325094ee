/** `$SYS/broker/…`: the names that Mosquitto made known, with plausible values. @module */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { TestBroker } from "../support/test_broker.ts";
import { connectPersistent, deliveries, until } from "./delivery_support.ts";

const NAMES = [
  "version",
  "uptime",
  "clients/total",
  "clients/connected",
  "clients/disconnected",
  "clients/active",
  "clients/inactive",
  "clients/maximum",
  "clients/expired",
  "messages/received",
  "messages/sent",
  "messages/stored",
  "store/messages/count",
  "store/messages/bytes",
  "publish/messages/received",
  "publish/messages/sent",
  "publish/messages/dropped",
  "publish/bytes/received",
  "publish/bytes/sent",
  "bytes/received",
  "bytes/sent",
  "subscriptions/count",
  "shared_subscriptions/count",
  "retained messages/count",
  ...["messages/received", "messages/sent", "publish/received", "publish/sent", "publish/dropped", "bytes/received"]
    .concat("bytes/sent", "connections").flatMap((name) => [1, 5, 15].map((n) => `load/${name}/${n}min`)),
];

/** Name under $SYS/broker/ → payload, as a new subscriber sees them. */
async function values(broker: TestBroker): Promise<Map<string, string>> {
  const client = await broker.connect();
  await client.subscribe("$SYS/broker/#");
  const found = new Map<string, string>();
  for (const publish of await deliveries(client, client)) {
    assertEquals([publish.qos, publish.retain], [0, true]);
    found.set(publish.topicName.slice("$SYS/broker/".length), publish.text);
  }
  await client.disconnect();
  return found;
}

Deno.test("$SYS/broker/… has the names that Mosquitto uses, retained, with numbers in them", async () => {
  await using broker = await TestBroker.start({ config: { sysIntervalS: 10 } });
  const found = await values(broker);
  for (const name of NAMES) assert(found.has(name), name);
  for (const [name, value] of found) {
    if (name === "version") assertMatch(value, /^quetzal version \d+\.\d+\.\d+/);
    else if (name === "uptime") assertMatch(value, /^\d+ seconds$/);
    else if (name === "store/trouble") assertEquals(value, "ok");
    else assertMatch(value, name.startsWith("load/") ? /^\d+\.\d\d$/ : /^\d+$/);
  }
});

Deno.test("$SYS/broker/… follows what happens, at the configured interval", async () => {
  await using broker = await TestBroker.start({ config: { sysIntervalS: 5 } });
  const away = await connectPersistent(broker, "away");
  await away.subscribe(["t", "u"], { qos: 1 });
  await away.disconnect();
  const member = await broker.connect();
  await member.subscribe("$share/g/t");
  const publisher = await broker.connect();
  await publisher.publishAcknowledged("t", "four", { qos: 1, retain: true });
  assertEquals((await member.expectPublish()).text, "four");
  const watcher = await broker.connect();
  await watcher.subscribe("$SYS/broker/uptime");
  assertEquals((await watcher.expectPublish()).text, "0 seconds");

  broker.clock.advance(4_000);
  await watcher.expectNothing();
  broker.clock.advance(2_000);
  const uptime = await watcher.expectPublish();
  assertEquals([uptime.text, uptime.retain], ["6 seconds", false]);
  const found = await values(broker);
  const numbers = (...names: string[]) => names.map((name) => Number(found.get(name)));
  assertEquals(
    numbers("clients/total", "clients/connected", "clients/disconnected", "clients/active", "clients/inactive"),
    [4, 3, 1, 3, 1],
  );
  assertEquals(numbers("clients/maximum", "clients/expired"), [3, 0]);
  assertEquals(numbers("subscriptions/count", "shared_subscriptions/count"), [4, 1]);
  assertEquals(numbers("publish/messages/received", "publish/bytes/received"), [1, 4]);
  const [stored, storedBytes, retained] = numbers("messages/stored", "store/messages/bytes", "retained messages/count");
  assert(retained > 0 && stored > retained && storedBytes > 0, 'the retained ones and one that waits for "away"');
  const [received, sent, bytesReceived, bytesSent] = numbers(
    "messages/received",
    "messages/sent",
    "bytes/received",
    "bytes/sent",
  );
  assert(received >= 10 && sent >= 10 && bytesReceived > 100 && bytesSent > 100);
  assert(numbers("load/connections/1min")[0] > 0);
});

Deno.test("$SYS/broker/… counts expired sessions", async () => {
  await using broker = await TestBroker.start({ config: { sysIntervalS: 1 } });
  const client = await broker.connect({ properties: { sessionExpiryInterval: 10 } });
  await client.disconnect();
  broker.clock.advance(11_000);
  await until(() => broker.server.snapshot().sessions === 0);
  broker.clock.advance(2_000);
  const watcher = await broker.connect();
  await watcher.subscribe("$SYS/broker/clients/expired");
  let value = (await watcher.expectPublish()).text;
  if (value === "0") value = (await watcher.expectPublish()).text; // the update came after the subscription
  assertEquals(value, "1");
});

Deno.test("$SYS is for those who ask for it: # does not bring it, and sysIntervalS 0 switches it off", async () => {
  await using broker = await TestBroker.start({ config: { sysIntervalS: 1 } });
  const client = await broker.connect();
  await client.subscribe(["#", "+/broker/#", "+/+/uptime"]);
  await client.expectNothing();
  await using silent = await TestBroker.start({ config: { sysIntervalS: 0 } });
  assertEquals((await values(silent)).size, 0);
});
