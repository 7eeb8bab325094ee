/** Opens a Network Connection over TLS with the certificates of the options. @module */

import type { ByteStream } from "../transport/byte_stream.ts";
import { connectTls } from "../transport/connect_tls.ts";
import { connectTcp } from "../transport/tcp.ts";
import { securedByClient } from "../transport/tls_client.ts";
import type { ClientTls } from "./client.ts";

type PemSource = { readonly file: string } | { readonly text: string } | undefined;

/** @throws when the Server cannot be reached, or does not prove that it is who it should be. */
export async function openTls(host: string, port: number, options: ClientTls): Promise<ByteStream> {
  const { verify = true, serverName } = options;
  if ((options.cert === undefined) !== (options.key === undefined)) {
    throw new TypeError("tls: cert and key go together");
  }
  const [ca, cert, key] = await Promise.all([textOf(options.ca), textOf(options.cert), textOf(options.key)]);
  if (verify && serverName === undefined) return await connectTls(host, port, { ca, cert, key });
  const stream = await connectTcp(host, port);
  return await securedByClient(stream, { serverName: serverName ?? host, verify, ca, cert, key });
}

/** Read anew for each connection: certificates are renewed. */
function textOf(source: PemSource): Promise<string> | string | undefined {
  if (source === undefined) return undefined;
  return "text" in source ? source.text : Deno.readTextFile(source.file);
}
