/** TLS over any `ByteStream` from the client's side, with the engine of `node:tls`, which can do what `Deno.connectTls` cannot:
 * ask for another name than that of the address, take a certificate that nobody vouches for, and let go in the middle of a
 * handshake. It knows the same authorities: those of DENO_TLS_CA_STORE and DENO_CERT. @module */

import { connect, type TLSSocket } from "node:tls";
import type { ByteStream } from "./byte_stream.ts";
import { peerCertificate } from "./peer_certificate.ts";
import { Cable, TlsStream } from "./tls_stream.ts";

export interface TlsClientOptions {
  /** Who the server must prove to be; a name is also told to it (SNI). */
  readonly serverName: string;
  /** false: whoever answers will do. Default true. */
  readonly verify?: boolean;
  /** PEM: whom to trust in the place of the authorities that the engine knows. */
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

/** @throws when the handshake fails; `stream` is closed then. Nobody limits the time: whoever loses patience closes
 * `stream`. */
export async function securedByClient(stream: ByteStream, options: TlsClientOptions): Promise<ByteStream> {
  const { serverName, verify = true, ca, cert, key } = options;
  const cable = new Cable(stream);
  const outcome = Promise.withResolvers<TLSSocket>();
  let isDone = false;
  const socket = connect({
    socket: cable,
    // An address is checked against the certificate, too, but is no name to be told (RFC 6066 §3).
    ...(isAddress(serverName) ? { host: serverName } : { host: serverName, servername: serverName }),
    rejectUnauthorized: verify,
    ca,
    cert,
    key,
  }, () => outcome.resolve(socket));
  const fail = (error: Error) => outcome.reject(error);
  // Not `once`: an engine that has failed may fail again on its way out, and what nobody listens to ends the program.
  socket.on("error", fail);
  outcome.promise.then(() => isDone = true, () => isDone = true);
  try {
    while (!isDone && !cable.isDone) await cable.pull();
    const left = cable.error ?? new Error("the server left in the middle of the TLS handshake");
    if (cable.isDone) setTimeout(() => outcome.reject(left), 0);
    await outcome.promise;
    // A server that need not prove anything may show what is no certificate.
    const { raw } = socket.getPeerCertificate();
    const secured = new TlsStream(cable, socket, raw === undefined ? undefined : peerCertificate(raw));
    socket.off("error", fail);
    return secured;
  } catch (error) {
    socket.destroy();
    cable.destroy();
    throw error;
  }
}

function isAddress(name: string): boolean {
  return name.includes(":") || /^\d+(\.\d+){3}$/.test(name);
}
