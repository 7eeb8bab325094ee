/** Opens a Network Connection over TLS with the certificates of the options. @module */

import type { ByteStream } from "../transport/byte_stream.ts";
import { requireAuthorities, requirePair } from "../transport/certificate_files.ts";
import { connectTcp } from "../transport/tcp.ts";
import { securedByClient } from "../transport/tls_client.ts";
import type { ClientTls } from "./client.ts";

type PemSource = { readonly file: string } | { readonly text: string } | undefined;

/** @param signal gives up, at any time.
 * @throws when the Server cannot be reached, or does not prove that it is who it should be. */
export async function openTls(
  host: string,
  port: number,
  options: ClientTls,
  signal: AbortSignal,
): Promise<ByteStream> {
  const { verify = true, serverName } = options;
  if ((options.cert === undefined) !== (options.key === undefined)) {
    throw new TypeError("tls: cert and key go together");
  }
  const [ca, cert, key] = await Promise.all([textOf(options.ca), textOf(options.cert), textOf(options.key)]);
  if (ca !== undefined) requireAuthorities(ca, nameOf(options.ca, "tls.ca"));
  if (cert !== undefined && key !== undefined) {
    requirePair(cert, key, nameOf(options.cert, "tls.cert"), nameOf(options.key, "tls.key"));
  }
  const stream = closedBy(signal, await connectTcp(host, port, signal));
  // Not `Deno.connectTls`: a handshake that a Server leaves unanswered cannot be ended there, and keeps its socket.
  return await securedByClient(stream, { serverName: serverName ?? host, verify, ca, cert, key });
}

/** A stream that nobody wants any more, or whose handshake takes too long, is closed. */
export function closedBy(signal: AbortSignal, stream: ByteStream): ByteStream {
  if (signal.aborted) stream.close();
  else signal.addEventListener("abort", () => stream.close(), { once: true });
  return stream;
}

function nameOf(source: PemSource, name: string): string {
  return source !== undefined && "file" in source ? source.file : name;
}

/** Read anew for each connection: certificates are renewed. */
function textOf(source: PemSource): Promise<string> | string | undefined {
  if (source === undefined) return undefined;
  return "text" in source ? source.text : Deno.readTextFile(source.file);
}
