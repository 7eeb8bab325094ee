/** Opens a Network Connection over TLS with the certificates of the options. @module */

import type { ByteStream } from "../transport/byte_stream.ts";
import { connectTls } from "../transport/connect_tls.ts";
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
  if (verify && serverName === undefined) return await connectTls(host, port, { ca, cert, key, signal });
  const stream = closedBy(signal, await connectTcp(host, port, signal));
  return await securedByClient(stream, { serverName: serverName ?? host, verify, ca, cert, key });
}

/** A stream that nobody wants any more, or whose handshake takes too long, is closed. */
export function closedBy(signal: AbortSignal, stream: ByteStream): ByteStream {
  if (signal.aborted) stream.close();
  else signal.addEventListener("abort", () => stream.close(), { once: true });
  return stream;
}

/** Read anew for each connection: certificates are renewed. */
function textOf(source: PemSource): Promise<string> | string | undefined {
  if (source === undefined) return undefined;
  return "text" in source ? source.text : Deno.readTextFile(source.file);
}
