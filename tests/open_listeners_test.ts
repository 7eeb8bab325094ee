/** src/open_listeners.ts @module */

import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import { getLog, type Log } from "../src/base/log.ts";
import { makeConfig, type PartialConfig } from "../src/config/config.ts";
import {
  doorOf,
  ListenError,
  type OpenListener,
  openListeners,
  resolveListeners,
  startObjection,
} from "../src/open_listeners.ts";
import type { ByteStream } from "../src/transport/byte_stream.ts";
import { connectTcp } from "../src/transport/tcp.ts";
import { connectWebSocket } from "../src/transport/websocket_client.ts";
import { TemporaryFolder } from "./support/store_files.ts";

function open(given: PartialConfig): Promise<OpenListener[]> {
  const config = makeConfig(given);
  return openListeners(resolveListeners(config), config, getLog("broker"));
}

/** A port that was free a moment ago. */
function freePort(): number {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  listener.close();
  return listener.addr.port;
}

Deno.test("openListeners() opens each in its order, and says what it is", async () => {
  const opened = await open({ listeners: [{ type: "mqtt", port: 0 }, { type: "mqtt", host: "127.0.0.2", port: 0 }] });
  assertMatch(
    opened.map(({ listener }) => listener.url).join(" "),
    /^mqtt:\/\/127\.0\.0\.1:\d+ mqtt:\/\/127\.0\.0\.2:\d+$/,
  );
  assertEquals(opened.map(({ config }) => config.askedBy), ["listeners[0]", "listeners[1]"]);
  for (const { listener } of opened) listener.close();
});

Deno.test("openListeners() closes those that are open when one cannot be opened, and names that one", async () => {
  const taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const port = freePort();
  const listeners = [{ type: "mqtt", port }, { type: "mqtt", port: taken.addr.port }] as const;
  const error = await assertRejects(() => open({ listeners }), ListenError);
  assertEquals(error.listener.askedBy, "listeners[1]");
  assertEquals(error.cause instanceof Deno.errors.AddrInUse, true);
  taken.close();
  // Nobody holds it any more.
  Deno.listen({ hostname: "127.0.0.1", port }).close();
});

Deno.test("openListeners() opens WebSocket at its path, and the log says which handshake came to nothing", async () => {
  const config = makeConfig({ listeners: [{ type: "ws", port: 0, webSocket: { path: "/p" } }] });
  const line = Promise.withResolvers<string>();
  const log: Log = { ...getLog("broker"), isEnabled: () => true, info: line.resolve };
  const [{ listener }] = await openListeners(resolveListeners(config), config, log);
  const url = new URL(listener.url);
  assertEquals([url.protocol, url.hostname, url.pathname], ["ws:", "127.0.0.1", "/p"]);
  const serving = listener.serve(() => {}, () => {});
  const stream = await connectTcp(url.hostname, Number(url.port));
  await stream.write(new TextEncoder().encode("GET /other HTTP/1.1\r\nHost: localhost\r\n\r\n"));
  assertMatch(await new Response(readable(stream)).text(), /^HTTP\/1\.1 404 /);
  stream.close();
  assertMatch(
    await line.promise,
    /^Handshake with 127\.0\.0\.1:\d+ on ws:\/\/127\.0\.0\.1:\d+\/p failed: .* at \/p\.$/,
  );
  listener.close();
  await serving;
});

Deno.test("openListeners() takes a client's address from the proxies that are named, below WebSocket", async () => {
  const [{ listener }] = await open({
    proxyProtocolFrom: ["127.0.0.1"],
    listeners: [{ type: "ws", port: 0 }],
  });
  assertEquals(listener.isLoopback, false);
  const arrival = Promise.withResolvers<ByteStream>();
  const serving = listener.serve(arrival.resolve, arrival.reject);
  const { hostname, port, host } = new URL(listener.url);
  const stream = await connectTcp(hostname, Number(port));
  await stream.write(new TextEncoder().encode("PROXY TCP4 192.0.2.7 192.0.2.1 50000 80\r\n"));
  const webSocket = await connectWebSocket(stream, { host });
  const { remoteAddress } = await arrival.promise;
  assertEquals(remoteAddress, "192.0.2.7:50000");
  webSocket.close();
  listener.close();
  await serving;
});

