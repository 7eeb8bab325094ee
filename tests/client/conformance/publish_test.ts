/** PUBLISH and its answers in both directions, byte by byte. Spec §2.2, §3.3 – §3.7, §4.3, §4.6. @module */

import { assertEquals } from "@std/assert";
import type { Message, MessageProperties, Subscription } from "../../../src/client/client.ts";
import { ClientClosedError, MqttError, PublishRefusedError } from "../../../src/client/errors.ts";
import { rejectsWith, settle } from "../support.ts";
import { CONNACK, CONNACK_SESSION, connected, connectedAgain, expectLeave, LASTING } from "./support.ts";

/** Reads on in the background, so that everything is acknowledged. */
function readAll(subscription: Subscription): string[] {
  const seen: string[] = [];
  (async () => {
    for await (const message of subscription) seen.push(message.text());
  })();
  return seen;
}

async function next(subscription: Subscription): Promise<Message> {
  const { value, done } = await subscription[Symbol.asyncIterator]().next();
  if (done) throw new Error("ended");
  return value;
}

Deno.test("[MQTT-2.2.1-2] [MQTT-3.3.1-2] [MQTT-4.3.1-1] [MQTT-3.3.2-1] [MQTT-2.2.2-1] QoS 0: no identifier, DUP 0, an empty property list", async () => {
  const { client, server } = await connected();
  await client.publish("grüße/käfer", "x");
  await server.expect(`30 [ "grüße/käfer" 00 'x' ]`);
  await client.publish("a", "", { retain: true });
  await server.expect(`31 [ "a" 00 ]`);
  client.drop();
  const old = await connected({ protocolVersion: 4 }, "20 02 00 00");
  await old.client.publish("a", "x");
  await old.server.expect(`30 [ "a" 'x' ]`);
  old.client.drop();
});

Deno.test("[MQTT-2.2.1-3] [MQTT-4.3.2-1] [MQTT-4.3.3-1] each request has an identifier that is not 0 and not in use", async () => {
  const { client, server } = await connected({ keepAlive: 0 });
  const publishing = [1, 2, 1].map((qos) => client.publish("a", "", { qos: qos as 1 | 2 }));
  await server.expect(`32 [ "a" 00 01 00 ] 34 [ "a" 00 02 00 ] 32 [ "a" 00 03 00 ]`);
  const subscribing = client.subscribe("b");
  await server.expect(`82 [ 00 04 [ 0b 01 ] "b" 00 ]`);
  await server.send("90 [ 00 04 00 00 ]");
  const ending = (await subscribing).unsubscribe();
  const unsubscribe = await server.packet();
  assertEquals(unsubscribe[0], 0xa2);
  const inUse = new Set([1, 2, 3]);
  assertEquals(inUse.has(unsubscribe[3]) || unsubscribe[3] === 0, false);
  await server.send(`b0 [ 00 0${unsubscribe[3]} 00 00 ]`);
  await ending;
  await server.send("40 02 00 01 40 02 00 03");
  await Promise.all([publishing[0], publishing[2]]);
  // 2 stays in use.
  let last = 0;
  for (let i = 0; i < 300; i++) {
    const outcome = client.publish("a", "", { qos: 1 });
    const packet = await server.packet();
    last = packet[5] << 8 | packet[6];
    if (last === 0 || last === 2) throw new Error(`identifier ${last}`);
    const [high, low] = [packet[5], packet[6]].map((byte) => byte.toString(16).padStart(2, "0"));
    await server.send(`40 02 ${high} ${low}`);
    await outcome;
  }
  const unfinished = rejectsWith(ClientClosedError, publishing[1]);
  client.drop();
  await unfinished;
});

Deno.test("[MQTT-4.3.2-2] [MQTT-4.3.2-3] QoS 1: PUBLISH with DUP 0, and the message is open until its PUBACK", async () => {
  const { client, server } = await connected();
  const publishing = client.publish("a", "x", { qos: 1 });
  await server.expect(`32 [ "a" 00 01 00 'x' ]`);
  assertEquals(client.outboxLength, 1);
  await server.send("40 02 00 01");
  await publishing;
  assertEquals(client.outboxLength, 0);
  client.drop();
});

