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
  /** The same as PEM texts. */
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  /** Gives up, also in the middle of the handshake: a server that says nothing would hold the connection for ever. */
  readonly signal?: AbortSignal;
}

/** @throws when the server cannot be reached, or does not prove that it is `host`. That the server refuses our own
 * certificate, reading tells. */
export async function connectTls(host: string, port: number, options: ConnectTlsOptions = {}): Promise<ByteStream> {
  const read = (file: string | undefined) => file === undefined ? undefined : Deno.readTextFileSync(file);
  const { signal } = options;
  const { ca = read(options.caFile), cert = read(options.certFile), key = read(options.keyFile) } = options;
  const own = cert === undefined || key === undefined ? {} : { cert, key };
  const caCerts = ca === undefined ? [] : [ca];
  const conn = await Deno.connectTls({ hostname: plainHost(host), port, caCerts, ...own });
  const abort = () => conn.close();
  signal?.addEventListener("abort", abort, { once: true });
  try {
    if (signal?.aborted) abort();
    await conn.handshake();
  } catch (error) {
    if (!signal?.aborted) conn.close();
    throw error;
  } finally {
    signal?.removeEventListener("abort", abort);
  }
  return new SocketStream(conn, hostAndPort(plainHost(host), port), plainHost(host));
}
