/** Network Connections over TCP. Spec §4.2. In: a host and a port. Out: a `Listener`, and a `ByteStream` for each arrival.
 * Room: the sockets of Deno; carries bytes only. @module */

import type { ByteStream } from "./byte_stream.ts";
import type { Listener } from "./listener.ts";
import { hostAndPort, isLoopbackHost, plainHost } from "./address.ts";

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

/** Opens a Network Connection to a port: for clients and tests. */
export async function connectTcp(host: string, port: number): Promise<ByteStream> {
  return new TcpStream(await Deno.connect({ transport: "tcp", hostname: plainHost(host), port }));
}

/** The pause after a failed accept doubles from the first to the last of these, and begins anew after a success: a
 * peer that reset its connection costs nothing, a lack of file descriptors does not spin. */
const ACCEPT_PAUSE_MIN_MS = 5;
const ACCEPT_PAUSE_MAX_MS = 500;
const ERROR_REPORT_INTERVAL_MS = 1000;

/** What the loop of arrivals needs of `Deno.TcpListener`; tests fail it on purpose. */
export type Acceptor = Pick<Deno.TcpListener, "accept" | "close" | "addr">;

export class TcpListener implements Listener {
  readonly url: string;
  readonly isLoopback: boolean;
  readonly #acceptor: Acceptor;
  readonly #monotonicMs: () => number;
  #closed = false;
  #endPause: (() => void) | undefined;
  #lastReportMs = -Infinity;
  #unreported = 0;

  constructor(acceptor: Acceptor, monotonicMs: () => number = () => performance.now()) {
    const { hostname, port } = acceptor.addr;
    this.url = `mqtt://${hostAndPort(hostname, port)}`;
    this.isLoopback = isLoopbackHost(hostname);
    this.#acceptor = acceptor;
    this.#monotonicMs = monotonicMs;
  }

  async serve(onConnection: (stream: ByteStream) => void, onError: (error: unknown) => void): Promise<void> {
    let pauseMs = ACCEPT_PAUSE_MIN_MS;
    while (!this.#closed) {
      let conn: Deno.TcpConn;
      try {
        conn = await this.#acceptor.accept();
      } catch (error) {
        if (this.#closed) return;
        this.#report(error, onError);
        await this.#pause(pauseMs);
        pauseMs = Math.min(pauseMs * 2, ACCEPT_PAUSE_MAX_MS);
        continue;
      }
      pauseMs = ACCEPT_PAUSE_MIN_MS;
      let stream: TcpStream;
      try {
        stream = new TcpStream(conn);
      } catch {
        // Gone between its arrival and now.
        closeQuietly(conn);
        continue;
      }
      onConnection(stream);
    }
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    closeQuietly(this.#acceptor);
    this.#endPause?.();
  }

  /** At most once a second; what was not said is counted in the next report. */
  #report(error: unknown, onError: (error: unknown) => void): void {
    const nowMs = this.#monotonicMs();
    if (nowMs - this.#lastReportMs < ERROR_REPORT_INTERVAL_MS) {
      this.#unreported++;
      return;
    }
    this.#lastReportMs = nowMs;
    const unreported = this.#unreported;
    this.#unreported = 0;
    if (unreported === 0) return onError(error);
    onError(new Error(`${(error as Error).message} (and ${unreported} more since the last report)`, { cause: error }));
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#endPause = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

class TcpStream implements ByteStream {
  readonly remoteAddress: string;
  readonly remoteHost: string;
  readonly #conn: Deno.TcpConn;

  /** @throws when the peer is gone already. */
  constructor(conn: Deno.TcpConn) {
    const { hostname, port } = conn.remoteAddr;
    this.remoteHost = plainHost(hostname);
    this.remoteAddress = hostAndPort(this.remoteHost, port);
    this.#conn = conn;
    // The writer gathers a turn's packets by itself; waiting for more would only add a delay (RFC 896).
    conn.setNoDelay(true);
  }

  read(into: Uint8Array): Promise<number | null> {
    return this.#conn.read(into);
  }

  write(bytes: Uint8Array): Promise<number> {
    return this.#conn.write(bytes);
  }

  endWriting(): void {
    this.#conn.closeWrite().catch(() => {
      // The peer was faster; reading will tell.
    });
  }

  close(): void {
    closeQuietly(this.#conn);
  }
}

function closeQuietly(resource: { close(): void }): void {
  try {
    resource.close();
  } catch {
    // Closed already.
  }
}