Deno.test("[MQTT-4.3.3-2] [MQTT-4.3.3-3] [MQTT-4.3.3-4] [MQTT-4.3.3-5] [MQTT-2.2.1-5] [MQTT-3.6.1-1] [MQTT-3.6.2-1] QoS 2: PUBLISH with DUP 0, PUBREL 62 with the same identifier, open until PUBCOMP", async () => {
  const { client, server } = await connected();
  const publishing = client.publish("a", "x", { qos: 2 });
  await server.expect(`34 [ "a" 00 01 00 'x' ]`);
  assertEquals(client.outboxLength, 1);
  await server.send("50 02 00 01");
  await server.expect("62 02 00 01");
  assertEquals(client.outboxLength, 1);
  await server.send("70 02 00 01");
  await publishing;
  assertEquals(client.outboxLength, 0);
  client.drop();
});

Deno.test("[MQTT-3.3.1-1] [MQTT-4.3.3-6] [MQTT-4.4.0-1] [MQTT-4.6.0-1] a resumed session repeats PUBLISH with DUP, and PUBREL after PUBREC, in order and not before", async () => {
  const connection = await connected(LASTING);
  const { client, server } = connection;
  const publishing = [1, 2, 2, 1].map((qos, i) => client.publish("a", `${i}`, { qos: qos as 1 | 2 }));
  await server.expect(
    `32 [ "a" 00 01 00 '0' ] 34 [ "a" 00 02 00 '1' ] 34 [ "a" 00 03 00 '2' ] 32 [ "a" 00 04 00 '3' ]`,
  );
  await server.send("50 02 00 03");
  await server.expect("62 02 00 03");
  // As long as the connection lasts nothing is repeated.
  await connection.time.advance(25_000);
  await server.expectNothing();
  const second = await connectedAgain(connection, CONNACK_SESSION);
  await second.expect(`3a [ "a" 00 01 00 '0' ] 3c [ "a" 00 02 00 '1' ] 62 02 00 03 3a [ "a" 00 04 00 '3' ]`);
  await second.expectNothing();
  await second.send("40 02 00 01 50 02 00 02 70 02 00 03 40 02 00 04");
  await second.expect("62 02 00 02");
  await second.send("70 02 00 02");
  await Promise.all(publishing);
  client.drop();
});

Deno.test("[MQTT-4.6.0-4] PUBRELs go out in the order of the PUBRECs", async () => {
  const { client, server } = await connected();
  const publishing = [1, 2, 3].map((i) => client.publish("a", `${i}`, { qos: 2 }));
  await server.expect(`34 [ "a" 00 01 00 '1' ] 34 [ "a" 00 02 00 '2' ] 34 [ "a" 00 03 00 '3' ]`);
  await server.send("50 02 00 03 50 02 00 01 50 02 00 02");
  await server.expect("62 02 00 03 62 02 00 01 62 02 00 02");
  await server.send("70 02 00 01 70 02 00 02 70 02 00 03");
  await Promise.all(publishing);
  client.drop();
});

Deno.test("[MQTT-4.4.0-2] a PUBACK or PUBREC of 0x80 or more finishes the message, and its identifier is free", async () => {
  const connection = await connected(LASTING);
  const { client, server } = connection;
  const refused = [1, 2].map((qos) => rejectsWith(PublishRefusedError, client.publish("a", "", { qos: qos as 1 | 2 })));
  await server.expect(`32 [ "a" 00 01 00 ] 34 [ "a" 00 02 00 ]`);
  await server.send("40 [ 00 01 87 ] 50 [ 00 02 97 ]");
  assertEquals((await Promise.all(refused)).map(({ reasonCode }) => reasonCode), [0x87, 0x97]);
  await server.expectNothing();
  assertEquals(client.outboxLength, 0);
  await (await connectedAgain(connection, CONNACK_SESSION)).expectNothing();
  client.drop();
});

Deno.test("[MQTT-4.3.3-7] a QoS 2 message that was sent does not expire any more", async () => {
  const connection = await connected(LASTING);
  const { client, server } = connection;
  const properties = { messageExpiryInterval: 1 };
  const publishing = [1, 2].map((qos) => client.publish("a", "", { qos: qos as 1 | 2, properties }));
  await server.expect(`32 [ "a" 00 01 [ 02 00 00 00 01 ] ] 34 [ "a" 00 02 [ 02 00 00 00 01 ] ]`);
  await connection.time.advance(5_000);
  const second = await connectedAgain(connection, CONNACK_SESSION);
  await second.expect(`3a [ "a" 00 01 [ 02 00 00 00 00 ] ] 3c [ "a" 00 02 [ 02 00 00 00 00 ] ]`);
  await second.send("40 02 00 01 50 02 00 02");
  await second.expect("62 02 00 02");
  await second.send("70 02 00 02");
  await Promise.all(publishing);
  client.drop();
});

