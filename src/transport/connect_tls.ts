/** Opens a Network Connection over TLS: for clients and tests. @module */

import { hostAndPort, plainHost } from "./address.ts";
import type { ByteStream } from "./byte_stream.ts";
import { SocketStream } from "./socket.ts";

export interface ConnectTlsOptions {
  /** Whom to trust besides the authorities that Deno knows. */
  readonly caFile?: string;
  /** The client's own certificate and key. */
  readonly certFile?: string;
  readonly keyFile?: string;
}

/** @throws when the server cannot be reached, or does not prove that it is `host`. That the server refuses our own
 * certificate, reading tells. */
export async function connectTls(host: string, port: number, options: ConnectTlsOptions = {}): Promise<ByteStream> {
  const { caFile, certFile, keyFile } = options;
  const own = certFile === undefined || keyFile === undefined
    ? {}
    : { cert: Deno.readTextFileSync(certFile), key: Deno.readTextFileSync(keyFile) };
  const caCerts = caFile === undefined ? [] : [Deno.readTextFileSync(caFile)];
  const conn = await Deno.connectTls({ hostname: plainHost(host), port, caCerts, ...own });
  try {
    await conn.handshake();
  } catch (error) {
    conn.close();
    throw error;
  }
  return new SocketStream(conn, hostAndPort(plainHost(host), port), plainHost(host));
}
