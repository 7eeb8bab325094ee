/** SUBSCRIBE and UNSUBSCRIBE, byte by byte. Spec §3.8, §3.10, §4.7, §4.8. @module */

import { assertEquals } from "@std/assert";
import type { SubscribeOptions } from "../../../src/client/client.ts";
import { rejectsWith } from "../support.ts";
import { connected } from "./support.ts";

Deno.test("[MQTT-3.8.1-1] SUBSCRIBE has flags 0010, every option in its bits, and the filters in order", async () => {
  const { client, server } = await connected();
  const options: SubscribeOptions = {
    qos: 2,
    noLocal: true,
    retainAsPublished: true,
    retainHandling: 2,
    userProperties: [["k", "v"]],
  };
  const subscribing = client.subscribe(["a/+", "#"], options);
  await server.expect(`82 [ 00 01 [ 0b 01 26 "k" "v" ] "a/+" 2e "#" 2e ]`);
  await server.send("90 [ 00 01 00 02 00 ]");
  assertEquals((await subscribing).reasonCodes as number[], [2, 0]);
  client.drop();
  const old = await connected({ protocolVersion: 4 }, "20 02 00 00");
  const subscribingOld = old.client.subscribe("a", { qos: 1 });
  await old.server.expect(`82 [ 00 01 "a" 01 ]`);
  await old.server.send("90 03 00 01 01");
  await subscribingOld;
  old.client.drop();
});

Deno.test("[MQTT-3.10.1-1] UNSUBSCRIBE has flags 0010, and the filters in order", async () => {
  const { client, server } = await connected();
  const subscribing = client.subscribe(["a/+", "b"]);
  await server.packet();
  await server.send("90 [ 00 01 00 00 00 ]");
  const ending = (await subscribing).unsubscribe();
  const packet = await server.packet();
  const identifier = `00 0${packet[3]}`;
  assertEquals(packet, Uint8Array.from([0xa2, 11, 0, packet[3], 0, 0, 3, 97, 47, 43, 0, 1, 98]));
  await server.send(`b0 [ ${identifier} 00 00 11 ]`);
  await ending;
  client.drop();
});

Deno.test("[MQTT-3.8.3-1] [MQTT-3.8.3-2] [MQTT-3.10.3-1] [MQTT-3.10.3-2] [MQTT-4.7.1-1] [MQTT-4.7.1-2] [MQTT-4.7.3-1] [MQTT-4.7.3-2] [MQTT-4.7.3-3] what is no Topic Filter is not sent, nor none at all", async () => {
  const { client, server } = await connected();
  const wrong = ["", "a#", "#/a", "a/#/b", "a+", "+a", "a/b+/c", "##", "a\0", "\ud800", "x".repeat(65_536)];
  for (const filter of wrong) {
    await rejectsWith(TypeError, client.subscribe(filter));
    await rejectsWith(TypeError, client.subscribe(["a", filter]));
  }
  await rejectsWith(TypeError, client.subscribe([]));
  await server.expectNothing();
  client.drop();
  for (const filter of ["#", "+", "/", "a/+/b/#", "+/+", "$SYS/#"]) {
    const { client, server } = await connected();
    const subscribing = client.subscribe(filter);
    await server.expect(`82 [ 00 01 [ 0b 01 ] "${filter}" 00 ]`);
    await server.send("90 [ 00 01 00 00 ]");
    await subscribing;
    client.drop();
  }
});

Deno.test("[MQTT-4.8.2-1] [MQTT-4.8.2-2] [MQTT-3.8.3-4] a Shared Subscription has a name and a filter, and no No Local", async () => {
  const { client, server } = await connected();
  for (const filter of ["$share/a", "$share//a", "$share/a/", "$share/+/a", "$share/#/a", "$share/n#/a"]) {
    await rejectsWith(TypeError, client.subscribe(filter));
  }
  await rejectsWith(TypeError, client.subscribe("$share/name/a", { noLocal: true }));
  await rejectsWith(TypeError, client.subscribe(["a", "$share/name/a"], { noLocal: true }));
  await server.expectNothing();
  client.drop();
  const fresh = await connected();
  const subscribing = fresh.client.subscribe("$share/name/a/#", { qos: 1 });
  await fresh.server.expect(`82 [ 00 01 [ 0b 01 ] "$share/name/a/#" 01 ]`);
  await fresh.server.send("90 [ 00 01 00 01 ]");
  await subscribing;
  fresh.client.drop();
});

Deno.test("subscribe() refuses a QoS and a Retain Handling that there is not", async () => {
  const { client, server } = await connected();
  await rejectsWith(RangeError, client.subscribe("a", { qos: 3 as 2 }));
  await rejectsWith(RangeError, client.subscribe("a", { retainHandling: 3 as 2 }));
  await server.expectNothing();
  client.drop();
});
