/** src/transport/tls.ts, with real sockets and certificates. @module */

import { fileURLToPath } from "node:url";
import { assert, assertEquals, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import type { ByteStream } from "../../src/transport/byte_stream.ts";
import { connectTls } from "../support/deno_tls.ts";
import type { Listener } from "../../src/transport/listener.ts";
import { behindProxy } from "../../src/transport/proxy_protocol.ts";
import { connectTcp, listenTcp } from "../../src/transport/tcp.ts";
import { listenTls, type TlsOptions } from "../../src/transport/tls.ts";
import { HAS_OPENSSL } from "../support/certificates.ts";
import { byteStreamSuite, writeAll } from "./byte_stream_suite.ts";
import { answers, authority, EchoServer, LIMITS, Lines, pair, pipe, sClient, test } from "./tls_support.ts";

for (const minVersion of HAS_OPENSSL ? ["1.2", "1.3"] as const : []) {
  let open: Listener;
  byteStreamSuite(`listenTls() from ${minVersion}`, async () => {
    const { promise, resolve } = Promise.withResolvers<ByteStream>();
    const options = { ...pair, minVersion, limits: LIMITS, log: new Lines() };
    open = await listenTls({ host: "127.0.0.1", port: 0, tcpBacklog: 100, ...options });
    open.serve(resolve, () => {});
    const client = await connectTls("127.0.0.1", Number(new URL(open.url).port), authority);
    return { client, server: await promise };
  }, () => open.close());
}

test("listenTls() names itself and its arrivals", async () => {
  await using server = await EchoServer.open(pair);
  assertMatch(server.url, /^mqtts:\/\/127\.0\.0\.1:[1-9]\d*$/);
  const client = await server.connect(authority);
  assert(await answers(client));
  assertMatch(server.arrivals[0].remoteAddress, /^127\.0\.0\.1:\d+$/);
  assertEquals([server.arrivals[0].remoteHost, server.arrivals[0].peerCertificate], ["127.0.0.1", undefined]);
  client.close();
});

for (const [version, flag] of [["TLSv1.2", "-tls1_2"], ["TLSv1.3", "-tls1_3"]]) {
  test(`listenTls() speaks ${version} with openssl`, async () => {
    await using server = await EchoServer.open(pair);
    const said = await sClient(server.port, "greenhouse\n", flag, "-CAfile", authority.caFile, "-verify_return_error");
    assertStringIncludes(said, "greenhouse\n");
    assertStringIncludes(said, `New, ${version}`);
  });
}

test("listenTls() refuses what is older than minVersion", async () => {
  await using server = await EchoServer.open({ ...pair, minVersion: "1.3" });
  const said = await sClient(server.port, "", "-tls1_2", "-CAfile", authority.caFile);
  assertMatch(said, /alert|unexpected eof|Connection reset|no peer certificate/i);
  assertEquals(server.arrivals.length, 0);
  const client = await server.connect(authority);
  assert(await answers(client));
  client.close();
});

test("listenTls() refuses TLS 1.1 and garbage", async () => {
  await using server = await EchoServer.open(pair);
  await sClient(server.port, "", "-tls1_1", "-cipher", "ALL:@SECLEVEL=0");
  assertMatch(await server.failed(1), /incompatible/i);
  const plain = await connectTcp("127.0.0.1", server.port);
  await writeAll(plain, new TextEncoder().encode("GET / HTTP/1.1\r\n\r\n"));
  assertMatch(await server.failed(2), /SSL|TLS|corrupt/i);
  plain.close();
  assertEquals(server.arrivals.length, 0);
});

test("listenTls() sends the whole chain of its file, and takes RSA and Ed25519 keys", async () => {
  const intermediate = authority.issue({ subject: "/CN=Intermediate", isAuthority: true });
  for (const algorithm of ["rsa:2048", "ed25519"]) {
    const direct = authority.server({ algorithm });
    const certFile = `${direct.certFile}.chain`;
    await Deno.writeTextFile(
      certFile,
      await Deno.readTextFile(direct.certFile) + await Deno.readTextFile(intermediate.certFile),
    );
    await using server = await EchoServer.open({ ...direct, certFile });
    const said = await sClient(server.port, "sesame\n", "-showcerts", "-CAfile", authority.caFile);
    assertEquals(said.match(/BEGIN CERTIFICATE/g)!.length >= 2, true, said);
    assertStringIncludes(said, "Verify return code: 0");
  }
});

test("listenTls(): who connects and says nothing keeps nobody out, and is sent away in the end", async () => {
  await using server = await EchoServer.open({ ...pair, limits: { handshakesMax: 3, handshakeTimeoutMs: 300 } });
  const silent = [await connectTcp("127.0.0.1", server.port), await connectTcp("127.0.0.1", server.port)];
  const client = await server.connect(authority);
  assert(await answers(client));
  assertStringIncludes(await server.failed(2), "not done within 300 ms");
  for (const stream of silent) assertEquals(await stream.read(new Uint8Array(1)).catch(() => null), null);
  for (const stream of [...silent, client]) stream.close();
});

test("listenTls() survives a reset at any moment of the handshake", async () => {
  await using server = await EchoServer.open(pair);
  const hello = await clientHello();
  for (const length of [1, 5, 100, hello.length]) {
    const client = await connectTcp("127.0.0.1", server.port);
    await writeAll(client, hello.subarray(0, length));
    client.close();
  }
  await server.failed(4);
  const client = await server.connect(authority);
  assert(await answers(client));
  client.close();
});

/** The first flight of a client, as it goes over the wire. */
async function clientHello(): Promise<Uint8Array> {
  const tap = listenTcp({ host: "127.0.0.1", port: 0, tcpBacklog: 1 });
  const { promise, resolve } = Promise.withResolvers<ByteStream>();
  tap.serve(resolve, () => {});
  const client = connectTls("127.0.0.1", Number(new URL(tap.url).port));
  client.catch(() => {});
  const stream = await promise;
  const bytes = new Uint8Array(4096);
  const count = await stream.read(bytes);
  stream.close();
  tap.close();
  await client.catch(() => {});
  return bytes.subarray(0, count!);
}

test("listenTls() survives bytes that were changed or cut off on their way, wherever it was", async () => {
  await using server = await EchoServer.open({ ...pair, caFile: authority.caFile });
  const own = { caFile: authority.caFile, ...authority.client("sensor-1") };
  // Through the handshake, both flights of it, and into what follows.
  const places = Array.from({ length: 60 }, (_, index) => index * 47);
  let came = 0;
  for (const place of places) {
    const spoiler = listenTcp({ host: "127.0.0.1", port: 0, tcpBacklog: 1 });
    const spoilt = Promise.withResolvers<void>();
    spoiler.serve(async (stream) => {
      const out = await connectTcp("127.0.0.1", server.port);
      const isCut = place % 2 === 0;
      await Promise.all([pipe(stream, spoiling(out, place, isCut)), pipe(out, stream)]);
      spoilt.resolve();
    }, () => {});
    const client = await connectTls("127.0.0.1", Number(new URL(spoiler.url).port), own).catch(() => undefined);
    if (client !== undefined) {
      await answers(client);
      client.close();
    }
    await spoilt.promise;
    spoiler.close();
    came++;
  }
  const good = await server.connect(own);
  assert(await answers(good));
  good.close();
  // Each was let in or turned away; none was lost on the way.
  await server.settled(came + 1);
});

/** What is written to it arrives with one byte changed, or not from there on. */
function spoiling(stream: ByteStream, place: number, isCut: boolean): ByteStream {
  let at = 0;
  return {
    remoteAddress: stream.remoteAddress,
    remoteHost: stream.remoteHost,
    read: (into) => stream.read(into),
    write: async (bytes) => {
      const copy = bytes.slice();
      const here = place - at;
      at += bytes.length;
      if (here < 0 || here >= copy.length) await writeAll(stream, copy);
      else if (isCut) {
        await writeAll(stream, copy.subarray(0, here));
        stream.close();
      } else {
        copy[here] ^= 0x55;
        await writeAll(stream, copy);
      }
      return bytes.length;
    },
    endWriting: () => stream.endWriting(),
    close: () => stream.close(),
  };
}

test("TlsStream asks for no more than it is asked for: who floods it waits", async () => {
  const { promise, resolve } = Promise.withResolvers<ByteStream>();
  const options = { ...pair, limits: LIMITS, log: new Lines() };
  const listener = await listenTls({ host: "127.0.0.1", port: 0, tcpBacklog: 100, ...options });
  listener.serve(resolve, () => {});
  const client = await connectTls("127.0.0.1", Number(new URL(listener.url).port), authority);
  const server = await promise;
  assertEquals(await Promise.all([server.read(new Uint8Array(1)), client.write(Uint8Array.of(1))]), [1, 1]);
  let written = 0;
  const flood = (async () => {
    while (written < 1 << 30) written += await client.write(new Uint8Array(65_536));
  })();
  flood.catch(() => {});
  for (let before = -1; before !== written;) {
    before = written;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  // What two sockets buffer; the rest was never taken.
  assert(written < 64 << 20, `${written}`);
  for (const end of [client, server, listener]) end.close();
  await flood.catch(() => {});
});

test("secured() works behind the PROXY protocol", async () => {
  const inner = listenTcp({ host: "127.0.0.1", port: 0, tcpBacklog: 100 });
  await using server = await EchoServer.open(pair, behindProxy(inner, { proxies: ["127.0.0.1"], limits: LIMITS }));
  // A proxy: one header before what its client sends.
  const proxy = listenTcp({ host: "127.0.0.1", port: 0, tcpBacklog: 100 });
  proxy.serve(async (stream) => {
    const out = await connectTcp("127.0.0.1", server.port);
    await writeAll(out, new TextEncoder().encode("PROXY TCP4 192.0.2.7 192.0.2.1 50000 8883\r\n"));
    await Promise.all([pipe(stream, out), pipe(out, stream)]);
  }, () => {});
  const client = await connectTls("127.0.0.1", Number(new URL(proxy.url).port), authority);
  assert(await answers(client));
  assertEquals(server.arrivals[0].remoteAddress, "192.0.2.7:50000");
  client.close();
  proxy.close();
});

test("listenTls() says what to do when it cannot begin", async () => {
  const other = authority.server();
  const text = `${authority.folder}/notes.txt`;
  Deno.writeTextFileSync(text, "notes");
  const cases: [Partial<TlsOptions>, string][] = [
    [{ certFile: "/nowhere/server.pem" }, "/nowhere/server.pem: there is no such file (it should be the certificate)"],
    [{ keyFile: "/nowhere/server.key" }, "/nowhere/server.key: there is no such file (it should be the private key)"],
    [{ caFile: "/nowhere/ca.pem" }, "/nowhere/ca.pem: there is no such file"],
    [{ certFile: text }, "notes.txt: no certificate in PEM form"],
    [{ keyFile: text }, "notes.txt: no private key in PEM form"],
    [{ caFile: text }, "notes.txt: no certificate in PEM form"],
    [{ keyFile: other.keyFile }, "does not belong to the certificate in"],
    [{ requireClientCertificate: true }, "name the file of the authority"],
  ];
  for (const [wrong, message] of cases) {
    await assertRejects(() => EchoServer.open({ ...pair, ...wrong }), Error, message);
  }
});

test("listenTls() begins with an expired certificate, and warns", async () => {
  await using server = await EchoServer.open(authority.server({ days: -1 }));
  assertMatch(server.log.lines.join(), /^warning: .*: the certificate expired on .*; who checks it will refuse it$/);
});

test("Handshakes that come to nothing leave nothing behind, though the engine would hold each for two minutes", async () => {
  const program = fileURLToPath(new URL("./tls_memory.ts", import.meta.url));
  const args = ["run", "-A", "--no-check", "--v8-flags=--expose-gc", program, pair.certFile, pair.keyFile];
  const { stdout, stderr } = await new Deno.Command(Deno.execPath(), { args }).output();
  const text = new TextDecoder().decode(stdout).trim();
  assertMatch(text, /^-?\d+$/, new TextDecoder().decode(stderr));
  // Some 13,000 were.
  assert(Number(text) < 2000, `${text} bytes are held for each`);
});
