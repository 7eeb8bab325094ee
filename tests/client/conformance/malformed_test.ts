/** What a Server must not send, and the client's answer: DISCONNECT that says why, and the end. Spec §1.5, §2, §3, §4.13.
 * The decoder's own tests have more of it; here it is that the client acts upon it. @module */

import { assertEquals } from "@std/assert";
import { ServerProtocolError } from "../../../src/client/errors.ts";
import { rejectsWith } from "../support.ts";
import { connected, expectLeave } from "./support.ts";

const MALFORMED: readonly { readonly what: string; readonly bytes: readonly string[] }[] = [
  {
    what: "[MQTT-1.5.4-1] text that is no UTF-8",
    bytes: [`30 [ 00 02 c3 28 00 ]`, `30 [ 00 03 ed a0 80 00 ]`, `30 [ "a" [ 03 00 01 ff ] ]`],
  },
  { what: "[MQTT-1.5.4-2] U+0000 in a text", bytes: [`30 [ 00 01 00 00 ]`, `30 [ "a" [ 03 00 01 00 ] ]`] },
  { what: "[MQTT-1.5.5-1] an integer that is longer than it need be", bytes: [`30 84 00 00 01 61 00`] },
  {
    what: "[MQTT-1.5.7-1] a User Property whose name or value is no text",
    bytes: [`30 [ "a" [ 26 00 01 ff "v" ] ]`, `30 [ "a" [ 26 "k" 00 01 ff ] ]`],
  },
  {
    what: "[MQTT-2.1.3-1] reserved flags with another value",
    bytes: ["41 02 00 01", "d1 00", "b2 [ 00 01 00 00 ]", "91 [ 00 01 00 00 ]"],
  },
  { what: "[MQTT-3.6.1-1] PUBREL without its flags", bytes: ["60 02 00 01", "63 02 00 01"] },
  { what: "[MQTT-3.14.1-1] DISCONNECT with reserved flags", bytes: ["e1 00"] },
  { what: "[MQTT-3.15.1-1] AUTH with reserved flags", bytes: ["f1 00"] },
  { what: "[MQTT-3.3.2-1] a Topic Name that is no text", bytes: [`30 [ 00 01 ff 00 ]`] },
  { what: "[MQTT-3.3.2-13] a Response Topic that is no text", bytes: [`30 [ "a" [ 08 00 01 ff ] ]`] },
  { what: "[MQTT-3.3.2-19] a Content Type that is no text", bytes: [`30 [ "a" [ 03 00 01 ff ] ]`] },
];

for (const { what, bytes } of MALFORMED) {
  Deno.test(`${what} is malformed: DISCONNECT 0x81`, async () => {
    for (const text of bytes) await expectLeave(text, 0x81);
  });
}

Deno.test("[MQTT-3.3.2-2] [MQTT-3.3.2-14] [MQTT-4.7.0-1] a Topic Name and a Response Topic with wildcards end the connection", async () => {
  for (const bytes of [`30 [ "a/#" 00 ]`, `30 [ "+" 00 ]`, `30 [ "a" [ 08 "b/+" ] ]`]) {
    const { client, server } = await connected({ reconnect: false });
    const ended = rejectsWith(ServerProtocolError, client.closed);
    await server.send(bytes);
    const packet = await server.packet();
    assertEquals(packet[0], 0xe0);
    assertEquals([0x81, 0x82, 0x90].includes(packet[2]), true, `Reason Code ${packet[2]}`);
    await server.expectClosed();
    await ended;
  }
});

Deno.test("[MQTT-3.4.2-1] [MQTT-3.5.2-1] [MQTT-3.6.2-1] [MQTT-3.7.2-1] [MQTT-3.14.2-1] [MQTT-3.15.2-1] Reason Codes that are in no table, or of the other direction, end the connection", async () => {
  for (
    const bytes of [
      "40 [ 00 01 01 ]",
      "50 [ 00 01 92 ]",
      "62 [ 00 01 10 ]",
      "70 [ 00 01 10 ]",
      "e0 [ 04 ]",
      "f0 [ 19 ]",
    ]
  ) {
    const { client, server } = await connected({ reconnect: false });
    const ended = rejectsWith(ServerProtocolError, client.closed);
    await server.send(bytes);
    const packet = await server.packet();
    assertEquals(packet[0], 0xe0, bytes);
    assertEquals([0x81, 0x82].includes(packet[2]), true, `${bytes}: Reason Code ${packet[2]}`);
    await server.expectClosed();
    await ended;
  }
});

Deno.test("[MQTT-4.3.3-9] the client refuses no message, so no identifier of QoS 2 becomes free by its PUBREC", async () => {
  const { client, server } = await connected();
  const readings = await server.subscribed(client, "a", 2);
  const iterator = readings[Symbol.asyncIterator]();
  await server.send(`34 [ "a" 00 07 00 '1' ]`);
  await iterator.next();
  const second = iterator.next();
  // Success, never 0x80 or more.
  await server.expect("50 02 00 07");
  await server.send("62 02 00 07");
  await server.expect("70 02 00 07");
  await server.send(`34 [ "a" 00 07 00 '2' ]`);
  assertEquals((await second).value?.text(), "2");
  client.drop();
});
