/** A cursor over the body of one Control Packet. Spec §1.5.
 * In: a range of a buffer. Out: its fields, one after the other; whatever reaches beyond the range is malformed.
 * Room: pure. Strings and Binary Data are copies: they may outlive the read buffer. @module */

import { MalformedPacketError, ProtocolError } from "./errors.ts";
import { decodeUtf8, Utf8Kind, utf8Kind } from "./utf8.ts";

export class ByteReader {
  buffer: Uint8Array = new Uint8Array(0);
  position = 0;
  end = 0;

  /** Begins anew at [position, end) of `buffer`. */
  reset(buffer: Uint8Array, position: number, end: number): this {
    this.buffer = buffer;
    this.position = position;
    this.end = end;
    return this;
  }

  get remaining(): number {
    return this.end - this.position;
  }

  byte(): number {
    this.#need(1);
    return this.buffer[this.position++];
  }

  uint16(): number {
    this.#need(2);
    const at = this.position;
    this.position = at + 2;
    return (this.buffer[at] << 8) | this.buffer[at + 1];
  }

  /** Unsigned: 0xFFFFFFFF is 4,294,967,295. */
  uint32(): number {
    this.#need(4);
    const { buffer, position: at } = this;
    this.position = at + 4;
    return ((buffer[at] << 24) | (buffer[at + 1] << 16) | (buffer[at + 2] << 8) | buffer[at + 3]) >>> 0;
  }

  variableByteInteger(): number {
    let value = 0;
    for (let shift = 0; shift < 28; shift += 7) {
      const byte = this.byte();
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) {
        if (byte === 0 && shift > 0) {
          throw new MalformedPacketError("MQTT-1.5.5-1", "a Variable Byte Integer is not in its shortest form");
        }
        return value;
      }
    }
    throw new MalformedPacketError("MQTT-1.5.5-1", "a Variable Byte Integer has more than four bytes");
  }

  /** A UTF-8 Encoded String. `statement` is named in the error when it is not well-formed. */
  string(statement = "MQTT-1.5.4-1"): string {
    const length = this.uint16();
    this.#need(length);
    const start = this.position;
    const end = start + length;
    const kind = utf8Kind(this.buffer, start, end);
    if (kind < 0) throw illFormedString(kind, statement);
    this.position = end;
    return decodeUtf8(this.buffer, start, end, kind);
  }

  /** Binary Data: a copy. */
  binary(): Uint8Array {
    const length = this.uint16();
    this.#need(length);
    const start = this.position;
    this.position = start + length;
    return this.buffer.slice(start, start + length);
  }

  /** A Packet Identifier, which is never 0 in a packet that has one. §2.2.1 */
  packetIdentifier(statement = "§2.2.1"): number {
    const value = this.uint16();
    if (value === 0) throw new ProtocolError(statement, "the Packet Identifier is 0");
    return value;
  }

  /** Limits the range to the next `length` bytes. @returns what `leave` needs. */
  enter(length: number): number {
    this.#need(length);
    const outer = this.end;
    this.end = this.position + length;
    return outer;
  }

  leave(outer: number): void {
    this.end = outer;
  }

  /** A packet ends with its last field: bytes behind it contradict the Remaining Length. */
  finish(): void {
    if (this.position !== this.end) {
      throw new MalformedPacketError("§2.1.4", `${this.end - this.position} bytes behind the last field of the packet`);
    }
  }

  #need(count: number): void {
    if (this.position + count > this.end) {
      throw new MalformedPacketError("§2.1.4", "the packet ends within a field");
    }
  }
}

/** The error for text that `utf8Kind` refused. */
export function illFormedString(kind: Utf8Kind, statement = "MQTT-1.5.4-1"): MalformedPacketError {
  return kind === Utf8Kind.ContainsNul
    ? new MalformedPacketError("MQTT-1.5.4-2", "a text field contains U+0000")
    : new MalformedPacketError(statement, "a text field is not well-formed UTF-8");
}