Deno.test("[MQTT-3.3.4-1] [MQTT-4.3.2-4] [MQTT-4.3.3-8] [MQTT-4.3.3-11] [MQTT-4.5.0-2] [MQTT-3.4.2-1] [MQTT-3.5.2-1] [MQTT-3.7.2-1] each message is answered as its QoS asks", async () => {
  const { client, server } = await connected();
  const seen = readAll(await server.subscribed(client, "a", 2));
  await server.send(`30 [ "a" 00 '0' ] 32 [ "a" 00 07 00 '1' ] 34 [ "a" 00 08 00 '2' ]`);
  await server.expect("40 02 00 07 50 02 00 08");
  await server.send("62 02 00 08");
  await server.expect("70 02 00 08");
  // One that nobody has asked for, or no longer, too.
  const ended = await server.subscribed(client, "b", 2);
  const ending = ended.unsubscribe();
  const unsubscribe = await server.packet();
  await server.send(`32 [ "b" 00 09 00 ] 34 [ "b" 00 0a 00 ] b0 [ 00 0${unsubscribe[3]} 00 00 ]`);
  await server.expect("40 02 00 09 50 02 00 0a");
  await ending;
  assertEquals(seen, ["0", "1", "2"]);
  client.drop();
});

Deno.test("[MQTT-4.3.2-5] [MQTT-4.3.3-12] after PUBACK and PUBCOMP the identifier means a new message, whatever DUP says", async () => {
  const { client, server } = await connected();
  const seen = readAll(await server.subscribed(client, "a", 2));
  await server.send(`32 [ "a" 00 07 00 '1' ]`);
  await server.expect("40 02 00 07");
  await server.send(`3a [ "a" 00 07 00 '2' ]`);
  await server.expect("40 02 00 07");
  await server.send(`34 [ "a" 00 07 00 '3' ]`);
  await server.expect("50 02 00 07");
  await server.send("62 02 00 07");
  await server.expect("70 02 00 07");
  await server.send(`3c [ "a" 00 07 00 '4' ]`);
  await server.expect("50 02 00 07");
  assertEquals(seen, ["1", "2", "3", "4"]);
  client.drop();
});

Deno.test("[MQTT-4.3.3-10] until PUBREL a repeated PUBLISH gets another PUBREC, and comes once", async () => {
  const connection = await connected(LASTING);
  const { client, server } = connection;
  const seen = readAll(await server.subscribed(client, "a", 2));
  await server.send(`34 [ "a" 00 07 00 '1' ]`);
  await server.expect("50 02 00 07");
  const second = await connectedAgain(connection, CONNACK_SESSION);
  await second.send(`3c [ "a" 00 07 00 '1' ]`);
  await second.expect("50 02 00 07");
  await second.send("62 02 00 07");
  await second.expect("70 02 00 07");
  assertEquals(seen, ["1"]);
  client.drop();
});

Deno.test("[MQTT-4.3.3-13] the handshake of QoS 2 goes on after the message has expired", async () => {
  const { client, server, time } = await connected({ keepAlive: 0 });
  const seen = readAll(await server.subscribed(client, "a", 2));
  await server.send(`34 [ "a" 00 07 [ 02 00 00 00 01 ] '1' ]`);
  await server.expect("50 02 00 07");
  await time.advance(5_000);
  await server.send("62 02 00 07");
  await server.expect("70 02 00 07");
  assertEquals(seen, ["1"]);
  client.drop();
});

Deno.test("[MQTT-4.6.0-2] [MQTT-4.6.0-3] PUBACKs and PUBRECs go out in the order of the messages, whoever reads first", async () => {
  const { client, server } = await connected();
  const slow = await server.subscribed(client, "slow", 2);
  const quick = await server.subscribed(client, "quick", 2);
  await server.send(
    `32 [ "slow" 00 01 00 ] 34 [ "slow" 00 02 00 ] 32 [ "quick" 00 03 00 ] 34 [ "quick" 00 04 00 ]`,
  );
  await settle();
  readAll(quick);
  await server.expectNothing();
  readAll(slow);
  await server.expect("40 02 00 01 50 02 00 02 40 02 00 03 50 02 00 04");
  client.drop();
});

Deno.test("[MQTT-3.3.1-3] DUP of an outgoing message does not come from an incoming one", async () => {
  const { client, server } = await connected();
  const readings = await server.subscribed(client, "a", 1);
  await server.send(`3a [ "a" 00 07 00 'x' ]`);
  const { dup, payload } = await next(readings);
  assertEquals(dup, true);
  const publishing = client.publish("b", payload, { qos: 1 });
  const packet = await server.packet();
  assertEquals(packet[0], 0x32);
  await server.send(`40 02 00 0${packet[6]}`);
  await publishing;
  client.drop();
});

