/** What every `ByteStream` promises; each transport runs this suite with its own pair. @module */

import { assert, assertEquals, assertRejects } from "@std/assert";
import type { ByteStream } from "../../src/transport/byte_stream.ts";

export interface Pair {
  readonly client: ByteStream;
  readonly server: ByteStream;
}

/** @param open gives two connected ends. @param shut ends what `open` needed besides them. */
export function byteStreamSuite(name: string, open: () => Promise<Pair>, shut: () => void = () => {}): void {
  function test(what: string, run: (pair: Pair) => Promise<void>): void {
    Deno.test(`${name}: ${what}`, async () => {
      const pair = await open();
      try {
        await run(pair);
      } finally {
        pair.client.close();
        pair.server.close();
        shut();
      }
    });
  }

  test("bytes arrive whole and in order, both ways at once", async ({ client, server }) => {
    const there = pattern(300_000, 7);
    const back = pattern(200_000, 11);
    const [, , gotThere, gotBack] = await Promise.all([
      writeAll(client, there),
      writeAll(server, back),
      readBytes(server, there.length),
      readBytes(client, back.length),
    ]);
    assertEquals(gotThere, there);
    assertEquals(gotBack, back);
  });

  test("endWriting() ends one direction only", async ({ client, server }) => {
    await client.write(Uint8Array.of(1));
    client.endWriting();
    client.endWriting();
    assertEquals(await readBytes(server, 1), Uint8Array.of(1));
    assertEquals(await server.read(new Uint8Array(1)), null);
    await server.write(Uint8Array.of(2, 3));
    assertEquals(await readBytes(client, 2), Uint8Array.of(2, 3));
  });

  test("read() waits for bytes, and brings no more than fit", async ({ client, server }) => {
    const first = server.read(new Uint8Array(2));
    await writeAll(client, Uint8Array.of(1, 2, 3));
    const rest = new Uint8Array(10);
    let count = (await first)!;
    while (count < 3) count += (await server.read(rest))!;
    assertEquals(count, 3);
  });

  test("read() brings what was under way, then null, when the peer has closed", async ({ client, server }) => {
    await writeAll(client, Uint8Array.of(1, 2, 3));
    client.close();
    assertEquals(await readBytes(server, 3), Uint8Array.of(1, 2, 3));
    assertEquals(await server.read(new Uint8Array(10)), null);
    assertEquals(await server.read(new Uint8Array(10)), null);
  });

  test("close() lets arrive what was written, if the stream says so", async ({ client, server }) => {
    if (!server.closeDelivers) return; // those that have to say the end themselves
    await writeAll(client, Uint8Array.of(9));
    assertEquals(await readBytes(server, 1), Uint8Array.of(9));
    const bytes = pattern(50_000, 7);
    const count = await server.write(bytes);
    server.close();
    assertEquals(await readBytes(client, count), bytes.subarray(0, count));
    assertEquals(await client.read(new Uint8Array(1)), null);
  });

  test("read() throws when this side closes while it waits", async ({ server }) => {
    const waiting = server.read(new Uint8Array(10));
    server.close();
    await assertRejects(() => waiting);
    await assertRejects(() => server.read(new Uint8Array(10)));
  });

  test("write() waits while the peer does not read, and throws when this side closes", async ({ client }) => {
    let written = 0;
    const flood = (async () => {
      // Far more than any socket buffers.
      while (written < 1 << 30) written += await client.write(new Uint8Array(65_536));
    })();
    flood.catch(() => {});
    // The flood stops by itself: the same count twice, with turns of the event loop in between.
    let before = -1;
    while (before !== written) {
      before = written;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    assert(written < 1 << 30);
    client.close();
    await assertRejects(() => flood);
  });

  test("write() throws in the end when the peer has closed", async ({ client, server }) => {
    server.close();
    await assertRejects(async () => {
      while (true) await client.write(new Uint8Array(65_536));
    });
  });

  test("close() may be called again, and write() throws after it", async ({ client }) => {
    client.close();
    client.close();
    await assertRejects(() => client.write(Uint8Array.of(1)));
  });
}

function pattern(length: number, step: number): Uint8Array {
  return Uint8Array.from({ length }, (_, index) => index * step);
}

export async function writeAll(stream: ByteStream, bytes: Uint8Array): Promise<void> {
  for (let written = 0; written < bytes.length;) written += await stream.write(bytes.subarray(written));
}

/** @returns exactly `length` bytes. */
export async function readBytes(stream: ByteStream, length: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(length);
  for (let filled = 0; filled < length;) {
    const count = await stream.read(bytes.subarray(filled));
    assert(count !== null, `the stream ended after ${filled} of ${length} bytes`);
    filled += count;
  }
  return bytes;
}
