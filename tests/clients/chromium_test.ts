/** Pages in a real browser: Chromium without a window, with MQTT.js as browsers load it. @module */

import { assertEquals } from "@std/assert";
import { TestAuthority } from "../support/certificates.ts";
import { chromiumTest, inPage, STRANGER } from "./chromium.ts";
import { patiently } from "./client_program.ts";
import { WebSocketProgram } from "./websocket_program.ts";

/** Subscribes, publishes at each QoS and a payload of many frames, and tells what came back. */
const ROUND_TRIP = `
  const told = {};
  for (const protocolVersion of [3, 4, 5]) {
    const protocolId = protocolVersion === 3 ? "MQIsdp" : "MQTT";
    const client = await mqtt.connectAsync(url, { protocolVersion, protocolId, reconnectPeriod: 0, clientId: "page" });
    const received = [];
    const all = new Promise((resolve) => client.on("message", (topic, payload, packet) => {
      received.push([topic, packet.qos, payload.length, payload[payload.length - 1]]);
      if (received.length === 4) resolve();
    }));
    await client.subscribeAsync("page/#", { qos: 2 });
    for (const qos of [0, 1, 2]) await client.publishAsync("page/" + qos, new Uint8Array([9, 8, qos]), { qos });
    await client.publishAsync("page/large", new Uint8Array(1000000).fill(7), { qos: 1 });
    await all;
    await client.endAsync();
    told[protocolVersion] = received;
  }
  return told;
`;

const received = [["page/0", 0, 3, 0], ["page/1", 1, 3, 1], ["page/2", 2, 3, 2], ["page/large", 1, 1_000_000, 7]];
const ROUND_TRIP_OUTCOME = { 3: received, 4: received, 5: received };

chromiumTest(
  "A page in Chromium with MQTT.js over ws: every version and QoS, and a payload of a megabyte",
  async () => {
    await using broker = await WebSocketProgram.start();
    assertEquals(await inPage(broker.webSocketUrl.href, ROUND_TRIP), ROUND_TRIP_OUTCOME);
  },
);

chromiumTest("A page in Chromium over https with MQTT.js over wss, under a name that only TLS has proved", async () => {
  const authority = TestAuthority.make();
  try {
    const certificate = authority.server();
    await using broker = await WebSocketProgram.start([], certificate);
    const { port } = broker.webSocketUrl;
    const page = { host: STRANGER, certificate };
    assertEquals(await inPage(`wss://${STRANGER}:${port}/mqtt`, ROUND_TRIP, page), ROUND_TRIP_OUTCOME);
    // What the rule relies on: the browser itself keeps such a page from ws.
    const unsafe = `try { new WebSocket(url, ["mqtt"]); return "made"; } catch (error) { return error.name; }`;
    assertEquals(await inPage(`ws://${STRANGER}:${port}/mqtt`, unsafe, page), "SecurityError");
  } finally {
    authority.remove();
  }
}, true);

/** "open", or the code with which it was closed. */
const OUTCOME = `
  return await new Promise((resolve) => {
    const socket = new WebSocket(url, ["mqtt"]);
    socket.onopen = () => resolve("open");
    socket.onclose = (event) => resolve(event.code);
  });
`;

chromiumTest("A stranger's page in Chromium does not reach a broker on this machine, under no name", async () => {
  await using broker = await WebSocketProgram.start();
  const { port } = broker.webSocketUrl;
  // 1006: it never was open.
  assertEquals(await inPage(`ws://127.0.0.1:${port}/mqtt`, OUTCOME, { host: STRANGER }), 1006);
  assertEquals(await inPage(`ws://${STRANGER}:${port}/mqtt`, OUTCOME, { host: STRANGER }), 1006);
  await patiently(broker.program.complaints.until(new RegExp(`pages from "http://${STRANGER}:.*\n.*pages from`)));
  assertEquals(await inPage(`ws://127.0.0.1:${port}/mqtt`, OUTCOME, { host: "localhost" }), "open");
});

chromiumTest("A page in Chromium sees the codes with which a broker closes", async () => {
  await using broker = await WebSocketProgram.start();
  const codes = await inPage(
    broker.webSocketUrl.href,
    `
    const closed = (send) => new Promise((resolve) => {
      const socket = new WebSocket(url, ["mqtt"]);
      socket.onopen = () => send(socket);
      socket.onclose = (event) => resolve([event.code, event.wasClean]);
    });
    return [
      await closed((socket) => socket.send("text")),
      await closed((socket) => socket.close(4000, "done")),
      await closed((socket) => socket.send(new Uint8Array([0xe0, 0x00]))), // DISCONNECT is not CONNECT
    ];
  `,
  );
  assertEquals(codes, [[1003, true], [4000, true], [1000, true]]);
});