Deno.test("openListeners() closes the port whose certificate cannot be read, and says which file it is", async () => {
  const port = freePort();
  const tls = { certFile: "/nowhere/server.crt", keyFile: "/nowhere/server.key" };
  const error = await assertRejects(() => open({ listeners: [{ type: "wss", port, tls }] }), ListenError);
  assertMatch(error.message, /^cannot listen on 127\.0\.0\.1:\d+: \/nowhere\/server\.crt: there is no such file /);
  Deno.listen({ hostname: "127.0.0.1", port }).close();
});

Deno.test({
  name: "openListeners() opens a Unix socket",
  ignore: Deno.build.os === "windows",
  fn: async () => {
    using folder = new TemporaryFolder();
    const path = folder.file("mqtt.sock");
    const [{ listener }] = await open({ mqtt: false, unixPath: path });
    assertEquals([listener.url, listener.isLoopback], [`unix:${path}`, true]);
    listener.close();
  },
});

/** What comes until the peer ends. */
function readable(stream: ByteStream): ReadableStream<Uint8Array<ArrayBuffer>> {
  return new ReadableStream({
    async pull(controller) {
      const into = new Uint8Array(1024);
      const count = await stream.read(into);
      if (count === null) controller.close();
      else controller.enqueue(into.subarray(0, count));
    },
  });
}

Deno.test("doorOf() says where a listener is", () => {
  const listeners = resolveListeners(makeConfig({ host: "::1", unixPath: "/run/quetzal.sock" }));
  assertEquals(listeners.map(doorOf), ["[::1]:1883", "/run/quetzal.sock"]);
});

const tls = { certFile: "c", keyFile: "k", caFile: "a" };
const OBJECTIONS: [what: string, given: PartialConfig, objection: boolean][] = [
  ["a loopback address", {}, false],
  ["another loopback address", { host: "127.1.2.3" }, false],
  ["localhost", { host: "localhost" }, false],
  ["all networks", { host: "0.0.0.0" }, true],
  ["all networks by IPv6", { host: "::" }, true],
  ["an address", { host: "192.0.2.1" }, true],
  ["a name", { host: "broker.example" }, true],
  ["all networks, and anonymous clients allowed", { host: "0.0.0.0", allowAnonymous: true }, false],
  ["all networks, and anonymous clients forbidden", { host: "0.0.0.0", allowAnonymous: false }, true],
  ["all networks with tokens", { host: "0.0.0.0", jwt: { secretFile: "s" } }, false],
  [
    "all networks with tokens that the listener does not take",
    { host: "0.0.0.0", jwt: { secretFile: "s" }, authenticators: ["accounts"] },
    true,
  ],
  [
    "all networks with certificates",
    { host: "0.0.0.0", tls: { ...tls, requireClientCertificate: true }, listeners: [{ type: "mqtts" }] },
    false,
  ],
  [
    "all networks with certificates that say nothing",
    {
      host: "0.0.0.0",
      tls: { ...tls, requireClientCertificate: true },
      listeners: [{ type: "mqtts", authenticators: ["accounts"] }],
    },
    true,
  ],
  ["the second listener alone", { wsPort: 5, listeners: [{ type: "mqtt" }, { type: "ws", host: "0.0.0.0" }] }, true],
  ["a loopback address behind a proxy", { proxyProtocolFrom: ["127.0.0.1"] }, true],
  ["a socket in the file system", { host: "0.0.0.0", mqtt: false, unixPath: "/s" }, false],
];
for (const [what, given, isObjection] of OBJECTIONS) {
  Deno.test(`startObjection() has ${isObjection ? "one" : "none"} to ${what} without accounts, none with them`, () => {
    const listeners = resolveListeners(makeConfig(given));
    const objection = startObjection(listeners, { hasAccounts: false, dataDir: "./d" });
    assertEquals(objection !== undefined, isObjection);
    assertEquals(startObjection(listeners, { hasAccounts: true, dataDir: "./d" }), undefined);
  });
}

Deno.test("startObjection() says in one line what is open, and what to do", () => {
  const listeners = resolveListeners(makeConfig({ host: "0.0.0.0", wsPort: 8083 }));
  assertEquals(
    startObjection(listeners, { hasAccounts: false, dataDir: "./d" }),
    "other machines can reach 0.0.0.0:1883 and 0.0.0.0:8083, and there is no account yet: make one with " +
      '"quetzal user add NAME --data-dir ./d", let everybody in with --allow-anonymous, or listen on this machine only ' +
      "with --host 127.0.0.1",
  );
});
