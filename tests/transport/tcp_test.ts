/** src/transport/tcp.ts, with real sockets on this machine. @module */

import { assertEquals, assertMatch, assertThrows } from "@std/assert";
import type { ByteStream } from "../../src/transport/byte_stream.ts";
import type { Listener } from "../../src/transport/listener.ts";
import { connectTcp, listenTcp, type TcpAcceptor, TcpListener } from "../../src/transport/tcp.ts";
import { byteStreamSuite, readBytes, writeAll } from "./byte_stream_suite.ts";

function listen(host = "127.0.0.1", port = 0): Listener {
  return listenTcp({ host, port, tcpBacklog: 4096 });
}

function portOf(listener: Listener): number {
  return Number(/:(\d+)$/.exec(listener.url)![1]);
}

function raise(error: unknown): void {
  throw error;
}

let open: Listener | undefined;
byteStreamSuite("listenTcp()", async () => {
  const listener = open = listen();
  const { promise, resolve } = Promise.withResolvers<ByteStream>();
  listener.serve(resolve, raise);
  const client = await connectTcp("127.0.0.1", portOf(listener));
  return { client, server: await promise };
}, () => open!.close());

Deno.test("listenTcp() takes a free port for 0, and its url says which", () => {
  const listener = listen();
  assertMatch(listener.url, /^mqtt:\/\/127\.0\.0\.1:[1-9]\d*$/);
  assertEquals(listener.isLoopback, true);
  listener.close();
});

Deno.test("listenTcp() on all networks is not on loopback only", () => {
  const listener = listen("0.0.0.0");
  assertEquals(listener.isLoopback, false);
  listener.close();
});

function hasIpv6(): boolean {
  try {
    listen("::1").close();
    return true;
  } catch {
    return false;
  }
}

Deno.test({
  name: "listenTcp() writes IPv6 addresses in brackets, and takes them with brackets, too",
  // Containers often have no IPv6.
  ignore: !hasIpv6(),
  fn: async () => {
    const listener = listen("[::1]");
    assertMatch(listener.url, /^mqtt:\/\/\[::1\]:\d+$/);
    assertEquals(listener.isLoopback, true);
    const { promise, resolve } = Promise.withResolvers<ByteStream>();
    listener.serve(resolve, raise);
    const client = await connectTcp("[::1]", portOf(listener));
    const server = await promise;
    assertMatch(server.remoteAddress, /^\[::1\]:\d+$/);
    assertEquals(server.remoteHost, "::1");
    for (const end of [client, server, listener]) end.close();
  },
});

Deno.test("listenTcp() fails with AddrInUse for a port that is taken", () => {
  const listener = listen();
  assertThrows(() => listen("127.0.0.1", portOf(listener)), Deno.errors.AddrInUse);
  listener.close();
});

Deno.test("listenTcp() fails with AddrNotAvailable for an address of another machine", () => {
  // TEST-NET-1 of RFC 5737: nobody has it.
  assertThrows(() => listen("192.0.2.1"), Deno.errors.AddrNotAvailable);
});

Deno.test("TcpListener.serve() brings each arrival with its address, and ends when closed", async () => {
  const listener = listen();
  const arrivals: ByteStream[] = [];
  const served = listener.serve((stream) => arrivals.push(stream), raise);
  const clients = [];
  for (let index = 0; index < 50; index++) {
    const client = await connectTcp("127.0.0.1", portOf(listener));
    clients.push(client);
    await writeAll(client, Uint8Array.of(index));
  }
  while (arrivals.length < 50) await new Promise((resolve) => setTimeout(resolve, 1));
  listener.close();
  await served;
  assertEquals(new Set(arrivals.map((stream) => stream.remoteAddress)).size, 50);
  const received = [];
  for (const stream of arrivals) {
    assertMatch(stream.remoteAddress, /^127\.0\.0\.1:\d+$/);
    assertEquals(stream.remoteHost, "127.0.0.1");
    received.push((await readBytes(stream, 1))[0]);
  }
  assertEquals(received.sort((a, b) => a - b), Array.from({ length: 50 }, (_, index) => index));
  // Who closes the door leaves those inside alone.
  await writeAll(arrivals[0], Uint8Array.of(9));
  for (const stream of [...clients, ...arrivals]) stream.close();
  listener.close();
});

