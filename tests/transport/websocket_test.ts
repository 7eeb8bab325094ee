/** src/transport/websocket.ts, websocket_stream.ts and websocket_client.ts: whole WebSockets over memory and TCP. @module */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { deadline } from "@std/async/deadline";
import type { ByteStream } from "../../src/transport/byte_stream.ts";
import type { Listener } from "../../src/transport/listener.ts";
import { MemoryListener, type MemoryOptions, memoryPair, type MemoryStream } from "../../src/transport/memory.ts";
import { connectTcp, listenTcp } from "../../src/transport/tcp.ts";
import { connectWebSocket } from "../../src/transport/websocket_client.ts";
import { listenWebSocket, webSocketUpgrade, type WebSocketUpgradeOptions } from "../../src/transport/websocket.ts";
import { WebSocketError } from "../../src/transport/websocket_frame.ts";
import { byteStreamSuite, type Pair, readBytes, writeAll } from "./byte_stream_suite.ts";
import { clientFrame, frame, frames, hex, readFrame, text } from "./websocket_wire.ts";

const OPTIONS: WebSocketUpgradeOptions = { origins: undefined, closeTimeoutMs: 1000 };
const LIMITS = { handshakesMax: 10, handshakeTimeoutMs: 10_000 };

async function overMemory(options: MemoryOptions = {}): Promise<Pair> {
  const { client, server } = memoryPair(options);
  const [upper, lower] = await Promise.all([
    connectWebSocket(client, { host: "localhost" }),
    webSocketUpgrade(OPTIONS)(server, new AbortController().signal),
  ]);
  return { client: upper, server: lower };
}

byteStreamSuite("webSocketUpgrade() over memory", () => overMemory());
byteStreamSuite("webSocketUpgrade() over memory in small pieces", () => {
  return overMemory({ readBytesMax: 13, writeBytesMax: 17 });
});
byteStreamSuite("webSocketUpgrade() over memory with 16 bytes of buffer", () => overMemory({ bufferBytes: 16 }));

let open: Listener | undefined;
byteStreamSuite("listenWebSocket() over TCP", async () => {
  const tcp = listenTcp({ host: "127.0.0.1", port: 0, tcpBacklog: 4096 });
  const listener = open = listenWebSocket(tcp, { ...OPTIONS, limits: LIMITS });
  const { promise, resolve } = Promise.withResolvers<ByteStream>();
  listener.serve(resolve, () => {});
  const { host, port } = new URL(listener.url.replace("ws:", "http:"));
  const client = await connectWebSocket(await connectTcp("127.0.0.1", Number(port)), { host });
  return { client, server: await promise };
}, () => open!.close());

/** A Server's WebSocket, and the bare stream at whose other end a test writes frames by hand. */
async function bare(options: MemoryOptions = {}): Promise<{ wire: MemoryStream; server: ByteStream }> {
  const { client, server } = memoryPair({ bufferBytes: 1 << 20, ...options });
  await writeAll(
    client,
    text(
      "GET /mqtt HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n" +
        "Sec-WebSocket-Protocol: mqtt\r\n\r\n",
    ),
  );
  const upper = await webSocketUpgrade(OPTIONS)(server, new AbortController().signal);
  const answer = new TextDecoder().decode(await readBytes(client, client.unreadBytes));
  // The accept of the example in RFC 6455 §1.3.
  assert(
    answer.startsWith("HTTP/1.1 101 ") && answer.includes("\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"),
  );
  assert(answer.endsWith("\r\n\r\n"));
  return { wire: client, server: upper };
}

Deno.test("listenWebSocket() says at which address it is, and whether that is on loopback", () => {
  const of = (url: string) => {
    const inner = { url, isLoopback: true, serve: () => Promise.resolve(), close: () => {} };
    return listenWebSocket(inner, { ...OPTIONS, limits: LIMITS });
  };
  assertEquals(of("mqtt://127.0.0.1:8083").url, "ws://127.0.0.1:8083/mqtt");
  assertEquals(of("mqtts://[::1]:8084").url, "wss://[::1]:8084/mqtt");
  assertEquals(
    listenWebSocket(new MemoryListener("m"), { ...OPTIONS, path: "/", limits: LIMITS }).url,
    "ws+memory://m/",
  );
  assertEquals(of("mqtt://127.0.0.1:8083").isLoopback, true);
});

