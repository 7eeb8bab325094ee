/** Opens a Network Connection to the Server: the transports of the URL's scheme, one upon the other. @module */

import type { ByteStream } from "../transport/byte_stream.ts";
import { hostAndPort } from "../transport/address.ts";
import { connectTcp } from "../transport/tcp.ts";
import { connectUnix } from "../transport/unix.ts";
import { connectWebSocket } from "../transport/websocket_client.ts";
import type { ClientOptions } from "./client.ts";
import type { ServerAddress } from "./client_url.ts";
import { openTls } from "./open_tls.ts";

/** Opens one more Network Connection. What is opened after `signal` has said stop is closed again. */
export type OpenStream = (signal: AbortSignal) => Promise<ByteStream>;

export function streamOpener(address: ServerAddress, options: ClientOptions): OpenStream {
  const { host, port, path, isSecure, isWebSocket, transport } = address;
  if (options.webSocketHeaders !== undefined && !isWebSocket) throw new TypeError("webSocketHeaders are for WebSocket");
  return async (signal) => {
    if (transport === "unix") return closedBy(signal, await connectUnix(path));
    const carrier = isSecure ? await openTls(host, port, options.tls ?? {}) : await connectTcp(host, port);
    const stream = closedBy(signal, carrier);
    if (!isWebSocket) return stream;
    return await connectWebSocket(stream, { host: hostAndPort(host, port), path, headers: options.webSocketHeaders });
  };
}

/** A stream that nobody wants any more, or whose handshake takes too long, is closed. */
function closedBy(signal: AbortSignal, stream: ByteStream): ByteStream {
  if (signal.aborted) stream.close();
  else signal.addEventListener("abort", () => stream.close(), { once: true });
  return stream;
}
