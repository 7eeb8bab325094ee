/** DISCONNECT, AUTH and the end of connections, byte by byte. Spec §3.14, §3.15, §4.1, §4.12, §4.13. @module */

import { assertEquals } from "@std/assert";
import type { AuthenticationMethod } from "../../../src/client/authentication_method.ts";
import type { ClientOptions } from "../../../src/client/client.ts";
import { MqttError, ServerProtocolError } from "../../../src/client/errors.ts";
import { ReasonCode } from "../../../src/packet/mod.ts";
import { connectThrough, FakeServer, rejectsWith } from "../support.ts";
import { connected, expectLeave, LASTING, WireServer } from "./support.ts";

Deno.test("[MQTT-3.14.4-1] [MQTT-3.14.4-2] after DISCONNECT nothing is sent, and the connection is closed", async () => {
  const { client, server } = await connected();
  const readings = await server.subscribed(client, "a", 1);
  await server.send(`32 [ "a" 00 07 00 ]`);
  const iterator = readings[Symbol.asyncIterator]();
  await iterator.next();
  const leaving = client.disconnect();
  client.publish("a", "", { qos: 1 }).catch(() => {});
  iterator.next().catch(() => {});
  await server.expect("e0 00");
  await server.expectClosed();
  await leaving;
});

Deno.test("[MQTT-3.14.2-1] DISCONNECT has the Reason Codes of a client", async () => {
  for (
    const [options, text] of [
      [{}, "e0 00"],
      [{ reasonCode: ReasonCode.DisconnectWithWillMessage }, "e0 [ 04 ]"],
      [{ sessionExpiryInterval: 9 }, "e0 [ 00 [ 11 00 00 00 09 ] ]"],
      [{ reasonString: "why" }, `e0 [ 00 [ 1f "why" ] ]`],
    ] as const
  ) {
    const { client, server } = await connected(LASTING);
    const leaving = client.disconnect(options);
    await server.expect(text);
    await server.expectClosed();
    await leaving;
  }
});

Deno.test("[MQTT-3.14.2-3] [MQTT-3.14.2-4] a Reason String that makes DISCONNECT larger than the Server takes is left out", async () => {
  const { client, server } = await connected({}, "20 [ 00 00 [ 27 00 00 00 14 ] ]");
  const leaving = client.disconnect({ reasonString: "x".repeat(30) });
  const packet = await server.packet();
  assertEquals([...packet.subarray(0, 1), packet.length <= 20, packet.includes(0x1f)], [0xe0, true, false]);
  await server.expectClosed();
  await leaving;
});

Deno.test("[MQTT-4.1.0-1] the session's state stays while the connection is open, however long", async () => {
  const connection = await connected({ ...LASTING, acknowledgementTimeoutMs: 0 });
  const { client, server, time } = connection;
  const publishing = client.publish("a", "x", { qos: 1 });
  await server.expect(`32 [ "a" 00 01 00 'x' ]`);
  await time.advance(2_000_000);
  assertEquals([client.state, client.outboxLength], ["connected", 1]);
  await server.send("40 02 00 01");
  await publishing;
  client.drop();
});

/** Says its name and counts. */
function counting(): AuthenticationMethod {
  const bytes = (text: string) => new TextEncoder().encode(text);
  return {
    name: "M",
    begin: () => ({
      first: () => bytes("1"),
      next: (data) => bytes(new TextDecoder().decode(data) + "+"),
      finish: (data) => {
        if (data !== undefined && new TextDecoder().decode(data) === "bad") throw new MqttError("not to be trusted");
      },
    }),
  };
}
const AUTHENTICATED: ClientOptions = { clientId: "c", authentication: counting(), reconnect: false };
const CONNECT_M = `10 [ "MQTT" 05 02 00 3c [ 15 "M" 16 "1" 21 00 64 ] "c" ]`;

async function authenticated(options: ClientOptions = AUTHENTICATED) {
  const fake = new FakeServer();
  const connecting = connectThrough(fake.open, options);
  const server = new WireServer((await fake.next()).stream);
  const connect = await server.packet();
  assertEquals(connect[0], 0x10);
  await server.send(`20 [ 00 00 [ 15 "M" ] ]`);
  const { client, time } = await connecting;
  return { client, server, time, fake };
}

