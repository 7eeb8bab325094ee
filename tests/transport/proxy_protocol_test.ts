/** src/transport/proxy_protocol.ts @module */

import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import type { ByteStream } from "../../src/transport/byte_stream.ts";
import { MemoryListener, memoryPair } from "../../src/transport/memory.ts";
import { behindProxy, proxyProtocol } from "../../src/transport/proxy_protocol.ts";
import { connectTcp, listenTcp } from "../../src/transport/tcp.ts";
import { byteStreamSuite, readBytes, writeAll } from "./byte_stream_suite.ts";

const LIMITS = { handshakesMax: 100, handshakeTimeoutMs: 60_000 };
const SIGNATURE = [0x0D, 0x0A, 0x0D, 0x0A, 0x00, 0x0D, 0x0A, 0x51, 0x55, 0x49, 0x54, 0x0A];
const BEHIND = Uint8Array.of(0x10, 0x0D, 0x0A, 0x00);

function v1(line: string): Uint8Array {
  return new TextEncoder().encode(line);
}

function v2(versionAndCommand: number, family: number, body: readonly number[], length = body.length): Uint8Array {
  return Uint8Array.of(...SIGNATURE, versionAndCommand, family, length >>> 8, length & 0xFF, ...body);
}

/** @returns the stream behind the header; the bytes arrive one by one, and more follow at once. */
async function upgraded(header: Uint8Array, readBytesMax = 1): Promise<ByteStream> {
  const { client, server } = memoryPair({ readBytesMax });
  // What a proxy looks like to the upgrade.
  Object.defineProperty(server, "remoteHost", { value: "10.0.0.5" });
  await writeAll(client, header);
  await writeAll(client, BEHIND);
  client.endWriting();
  return await proxyProtocol(["10.0.0.0/24"])(server, new AbortController().signal);
}

const IPV4 = [192, 0, 2, 7, 10, 0, 0, 5, 0xC3, 0x50, 0x07, 0x5B];
const IPV6 = [
  ...[0x20, 0x01, 0x0D, 0xB8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1],
  ...[0x20, 0x01, 0x0D, 0xB8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2],
  ...[0xC3, 0x50, 0x07, 0x5B],
];
const MAPPED = [...Array(10).fill(0), 0xFF, 0xFF, 192, 0, 2, 7, ...Array(16).fill(0), 0xC3, 0x50, 0x07, 0x5B];

/** Header, and the address that the client has behind it. */
const GOOD: [string, Uint8Array, string][] = [
  ["v1 TCP4", v1("PROXY TCP4 192.0.2.7 10.0.0.5 50000 1883\r\n"), "192.0.2.7:50000"],
  ["v1 TCP6", v1("PROXY TCP6 2001:DB8:0::1 2001:db8::2 50000 1883\r\n"), "[2001:db8::1]:50000"],
  ["v1 TCP6 with IPv4 inside", v1("PROXY TCP6 ::ffff:192.0.2.7 ::1 50000 1883\r\n"), "192.0.2.7:50000"],
  ["v1 of the greatest length", v1(`PROXY UNKNOWN ${"f".repeat(91)}\r\n`), "memory"],
  ["v1 UNKNOWN", v1("PROXY UNKNOWN\r\n"), "memory"],
  ["v2 TCP over IPv4", v2(0x21, 0x11, IPV4), "192.0.2.7:50000"],
  ["v2 TCP over IPv6", v2(0x21, 0x21, IPV6), "[2001:db8::1]:50000"],
  ["v2 IPv6 with IPv4 inside", v2(0x21, 0x21, MAPPED), "192.0.2.7:50000"],
  ["v2 with remarks", v2(0x21, 0x11, [...IPV4, 0x04, 0, 3, 1, 2, 3]), "192.0.2.7:50000"],
  ["v2 of the greatest length", v2(0x21, 0x11, [...IPV4, ...Array(2048 - 28).fill(0)]), "192.0.2.7:50000"],
  ["v2 LOCAL", v2(0x20, 0x11, IPV4), "memory"],
  ["v2 LOCAL without anything", v2(0x20, 0x00, []), "memory"],
  ["v2 unspecified", v2(0x21, 0x00, [1, 2, 3]), "memory"],
];
for (const [name, header, expected] of GOOD) {
  for (const readBytesMax of [1, 3, 4096]) {
    Deno.test(`proxyProtocol() takes ${name}, and no byte more, ${readBytesMax} at a time`, async () => {
      const stream = await upgraded(header, readBytesMax);
      assertEquals(stream.remoteAddress.replace(/^memory:\d+$/, "memory"), expected);
      assertEquals(await readBytes(stream, BEHIND.length), BEHIND);
      assertEquals(await stream.read(new Uint8Array(1)), null);
    });
  }
}