Deno.test("WebSocketStream keeps what is known of the peer", async () => {
  const { client, server } = memoryPair({ clientAddress: "10.0.0.1:5" });
  const certificate = { commonName: "sensor-1", dnsNames: [], emailAddresses: [], uris: [], fingerprint: "AB" };
  const inner: ByteStream = {
    remoteAddress: server.remoteAddress,
    remoteHost: "10.0.0.1",
    peerCertificate: certificate,
    read: (into) => server.read(into),
    write: (bytes) => server.write(bytes),
    endWriting: () => server.endWriting(),
    close: () => server.close(),
  };
  const [, upper] = await Promise.all([
    connectWebSocket(client, { host: "localhost" }),
    webSocketUpgrade(OPTIONS)(inner, new AbortController().signal),
  ]);
  assertEquals([upper.remoteAddress, upper.remoteHost], ["10.0.0.1:5", "10.0.0.1"]);
  assertEquals(upper.peerCertificate, certificate);
});

Deno.test("WebSocketStream.read() brings what came behind the request in the same read", async () => {
  const { client, server } = memoryPair();
  const request = "GET /mqtt HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n";
  const behind = frames(clientFrame(0x82, text("first")), clientFrame(0x82, text("second")));
  await writeAll(client, frames(text(request), behind));
  const upper = await webSocketUpgrade(OPTIONS)(server, new AbortController().signal);
  // Three bytes at a time: what came in advance does not fit into one read.
  let got = "";
  while (got.length < 11) {
    const into = new Uint8Array(3);
    got += new TextDecoder().decode(into.subarray(0, (await upper.read(into))!));
  }
  assertEquals(got, "firstsecond");
});

Deno.test("WebSocketStream.write() makes one binary frame, unmasked, of what it takes", async () => {
  const { wire, server } = await bare();
  assertEquals(await server.write(Uint8Array.of(0xc0, 0x00)), 2);
  assertEquals(await readBytes(wire, 4), hex("82 02 c0 00"));
  await writeAll(server, new Uint8Array(300));
  assertEquals(await readBytes(wire, 4), hex("82 7e 01 2c"));
  await readBytes(wire, 300);
  await writeAll(server, new Uint8Array(65_536));
  assertEquals(await readBytes(wire, 10), hex("82 7f 00 00 00 00 00 01 00 00"));
});

Deno.test("WebSocketStream.write() tells at once what a slow peer has taken, and holds no copy of the rest", async () => {
  const { wire, server } = await bare({ bufferBytes: 1000 });
  const payload = Uint8Array.from({ length: 5000 }, (_, index) => index);
  const first = await server.write(payload);
  assertEquals([first, wire.unreadBytes], [996, 1000]);
  const rest = writeAll(server, payload.subarray(first));
  assertEquals(await readBytes(wire, 4), hex("82 7e 13 88"));
  assertEquals(await readBytes(wire, 5000), payload);
  await rest;
});

Deno.test("[MQTT-6.0.0-2] WebSocketStream.read() does not see where frames begin and end", async () => {
  const { wire, server } = await bare();
  await writeAll(
    wire,
    frames(
      clientFrame(0x02, text("one ")),
      clientFrame(0x00, text("pack")),
      clientFrame(0x80, text("et,")),
      clientFrame(0x82, new Uint8Array()),
      clientFrame(0x82, text(" many in one frame")),
    ),
  );
  assertEquals(new TextDecoder().decode(await readBytes(server, 29)), "one packet, many in one frame");
});

Deno.test("WebSocketStream answers a ping with its data, also within a fragmented message", async () => {
  const { wire, server } = await bare();
  await writeAll(
    wire,
    frames(clientFrame(0x02, text("a")), clientFrame(0x89, text("alive?")), clientFrame(0x80, text("b"))),
  );
  assertEquals(new TextDecoder().decode(await readBytes(server, 2)), "ab");
  assertEquals(await readFrame(wire), { first: 0x8a, payload: text("alive?") });
});

