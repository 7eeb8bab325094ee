/** A Server that is quicker than any subscriber: whoever subscribes gets the same message for ever, from bytes that are made
 * once. With it a subscriber never waits. Says on which port it listens. @module */

import {
  ApplicationMessage,
  ByteWriter,
  type ControlPacket,
  Decoder,
  encodePacket,
  PacketType,
  type SubscribePacket,
} from "../../src/packet/mod.ts";
import { TOPIC } from "./job.ts";

const CHUNK_BYTES = 256 * 1024;
const PACKET_BYTES_MAX = 64 * 1024;
const CONNACK: ControlPacket = { type: PacketType.Connack, sessionPresent: false, reasonCode: 0, properties: {} };
const message = ApplicationMessage.create({ topicName: TOPIC, payload: new Uint8Array(Number(Deno.args[0])) });

const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
console.log(`replay at ${listener.addr.port}`);
for await (const conn of listener) {
  serve(conn).catch((error) => {
    // Subscribers leave without ceremony.
    if (!(error instanceof Deno.errors.ConnectionReset || error instanceof Deno.errors.BrokenPipe)) throw error;
  });
}

async function serve(conn: Deno.Conn): Promise<void> {
  const decoder = new Decoder({ sender: "client", connectPacketSizeMax: PACKET_BYTES_MAX, userPropertiesMax: 0 });
  for (;;) {
    const count = await conn.read(decoder.room());
    if (count === null) return;
    decoder.received(count);
    for (let packet = decoder.next(); packet !== undefined; packet = decoder.next()) {
      if (packet.type === PacketType.Connect) await writeAll(conn, frame(CONNACK));
      if (packet.type === PacketType.Subscribe) return await replay(conn, packet);
    }
  }
}

/** With the Subscription Identifier of the one who has given one, as any Server. */
async function replay(conn: Deno.Conn, { packetIdentifier, properties }: SubscribePacket): Promise<void> {
  const { subscriptionIdentifiers } = properties;
  await writeAll(conn, frame({ type: PacketType.Suback, packetIdentifier, reasonCodes: [0], properties: {} }));
  const head = { type: PacketType.Publish, dup: false, packetIdentifier: 0, topicAlias: 0 } as const;
  const publish = frame({ ...head, subscriptionIdentifiers, message });
  const chunk = new Uint8Array(Math.ceil(CHUNK_BYTES / publish.length) * publish.length);
  for (let at = 0; at < chunk.length; at += publish.length) chunk.set(publish, at);
  for (;;) await writeAll(conn, chunk);
}

function frame(packet: ControlPacket): Uint8Array {
  const writer = new ByteWriter();
  encodePacket(writer, packet, 5, Infinity);
  return writer.written.slice();
}

async function writeAll(conn: Deno.Conn, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await conn.write(bytes.subarray(at));
}
