/** A network that a test spoils: a TCP proxy on loopback that passes everything on, until it is told to hold everything
 * back, to cut every connection, or to pass single bytes.
 * In: the port of the Server. Out: a port for clients. @module */

/** One direction of one connection. */
interface Flow {
  readonly from: Deno.TcpConn;
  readonly to: Deno.TcpConn;
}

export class CuttingProxy implements AsyncDisposable {
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #conns = new Set<Deno.TcpConn>();
  readonly #flows = new Set<Promise<void>>();
  readonly #accepting: Promise<void>;
  #released = Promise.resolve();
  #release: (() => void) | undefined = undefined;
  /** Each byte is a write of its own. */
  isByteByByte = false;
  /** How many have come. */
  arrivals = 0;
  /** Of both directions. */
  bytesPassed = 0;
  /** Set: the connection that passes this many further bytes is cut in the middle of what it passes. */
  cutAfterBytes = Infinity;

  constructor(readonly serverPort: number) {
    this.#accepting = this.#accept();
  }

  get port(): number {
    return this.#listener.addr.port;
  }

  /** From now on nothing gets through, and nobody is told. */
  stall(): void {
    if (this.#release !== undefined) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#released = promise;
    this.#release = resolve;
  }

  /** What was held back goes on. */
  resume(): void {
    this.#release?.();
    this.#release = undefined;
  }

  /** Cuts every connection that is there. What was held back is lost. */
  drop(): void {
    for (const conn of this.#conns) close(conn);
    this.#conns.clear();
    this.resume();
  }

  async #accept(): Promise<void> {
    for await (const client of this.#listener) {
      this.arrivals++;
      const server = await Deno.connect({ hostname: "127.0.0.1", port: this.serverPort }).catch(() => undefined);
      if (server === undefined) {
        close(client);
        continue;
      }
      for (const conn of [client, server]) {
        conn.setNoDelay(true);
        this.#conns.add(conn);
      }
      this.#begin({ from: client, to: server });
      this.#begin({ from: server, to: client });
    }
  }

  #begin(flow: Flow): void {
    const passing = this.#pass(flow).catch(() => {}).finally(() => {
      for (const conn of [flow.from, flow.to]) {
        close(conn);
        this.#conns.delete(conn);
      }
      this.#flows.delete(passing);
    });
    this.#flows.add(passing);
  }

  async #pass({ from, to }: Flow): Promise<void> {
    const buffer = new Uint8Array(16 * 1024);
    for (;;) {
      const count = await from.read(buffer);
      if (count === null) return;
      await this.#released;
      const allowed = Math.min(count, this.cutAfterBytes);
      await this.#write(to, buffer.subarray(0, allowed));
      this.bytesPassed += allowed;
      this.cutAfterBytes -= allowed;
      if (this.cutAfterBytes > 0) continue;
      this.cutAfterBytes = Infinity;
      return;
    }
  }

  async #write(to: Deno.TcpConn, bytes: Uint8Array): Promise<void> {
    const stride = this.isByteByByte ? 1 : bytes.length;
    for (let from = 0; from < bytes.length; from += stride) {
      for (let at = from; at < from + stride;) at += await to.write(bytes.subarray(at, from + stride));
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    this.drop();
    await this.#accepting;
    this.drop();
    await Promise.all(this.#flows);
  }
}

function close(conn: Deno.TcpConn): void {
  try {
    conn.close();
  } catch {
    // It is closed already.
  }
}
