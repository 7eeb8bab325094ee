/** What subscribers are fed with: PUBLISH of QoS 0 as fast as the broker takes them, as bytes that are made once. Ends with
 * its input. @module */

import { ApplicationMessage, ByteWriter, encodePacket, PacketType } from "../../src/packet/mod.ts";
import { TOPIC } from "./job.ts";

const CHUNK_BYTES = 32 * 1024;
const { port, payloadBytes } = JSON.parse(Deno.args[0]) as { port: number; payloadBytes: number };

const conn = await Deno.connect({ hostname: "127.0.0.1", port });
await writeAll(frame((writer) =>
  encodePacket(
    writer,
    {
      type: PacketType.Connect,
      protocolVersion: 4,
      cleanStart: true,
      keepAlive: 0,
      clientId: "feeder",
      will: undefined,
      userName: undefined,
      password: undefined,
      properties: {},
    },
    4,
    Infinity,
  )
));
await conn.read(new Uint8Array(16));
const message = ApplicationMessage.create({ topicName: TOPIC, payload: new Uint8Array(payloadBytes), qos: 0 });
const publish = frame((writer) =>
  encodePacket(
    writer,
    {
      type: PacketType.Publish,
      dup: false,
      packetIdentifier: 0,
      topicAlias: 0,
      subscriptionIdentifiers: undefined,
      message,
    },
    4,
    Infinity,
  )
);
const count = Math.max(1, Math.floor(CHUNK_BYTES / publish.length));
const chunk = new Uint8Array(count * publish.length);
for (let i = 0; i < count; i++) chunk.set(publish, i * publish.length);
console.log("feeding");
Deno.stdin.read(new Uint8Array(1)).then(() => Deno.exit(0));
for (;;) await writeAll(chunk);

function frame(encode: (writer: ByteWriter) => boolean): Uint8Array {
  const writer = new ByteWriter();
  encode(writer);
  return writer.written.slice();
}

async function writeAll(bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await conn.write(bytes.subarray(at));
}
