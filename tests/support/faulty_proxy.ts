/** Stands between a load generator and a healthy broker, and does to one in so many PUBLISH packets on their way to
 * subscribers what a broker must not do: so a test sees whether the generator notices. @module */

export type Fault = "drop" | "repeat" | "swap" | "damage" | "alter-property";

const HOST = "127.0.0.1";
const PUBLISH = 3;

export class FaultyProxy implements AsyncDisposable {
  readonly #listener = Deno.listen({ hostname: HOST, port: 0 });
  readonly #conns: Deno.TcpConn[] = [];
  readonly #flows: Promise<void>[] = [];
  readonly #accepting: Promise<void>;
  #publishes = 0;
  faults = 0;

  /** @param fault undefined: everything goes through as it is. */
  constructor(readonly brokerPort: number, readonly fault: Fault | undefined, readonly every: number) {
    this.#accepting = this.#accept();
  }

  get port(): number {
    return this.#listener.addr.port;
  }

  async #accept(): Promise<void> {
    for await (const client of this.#listener) {
      const broker = await Deno.connect({ hostname: HOST, port: this.brokerPort });
      this.#conns.push(client, broker);
      for (const conn of [client, broker]) conn.setNoDelay(true);
      this.#flows.push(this.#up(client, broker).catch(() => {}), this.#down(broker, client).catch(() => {}));
    }
  }

  async #up(client: Deno.TcpConn, broker: Deno.TcpConn): Promise<void> {
    await client.readable.pipeTo(broker.writable);
  }

  async #down(broker: Deno.TcpConn, client: Deno.TcpConn): Promise<void> {
    let waiting = new Uint8Array(0);
    let held: Uint8Array | undefined;
    const writer = client.writable.getWriter();
    for await (const chunk of broker.readable) {
      const bytes = new Uint8Array(waiting.length + chunk.length);
      bytes.set(waiting);
      bytes.set(chunk, waiting.length);
      let at = 0;
      for (let end = packetEnd(bytes, at); end !== undefined; at = end, end = packetEnd(bytes, at)) {
        const packet = bytes.subarray(at, end);
        if (held !== undefined && packet[0] >> 4 === PUBLISH) {
          await writer.write(packet);
          await writer.write(held);
          held = undefined;
        } else if (this.#isSpoiled(packet)) held = await this.#spoil(packet, writer);
        else await writer.write(packet);
      }
      waiting = bytes.slice(at);
    }
    await writer.close();
  }

  #isSpoiled(packet: Uint8Array): boolean {
    return packet[0] >> 4 === PUBLISH && this.fault !== undefined && ++this.#publishes % this.every === 0;
  }

  /** @returns what waits for the next PUBLISH to go first. */
  async #spoil(packet: Uint8Array, writer: WritableStreamDefaultWriter<Uint8Array>): Promise<Uint8Array | undefined> {
    this.faults++;
    if (this.fault === "swap") return packet.slice();
    if (this.fault === "drop") return undefined;
    if (this.fault === "damage") packet[packet.length - 1] ^= 1;
    if (this.fault === "alter-property") packet[indexOfText(packet, "Celsius")] ^= 1;
    await writer.write(packet);
    if (this.fault === "repeat") await writer.write(packet);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    for (const conn of this.#conns) {
      try {
        conn.close();
      } catch {
        // It has ended by itself.
      }
    }
    await Promise.all([this.#accepting, ...this.#flows]);
  }
}

/** @returns undefined when the packet is not whole yet. */
function packetEnd(bytes: Uint8Array, start: number): number | undefined {
  let length = 0;
  for (let at = start + 1, shift = 0; at < bytes.length; at++, shift += 7) {
    length |= (bytes[at] & 0x7f) << shift;
    if (bytes[at] < 0x80) return at + 1 + length <= bytes.length ? at + 1 + length : undefined;
  }
  return undefined;
}

function indexOfText(bytes: Uint8Array, text: string): number {
  const at = new TextDecoder("latin1").decode(bytes).indexOf(text);
  if (at < 0) throw new Error(`no "${text}" in this packet`);
  return at;
}
