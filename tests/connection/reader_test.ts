/** Mirrors src/connection/reader.ts. @module */

import { assertEquals } from "@std/assert";
import { ApplicationMessage, type ControlPacket, Decoder, PacketType, ReasonCode } from "../../src/packet/mod.ts";
import { READS_OF_PASS_MAX } from "../../src/connection/read_rounds.ts";
import { readConnection } from "../../src/connection/reader.ts";
import { memoryPair } from "../../src/transport/memory.ts";
import { bytesOf, contextOf, HeldStream, settled, text, writerOf } from "./support.ts";

const CONNECT = bytesOf({
  type: PacketType.Connect,
  protocolVersion: 5,
  cleanStart: true,
  keepAlive: 0,
  clientId: "c",
  will: undefined,
  userName: undefined,
  password: undefined,
  properties: {},
});
const PINGREQ = bytesOf({ type: PacketType.Pingreq });

function publish(topicName: string, payload: string, topicAlias = 0): Uint8Array {
  return bytesOf({
    type: PacketType.Publish,
    dup: false,
    packetIdentifier: 0,
    topicAlias,
    subscriptionIdentifiers: undefined,
    message: ApplicationMessage.create({ topicName, payload: text(payload) }),
  });
}

/** A reader under way. @param onPacket what the dispatcher does with each. */
function read(onPacket: (packet: ControlPacket, writer: ReturnType<typeof writerOf>) => void = () => {}) {
  const { client, server } = memoryPair();
  const context = contextOf();
  const writer = writerOf(server, context);
  const decoder = new Decoder({ sender: "client", connectPacketSizeMax: 100, userPropertiesMax: 10 });
  const calls: string[] = [];
  const finished = readConnection(server, decoder, writer, {
    received: (packet) => {
      const topic = packet.type === PacketType.Publish ? ` ${packet.message.topicName}` : "";
      calls.push(`${packet.type}${topic}`);
      onPacket(packet, writer);
    },
    broke: (error, version) => {
      calls.push(`broke 0x${error.reasonCode.toString(16)} ${version}`);
      writer.close();
    },
    failed: (error) => {
      calls.push(`failed ${(error as Error).message}`);
      writer.close();
    },
    ended: (cause) => calls.push(`ended: ${cause}`),
  }, context);
  /** All in one write. */
  const send = async (...packets: Uint8Array[]) => {
    const bytes = new Uint8Array(packets.flatMap((packet) => [...packet]));
    await client.write(bytes);
    await settled();
  };
  return { client, writer, calls, finished, send, context };
}

/** Brings a CONNECT, and then a read that goes on for a while after `close`. */
class SlowlyClosedStream extends HeldStream {
  /** Where the last read writes to. */
  place = "";
  #reads = 0;
  readonly #end = Promise.withResolvers<null>();

