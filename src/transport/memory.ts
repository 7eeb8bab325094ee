/** Network Connections without a network, for tests and for programs that embed a broker: two `ByteStream`s, what is
 * written to one is read from the other. Bounded like a socket: a write waits for the reader. Room: pure. @module */

import type { ByteStream } from "./byte_stream.ts";
import type { Listener } from "./listener.ts";

export interface MemoryOptions {
  /** Bytes that are under way in one direction at most; a write beyond waits. Default 65,536. */
  readonly bufferBytes?: number;
  /** A read brings at most so many bytes, whatever its buffer; 1 is the slowest of peers. Default: no bound. */
  readonly readBytesMax?: number;
  /** A write takes at most so many bytes. Default: no bound. */
  readonly writeBytesMax?: number;
  /** What each end sees as its peer. Default "memory:1", "memory:2", … in order of creation. */
  readonly clientAddress?: string;
  readonly serverAddress?: string;
  /** Which host the server's end takes its peer for. Default "memory". */
  readonly clientHost?: string;
}

const BUFFER_BYTES = 65_536;
let counter = 0;

/** @returns the two ends of one Network Connection. */
export function memoryPair(options: MemoryOptions = {}): { client: MemoryStream; server: MemoryStream } {
  const number = ++counter;
  const toServer = new Pipe(options.bufferBytes ?? BUFFER_BYTES);
  const toClient = new Pipe(options.bufferBytes ?? BUFFER_BYTES);
  const serverAddress = options.serverAddress ?? "memory:server";
  const clientAddress = options.clientAddress ?? `memory:${number}`;
  return {
    client: new MemoryStream(serverAddress, "memory", toClient, toServer, options),
    server: new MemoryStream(clientAddress, options.clientHost ?? "memory", toServer, toClient, options),
  };
}

/** One end. */
export class MemoryStream implements ByteStream {
  readonly #incoming: Pipe;
  readonly #outgoing: Pipe;
  readonly #readBytesMax: number;
  readonly #writeBytesMax: number;

  constructor(
    readonly remoteAddress: string,
    readonly remoteHost: string,
    incoming: Pipe,
    outgoing: Pipe,
    options: MemoryOptions,
  ) {
    this.#incoming = incoming;
    this.#outgoing = outgoing;
    this.#readBytesMax = options.readBytesMax ?? Infinity;
    this.#writeBytesMax = options.writeBytesMax ?? Infinity;
  }

  /** Bytes that were sent to this end and not read yet. */
  get unreadBytes(): number {
    return this.#incoming.length;
  }

  get closeDelivers(): boolean {
    return true;
  }

  read(into: Uint8Array): Promise<number | null> {
    return this.#incoming.read(into.length > this.#readBytesMax ? into.subarray(0, this.#readBytesMax) : into);
  }

  write(bytes: Uint8Array): Promise<number> {
    return this.#outgoing.write(bytes.length > this.#writeBytesMax ? bytes.subarray(0, this.#writeBytesMax) : bytes);
  }

  endWriting(): void {
    this.#outgoing.end();
  }

  /** The peer reads what is under way, then the end of the stream. */
  close(): void {
    this.#incoming.abandon("closed");
    this.#outgoing.end();
  }

  /** As when a network breaks: what is under way is lost, and both ends throw. */
  reset(): void {
    this.#incoming.abandon("reset");
    this.#outgoing.abandon("reset");
  }
}

/** One direction: a ring of bytes between one writer and one reader. */
class Pipe {
  /** Grows to `#bufferBytes` as needed: a simulation has thousands of these. */
  #ring = new Uint8Array(0);
  readonly #bufferBytes: number;
  #head = 0;
  #length = 0;
  /** The writer is done. */
  #ended = false;
  /** Why neither side can go on. */
  #broken: "closed" | "reset" | undefined;
  /** Who waits for a change; one reader and one writer at most. */
  #wakeReader: (() => void) | undefined;
  #wakeWriter: (() => void) | undefined;