Deno.test("WebSocketStream answers the newest ping only, when pongs cannot leave", async () => {
  const { wire, server } = await bare({ bufferBytes: 512 });
  // Fills the way to the peer, in the middle of a frame: no pong may come there.
  const payload = Uint8Array.from({ length: 5000 }, (_, index) => index);
  const data = writeAll(server, payload);
  const reading = readBytes(server, 1);
  for (let i = 0; i < 1000; i++) await writeAll(wire, clientFrame(0x89, text(`ping ${i}`)));
  await writeAll(wire, clientFrame(0x82, text("x")));
  await reading;
  assertEquals(await readFrame(wire), { first: 0x82, payload });
  await data;
  assertEquals(await readFrame(wire), { first: 0x8a, payload: text("ping 999") });
  await writeAll(server, text("next"));
  assertEquals(await readFrame(wire), { first: 0x82, payload: text("next") });
});

Deno.test("WebSocketStream: Close brings null, and close() answers it with its code", async () => {
  const { wire, server } = await bare();
  await writeAll(
    wire,
    frames(clientFrame(0x82, text("last")), clientFrame(0x88, hex("03 e8")), clientFrame(0x82, text("no"))),
  );
  assertEquals(await readBytes(server, 4), text("last"));
  assertEquals(await server.read(new Uint8Array(10)), null);
  assertEquals(await server.read(new Uint8Array(10)), null);
  server.close();
  await assertRejects(() => server.read(new Uint8Array(10)));
  assertEquals(await readFrame(wire), { first: 0x88, payload: hex("03 e8") });
  assertEquals(await wire.read(new Uint8Array(1)), null);
});

Deno.test("WebSocketStream: endWriting() answers a Close with its code, too; until then it may write", async () => {
  const { wire, server } = await bare();
  await writeAll(wire, clientFrame(0x88, hex("0f a0")));
  assertEquals(await server.read(new Uint8Array(10)), null);
  await writeAll(server, text("last words"));
  server.endWriting();
  server.close();
  assertEquals(await readFrame(wire), { first: 0x82, payload: text("last words") });
  assertEquals(await readFrame(wire), { first: 0x88, payload: hex("0f a0") });
  assertEquals(await wire.read(new Uint8Array(1)), null);
});

Deno.test("WebSocketStream answers a Close without a code with one without", async () => {
  const { wire, server } = await bare();
  await writeAll(wire, clientFrame(0x88, new Uint8Array()));
  assertEquals(await server.read(new Uint8Array(10)), null);
  server.close();
  assertEquals(await readFrame(wire), { first: 0x88, payload: new Uint8Array() });
  assertEquals(await wire.read(new Uint8Array(1)), null);
});

Deno.test("WebSocketStream answers ping and Close that come together, in that order", async () => {
  const { wire, server } = await bare();
  await writeAll(wire, frames(clientFrame(0x89, text("p")), clientFrame(0x88, hex("0f a0"))));
  assertEquals(await server.read(new Uint8Array(10)), null);
  server.close();
  assertEquals(await readFrame(wire), { first: 0x8a, payload: text("p") });
  assertEquals(await readFrame(wire), { first: 0x88, payload: hex("0f a0") });
  assertEquals(await wire.read(new Uint8Array(1)), null);
});

Deno.test("WebSocketStream.close() waits for a pong and for the answer to Close, byte by byte", async () => {
  const { wire, server } = await bare({ writeBytesMax: 1 });
  await writeAll(wire, frames(clientFrame(0x89, text("ping")), clientFrame(0x88, hex("0f a0"))));
  assertEquals(await server.read(new Uint8Array(100)), null);
  server.close();
  assertEquals(await readFrame(wire), { first: 0x8a, payload: text("ping") });
  assertEquals(await readFrame(wire), { first: 0x88, payload: hex("0f a0") });
  assertEquals(await wire.read(new Uint8Array(1)), null);
});

Deno.test("WebSocketStream sends no pong behind its Close", async () => {
  const { wire, server } = await bare();
  server.endWriting();
  await writeAll(wire, frames(clientFrame(0x89, text("ping")), clientFrame(0x88, hex("03 e8"))));
  assertEquals(await server.read(new Uint8Array(100)), null);
  server.close();
  assertEquals(await readFrame(wire), { first: 0x88, payload: hex("03 e8") });
  assertEquals(await wire.read(new Uint8Array(1)), null);
});

