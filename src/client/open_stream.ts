/** Opens a Network Connection to the Server: the transports of the URL's scheme, one upon the other. @module */

import type { ByteStream } from "../transport/byte_stream.ts";
import { hostAndPort } from "../transport/address.ts";
import { connectTcp } from "../transport/tcp.ts";
import { connectUnix } from "../transport/unix.ts";
import { connectWebSocket } from "../transport/websocket_client.ts";
import type { ClientOptions } from "./client.ts";
import type { ServerAddress } from "./client_url.ts";
import { closedBy, openTls } from "./open_tls.ts";

/** Opens one more Network Connection. What is opened after `signal` has said stop is closed again. */
export type OpenStream = (signal: AbortSignal) => Promise<ByteStream>;

export function streamOpener(address: ServerAddress, options: ClientOptions): OpenStream {
  const { host, port, path, isSecure, isWebSocket, transport } = address;
  if (options.webSocketHeaders !== undefined && !isWebSocket) throw new TypeError("webSocketHeaders are for WebSocket");
  return async (signal) => {
    if (transport === "unix") return closedBy(signal, await connectUnix(path));
    const carrier = await (isSecure ? openTls(host, port, options.tls ?? {}, signal) : connectTcp(host, port, signal));
    const stream = closedBy(signal, carrier);
    if (!isWebSocket) return stream;
    return await connectWebSocket(stream, { host: hostAndPort(host, port), path, headers: options.webSocketHeaders });
  };
}
