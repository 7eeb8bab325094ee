/** Many clients for a while, with everything that clients do: they publish and subscribe at mixed QoS, leave in order and
 * without a word, come again, take over. Looks that nothing is lost, and how much memory the broker holds.
 * In: `deno run -A tests/soak/soak.ts [--clients 1000] [--seconds 60] [--seed 1]`. Out: a report, and exit code 1 when a
 * message was lost. The broker is the program itself, as a process of its own, on a free port.
 *
 * Each pair of clients has a topic: one publishes numbered messages, the other must get each one at least once at QoS 1,
 * exactly once at QoS 2 and in order. At QoS 0 what is sent while the receiver is away is nothing that can be lost: its
 * numbers are compared only within one connection of both. @module */

import { parseArgs } from "@std/cli/parse-args";
import {
  ApplicationMessage,
  ByteWriter,
  type ControlPacket,
  Decoder,
  encodePacket,
  PacketType,
  type QoS,
} from "../../src/packet/mod.ts";
import type { ByteStream } from "../../src/transport/byte_stream.ts";
import { connectTcp } from "../../src/transport/tcp.ts";

export interface SoakOptions {
  readonly clients: number;
  readonly seconds: number;
  readonly seed: number;
  readonly print?: (line: string) => void;
}

export interface SoakResult {
  published: number;
  delivered: number;
  reconnects: number;
  duplicates: number;
  lost: number;
  disordered: number;
  /** Bytes; undefined where the system does not tell it in a file. */
  rssStart: number | undefined;
  rssConnected: number | undefined;
  rssEnd: number | undefined;
}

/** How long the last messages may take when everybody is there again. */
const DRAIN_MS = 30_000;
const PAYLOAD_BYTES = 64;
/** Between two messages of one publisher, and between two ends of one client's connection, about. */
const PUBLISH_MS = 50;
const CHURN_MS = 5_000;

/** mulberry32: small, and the same on each machine. */
function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let value = Math.imul(state ^ (state >>> 15), state | 1);
    value ^= value + Math.imul(value ^ (value >>> 7), value | 61);
    return ((value ^ (value >>> 14)) >>> 0) / 0x1_0000_0000;
  };
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** A client that answers as the specification asks, keeps its session, and repeats what was not acknowledged. */
class SoakClient {
  #stream: ByteStream | undefined;
  #decoder = newDecoder();
  #ended: Promise<void> = Promise.resolve();
  #connack: ((isIn: boolean) => void) | undefined;
  /** The connection that CONNACK is awaited on. */
  #connecting: ByteStream | undefined;
  #suback: (() => void) | undefined;
  #identifier = 0;
  /** Unacknowledged PUBLISHes, by Packet Identifier, in order; "released" after PUBREC. */
  readonly #open = new Map<number, { number: number; isReleased: boolean }>();
  /** QoS 2 identifiers of the broker that it has not released. */
  readonly #incoming = new Set<number>();
  onNumber: ((number: number, dup: boolean) => void) | undefined;
  /** Connections so far. */
  generation = 0;

  constructor(readonly port: number, readonly clientId: string, readonly topicName: string, readonly qos: QoS) {}

  get unacknowledged(): number {
    return this.#open.size;
  }

  get isConnected(): boolean {
    return this.#stream !== undefined;
  }

