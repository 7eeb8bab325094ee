/** src/transport/http_head.ts, websocket_handshake.ts and websocket_origin.ts: who is let in, and what the others are told.
 * @module */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { deadline } from "@std/async/deadline";
import { HttpError } from "../../src/transport/http_head.ts";
import { type MemoryOptions, memoryPair } from "../../src/transport/memory.ts";
import { webSocketUpgrade } from "../../src/transport/websocket.ts";
import { isOriginAllowed } from "../../src/transport/websocket_origin.ts";
import { text } from "./websocket_wire.ts";

const HEADERS: Readonly<Record<string, string>> = {
  Host: "localhost:8083",
  Upgrade: "websocket",
  Connection: "Upgrade",
  "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
  "Sec-WebSocket-Version": "13",
  "Sec-WebSocket-Protocol": "mqtt",
};

interface Request {
  readonly line?: string;
  /** In place of those of a right request; undefined = without it. */
  readonly headers?: Readonly<Record<string, string | undefined>>;
  /** In place of everything. */
  readonly head?: string;
}

function headOf({ line = "GET /mqtt HTTP/1.1", headers = {}, head }: Request): string {
  if (head !== undefined) return head;
  const lines = Object.entries({ ...HEADERS, ...headers }).filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name}: ${value}`);
  return `${[line, ...lines].join("\r\n")}\r\n\r\n`;
}

/** @returns what the Server answered, and why it did not let the Client in. */
async function answerTo(
  request: Request,
  options: { origins?: readonly string[]; path?: string; memory?: MemoryOptions } = {},
): Promise<{ answer: string; error: unknown }> {
  const { origins, path, memory } = options;
  const { client, server } = memoryPair({ bufferBytes: 1 << 20, ...memory });
  const upgrade = webSocketUpgrade({ path, origins, closeTimeoutMs: 1000 });
  const upgraded = upgrade(server, new AbortController().signal).then((stream) => {
    stream.endWriting();
    return undefined;
  }, (error: unknown) => error);
  const bytes = text(headOf(request));
  for (let written = 0; written < bytes.length;) written += await client.write(bytes.subarray(written));
  client.endWriting();
  const error = await deadline(upgraded, 5000);
  if (!(error instanceof HttpError) && error !== undefined) return { answer: "", error };
  let answer = "";
  const into = new Uint8Array(4096);
  for (let count; (count = await client.read(into)) !== null;) {
    answer += new TextDecoder().decode(into.subarray(0, count));
    if (error === undefined && answer.includes("\r\n\r\n")) break;
  }
  return { answer: answer.slice(0, error === undefined ? answer.indexOf("\r\n\r\n") + 4 : undefined), error };
}

const ACCEPTED: [what: string, request: Request][] = [
  ["the least that is needed", {}],
  ["header names and values in other cases", {
    headers: { Upgrade: undefined, Connection: undefined, UPGRADE: "WebSocket", connection: "UPGRADE" },
  }],
  ["lists, as Firefox sends them", { headers: { Connection: "keep-alive, Upgrade", Upgrade: "foo, websocket" } }],
  ["mqtt among other subprotocols", { headers: { "Sec-WebSocket-Protocol": "mqttv3.1,  mqtt" } }],
  ["extensions, of which none is agreed on", {
    headers: { "Sec-WebSocket-Extensions": "permessage-deflate; client_max_window_bits" },
  }],
  ["a query", { line: "GET /mqtt?token=1 HTTP/1.1" }],
  ["no space and much space around values", { headers: { Upgrade: " \t websocket \t ", Host: "a" } }],
  ["bytes above 127 in a value", { headers: { "User-Agent": "bücher" } }],
  ["100 headers", { headers: Object.fromEntries(Array.from({ length: 94 }, (_, n) => [`X-${n}`, "x"])) }],
  ["a Content-Length of 0", { headers: { "Content-Length": "0" } }],
];
for (const [what, request] of ACCEPTED) {
  for (const readBytesMax of [1, Infinity]) {
    Deno.test(`[MQTT-6.0.0-4] The handshake is done: ${what}, ${readBytesMax} byte(s) at a time`, async () => {
      const { answer, error } = await answerTo(request, { memory: { readBytesMax } });
      assertEquals(error, undefined);
      assertEquals(
        answer,
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
          "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n",
      );
    });
  }
}

Deno.test("The handshake is done with mqttv3.1, which clients of MQTT 3.1 offer", async () => {
  const { answer } = await answerTo({ headers: { "Sec-WebSocket-Protocol": "mqttv3.1" } });
  assert(answer.startsWith("HTTP/1.1 101 "));
  assert(answer.includes("\r\nSec-WebSocket-Protocol: mqttv3.1\r\n"));
});

const KEY = "Sec-WebSocket-Key";
const REFUSED: [what: string, request: Request, status: number, says: string][] = [
  ["another path", { line: "GET / HTTP/1.1" }, 404, "MQTT over WebSocket is at /mqtt"],
  ["a path that goes on", { line: "GET /mqtt/x HTTP/1.1" }, 404, "/mqtt"],
  ["a path out of the folder", { line: "GET /mqtt/../../etc/passwd HTTP/1.1" }, 404, "/mqtt"],
  ["POST", { line: "POST /mqtt HTTP/1.1" }, 405, "GET"],
  ["HTTP/1.0", { line: "GET /mqtt HTTP/1.0" }, 505, "HTTP/1.1"],
  ["HTTP/2", { head: "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" }, 505, "HTTP/1.1"],
  ["no version", { line: "GET /mqtt" }, 400, "first line"],
  ["two spaces", { line: "GET  /mqtt HTTP/1.1" }, 400, "first line"],
  ["no Host", { headers: { Host: undefined } }, 400, "Host"],
  ["two Hosts", { headers: { host: "other" } }, 400, "several host"],
  ["a body", { headers: { "Content-Length": "5" } }, 400, "body"],
  ["a body in chunks", { headers: { "Transfer-Encoding": "chunked" } }, 400, "body"],
  ["a person's browser", { headers: { Upgrade: undefined, Connection: "keep-alive" } }, 426, "MQTT broker"],
  ["another upgrade", { headers: { Upgrade: "h2c" } }, 426, "MQTT over WebSocket"],
  ["Connection without upgrade", { headers: { Connection: "close" } }, 426, "MQTT over WebSocket"],
  ["version 8", { headers: { "Sec-WebSocket-Version": "8" } }, 426, "version 13"],
  ["no version of WebSocket", { headers: { "Sec-WebSocket-Version": undefined } }, 426, "version 13"],
  ["no key", { headers: { [KEY]: undefined } }, 400, KEY],
  ["a short key", { headers: { [KEY]: "dGhlIHNhbXBsZQ==" } }, 400, KEY],
  ["a key that is not Base64", { headers: { [KEY]: "dGhlIHNhbXBsZSBub25jZ!==" } }, 400, KEY],
  ["no subprotocol", { headers: { "Sec-WebSocket-Protocol": undefined } }, 400, 'subprotocol "mqtt"'],
  ["another subprotocol", { headers: { "Sec-WebSocket-Protocol": "chat, mqtt2" } }, 400, 'subprotocol "mqtt"'],
  ["the subprotocol in capitals", { headers: { "Sec-WebSocket-Protocol": "MQTT" } }, 400, 'subprotocol "mqtt"'],
  ["a foreign page", { headers: { Origin: "http://evil.example" } }, 403, '"http://evil.example"'],
  [
    "101 headers",
    {
      headers: Object.fromEntries(Array.from({ length: 95 }, (_, n) => [`X-${n}`, "x"])),
    },
    431,
    "more than 100 headers",
  ],
  ["a head of more than 8 KiB", { headers: { Cookie: "x".repeat(8192) } }, 431, "8192 bytes"],
  ["8 KiB without a line", { head: "G".repeat(8192) }, 431, "8192 bytes"],
  ["lines that end with LF alone", { head: headOf({}).replaceAll("\r\n", "\n") }, 400, "LF alone"],
  ["CR within a line", { headers: { Host: "a\rb" } }, 400, "CR alone"],
  ["NUL in a value", { headers: { Host: "a\0b" } }, 400, "0x00"],
  ["a value that goes on in the next line", { headers: { Host: "a\r\n b" } }, 400, "name: value"],
  ["a space before the colon", { headers: { "Host ": "a" } }, 400, "name: value"],
  ["a header without a name", { headers: { "": "a" } }, 400, "name: value"],
  ["a header without a colon", { head: "GET /mqtt HTTP/1.1\r\nHost\r\n\r\n" }, 400, "name: value"],
  ["an empty line at first", { head: "\r\nGET /mqtt HTTP/1.1\r\n\r\n" }, 400, "0x0d"],
  ["TLS", { head: "\x16\x03\x01\x02\x00" }, 400, "0x16"],
  ["MQTT without WebSocket", { head: "\x10\x10\x00\x04MQTT\x05" }, 400, "0x10"],
];
for (const [what, request, status, says] of REFUSED) {
  Deno.test(`The handshake is refused with ${status}: ${what}`, async () => {
    for (const readBytesMax of [1, Infinity]) {
      const { answer, error } = await answerTo(request, { memory: { readBytesMax } });
      assert(error instanceof HttpError);
      assertEquals(error.status, status);
      assert(error.message.includes(says), error.message);
      const [head, body] = answer.split("\r\n\r\n");
      assert(head.startsWith(`HTTP/1.1 ${status} `), answer);
      assert(/\r\nConnection: (Upgrade, )?close\r\n/.test(head), answer);
      assert(head.endsWith(`\r\nContent-Length: ${text(body).length}`));
      assertEquals(body, `${error.message}\n`);
      assertEquals(head.includes("\r\nSec-WebSocket-Version: 13"), says === "version 13");
    }
  });
}

Deno.test("The handshake is done at the path that was set, and at no other", async () => {
  const at = async (line: string) => (await answerTo({ line }, { path: "/" })).answer.slice(9, 12);
  assertEquals([await at("GET / HTTP/1.1"), await at("GET /mqtt HTTP/1.1")], ["101", "404"]);
});

Deno.test("A peer that leaves in the middle of its request gets no answer", async () => {
  const { answer, error } = await answerTo({ head: "GET /mqtt HTTP/1.1\r\nHost: loc" });
  assert(error instanceof Deno.errors.UnexpectedEof);
  assertEquals(answer, "");
});

Deno.test("A refused peer that does not leave is closed after closeTimeoutMs", async () => {
  const { client, server } = memoryPair();
  await client.write(text("\x16"));
  const upgrade = webSocketUpgrade({ origins: undefined, closeTimeoutMs: 1 });
  await assertRejects(() => deadline(upgrade(server, new AbortController().signal), 5000), HttpError);
  await assertRejects(() => server.read(new Uint8Array(1)), Deno.errors.BrokenPipe);
});

Deno.test("A refused peer that goes on sending is left after 64 KiB", async () => {
  const { client, server } = memoryPair();
  const upgrade = webSocketUpgrade({ origins: undefined, closeTimeoutMs: 2 ** 31 - 1 });
  const refused = assertRejects(() => deadline(upgrade(server, new AbortController().signal), 5000), HttpError);
  let isRefused = false;
  refused.then(() => {
    isRefused = true;
    server.close();
  });
  let sent = 0;
  await assertRejects(async () => {
    while (sent < 1 << 30) sent += await client.write(text("\x16".repeat(1000)));
  });
  assert(isRefused && sent < 1 << 20, `${sent} bytes`);
  await refused;
});

const ORIGINS: [origin: string | undefined, host: string, origins: readonly string[] | undefined, allowed: boolean][] =
  [
    // Nothing is listed: pages from the same host, which nobody else can be.
    [undefined, "broker.example:8083", undefined, true],
    ["http://localhost:3000", "localhost:8083", undefined, true],
    ["http://localhost:3000", "127.0.0.1:8083", undefined, true],
    ["http://127.0.0.1", "[::1]:8083", undefined, true],
    ["http://app.localhost:3000", "localhost:8083", undefined, true],
    ["http://LOCALHOST", "LocalHost:8083", undefined, true],
    ["http://192.168.1.5", "192.168.1.5:8083", undefined, true],
    ["https://[fe80::1]:3000", "[fe80::1]:8083", undefined, true],
    ["https://broker.example", "broker.example:8084", undefined, true],
    ["https://broker.example:8443", "Broker.Example", undefined, true],
    ["http://evil.example", "localhost:8083", undefined, false],
    ["https://evil.example", "localhost:8083", undefined, false],
    ["https://evil.example", "broker.example:8083", undefined, false],
    ["http://192.168.1.6", "192.168.1.5:8083", undefined, false],
    ["http://localhost:3000", "192.168.1.5:8083", undefined, false],
    // DNS rebinding: the stranger's name, which now means this machine.
    ["http://evil.example:8083", "evil.example:8083", undefined, false],
    ["http://127.0.0.1.evil.example", "127.0.0.1.evil.example", undefined, false],
    ["http://localhost.evil.example", "localhost.evil.example", undefined, false],
    ["http://localhost.evil.example", "localhost", undefined, false],
    ["http://evillocalhost", "localhost", undefined, false],
    ["null", "localhost:8083", undefined, false],
    ["", "localhost:8083", undefined, false],
    ["http://", "localhost:8083", undefined, false],
    ["file://localhost", "localhost:8083", undefined, false],
    ["chrome-extension://localhost", "localhost:8083", undefined, false],
    ["http://localhost@evil.example", "localhost:8083", undefined, false],
    ["http://evil.example/localhost", "localhost:8083", undefined, false],
    ["http://evil.example#localhost", "localhost:8083", undefined, false],
    ["https://a b", "a b", undefined, false],
    // Listed ones, and no others.
    ["https://app.example", "broker.example", ["https://app.example"], true],
    ["https://APP.example:443", "broker.example", ["https://app.example"], true],
    ["https://app.example", "broker.example", ["HTTPS://App.Example:443/"], true],
    ["http://app.example:80", "broker.example", ["http://other.example", "http://app.example"], true],
    [undefined, "broker.example", ["https://app.example"], true],
    ["null", "broker.example", ["null"], true],
    ["chrome-extension://abc", "broker.example", ["chrome-extension://abc"], true],
    ["http://evil.example", "broker.example", ["*"], true],
    ["http://app.example", "broker.example", ["https://app.example"], false],
    ["https://app.example:8443", "broker.example", ["https://app.example"], false],
    ["https://sub.app.example", "broker.example", ["https://app.example"], false],
    ["https://app.example.evil.example", "broker.example", ["https://app.example"], false],
    ["https://evil-app.example", "broker.example", ["https://app.example"], false],
    ["http://localhost", "localhost", ["https://app.example"], false],
    ["http://localhost", "localhost", [], false],
    ["null", "broker.example", ["https://app.example"], false],
    ["", "broker.example", ["https://app.example"], false],
  ];
for (const [origin, host, origins, allowed] of ORIGINS) {
  const listed = origins === undefined ? "nothing listed" : `listed: ${origins.join(" ") || "none"}`;
  Deno.test(`isOriginAllowed() is ${allowed} for ${origin} at ${host}, ${listed}`, () => {
    assertEquals(isOriginAllowed(origin, host, origins), allowed);
  });
}
