/** CONNECT, byte by byte, and what the client makes of CONNACK. Spec §1.5, §3.1, §3.2. @module */

import { assertEquals } from "@std/assert";
import { ServerProtocolError } from "../../../src/client/errors.ts";
import { connectThrough, FakeServer, rejectsWith, settle } from "../support.ts";
import {
  CONNACK,
  CONNACK_SESSION,
  connected,
  connectedAgain,
  expectConnect,
  LASTING,
  letIn,
  WireServer,
} from "./support.ts";

Deno.test('[MQTT-3.1.0-1] [MQTT-3.1.2-1] [MQTT-3.1.3-3] the first packet is CONNECT of "MQTT", with a Client Identifier', async () => {
  await expectConnect({ clientId: "c" }, `10 [ "MQTT" 05 02 00 3c [ 21 00 64 ] "c" ]`);
  await expectConnect({}, `10 [ "MQTT" 05 02 00 3c [ 21 00 64 ] "" ]`);
  await expectConnect({ protocolVersion: 4, clientId: "c" }, `10 [ "MQTT" 04 02 00 3c "c" ]`);
  await expectConnect({ protocolVersion: 3, clientId: "c" }, `10 [ "MQIsdp" 03 02 00 3c "c" ]`);
});

Deno.test("[MQTT-3.1.2-4] Clean Start is what the program says; later connections resume", async () => {
  await expectConnect({ clientId: "c", cleanStart: false }, `10 [ "MQTT" 05 00 00 3c [ 21 00 64 ] "c" ]`);
  const connection = await connected({ clientId: "c" });
  connection.server.stream.reset();
  const next = new WireServer((await connection.fake.nextAfter(connection.time)).stream);
  await next.expect(`10 [ "MQTT" 05 00 00 3c [ 21 00 64 ] "c" ]`);
  connection.client.drop();
});

Deno.test("[MQTT-3.1.2-11] [MQTT-3.1.2-13] [MQTT-3.1.2-16] [MQTT-3.1.2-18] without will, user name and password their flags are 0", async () => {
  await expectConnect({ clientId: "c", keepAlive: 0 }, `10 [ "MQTT" 05 02 00 00 [ 21 00 64 ] "c" ]`);
});

Deno.test("[MQTT-3.1.2-9] [MQTT-3.1.2-12] [MQTT-3.1.2-17] [MQTT-3.1.2-19] [MQTT-3.1.3-1] each flag has its fields, in their order", async () => {
  await expectConnect(
    {
      clientId: "c",
      userName: "u",
      password: new Uint8Array([0, 255]),
      will: { topicName: "w", payload: "gone", qos: 2, retain: true, properties: { willDelayInterval: 7 } },
    },
    `10 [ "MQTT" 05 f6 00 3c [ 21 00 64 ] "c" [ 18 00 00 00 07 ] "w" "gone" "u" 00 02 00 ff ]`,
  );
  await expectConnect(
    { clientId: "c", password: "p", will: { topicName: "w", qos: 1 } },
    `10 [ "MQTT" 05 4e 00 3c [ 21 00 64 ] "c" [ ] "w" "" "p" ]`,
  );
  await expectConnect(
    { clientId: "c", userName: "u", will: { topicName: "w" } },
    `10 [ "MQTT" 05 86 00 3c [ 21 00 64 ] "c" [ ] "w" "" "u" ]`,
  );
  const tooHigh = { will: { topicName: "w", qos: 3 as 2 } };
  await rejectsWith(Error, connectThrough(new FakeServer().open, { ...tooHigh, reconnect: false }));
});

Deno.test("[MQTT-1.5.4-1] [MQTT-1.5.4-2] [MQTT-3.1.3-4] [MQTT-3.1.3-11] [MQTT-3.1.3-12] [MQTT-1.5.7-1] what is no text is not sent in CONNECT", async () => {
  for (const text of ["a\0", "\ud800", "x".repeat(65_536)]) {
    for (
      const options of [
        { clientId: text },
        { userName: text },
        { will: { topicName: text } },
        { properties: { userProperties: [["k", text]] as [string, string][] } },
        { properties: { userProperties: [[text, "v"]] as [string, string][] } },
      ]
    ) {
      const fake = new FakeServer();
      const outcome = rejectsWith(Error, connectThrough(fake.open, { ...options, reconnect: false }));
      await settle();
      if (fake.arrivals > 0) await new WireServer((await fake.next()).stream).expectClosed();
      await outcome;
    }
  }
});

Deno.test("[MQTT-1.5.4-3] the character U+FEFF goes out and comes in as it is, also at the beginning", async () => {
  await expectConnect({ clientId: "\ufeffc" }, `10 [ "MQTT" 05 02 00 3c [ 21 00 64 ] 00 04 ef bb bf 'c' ]`);
  const { client, server } = await connected();
  const readings = await server.subscribed(client, "#", 0);
  await server.send(`30 [ 00 04 ef bb bf 'a' [ ] ef bb bf 'x' ]`);
  const { value } = await readings[Symbol.asyncIterator]().next();
  assertEquals([value?.topicName, value?.text()], ["\ufeffa", "\ufeffx"]);
  client.drop();
});