  async connect(): Promise<void> {
    for (;;) {
      await this.#ended;
      try {
        const stream = await connectTcp("127.0.0.1", this.port);
        this.#decoder = newDecoder();
        const isIn = new Promise<boolean>((resolve) => this.#connack = resolve);
        this.#connecting = stream;
        this.#ended = this.#read(stream);
        await this.#write(stream, {
          type: PacketType.Connect,
          protocolVersion: 5,
          cleanStart: false,
          keepAlive: 60,
          clientId: this.clientId,
          will: undefined,
          userName: undefined,
          password: undefined,
          properties: { sessionExpiryInterval: 600 },
        });
        if (!(await isIn)) {
          stream.close();
          continue;
        }
        this.generation++;
        this.#stream = stream;
        // [MQTT-4.4.0-1]: in their old order, with their old identifiers.
        for (const [packetIdentifier, { number, isReleased }] of this.#open) {
          if (isReleased) await this.#acknowledge(stream, PacketType.Pubrel, packetIdentifier);
          else await this.#publish(stream, number, packetIdentifier, true);
        }
        return;
      } catch {
        await sleep(20);
      }
    }
  }

  async subscribe(): Promise<void> {
    const isDone = new Promise<void>((resolve) => this.#suback = resolve);
    const { topicName: topicFilter, qos } = this;
    await this.#write(this.#stream!, {
      type: PacketType.Subscribe,
      packetIdentifier: 65_535,
      properties: {},
      subscriptions: [{ topicFilter, qos, noLocal: false, retainAsPublished: false, retainHandling: 2 }],
    });
    await isDone;
  }

  /** @returns false when too much waits for an acknowledgement. */
  async publish(number: number): Promise<boolean> {
    const stream = this.#stream;
    if (stream === undefined || this.#open.size >= 100) return false;
    let packetIdentifier = 0;
    if (this.qos > 0) {
      do packetIdentifier = this.#identifier = this.#identifier % 60_000 + 1; while (this.#open.has(packetIdentifier));
      this.#open.set(packetIdentifier, { number, isReleased: false });
    }
    try {
      await this.#publish(stream, number, packetIdentifier, false);
    } catch {
      return this.qos > 0; // the next connection repeats it
    }
    return true;
  }

  /** @param isOrderly with DISCONNECT. */
  async leave(isOrderly: boolean): Promise<void> {
    const stream = this.#stream;
    if (stream === undefined) return;
    this.#stream = undefined;
    try {
      if (isOrderly) await this.#write(stream, { type: PacketType.Disconnect, reasonCode: 0, properties: {} });
    } catch {
      // it has ended already
    }
    stream.close();
    await this.#ended;
  }

  /** Another connection under the same name, without a word to the old one. */
  async takeOver(): Promise<void> {
    const old = this.#stream;
    this.#stream = undefined;
    const ended = this.#ended;
    this.#ended = Promise.resolve();
    // What still comes on the old one counts: the broker has sent it.
    await this.connect();
    old?.close();
    await ended;
  }

  async #read(stream: ByteStream): Promise<void> {
    const decoder = this.#decoder;
    try {
      for (;;) {
        const count = await stream.read(decoder.room());
        if (count === null) break;
        decoder.received(count);
        for (let packet = decoder.next(); packet !== undefined; packet = decoder.next()) {
          await this.#handle(stream, packet);
        }
      }
    } catch {
      // reset, or closed from this side
    }
    if (this.#stream === stream) this.#stream = undefined;
    stream.close();
    // The end of a connection that was taken over says nothing of the one that took over.
    if (this.#connecting === stream) this.#connack?.(false);
    this.#suback?.();
  }

  async #handle(stream: ByteStream, packet: ControlPacket): Promise<void> {
    switch (packet.type) {
      case PacketType.Connack:
        this.#connack?.(packet.reasonCode === 0);
        if (!packet.sessionPresent) this.#incoming.clear();
        return;
      case PacketType.Suback:
        return this.#suback?.();
      case PacketType.Publish: {
        const { payload } = packet.message;
        const number = new DataView(payload.buffer, payload.byteOffset).getUint32(0);
        const { packetIdentifier, dup } = packet;
        if (packet.message.qos < 2) this.onNumber?.(number, dup);
        if (packet.message.qos === 1) return await this.#acknowledge(stream, PacketType.Puback, packetIdentifier);
        if (packet.message.qos === 2) {
          if (!this.#incoming.has(packetIdentifier)) {
            this.#incoming.add(packetIdentifier);
            this.onNumber?.(number, false);
          }
          return await this.#acknowledge(stream, PacketType.Pubrec, packetIdentifier);
        }
        return;
      }
      case PacketType.Puback:
      case PacketType.Pubcomp:
        this.#open.delete(packet.packetIdentifier);
        return;
      case PacketType.Pubrec: {
        const open = this.#open.get(packet.packetIdentifier);
        if (open !== undefined && packet.reasonCode >= 0x80) this.#open.delete(packet.packetIdentifier);
        else {
          if (open !== undefined) open.isReleased = true;
          await this.#acknowledge(stream, PacketType.Pubrel, packet.packetIdentifier);
        }
        return;
      }
      case PacketType.Pubrel:
        this.#incoming.delete(packet.packetIdentifier);
        return await this.#acknowledge(stream, PacketType.Pubcomp, packet.packetIdentifier);
    }
  }

  #publish(stream: ByteStream, number: number, packetIdentifier: number, dup: boolean): Promise<void> {
    const payload = new Uint8Array(PAYLOAD_BYTES);
    new DataView(payload.buffer).setUint32(0, number);
    const { topicName, qos } = this;
    const message = ApplicationMessage.create({ topicName, payload, qos });
    const rest = { dup: dup && qos > 0, packetIdentifier, topicAlias: 0, subscriptionIdentifiers: undefined };
    return this.#write(stream, { type: PacketType.Publish, message, ...rest });
  }

  #acknowledge(stream: ByteStream, type: 4 | 5 | 6 | 7, packetIdentifier: number): Promise<void> {
    return this.#write(stream, { type, packetIdentifier, reasonCode: 0, properties: {} });
  }

  async #write(stream: ByteStream, packet: ControlPacket): Promise<void> {
    const writer = new ByteWriter();
    encodePacket(writer, packet, 5, Infinity);
    // All that is sent here is small: a socket takes it whole, so two writers do not mix their bytes.
    let from = 0;
    while (from < writer.length) from += await stream.write(writer.buffer.subarray(from, writer.length));
  }
}

