/** What Deno alone needs: a relay of PUBLISH packets on `Deno.listen`, as small as it can be, which is no broker. It keeps
 * nothing, checks nothing, and knows exact Topic Filters, QoS 0 and 1, and MQTT 3.1.1. What it needs for a connection and a
 * message, a broker on `Deno.listen` needs as well: `deno run -A relay_main.ts`. It says on which port it listens.
 * @module */

const HEADER_BYTES = { connack: [0x20, 2, 0, 0], pingresp: [0xd0, 0] } as const;
const TYPE = { connect: 1, publish: 3, subscribe: 8, pingreq: 12, disconnect: 14 } as const;
const READ_BYTES = 256;
const topicText = new TextDecoder("latin1");
const subscribers = new Map<string, Set<Peer>>();

/** One connection: what it has sent is read packet by packet; what is for it gathers until the turn ends. */
class Peer {
  #outgoing: Uint8Array[] = [];
  #isWriting = false;
  #topics: string[] = [];

  constructor(readonly conn: Deno.TcpConn) {}

  async read(): Promise<void> {
    let buffer = new Uint8Array(READ_BYTES);
    let held = 0;
    try {
      for (;;) {
        if (held === buffer.length) {
          const larger = new Uint8Array(2 * held);
          larger.set(buffer);
          buffer = larger;
        }
        const count = await this.conn.read(buffer.subarray(held));
        if (count === null) break;
        held += count;
        const handled = this.#handleAll(buffer.subarray(0, held));
        buffer.copyWithin(0, handled, held);
        held -= handled;
      }
    } catch {
      // reset by the peer
    }
    for (const topic of this.#topics) subscribers.get(topic)?.delete(this);
    try {
      this.conn.close();
    } catch {
      // closed by DISCONNECT
    }
  }

  /** @returns how many of the bytes were whole packets. */
  #handleAll(bytes: Uint8Array): number {
    for (let begin = 0;;) {
      let at = begin + 1;
      let length = 0;
      for (let shift = 0;; shift += 7) {
        if (at >= bytes.length) return begin;
        length |= (bytes[at] & 0x7f) << shift;
        if ((bytes[at++] & 0x80) === 0) break;
      }
      if (bytes.length - at < length) return begin;
      this.#handle(bytes.subarray(begin, at + length), at - begin);
      begin = at + length;
    }
  }

  #handle(packet: Uint8Array, at: number): void {
    const type = packet[0] >> 4;
    if (type === TYPE.publish) this.#publish(packet, at);
    else if (type === TYPE.connect) this.send(Uint8Array.from(HEADER_BYTES.connack));
    else if (type === TYPE.subscribe) this.#subscribe(packet, at);
    else if (type === TYPE.pingreq) this.send(Uint8Array.from(HEADER_BYTES.pingresp));
    else if (type === TYPE.disconnect) this.conn.close();
  }

  #publish(packet: Uint8Array, at: number): void {
    const nameEnd = at + 2 + (packet[at] << 8 | packet[at + 1]);
    const topic = topicText.decode(packet.subarray(at + 2, nameEnd));
    const frame = packet.slice();
    for (const subscriber of subscribers.get(topic) ?? []) subscriber.send(frame);
    if ((packet[0] & 0b110) !== 0) this.send(Uint8Array.of(0x40, 2, packet[nameEnd], packet[nameEnd + 1]));
  }

  #subscribe(packet: Uint8Array, at: number): void {
    const grants = [0x90, 0, packet[at], packet[at + 1]];
    for (let entry = at + 2; entry < packet.length;) {
      const end = entry + 2 + (packet[entry] << 8 | packet[entry + 1]);
      const topic = topicText.decode(packet.subarray(entry + 2, end));
      const peers = subscribers.get(topic) ?? new Set();
      subscribers.set(topic, peers.add(this));
      this.#topics.push(topic);
      grants.push(packet[end]);
      entry = end + 1;
    }
    grants[1] = grants.length - 2;
    this.send(Uint8Array.from(grants));
  }

  send(frame: Uint8Array): void {
    this.#outgoing.push(frame);
    if (this.#isWriting) return;
    this.#isWriting = true;
    queueMicrotask(() => this.#write());
  }

  async #write(): Promise<void> {
    try {
      while (this.#outgoing.length > 0) {
        let rest = joined(this.#outgoing);
        this.#outgoing = [];
        while (rest.length > 0) rest = rest.subarray(await this.conn.write(rest));
      }
    } catch {
      // its reader sees the end
    }
    this.#isWriting = false;
  }
}

function joined(frames: readonly Uint8Array[]): Uint8Array {
  if (frames.length === 1) return frames[0];
  const all = new Uint8Array(frames.reduce((bytes, { length }) => bytes + length, 0));
  let at = 0;
  for (const frame of frames) {
    all.set(frame, at);
    at += frame.length;
  }
  return all;
}

async function accept(listener: Deno.TcpListener): Promise<void> {
  for await (const conn of listener) {
    conn.setNoDelay(true);
    new Peer(conn).read();
  }
}

const listener = Deno.listen({ hostname: "127.0.0.1", port: 0, tcpBacklog: 4096 });
// Not waited for: while a module waits at its top level, Deno goes through its event loop twice for each turn.
accept(listener);
console.log(`listening on ${listener.addr.port}`);