  override read(into: Uint8Array): Promise<number | null> {
    this.place = placeOf(into);
    if (this.#reads++ > 0) return this.#end.promise;
    into.set(CONNECT);
    return Promise.resolve(CONNECT.length);
  }

  endReading(): void {
    this.#end.resolve(null);
  }
}

const buffers: ArrayBufferLike[] = [];

/** Which 256 bytes of which buffer. */
function placeOf({ buffer, byteOffset }: Uint8Array): string {
  if (!buffers.includes(buffer)) buffers.push(buffer);
  return `${buffers.indexOf(buffer)}:${byteOffset >>> 8}`;
}

/** What the next connection reads into. */
function decoderBuffer(): string {
  return placeOf(new Decoder({ sender: "client", connectPacketSizeMax: 100, userPropertiesMax: 10 }).room());
}

/** Lets the client in, with aliases. */
function accept(packet: ControlPacket, writer: ReturnType<typeof writerOf>): void {
  if (packet.type === PacketType.Connect) writer.accept({ maximumPacketSize: 1000, topicAliasMaximum: 2 }, "c");
}

Deno.test("readConnection() hands over packets in their order, then the end, once", async () => {
  const { client, calls, finished, send, context } = read(accept);
  await send(CONNECT, PINGREQ, publish("a", "x"));
  client.close();
  await finished;
  assertEquals(calls, ["1", "12", "3 a", "ended: closed by the client"]);
  assertEquals([context.traffic.packetsReceived, context.traffic.publishesReceived], [3, 1]);
});

Deno.test("readConnection() stops in the middle of a chunk while the gate is closed", async () => {
  const { client, calls, finished, send, writer } = read((packet, writer) => {
    accept(packet, writer);
    if (packet.type === PacketType.Publish) writer.pauseReading();
  });
  await send(CONNECT, publish("a", "x"), publish("b", "x"), PINGREQ);
  assertEquals(calls, ["1", "3 a"]);
  writer.resumeReading();
  await settled();
  assertEquals(calls, ["1", "3 a", "3 b"]);
  writer.resumeReading();
  await settled();
  assertEquals(calls, ["1", "3 a", "3 b", "12"]);
  client.close();
  await finished;
});

Deno.test("readConnection() ignores what comes behind a close, in the same chunk and in later ones", async () => {
  const { client, calls, finished, send } = read((packet, writer) => {
    accept(packet, writer);
    if (packet.type === PacketType.Publish) writer.close();
  });
  await send(CONNECT, publish("a", "x"), publish("b", "x"));
  await send(PINGREQ);
  client.close();
  await finished;
  assertEquals(calls, ["1", "3 a", "ended: closed by the client"]);
});

Deno.test("[MQTT-4.13.1-1] readConnection() tells what was broken, throws the rest away, and ends once", async () => {
  const { client, calls, finished, send } = read(accept);
  await send(CONNECT, Uint8Array.of(0xf3, 0x00), PINGREQ);
  await send(PINGREQ);
  client.close();
  await finished;
  assertEquals(calls, ["1", "broke 0x81 undefined", "ended: closed by the client"]);
});

Deno.test("readConnection() tells the version of a CONNECT that was broken", async () => {
  const { client, calls, finished, send } = read();
  const broken = CONNECT.slice();
  broken[9] |= 1; // the reserved Connect Flag
  await send(broken);
  client.close();
  await finished;
  assertEquals(calls, ["broke 0x81 5", "ended: closed by the client"]);
});

Deno.test("readConnection() calls a bug of ours a failure, and ends that connection alone", async () => {
  const { client, calls, finished, send } = read((packet) => {
    if (packet.type === PacketType.Connect) throw new Error("a bug");
  });
  await send(CONNECT, PINGREQ);
  client.close();
  await finished;
  assertEquals(calls, ["1", "failed a bug", "ended: closed by the client"]);
});

Deno.test("readConnection() lets go of its buffer when the read that is under way has ended, and not before", async () => {
  const stream = new SlowlyClosedStream();
  const context = contextOf();
  const writer = writerOf(stream, context);
  const decoder = new Decoder({ sender: "client", connectPacketSizeMax: 100, userPropertiesMax: 10 });
  const ends: string[] = [];
  const finished = readConnection(stream, decoder, writer, {
    received: () => writer.pauseReading(), // CONNECT is being judged
    broke: () => {},
    failed: () => {},
    ended: (cause) => ends.push(cause),
  }, context);
  await settled();
  writer.end();
  await settled();
  const others = Array.from({ length: 20 }, () => decoderBuffer());
  assertEquals([others.includes(stream.place), ends], [false, []]);
  stream.endReading();
  await finished;
  assertEquals(ends.length, 1);
});

Deno.test("readConnection() takes larger packets only once the client is let in", async () => {
  const large = publish("a", "x".repeat(500));
  const before = read();
  await before.send(CONNECT, large);
  before.client.close();
  await before.finished;
  assertEquals(before.calls.slice(0, 2), ["1", "broke 0x95 undefined"]);
  const after = read(accept);
  await after.send(CONNECT, large);
  after.client.close();
  await after.finished;
  assertEquals(after.calls.slice(0, 2), ["1", "3 a"]);
});

Deno.test("readConnection() resolves Topic Aliases, and refuses those above the maximum and unknown ones", async () => {
  const good = read(accept);
  await good.send(CONNECT, publish("a", "x", 1), publish("", "x", 1), publish("b", "x", 1), publish("", "x", 1));
  good.client.close();
  await good.finished;
  assertEquals(good.calls.slice(0, 5), ["1", "3 a", "3 a", "3 b", "3 b"]);
  for (
    const [packet, code] of [[publish("a", "x", 3), ReasonCode.TopicAliasInvalid], [publish("", "x", 2), 0x82]] as const
  ) {
    const bad = read(accept);
    await bad.send(CONNECT, packet);
    bad.client.close();
    await bad.finished;
    assertEquals(bad.calls[1], `broke 0x${code.toString(16)} undefined`);
  }
});

Deno.test("readConnection() calls a reset a lost connection", async () => {
  const { client, calls, finished, send } = read(accept);
  await send(CONNECT);
  client.reset();
  await finished;
  assertEquals(calls, ["1", "ended: connection lost"]);
});

Deno.test("readConnection() ends by itself when the writer has closed after a good-bye", async () => {
  const reading = read((_packet, writer) => writer.close(true));
  // The client does not leave: nobody waits for that.
  await reading.send(
    bytesOf({ type: PacketType.Disconnect, reasonCode: ReasonCode.NormalDisconnection, properties: {} }),
  );
  await reading.finished;
  assertEquals(reading.calls, [`${PacketType.Disconnect}`, "ended: closed by the client"]);
  assertEquals(await reading.client.read(new Uint8Array(1)), null);
});

Deno.test("readConnection() does not read again while others wait to be read, and does when the round is over", async () => {
  const context = contextOf();
  const { client, server } = memoryPair();
  const received: number[] = [];
  const receiver = {
    received: (packet: ControlPacket) => {
      received.push(packet.type);
      // Beside it as many are read as one pass of the event loop serves.
      if (received.length <= 2) { for (let i = 1; i < READS_OF_PASS_MAX; i++) context.writeTurn.wasRead(); }
    },
    ...{ broke: () => {}, failed: () => {}, ended: () => {} },
  };
  const decoder = new Decoder({ sender: "client", connectPacketSizeMax: 100, userPropertiesMax: 10 });
  const finished = readConnection(server, decoder, writerOf(server, context), receiver, context);
  for (const packet of [CONNECT, PINGREQ]) {
    const count = received.length;
    await client.write(packet);
    while (received.length === count) await Promise.resolve();
  }
  await client.write(PINGREQ);
  for (let i = 0; i < 20; i++) await Promise.resolve();
  assertEquals([received.length, server.unreadBytes], [2, PINGREQ.length]);
  client.close();
  await finished;
  assertEquals(received, [PacketType.Connect, PacketType.Pingreq, PacketType.Pingreq]);
});
