/** src/transport/unix.ts, with real sockets. @module */

import { assertEquals, assertMatch, assertRejects, assertThrows } from "@std/assert";
import type { ByteStream } from "../../src/transport/byte_stream.ts";
import type { Listener } from "../../src/transport/listener.ts";
import { connectUnix, listenUnix, requireUnixSockets } from "../../src/transport/unix.ts";
import { byteStreamSuite } from "./byte_stream_suite.ts";

const isWindows = Deno.build.os === "windows";

function raise(error: unknown): void {
  throw error;
}

function test(name: string, run: (path: string) => Promise<void>): void {
  Deno.test({
    name,
    ignore: isWindows,
    fn: async () => {
      const folder = await Deno.makeTempDir();
      try {
        await run(`${folder}/quetzal.sock`);
      } finally {
        await Deno.remove(folder, { recursive: true });
      }
    },
  });
}

function isThere(path: string): boolean {
  try {
    Deno.lstatSync(path);
    return true;
  } catch {
    return false;
  }
}

if (!isWindows) {
  let open: Listener;
  byteStreamSuite("listenUnix()", async () => {
    const path = `${Deno.makeTempDirSync()}/quetzal.sock`;
    const listener = open = await listenUnix({ path });
    const { promise, resolve } = Promise.withResolvers<ByteStream>();
    listener.serve(resolve, raise);
    const client = await connectUnix(path);
    return { client, server: await promise };
  }, () => {
    open.close();
    Deno.removeSync(open.url.slice("unix:".length, -"/quetzal.sock".length));
  });
}

test("listenUnix() names itself and its arrivals", async (path) => {
  const listener = await listenUnix({ path });
  assertEquals([listener.url, listener.isLoopback], [`unix:${path}`, true]);
  const { promise, resolve } = Promise.withResolvers<ByteStream>();
  const served = listener.serve(resolve, raise);
  const client = await connectUnix(path);
  const server = await promise;
  assertMatch(server.remoteAddress, /^unix:\d+$/);
  assertEquals(server.remoteHost, "unix");
  for (const end of [client, server, listener]) end.close();
  await served;
});

test("listenUnix() lets owner and group in, or whom it is told to, and removes its file", async (path) => {
  for (const [mode, expected] of [[undefined, 0o660], [0o600, 0o600], [0o666, 0o666]]) {
    const listener = await listenUnix({ path, mode });
    assertEquals(Deno.lstatSync(path).mode! & 0o777, expected);
    listener.close();
    assertEquals(isThere(path), false);
  }
});

test("listenUnix() leaves the process's umask as it was", async (path) => {
  const umask = Deno.umask();
  (await listenUnix({ path })).close();
  assertEquals(Deno.umask(), umask);
});

test("listenUnix() replaces the socket of a dead process", async (path) => {
  const left = Deno.listen({ transport: "unix", path: `${path}.left` });
  // Under another name the file outlives its listener, as it does when a process is killed.
  Deno.renameSync(`${path}.left`, path);
  left.close();
  assertEquals(isThere(path), true);
  const listener = await listenUnix({ path });
  const { promise, resolve } = Promise.withResolvers<ByteStream>();
  listener.serve(resolve, raise);
  const client = await connectUnix(path);
  for (const end of [client, await promise, listener]) end.close();
});

test("listenUnix() refuses a path at which another process listens, and leaves that alone", async (path) => {
  const first = await listenUnix({ path });
  first.serve((stream) => stream.close(), raise);
  await assertRejects(() => listenUnix({ path }), Deno.errors.AddrInUse, `another process listens at ${path}`);
  (await connectUnix(path)).close();
  first.close();
});

test("listenUnix() touches no file that is not a socket", async (path) => {
  Deno.writeTextFileSync(path, "notes");
  await assertRejects(() => listenUnix({ path }), Deno.errors.AlreadyExists, "is no socket");
  assertEquals(Deno.readTextFileSync(path), "notes");
});

test("listenUnix() takes a path as long as the system does, and says of a longer one how long it may be", async (path) => {
  const max = Deno.build.os === "linux" ? 107 : 103;
  const longest = path + "x".repeat(max - path.length);
  (await listenUnix({ path: longest })).close();
  await assertRejects(() => listenUnix({ path: `${longest}x` }), TypeError, `at most ${max} bytes, and this one has`);
});

Deno.test("requireUnixSockets() says on Windows what to do instead", () => {
  assertThrows(() => requireUnixSockets("x", "windows"), Deno.errors.NotSupported, "127.0.0.1");
  requireUnixSockets("x", "linux");
});
