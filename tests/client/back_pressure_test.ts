/** What the client does with more than it asked for, and with a timer that rings early. @module */

import { assertEquals } from "@std/assert";
import type { NewAlarm } from "../../src/client/alarm.ts";
import { connectOver } from "../../src/client/connect.ts";
import { PacketType } from "../../src/packet/mod.ts";
import { FakeServer, settle, TestTime } from "./support.ts";

const { Puback, Suback, Subscribe } = PacketType;

Deno.test("a Server that sends more than the Receive Maximum is read as fast as the program reads, and not left", async () => {
  const fake = new FakeServer();
  const { client, server, packets } = await fake.connect({ properties: { receiveMaximum: 3 } });
  const subscribing = client.subscribe("a", { qos: 1 });
  const { packetIdentifier } = await server.expect(Subscribe);
  await server.send({ type: Suback, packetIdentifier, reasonCodes: [1], properties: {} });
  const subscription = await subscribing;
  for (let i = 1; i <= 40; i++) await server.publish("a", `${i}`, { qos: 1, packetIdentifier: i });
  await settle();
  const came = () => packets.filter((packet) => packet === "received 3").length;
  // One more than it asked for: then it knows.
  assertEquals(came(), 4);
  let count = 0;
  for await (const message of subscription) {
    assertEquals(message.text(), `${++count}`);
    await settle();
    if (count < 30) assertEquals(came(), count + 3);
    if (count === 40) break;
  }
  for (let i = 1; i <= 40; i++) assertEquals((await server.expect(Puback)).packetIdentifier, i);
  assertEquals(client.state, "connected");
  client.drop();
});

Deno.test("an alarm that rings before its time is set again", async () => {
  const fake = new FakeServer();
  const time = new TestTime();
  // As timers of the machine do, which count whole milliseconds.
  let atMs = Infinity;
  let ring = () => {};
  const newAlarm: NewAlarm = (callback) => {
    ring = callback;
    return { set: (ms) => atMs = ms };
  };
  const connecting = connectOver("memory:", {}, { open: fake.open, clock: time.clock, newAlarm });
  const server = await fake.next();
  await server.accept();
  const client = await connecting;
  server.stream.close();
  await settle();
  assertEquals(client.state, "waiting");
  const dueMs = atMs;
  atMs = Infinity;
  ring();
  await settle();
  assertEquals(atMs, dueMs);
  client.drop();
});