  constructor(bufferBytes: number) {
    this.#bufferBytes = bufferBytes;
  }

  get length(): number {
    return this.#length;
  }

  async read(into: Uint8Array): Promise<number | null> {
    while (this.#length === 0 || this.#broken !== undefined) {
      if (this.#broken !== undefined) throw brokenError(this.#broken);
      if (this.#ended) return null;
      await new Promise<void>((resolve) => this.#wakeReader = resolve);
    }
    const count = Math.min(into.length, this.#length);
    const first = Math.min(count, this.#ring.length - this.#head);
    into.set(this.#ring.subarray(this.#head, this.#head + first));
    into.set(this.#ring.subarray(0, count - first), first);
    this.#head = (this.#head + count) % this.#ring.length;
    this.#length -= count;
    this.#wakeWriter?.();
    return count;
  }

  async write(bytes: Uint8Array): Promise<number> {
    while (this.#length === this.#bufferBytes || this.#ended || this.#broken !== undefined) {
      if (this.#ended || this.#broken !== undefined) throw brokenError(this.#broken ?? "closed");
      await new Promise<void>((resolve) => this.#wakeWriter = resolve);
    }
    const count = Math.min(bytes.length, this.#bufferBytes - this.#length);
    if (this.#length + count > this.#ring.length) this.#grow(this.#length + count);
    const tail = (this.#head + this.#length) % this.#ring.length;
    const first = Math.min(count, this.#ring.length - tail);
    this.#ring.set(bytes.subarray(0, first), tail);
    this.#ring.set(bytes.subarray(first, count), 0);
    this.#length += count;
    this.#wakeReader?.();
    return count;
  }

  /** No more is written; what is under way can be read. */
  end(): void {
    this.#ended = true;
    this.#wakeBoth();
  }

  /** No more is read or written; what is under way is lost. */
  abandon(reason: "closed" | "reset"): void {
    this.#broken ??= reason;
    this.#length = 0;
    this.#wakeBoth();
  }

  #grow(bytesMin: number): void {
    const ring = new Uint8Array(Math.min(this.#bufferBytes, Math.max(bytesMin, this.#ring.length * 2)));
    const first = Math.min(this.#length, this.#ring.length - this.#head);
    ring.set(this.#ring.subarray(this.#head, this.#head + first));
    ring.set(this.#ring.subarray(0, this.#length - first), first);
    this.#ring = ring;
    this.#head = 0;
  }

  #wakeBoth(): void {
    this.#wakeReader?.();
    this.#wakeWriter?.();
  }
}

function brokenError(reason: "closed" | "reset"): Error {
  return reason === "reset"
    ? new Deno.errors.ConnectionReset("the connection was reset")
    : new Deno.errors.BrokenPipe("the connection is closed");
}

/** A door without a port: each `connect` is an arrival. */
export class MemoryListener implements Listener {
  readonly isLoopback = true;
  readonly url: string;
  readonly #options: MemoryOptions;
  #onConnection: ((stream: ByteStream) => void) | undefined;
  #finish: (() => void) | undefined;
  #closed = false;

  /** @param name to tell several apart: "memory://name". */
  constructor(name = "broker", options: MemoryOptions = {}) {
    this.url = `memory://${name}`;
    this.#options = options;
  }

  /** @returns the client's end. @throws when nobody serves this door. */
  connect(options: MemoryOptions = {}): MemoryStream {
    if (this.#onConnection === undefined) throw new Deno.errors.ConnectionRefused(`nobody serves ${this.url}`);
    const { client, server } = memoryPair({ ...this.#options, ...options });
    this.#onConnection(server);
    return client;
  }

  serve(onConnection: (stream: ByteStream) => void, _onError: (error: unknown) => void): Promise<void> {
    if (this.#closed) return Promise.resolve();
    this.#onConnection = onConnection;
    return new Promise((resolve) => this.#finish = resolve);
  }

  close(): void {
    this.#closed = true;
    this.#onConnection = undefined;
    this.#finish?.();
  }
}