Deno.test("[MQTT-3.1.2-20] with nothing else to send PINGREQ goes out before the Keep Alive is over", async () => {
  const { client, server, time } = await connected({ keepAlive: 10 });
  await time.advance(9_000);
  await server.expectNothing();
  await time.advance(1_000);
  await server.expect("c0 00");
  await server.send("d0 00");
  // What is sent meanwhile puts it off.
  await time.advance(5_000);
  await client.publish("a", "");
  await server.expect(`30 [ "a" [ ] ]`);
  await time.advance(9_000);
  await server.expectNothing();
  await time.advance(1_000);
  await server.expect("c0 00");
  client.drop();
});

Deno.test("[MQTT-3.1.2-21] [MQTT-3.2.2-21] the Server Keep Alive takes the place of the client's", async () => {
  const { client, server, time } = await connected({ keepAlive: 100 }, "20 [ 00 00 [ 13 00 05 ] ]");
  assertEquals(client.server.keepAlive, 5);
  await time.advance(5_000);
  await server.expect("c0 00");
  client.drop();
});

Deno.test("[MQTT-3.1.2-23] [MQTT-3.1.3-2] the client keeps its part of the session for the next connection with its identifier", async () => {
  const connection = await connected(LASTING);
  const { client, server } = connection;
  const publishing = client.publish("a", "x", { qos: 1 });
  await server.expect(`32 [ "a" 00 01 [ ] 'x' ]`);
  server.stream.reset();
  const { stream } = await connection.fake.nextAfter(connection.time);
  const next = new WireServer(stream);
  await next.expect(`10 [ "MQTT" 05 00 00 00 [ 11 00 00 03 e8 21 00 64 ] "c" ]`);
  await next.send(CONNACK_SESSION);
  await next.expect(`3a [ "a" 00 01 [ ] 'x' ]`);
  await next.send("40 02 00 01");
  await publishing;
  client.drop();
});

Deno.test("[MQTT-3.2.2-4] Session Present for a client that has no session ends the connection", async () => {
  const fake = new FakeServer();
  const connecting = connectThrough(fake.open, { clientId: "c", reconnect: false });
  const server = await letIn(fake, CONNACK_SESSION);
  await server.expectDisconnect(0x82);
  assertEquals((await rejectsWith(ServerProtocolError, connecting)).statement, "MQTT-3.2.2-2");
});

Deno.test("[MQTT-3.2.2-5] without Session Present the client's part of the session is thrown away", async () => {
  const connection = await connected(LASTING);
  const { client, server } = connection;
  const publishing = client.publish("a", "x", { qos: 1 });
  await server.expect(`32 [ "a" 00 01 [ ] 'x' ]`);
  const readings = await server.subscribed(client, "b", 2);
  await server.send(`34 [ "b" 00 07 [ ] '1' ]`);
  const iterator = readings[Symbol.asyncIterator]();
  await iterator.next();
  const second = iterator.next();
  await server.expect("50 02 00 07");
  const next = await connectedAgain(connection, CONNACK);
  const subscribe = await next.packet();
  assertEquals(subscribe[0], 0x82);
  // The message is a new one now, with DUP 0.
  const publish = await next.packet();
  assertEquals(publish[0], 0x32);
  await next.send(
    `90 [ ${[...subscribe.subarray(2, 4)].map((b) => b.toString(16).padStart(2, "0")).join(" ")} [ ] 02 ]`,
  );
  // And so is one with the identifier that was not released.
  await next.send(`34 [ "b" 00 07 [ ] '2' ]`);
  assertEquals((await second).value?.text(), "2");
  await next.send(`40 02 00 ${publish[6].toString(16).padStart(2, "0")}`);
  await publishing;
  client.drop();
});

Deno.test("[MQTT-4.13.2-1] a Reason Code of 0x80 or more in CONNACK or DISCONNECT is the end of the connection", async () => {
  const fake = new FakeServer();
  const connecting = connectThrough(fake.open, { reconnect: false });
  const refused = rejectsWith(Error, connecting);
  await (await letIn(fake, "20 [ 00 87 [ ] ]")).expectClosed();
  await refused;
  const { client, server } = await connected({ reconnect: false });
  const ended = rejectsWith(Error, client.closed);
  await server.send("e0 [ 8b ]");
  await server.expectClosed();
  await ended;
});

Deno.test("[MQTT-4.2.0-1] what the network cuts into pieces is put together again", async () => {
  const { client, server } = await connected();
  const readings = await server.subscribed(client, "a", 0);
  for (const byte of ["30", "06", "00", "01", "61", "00", "31", "32"]) {
    await server.send(byte);
    await settle();
  }
  assertEquals((await readings[Symbol.asyncIterator]().next()).value?.text(), "12");
  server.stream.reset();
  await settle();
  assertEquals(client.state, "waiting");
  client.drop();
});
