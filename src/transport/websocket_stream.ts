/** A WebSocket as a `ByteStream`: what binary frames carry, without their borders [MQTT-6.0.0-2]. RFC 6455.
 * Under it is any `ByteStream`; frames of the peer are unmasked in the buffer of whoever reads, and what is written goes out
 * from the buffer of whoever writes. Kept are one pong and one Close at most, whatever the peer sends.
 *
 * `endWriting` is the Close of this side. RFC 6455 §5.5.1 lets the other side finish what it sends before it answers, so
 * reading goes on; `read` brings null at the Close of the peer, and `close` answers it. @module */

import type { ByteStream, PeerCertificate } from "./byte_stream.ts";
import {
  CloseCode,
  FRAME_HEADER_BYTES_MAX,
  FrameDecoder,
  frameOf,
  NO_STATUS,
  Opcode,
  WebSocketError,
  writeFrameHeader,
} from "./websocket_frame.ts";

/** A browser hands a frame over when it is whole, and some libraries refuse those above a megabyte. */
const FRAME_PAYLOAD_BYTES_MAX = 65_536;
/** Up to here header and payload are copied into one write, which is cheaper than a second one. */
const COPIED_BYTES_MAX = 4096;

export interface WebSocketOptions {
  readonly role: "client" | "server";
  /** What came behind the handshake with its last bytes. */
  readonly rest: Uint8Array;
  /** `limits.closeTimeoutMs`: how long a peer that is sent away may take to hear it. */
  readonly closeTimeoutMs: number;
}

export class WebSocketStream implements ByteStream {
  readonly remoteAddress: string;
  readonly remoteHost: string;
  readonly peerCertificate?: PeerCertificate;
  readonly #inner: ByteStream;
  readonly #isClient: boolean;
  readonly #closeTimeoutMs: number;
  readonly #decoder: FrameDecoder;
  #rest: Uint8Array | undefined;
  #isClosed = false;
  /** The peer ended, with Close or without. */
  #hasPeerEnded = false;
  /** Close was sent, or is about to be: no data follows. */
  #isWritingEnded = false;
  /** Payload that the header of the frame under way has announced and that was not written yet. */
  #owedBytes = 0;
  /** Frames that wait until the frame under way is whole. */
  #pong: Uint8Array | undefined = undefined;
  #close: Uint8Array | undefined = undefined;
  /** A write to `#inner`; one at a time. */
  #writing: Promise<void> | undefined = undefined;
  #hasDataWaiting = false;

  constructor(inner: ByteStream, options: WebSocketOptions) {
    this.remoteAddress = inner.remoteAddress;
    this.remoteHost = inner.remoteHost;
    if (inner.peerCertificate !== undefined) this.peerCertificate = inner.peerCertificate;
    this.#inner = inner;
    this.#isClient = options.role === "client";
    this.#closeTimeoutMs = options.closeTimeoutMs;
    this.#decoder = new FrameDecoder(this.#isClient ? "server" : "client");
    this.#rest = options.rest.length > 0 ? options.rest : undefined;
  }