function newDecoder(): Decoder {
  const decoder = new Decoder({ sender: "server", connectPacketSizeMax: 2 ** 20, userPropertiesMax: 100 });
  decoder.maximumPacketSize = 2 ** 20;
  return decoder;
}

/** One publisher, one subscriber, one topic. */
class Pair {
  readonly publisher: SoakClient;
  readonly subscriber: SoakClient;
  published = 0;
  #seen = -1;
  #seenWith = "";
  readonly #received = new Set<number>();
  /** QoS 0: what was sent while both were there all the time. */
  readonly #expectedQoS0 = new Set<number>();

  constructor(port: number, number: number, readonly qos: QoS, readonly result: SoakResult) {
    const topicName = `soak/${number % 10}/${number}`;
    this.publisher = new SoakClient(port, `publisher-${number}`, topicName, qos);
    this.subscriber = new SoakClient(port, `subscriber-${number}`, topicName, qos);
    this.subscriber.onNumber = (number, dup) => this.#got(number, dup);
  }

  async start(): Promise<void> {
    await this.subscriber.connect();
    await this.subscriber.subscribe();
    await this.publisher.connect();
  }

  /** @param counts at QoS 0: nobody is about to leave. */
  async publishOne(counts: boolean): Promise<void> {
    const number = this.published;
    const generations = `${this.publisher.generation}/${this.subscriber.generation}`;
    const areThere = this.publisher.isConnected && this.subscriber.isConnected;
    if (!(await this.publisher.publish(number))) return;
    this.published++;
    this.result.published++;
    const stayed = areThere && generations === `${this.publisher.generation}/${this.subscriber.generation}`;
    if (this.qos === 0 && counts && stayed) this.#expectedQoS0.add(number);
  }

  /** Nobody leaves while its QoS 0 messages are under way. */
  forgetExpected(): void {
    this.#expectedQoS0.clear();
  }

  get isComplete(): boolean {
    return this.missing === 0 && this.publisher.unacknowledged === 0;
  }

  get missing(): number {
    if (this.qos > 0) return this.published - this.#received.size;
    let missing = 0;
    for (const number of this.#expectedQoS0) if (!this.#received.has(number)) missing++;
    return missing;
  }

  #got(number: number, dup: boolean): void {
    this.result.delivered++;
    const connection = `${this.publisher.generation}/${this.subscriber.generation}`;
    if (this.#received.has(number)) {
      this.result.duplicates++;
      if (this.qos === 2) this.result.disordered++;
    } else if (number < this.#seen && connection === this.#seenWith && !dup && this.qos === 2) {
      this.result.disordered++;
    }
    this.#received.add(number);
    this.#seen = number;
    this.#seenWith = connection;
  }
}

