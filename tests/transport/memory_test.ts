/** src/transport/memory.ts @module */

import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import type { ByteStream } from "../../src/transport/byte_stream.ts";
import { MemoryListener, memoryPair } from "../../src/transport/memory.ts";
import { byteStreamSuite, readBytes, writeAll } from "./byte_stream_suite.ts";

byteStreamSuite("memoryPair()", () => Promise.resolve(memoryPair()));
byteStreamSuite("memoryPair() with 7 bytes of buffer", () => Promise.resolve(memoryPair({ bufferBytes: 7 })));
byteStreamSuite("memoryPair() in small pieces", () => {
  return Promise.resolve(memoryPair({ readBytesMax: 13, writeBytesMax: 17 }));
});

Deno.test("memoryPair() bounds what is under way", async () => {
  const { client, server } = memoryPair({ bufferBytes: 10 });
  assertEquals(await client.write(new Uint8Array(25)), 10);
  assertEquals(server.unreadBytes, 10);
  let done = false;
  const waiting = client.write(new Uint8Array(15)).then((count) => {
    done = true;
    return count;
  });
  await Promise.resolve();
  assertEquals(done, false);
  assertEquals(await server.read(new Uint8Array(4)), 4);
  assertEquals(await waiting, 4);
});

Deno.test("memoryPair() delivers byte by byte when asked to", async () => {
  const { client, server } = memoryPair({ readBytesMax: 1 });
  await writeAll(client, Uint8Array.of(1, 2));
  assertEquals(await server.read(new Uint8Array(10)), 1);
});

Deno.test("MemoryStream.reset() loses what is under way, and both ends throw", async () => {
  const { client, server } = memoryPair();
  await writeAll(client, Uint8Array.of(1, 2));
  const waiting = client.read(new Uint8Array(1));
  client.reset();
  await assertRejects(() => waiting, Deno.errors.ConnectionReset);
  await assertRejects(() => server.read(new Uint8Array(1)), Deno.errors.ConnectionReset);
  await assertRejects(() => server.write(Uint8Array.of(1)), Deno.errors.ConnectionReset);
});

Deno.test("memoryPair() names the peers", () => {
  const { client, server } = memoryPair({ clientAddress: "memory:sensor" });
  assertEquals([server.remoteAddress, server.remoteHost], ["memory:sensor", "memory"]);
  assertEquals(client.remoteAddress, "memory:server");
});

Deno.test("MemoryListener.connect() arrives at serve(), until it is closed", async () => {
  const listener = new MemoryListener("test");
  assertThrows(() => listener.connect(), Deno.errors.ConnectionRefused);
  const arrivals: ByteStream[] = [];
  const served = listener.serve((stream) => arrivals.push(stream), () => {});
  const client = listener.connect();
  await writeAll(client, Uint8Array.of(5));
  listener.close();
  await served;
  assertThrows(() => listener.connect(), Deno.errors.ConnectionRefused);
  assertEquals([listener.url, listener.isLoopback, arrivals.length], ["memory://test", true, 1]);
  // A connection that exists goes on.
  assertEquals(await readBytes(arrivals[0], 1), Uint8Array.of(5));
});
