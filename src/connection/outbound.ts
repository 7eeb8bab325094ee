/** The bytes that wait to be written to one Network Connection. Two buffers take turns: one is under way in the
 * transport while the other grows.
 *
 * A forwarded frame is not copied when it arrives: it is remembered as a run [start, end) of the read buffer that it
 * came in, and the next frame of the same publisher makes the run longer. A whole read of 64 KiB so becomes one copy.
 * A run is copied ("settled") before its buffer is filled again, see write_turn.ts. @module */

import { ByteWriter } from "../packet/byte_writer.ts";
import type { ByteStream } from "../transport/byte_stream.ts";
import type { Traffic } from "./traffic.ts";
import type { WriteTurn } from "./write_turn.ts";

/** The first buffer of a connection; most only ever send acknowledgements. */
const BUFFER_BYTES_MIN = 512;
/** A larger buffer is let go when it has been written: the next is made for the size that the last turns needed. */
const BUFFER_BYTES_KEPT = 2048;
const BUFFER_BYTES_HINT_MAX = 1 << 20;
/** Up to here a loop over bytes beats the call into `TypedArray.set` with the view that it needs. */
const LOOP_COPY_BYTES_MAX = 80;

export class Outbound {
  #buffer: ByteWriter | undefined = undefined;
  #spare: ByteWriter | undefined = undefined;
  #sizeHint = BUFFER_BYTES_MIN;
  #runSource: Uint8Array | undefined = undefined;
  #runStart = 0;
  #runEnd = 0;
  /** In the current buffer and in the run. */
  #gatheredBytes = 0;
  #writingBytes = 0;
  /** That the transport has taken so far. */
  bytesWritten = 0;
  #isDirty = false;
  #isWriting = false;
  #isClosed = false;
  #congested = false;

  /** @param onRelief called when `bytes` falls to half the mark after it was above it.
   * @param onWritten called when everything gathered has been written.
   * @param onBroken called once when a write fails. */
  constructor(
    readonly stream: ByteStream,
    readonly writeTurn: WriteTurn,
    readonly traffic: Traffic,
    readonly markBytes: number,
    readonly onRelief: () => void,
    readonly onWritten: () => void,
    readonly onBroken: (error: unknown) => void,
  ) {}

  /** Bytes that wait, those under way included. */
  get bytes(): number {
    return this.#gatheredBytes + this.#writingBytes;
  }

  get congested(): boolean {
    return this.#congested;
  }

  get isEmpty(): boolean {
    return this.#gatheredBytes === 0 && !this.#isWriting;
  }

  /** Refers to [start, end) of `source` until the next settle. */
  appendRun(source: Uint8Array, start: number, end: number): void {
    if (this.#isClosed) return;
    this.#grew(end - start);
    if (this.#runSource === source && this.#runEnd === start) {
      this.#runEnd = end;
      return;
    }
    if (this.#runSource !== undefined) this.settle();
    this.#runSource = source;
    this.#runStart = start;
    this.#runEnd = end;
    this.writeTurn.addUnsettled(this);
  }

  /** Copies [start, end) of `source` now. @returns the offset of the copy in `buffer`, which may be patched until the
   * next call. */
  appendCopy(source: Uint8Array, start: number, end: number): number {
    const count = end - start;
    const writer = this.open(count);
    const at = writer.length;
    const target = writer.buffer;
    if (count <= LOOP_COPY_BYTES_MAX) {
      for (let from = start, to = at; from < end; from++, to++) target[to] = source[from];
    } else {
      target.set(source.subarray(start, end), at);
    }
    writer.length = at + count;
    this.appended(count);
    return at;
  }

  /** The current buffer, with room for `count` bytes behind `length`. Whoever wrote there calls `appended`. */
  open(count: number): ByteWriter {
    if (this.#runSource !== undefined) this.settle();
    const writer = this.#buffer ??= this.#newBuffer(count);
    writer.reserve(count);
    return writer;
  }

  /** `count` bytes were written behind the former `length` of the buffer that `open` gave. */
  appended(count: number): void {
    if (this.#isClosed) {
      this.#buffer = undefined;
      return;
    }
    this.#grew(count);
  }

  /** Copies the run. A no-op without one. */
  settle(): void {
    const source = this.#runSource;
    if (source === undefined) return;
    this.#runSource = undefined;
    const count = this.#runEnd - this.#runStart;
    const writer = this.#buffer ??= this.#newBuffer(count);
    writer.reserve(count);
    writer.buffer.set(source.subarray(this.#runStart, this.#runEnd), writer.length);
    writer.length += count;
  }

  /** At the end of the turn. What comes while a write is under way goes with the next one. */
  startWriting(): void {
    this.#isDirty = false;
    if (!this.#isWriting && !this.#isClosed && this.#gatheredBytes > 0) this.#write();
  }

  /** Forgets what waits; nothing more is taken. */
  discard(): void {
    this.#isClosed = true;
    this.#runSource = undefined;
    this.#buffer = undefined;
    this.#spare = undefined;
    this.writeTurn.bytes -= this.#gatheredBytes + this.#writingBytes;
    this.#gatheredBytes = 0;
    this.#writingBytes = 0;
  }

  #grew(count: number): void {
    this.#gatheredBytes += count;
    this.writeTurn.bytes += count;
    if (this.#gatheredBytes + this.#writingBytes > this.markBytes) this.#congested = true;
    // A write that is under way goes on with what has come meanwhile.
    if (!this.#isDirty && !this.#isWriting) {
      this.#isDirty = true;
      this.writeTurn.addDirty(this);
    }
  }

  #newBuffer(count: number): ByteWriter {
    const spare = this.#spare;
    if (spare !== undefined && spare.buffer.length >= count) {
      this.#spare = undefined;
      spare.length = 0;
      return spare;
    }
    return new ByteWriter(Math.max(count, this.#sizeHint));
  }

  async #write(): Promise<void> {
    this.#isWriting = true;
    try {
      while (this.#gatheredBytes > 0) {
        this.settle();
        const writer = this.#buffer!;
        this.#buffer = undefined;
        const count = writer.length;
        this.#gatheredBytes = 0;
        this.#writingBytes = count;
        // Follows what turns need, down slowly: one quiet turn does not cost the next busy one its buffer.
        this.#sizeHint = Math.min(Math.max(count, this.#sizeHint >>> 1, BUFFER_BYTES_MIN), BUFFER_BYTES_HINT_MAX);
        for (let from = 0; from < count;) {
          const written = await this.stream.write(writer.buffer.subarray(from, count));
          if (this.#isClosed) return;
          from += written;
          this.#writingBytes -= written;
          this.writeTurn.bytes -= written;
          this.traffic.bytesSent += written;
          this.bytesWritten += written;
        }
        if (this.#gatheredBytes > 0 || writer.buffer.length <= BUFFER_BYTES_KEPT) this.#spare = writer;
        else this.#spare = undefined;
        if (this.#congested && this.#gatheredBytes <= this.markBytes / 2) {
          this.#congested = false;
          this.onRelief();
        }
      }
      this.#isWriting = false;
      this.onWritten();
    } catch (error) {
      this.#isWriting = false;
      if (!this.#isClosed) this.onBroken(error);
    }
  }
}