export async function soak(options: SoakOptions): Promise<SoakResult> {
  const { clients, seconds, seed, print = () => {} } = options;
  const random = randomOf(seed);
  const result: SoakResult = {
    published: 0,
    delivered: 0,
    reconnects: 0,
    duplicates: 0,
    lost: 0,
    disordered: 0,
    rssStart: undefined,
    rssConnected: undefined,
    rssEnd: undefined,
  };
  const { process, port } = await startBroker();
  try {
    result.rssStart = rssOf(process.pid);
    print(`seed ${seed}; the broker holds ${mebibytes(result.rssStart)}`);
    const pairs = Array.from({ length: clients / 2 }, (_, i) => new Pair(port, i, (i % 3) as QoS, result));
    for (let i = 0; i < pairs.length; i += 50) await Promise.all(pairs.slice(i, i + 50).map((pair) => pair.start()));
    result.rssConnected = rssOf(process.pid);
    print(`${clients} clients are connected; the broker holds ${mebibytes(result.rssConnected)}`);

    const endMs = performance.now() + seconds * 1000;
    await Promise.all(pairs.map((pair) => run(pair, endMs, random, result)));
    const drainedMs = performance.now() + DRAIN_MS;
    while (pairs.some((pair) => !pair.isComplete) && performance.now() < drainedMs) await sleep(20);
    for (const pair of pairs) result.lost += pair.missing + pair.publisher.unacknowledged;
    result.rssEnd = rssOf(process.pid);
    print(
      `${result.published} published, ${result.delivered} delivered, ${result.duplicates} of them again (QoS 1), ` +
        `${result.reconnects} connections ended and came again, ${result.lost} lost, ${result.disordered} at QoS 2 out ` +
        `of order or twice; the broker holds ${mebibytes(result.rssEnd)}`,
    );
    await Promise.all(pairs.flatMap(({ publisher, subscriber }) => [publisher.leave(true), subscriber.leave(true)]));
    return result;
  } finally {
    process.kill(Deno.build.os === "windows" ? "SIGKILL" : "SIGTERM");
    await process.status;
  }
}

async function run(pair: Pair, endMs: number, random: () => number, result: SoakResult): Promise<void> {
  let churnMs = performance.now() + random() * 2 * CHURN_MS;
  while (performance.now() < endMs) {
    await sleep(random() * 2 * PUBLISH_MS);
    if (performance.now() < churnMs) {
      await pair.publishOne(true);
      continue;
    }
    // QoS 0 is only promised to those that are there: what is under way arrives before anybody leaves.
    for (let i = 0; i < 500 && pair.qos === 0 && pair.missing > 0; i++) await sleep(10);
    result.lost += pair.qos === 0 ? pair.missing : 0;
    pair.forgetExpected();
    result.reconnects++;
    const client = random() < 0.5 ? pair.publisher : pair.subscriber;
    const how = random();
    if (how < 0.3) await client.takeOver();
    else {
      await client.leave(how < 0.6);
      // The other one goes on meanwhile.
      for (let i = 0; i < 3; i++) {
        await sleep(random() * PUBLISH_MS);
        await pair.publishOne(false);
      }
      await client.connect();
    }
    churnMs = performance.now() + random() * 2 * CHURN_MS;
  }
  if (!pair.subscriber.isConnected) await pair.subscriber.connect();
  if (!pair.publisher.isConnected) await pair.publisher.connect();
}

async function startBroker(): Promise<{ process: Deno.ChildProcess; port: number }> {
  const main = new URL("../../main.ts", import.meta.url);
  const process = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", main.href, "--port", "0", "--durability", "off", "--log-level", "warning"],
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  let text = "";
  const reader = process.stdout.pipeThrough(new TextDecoderStream()).getReader();
  for (;;) {
    const { value, done } = await reader.read();
    if (done) throw new Error(`the broker did not start: ${text}`);
    text += value;
    const port = /mqtt:\/\/127\.0\.0\.1:(\d+)/.exec(text)?.[1];
    if (port !== undefined) {
      reader.cancel().catch(() => {});
      return { process, port: Number(port) };
    }
  }
}

/** Resident bytes of a process. Linux tells them in a file; elsewhere there is nothing to read without another program. */
function rssOf(pid: number): number | undefined {
  try {
    const kibibytes = /^VmRSS:\s*(\d+) kB$/m.exec(Deno.readTextFileSync(`/proc/${pid}/status`))?.[1];
    return kibibytes === undefined ? undefined : Number(kibibytes) * 1024;
  } catch {
    return undefined;
  }
}

function mebibytes(bytes: number | undefined): string {
  return bytes === undefined ? "(RSS: not available on this system)" : `${(bytes / 1_048_576).toFixed(1)} MiB (RSS)`;
}

if (import.meta.main) {
  const { clients, seconds, seed } = parseArgs(Deno.args, {
    string: ["clients", "seconds", "seed"],
    default: { clients: "1000", seconds: "60", seed: String(Date.now() % 1_000_000) },
  });
  const result = await soak({
    clients: Number(clients),
    seconds: Number(seconds),
    seed: Number(seed),
    print: (line) => console.log(line),
  });
  Deno.exit(result.lost + result.disordered > 0 ? 1 : 0);
}
