/** The bytes that wait to be written to one Network Connection. Two buffers take turns: one is under way in the
 * transport while the other grows. A connection that has nothing to write has none: all share a few small ones.
 *
 * A forwarded frame is not copied when it arrives: it is remembered as a run [start, end) of the read buffer that it
 * came in, and the next frame of the same publisher makes the run longer. A whole read of 64 KiB so becomes one copy.
 * A run is copied ("settled") before its buffer is filled again, see write_turn.ts. So it is with frames that the encoder
 * made: those of one layout stand side by side, and what only concerns this receiver is written into the copy.
 *
 * A large Payload is not copied: it is inserted, and written from where it lies.
 *
 *     buffer   | head | … | head |            written: [0, at 1) | insert 1 | [at 1, at 2) | insert 2 | [at 2, length)
 *     inserts      at 1 ↑   at 2 ↑
 *
 * @module */

import type { SharedBuffer } from "../base/buffer_pool.ts";
import type { ApplicationMessage } from "../packet/application_message.ts";
import type { ByteWriter } from "../packet/byte_writer.ts";
import { copyWords, viewOf } from "../packet/copy_bytes.ts";
import { readdressFrames } from "../packet/publish_layout.ts";
import type { ByteStream } from "../transport/byte_stream.ts";
import type { Traffic } from "./traffic.ts";
import type { WriteTurn } from "./write_turn.ts";

const BUFFER_BYTES_HINT_MAX = 1 << 20;
/** What is asked of a message whose Payload is not copied. */
export type StayingPayload = Pick<
  ApplicationMessage,
  "shared" | "buffer" | "payloadStart" | "payloadEnd" | "payloadFront"
>;

/** Bytes of somebody else that go out between those of the buffer. */
interface Insert {
  /** How much of the buffer goes before it. */
  readonly at: number;
  readonly source: Uint8Array;
  readonly start: number;
  readonly end: number;
  /** Bytes before `start` that who takes the front of `shared` may write to. */
  readonly front: number;
  /** Held until the bytes have been written; undefined: they stay what they are. */
  readonly shared: SharedBuffer | undefined;
}

/** Whose bytes they are. */
export interface OutboundOwner {
  /** `bytes` has fallen to half the mark after it was above it. */
  relieved(): void;
  /** Everything gathered has been written. */
  wroteAll(): void;
  /** A write has failed. Called once. */
  brokeWriting(error: unknown): void;
}

export class Outbound {
  #buffer: ByteWriter | undefined = undefined;
  #inserts: Insert[] | undefined = undefined;
  /** What the last turns needed. */
  #sizeHint = 0;
  #runSource: Uint8Array | undefined = undefined;
  #runStart = 0;
  #runEnd = 0;
  #runAlias = 0;
  #runIdentifiers: readonly number[] | undefined = undefined;
  /** Frames of the run have own properties of another receiver. */
  #isRunOfAnother = false;
  /** In the current buffer and in the run. */
  #gatheredBytes = 0;
  #writingBytes = 0;
  /** That the transport has taken so far. */
  bytesWritten = 0;
  #isDirty = false;
  #isWriting = false;
  #isClosed = false;
  #congested = false;

