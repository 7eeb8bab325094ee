/** What sockets of every kind have in common: the loop of arrivals, and a `ByteStream` over a connection of Deno.
 * Room: the sockets of Deno; carries bytes only. @module */

import { hostAndPort } from "./address.ts";
import { ArrivalPace } from "./arrival_pace.ts";
import type { ByteStream } from "./byte_stream.ts";
import { ErrorReports } from "./error_reports.ts";
import type { Listener } from "./listener.ts";

/** The pause after a failed accept doubles from the first to the last of these, and begins anew after a success: a lack
 * of file descriptors does not spin. */
const ACCEPT_PAUSE_MIN_MS = 5;
const ACCEPT_PAUSE_MAX_MS = 500;

/** How an accept fails when the peer has reset its connection while it waited, on one system or another. It makes no
 * pause: whoever fills the queue with such connections would keep everybody else out for minutes. */
const GONE_ERRORS = [Deno.errors.NotConnected, Deno.errors.ConnectionAborted, Deno.errors.ConnectionReset];

/** Whoever has read so often is no arrival any more: it has done with CONNECT, and with what it subscribes to. */
const READS_OF_ARRIVAL_MAX = 8;

/** What the loop of arrivals needs of `Deno.Listener`; tests fail it on purpose. */
export interface Acceptor<Conn> {
  accept(): Promise<Conn>;
  close(): void;
}

export interface SocketDoor<Conn> {
  readonly url: string;
  readonly isLoopback: boolean;
  readonly acceptor: Acceptor<Conn>;
  /** @param pace hears when something was read of it. @throws when the peer is gone already. */
  streamOf(conn: Conn, pace: ArrivalPace): ByteStream;
}

export class SocketListener<Conn extends { close(): void }> implements Listener {
  readonly url: string;
  readonly isLoopback: boolean;
  readonly #door: SocketDoor<Conn>;
  readonly #reports: ErrorReports;
  readonly #pace = new ArrivalPace();
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
    while (!this.#closed) {
      let stream: ByteStream | undefined;
      try {
        const conn = await this.#door.acceptor.accept();
        this.#pace.arrived();
        stream = this.#streamOf(conn);
        pauseMs = ACCEPT_PAUSE_MIN_MS;
      } catch (error) {
        if (this.#closed) return;
        // They take a place in the line, too, and say nothing.
        if (isGone(error)) this.#pace.arrived();
        else {
          this.#reports.add(error as Error, onError);
          await this.#pause(pauseMs);
          pauseMs = Math.min(pauseMs * 2, ACCEPT_PAUSE_MAX_MS);
          continue;
        }
      }
      if (this.#closed) return stream?.close();
      if (stream !== undefined) onConnection(stream);
      if (this.#pace.isFull) await this.#pace.room();
    }
  }

  /** @returns undefined when the peer has gone between its arrival and now. */
  #streamOf(conn: Conn): ByteStream | undefined {
    try {
      return this.#door.streamOf(conn, this.#pace);
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
    this.#pace.end();
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

export class SocketStream<Conn extends Deno.Conn = Deno.Conn> implements ByteStream {
  readonly #pace: ArrivalPace | undefined;
  readonly #round: number;
  /** Up to READS_OF_ARRIVAL_MAX. */
  #reads = 0;
  #wasHeard = false;

  /** @param remotePort what tells connections of one host apart. @param pace of the door that it came through, if it did. */
  constructor(
    protected readonly conn: Conn,
    readonly remoteHost: string,
    readonly remotePort: number | string,
    pace?: ArrivalPace,
  ) {
    this.#pace = pace;
    this.#round = pace?.round ?? 0;
  }

  get remoteAddress(): string {
    return hostAndPort(this.remoteHost, this.remotePort);
  }

  get closeDelivers(): boolean {
    return true;
  }

  read(into: Uint8Array): Promise<number | null> {
    // Who reads again has heard something. To look at the first read's end instead takes two promises for each arrival.
    if (this.#reads === READS_OF_ARRIVAL_MAX) this.#pace?.othersTalk();
    else if (this.#reads++ > 0) this.#heard();
    return this.conn.read(into);
  }

  write(bytes: Uint8Array): Promise<number> {
    return this.conn.write(bytes);
  }

  endWriting(): void {
    this.conn.closeWrite().catch(() => {
      // The peer was faster; reading will tell.
    });
  }

  close(): void {
    this.#heard();
    closeQuietly(this.conn);
  }

  #heard(): void {
    if (this.#wasHeard) return;
    this.#wasHeard = true;
    this.#pace?.heard(this.#round);
  }
}

function isGone(error: unknown): boolean {
  return GONE_ERRORS.some((gone) => error instanceof gone);
}

function closeQuietly(resource: { close(): void }): void {
  try {
    resource.close();
  } catch {
    // Closed already.
  }
}
