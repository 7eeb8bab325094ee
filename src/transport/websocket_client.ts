/** MQTT over WebSocket, on the Client's side. RFC 6455 §4.1, MQTT 5.0 §6. In: a connected `ByteStream`. Out: one that
 * carries MQTT. @module */

import type { ByteStream } from "./byte_stream.ts";
import { type HttpHead, readHttpHead } from "./http_head.ts";
import { acceptOf } from "./websocket_handshake.ts";
import { WebSocketStream } from "./websocket_stream.ts";

export interface WebSocketClientOptions {
  /** What the Server is called, with its port unless that is the usual one: "broker.example.com:8083". */
  readonly host: string;
  /** Default "/mqtt". */
  readonly path?: string;
  /** What a browser would send; other clients need none. */
  readonly origin?: string;
  /** Header fields besides those of the handshake: a token for a proxy. */
  readonly headers?: Readonly<Record<string, string>>;
  /** How long the Server may take for its part of the closing. Default 1000. */
  readonly closeTimeoutMs?: number;
}

/** [MQTT-6.0.0-3] */
const SUBPROTOCOL = "mqtt";
const CLOSE_TIMEOUT_MS = 1000;

/** @throws Error when the Server refuses, with its status; `stream` is closed then. Nobody limits the time: whoever loses
 * patience closes `stream`. */
export async function connectWebSocket(stream: ByteStream, options: WebSocketClientOptions): Promise<ByteStream> {
  const { host, path = "/mqtt", origin, headers = {}, closeTimeoutMs = CLOSE_TIMEOUT_MS } = options;
  const key = crypto.getRandomValues(new Uint8Array(16)).toBase64();
  const lines = [
    `GET ${path} HTTP/1.1`,
    `Host: ${host}`,
    "Upgrade: websocket",
    "Connection: Upgrade",
    `Sec-WebSocket-Key: ${key}`,
    "Sec-WebSocket-Version: 13",
    `Sec-WebSocket-Protocol: ${SUBPROTOCOL}`,
    ...(origin === undefined ? [] : [`Origin: ${origin}`]),
    ...Object.entries(headers).map(headerLine),
  ];
  const request = new TextEncoder().encode(`${lines.join("\r\n")}\r\n\r\n`);
  try {
    for (let written = 0; written < request.length;) written += await stream.write(request.subarray(written));
    const head = await readHttpHead(stream);
    await checkAnswer(head, key);
    return new WebSocketStream(stream, { role: "client", rest: head.rest, closeTimeoutMs });
  } catch (error) {
    stream.close();
    throw error;
  }
}

/** @throws TypeError for what would end the line: its value may be secret, and is not repeated. */
function headerLine([name, value]: [string, string]): string {
  if (!/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name) || /[^\t\x20-\x7E\x80-\xFF]/.test(value)) {
    throw new TypeError(`${JSON.stringify(name)} is not a header field, or its value is none`);
  }
  return `${name}: ${value}`;
}

async function checkAnswer({ startLine, headers }: HttpHead, key: string): Promise<void> {
  if (!startLine.startsWith("HTTP/1.1 101")) throw new Error(`the server refuses WebSocket: ${startLine}`);
  if (
    !headers.lists("upgrade", "websocket") || !headers.lists("connection", "upgrade") ||
    headers.single("sec-websocket-accept") !== await acceptOf(key)
  ) {
    throw new Error("the server's answer is not that of a WebSocket server");
  }
  if (headers.single("sec-websocket-protocol") !== SUBPROTOCOL || headers.has("sec-websocket-extensions")) {
    throw new Error("the server chose a subprotocol or an extension that was not offered");
  }
}
