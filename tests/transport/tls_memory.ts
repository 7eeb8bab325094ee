/** A program: TLS handshakes in memory that come to nothing, and how many bytes are held for each when they are over. Prints
 * one number. Run with --v8-flags=--expose-gc. @module */

import { MemoryListener } from "../../src/transport/memory.ts";
import { secured } from "../../src/transport/tls.ts";

const HANDSHAKES = 500;
const [certFile, keyFile] = Deno.args;
const { gc } = globalThis as unknown as { gc(): void };

const log = { isEnabled: () => false, error() {}, warning() {}, info() {}, debug() {} };
const limits = { handshakesMax: 10, handshakeTimeoutMs: 60_000 };
const inner = new MemoryListener();
let onFailed = () => {};
const listener = await secured(inner, { certFile, keyFile, limits, log, onFailed: () => onFailed() });
const serving = listener.serve(() => {}, () => {});

/** Half of them say nothing, the others nonsense. */
async function failMany(): Promise<void> {
  for (let count = 0; count < HANDSHAKES; count++) {
    const { promise, resolve } = Promise.withResolvers<void>();
    onFailed = resolve;
    const client = inner.connect();
    if (count % 2 === 0) await client.write(new TextEncoder().encode("GET / HTTP/1.1\r\n\r\n"));
    client.close();
    await promise;
  }
}

/** What is held by nothing any more has gone, with what the engine does a turn later. */
async function heldBytes(): Promise<number> {
  for (let round = 0; round < 10; round++) {
    await new Promise((resolve) => setTimeout(resolve));
    gc();
  }
  return Deno.memoryUsage().heapUsed;
}

await failMany();
const before = await heldBytes();
await failMany();
console.log(Math.round((await heldBytes() - before) / HANDSHAKES));
listener.close();
await serving;
Deno.exit(0);
