/** A growing buffer that packets are appended to. Spec §1.5.
 * In: fields. Out: their bytes in `buffer[0, length)`. Room: pure.
 * @throws RangeError for a value that its field cannot hold: that is the caller's fault, not the peer's. @module */

import { STRING_BYTES_MAX, utf8Bytes, writeUtf8 } from "./utf8.ts";
import {
  VARIABLE_BYTE_INTEGER_MAX,
  variableByteIntegerBytes,
  writeVariableByteInteger,
} from "./variable_byte_integer.ts";

export class ByteWriter {
  buffer: Uint8Array;
  /** Bytes written; `buffer` beyond is free. */
  length = 0;
  #view: DataView | undefined = undefined;
  #viewed: Uint8Array | undefined = undefined;

  /** @param initial bytes of a new buffer, or one to write into. */
  constructor(initial: number | Uint8Array = 256) {
    this.buffer = typeof initial === "number" ? new Uint8Array(initial) : initial;
  }

  /** Of the present buffer. */
  get view(): DataView {
    const { buffer } = this;
    if (this.#viewed === buffer) return this.#view!;
    this.#viewed = buffer;
    return this.#view = new DataView(buffer.buffer, buffer.byteOffset, buffer.byteLength);
  }

  /** Makes room for `count` more bytes, growing by doubling. */
  reserve(count: number): void {
    const needed = this.length + count;
    if (needed <= this.buffer.length) return;
    const grown = new Uint8Array(Math.max(needed, this.buffer.length * 2));
    grown.set(this.buffer.subarray(0, this.length));
    this.buffer = grown;
  }

  byte(value: number): void {
    assertInteger(value, 0xff, "a byte");
    this.reserve(1);
    this.buffer[this.length++] = value;
  }

  uint16(value: number): void {
    assertInteger(value, 0xffff, "a Two Byte Integer");
    this.reserve(2);
    this.buffer[this.length++] = value >>> 8;
    this.buffer[this.length++] = value;
  }

  uint32(value: number): void {
    assertInteger(value, 0xffff_ffff, "a Four Byte Integer");
    this.reserve(4);
    const { buffer, length: at } = this;
    buffer[at] = value >>> 24;
    buffer[at + 1] = value >>> 16;
    buffer[at + 2] = value >>> 8;
    buffer[at + 3] = value;
    this.length = at + 4;
  }

  variableByteInteger(value: number): void {
    assertInteger(value, VARIABLE_BYTE_INTEGER_MAX, "a Variable Byte Integer");
    this.reserve(4);
    this.length = writeVariableByteInteger(this.buffer, this.length, value);
  }

  /** A UTF-8 Encoded String. */
  string(text: string): void {
    const bytes = utf8Bytes(text);
    if (bytes < 0) throw new RangeError("a text field contains U+0000 or half a surrogate pair");
    if (bytes > STRING_BYTES_MAX) throw new RangeError(`a text field of ${bytes} bytes, more than 65,535`);
    this.reserve(2 + bytes);
    this.uint16(bytes);
    this.length = writeUtf8(this.buffer, this.length, text, bytes);
  }

  /** Binary Data. */
  binary(data: Uint8Array): void {
    if (data.length > STRING_BYTES_MAX) throw new RangeError(`Binary Data of ${data.length} bytes, more than 65,535`);
    this.reserve(2 + data.length);
    this.uint16(data.length);
    this.buffer.set(data, this.length);
    this.length += data.length;
  }

  packetIdentifier(value: number): void {
    if (value === 0) throw new RangeError("a Packet Identifier of 0");
    this.uint16(value);
  }

  /** Leaves a place for a Variable Byte Integer that tells how many bytes follow until `closeBlock`.
   * One byte is left, as nearly all blocks are short; `closeBlock` moves the others. */
  openBlock(): number {
    this.reserve(1);
    return this.length++;
  }

  closeBlock(opened: number): void {
    const size = this.length - opened - 1;
    if (size > VARIABLE_BYTE_INTEGER_MAX) throw new RangeError(`${size} bytes, more than a Control Packet can have`);
    const more = variableByteIntegerBytes(size) - 1;
    if (more > 0) {
      this.reserve(more);
      this.buffer.copyWithin(opened + 1 + more, opened + 1, this.length);
      this.length += more;
    }
    writeVariableByteInteger(this.buffer, opened, size);
  }

  /** What was written: a view, valid until the next write. */
  get written(): Uint8Array {
    return this.buffer.subarray(0, this.length);
  }
}

function assertInteger(value: number, max: number, what: string): void {
  if (!Number.isInteger(value) || value < 0 || value > max) throw new RangeError(`${value} is not ${what}`);
}
