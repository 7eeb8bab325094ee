/** Mirrors src/connection/writer.ts. @module */

import { assertEquals } from "@std/assert";
import { FakeTime } from "./fake_time.ts";
import { ApplicationMessage, NEVER_EXPIRES, PacketType, type QoS } from "../../src/packet/mod.ts";
import type { SinkSettings } from "../../src/connection/packet_sink.ts";
import { PacketWriter } from "../../src/connection/writer.ts";
import { SHARED_PAYLOAD_BYTES_MIN } from "../../src/packet/publish_frame.ts";
import { WriteTurn } from "../../src/connection/write_turn.ts";
import { memoryPair } from "../../src/transport/memory.ts";
import { contextOf, decodeAll, HeldStream, settled, text, writerOf } from "./support.ts";

const SETTINGS: SinkSettings = {
  protocolVersion: 5,
  maximumPacketSize: 0xffff_ffff,
  topicAliasMaximum: 0,
  requestProblemInformation: true,
};
const message = (topicName: string, payload = "payload") =>
  ApplicationMessage.create({ topicName, payload: text(payload) });

function deliver(writer: PacketWriter, topicName: string, qos: QoS = 0, payload?: string, dup = false, identifier = 7) {
  return writer.deliver(message(topicName, payload), qos, false, dup, qos && identifier, undefined, NEVER_EXPIRES);
}

/** A writer on a memory connection, and what its client has received. */
function make(settings: Partial<SinkSettings> = {}, context = contextOf()) {
  const { client, server } = memoryPair({ bufferBytes: 1 << 20 });
  const writer = writerOf(server, context);
  writer.configure({ ...SETTINGS, ...settings });
  const received = async (): Promise<Uint8Array> => {
    await settled();
    if (client.unreadBytes === 0) return new Uint8Array();
    const into = new Uint8Array(1 << 20);
    return into.slice(0, (await client.read(into))!);
  };
  return { writer, client, context, received };
}

Deno.test("[MQTT-3.1.2-26] PacketWriter uses aliases up to the Client's maximum, the topic with the first use", async () => {
  const { writer, received } = make({ topicAliasMaximum: 2 });
  for (const topic of ["topic/a", "topic/b", "topic/c", "topic/a", "topic/b", "topic/c", "abc"]) deliver(writer, topic);
  const got = decodeAll(
    await received(),
    (packet) => packet.type === PacketType.Publish ? [packet.message.topicName, packet.topicAlias] : undefined,
  );
  assertEquals(got, [["topic/a", 1], ["topic/b", 2], ["topic/c", 0], ["", 1], ["", 2], ["topic/c", 0], ["abc", 0]]);
});

Deno.test("[MQTT-3.1.2-24] PacketWriter.deliver() leaves out what is too large, and its new alias", async () => {
  const { writer, received, context } = make({ maximumPacketSize: 40, topicAliasMaximum: 1 });
  assertEquals(deliver(writer, "topic/large", 0, "x".repeat(40)), "too large");
  assertEquals(deliver(writer, "topic/small"), "sent");
  const got = decodeAll(
    await received(),
    (packet) => packet.type === PacketType.Publish && [packet.message.topicName, packet.topicAlias],
  );
  assertEquals(got, [["topic/small", 1]]);
  assertEquals([context.traffic.publishesDropped, context.traffic.publishesSent], [1, 1]);
});

Deno.test("PacketWriter.deliver() drops QoS 0 beyond the bound, and QoS 1 never", async () => {
  const stream = new HeldStream();
  const context = contextOf({ outboundMarkBytes: 20, outboundBytesMax: 100 });
  const writer = writerOf(stream, context);
  writer.configure(SETTINGS);
  const results = Array.from({ length: 10 }, () => deliver(writer, "t", 0, "x".repeat(20)));
  assertEquals(results.indexOf("dropped") > 0, true);
  assertEquals(results.slice(results.indexOf("dropped")).every((result) => result === "dropped"), true);
  assertEquals(writer.outboundBytes <= 100, true);
  assertEquals(deliver(writer, "t", 1, "x".repeat(20)), "sent");
  await settled();
  await stream.take();
});

