/** What the benches of packet/ decode and encode: kinds of PUBLISH, and reads full of them.
 * In: a kind. Out: bytes. @module */

import {
  ApplicationMessage,
  ByteWriter,
  Decoder,
  encodePacket,
  type Properties,
  type ProtocolVersion,
  type QoS,
} from "../../src/packet/mod.ts";

export interface DecodeWorkload {
  readonly version: ProtocolVersion;
  readonly qos: QoS;
  readonly topics: readonly string[];
  readonly payloadBytes: number;
  readonly properties?: Properties;
}

export const DECODE_WORKLOADS: Readonly<Record<string, DecodeWorkload>> = {
  "64 B, QoS 0, 3.1.1, one topic": { version: 4, qos: 0, topics: ["bench/topic/1"], payloadBytes: 64 },
  "64 B, QoS 0, 5.0, one topic": { version: 5, qos: 0, topics: ["bench/topic/1"], payloadBytes: 64 },
  "64 B, QoS 0, 5.0, 100 topics in turn": {
    version: 5,
    qos: 0,
    topics: Array.from({ length: 100 }, (_, i) => `bench/device/${i}/temperature`),
    payloadBytes: 64,
  },
  "64 B, QoS 1, 5.0, one topic": { version: 5, qos: 1, topics: ["bench/topic/1"], payloadBytes: 64 },
  "64 B, QoS 0, 5.0, with properties": {
    version: 5,
    qos: 0,
    topics: ["bench/topic/1"],
    payloadBytes: 64,
    properties: {
      payloadFormatIndicator: 1,
      contentType: "application/json",
      responseTopic: "bench/answer",
      correlationData: new Uint8Array(8),
      userProperties: [["source", "bench"]],
    },
  },
};

/** The frames of one read, at most `bytesMax` together. */
export function frames(workload: DecodeWorkload, bytesMax = 64 * 1024): { bytes: Uint8Array; packets: number } {
  const { version, qos, topics, payloadBytes, properties } = workload;
  const writer = new ByteWriter(bytesMax);
  let packets = 0;
  for (;; packets++) {
    const end = writer.length;
    const message = ApplicationMessage.create({
      topicName: topics[packets % topics.length],
      payload: new Uint8Array(payloadBytes),
      qos,
      properties,
    });
    const packet = {
      type: 3,
      dup: false,
      packetIdentifier: qos === 0 ? 0 : 1 + (packets % 65_535),
      topicAlias: 0,
      subscriptionIdentifiers: undefined,
      message,
    } as const;
    encodePacket(writer, packet, version, Infinity);
    if (writer.length > bytesMax) return { bytes: writer.buffer.slice(0, end), packets };
  }
}

/** A decoder that takes PUBLISH of this version, as after CONNECT. */
export function decoderFor(version: ProtocolVersion): Decoder {
  const decoder = new Decoder({ sender: "client", connectPacketSizeMax: 1 << 20, userPropertiesMax: 100 });
  decoder.protocolVersion = version;
  return decoder;
}
