/** src/config/listener_problems.ts, and what the schema says of an item of a list. @module */

import { assertEquals } from "@std/assert";
import { checkConfig, describeProblem } from "../../src/config/config.ts";
import { loadConfig } from "../../src/config/load.ts";

const PAIR = { certFile: "cert", keyFile: "key" };

function linesOf(given: unknown): string[] {
  return checkConfig(given).problems.map((problem) => describeProblem(problem));
}

/** A list with these items, the last of which is wrong. */
function list(...listeners: unknown[]): unknown {
  return { listeners };
}

const TYPES = '"mqtt", "mqtts", "ws", "wss" or "unix"';
const A_LISTENER = 'one or more listeners as JSON, such as [{ "type": "mqtt", "port": 1884 }]';
const A_NETWORK = "a list of addresses or networks, such as 10.0.0.7 or 10.0.0.0/8";

const REFUSED: [what: string, given: unknown, line: string][] = [
  ["an empty list", list(), `listeners: [] is not allowed; allowed: ${A_LISTENER}`],
  ["no list", { listeners: 1883 }, `listeners: 1883 is not allowed; allowed: ${A_LISTENER}`],
  ["a listener that is no object", list(1883), "listeners[0]: 1883 is not allowed; allowed: an object with keys"],
  ["a listener that is a list", list([]), "listeners[0]: [] is not allowed; allowed: an object with keys"],
  ["a listener without a type", list({ port: 1 }), `listeners[0].type is missing; needed: ${TYPES}`],
  ["a type that is not there", list({ type: "tcp" }), `listeners[0].type: "tcp" is not allowed; allowed: ${TYPES}`],
  [
    "a port beyond 65535 of the second listener",
    list({ type: "mqtt" }, { type: "ws", port: 70_000 }),
    "listeners[1].port: 70000 is not allowed; allowed: a whole number from 0 to 65535",
  ],
  [
    "a misspelt key of a listener",
    list({ type: "mqtt", prot: 1 }),
    "listeners[0].prot: no such key; did you mean listeners[0].port?",
  ],
  [
    "a misspelt key within a listener's key",
    list({ type: "mqtts", tls: { ...PAIR, certfil: "x" } }),
    "listeners[0].tls.certfil: no such key; did you mean listeners[0].tls.certFile?",
  ],
  [
    "a key of a listener that resembles none",
    list({ type: "ws", webSocket: { xyzzy: 1 } }),
    "listeners[0].webSocket.xyzzy: no such key; the keys there are path, origins",
  ],
  [
    "a word that is not in a list of a listener",
    list({ type: "mqtt", authenticators: ["password"] }),
    'listeners[0].authenticators: ["password"] is not allowed; allowed: a list with one or more of accounts, jwt, ' +
    "certificate",
  ],
  [
    "a network that is none",
    list({ type: "mqtt", proxyProtocolFrom: ["10.0.0.0/33"] }),
    `listeners[0].proxyProtocolFrom: ["10.0.0.0/33"] is not allowed; allowed: ${A_NETWORK}`,
  ],
  [
    "a host's name for a network",
    { proxyProtocolFrom: ["proxy.example"] },
    `proxyProtocolFrom: ["proxy.example"] is not allowed; allowed: ${A_NETWORK}`,
  ],
  [
    "a path without its slash",
    { webSocket: { path: "mqtt" } },
    'webSocket.path: "mqtt" is not allowed; allowed: a path that begins with /',
  ],
  [
    "an origin without its scheme",
    { webSocket: { origins: ["example.com"] } },
    'webSocket.origins: ["example.com"] is not allowed; allowed: a list of origins, such as https://example.com or ' +
    "http://127.0.0.1:8080, or *",
  ],
  [
    "a version of TLS that is broken",
    { tls: { minVersion: "1.1" } },
    'tls.minVersion: "1.1" is not allowed; allowed: "1.2" or "1.3"',
  ],
  [
    "that nothing is listened on",
    { mqtt: false },
    "mqtt: false is not allowed; allowed: true, while there is no other listener: listeners, tlsPort, wsPort, wssPort " +
    "or unixPath",
  ],
  [
    "TLS of a type without it",
    list({ type: "mqtt", tls: PAIR }),
    'listeners[0].tls: {"certFile":"cert","keyFile":"key"} is not allowed; allowed: nothing with type "mqtt"; it is for ' +
    '"mqtts" and "wss"',
  ],
  [
    "WebSocket of a type without it",
    list({ type: "mqtts", tls: PAIR, webSocket: {} }),
    'listeners[0].webSocket: {} is not allowed; allowed: nothing with type "mqtts"; it is for "ws" and "wss"',
  ],
  [
    "a socket's path of a type with a port",
    list({ type: "mqtt", socketPath: "/s" }),
    'listeners[0].socketPath: "/s" is not allowed; allowed: nothing with type "mqtt"; it is for "unix"',
  ],
  [
    "a port of type unix",
    list({ type: "unix", socketPath: "/s", port: 1 }),
    'listeners[0].port: 1 is not allowed; allowed: nothing with type "unix"; it is for types with a port',
  ],
  [
    "a host of type unix",
    list({ type: "unix", socketPath: "/s", host: "::1" }),
    'listeners[0].host: "::1" is not allowed; allowed: nothing with type "unix"; it is for types with a port',
  ],
  [
    "type unix without a path",
    list({ type: "unix" }),
    'listeners[0].socketPath is missing; needed: where the socket is, with type "unix"',
  ],
  [
    "TLS without a private key",
    { tlsPort: 8883, tls: { certFile: "cert" } },
    "tls.keyFile is missing; needed: the private key (PEM) for tlsPort, --key FILE",
  ],
  [
    "WebSocket and TLS without a certificate",
    list({ type: "wss", tls: { keyFile: "key" } }),
    "listeners[0].tls.certFile is missing; needed: the certificate (PEM) for listeners[0]",
  ],
  [
    "a required certificate that nobody signs",
    { tlsPort: 8883, tls: { ...PAIR, requireClientCertificate: true } },
    "tls.caFile is missing; needed: the certificates (PEM) of those who sign clients' certificates, for tlsPort, --ca FILE",
  ],
  [
    "a required certificate of one listener that nobody signs",
    list({ type: "mqtts", tls: { ...PAIR, requireClientCertificate: true } }),
    "listeners[0].tls.caFile is missing; needed: the certificates (PEM) of those who sign clients' certificates, for " +
    "listeners[0]",
  ],
  [
    "the authenticator certificate where none is asked for",
    list({ type: "mqtt", authenticators: ["certificate"] }),
    'listeners[0].authenticators: ["certificate"] is not allowed; allowed: "certificate" only where TLS asks for one: ' +
    '"mqtts" and "wss" with tls.caFile',
  ],
  [
    "the authenticator certificate alone for a listener that asks for none",
    { authenticators: ["certificate"] },
    'authenticators: ["certificate"] is not allowed; allowed: one that goes without tls.caFile, too, for port',
  ],
  [
    "the authenticator jwt without a key",
    { authenticators: ["jwt"] },
    'authenticators: ["jwt"] is not allowed; allowed: "jwt" only with jwt.secretFile, jwt.publicKeyFile or jwt.jwksFile',
  ],
  [
    "two files of keys for tokens",
    { jwt: { secretFile: "a", jwksFile: "b" } },
    'jwt.jwksFile: "b" is not allowed; allowed: nothing beside jwt.secretFile: keys come from one file',
  ],
  [
    "an issuer of tokens that nobody looks at",
    { jwt: { issuer: "a" } },
    "jwt.jwksFile is missing; needed: the file with the keys: jwt.jwksFile, jwt.publicKeyFile or jwt.secretFile",
  ],
  [
    "more connections of one listener than of all",
    { limits: { connectionsMax: 5 }, listeners: [{ type: "mqtt", connectionsMax: 6 }] },
    "listeners[0].connectionsMax: 6 is not allowed; allowed: at most limits.connectionsMax (5), which holds for all " +
    "listeners together",
  ],
  [
    "packets of one listener that could not be sent on",
    list({ type: "mqtt", maximumPacketSize: 200_000_000 }),
    "listeners[0].maximumPacketSize: 200000000 is not allowed; allowed: at most limits.outboundBytesMax (33554432), or " +
    "the largest packets could be accepted and never be delivered",
  ],
  [
    "one port twice",
    list({ type: "mqtt", port: 5 }, { type: "ws", port: 6 }, { type: "ws", host: "127.0.0.1", port: 5 }),
    "listeners[2].port: 5 is not allowed; allowed: another one than that of listeners[0]",
  ],
  [
    "the port of an option twice",
    { port: 5, wsPort: 5 },
    "wsPort: 5 is not allowed; allowed: another one than that of port",
  ],
  [
    "one socket twice",
    { unixPath: "/s", listeners: [{ type: "unix", socketPath: "/s" }] },
    'unixPath: "/s" is not allowed; allowed: another one than that of listeners[0]',
  ],
];
for (const [what, given, line] of REFUSED) {
  Deno.test(`checkConfig() refuses ${what}`, () => assertEquals(linesOf(given), [line]));
}