/** An acceptor that fails so many times, as with no free file descriptor, before it accepts. */
class FailingAcceptor implements TcpAcceptor {
  failures = 0;
  readonly addr: Deno.NetAddr;

  constructor(readonly inner: Deno.TcpListener, readonly failuresMax: number) {
    this.addr = inner.addr;
  }

  accept(): Promise<Deno.TcpConn> {
    if (this.failures === this.failuresMax) return this.inner.accept();
    this.failures++;
    return Promise.reject(new Error(`Too many open files (os error 24), ${this.failures}`));
  }

  close(): void {
    this.inner.close();
  }
}

Deno.test("TcpListener.serve() survives failed accepts, and reports them once a second", async () => {
  const acceptor = new FailingAcceptor(Deno.listen({ hostname: "127.0.0.1", port: 0 }), 4);
  // The clock stands still for the first three failures.
  const listener = new TcpListener(acceptor, () => acceptor.failures < 4 ? 0 : 1000);
  const errors: string[] = [];
  const { promise, resolve } = Promise.withResolvers<ByteStream>();
  const served = listener.serve(resolve, (error) => errors.push((error as Error).message));
  const client = await connectTcp("127.0.0.1", portOf(listener));
  const server = await promise;
  assertEquals(acceptor.failures, 4);
  assertEquals(errors, [
    "Too many open files (os error 24), 1",
    "Too many open files (os error 24), 4 (and 2 more since the last report)",
  ]);
  for (const end of [client, server, listener]) end.close();
  await served;
});

Deno.test("TcpListener.close() ends serve() during its pause, too", async () => {
  const acceptor = new FailingAcceptor(Deno.listen({ hostname: "127.0.0.1", port: 0 }), Infinity);
  const listener = new TcpListener(acceptor);
  const served = listener.serve(() => {}, () => listener.close());
  await served;
  assertEquals(acceptor.failures, 1);
});

/** Notes what the writer asks of the sockets that it accepts, among their writes. */
class WatchedAcceptor implements TcpAcceptor {
  readonly calls: string[] = [];
  readonly addr: Deno.NetAddr;

  constructor(readonly inner: Deno.TcpListener, readonly refusal?: Error) {
    this.addr = inner.addr;
  }

  async accept(): Promise<Deno.TcpConn> {
    const conn = await this.inner.accept();
    const write = conn.write.bind(conn);
    conn.write = (bytes) => {
      this.calls.push(`write ${bytes.length}`);
      return write(bytes);
    };
    const setNoDelay = conn.setNoDelay.bind(conn);
    conn.setNoDelay = (noDelay) => {
      this.calls.push(`setNoDelay ${noDelay}`);
      if (this.refusal !== undefined) throw this.refusal;
      setNoDelay(noDelay);
    };
    return conn;
  }

  close(): void {
    this.inner.close();
  }
}

for (const refusal of [undefined, new Error("Invalid argument (os error 22)")]) {
  const how = refusal === undefined ? "" : ", and goes on where the system refuses";
  Deno.test(`A TCP stream lets nothing wait from its second write on${how}`, async () => {
    const acceptor = new WatchedAcceptor(Deno.listen({ hostname: "127.0.0.1", port: 0 }), refusal);
    const listener = new TcpListener(acceptor);
    const { promise, resolve } = Promise.withResolvers<ByteStream>();
    const served = listener.serve(resolve, raise);
    const client = await connectTcp("127.0.0.1", portOf(listener));
    const server = await promise;
    for (const count of [1, 2, 3]) {
      await writeAll(server, new Uint8Array(count));
      await readBytes(client, count);
    }
    assertEquals(acceptor.calls, ["write 1", "setNoDelay true", "write 2", "write 3"]);
    for (const end of [client, server, listener]) end.close();
    await served;
  });
}
