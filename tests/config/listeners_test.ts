/** src/config/listeners.ts @module */

import { assertEquals } from "@std/assert";
import { makeConfig, type PartialConfig } from "../../src/config/config.ts";
import { jwtKey } from "../../src/config/jwt_key.ts";
import { type ListenerConfig, resolveListeners } from "../../src/config/listeners.ts";

const PAIR = { certFile: "cert", keyFile: "key" };
const WITH_CA = { ...PAIR, caFile: "ca" };

function resolved(given: PartialConfig): ListenerConfig[] {
  return resolveListeners(makeConfig(given));
}

/** The only one. */
function one(given: PartialConfig): ListenerConfig {
  const listeners = resolved(given);
  assertEquals(listeners.length, 1);
  return listeners[0];
}

Deno.test("resolveListeners() makes one of host and port when nothing else is said", () => {
  assertEquals(resolved({}), [{
    askedBy: "port",
    type: "mqtt",
    host: "127.0.0.1",
    port: 1883,
    socketPath: "",
    tls: undefined,
    webSocket: undefined,
    proxyProtocolFrom: [],
    allowAnonymous: undefined,
    authenticators: ["accounts"],
    certificateUserName: "common-name",
    protocolVersions: [3, 4, 5],
    connectionsMax: 10_000,
    maximumPacketSize: 16_777_216,
    keepAliveMaxS: 0,
  }]);
});

Deno.test("resolveListeners() adds those of tlsPort, wsPort, wssPort and unixPath", () => {
  const given = { host: "::1", port: 1, tlsPort: 2, wsPort: 3, wssPort: 4, unixPath: "/s", tls: PAIR };
  assertEquals(
    resolved(given).map(({ askedBy, type, host, port, socketPath }) => [askedBy, type, host, port, socketPath]),
    [
      ["port", "mqtt", "::1", 1, ""],
      ["tlsPort", "mqtts", "::1", 2, ""],
      ["wsPort", "ws", "::1", 3, ""],
      ["wssPort", "wss", "::1", 4, ""],
      ["unixPath", "unix", "", 0, "/s"],
    ],
  );
});

Deno.test("resolveListeners() leaves out the one of host and port when mqtt is false", () => {
  assertEquals(resolved({ mqtt: false, wsPort: 3 }).map(({ type }) => type), ["ws"]);
});

Deno.test("resolveListeners() takes the list in the place of host and port, and adds to it", () => {
  const given: PartialConfig = { port: 1, wsPort: 3, listeners: [{ type: "mqtt", port: 5 }, { type: "ws", port: 6 }] };
  assertEquals(resolved(given).map(({ askedBy, port }) => [askedBy, port]), [
    ["listeners[0]", 5],
    ["listeners[1]", 6],
    ["wsPort", 3],
  ]);
});

Deno.test("resolveListeners() takes the usual port of a type, and for mqtt the key port", () => {
  const listeners = (["mqtt", "mqtts", "ws", "wss"] as const).map((type) => ({ type }));
  assertEquals(resolved({ port: 7, tls: PAIR, listeners }).map(({ port }) => port), [7, 8883, 8083, 8084]);
});

Deno.test("resolveListeners() takes from the top level what an item leaves out", () => {
  const given: PartialConfig = {
    host: "127.0.0.2",
    tls: { ...WITH_CA, minVersion: "1.3" },
    webSocket: { path: "/a", origins: ["https://a.example"] },
    proxyProtocolFrom: ["10.0.0.0/8"],
    allowAnonymous: false,
    authenticators: ["certificate"],
    certificateUserName: "dns",
    protocolVersions: [5],
    limits: { connectionsMax: 6, maximumPacketSize: 1000, keepAliveMaxS: 60 },
    listeners: [{ type: "wss" }],
  };
  assertEquals(one(given), {
    askedBy: "listeners[0]",
    type: "wss",
    host: "127.0.0.2",
    port: 8084,
    socketPath: "",
    tls: { ...WITH_CA, requireClientCertificate: false, minVersion: "1.3" },
    webSocket: { path: "/a", origins: ["https://a.example"] },
    proxyProtocolFrom: ["10.0.0.0/8"],
    allowAnonymous: false,
    authenticators: ["certificate"],
    certificateUserName: "dns",
    protocolVersions: [5],
    connectionsMax: 6,
    maximumPacketSize: 1000,
    keepAliveMaxS: 60,
  });
});

