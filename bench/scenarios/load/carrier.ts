/** Opens what carries MQTT from the load generator to a broker: TCP, TLS, WebSocket, or one over the other. TLS is that of
 * the runtime; WebSocket is Quetzal's own client, for each broker alike: one frame for each write. @module */

import type { ByteStream } from "../../../src/transport/byte_stream.ts";
import { connectWebSocket } from "../../../src/transport/websocket_client.ts";
import type { LoadJob } from "./job.ts";

/** Which broker, and through which of its doors. */
export type BrokerPlace = Pick<LoadJob, "port" | "carrier" | "caFile">;

/** What `Link` needs of a connection. */
export type Carried = Pick<ByteStream, "read" | "write" | "close">;

const HOST = "127.0.0.1";
/** By path; a storm opens thousands of connections. */
const authorities = new Map<string, string[]>();

/** @throws when nobody listens there, or the handshake fails. */
export async function openCarrier({ port, carrier = "tcp", caFile }: BrokerPlace): Promise<Carried> {
  const conn = await (carrier === "tls" || carrier === "wss" ? openTls(port, caFile) : openTcp(port));
  if (carrier === "tcp" || carrier === "tls") return conn;
  return await connectWebSocket(asByteStream(conn, port), { host: `${HOST}:${port}` });
}

async function openTcp(port: number): Promise<Deno.TcpConn> {
  const conn = await Deno.connect({ hostname: HOST, port });
  conn.setNoDelay();
  return conn;
}

async function openTls(port: number, caFile: string | undefined): Promise<Deno.TlsConn> {
  if (caFile === undefined) throw new Error("TLS needs a caFile");
  let caCerts = authorities.get(caFile);
  if (caCerts === undefined) authorities.set(caFile, caCerts = [await Deno.readTextFile(caFile)]);
  const conn = await Deno.startTls(await openTcp(port), { hostname: HOST, caCerts });
  await conn.handshake();
  return conn;
}

function asByteStream(conn: Deno.Conn, port: number): ByteStream {
  return {
    remoteAddress: `${HOST}:${port}`,
    remoteHost: HOST,
    read: (into) => conn.read(into),
    write: (bytes) => conn.write(bytes),
    endWriting: () => void conn.closeWrite().catch(() => {}), // reading tells
    close: () => conn.close(),
  };
}