const BAD: [string, Uint8Array][] = [
  ["MQTT", Uint8Array.of(0x10, 0x0E, 0x00, 0x04, 0x4D, 0x51, 0x54, 0x54)],
  ["nothing", Uint8Array.of()],
  ["a line that never ends", v1(`PROXY UNKNOWN ${"f".repeat(200)}`)],
  ["a line of 108 bytes", v1(`PROXY UNKNOWN ${"f".repeat(92)}\r\n`)],
  ["LF without CR", v1("PROXY TCP4 192.0.2.7 10.0.0.5 50000 1883\n")],
  ["a host name", v1("PROXY TCP4 localhost 10.0.0.5 50000 1883\r\n")],
  ["IPv6 as TCP4", v1("PROXY TCP4 ::1 ::1 50000 1883\r\n")],
  ["an IPv6 address with a scope", v1("PROXY TCP6 fe80::1%eth0 ::1 50000 1883\r\n")],
  ["an octet over 255", v1("PROXY TCP4 192.0.2.256 10.0.0.5 50000 1883\r\n")],
  ["a port over 65535", v1("PROXY TCP4 192.0.2.7 10.0.0.5 65536 1883\r\n")],
  ["a port with a zero before it", v1("PROXY TCP4 192.0.2.7 10.0.0.5 050000 1883\r\n")],
  ["a port too few", v1("PROXY TCP4 192.0.2.7 10.0.0.5 50000\r\n")],
  ["a field too many", v1("PROXY TCP4 192.0.2.7 10.0.0.5 50000 1883 x\r\n")],
  ["two blanks", v1("PROXY TCP4  192.0.2.7 10.0.0.5 50000 1883\r\n")],
  ["another protocol", v1("PROXY UDP4 192.0.2.7 10.0.0.5 50000 1883\r\n")],
  ["UNKNOWN with a tail", v1("PROXY UNKNOWNS\r\n")],
  ["version 3", v2(0x31, 0x11, IPV4)],
  ["an unknown command", v2(0x22, 0x11, IPV4)],
  ["too few bytes of addresses", v2(0x21, 0x11, IPV4.slice(1))],
  ["too few bytes of IPv6 addresses", v2(0x21, 0x21, IPV6.slice(1))],
  ["UDP", v2(0x21, 0x12, IPV4)],
  ["a header of 2,049 bytes", v2(0x21, 0x11, [...IPV4, ...Array(2049 - 28).fill(0)])],
  ["a header that is cut off", v2(0x21, 0x11, IPV4, 400)],
  ["half a signature", Uint8Array.of(...SIGNATURE.slice(0, 6))],
];
for (const [name, header] of BAD) {
  Deno.test(`proxyProtocol() refuses ${name}`, async () => {
    await assertRejects(() => upgraded(header), Deno.errors.InvalidData, "PROXY protocol");
  });
}

Deno.test("proxyProtocol() refuses who is not named as a proxy, and reads nothing of it", async () => {
  const { client, server } = memoryPair();
  Object.defineProperty(server, "remoteHost", { value: "10.0.1.5" });
  await writeAll(client, v1("PROXY TCP4 192.0.2.7 10.0.0.5 50000 1883\r\n"));
  const upgrade = proxyProtocol(["10.0.0.0/24", "::1"]);
  await assertRejects(() => upgrade(server, new AbortController().signal), Deno.errors.PermissionDenied, "10.0.1.5");
  assertEquals(server.unreadBytes, 42);
});

