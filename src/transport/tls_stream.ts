/** TLS over any `ByteStream`, with the engine of `node:tls`. Node's streams would read ahead and queue as they like, so they
 * are led by the hand here: bytes are taken from below only when somebody above asks for bytes, and one write is under
 * way at a time. What is held for a connection is one read and one write, whatever its peer does. @module */

import { Buffer } from "node:buffer";
import { Duplex } from "node:stream";
import type { TLSSocket } from "node:tls";
import type { ByteStream, PeerCertificate } from "./byte_stream.ts";

/** Bytes that are encrypted for one write below: three records, as the engine takes them. */
const WRITE_BYTES_MAX = 48 * 1024;
/** A read begins small, grows while the peer fills it, and shrinks when it does not: an idle connection costs little. */
const READ_BYTES_MIN = 1024;
const READ_BYTES_MAX = 64 * 1024;

/** For the engine's servers: no timer of their own. It is not cancelled when a handshake fails, and would hold what belongs
 * to it, 14 KB and more, for two minutes: somebody who only knocks could take gigabytes. Ours ends the stream below. */
export const NO_HANDSHAKE_TIMER = -1;

/** The lower side: what the engine writes goes to `stream` as it can take it; what `stream` has is brought by `pull`. */
export class Cable extends Duplex {
  #pulling: Promise<void> | undefined = undefined;
  #readBytes = READ_BYTES_MIN;
  #writesUnderWay = 0;
  #isEnding = false;
  /** The peer has ended its direction below. */
  isEnded = false;
  /** Why the stream below is gone. */
  error: Error | undefined = undefined;

  constructor(readonly stream: ByteStream) {
    // Half-open: each side may end its own direction first.
    super({ allowHalfOpen: true, autoDestroy: false });
  }

  /** Nothing more comes from below. */
  get isDone(): boolean {
    return this.isEnded || this.destroyed;
  }

  /** Brings one read from below up to the engine, its end or its failure included. Never throws. */
  pull(): Promise<void> {
    if (this.isDone) return Promise.resolve();
    return this.#pulling ??= this.#pull();
  }

  /** After what the engine has still to say, the direction below is ended, too. */
  endBelow(): void {
    this.#isEnding = true;
    this.#endWhenIdle();
  }

  override _read(): void {
    // pull() pushes.
  }

  override _write(chunk: Uint8Array, _encoding: string, callback: (error?: Error | null) => void): void {
    this.#writesUnderWay++;
    this.#writeAll(chunk).then(() => {
      this.#writesUnderWay--;
      callback();
      if (this.#isEnding) this.#endWhenIdle();
    }, (error) => this.#broke(error));
  }

  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    this.stream.close();
    callback(error);
  }

  async #pull(): Promise<void> {
    try {
      // A new buffer each time: the engine may keep it until it has been decrypted.
      const bytes = new Uint8Array(this.#readBytes);
      const count = await this.stream.read(bytes);
      if (this.destroyed) return;
      if (count === null) {
        this.isEnded = true;
        this.push(null);
        return;
      }
      if (count === bytes.length) this.#readBytes = Math.min(count * 4, READ_BYTES_MAX);
      else if (count < bytes.length / 4) this.#readBytes = Math.max(bytes.length / 4, READ_BYTES_MIN);
      this.push(Buffer.from(bytes.buffer, 0, count));
    } catch (error) {
      this.#broke(error as Error);
    } finally {
      this.#pulling = undefined;
    }
  }

  async #writeAll(bytes: Uint8Array): Promise<void> {
    for (let from = 0; from < bytes.length;) {
      from += await this.stream.write(from === 0 ? bytes : bytes.subarray(from));
    }
  }

  /** Never as an `error` event: nobody in the engine listens to it, and it would end the process. */
  #broke(error: Error): void {
    this.error ??= error;
    this.destroy();
  }

  #endWhenIdle(): void {
    // The engine hands its last record over in a microtask.
    setTimeout(() => {
      if (this.#writesUnderWay === 0 && this.writableLength === 0) this.stream.endWriting();
    }, 0);
  }
}

/** The upper side. Belongs to a handshake that is done. */
export class TlsStream implements ByteStream {
  readonly remoteAddress: string;
  readonly remoteHost: string;
  readonly #cable: Cable;
  readonly #socket: TLSSocket;
  /** Decrypted, and not asked for yet: what one read from below held. */
  readonly #chunks: Uint8Array[] = [];
  #chunkStart = 0;
  #isEnded = false;
  #isClosed = false;
  #error: Error | undefined = undefined;
  #wake: (() => void) | undefined = undefined;
  #failWrite: ((error: Error) => void) | undefined = undefined;

  constructor(cable: Cable, socket: TLSSocket, readonly peerCertificate: PeerCertificate | undefined) {
    this.remoteAddress = cable.stream.remoteAddress;
    this.remoteHost = cable.stream.remoteHost;
    this.#cable = cable;
    this.#socket = socket;
    socket.on("data", (chunk: Uint8Array) => {
      this.#chunks.push(chunk);
      this.#wake?.();
    });
    socket.on("end", () => {
      this.#isEnded = true;
      this.#wake?.();
    });
    socket.on("error", (error: Error) => this.#broke(error));
    socket.on("close", () => this.#broke(cable.error ?? new Deno.errors.BrokenPipe("the connection is closed")));
  }

  async read(into: Uint8Array): Promise<number | null> {
    for (;;) {
      if (this.#isClosed) throw new Deno.errors.BrokenPipe("the connection is closed");
      if (this.#chunks.length > 0) return this.#take(into);
      if (this.#isEnded) return null;
      if (this.#error !== undefined) throw this.#error;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
        // Part of a record wakes nobody: then another read is needed. After the last one, the socket says how it ends.
        if (!this.#cable.isDone) this.#cable.pull().then(() => this.#cable.isDone || resolve());
      });
    }
  }

  write(bytes: Uint8Array): Promise<number> {
    if (this.#error !== undefined) return Promise.reject(this.#error);
    const part = bytes.length > WRITE_BYTES_MAX ? bytes.subarray(0, WRITE_BYTES_MAX) : bytes;
    return new Promise((resolve, reject) => {
      this.#failWrite = reject;
      this.#socket.write(part, (error) => {
        if (error) reject(error);
        else resolve(part.length);
      });
    });
  }

  endWriting(): void {
    this.#socket.end(() => this.#cable.endBelow());
  }

  close(): void {
    this.#isClosed = true;
    this.#socket.destroy();
    this.#cable.destroy();
    this.#broke(new Deno.errors.BrokenPipe("the connection is closed"));
  }

  #take(into: Uint8Array): number {
    const chunk = this.#chunks[0];
    const count = Math.min(into.length, chunk.length - this.#chunkStart);
    into.set(chunk.subarray(this.#chunkStart, this.#chunkStart + count));
    this.#chunkStart += count;
    if (this.#chunkStart === chunk.length) {
      this.#chunks.shift();
      this.#chunkStart = 0;
    }
    return count;
  }

  #broke(error: Error): void {
    this.#error ??= error;
    this.#wake?.();
    this.#failWrite?.(this.#error);
  }
}
