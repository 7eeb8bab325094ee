/** MQTT over WebSocket, on the Server's side. MQTT 5.0 §6, RFC 6455. In: Network Connections on which HTTP comes. Out: such
 * on which MQTT comes. The same over TCP (ws), over TLS (wss), and over memory. @module */

import type { ByteStream } from "./byte_stream.ts";
import type { Listener } from "./listener.ts";
import { type Upgrade, type UpgradeLimits, UpgradingListener } from "./upgrade.ts";
import { HttpError, type HttpHead, readHttpHead } from "./http_head.ts";
import { acceptanceOf, judgeHandshake, refusalOf } from "./websocket_handshake.ts";
import { WebSocketStream } from "./websocket_stream.ts";

/** Where clients look for it by custom. */
export const DEFAULT_WEBSOCKET_PATH = "/mqtt";
/** A refused peer may still send so much before it is closed without further ado. */
const REFUSED_BYTES_MAX = 65_536;

export interface WebSocketUpgradeOptions {
  /** Default "/mqtt". */
  readonly path?: string | undefined;
  /** From where pages may connect: "https://dashboard.example.com", "null" for files, "*" for all. Clients that are no
   * browsers name none, and may. undefined: pages from the same host, see websocket_origin.ts. */
  readonly origins: readonly string[] | undefined;
  /** `limits.closeTimeoutMs`: how long a peer that is sent away may take to hear it. */
  readonly closeTimeoutMs: number;
}

export interface WebSocketListenerOptions extends WebSocketUpgradeOptions {
  readonly limits: UpgradeLimits;
  /** Hears of each handshake that came to nothing, for the log. */
  readonly onFailed?: (stream: ByteStream, error: unknown) => void;
}

/** A door for WebSocket behind `inner`, which is one for TCP or for TLS. */
export function listenWebSocket(inner: Listener, options: WebSocketListenerOptions): Listener {
  const { path = DEFAULT_WEBSOCKET_PATH, limits, onFailed } = options;
  return new UpgradingListener(inner, webSocketUrl(inner.url) + path, webSocketUpgrade(options), limits, onFailed);
}

/** "mqtts://a:1" → "wss://a:1", "memory://a" → "ws+memory://a" */
function webSocketUrl(url: string): string {
  if (url.startsWith("mqtt:")) return url.replace("mqtt:", "ws:");
  return url.startsWith("mqtts:") ? url.replace("mqtts:", "wss:") : `ws+${url}`;
}

export function webSocketUpgrade(options: WebSocketUpgradeOptions): Upgrade {
  const { path = DEFAULT_WEBSOCKET_PATH, origins, closeTimeoutMs } = options;
  return async (stream) => {
    let head: HttpHead;
    try {
      head = await readHttpHead(stream);
      const accepted = judgeHandshake(head, { path, origins });
      await writeAll(stream, await acceptanceOf(accepted));
    } catch (error) {
      if (error instanceof HttpError) await refuse(stream, error, closeTimeoutMs);
      throw error;
    }
    return new WebSocketStream(stream, { role: "server", rest: head.rest, closeTimeoutMs });
  };
}

/** Answers, and waits until the peer has left: a socket that is closed while bytes wait in it is reset, and the answer may
 * be lost. */
async function refuse(stream: ByteStream, error: HttpError, closeTimeoutMs: number): Promise<void> {
  const timer = setTimeout(() => stream.close(), closeTimeoutMs);
  try {
    await writeAll(stream, refusalOf(error));
    stream.endWriting();
    const into = new Uint8Array(4096);
    for (let bytes = 0; bytes < REFUSED_BYTES_MAX;) {
      const count = await stream.read(into);
      if (count === null) break;
      bytes += count;
    }
  } catch {
    // It has left already, or did not in time.
  } finally {
    clearTimeout(timer);
  }
}

async function writeAll(stream: ByteStream, bytes: Uint8Array): Promise<void> {
  for (let written = 0; written < bytes.length;) written += await stream.write(bytes.subarray(written));
}