Deno.test("behindProxy() closes who breaks the protocol, lets others in, and is never on loopback only", async () => {
  const inner = listenTcp({ host: "127.0.0.1", port: 0, tcpBacklog: 100 });
  const failures: unknown[] = [];
  const proxies = ["127.0.0.1"];
  const listener = behindProxy(inner, { proxies, limits: LIMITS, onFailed: (_, error) => failures.push(error) });
  assertEquals([listener.url, listener.isLoopback], [inner.url, false]);
  const { promise, resolve } = Promise.withResolvers<ByteStream>();
  const served = listener.serve(resolve, () => {});
  const port = Number(new URL(inner.url).port);
  const silent = await connectTcp("127.0.0.1", port);
  const bad = await connectTcp("127.0.0.1", port);
  await writeAll(bad, Uint8Array.of(0x10, 0x0E));
  assertEquals(await bad.read(new Uint8Array(1)).catch(() => null), null);
  assertEquals(failures.length, 1);
  const good = await connectTcp("127.0.0.1", port);
  await writeAll(good, v1("PROXY TCP4 192.0.2.7 10.0.0.5 50000 1883\r\n"));
  const arrived = await promise;
  assertEquals([arrived.remoteAddress, arrived.remoteHost], ["192.0.2.7:50000", "192.0.2.7"]);
  for (const end of [silent, bad, good, arrived, listener]) end.close();
  await served;
});

byteStreamSuite("proxyProtocol()", async () => {
  const { client, server } = memoryPair();
  Object.defineProperty(server, "remoteHost", { value: "::1" });
  await writeAll(client, v1("PROXY TCP4 192.0.2.7 10.0.0.5 50000 1883\r\n"));
  return { client, server: await proxyProtocol(["::1"])(server, new AbortController().signal) };
});

const LISTS: [string, string, boolean][] = [
  ["10.0.0.5", "10.0.0.5", true],
  ["10.0.0.5", "10.0.0.6", false],
  ["10.1.0.0/16", "10.1.255.255", true],
  ["10.1.0.0/16", "10.2.0.0", false],
  ["0.0.0.0/0", "203.0.113.1", true],
  ["0.0.0.0/0", "::1", false],
  ["fd00::/8", "fd12::1", true],
  ["fd00::/8", "fe80::1", false],
  ["[::1]", "::1", true],
  ["::ffff:10.0.0.5", "10.0.0.5", true],
  ["10.0.0.0/8", "unix", false],
  ["10.0.0.0/8", "memory", false],
];
for (const [entry, host, expected] of LISTS) {
  Deno.test(`proxyProtocol(): a proxy at ${host} is ${expected ? "let in" : "refused"} where ${entry} is named`, async () => {
    const { client, server } = memoryPair();
    Object.defineProperty(server, "remoteHost", { value: host });
    await writeAll(client, v1("PROXY TCP4 192.0.2.7 10.0.0.5 50000 1883\r\n"));
    const upgrading = proxyProtocol([entry])(server, new AbortController().signal);
    if (expected) assertEquals((await upgrading).remoteHost, "192.0.2.7");
    else await assertRejects(() => upgrading, Deno.errors.PermissionDenied, "is not named as a proxy");
  });
}

for (
  const entry of [
    "",
    "localhost",
    "unix",
    "10.0.0.0/33",
    "::/129",
    "10.0.0",
    "10.0.0.0/",
    "10.0.0.0/8/8",
    "10.0.0.0/-1",
  ]
) {
  Deno.test(`behindProxy() refuses "${entry}" as a proxy`, () => {
    const options = { proxies: ["10.0.0.5", entry], limits: LIMITS };
    assertThrows(() => behindProxy(new MemoryListener(), options), Error, "no address and no network");
  });
}