Deno.test("checkConfig() names every problem of every listener", () => {
  assertEquals(
    checkConfig(list({ type: "mqtt", port: -1, prot: 1 }, { type: "x", tls: { foo: 1 } })).problems
      .map(({ path }) => path).toSorted(),
    ["listeners[0].port", "listeners[0].prot", "listeners[1].tls.foo", "listeners[1].type"],
  );
});

for (
  const entry of ["", "10.0.0", "10.0.0.256", "010.0.0.1", "10.0.0.0/", "::/129", "1::2::3", ":", "[::1", "unix", "a/8"]
) {
  Deno.test(`checkConfig() takes ${JSON.stringify(entry)} for no network`, () => {
    assertEquals(checkConfig({ proxyProtocolFrom: [entry] }).problems.map(({ path }) => path), ["proxyProtocolFrom"]);
  });
}

const ALLOWED: [what: string, given: unknown][] = [
  ["several free ports", { port: 0, wsPort: 0, listeners: [{ type: "mqtt", port: 0 }, { type: "mqtt", port: 0 }] }],
  ["one port on two addresses", list({ type: "mqtt", port: 5 }, { type: "mqtt", host: "::1", port: 5 })],
  ["a certificate that is asked for and not required", { tlsPort: 1, tls: { ...PAIR, caFile: "ca" } }],
  ["a certificate that no listener uses", { tls: PAIR }],
  ["networks of both kinds", {
    proxyProtocolFrom: ["10.0.0.7", "255.0.0.0/32", "0.0.0.0/0", "::1", "FD00::/128", "[::1]", "::ffff:10.0.0.1"],
  }],
  ["origins of all kinds", { webSocket: { origins: ["*", "null", "https://a.example", "http://[::1]:80/"] } }],
];
for (const [what, given] of ALLOWED) {
  Deno.test(`checkConfig() allows ${what}`, () => assertEquals(linesOf(given), []));
}

