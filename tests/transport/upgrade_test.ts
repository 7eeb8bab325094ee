/** Mirrors src/transport/upgrade.ts. @module */

import { assertEquals, assertRejects } from "@std/assert";
import type { ByteStream } from "../../src/transport/byte_stream.ts";
import { MemoryListener } from "../../src/transport/memory.ts";
import { behindProxy } from "../../src/transport/proxy_protocol.ts";
import { type UpgradeLimits, UpgradingListener } from "../../src/transport/upgrade.ts";

/** A handshake that is one byte from the peer. */
async function oneByte(stream: ByteStream): Promise<ByteStream> {
  if (await stream.read(new Uint8Array(1)) === null) throw new Error("the peer left");
  return stream;
}

function listen(limits: Partial<UpgradeLimits> = {}) {
  const inner = new MemoryListener();
  const failures: string[] = [];
  const arrived: ByteStream[] = [];
  const onFailed = (_stream: ByteStream, error: unknown) => void failures.push((error as Error).message);
  const usual = { handshakesMax: 10, handshakeTimeoutMs: 10_000 };
  const listener = new UpgradingListener(inner, "test://", oneByte, { ...usual, ...limits }, onFailed);
  const serving = listener.serve((stream) => void arrived.push(stream), () => {});
  return { inner, failures, arrived, listener, serving };
}

/** Until what is under way in memory has come to rest. */
const settled = () => new Promise((resolve) => setTimeout(resolve));
const aByte = () => Uint8Array.of(1);
const ended = (stream: ByteStream) => stream.read(new Uint8Array(1));

Deno.test("UpgradingListener: who stalls keeps nobody else out, and arrives when the handshake is done", async () => {
  const it = listen();
  const slow = it.inner.connect();
  const quick = it.inner.connect();
  await quick.write(aByte());
  await settled();
  assertEquals(it.arrived.length, 1);
  await slow.write(aByte());
  await settled();
  assertEquals([it.arrived.length, it.failures], [2, []]);
  it.listener.close();
  await it.serving;
});

Deno.test("UpgradingListener: beyond handshakesMax an arrival is closed; a place is free again when one is done", async () => {
  const it = listen({ handshakesMax: 1 });
  const first = it.inner.connect();
  const second = it.inner.connect();
  assertEquals(await ended(second), null);
  await first.write(aByte());
  await settled();
  const third = it.inner.connect();
  await third.write(aByte());
  await settled();
  assertEquals(it.arrived.length, 2);
  it.listener.close();
});

Deno.test("UpgradingListener: a handshake that takes too long is given up", async () => {
  const it = listen({ handshakeTimeoutMs: 20 });
  const stalls = it.inner.connect();
  assertEquals(await ended(stalls), null);
  await settled();
  assertEquals(it.failures, ["the handshake was not done within 20 ms"]);
  await assertRejects(() => stalls.write(aByte()));
  it.listener.close();
});

Deno.test("UpgradingListener: closed, nobody arrives any more who was in the middle of a handshake", async () => {
  const it = listen();
  const stalls = it.inner.connect();
  await settled();
  it.listener.close();
  await it.serving;
  assertEquals(await ended(stalls), null);
  await settled();
  assertEquals([it.arrived.length, it.failures], [0, ["the listener was closed"]]);
});

const EIGHT = { handshakesMax: 8, handshakeTimeoutMs: 10_000 };

Deno.test("UpgradingListener: one address has a quarter of the places, and the owner is told", async () => {
  const inner = new MemoryListener();
  const listener = new UpgradingListener(inner, "test://", oneByte, EIGHT);
  const errors: string[] = [];
  let arrived = 0;
  listener.serve(() => arrived++, (error) => errors.push((error as Error).message));
  // A host has a whole /64 of IPv6.
  const own = [inner.connect({ clientHost: "2001:db8::1" }), inner.connect({ clientHost: "2001:db8::2" })];
  assertEquals(await ended(inner.connect({ clientHost: "2001:db8::3" })), null);
  assertEquals(await ended(inner.connect({ clientHost: "2001:db8::4" })), null);
  assertEquals(errors, [
    "2 handshakes with 2001:db8:0:0::/64 are under way, and one address may have a quarter of limits.handshakesMax",
  ]);
  const other = inner.connect({ clientHost: "2001:db8:0:1::1" });
  await own[0].write(aByte());
  await settled();
  const again = inner.connect({ clientHost: "2001:db8::4" });
  for (const stream of [own[1], other, again]) await stream.write(aByte());
  await settled();
  assertEquals(arrived, 4);
  listener.close();
});

for (const host of ["127.0.0.1", "::1", "unix", "memory"]) {
  Deno.test(`UpgradingListener: ${host} may have all places, since it may be a proxy; beyond, the owner is told`, async () => {
    const inner = new MemoryListener();
    const listener = new UpgradingListener(inner, "test://", oneByte, EIGHT);
    const errors: string[] = [];
    let arrived = 0;
    listener.serve(() => arrived++, (error) => errors.push((error as Error).message));
    const streams = Array.from({ length: 8 }, () => inner.connect({ clientHost: host }));
    assertEquals(await ended(inner.connect({ clientHost: host })), null);
    for (const stream of streams) await stream.write(aByte());
    await settled();
    assertEquals([arrived, errors], [8, ["8 handshakes are under way (limits.handshakesMax)"]]);
    listener.close();
  });
}

Deno.test("UpgradingListener: a proxy may have all places, and its clients are counted one by one behind it", async () => {
  const inner = new MemoryListener();
  const listener = new UpgradingListener(
    behindProxy(inner, { proxies: ["10.0.0.5"], limits: EIGHT }),
    "test://",
    oneByte,
    EIGHT,
  );
  const errors: string[] = [];
  let arrived = 0;
  listener.serve(() => arrived++, (error) => errors.push((error as Error).message));
  const streams = Array.from({ length: 8 }, () => inner.connect({ clientHost: "10.0.0.5" }));
  const from = (host: string) => new TextEncoder().encode(`PROXY TCP4 ${host} 10.0.0.5 50000 1883\r\n`);
  for (const [index, stream] of streams.entries()) await stream.write(from(`192.0.2.${index < 4 ? 1 : index}`));
  await settled();
  assertEquals(errors.length, 1);
  for (const stream of streams) await stream.write(aByte()).catch(() => {});
  await settled();
  assertEquals(arrived, 2 + 4);
  listener.close();
});

Deno.test("UpgradingListener: closed in any moment, it begins no handshake any more", async () => {
  for (let turns = 0; turns < 20; turns++) {
    const bottom = new MemoryListener();
    const gate = Promise.withResolvers<void>();
    const inner = new UpgradingListener(bottom, "test://", (stream) => gate.promise.then(() => stream), EIGHT);
    let isClosed = false;
    let late = 0;
    const outer = new UpgradingListener(inner, "test://", (stream) => {
      if (isClosed) late++;
      return oneByte(stream);
    }, EIGHT);
    const serving = outer.serve(() => {}, () => {});
    const client = bottom.connect();
    gate.resolve();
    for (let turn = 0; turn < turns; turn++) await null;
    isClosed = true;
    outer.close();
    await serving;
    assertEquals([await ended(client), late], [null, 0], `after ${turns} turns`);
  }
});
