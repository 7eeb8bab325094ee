/** What sockets of every kind have in common: the loop of arrivals, and a `ByteStream` over a connection of Deno.
 * Room: the sockets of Deno; carries bytes only. @module */

import type { ByteStream } from "./byte_stream.ts";
import { ErrorReports } from "./error_reports.ts";
import type { Listener } from "./listener.ts";

/** The pause after a failed accept doubles from the first to the last of these, and begins anew after a success: a lack
 * of file descriptors does not spin. */
const ACCEPT_PAUSE_MIN_MS = 5;
const ACCEPT_PAUSE_MAX_MS = 500;

/** Then everybody else has a turn. The runtime does 128 operations in a turn of its event loop, and those that can be done at
 * once come first: thousands that arrive together would use them up with their accepts, CONNECTs and CONNACKs, turn after
 * turn, and nothing of the clients that were here before would be read for a second. With 5,000 at once, p99 of the others
 * was 0.9 s without this and with 32, and some tens of milliseconds with 8 and less (single runs, on a machine that had
 * other work, too). With 4, about 1,700 a second can arrive. `setImmediate` is too soon: it is no turn for those who
 * wait. */
const ARRIVALS_IN_A_ROW_MAX = 4;

/** How an accept fails when the peer has reset its connection while it waited, on one system or another. It makes no
 * pause: whoever fills the queue with such connections would keep everybody else out for minutes. */
const GONE_ERRORS = [Deno.errors.NotConnected, Deno.errors.ConnectionAborted, Deno.errors.ConnectionReset];

/** What the loop of arrivals needs of `Deno.Listener`; tests fail it on purpose. */
export interface Acceptor<Conn> {
  accept(): Promise<Conn>;
  close(): void;
}

export interface SocketDoor<Conn> {
  readonly url: string;
  readonly isLoopback: boolean;
  readonly acceptor: Acceptor<Conn>;
  /** @throws when the peer is gone already. */
  streamOf(conn: Conn): ByteStream;
}

export class SocketListener<Conn extends { close(): void }> implements Listener {
  readonly url: string;
  readonly isLoopback: boolean;
  readonly #door: SocketDoor<Conn>;
  readonly #reports: ErrorReports;
  #closed = false;
  #endPause: (() => void) | undefined;

  constructor(door: SocketDoor<Conn>, monotonicMs?: () => number) {
    this.url = door.url;
    this.isLoopback = door.isLoopback;
    this.#door = door;
    this.#reports = new ErrorReports(monotonicMs);
  }

  async serve(onConnection: (stream: ByteStream) => void, onError: (error: unknown) => void): Promise<void> {
    let pauseMs = ACCEPT_PAUSE_MIN_MS;
    let inARow = 0;
    while (!this.#closed) {
      let stream: ByteStream | undefined;
      try {
        stream = this.#streamOf(await this.#door.acceptor.accept());
        pauseMs = ACCEPT_PAUSE_MIN_MS;
      } catch (error) {
        if (this.#closed) return;
        if (!GONE_ERRORS.some((gone) => error instanceof gone)) {
          this.#reports.add(error as Error, onError);
          await this.#pause(pauseMs);
          pauseMs = Math.min(pauseMs * 2, ACCEPT_PAUSE_MAX_MS);
          continue;
        }
      }
      if (this.#closed) return stream?.close();
      if (stream !== undefined) onConnection(stream);
      if (++inARow === ARRIVALS_IN_A_ROW_MAX) {
        inARow = 0;
        await this.#pause(0);
      }
    }
  }

  /** @returns undefined when the peer has gone between its arrival and now. */
  #streamOf(conn: Conn): ByteStream | undefined {
    try {
      return this.#door.streamOf(conn);
    } catch {
      closeQuietly(conn);
      return undefined;
    }
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    closeQuietly(this.#door.acceptor);
    this.#endPause?.();
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

export class SocketStream implements ByteStream {
  readonly #conn: Deno.Conn;

  constructor(conn: Deno.Conn, readonly remoteAddress: string, readonly remoteHost: string) {
    this.#conn = conn;
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
