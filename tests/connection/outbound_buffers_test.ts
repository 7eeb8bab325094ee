/** Mirrors src/connection/outbound_buffers.ts. @module */

import { assertEquals, assertNotStrictEquals, assertStrictEquals } from "@std/assert";
import { OutboundBuffers } from "../../src/connection/outbound_buffers.ts";

Deno.test("OutboundBuffers.take() gives an empty buffer with room, of a size that is kept", () => {
  const buffers = new OutboundBuffers();
  const lengths = [1, 512, 513, 2_048, 8_192, 32_768].map((bytes) => buffers.take(bytes).buffer.length);
  assertEquals(lengths, [512, 512, 2_048, 2_048, 8_192, 32_768]);
  const large = buffers.take(100_000);
  assertEquals(large.buffer.length >= 100_000, true);
  buffers.giveBack(large); // to those that all share
  assertEquals(buffers.idleBytes, 0);
});

Deno.test("OutboundBuffers: what is given back is the next one's, once, and empty", () => {
  const buffers = new OutboundBuffers();
  const first = buffers.take(100);
  first.byte(7);
  buffers.giveBack(first);
  const second = buffers.take(500);
  assertStrictEquals(second, first);
  assertEquals(second.length, 0);
  assertNotStrictEquals(buffers.take(500), second);
});

Deno.test("OutboundBuffers.grow() keeps what is written, and gives the smaller buffer back", () => {
  const buffers = new OutboundBuffers();
  const small = buffers.take(512);
  for (let i = 0; i < 512; i++) small.byte(i & 0xff);
  assertStrictEquals(buffers.grow(small, 0), small);
  const larger = buffers.grow(small, 1);
  assertEquals([larger.buffer.length, larger.length], [2_048, 512]);
  assertEquals(larger.written, Uint8Array.from({ length: 512 }, (_, i) => i & 0xff));
  assertEquals(buffers.idleBytes, 512);
  assertEquals(buffers.grow(larger, 200_000).written, larger.written);
});

Deno.test("OutboundBuffers.trim() lets go of what nobody needed since the last call", () => {
  const buffers = new OutboundBuffers();
  const taken = Array.from({ length: 10 }, () => buffers.take(100));
  for (const writer of taken) buffers.giveBack(writer);
  buffers.trim(); // from now on it is watched
  assertEquals(buffers.idleBytes, 10 * 512);
  const three = Array.from({ length: 3 }, () => buffers.take(100));
  for (const writer of three) buffers.giveBack(writer);
  buffers.trim(); // three were needed
  assertEquals(buffers.idleBytes, 3 * 512);
  buffers.trim();
  assertEquals(buffers.idleBytes, 0);
});

Deno.test("OutboundBuffers keeps a bounded number", () => {
  const buffers = new OutboundBuffers();
  const taken = [512, 2_048, 8_192, 32_768].flatMap((bytes) =>
    Array.from({ length: 2_000 }, () => buffers.take(bytes))
  );
  for (const writer of taken) buffers.giveBack(writer);
  assertEquals(buffers.idleBytes <= 8 * 1024 * 1024, true);
});
