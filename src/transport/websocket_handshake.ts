/** The opening handshake of WebSocket on the Server's side. RFC 6455 §4.2; MQTT 5.0 §6.
 * In: the head of an HTTP request. Out: the answer, 101 or a refusal that says what to do. Room: pure, but for SHA-1.
 * No extension is ever agreed on: permessage-deflate would let a peer send a few bytes that become many. @module */

import { HttpError, type HttpHead } from "./http_head.ts";
import { isOriginAllowed } from "./websocket_origin.ts";

/** RFC 6455 §1.3 */
const ACCEPT_GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
const WEBSOCKET_VERSION = "13";
/** "mqttv3.1" is what clients offer that speak MQTT 3.1, older than the rule that it is "mqtt" [MQTT-6.0.0-4]. */
const SUBPROTOCOLS = ["mqtt", "mqttv3.1"];
/** What is repeated of a peer's words. */
const QUOTED_CHARS_MAX = 200;

const STATUS_TEXTS: Readonly<Record<number, string>> = {
  400: "Bad Request",
  403: "Forbidden",
  404: "Not Found",
  405: "Method Not Allowed",
  426: "Upgrade Required",
  431: "Request Header Fields Too Large",
  505: "HTTP Version Not Supported",
};

export interface HandshakeRule {
  /** "/mqtt" */
  readonly path: string;
  /** As `isOriginAllowed` takes them. */
  readonly origins: readonly string[] | undefined;
}

export interface AcceptedHandshake {
  readonly key: string;
  readonly subprotocol: string;
}

/** @throws HttpError when it is refused. */
export function judgeHandshake({ startLine, headers }: HttpHead, rule: HandshakeRule): AcceptedHandshake {
  const [method, target, version, ...more] = startLine.split(" ");
  if (version === undefined || more.length > 0 || !version.startsWith("HTTP/")) {
    throw new HttpError(400, "this is not HTTP: the first line is not `GET path HTTP/1.1`");
  }
  if (version !== "HTTP/1.1") throw new HttpError(505, "WebSocket begins with a request of HTTP/1.1");
  if (method !== "GET") throw new HttpError(405, "WebSocket begins with GET", { Allow: "GET" });
  const host = headers.single("host");
  if (host === undefined || host === "") throw new HttpError(400, "the header Host is missing");
  if (headers.has("transfer-encoding") || (headers.single("content-length") ?? "0") !== "0") {
    throw new HttpError(400, "the request has a body");
  }
  const queryStart = target.indexOf("?");
  if ((queryStart < 0 ? target : target.slice(0, queryStart)) !== rule.path) {
    throw new HttpError(404, `nothing is here; MQTT over WebSocket is at ${rule.path}`);
  }
  if (!headers.lists("upgrade", "websocket") || !headers.lists("connection", "upgrade")) {
    throw new HttpError(426, "this is an MQTT broker: connect with MQTT over WebSocket", { Upgrade: "websocket" });
  }
  if (headers.single("sec-websocket-version") !== WEBSOCKET_VERSION) {
    throw new HttpError(426, `WebSocket must be of version ${WEBSOCKET_VERSION}`, {
      Upgrade: "websocket",
      "Sec-WebSocket-Version": WEBSOCKET_VERSION,
    });
  }
  const key = headers.single("sec-websocket-key");
  if (key === undefined || !isKey(key)) {
    throw new HttpError(400, "Sec-WebSocket-Key must be 16 bytes in Base64");
  }
  const origin = headers.single("origin");
  if (!isOriginAllowed(origin, host, rule.origins)) {
    throw new HttpError(
      403,
      `pages from ${quoted(origin!)} may not connect here; if they should, add this origin to the listener's origins`,
    );
  }
  const offered = headers.list("sec-websocket-protocol");
  const subprotocol = SUBPROTOCOLS.find((name) => offered.includes(name));
  if (subprotocol === undefined) {
    throw new HttpError(400, 'the client must offer the WebSocket subprotocol "mqtt" (Sec-WebSocket-Protocol: mqtt)');
  }
  return { key, subprotocol };
}

export async function acceptanceOf({ key, subprotocol }: AcceptedHandshake): Promise<Uint8Array> {
  return answer("101 Switching Protocols", {
    Upgrade: "websocket",
    Connection: "Upgrade",
    "Sec-WebSocket-Accept": await acceptOf(key),
    "Sec-WebSocket-Protocol": subprotocol,
  });
}

export function refusalOf({ status, message, headers }: HttpError): Uint8Array {
  const body = new TextEncoder().encode(`${message}\n`);
  const head = answer(`${status} ${STATUS_TEXTS[status]}`, {
    ...headers,
    Connection: headers.Upgrade === undefined ? "close" : "Upgrade, close",
    "Content-Type": "text/plain; charset=utf-8",
    "X-Content-Type-Options": "nosniff",
    "Content-Length": `${body.length}`,
  });
  const bytes = new Uint8Array(head.length + body.length);
  bytes.set(head);
  bytes.set(body, head.length);
  return bytes;
}

/** What a Server answers to a Sec-WebSocket-Key, to show that it read it. RFC 6455 §4.2.2. */
export async function acceptOf(key: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-1", new TextEncoder().encode(key + ACCEPT_GUID));
  return new Uint8Array(digest).toBase64();
}

function answer(status: string, headers: Readonly<Record<string, string>>): Uint8Array {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  return new TextEncoder().encode(`HTTP/1.1 ${status}\r\n${lines.join("")}\r\n`);
}

function isKey(text: string): boolean {
  return /^[A-Za-z0-9+/]{22}==$/.test(text);
}

function quoted(text: string): string {
  return `"${text.length > QUOTED_CHARS_MAX ? `${text.slice(0, QUOTED_CHARS_MAX)}…` : text}"`;
}