Deno.test("[MQTT-3.1.2-30] [MQTT-4.12.0-3] [MQTT-4.12.0-5] [MQTT-3.15.1-1] [MQTT-3.15.2-1] until CONNACK there is only AUTH 0x18 of the method", async () => {
  const fake = new FakeServer();
  const connecting = connectThrough(fake.open, { ...AUTHENTICATED, startOffline: true, reconnect: {} });
  const { client, time } = await connecting;
  const waiting = client.publish("a", "x", { qos: 1 });
  const server = new WireServer((await fake.next()).stream);
  await server.expect(CONNECT_M);
  await server.expectNothing();
  for (const data of ["2", "3"]) {
    await server.send(`f0 [ 18 [ 15 "M" 16 "${data}" ] ]`);
    await server.expect(`f0 [ 18 [ 15 "M" 16 "${data}+" ] ]`);
    await server.expectNothing();
  }
  await time.advance(1_000);
  await server.expectNothing();
  await server.send(`20 [ 00 00 [ 15 "M" ] ]`);
  await server.expect(`32 [ "a" 00 01 00 'x' ]`);
  await server.send("40 02 00 01");
  await waiting;
  client.drop();
});

Deno.test("[MQTT-4.12.0-5] another method in AUTH or CONNACK ends the connection", async () => {
  for (const text of [`f0 [ 18 [ 15 "N" 16 "2" ] ]`, `20 [ 00 00 [ 15 "N" ] ]`]) {
    const fake = new FakeServer();
    const refused = rejectsWith(ServerProtocolError, connectThrough(fake.open, AUTHENTICATED));
    const server = new WireServer((await fake.next()).stream);
    await server.packet();
    await server.send(text);
    await server.expectDisconnect(0x82);
    assertEquals((await refused).statement, "MQTT-4.12.0-5");
  }
});

Deno.test("[MQTT-4.12.0-7] without a method the client sends no AUTH", async () => {
  const { client, server } = await connected({ reconnect: false });
  await rejectsWith(MqttError, client.reauthenticate());
  await server.expectNothing();
  client.drop();
  await expectLeave(`f0 [ 18 [ 15 "M" 16 "2" ] ]`, 0x82);
});

Deno.test("[MQTT-4.12.1-1] re-authentication begins with AUTH 0x19 and the method of CONNECT", async () => {
  const { client, server } = await authenticated();
  const again = client.reauthenticate();
  await server.expect(`f0 [ 19 [ 15 "M" 16 "1" ] ]`);
  // Everything else goes on meanwhile.
  await client.publish("a", "x");
  await server.expect(`30 [ "a" 00 'x' ]`);
  await server.send(`f0 [ 18 [ 15 "M" 16 "2" ] ]`);
  await server.expect(`f0 [ 18 [ 15 "M" 16 "2+" ] ]`);
  await server.send(`f0 [ 00 [ 15 "M" ] ]`);
  await again;
  client.drop();
});

Deno.test("[MQTT-4.12.1-2] a re-authentication that fails ends with DISCONNECT", async () => {
  const { client, server } = await authenticated();
  const again = rejectsWith(MqttError, client.reauthenticate());
  client.closed.catch(() => {});
  await server.expect(`f0 [ 19 [ 15 "M" 16 "1" ] ]`);
  await server.send(`f0 [ 00 [ 15 "M" 16 "bad" ] ]`);
  const packet = await server.packet();
  assertEquals([packet[0], packet[2] >= 0x80], [0xe0, true]);
  await server.expectClosed();
  await again;
});

Deno.test("[MQTT-3.15.2-2] [MQTT-3.15.2-3] AUTH has a method and its data, and no Reason String or User Property", async () => {
  const fake = new FakeServer();
  const properties = { userProperties: [["k", "v"]] as [string, string][] };
  const connecting = connectThrough(fake.open, { ...AUTHENTICATED, properties });
  const server = new WireServer((await fake.next()).stream);
  await server.packet();
  await server.send(`f0 [ 18 [ 15 "M" 16 "2" 1f "why" 26 "k" "v" ] ]`);
  await server.expect(`f0 [ 18 [ 15 "M" 16 "2+" ] ]`);
  await server.send(`20 [ 00 00 [ 15 "M" ] ]`);
  (await connecting).client.drop();
});

Deno.test("drop() sends nothing, and closes", async () => {
  const { client, server } = await connected();
  client.drop();
  await server.expectClosed();
});
