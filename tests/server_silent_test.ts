/** src/server.ts: who opens connections and says nothing. @module */

import { assertEquals } from "@std/assert";
import { TestBroker } from "./support/test_broker.ts";

const LIMITS = { connectionsMax: 8, connectTimeoutMs: 1000, closeTimeoutMs: 0 };

Deno.test("One address may have a quarter of all connections wait for their first packet, and the owner is told", async () => {
  await using broker = await TestBroker.start({ config: { limits: LIMITS } });
  const attacker = { clientHost: "192.0.2.1" };
  const silent = [broker.open(attacker), broker.open(attacker)];
  for (let more = 0; more < 20; more++) assertEquals(await broker.open(attacker).read(new Uint8Array(1)), null);
  assertEquals(broker.lines.filter(({ level }) => level === "warning").map(({ text }) => text), [
    "A connection to memory://broker could not be accepted: 2 connections from 192.0.2.1 wait for their first packet, " +
    "and one address may have a quarter of limits.connectionsMax",
  ]);
  // Others come in, and as many of them as like from one address, when they speak.
  for (let count = 0; count < 4; count++) await broker.client({ clientHost: "192.0.2.2" }).connect();
  for (const stream of silent) stream.close();
});

Deno.test("Who was silent and has left, or was sent away, has given its place back", async () => {
  await using broker = await TestBroker.start({ config: { limits: LIMITS } });
  const host = { clientHost: "192.0.2.1" };
  for (let round = 0; round < 3; round++) {
    const [leaves, stays] = [broker.open(host), broker.open(host)];
    leaves.close();
    await broker.advance(1100);
    assertEquals(await stays.read(new Uint8Array(1)), null);
    while (broker.server.snapshot().connections > 0) await new Promise((resolve) => setTimeout(resolve));
    stays.close();
    await broker.advance(0);
  }
  await broker.client(host).connect();
});
