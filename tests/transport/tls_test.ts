/** src/transport/tls.ts, with real sockets and certificates, and with `openssl s_client` as the other side. @module */

import { assert, assertEquals, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import type { Log } from "../../src/base/log.ts";
import type { ByteStream } from "../../src/transport/byte_stream.ts";
import { connectTls, type ConnectTlsOptions } from "../../src/transport/connect_tls.ts";
import type { Listener } from "../../src/transport/listener.ts";
import { behindProxy } from "../../src/transport/proxy_protocol.ts";
import { connectTcp, listenTcp } from "../../src/transport/tcp.ts";
import { listenTls, secured, type TlsOptions } from "../../src/transport/tls.ts";
import { type CertificatePair, HAS_OPENSSL, TestAuthority } from "../support/certificates.ts";
import { byteStreamSuite, readBytes, writeAll } from "./byte_stream_suite.ts";

const LIMITS = { handshakesMax: 100, handshakeTimeoutMs: 60_000 };

/** What was said, "level: text", and who waits for a line of it. */
class Lines implements Log {
  readonly lines: string[] = [];
  #wake: (() => void) | undefined;
  isEnabled = () => true;
  error = (text: string) => this.#add(`error: ${text}`);
  warning = (text: string) => this.#add(`warning: ${text}`);
  info = (text: string) => this.#add(`info: ${text}`);
  debug = (text: string) => this.#add(`debug: ${text}`);

  async until(part: string): Promise<void> {
    while (!this.lines.some((line) => line.includes(part))) await new Promise<void>((wake) => this.#wake = wake);
  }

  #add(line: string): void {
    this.lines.push(line);
    this.#wake?.();
  }
}

/** A listener that answers each byte with the same byte, and what came to it. */
class EchoServer {
  readonly arrivals: ByteStream[] = [];
  readonly failures: string[] = [];
  readonly log = new Lines();
  #listener!: Listener;
  #served!: Promise<void>;
  #wake: (() => void) | undefined;

  static async open(options: Partial<TlsOptions> & CertificatePair, inner?: Listener): Promise<EchoServer> {
    const server = new EchoServer();
    const onFailed = (_: ByteStream, error: unknown) => {
      server.failures.push((error as Error).message);
      server.#wake?.();
    };
    const all = { limits: LIMITS, log: server.log, onFailed, ...options };
    server.#listener = inner === undefined
      ? await listenTls({ host: "127.0.0.1", port: 0, tcpBacklog: 100, ...all })
      : await secured(inner, all);
    server.#served = server.#listener.serve((stream) => {
      server.arrivals.push(stream);
      server.#wake?.();
      echo(stream);
    }, (error) => {
      throw error;
    });
    return server;
  }

  get url(): string {
    return this.#listener.url;
  }

  get port(): number {
    return Number(/:(\d+)$/.exec(this.url)![1]);
  }

  connect(options: ConnectTlsOptions): Promise<ByteStream> {
    return connectTls("127.0.0.1", this.port, options);
  }

  async failed(count = 1): Promise<string> {
    while (this.failures.length < count) await new Promise<void>((wake) => this.#wake = wake);
    return this.failures[count - 1];
  }

  /** Until so many have either arrived or failed. */
  async settled(count: number): Promise<void> {
    while (this.arrivals.length + this.failures.length < count) await new Promise<void>((wake) => this.#wake = wake);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    await this.#served;
    for (const stream of this.arrivals) stream.close();
  }
}

async function echo(stream: ByteStream): Promise<void> {
  const into = new Uint8Array(1000);
  try {
    for (let count: number | null; (count = await stream.read(into)) !== null;) {
      await writeAll(stream, into.subarray(0, count));
    }
    stream.endWriting();
  } catch {
    // The client is gone.
  }
}

async function answers(client: ByteStream): Promise<boolean> {
  try {
    await writeAll(client, Uint8Array.of(42));
    return (await readBytes(client, 1))[0] === 42;
  } catch {
    return false;
  }
}

/** `openssl s_client`, until it got back what it sent, or was sent away. @returns everything it said. */
async function sClient(port: number, input: string, ...args: string[]): Promise<string> {
  const child = new Deno.Command("openssl", {
    args: ["s_client", "-connect", `127.0.0.1:${port}`, "-no_ign_eof", ...args],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const decoder = new TextDecoder();
  let said = "";
  const stdin = child.stdin.getWriter();
  const errors = new Response(child.stderr).text();
  await stdin.write(new TextEncoder().encode(input)).catch(() => {});
  for await (const bytes of child.stdout) {
    said += decoder.decode(bytes, { stream: true });
    // The answer is there: that was all.
    if (input !== "" && said.includes(input)) {
      await stdin.close().catch(() => {});
      break;
    }
  }
  await stdin.close().catch(() => {});
  await child.status;
  return said + await errors;
}

let authority: TestAuthority;
let pair: CertificatePair;
if (HAS_OPENSSL) {
  authority = TestAuthority.make();
  pair = authority.server();
  addEventListener("unload", () => authority.remove());
}

function test(name: string, fn: () => Promise<void>): void {
  Deno.test({ name, ignore: !HAS_OPENSSL, fn });
}

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

test("listenTls() tells who the client is by its certificate", async () => {
  const own = authority.client("sensor-1", { subjectAltName: "DNS:s1.example,email:s1@example.org,URI:urn:dev:1" });
  await using server = await EchoServer.open({ ...pair, caFile: authority.caFile, requireClientCertificate: true });
  const client = await server.connect({ ...authority, ...own, caFile: authority.caFile });
  assert(await answers(client));
  const { fingerprint, ...names } = server.arrivals[0].peerCertificate!;
  assertEquals(names, {
    commonName: "sensor-1",
    dnsNames: ["s1.example"],
    emailAddresses: ["s1@example.org"],
    uris: ["urn:dev:1"],
  });
  assertMatch(fingerprint, /^[0-9A-F]{2}(:[0-9A-F]{2}){31}$/);
  client.close();
});

/** Whom a listener that requires a certificate keeps out, and what it says about it. */
const REFUSED: [string, string, () => string[]][] = [
  ["without a certificate", "it showed no certificate", () => []],
  ["with one of a foreign authority", "not good", () => withOwn(foreign().client("sensor-1"))],
  [
    "with one of a foreign authority of the same name",
    "not good",
    () => withOwn(foreign("/CN=Test CA").client("sensor-1")),
  ],
  ["with an expired one", "expired on", () => withOwn(authority.client("sensor-1", { days: -1 }))],
  ["with one of version 1", "not good", () => withOwn(authority.client("sensor-1", { isOld: true }))],
  [
    "with the authority's own",
    "the authority's own",
    () => withOwn({ certFile: authority.caFile, keyFile: authority.caKeyFile }),
  ],
  ["with one that signed itself", "not good", () => {
    const other = foreign("/CN=sensor-1");
    return withOwn({ certFile: other.caFile, keyFile: other.caKeyFile });
  }],
];

function withOwn({ certFile, keyFile }: CertificatePair): string[] {
  return ["-cert", certFile, "-key", keyFile];
}

function foreign(subject = "/CN=Foreign CA"): TestAuthority {
  const made = TestAuthority.make(subject);
  addEventListener("unload", () => made.remove());
  return made;
}

for (const [name, why, args] of REFUSED) {
  for (const flag of ["-tls1_2", "-tls1_3"]) {
    test(`listenTls() that requires a certificate refuses a client ${name}, ${flag}`, async () => {
      await using server = await EchoServer.open({ ...pair, caFile: authority.caFile, requireClientCertificate: true });
      const said = await sClient(server.port, "let me in\n", flag, "-CAfile", authority.caFile, ...args());
      assertEquals(said.includes("let me in\n"), false, said);
      assertStringIncludes(await server.failed(), why);
      assertEquals(server.arrivals.length, 0);
      // And the next one comes in.
      const client = await server.connect({ caFile: authority.caFile, ...authority.client("sensor-2") });
      assert(await answers(client));
      client.close();
    });
  }
}

test("listenTls() with a CA lets in who shows no certificate if it need not, and refuses a bad one", async () => {
  await using server = await EchoServer.open({ ...pair, caFile: authority.caFile });
  const client = await server.connect({ caFile: authority.caFile });
  assert(await answers(client));
  assertEquals(server.arrivals[0].peerCertificate, undefined);
  client.close();
  const bad = await server.connect({ caFile: authority.caFile, ...foreign().client("sensor-1") });
  assertEquals(await answers(bad), false);
  assertStringIncludes(await server.failed(), "not good");
  bad.close();
});

for (const flag of ["-tls1_2", "-tls1_3"]) {
  test(`listenTls() lets nobody resume a session that was refused, or began elsewhere, ${flag}`, async () => {
    const strict = { ...pair, caFile: authority.caFile, requireClientCertificate: true };
    await using server = await EchoServer.open(strict);
    await using easy = await EchoServer.open(pair);
    const other = foreign();
    await using theirs = await EchoServer.open({ ...pair, caFile: other.caFile });
    const intruder = withOwn(other.client("sensor-1"));
    const base = [flag, "-CAfile", authority.caFile];
    const ticket = `${authority.folder}/ticket${flag}`;
    // Tickets of a listener that asks for nothing, of one that trusts the other authority, and of a refusal.
    const beginnings: [number, string[]][] = [[easy.port, []], [theirs.port, intruder], [server.port, intruder]];
    for (const [port, own] of beginnings) {
      await sClient(port, "sesame one\n", ...base, ...own, "-sess_out", ticket);
      if (!await exists(ticket)) continue;
      const said = await sClient(server.port, "sesame two\n", ...base, ...own, "-sess_in", ticket);
      assertEquals(said.includes("sesame two\n"), false, said);
      await Deno.remove(ticket);
    }
    assertEquals(server.arrivals.length, 0);
    assert(server.failures.length >= 3, `${server.failures}`);
  });

  test(`listenTls() knows a client again that resumes its session, ${flag}`, async () => {
    await using server = await EchoServer.open({ ...pair, caFile: authority.caFile, requireClientCertificate: true });
    const ticket = `${authority.folder}/good${flag}`;
    const args = [flag, "-CAfile", authority.caFile, ...withOwn(authority.client("sensor-1"))];
    assertStringIncludes(await sClient(server.port, "sesame one\n", ...args, "-sess_out", ticket), "sesame one\n");
    const said = await sClient(server.port, "sesame two\n", ...args, "-sess_in", ticket);
    assertStringIncludes(said, "sesame two\n");
    if (flag === "-tls1_3") assertStringIncludes(said, "Reused, TLSv1.3");
    assertEquals(server.arrivals[1].peerCertificate?.commonName, "sensor-1");
  });
}

async function exists(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, () => false);
}

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
  const hello = await clientHello(server.port);
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
async function clientHello(_port: number): Promise<Uint8Array> {
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

/** A folder of its own, so that its files can be replaced. */
function copyOf({ certFile, keyFile }: CertificatePair): CertificatePair & { put(other: CertificatePair): void } {
  const folder = Deno.makeTempDirSync({ dir: authority.folder });
  const own = { certFile: `${folder}/server.pem`, keyFile: `${folder}/server.key` };
  const put = (other: CertificatePair) => {
    Deno.copyFileSync(other.certFile, own.certFile);
    Deno.copyFileSync(other.keyFile, own.keyFile);
  };
  put({ certFile, keyFile });
  return { ...own, put };
}

async function subjectAt(port: number): Promise<string> {
  const said = await sClient(port, "sesame\n", "-CAfile", authority.caFile);
  return /subject=(.*)/.exec(said)![1];
}

test("listenTls() takes new certificates from their files, and leaves connections alone", async () => {
  const files = copyOf(pair);
  await using server = await EchoServer.open({ ...files, pollMs: 20 });
  const before = await server.connect(authority);
  assert(await answers(before));
  files.put(authority.server({ subject: "/CN=renewed" }));
  await server.log.until("info: ");
  assertStringIncludes(await subjectAt(server.port), "renewed");
  assert(await answers(before));
  before.close();
});

test("listenTls() keeps the former certificate while the new files are broken, and says why", async () => {
  const files = copyOf(pair);
  await using server = await EchoServer.open({ ...files, pollMs: 20 });
  const renewed = authority.server({ subject: "/CN=renewed" });
  // The certificate first, the key later.
  Deno.copyFileSync(renewed.certFile, files.certFile);
  await server.log.until("error: ");
  assertStringIncludes(server.log.lines.at(-1)!, "does not belong to the certificate");
  assertStringIncludes(await subjectAt(server.port), "localhost");
  Deno.copyFileSync(renewed.keyFile, files.keyFile);
  await server.log.until("info: ");
  assertStringIncludes(await subjectAt(server.port), "renewed");
  Deno.removeSync(files.certFile);
  await server.log.until("there is no such file");
  assertStringIncludes(await subjectAt(server.port), "renewed");
  assertEquals(server.log.lines.length, 3, server.log.lines.join("\n"));
});

test("listenTls() loses no arrival while certificates change", async () => {
  const files = copyOf(pair);
  await using server = await EchoServer.open({ ...files, pollMs: 5 });
  const pairs = [authority.server({ subject: "/CN=renewed" }), pair];
  let isDone = false;
  let count = 0;
  const arrivals = (async () => {
    while (!isDone) {
      const client = await server.connect(authority);
      assert(await answers(client));
      client.close();
      count++;
    }
  })();
  for (let change = 1; change <= 6; change++) {
    files.put(pairs[change % 2]);
    while (server.log.lines.filter((line) => line.startsWith("info: ")).length < change) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }
  isDone = true;
  await arrivals;
  assertEquals([server.arrivals.length, server.failures], [count, []]);
});

test("listenTls() obeys a new CA: who came in by the former one stays out, with its session, too", async () => {
  const other = foreign("/CN=New CA");
  const caFile = `${authority.folder}/changing-ca.pem`;
  Deno.copyFileSync(authority.caFile, caFile);
  await using server = await EchoServer.open({ ...pair, caFile, requireClientCertificate: true, pollMs: 20 });
  const old = withOwn(authority.client("sensor-1"));
  const ticket = `${authority.folder}/former`;
  const base = ["-tls1_3", "-CAfile", authority.caFile];
  assertStringIncludes(await sClient(server.port, "sesame\n", ...base, ...old, "-sess_out", ticket), "sesame\n");
  Deno.copyFileSync(other.caFile, caFile);
  await server.log.until("info: ");
  for (const session of [[], ["-sess_in", ticket]]) {
    const said = await sClient(server.port, "sesame\n", ...base, ...old, ...session);
    assertEquals(said.includes("sesame\n"), false, said);
  }
  const client = await server.connect({ caFile: authority.caFile, ...other.client("sensor-2") });
  assert(await answers(client));
  client.close();
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

async function pipe(from: ByteStream, to: ByteStream): Promise<void> {
  const into = new Uint8Array(4096);
  try {
    for (let count: number | null; (count = await from.read(into)) !== null;) {
      await writeAll(to, into.subarray(0, count));
    }
  } catch {
    // One end is gone.
  }
  from.close();
  to.close();
}

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