  /** @throws WebSocketError when the peer broke the rules; it has been told so then. */
  async read(into: Uint8Array): Promise<number | null> {
    for (;;) {
      if (this.#isClosed) throw closedError();
      const { failure } = this.#decoder;
      if (failure !== undefined) {
        await this.#sendAway(failure);
        throw failure;
      }
      if (this.#hasPeerEnded) return null;
      const count = this.#takeRest(into) ?? await this.#inner.read(into);
      if (count === null) {
        this.#hasPeerEnded = true;
        return null;
      }
      const payloadBytes = this.#decoder.decode(into, count);
      if (this.#decoder.ping !== undefined) this.#answerPing(this.#decoder.ping);
      if (this.#decoder.closeCode !== undefined) this.#hasPeerEnded = true;
      if (payloadBytes > 0) return payloadBytes;
    }
  }

  /** One frame each, of what was taken. */
  async write(bytes: Uint8Array): Promise<number> {
    while (this.#writing !== undefined) {
      this.#hasDataWaiting = true;
      await this.#writing;
    }
    this.#hasDataWaiting = false;
    if (this.#isWritingEnded || this.#isClosed) {
      this.#writeControls();
      throw closedError();
    }
    const done = Promise.withResolvers<void>();
    this.#writing = done.promise;
    try {
      return await (this.#isClient ? this.#writeMasked(bytes) : this.#writePlain(bytes));
    } finally {
      this.#writing = undefined;
      done.resolve();
      this.#writeControls();
    }
  }

  endWriting(): void {
    if (!this.#isClosed) this.#sendClose(this.#decoder.closeCode ?? CloseCode.Normal);
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    const { closeCode } = this.#decoder;
    if (closeCode !== undefined) this.#sendClose(closeCode);
    // The answer to the peer's Close leaves first, unless it cannot.
    if (closeCode === undefined || this.#owedBytes > 0) this.#inner.close();
    else this.#closeWhenWritten();
  }

  async #closeWhenWritten(): Promise<void> {
    if (this.#writing !== undefined) {
      const timer = setTimeout(() => this.#inner.close(), this.#closeTimeoutMs);
      while (this.#writing !== undefined) await this.#writing;
      clearTimeout(timer);
    }
    this.#inner.close();
  }

  #takeRest(into: Uint8Array): number | undefined {
    const rest = this.#rest;
    if (rest === undefined) return undefined;
    const count = Math.min(rest.length, into.length);
    into.set(rest.subarray(0, count));
    this.#rest = count < rest.length ? rest.subarray(count) : undefined;
    return count;
  }

  /** Of several pings, the newest is answered (§5.5.3): a flood of them costs one pong at a time. */
  #answerPing(data: Uint8Array): void {
    this.#decoder.ping = undefined;
    if (this.#isWritingEnded) return;
    this.#pong = frameOf(Opcode.Pong, data, this.#newKey());
    this.#writeControls();
  }

  /** Closes with the code of `failure`, and reads on until the peer has heard it: a socket that is closed while bytes
   * wait in it is reset, and the code may be lost. */
  async #sendAway({ closeCode }: WebSocketError): Promise<void> {
    const timer = setTimeout(() => this.#inner.close(), this.#closeTimeoutMs);
    try {
      this.#sendClose(closeCode);
      while (this.#writing !== undefined) await this.#writing;
      this.#inner.endWriting();
      const into = new Uint8Array(4096);
      while (await this.#inner.read(into) !== null);
    } catch {
      // Gone, or closed from this side.
    } finally {
      clearTimeout(timer);
    }
  }

  /** Once, behind the frame under way. */
  #sendClose(code: number): void {
    if (this.#isWritingEnded) return;
    this.#isWritingEnded = true;
    const data = code === NO_STATUS ? new Uint8Array() : Uint8Array.of(code >>> 8, code);
    this.#close = frameOf(Opcode.Close, data, this.#newKey());
    this.#writeControls();
  }

  /** Writes what waits, unless a frame is under way: then whoever writes it comes back here. Never throws: who reads hears
   * that the connection is gone. */
  #writeControls(): void {
    if (this.#writing !== undefined || this.#owedBytes > 0 || this.#hasDataWaiting) return;
    const frame = this.#pong ?? this.#close;
    if (frame === undefined) return;
    if (frame === this.#pong) this.#pong = undefined;
    else this.#close = undefined;
    this.#writing = this.#writeAll(frame).catch(() => {
      this.#close = undefined;
      this.#isWritingEnded = true;
    }).then(() => {
      this.#writing = undefined;
      this.#writeControls();
    });
  }

  /** What is taken at once is told at once, so that whoever writes sees the peer's pace; the rest of the frame is owed. */
  async #writePlain(bytes: Uint8Array): Promise<number> {
    if (this.#owedBytes === 0) {
      const length = Math.min(bytes.length, FRAME_PAYLOAD_BYTES_MAX);
      if (length <= COPIED_BYTES_MAX) {
        await this.#writeAll(frameOf(Opcode.Binary, bytes.subarray(0, length), undefined));
        return length;
      }
      const header = new Uint8Array(FRAME_HEADER_BYTES_MAX);
      const headerBytes = writeFrameHeader(header, Opcode.Binary, length, undefined);
      this.#owedBytes = length;
      await this.#writeAll(header.subarray(0, headerBytes));
    }
    const taken = await this.#inner.write(bytes.subarray(0, this.#owedBytes));
    this.#owedBytes -= taken;
    return taken;
  }

  async #writeMasked(bytes: Uint8Array): Promise<number> {
    const length = Math.min(bytes.length, FRAME_PAYLOAD_BYTES_MAX);
    await this.#writeAll(frameOf(Opcode.Binary, bytes.subarray(0, length), this.#newKey()));
    return length;
  }

  async #writeAll(bytes: Uint8Array): Promise<void> {
    for (let written = 0; written < bytes.length;) written += await this.#inner.write(bytes.subarray(written));
  }

  /** Not to be predicted: so no page can choose the bytes that a proxy in between sees (§10.3). */
  #newKey(): number | undefined {
    return this.#isClient ? crypto.getRandomValues(new Uint32Array(1))[0] : undefined;
  }
}

function closedError(): Error {
  return new Deno.errors.BrokenPipe("the WebSocket is closed");
}
