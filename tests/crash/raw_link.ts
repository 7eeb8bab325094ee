/** One TCP connection to a broker that may vanish at any time: packets in, packets out. @module */

import { ByteWriter, type ControlPacket, Decoder, encodePacket, type ProtocolVersion } from "../../src/packet/mod.ts";

const PACKET_SIZE_MAX = 2 ** 24;

export class RawLink {
  #writer = new ByteWriter();
  #isWriting = false;

  private constructor(readonly conn: Deno.TcpConn) {}

  /** @returns undefined when nobody listens. */
  static async open(port: number): Promise<RawLink | undefined> {
    try {
      const conn = await Deno.connect({ hostname: "127.0.0.1", port });
      conn.setNoDelay();
      return new RawLink(conn);
    } catch {
      return undefined;
    }
  }

  /** What is sent in one turn of the event loop leaves together. */
  send(packet: ControlPacket, version: ProtocolVersion): void {
    encodePacket(this.#writer, packet, version, Infinity);
    if (this.#isWriting) return;
    this.#isWriting = true;
    queueMicrotask(() => void this.#write());
  }

  /** Hands over each packet until the connection ends, whoever ends it. @throws for what a broker must not send. */
  async read(version: ProtocolVersion, handle: (packet: ControlPacket) => void): Promise<void> {
    const decoder = new Decoder({ sender: "server", connectPacketSizeMax: PACKET_SIZE_MAX, userPropertiesMax: 100 });
    decoder.maximumPacketSize = PACKET_SIZE_MAX;
    decoder.protocolVersion = version;
    for (;;) {
      let count: number | null;
      try {
        count = await this.conn.read(decoder.room());
      } catch {
        return; // a reset, or closed from this side
      }
      if (count === null) return;
      decoder.received(count);
      for (let packet = decoder.next(); packet !== undefined; packet = decoder.next()) handle(packet);
    }
  }

  /** May be called again. */
  close(): void {
    try {
      this.conn.close();
    } catch {
      // It is closed already.
    }
  }

  async #write(): Promise<void> {
    try {
      while (this.#writer.length > 0) {
        const bytes = this.#writer.written;
        this.#writer = new ByteWriter();
        for (let from = 0; from < bytes.length;) from += await this.conn.write(bytes.subarray(from));
      }
    } catch {
      // The reader notices the end, too.
    }
    this.#isWriting = false;
  }
}