const LIST_TEXT = '[{ "type": "mqtt", "port": 5 }, { "type": "ws", "port": 70000 }]';
const LIST_LINE = "70000 is not allowed; allowed: a whole number from 0 to 65535";

Deno.test("loadConfig() reads a list of listeners from a file, the environment and an option, and names who gave it", () => {
  const file = { path: "q.jsonc", text: `{ "listeners": ${LIST_TEXT} }` };
  const options = [{ path: "listeners", text: LIST_TEXT, from: "--set" }];
  const lineOf = (load: () => unknown) => {
    try {
      load();
    } catch (error) {
      return (error as Error).message;
    }
  };
  assertEquals(lineOf(() => loadConfig({ file })), `listeners[1].port (q.jsonc): ${LIST_LINE}`);
  assertEquals(
    lineOf(() => loadConfig({ environment: { QUETZAL_LISTENERS: LIST_TEXT } })),
    `listeners[1].port (QUETZAL_LISTENERS): ${LIST_LINE}`,
  );
  assertEquals(lineOf(() => loadConfig({ options })), `listeners[1].port (--set): ${LIST_LINE}`);
});

Deno.test("loadConfig() takes a certificate from the file and the port of its listener from an option", () => {
  const file = { path: "q.jsonc", text: `{ "tls": { "certFile": "c", "keyFile": "k" } }` };
  const options = [{ path: "tlsPort", text: "8883", from: "--tls-port" }];
  assertEquals(loadConfig({ file, options }).config.tlsPort, 8883);
});

Deno.test("the example in docs/listeners.md is right", async () => {
  const text = await Deno.readTextFile(new URL("../../docs/listeners.md", import.meta.url));
  const [, example] = /```jsonc\r?\n([\s\S]*?)```/.exec(text)!;
  const { config, warnings } = loadConfig({ file: { path: "docs/listeners.md", text: example } });
  assertEquals(config.listeners!.map(({ type }) => type), ["mqtt", "mqtts", "ws"]);
  assertEquals(warnings, []);
});