Deno.test("PacketWriter.deliver() drops QoS 0 of a congested connection when all together are at their bound", () => {
  const writeTurn = new WriteTurn(50);
  const writer = writerOf(new HeldStream(), contextOf({ outboundMarkBytes: 20 }, { writeTurn }));
  writer.configure(SETTINGS);
  assertEquals(deliver(writer, "t", 0, "x".repeat(60)), "sent"); // not congested before
  assertEquals(deliver(writer, "t", 0, "x"), "dropped");
});

Deno.test("PacketWriter.deliver() patches Packet Identifier and DUP into the copy of one encoded frame", async () => {
  const { writer, received } = make();
  const shared = message("t");
  for (const [identifier, dup] of [[1, false], [0xabcd, true], [65_535, false]] as const) {
    writer.deliver(shared, 1, false, dup, identifier, undefined, NEVER_EXPIRES);
  }
  const got = decodeAll(
    await received(),
    (packet) => packet.type === PacketType.Publish && [packet.packetIdentifier, packet.dup],
  );
  assertEquals(got, [[1, false], [0xabcd, true], [65_535, false]]);
});

Deno.test("[MQTT-3.3.4-3] PacketWriter.deliver() gives each receiver its own alias and identifiers, though frames are shared", async () => {
  const context = contextOf();
  const lists = [[1], [2], [3], [300], undefined, [1, 2], [3, 4]];
  const receivers = lists.map((_, index) => ({ index, ...make({ topicAliasMaximum: index === 2 ? 0 : 10 }, context) }));
  // Each has given another number of aliases before.
  for (const { writer, index } of receivers) for (let i = 0; i < index; i++) deliver(writer, `former/${i}`);
  const sent = ([0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 2, 0, 0, 0, 1, 0, 0, 0] as const).map((qos, number) => ({
    qos,
    number,
    topicName: number % 4 < 2 ? "topic/a" : "topic/b",
    // Of a large one only the head is copied.
    payload: `${number}`.padEnd(number % 4 === 3 ? SHARED_PAYLOAD_BYTES_MIN : 0),
    identifiersOf: (index: number) => lists[(index + Math.floor(number / 5)) % lists.length],
  }));
  for (const { qos, number, topicName, payload, identifiersOf } of sent) {
    const shared = message(topicName, payload);
    // Whose own properties the frame has changes, too.
    for (const { writer, index } of number % 3 === 0 ? receivers.toReversed() : receivers) {
      writer.deliver(shared, qos, false, false, qos && number, identifiersOf(index), NEVER_EXPIRES);
    }
  }
  for (const { index, received } of receivers) {
    const aliases = new Map<number, string>();
    const got = decodeAll(await received(), (packet) => {
      if (packet.type !== PacketType.Publish) return;
      const { message: { topicName, qos, payload }, topicAlias, packetIdentifier, subscriptionIdentifiers } = packet;
      if (topicAlias !== 0 && topicName !== "") aliases.set(topicAlias, topicName);
      const topic = topicName || aliases.get(topicAlias);
      return [topic, new TextDecoder().decode(payload), qos, packetIdentifier, subscriptionIdentifiers];
    });
    assertEquals(
      got.slice(index),
      sent.map((it) => [it.topicName, it.payload, it.qos, it.qos && it.number, it.identifiersOf(index)]),
    );
    assertEquals(aliases.size, index === 2 ? 0 : index + 2);
  }
});