Deno.test("resolveListeners() takes from an item what it says, and not from the top level", () => {
  const item = {
    type: "wss",
    host: "[::1]",
    port: 0,
    tls: { certFile: "c2", keyFile: "k2", caFile: "a2", requireClientCertificate: true, minVersion: "1.2" },
    webSocket: { path: "/b", origins: [] },
    proxyProtocolFrom: [],
    allowAnonymous: true,
    authenticators: ["accounts", "certificate"],
    certificateUserName: "uri",
    protocolVersions: [4],
    connectionsMax: 2,
    maximumPacketSize: 2000,
    keepAliveMaxS: 0,
  } as const;
  const given: PartialConfig = {
    tls: { ...WITH_CA, minVersion: "1.3" },
    webSocket: { path: "/a", origins: ["*"] },
    proxyProtocolFrom: ["10.0.0.0/8"],
    allowAnonymous: false,
    certificateUserName: "dns",
    limits: { keepAliveMaxS: 60 },
    listeners: [item],
  };
  assertEquals(one(given), { ...item, askedBy: "listeners[0]", host: "::1", socketPath: "" });
});

Deno.test("resolveListeners() never puts a certificate and the key of another one together", () => {
  const tls = { certFile: "own cert", keyFile: "own key" };
  assertEquals(one({ tls: PAIR, listeners: [{ type: "mqtts", tls }] }).tls, {
    ...tls,
    caFile: undefined,
    requireClientCertificate: false,
    minVersion: "1.2",
  });
});

const AUTHENTICATORS: [given: PartialConfig, expected: ListenerConfig["authenticators"]][] = [
  [{}, ["accounts"]],
  [{ jwt: { secretFile: "s" } }, ["accounts", "jwt"]],
  [{ jwt: { publicKeyFile: "s" } }, ["accounts", "jwt"]],
  [{ jwt: { jwksFile: "s" } }, ["accounts", "jwt"]],
  [{ tls: WITH_CA, listeners: [{ type: "mqtts" }] }, ["accounts"]],
  [{ tls: { ...WITH_CA, requireClientCertificate: true }, listeners: [{ type: "mqtts" }] }, [
    "accounts",
    "certificate",
  ]],
  [{ tls: { ...WITH_CA, requireClientCertificate: true } }, ["accounts"]],
  // Where nobody is asked for a certificate, nobody can show one.
  [{ authenticators: ["accounts", "certificate"] }, ["accounts"]],
  [{ authenticators: ["accounts", "certificate"], tls: WITH_CA, listeners: [{ type: "wss" }] }, [
    "accounts",
    "certificate",
  ]],
];
for (const [given, expected] of AUTHENTICATORS) {
  Deno.test(`resolveListeners() of ${JSON.stringify(given)} asks ${expected.join(" and ")}`, () => {
    assertEquals(one(given).authenticators, expected);
  });
}

Deno.test("jwtKey() says which file holds which keys", () => {
  assertEquals(jwtKey(makeConfig()), undefined);
  assertEquals(jwtKey(makeConfig({ jwt: { secretFile: "a" } })), { keyFile: "a", keyKind: "secret" });
  assertEquals(jwtKey(makeConfig({ jwt: { publicKeyFile: "b" } })), { keyFile: "b", keyKind: "public-key" });
  assertEquals(jwtKey(makeConfig({ jwt: { jwksFile: "c" } })), { keyFile: "c", keyKind: "jwks" });
});
