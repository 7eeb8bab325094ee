/** Values packed into one buffer that is handed from thread to thread: a copy of bytes instead of a clone of objects.
 * Big-endian; strings and byte strings after their length in four bytes. Room: pure. @module */

import type { ApplicationMessage } from "../packet/application_message.ts";
import { copyBytes } from "../packet/copy_bytes.ts";

const START_BYTES = 4096;
const KEPT_BYTES_MAX = 1024 * 1024;
/** UTF-8 bytes of one UTF-16 code unit at most. */
const CHARACTER_BYTES_MAX = 3;
const encoder = new TextEncoder();
/** A U+FEFF at the beginning is a character like any other [MQTT-1.5.4-3]. */
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

export class PackedWriter {
  #buffer: Uint8Array<ArrayBuffer>;
  #view: DataView<ArrayBuffer>;
  #length = 0;

  /** @param buffer one to write into, from its beginning: given back by who has read it. */
  constructor(buffer: ArrayBuffer = new ArrayBuffer(START_BYTES)) {
    this.#buffer = new Uint8Array(buffer);
    this.#view = new DataView(buffer);
  }

  get length(): number {
    return this.#length;
  }

  /** What was written. */
  get written(): Uint8Array<ArrayBuffer> {
    return this.#buffer.subarray(0, this.#length);
  }

  /** Begins anew, and keeps no more room than is usual. */
  clear(): void {
    this.#length = 0;
    if (this.#buffer.length <= KEPT_BYTES_MAX) return;
    this.#buffer = new Uint8Array(START_BYTES);
    this.#view = new DataView(this.#buffer.buffer);
  }

  uint8(value: number): void {
    this.reserve(1);
    this.#buffer[this.#length++] = value;
  }

  uint16(value: number): void {
    this.reserve(2);
    this.#view.setUint16(this.#length, value);
    this.#length += 2;
  }

  uint32(value: number): void {
    this.reserve(4);
    this.#view.setUint32(this.#length, value);
    this.#length += 4;
  }

  /** Keys, positions and times: whole numbers up to 2^53, or Infinity. */
  float64(value: number): void {
    this.reserve(8);
    this.#view.setFloat64(this.#length, value);
    this.#length += 8;
  }

  string(value: string): void {
    if (value === "") return this.uint32(0);
    this.reserve(4 + value.length * CHARACTER_BYTES_MAX);
    const { written } = encoder.encodeInto(value, this.#buffer.subarray(this.#length + 4));
    this.uint32(written);
    this.#length += written;
  }

  /** The regions of an owned message, without their length. */
  message(message: ApplicationMessage): void {
    this.reserve(message.bytes);
    this.#length = message.copyRegions(this.#buffer, this.#length);
  }

  /** Without their length. */
  raw(bytes: Uint8Array): void {
    this.reserve(bytes.length);
    copyBytes(this.#buffer, this.#length, bytes, 0, bytes.length);
    this.#length += bytes.length;
  }

  /** Makes room for so many bytes more. */
  reserve(bytes: number): void {
    const needed = this.#length + bytes;
    if (needed <= this.#buffer.length) return;
    const larger = new Uint8Array(Math.max(needed, this.#buffer.length * 2));
    larger.set(this.written);
    this.#buffer = larger;
    this.#view = new DataView(larger.buffer);
  }
}

/** @throws RangeError beyond the end. */
export class PackedReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get isAtEnd(): boolean {
    return this.#at === this.#bytes.length;
  }

  uint8(): number {
    return this.#view.getUint8(this.#at++);
  }

  uint16(): number {
    const value = this.#view.getUint16(this.#at);
    this.#at += 2;
    return value;
  }

  uint32(): number {
    const value = this.#view.getUint32(this.#at);
    this.#at += 4;
    return value;
  }

  float64(): number {
    const value = this.#view.getFloat64(this.#at);
    this.#at += 8;
    return value;
  }

  string(): string {
    const length = this.uint32();
    return length === 0 ? "" : decoder.decode(this.raw(length));
  }

  /** A view. */
  raw(length: number): Uint8Array {
    const end = this.#at + length;
    if (end > this.#bytes.length) throw new RangeError(`${length} bytes at ${this.#at} of ${this.#bytes.length}`);
    const bytes = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return bytes;
  }
}
