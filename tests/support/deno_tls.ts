/** Opens a Network Connection over TLS with the engine of Deno: another one than that of our broker and our client. @module */

import { plainHost } from "../../src/transport/address.ts";
import type { ByteStream } from "../../src/transport/byte_stream.ts";
import { SocketStream } from "../../src/transport/socket.ts";

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
}

/** @throws when the server cannot be reached, or does not prove that it is `host`. That the server refuses our own
 * certificate, reading tells. */
export async function connectTls(host: string, port: number, options: ConnectTlsOptions = {}): Promise<ByteStream> {
  const read = (file: string | undefined) => file === undefined ? undefined : Deno.readTextFileSync(file);
  const { ca = read(options.caFile), cert = read(options.certFile), key = read(options.keyFile) } = options;
  const own = cert === undefined || key === undefined ? {} : { cert, key };
  const caCerts = ca === undefined ? [] : [ca];
  const conn = await Deno.connectTls({ hostname: plainHost(host), port, caCerts, ...own });
  try {
    await conn.handshake();
  } catch (error) {
    conn.close();
    throw error;
  }
  return new SocketStream(conn, plainHost(host), port);
}
