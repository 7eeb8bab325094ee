/** Mirrors src/transport/upgrade.ts. @module */

import { assertEquals, assertRejects } from "@std/assert";
import type { ByteStream } from "../../src/transport/byte_stream.ts";
import { MemoryListener } from "../../src/transport/memory.ts";
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
