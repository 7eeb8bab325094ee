/** One connection of the load generator: whole MQTT packets in, as places in the read buffer, and bytes out, gathered
 * so that what is sent while a read is handled leaves in one write. No object for a packet. @module */

import { type BrokerPlace, type Carried, openCarrier } from "./carrier.ts";

const READ_BYTES_MIN = 64 * 1024;

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
  #pending = new Uint8Array(1024);
  #pendingBytes = 0;
  #spare = new Uint8Array(1024);
  #isWriting = false;
  #writing: Promise<void> = Promise.resolve();
  #isClosed = false;
  #reading: Promise<void> = Promise.resolve();

  private constructor(readonly conn: Carried, readonly handler: PacketHandler) {}

  /** @param packetBytesMax of those that come. */
  static async open(place: BrokerPlace, handler: PacketHandler, packetBytesMax = 0): Promise<Link> {
    const link = new Link(await openCarrier(place), handler);
    link.#reading = link.#read(new Uint8Array(Math.max(READ_BYTES_MIN, 2 * packetBytesMax)));
    return link;
  }

  /** Copies the bytes; `flush` lets them go. */
  append(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#pending.set(bytes, this.#pendingBytes);
    this.#pendingBytes += bytes.length;
  }

  /** PUBACK, PUBREC, PUBREL, PUBCOMP: four bytes. */
  appendAnswer(firstByte: number, packetIdentifier: number): void {
    this.#reserve(4);
    const at = this.#pendingBytes;
    this.#pending[at] = firstByte;
    this.#pending[at + 1] = 2;
    this.#pending[at + 2] = packetIdentifier >> 8;
    this.#pending[at + 3] = packetIdentifier & 0xff;
    this.#pendingBytes = at + 4;
  }

  flush(): void {
    if (!this.#isWriting && this.#pendingBytes > 0) this.#writing = this.#write();
  }

  /** Closes this side, after what was appended. */
  async end(lastBytes: Uint8Array): Promise<void> {
    this.append(lastBytes);
    this.flush();
    this.#isClosed = true;
    await this.#writing;
    // The broker answers DISCONNECT by closing: then it is through with this connection.
    await this.#reading;
    this.#close();
  }

  #reserve(bytes: number): void {
    if (this.#pendingBytes + bytes <= this.#pending.length) return;
    const grown = new Uint8Array(2 * this.#pending.length + bytes);
    grown.set(this.#pending.subarray(0, this.#pendingBytes));
    this.#pending = grown;
  }

  async #write(): Promise<void> {
    this.#isWriting = true;
    try {
      while (this.#pendingBytes > 0) {
        const bytes = this.#pending;
        const length = this.#pendingBytes;
        this.#pending = this.#spare;
        this.#pendingBytes = 0;
        this.#spare = bytes;
        for (let from = 0; from < length;) from += await this.conn.write(bytes.subarray(from, length));
      }
    } catch (error) {
      this.#fail(error);
    }
    this.#isWriting = false;
  }

  async #read(buffer: Uint8Array): Promise<void> {
    let filled = 0;
    try {
      for (;;) {
        const count = await this.conn.read(buffer.subarray(filled));
        if (count === null) return this.#fail(new Error("the broker closed the connection"));
        filled += count;
        const handled = this.#walk(buffer, filled);
        if (handled < filled) buffer.copyWithin(0, handled, filled);
        filled -= handled;
        if (filled === buffer.length) throw new Error("a packet is longer than any that was asked for");
        this.handler.readEnd();
      }
    } catch (error) {
      this.#fail(error);
    }
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