Deno.test("WebSocketStream.endWriting() sends Close 1000 once, behind what was written, and close() then waits for nothing", async () => {
  const { wire, server } = await bare();
  await writeAll(server, text("bye"));
  server.endWriting();
  server.endWriting();
  await assertRejects(() => server.write(text("more")));
  assertEquals(await readFrame(wire), { first: 0x82, payload: text("bye") });
  assertEquals(await readFrame(wire), { first: 0x88, payload: hex("03 e8") });
  await writeAll(wire, clientFrame(0x88, hex("03 e8")));
  assertEquals(await server.read(new Uint8Array(10)), null);
  server.close();
  assertEquals(await wire.read(new Uint8Array(1)), null);
});

Deno.test("WebSocketStream: a connection that ends without Close brings null", async () => {
  const { wire, server } = await bare();
  await writeAll(wire, clientFrame(0x82, text("cut off")).subarray(0, 9));
  wire.close();
  assertEquals(await readBytes(server, 3), text("cut"));
  assertEquals(await server.read(new Uint8Array(10)), null);
});

const VIOLATIONS: [what: string, bytes: Uint8Array, code: number][] = [
  ["[MQTT-6.0.0-1] a text frame", clientFrame(0x81, text("hello")), 1003],
  ["an unmasked frame", frame(0x82, text("hello")), 1002],
  ["a compressed frame (RSV1)", clientFrame(0xc2, text("hello")), 1002],
  ["RSV2", clientFrame(0xa2, text("hello")), 1002],
  ["RSV3", clientFrame(0x92, text("hello")), 1002],
  ["a reserved data opcode", clientFrame(0x83, text("hello")), 1002],
  ["a reserved control opcode", clientFrame(0x8b, text("hello")), 1002],
  ["a continuation of nothing", clientFrame(0x80, text("hello")), 1002],
  ["a message within a message", frames(clientFrame(0x02, text("a")), clientFrame(0x82, text("b"))), 1002],
  ["a fragmented ping", clientFrame(0x09, text("a")), 1002],
  ["a ping of 126 bytes", clientFrame(0x89, new Uint8Array(126)), 1002],
  ["a length of 125 in two bytes", hex("82 fe 00 7d"), 1002],
  ["a length of 65,535 in eight bytes", hex("82 ff 00 00 00 00 00 00 ff ff"), 1002],
  ["a length of 2^63", hex("82 ff 80 00 00 00 00 00 00 00"), 1002],
  ["a length of 2^63 - 1", hex("82 ff 7f ff ff ff ff ff ff ff"), 1009],
  ["a Close of one byte", clientFrame(0x88, hex("03")), 1002],
  ["a Close with the reserved code 1005", clientFrame(0x88, hex("03 ed")), 1002],
];
for (const [what, bytes, code] of VIOLATIONS) {
  Deno.test(`WebSocketStream: ${what} closes with ${code}; what came before is read, what comes behind is not`, async () => {
    const { wire, server } = await bare();
    await writeAll(wire, frames(clientFrame(0x82, text("fine")), bytes, clientFrame(0x82, text("behind"))));
    wire.endWriting();
    const before = new Uint8Array(100);
    let filled = 0;
    const reading = assertRejects(async () => {
      for (;;) {
        const count = await server.read(before.subarray(filled));
        assert(count !== null);
        filled += count;
      }
    }, WebSocketError);
    const close = await readFrame(wire);
    await reading;
    assertEquals(close, { first: 0x88, payload: Uint8Array.of(code >>> 8, code) });
    assertEquals(
      new TextDecoder().decode(before.subarray(0, filled)),
      what.includes("within a message") ? "finea" : "fine",
    );
    await assertRejects(() => server.read(before), WebSocketError);
    await assertRejects(() => server.write(text("x")));
  });
}

