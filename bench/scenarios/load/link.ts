/** One connection of the load generator: whole MQTT packets in, as places in a buffer that is as large as they need; bytes
 * out, gathered so that what is sent while a read is handled leaves in one write. No object for a packet. A connection
 * that is idle costs little: there may be twenty thousand. @module */

import { type BrokerPlace, type Carried, openCarrier } from "./carrier.ts";
import { DISCONNECT } from "./frames.ts";

const READ_BYTES_MIN = 1024;
/** What is read at once while there is more. */
const READ_BYTES_BUSY = 128 * 1024;

/** What a client does with what it gets. */
export interface PacketHandler {
  /** A whole packet: its first byte, and the place of what follows the Fixed Header. The buffer is used again. */
  packet(firstByte: number, buffer: Uint8Array, start: number, end: number): void;
  /** All packets of one read were handed over. */
  readEnd(): void;
  /** The connection is over, and not by this side. */
  failed(error: Error): void;
}

export class Link {
  #pending = new Uint8Array(0);
  #pendingBytes = 0;
  #spare = new Uint8Array(0);
  #isWriting = false;
  #writing: Promise<void> = Promise.resolve();
  #isClosed = false;
  #reading: Promise<void> = Promise.resolve();

  private constructor(readonly conn: Carried, readonly handler: PacketHandler) {}

  static async open(place: BrokerPlace, handler: PacketHandler): Promise<Link> {
    const link = new Link(await openCarrier(place), handler);
    link.#reading = link.#read();
    return link;
  }

  /** Bytes that were appended, and that the system has not begun to take. */
  get pendingBytes(): number {
    return this.#pendingBytes;
  }

  /** Copies the bytes; `flush` lets them go. */
  append(bytes: Uint8Array): void {
    const at = this.extend(bytes.length);
    this.#pending.set(bytes, at);
  }

  /** PUBACK, PUBREC, PUBREL, PUBCOMP: four bytes. */
  appendAnswer(firstByte: number, packetIdentifier: number): void {
    const at = this.extend(4);
    const bytes = this.#pending;
    bytes[at] = firstByte;
    bytes[at + 1] = 2;
    bytes[at + 2] = packetIdentifier >> 8;
    bytes[at + 3] = packetIdentifier & 0xff;
  }

  /** Room for `count` bytes, which the caller writes at once into `pending`. @returns where they begin. */
  extend(count: number): number {
    const at = this.#pendingBytes;
    if (at + count > this.#pending.length) {
      const grown = new Uint8Array(2 * this.#pending.length + count);
      grown.set(this.#pending.subarray(0, at));
      this.#pending = grown;
    }
    this.#pendingBytes = at + count;
    return at;
  }

  get pending(): Uint8Array {
    return this.#pending;
  }

  flush(): void {
    if (!this.#isWriting && this.#pendingBytes > 0 && !this.#isClosed) this.#writing = this.#write();
  }

  /** Sends what was appended and then DISCONNECT, and waits until the broker has closed: then it is through with this
   * connection. */
  async disconnect(): Promise<void> {
    this.append(DISCONNECT);
    this.flush();
    this.#isClosed = true;
    await this.#writing;
    await this.#reading;
    this.#close();
  }

  /** Without a word, as when the power fails. */
  cut(): void {
    this.#isClosed = true;
    this.#close();
  }

  async #write(): Promise<void> {
    this.#isWriting = true;
    try {
      while (this.#pendingBytes > 0) {
        const bytes = this.#pending;
        const length = this.#pendingBytes;
        this.#pending = this.#spare;
        this.#pendingBytes = 0;
        for (let from = 0; from < length;) from += await this.conn.write(bytes.subarray(from, length));
        this.#spare = bytes;
      }
    } catch (error) {
      this.#fail(error);
    }
    this.#isWriting = false;
  }

  async #read(): Promise<void> {
    let buffer = new Uint8Array(READ_BYTES_MIN);
    let filled = 0;
    try {
      for (;;) {
        const count = await this.conn.read(filled === 0 ? buffer : buffer.subarray(filled));
        if (count === null) return this.#fail(new Error("the broker closed the connection"));
        filled += count;
        const wasFull = filled === buffer.length;
        const handled = this.#walk(buffer, filled);
        if (handled > 0 && handled < filled) buffer.copyWithin(0, handled, filled);
        filled -= handled;
        const wanted = Math.max(wasFull ? READ_BYTES_BUSY : 0, this.#wanted(buffer, filled));
        if (wanted > buffer.length) {
          const grown = new Uint8Array(wanted);
          grown.set(buffer.subarray(0, filled));
          buffer = grown;
        }
        this.handler.readEnd();
      }
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Bytes of the packet that is under way. */
  #wanted(buffer: Uint8Array, filled: number): number {
    let length = 0;
    for (let at = 1; at < filled && at < 5; at++) {
      length |= (buffer[at] & 0x7f) << 7 * (at - 1);
      if (buffer[at] < 0x80) return at + 1 + length;
    }
    return 0;
  }

  /** @returns how many bytes were whole packets. */
  #walk(buffer: Uint8Array, filled: number): number {
    let at = 0;
    while (filled - at >= 2) {
      let start = at + 1;
      let length = 0;
      let shift = 0;
      let byte: number;
      do {
        if (start === filled) return at;
        byte = buffer[start++];
        length |= (byte & 0x7f) << shift;
        shift += 7;
      } while (byte >= 0x80 && shift < 28);
      const end = start + length;
      if (end > filled) return at;
      this.handler.packet(buffer[at], buffer, start, end);
      at = end;
    }
    return at;
  }

  #fail(error: unknown): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#close();
    this.handler.failed(error instanceof Error ? error : new Error(String(error)));
  }

  #close(): void {
    try {
      this.conn.close();
    } catch {
      // It is closed already.
    }
  }
}
