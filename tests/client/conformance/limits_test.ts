/** What CONNACK allows: QoS, RETAIN, packet sizes, Topic Aliases, how many messages at once. Spec §3.2.2.3, §3.3.2.3.4, §4.9.
 * @module */

import { assertEquals } from "@std/assert";
import { ClientClosedError, PublishRefusedError, SubscribeRefusedError } from "../../../src/client/errors.ts";
import { rejectsWith } from "../support.ts";
import { connected, connectedAgain, expectLeave } from "./support.ts";

Deno.test("[MQTT-3.2.2-11] nothing is published above the Maximum QoS", async () => {
  for (const maximum of [0, 1] as const) {
    const { client, server } = await connected({}, `20 [ 00 00 [ 24 0${maximum} ] ]`);
    for (const qos of [1, 2] as const) {
      if (qos > maximum) {
        const error = await rejectsWith(PublishRefusedError, client.publish("a", "", { qos }));
        assertEquals(error.reasonCode, 0x9b);
      }
    }
    await server.expectNothing();
    await client.publish("a", "");
    await server.expect(`30 [ "a" 00 ]`);
    client.drop();
  }
});

Deno.test("[MQTT-3.2.2-11] what waited for a Server that takes less is not sent to it", async () => {
  const connection = await connected({ clientId: "c" });
  connection.server.stream.reset();
  while (connection.client.state !== "waiting") await connection.time.advance(0);
  const waiting = rejectsWith(PublishRefusedError, connection.client.publish("a", "", { qos: 2 }));
  const next = await connectedAgain(connection, "20 [ 00 00 [ 24 01 ] ]");
  await waiting;
  await next.expectNothing();
  connection.client.drop();
});

Deno.test("[MQTT-3.2.2-14] nothing is published with RETAIN when Retain Available is 0", async () => {
  const { client, server } = await connected({}, "20 [ 00 00 [ 25 00 ] ]");
  for (const qos of [0, 1, 2] as const) {
    const error = await rejectsWith(PublishRefusedError, client.publish("a", "", { qos, retain: true }));
    assertEquals(error.reasonCode, 0x9a);
  }
  await server.expectNothing();
  client.drop();
});

Deno.test("[MQTT-3.2.2-15] no packet is larger than the Server's Maximum Packet Size", async () => {
  const { client, server } = await connected({}, "20 [ 00 00 [ 27 00 00 00 14 ] ]");
  // 2 + 2 + 1 + 1 + 14 = 20 at QoS 0; two more at QoS 1.
  await client.publish("a", "x".repeat(14));
  await server.expect(`30 [ "a" 00 14*78 ]`);
  const fits = client.publish("a", "x".repeat(12), { qos: 1 });
  await server.expect(`32 [ "a" 00 01 00 12*78 ]`);
  await server.send("40 02 00 01");
  await fits;
  for (const [qos, length] of [[0, 15], [1, 13], [2, 13]] as const) {
    const error = await rejectsWith(PublishRefusedError, client.publish("a", "x".repeat(length), { qos }));
    assertEquals(error.reasonCode, 0x95);
  }
  const error = await rejectsWith(SubscribeRefusedError, client.subscribe("x".repeat(20)));
  assertEquals(error.reasonCode, 0x95);
  await server.expectNothing();
  client.drop();
});

Deno.test("[MQTT-3.2.2-17] [MQTT-3.3.2-9] [MQTT-3.3.2-8] aliases go from 1 to the Server's Topic Alias Maximum", async () => {
  const { client, server } = await connected({}, "20 [ 00 00 [ 22 00 02 ] ]");
  // A name of three letters or less is shorter than its alias.
  await client.publish("long/a", "1");
  await client.publish("long/b", "2");
  await client.publish("long/a", "3");
  await server.expect(`30 [ "long/a" [ 23 00 01 ] '1' ] 30 [ "long/b" [ 23 00 02 ] '2' ] 30 [ "" [ 23 00 01 ] '3' ]`);
  for (let i = 0; i < 20; i++) {
    await client.publish(`other/${i}`, "x");
    const packet = await server.packet();
    const propertyAt = 4 + packet[3] + 1;
    if (packet[propertyAt] === 0x23) {
      const alias = packet[propertyAt + 1] << 8 | packet[propertyAt + 2];
      assertEquals(alias === 1 || alias === 2, true, `alias ${alias}`);
    } else assertEquals(packet[propertyAt - 1], 0);
  }
  client.drop();
});

