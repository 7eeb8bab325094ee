/** Mirrors src/base/buffer_pool.ts. @module */

import { assertEquals, assertNotStrictEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { InvariantError } from "../../src/base/assert.ts";
import { BufferPool, POOLED_BYTES_MIN, pooledSize, SharedBuffer } from "../../src/base/buffer_pool.ts";

const KIB = 1024;
const MIB = 1024 * KIB;

Deno.test("pooledSize() is at least what was asked for, a fourth more at most, and a size of its own", () => {
  for (let bytes = POOLED_BYTES_MIN; bytes < 40 * MIB; bytes = Math.ceil(bytes * 1.01)) {
    const size = pooledSize(bytes);
    assertEquals([size >= bytes, size <= bytes * 1.25, pooledSize(size)], [true, true, size], `${bytes} → ${size}`);
  }
  for (const size of [64 * KIB, MIB, 16 * MIB]) {
    assertEquals([pooledSize(size), pooledSize(size + 1) > size], [size, true]);
  }
  assertEquals([pooledSize(0), pooledSize(1)], [POOLED_BYTES_MIN, POOLED_BYTES_MIN]);
});

Deno.test("BufferPool.take() gives what was given back, of the same size only", () => {
  const pool = new BufferPool(MIB);
  const buffer = pool.take(100_000);
  pool.giveBack(buffer);
  assertEquals(pool.idleBytes, buffer.length);
  assertNotStrictEquals(pool.take(200_000), buffer);
  assertStrictEquals(pool.take(buffer.length - 10), buffer);
  assertEquals(pool.idleBytes, 0);
  assertNotStrictEquals(pool.take(100_000), buffer);
});

Deno.test("BufferPool.giveBack() keeps no more than its bound, and nothing of another size", () => {
  const pool = new BufferPool(256 * KIB);
  for (let i = 0; i < 10; i++) pool.giveBack(new Uint8Array(100 * KIB));
  assertEquals(pool.idleBytes, 0);
  for (let i = 0; i < 10; i++) pool.giveBack(new Uint8Array(64 * KIB));
  assertEquals(pool.idleBytes, 256 * KIB);
  const all = new BufferPool(1024 * MIB);
  for (const bytes of [0, 512, 8 * KIB, 40 * MIB]) all.giveBack(new Uint8Array(bytes));
  assertEquals(all.idleBytes, 0);
  assertEquals(all.take(40 * MIB + 1).length, 40 * MIB + 1);
});

Deno.test("BufferPool.trim() lets go of what nobody has needed since the last one", () => {
  const pool = new BufferPool(MIB);
  const buffers = Array.from({ length: 8 }, () => pool.take(64 * KIB));
  for (const buffer of buffers) pool.giveBack(buffer);
  pool.trim(); // they are new
  assertEquals(pool.idleBytes, 512 * KIB);
  const inUse = [pool.take(64 * KIB), pool.take(64 * KIB)];
  for (const buffer of inUse) pool.giveBack(buffer);
  pool.trim();
  assertEquals(pool.idleBytes, 128 * KIB);
  pool.trim();
  assertEquals(pool.idleBytes, 0);
});

Deno.test("SharedBuffer goes back to its pool when the last holder lets go, who is told before", () => {
  const pool = new BufferPool(MIB);
  const shared = new SharedBuffer(pool.take(64 * KIB), pool);
  const idleWhenTold: number[] = [];
  shared.onReleased = () => idleWhenTold.push(pool.idleBytes);
  shared.hold();
  assertEquals([shared.holders, shared.takeBack()], [2, false]);
  shared.release();
  assertEquals([idleWhenTold, pool.idleBytes], [[], 0]);
  shared.release();
  assertEquals([idleWhenTold, pool.idleBytes, shared.holders], [[0], 64 * KIB, 0]);
  assertThrows(() => shared.release(), InvariantError);
  assertThrows(() => shared.hold(), InvariantError);
});

Deno.test("SharedBuffer.takeBack() tells those who have let go, once", () => {
  const shared = new SharedBuffer(new Uint8Array(64 * KIB), new BufferPool(MIB));
  let told = 0;
  shared.onReleased = () => told++;
  assertEquals([shared.takeBack(), shared.takeBack(), told, shared.holders], [true, true, 1, 1]);
});