Deno.test("[MQTT-3.1.2-29] without Request Problem Information, Reason Strings go only on CONNACK and DISCONNECT", async () => {
  const properties = { reasonString: "why" };
  for (const requestProblemInformation of [true, false]) {
    const { writer, received } = make({ requestProblemInformation });
    writer.send({ type: PacketType.Connack, sessionPresent: false, reasonCode: 0, properties });
    writer.send({ type: PacketType.Suback, packetIdentifier: 1, reasonCodes: [0x80], properties });
    writer.send({ type: PacketType.Unsuback, packetIdentifier: 2, reasonCodes: [0x80], properties });
    writer.acknowledge(PacketType.Puback, 3, 0x80, "why");
    writer.send({ type: PacketType.Disconnect, reasonCode: 0x80, properties });
    const got = decodeAll(await received(), (packet) => "properties" in packet && packet.properties.reasonString);
    const other = requestProblemInformation ? "why" : undefined;
    assertEquals(got, ["why", other, other, other, "why"]);
  }
});

Deno.test("PacketWriter.close() says the end only after what was sent, and sends nothing after it", async () => {
  using _time = new FakeTime();
  const stream = new HeldStream();
  const writer = writerOf(stream);
  writer.configure(SETTINGS);
  deliver(writer, "t");
  writer.close();
  writer.send({ type: PacketType.Pingresp });
  writer.acknowledge(PacketType.Puback, 1, 0);
  assertEquals(deliver(writer, "t"), "dropped");
  await Promise.resolve();
  await Promise.resolve();
  assertEquals([stream.hasEnded, stream.isClosed, stream.isWriting], [false, false, true]);
  void stream.take();
  for (let i = 0; i < 10; i++) await Promise.resolve();
  assertEquals([stream.hasEnded, stream.isClosed, stream.isWriting, stream.writes.length], [true, false, false, 1]);
  writer.end();
});

Deno.test("PacketWriter.close() of one with nothing to write says the end at once, and opens the gate", () => {
  using _time = new FakeTime();
  const stream = new HeldStream();
  const writer = writerOf(stream);
  writer.pauseReading();
  writer.close();
  assertEquals([stream.hasEnded, writer.isClosing], [true, true]);
  writer.end();
});

Deno.test("PacketWriter.close() ends at once what is said good-bye to, where nothing is lost by that", () => {
  for (const closeDelivers of [true, false]) {
    using _time = new FakeTime();
    const stream = new HeldStream();
    stream.closeDelivers = closeDelivers;
    const writer = writerOf(stream);
    writer.pauseReading();
    writer.close(true);
    assertEquals([stream.isClosed, stream.hasEnded, writer.isClosing], [closeDelivers, !closeDelivers, true]);
    assertEquals([writer.hasEnded, writer.gate.isClosed], [closeDelivers, false]);
    writer.end();
  }
});

Deno.test("PacketWriter.close() writes what was sent before the good-bye, and says the end first", async () => {
  using _time = new FakeTime();
  const stream = new HeldStream();
  stream.closeDelivers = true;
  const writer = writerOf(stream);
  writer.configure(SETTINGS);
  deliver(writer, "t");
  writer.close(true);
  await Promise.resolve();
  assertEquals([stream.hasEnded, stream.isClosed, stream.isWriting], [false, false, true]);
  void stream.take();
  for (let i = 0; i < 10; i++) await Promise.resolve();
  assertEquals([stream.hasEnded, stream.isClosed, stream.writes.length], [true, false, 1]);
  writer.end();
});

Deno.test("PacketWriter.close() ends the connection when its patience is over, once", async () => {
  using time = new FakeTime();
  const stream = new HeldStream();
  const writer = writerOf(stream, contextOf({ closeTimeoutMs: 1000 }));
  writer.configure(SETTINGS);
  deliver(writer, "t");
  writer.close();
  writer.close();
  await Promise.resolve();
  assertEquals(time.delays, [1000]);
  assertEquals(stream.isClosed, false);
  time.ring();
  assertEquals([stream.isClosed, writer.outboundBytes], [true, 0]);
});
