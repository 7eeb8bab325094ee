/** A broker whose only door is WebSocket over TCP, for attacks on that door. @module */

import { assert, assertEquals } from "@std/assert";
import { deadline } from "@std/async/deadline";
import { getLog } from "../../src/base/log.ts";
import { makeConfig, type PartialConfig } from "../../src/config/config.ts";
import { type RunningServer, startServer } from "../../src/server.ts";
import type { ByteStream } from "../../src/transport/byte_stream.ts";
import { connectTcp, listenTcp } from "../../src/transport/tcp.ts";
import { connectWebSocket } from "../../src/transport/websocket_client.ts";
import { listenWebSocket } from "../../src/transport/websocket.ts";
import { type ConnectOptions, TestClient } from "../support/test_client.ts";
import { readFrame, text } from "../transport/websocket_wire.ts";

/** How long a test waits for what must come. Only ever reached when a test fails. */
const PATIENCE_MS = 15_000;

export interface DoorOptions {
  readonly origins?: readonly string[];
  readonly handshakesMax?: number;
  readonly handshakeTimeoutMs?: number;
}

export class WebSocketBroker {
  readonly #streams: ByteStream[] = [];

  /** @param failures why handshakes came to nothing. */
  private constructor(readonly server: RunningServer, readonly host: string, readonly failures: readonly unknown[]) {}

  static async start(config: PartialConfig = {}, door: DoorOptions = {}): Promise<WebSocketBroker> {
    const { limits, ...rest } = makeConfig({ port: 0, sysIntervalS: 0, durability: "off", ...config });
    const failures: unknown[] = [];
    const { handshakesMax = limits.handshakesMax, handshakeTimeoutMs = limits.handshakeTimeoutMs } = door;
    const listener = listenWebSocket(listenTcp({ host: "127.0.0.1", port: 0, tcpBacklog: 4096 }), {
      origins: door.origins,
      closeTimeoutMs: limits.closeTimeoutMs,
      limits: { handshakesMax, handshakeTimeoutMs },
      onFailed: (_stream, error) => failures.push(error),
    });
    const server = await startServer({ ...rest, limits }, getLog("broker"), { listeners: [listener] });
    return new WebSocketBroker(server, new URL(listener.url.replace("ws:", "http:")).host, failures);
  }

  /** A Network Connection on which nothing was sent, not even HTTP. */
  async wire(): Promise<ByteStream> {
    const [host, port] = this.host.split(":");
    const stream = await connectTcp(host, Number(port));
    this.#streams.push(stream);
    return stream;
  }

  /** One on which the handshake is done: frames follow. */
  async opened(): Promise<ByteStream> {
    const wire = await this.wire();
    await send(wire, this.request());
    const { status } = await answerOn(wire, 1);
    assertEquals(status, 101);
    return wire;
  }

  request(headers: Readonly<Record<string, string | undefined>> = {}): Uint8Array {
    const all: Record<string, string | undefined> = {
      Host: this.host,
      Upgrade: "websocket",
      Connection: "Upgrade",
      "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
      "Sec-WebSocket-Version": "13",
      "Sec-WebSocket-Protocol": "mqtt",
      ...headers,
    };
    const lines = Object.entries(all).filter(([, value]) => value !== undefined).map(([name, value]) =>
      `${name}: ${value}\r\n`
    );
    return text(`GET /mqtt HTTP/1.1\r\n${lines.join("")}\r\n`);
  }

  /** What the Server answers to a request with these headers, before it ends the connection. */
  async statusFor(headers: Readonly<Record<string, string | undefined>>): Promise<number> {
    const wire = await this.wire();
    await send(wire, this.request(headers));
    const { status } = await answerOn(wire, 1);
    if (status !== 101) await expectEnd(wire);
    wire.close();
    return status;
  }

  /** A client that has not sent CONNECT. */
  async client(): Promise<TestClient> {
    return new TestClient(await connectWebSocket(await this.wire(), { host: this.host }));
  }

  async connect(options: ConnectOptions = {}): Promise<TestClient> {
    const client = await this.client();
    await client.connect(options);
    return client;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const stream of this.#streams) stream.close();
    await this.server.stop();
  }
}

export async function send(wire: ByteStream, bytes: Uint8Array): Promise<void> {
  for (let written = 0; written < bytes.length;) written += await wire.write(bytes.subarray(written));
}

/** The head of the Server's answer; the body is left. @param pieceBytes how many bytes are read at a time. */
export async function answerOn(wire: ByteStream, pieceBytes: number): Promise<{ status: number; head: string }> {
  let head = "";
  const into = new Uint8Array(pieceBytes);
  while (!head.endsWith("\r\n\r\n")) {
    const count = await deadline(wire.read(into), PATIENCE_MS);
    assert(count !== null, `the connection ended after ${head}`);
    head += new TextDecoder().decode(into.subarray(0, count));
  }
  return { status: Number(head.slice(9, 12)), head };
}

/** The connection ends, whatever comes before. */
export async function expectEnd(wire: ByteStream): Promise<void> {
  const into = new Uint8Array(65_536);
  try {
    while (await deadline(wire.read(into), PATIENCE_MS) !== null);
  } catch (error) {
    if (error instanceof DOMException) throw error; // nothing came at all
  }
}

/** Close with this code, then the end. */
export async function expectClose(wire: ByteStream, code: number): Promise<void> {
  const { first, payload } = await deadline(readFrame(wire), PATIENCE_MS);
  assertEquals([first, [...payload.subarray(0, 2)]], [0x88, [code >>> 8, code & 0xff]]);
  await expectEnd(wire);
}