Deno.test("WebSocketStream: who breaks the rules and does not leave is closed after closeTimeoutMs", async () => {
  const { client, server } = memoryPair();
  const [, upper] = await Promise.all([
    connectWebSocket(client, { host: "localhost" }),
    webSocketUpgrade({ ...OPTIONS, closeTimeoutMs: 1 })(server, new AbortController().signal),
  ]);
  await writeAll(client, frame(0x82, text("not masked")));
  await assertRejects(() => deadline(upper.read(new Uint8Array(10)), 5000), WebSocketError);
  await assertRejects(() => server.read(new Uint8Array(1)), Deno.errors.BrokenPipe);
});

Deno.test("connectWebSocket() masks with another key each time, and refuses a masked answer", async () => {
  const { client, server } = memoryPair();
  const [upper] = await Promise.all([
    connectWebSocket(client, { host: "localhost" }),
    webSocketUpgrade(OPTIONS)(server, new AbortController().signal),
  ]);
  const keys = new Set<string>();
  for (let i = 0; i < 10; i++) {
    await upper.write(text("hi"));
    const bytes = await readBytes(server, 8);
    assertEquals(bytes.subarray(0, 2), hex("82 82"));
    assertEquals([bytes[6] ^ bytes[2], bytes[7] ^ bytes[3]], [...text("hi")]);
    keys.add(bytes.subarray(2, 6).toHex());
  }
  assertEquals(keys.size, 10);
  await writeAll(server, clientFrame(0x82, text("masked")));
  server.endWriting();
  await assertRejects(() => upper.read(new Uint8Array(10)), WebSocketError, "masked");
});

const ANSWERS: [what: string, answer: string, says: string][] = [
  ["a refusal", "HTTP/1.1 403 Forbidden\r\n\r\n", "HTTP/1.1 403 Forbidden"],
  [
    "a wrong accept",
    "HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: upgrade\r\nSec-WebSocket-Accept: AAAA\r\n\r\n",
    "not that of a WebSocket server",
  ],
  ["no HTTP", "\x20\x02\x00\x00", "not HTTP"],
];
for (const [what, answer, says] of ANSWERS) {
  Deno.test(`connectWebSocket() throws for ${what}, and closes`, async () => {
    const { client, server } = memoryPair();
    await writeAll(server, text(answer));
    await assertRejects(() => connectWebSocket(client, { host: "localhost" }), Error, says);
    await assertRejects(() => client.read(new Uint8Array(1)), Deno.errors.BrokenPipe);
  });
}

Deno.test("[MQTT-6.0.0-3] connectWebSocket() offers the subprotocol mqtt, in a request of HTTP/1.1, and an Origin if asked to", async () => {
  for (const origin of [undefined, "https://app.example"]) {
    const { client, server } = memoryPair();
    const refused = assertRejects(() => connectWebSocket(client, { host: "a.example:8083", path: "/x", origin }));
    const request = new Uint8Array(1000);
    const lines = new TextDecoder().decode(request.subarray(0, (await server.read(request))!)).split("\r\n");
    server.close();
    await refused;
    assertEquals(lines.filter((line) => !line.startsWith("Sec-WebSocket-Key: ")), [
      "GET /x HTTP/1.1",
      "Host: a.example:8083",
      "Upgrade: websocket",
      "Connection: Upgrade",
      "Sec-WebSocket-Version: 13",
      "Sec-WebSocket-Protocol: mqtt",
      ...(origin === undefined ? [] : [`Origin: ${origin}`]),
      "",
      "",
    ]);
  }
});

Deno.test("connectWebSocket() throws when the server chose another subprotocol", async () => {
  const { client, server } = memoryPair();
  const connecting = connectWebSocket(client, { host: "localhost" });
  const request = new Uint8Array(1000);
  const head = new TextDecoder().decode(request.subarray(0, (await server.read(request))!));
  const key = /Sec-WebSocket-Key: (\S+)/.exec(head)![1];
  const digest = await crypto.subtle.digest("SHA-1", text(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`));
  await writeAll(
    server,
    text(
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
        `Sec-WebSocket-Accept: ${new Uint8Array(digest).toBase64()}\r\nSec-WebSocket-Protocol: chat\r\n\r\n`,
    ),
  );
  await assertRejects(() => connecting, Error, "was not offered");
});