Deno.test("[MQTT-3.2.2-18] without a Topic Alias Maximum there are no aliases", async () => {
  for (const connack of ["20 [ 00 00 [ ] ]", "20 [ 00 00 [ 22 00 00 ] ]"]) {
    const { client, server } = await connected({}, connack);
    for (let i = 0; i < 3; i++) {
      await client.publish("long/a", "");
      await server.expect(`30 [ "long/a" 00 ]`);
    }
    client.drop();
  }
});

Deno.test("[MQTT-3.3.2-7] aliases end with the connection, in both directions", async () => {
  const connection = await connected({ properties: { topicAliasMaximum: 5 } }, "20 [ 00 00 [ 22 00 02 ] ]");
  const { client, server } = connection;
  await client.publish("long/a", "1");
  await server.expect(`30 [ "long/a" [ 23 00 01 ] '1' ]`);
  await server.send(`30 [ "b" [ 23 00 05 ] 'x' ]`);
  const second = await connectedAgain(connection, "20 [ 00 00 [ 22 00 02 ] ]");
  await client.publish("long/a", "2");
  await second.expect(`30 [ "long/a" [ 23 00 01 ] '2' ]`);
  await second.send(`30 [ "" [ 23 00 05 ] 'x' ]`);
  await second.expectDisconnect(0x82);
  client.drop();
});

Deno.test("[MQTT-3.3.2-10] [MQTT-3.3.2-8] the client takes all aliases from 1 to the maximum that it announced, and no other", async () => {
  const options = { properties: { topicAliasMaximum: 300 } };
  const { client, server } = await connected(options);
  const readings = await server.subscribed(client, "#", 0);
  const iterator = readings[Symbol.asyncIterator]();
  const all = Array.from({ length: 300 }, (_, i) => i + 1);
  const alias = (i: number) =>
    `23 ${(i >> 8).toString(16).padStart(2, "0")} ${(i & 255).toString(16).padStart(2, "0")}`;
  await server.send(all.map((i) => `30 [ "t/${i}" [ ${alias(i)} ] ]`).join(" "));
  await server.send(all.map((i) => `30 [ "" [ ${alias(i)} ] ]`).join(" "));
  for (const i of [...all, ...all]) assertEquals((await iterator.next()).value?.topicName, `t/${i}`);
  client.drop();
  await expectLeave(`30 [ "a" [ ${alias(0)} ] ]`, 0x94, options);
  await expectLeave(`30 [ "a" [ ${alias(301)} ] ]`, 0x94, options);
  await expectLeave(`30 [ "a" [ ${alias(1)} ] ]`, 0x94);
});

Deno.test("[MQTT-3.3.4-7] [MQTT-3.3.4-8] [MQTT-4.9.0-1] [MQTT-4.9.0-2] [MQTT-4.9.0-3] as many messages at once as the Receive Maximum, and everything else goes on", async () => {
  const { client, server, time } = await connected({ keepAlive: 10 }, "20 [ 00 00 [ 21 00 02 ] ]");
  const publishing = [1, 2, 1, 2].map((qos, i) => client.publish("a", `${i}`, { qos: qos as 1 | 2 }));
  await server.expect(`32 [ "a" 00 01 00 '0' ] 34 [ "a" 00 02 00 '1' ]`);
  await server.expectNothing();
  // QoS 0, SUBSCRIBE, PINGREQ and answers are not counted.
  await client.publish("a", "x");
  await server.expect(`30 [ "a" 00 'x' ]`);
  const readings = await server.subscribed(client, "b", 1);
  await server.send(`32 [ "b" 00 01 00 ]`);
  const iterator = readings[Symbol.asyncIterator]();
  await iterator.next();
  await iterator.return?.();
  await server.expect("40 02 00 01");
  await time.advance(10_000);
  await server.expect("c0 00");
  await server.send("d0 00");
  // PUBREC gives nothing back, PUBREL is no PUBLISH; PUBCOMP and PUBACK do.
  await server.send("50 02 00 02");
  await server.expect("62 02 00 02");
  await server.expectNothing();
  await server.send("70 02 00 02");
  const third = await server.packet();
  assertEquals(third[0], 0x32);
  await server.expectNothing();
  // A PUBREC that refuses does, too.
  await server.send("40 02 00 01");
  const fourth = await server.packet();
  assertEquals(fourth[0], 0x34);
  const refused = rejectsWith(PublishRefusedError, publishing[3]);
  await server.send(`50 [ 00 0${fourth[6]} 97 ]`);
  await refused;
  const fifth = rejectsWith(ClientClosedError, client.publish("a", "4", { qos: 1 }));
  assertEquals((await server.packet())[0], 0x32);
  await server.send(`40 02 00 0${third[6]}`);
  await Promise.all(publishing.slice(0, 3));
  client.drop();
  await fifth;
});