Deno.test("[MQTT-3.3.2-2] [MQTT-4.7.0-1] [MQTT-4.7.3-1] [MQTT-4.7.3-2] [MQTT-4.7.3-3] what is no Topic Name is not sent", async () => {
  const { client, server } = await connected();
  for (const name of ["", "#", "+", "a/#", "a/+/b", "a\0", "\ud800", "x".repeat(65_536)]) {
    for (const qos of [0, 1, 2] as const) await rejectsWith(TypeError, client.publish(name, "", { qos }));
  }
  await server.expectNothing();
  await client.publish("x".repeat(65_535), "");
  await server.expect(`30 [ ff ff 65535*78 00 ]`);
  client.drop();
});

Deno.test("[MQTT-3.3.2-13] [MQTT-3.3.2-14] [MQTT-3.3.2-19] [MQTT-1.5.4-1] [MQTT-1.5.4-2] [MQTT-1.5.7-1] properties that no packet may have are not sent", async () => {
  const { client, server } = await connected();
  const wrong: MessageProperties[] = [
    ...["a/#", "+", ""].map((responseTopic) => ({ responseTopic })),
    ...["a\0", "\ud800", "x".repeat(65_536)].flatMap((text) => [
      { responseTopic: text },
      { contentType: text },
      { userProperties: [["k", text]] as [string, string][] },
      { userProperties: [[text, "v"]] as [string, string][] },
    ]),
  ];
  for (const properties of wrong) {
    for (const qos of [0, 1] as const) {
      const error = await rejectsWith(Error, client.publish("a", "", { qos, properties }));
      assertEquals(error instanceof TypeError || error instanceof RangeError, true, String(error));
    }
  }
  await server.expectNothing();
  await client.publish("a", "", {
    properties: { contentType: "text/plain", responseTopic: "b/c", userProperties: [["k", "v"], ["k", "w"]] },
  });
  await server.expect(`30 [ "a" [ 03 "text/plain" 08 "b/c" 26 "k" "v" 26 "k" "w" ] ]`);
  client.drop();
});

Deno.test("[MQTT-3.3.1-4] QoS 3 is not sent, and a Server that sends it is left", async () => {
  const { client, server } = await connected();
  for (const qos of [3, -1, 1.5]) {
    const error = await rejectsWith(Error, client.publish("a", "", { qos: qos as 2 }));
    assertEquals(error instanceof RangeError || error instanceof MqttError, true, String(error));
  }
  await server.expectNothing();
  client.drop();
  await expectLeave(`36 [ "a" 00 01 00 ]`, 0x81);
});

Deno.test("[MQTT-3.3.4-6] no PUBLISH of the client has a Subscription Identifier", async () => {
  const { client, server } = await connected();
  const readings = await server.subscribed(client, "a", 0);
  await server.send(`30 [ "a" [ 0b 01 ] 'x' ]`);
  const { properties, payload } = await next(readings);
  assertEquals(properties.subscriptionIdentifiers, [1]);
  // Passed on with all that it came with.
  await client.publish("b", payload, { properties });
  await server.expect(`30 [ "b" 00 'x' ]`);
  client.drop();
});

Deno.test("[MQTT-3.4.2-2] [MQTT-3.4.2-3] [MQTT-3.5.2-2] [MQTT-3.5.2-3] [MQTT-3.6.2-2] [MQTT-3.6.2-3] [MQTT-3.7.2-2] [MQTT-3.7.2-3] answers say nothing but identifier and Reason Code, however much the Server takes", async () => {
  for (const connack of [CONNACK, "20 [ 00 00 [ 27 00 00 00 14 ] ]"]) {
    const { client, server } = await connected({}, connack);
    readAll(await server.subscribed(client, "a", 2));
    await server.send(`32 [ "a" 00 01 00 ] 34 [ "a" 00 02 00 ]`);
    await server.expect("40 02 00 01 50 02 00 02");
    await server.send("62 02 00 02");
    await server.expect("70 02 00 02");
    const publishing = client.publish("a", "", { qos: 2 });
    const packet = await server.packet();
    await server.send(`50 02 00 0${packet[6]}`);
    await server.expect(`62 02 00 0${packet[6]}`);
    // What the client does not know.
    await server.send("62 02 00 63 50 02 00 64");
    await server.expect("70 [ 00 63 92 ] 62 [ 00 64 92 ]");
    await server.send(`70 02 00 0${packet[6]}`);
    await publishing;
    client.drop();
  }
});