  constructor(
    readonly stream: ByteStream,
    readonly writeTurn: WriteTurn,
    readonly traffic: Traffic,
    readonly markBytes: number,
    readonly owner: OutboundOwner,
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

  /** Refers to [start, end) of `source` until the next settle.
   * @param topicAlias, subscriptionIdentifiers what is written into the copy of a frame that has another receiver's.
   * Default: there are none, and none are written. */
  appendRun(
    source: Uint8Array,
    start: number,
    end: number,
    topicAlias = 0,
    subscriptionIdentifiers: readonly number[] | undefined = undefined,
    isOfAnother = false,
  ): void {
    if (this.#isClosed) return;
    this.#grew(end - start);
    if (
      this.#runSource === source && this.#runEnd === start && this.#runAlias === topicAlias &&
      this.#runIdentifiers === subscriptionIdentifiers
    ) {
      this.#runEnd = end;
      if (isOfAnother) this.#isRunOfAnother = true;
      return;
    }
    if (this.#runSource !== undefined) this.settle();
    this.#runSource = source;
    this.#runStart = start;
    this.#runEnd = end;
    this.#runAlias = topicAlias;
    this.#runIdentifiers = subscriptionIdentifiers;
    this.#isRunOfAnother = isOfAnother;
    this.writeTurn.addUnsettled(this);
  }

  /** Copies [start, end) of `source` now. @returns the offset of the copy in `buffer`, which may be patched until the
   * next call. */
  appendCopy(source: Uint8Array, start: number, end: number): number {
    const count = end - start;
    const writer = this.open(count);
    const at = writer.length;
    copyWords(writer.buffer, writer.view, at, source, viewOf(source), start, end);
    writer.length = at + count;
    this.appended(count);
    return at;
  }

  /** Refers to the Payload of a message that stays, until it has been written. What goes before is put into the free bytes
   * in front of it, if it fits, and both are one write. */
  appendPayload({ shared, buffer, payloadStart, payloadEnd, payloadFront }: StayingPayload): void {
    if (this.#isClosed) return;
    if (this.#runSource !== undefined) this.settle();
    shared?.hold();
    const at = this.#buffer === undefined ? 0 : this.#buffer.length;
    const insert = { at, source: buffer, start: payloadStart, end: payloadEnd, front: payloadFront, shared };
    (this.#inserts ??= []).push(insert);
    this.#grew(payloadEnd - payloadStart);
  }

  /** The current buffer, with room for `count` bytes behind `length`. Whoever wrote there calls `appended`. */
  open(count: number): ByteWriter {
    if (this.#runSource !== undefined) this.settle();
    return this.#roomFor(count);
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
    const writer = this.#roomFor(count);
    const at = writer.length;
    copyWords(writer.buffer, writer.view, at, source, viewOf(source), this.#runStart, this.#runEnd);
    writer.length = at + count;
    if (this.#isRunOfAnother) {
      readdressFrames(writer.buffer, at, writer.length, this.#runAlias, this.#runIdentifiers);
    }
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
    // Those under way are the transport's until it says so.
    if (this.#inserts !== undefined) { for (const { shared } of this.#inserts) shared?.release(); }
    this.#inserts = undefined;
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

  #roomFor(count: number): ByteWriter {
    const { buffers } = this.writeTurn;
    const writer = this.#buffer ??= buffers.take(Math.max(count, this.#sizeHint));
    if (writer.length + count <= writer.buffer.length) return writer;
    return this.#buffer = buffers.grow(writer, count);
  }

  async #write(): Promise<void> {
    this.#isWriting = true;
    try {
      while (this.#gatheredBytes > 0) {
        this.settle();
        const writer = this.#buffer;
        const inserts = this.#inserts;
        this.#buffer = undefined;
        this.#inserts = undefined;
        this.#writingBytes = this.#gatheredBytes;
        this.#gatheredBytes = 0;
        let from = 0;
        if (inserts !== undefined) {
          for (let i = 0; i < inserts.length; i++) {
            if (!await this.#writeInsert(inserts[i], writer, from)) return;
            from = inserts[i].at;
          }
        }
        const count = writer === undefined ? 0 : writer.length;
        // Follows what turns need, down slowly: one quiet turn does not cost the next busy one its buffer.
        this.#sizeHint = Math.min(Math.max(count, this.#sizeHint >>> 1), BUFFER_BYTES_HINT_MAX);
        while (from < count) {
          const written = await this.stream.write(writer!.buffer.subarray(from, count));
          if (this.#isClosed) return;
          from += written;
          this.#wrote(written);
        }
        if (writer !== undefined) this.writeTurn.buffers.giveBack(writer);
        if (this.#congested && this.#gatheredBytes <= this.markBytes / 2) {
          this.#congested = false;
          this.owner.relieved();
        }
      }
      this.#isWriting = false;
      this.owner.wroteAll();
    } catch (error) {
      this.#isWriting = false;
      if (!this.#isClosed) this.owner.brokeWriting(error);
    }
  }

  /** The buffer's bytes from `from` on, and the insert behind them. @returns false when the connection was closed. */
  async #writeInsert(insert: Insert, writer: ByteWriter | undefined, from: number): Promise<boolean> {
    const { at, source, start, end, front, shared } = insert;
    const before = at - from;
    const takesFront = before > 0 && before <= front && shared !== undefined && !shared.isFrontTaken;
    if (takesFront) {
      shared.isFrontTaken = true;
      source.set(writer!.buffer.subarray(from, at), start - before);
    } else if (before > 0 && !await this.#writeAll(writer!.buffer.subarray(from, at))) return false;
    if (!await this.#writeAll(source.subarray(takesFront ? start - before : start, end))) return false;
    // Not after a failure: nobody knows then whether the transport still looks at it.
    if (takesFront) shared.isFrontTaken = false;
    shared?.release();
    return true;
  }

  /** @returns false when the connection was closed meanwhile. */
  async #writeAll(bytes: Uint8Array): Promise<boolean> {
    for (let from = 0; from < bytes.length;) {
      const written = await this.stream.write(from === 0 ? bytes : bytes.subarray(from));
      if (this.#isClosed) return false;
      from += written;
      this.#wrote(written);
    }
    return true;
  }

  #wrote(count: number): void {
    this.#writingBytes -= count;
    this.writeTurn.bytes -= count;
    this.traffic.bytesSent += count;
    this.bytesWritten += count;
  }
}
