/** Network Connections over TCP. Spec §4.2. In: a host and a port. Out: a `Listener`, and a `ByteStream` for each arrival.
 * Room: the sockets of Deno; carries bytes only. @module */

import { hostAndPort, isLoopbackHost, plainHost } from "./address.ts";
import type { ArrivalPace } from "./arrival_pace.ts";
import type { ByteStream } from "./byte_stream.ts";
import type { Listener } from "./listener.ts";
import { type Acceptor, SocketListener, SocketStream } from "./socket.ts";

export interface TcpOptions {
  /** An address or a name; "::" and "0.0.0.0" are all networks. */
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** `limits.tcpBacklog`: arrivals that the system holds until they are accepted. */
  readonly tcpBacklog: number;
}

/** Opens a port.
 * @throws Deno.errors.AddrInUse, AddrNotAvailable, PermissionDenied, and Error for a name that no one knows. */
export function listenTcp(options: TcpOptions): Listener {
  const { host, port, tcpBacklog } = options;
  return new TcpListener(Deno.listen({ transport: "tcp", hostname: plainHost(host), port, tcpBacklog }));
}

/** Opens a Network Connection to a port: for clients and tests. @param signal gives up while it is opened. */
export async function connectTcp(host: string, port: number, signal?: AbortSignal): Promise<ByteStream> {
  return streamOf(await Deno.connect({ transport: "tcp", hostname: plainHost(host), port, signal }));
}

export type TcpAcceptor = Acceptor<Deno.TcpConn> & Pick<Deno.TcpListener, "addr">;

export class TcpListener extends SocketListener<Deno.TcpConn> {
  constructor(acceptor: TcpAcceptor, monotonicMs?: () => number) {
    const { hostname, port } = acceptor.addr;
    const url = `mqtt://${hostAndPort(hostname, port)}`;
    super({ url, isLoopback: isLoopbackHost(hostname), acceptor, streamOf }, monotonicMs);
  }
}

function streamOf(conn: Deno.TcpConn, pace?: ArrivalPace): ByteStream {
  const { hostname, port } = conn.remoteAddr;
  return new TcpStream(conn, plainHost(hostname), port, pace);
}

/** The writer gathers a turn's packets by itself; the system's waiting for more would only add a delay (RFC 896). */
class TcpStream extends SocketStream<Deno.TcpConn> {
  #writes = 0;

  /** The first one leaves at once: nothing is under way that it could wait for. Of many who connect it is the only one for a
   * long time, and the system call would be a fortieth of their arrival. */
  override write(bytes: Uint8Array): Promise<number> {
    if (this.#writes < 2 && ++this.#writes === 2) this.#sendAtOnce();
    return super.write(bytes);
  }

  #sendAtOnce(): void {
    try {
      this.conn.setNoDelay(true);
    } catch {
      // The peer is gone: writing will tell.
    }
  }
}
