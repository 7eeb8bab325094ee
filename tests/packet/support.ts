/** Wire cases as data: bytes with remarks, and the packet or the error that must come out.
 * In: a list of cases. Out: one test per case. @module */

import { assertEquals, assertInstanceOf } from "@std/assert";
import {
  ApplicationMessage,
  ByteWriter,
  type ControlPacket,
  Decoder,
  encodePacket,
  PacketType,
  PeerError,
  type Properties,
  type ProtocolVersion,
  type PublishPacket,
  type QoS,
} from "../../src/packet/mod.ts";
import { writeVariableByteInteger } from "../../src/packet/variable_byte_integer.ts";

/** Bytes from text: hex pairs; 'text' = its UTF-8; "text" = the same behind a two-byte length; [ … ] = the same behind a
 * Variable Byte Integer that counts them; `30*ff` = ff thirty times; `-- remark` up to the end of the line. */
export function wire(text: string): Uint8Array {
  const tokens = text.replace(/--.*$/gm, "").match(/'[^']*'|"[^"]*"|\[|\]|\d+\*[0-9a-f]{2}|[0-9a-f]{2}|\S+/gi) ?? [];
  const open: number[][] = [];
  let out: number[] = [];
  for (const token of tokens) {
    if (token === "[") {
      open.push(out);
      out = [];
    } else if (token === "]") {
      const prefix = new Uint8Array(4);
      const block = out;
      out = open.pop()!;
      out.push(...prefix.subarray(0, writeVariableByteInteger(prefix, 0, block.length)));
      for (const byte of block) out.push(byte);
    } else if (token.startsWith('"') || token.startsWith("'")) {
      const utf8 = new TextEncoder().encode(token.slice(1, -1));
      if (token.startsWith('"')) out.push(utf8.length >>> 8, utf8.length & 0xff);
      for (const byte of utf8) out.push(byte);
    } else if (token.includes("*")) {
      const [count, byte] = token.split("*");
      for (let i = 0; i < Number(count); i++) out.push(parseInt(byte, 16));
    } else if (/^[0-9a-f]{2}$/i.test(token)) {
      out.push(parseInt(token, 16));
    } else throw new Error(`not wire text: ${token}`);
  }
  if (open.length > 0) throw new Error("a [ without its ]");
  return Uint8Array.from(out);
}

export interface DecodeSettings {
  sender?: "client" | "server";
  version?: ProtocolVersion;
  maximumPacketSize?: number;
  userPropertiesMax?: number;
}

export function decoder(settings: DecodeSettings = {}): Decoder {
  const { sender = "client", version = 5, maximumPacketSize = 300_000_000, userPropertiesMax = 1000 } = settings;
  const made = new Decoder({ sender, connectPacketSizeMax: maximumPacketSize, userPropertiesMax });
  made.protocolVersion = version;
  return made;
}

/** Gives all bytes to a decoder, however small its room. Calls `each` for every packet while it is valid. */
export function feed(to: Decoder, bytes: Uint8Array, each: (packet: ControlPacket) => void, readMax = Infinity): void {
  let at = 0;
  while (at < bytes.length) {
    const room = to.room();
    const count = Math.min(room.length, bytes.length - at, readMax);
    room.set(bytes.subarray(at, at + count));
    to.received(count);
    at += count;
    for (let packet = to.next(); packet !== undefined; packet = to.next()) each(packet);
  }
}

/** All packets in `bytes`, as plain values. */
export function decodeAll(bytes: Uint8Array, settings?: DecodeSettings, readMax?: number): unknown[] {
  const packets: unknown[] = [];
  feed(decoder(settings), bytes, (packet) => packets.push(plain(packet)), readMax);
  return packets;
}

/** A PUBLISH as one plain value, for comparing. */
export interface PlainPublish {
  type: 3;
  dup: boolean;
  qos: QoS;
  retain: boolean;
  packetIdentifier: number;
  topicName: string;
  topicAlias: number;
  subscriptionIdentifiers: readonly number[] | undefined;
  properties: Properties;
  payload: Uint8Array;
}

/** What stays of a packet when the next one arrives. */
export function plain(packet: ControlPacket): unknown {
  if (packet.type !== PacketType.Publish) return packet;
  const { dup, packetIdentifier, topicAlias, subscriptionIdentifiers, message } = packet;
  return {
    type: 3,
    dup,
    qos: message.qos,
    retain: message.retain,
    packetIdentifier,
    topicName: message.topicName,
    topicAlias,
    subscriptionIdentifiers,
    properties: message.properties,
    payload: message.payload.slice(),
  } satisfies PlainPublish;
}

export function plainPublish(parts: Partial<PlainPublish>): PlainPublish {
  return {
    type: 3,
    dup: false,
    qos: 0,
    retain: false,
    packetIdentifier: 0,
    topicName: "",
    topicAlias: 0,
    subscriptionIdentifiers: undefined,
    properties: {},
    payload: new Uint8Array(0),
    ...parts,
  };
}

/** The packet that `encodePacket` takes. */
export function fromPlain(packet: unknown): ControlPacket {
  if ((packet as ControlPacket).type !== PacketType.Publish) return packet as ControlPacket;
  const { dup, qos, retain, packetIdentifier, topicName, topicAlias, subscriptionIdentifiers, properties, payload } =
    packet as PlainPublish;
  const message = ApplicationMessage.create({ topicName, payload, qos, retain, properties });
  return { type: 3, dup, packetIdentifier, topicAlias, subscriptionIdentifiers, message } satisfies PublishPacket;
}

export function encode(packet: unknown, version: ProtocolVersion = 5, maximumPacketSize = Infinity): Uint8Array {
  const writer = new ByteWriter(16);
  const written = encodePacket(writer, fromPlain(packet), version, maximumPacketSize);
  assertEquals(written, writer.length > 0);
  return writer.written.slice();
}

/** Class, Reason Code, statement. */
export type ExpectedError = readonly ["Malformed" | "Protocol", number, string];

export interface WireCase {
  readonly name: string;
  /** Of the connection. Default 5; a CONNECT brings its own. */
  readonly version?: ProtocolVersion;
  /** Default "client". */
  readonly sender?: "client" | "server";
  readonly wire: string;
  /** What comes out; and what `encodePacket` turns into the same bytes again. */
  readonly packet?: unknown;
  /** Where the encoder has another form for the packet. */
  readonly encodesTo?: string;
  readonly error?: ExpectedError;
}

export function testWireCases(cases: readonly WireCase[]): void {
  for (const { name, version = 5, sender = "client", wire: text, packet, encodesTo, error } of cases) {
    Deno.test(name, () => {
      const bytes = wire(text);
      if (error !== undefined) {
        assertDecodeError(bytes, { version, sender }, error);
        // A packet in pieces fails in the same way: nothing depends on how it was cut.
        assertDecodeError(bytes, { version, sender }, error, 1);
        return;
      }
      assertEquals(decodeAll(bytes, { version, sender }), [packet]);
      assertEquals(decodeAll(bytes, { version, sender }, 1), [packet]);
      assertEquals(encode(packet, version), encodesTo === undefined ? bytes : wire(encodesTo));
    });
  }
}

export function assertDecodeError(
  bytes: Uint8Array,
  settings: DecodeSettings,
  [kind, reasonCode, statement]: ExpectedError,
  readMax?: number,
): void {
  let thrown: unknown;
  try {
    const packets = decodeAll(bytes, settings, readMax);
    throw new Error(`decoded instead: ${JSON.stringify(packets)}`);
  } catch (error) {
    thrown = error;
  }
  assertInstanceOf(thrown, PeerError, String(thrown));
  assertEquals(thrown.name, kind === "Malformed" ? "MalformedPacketError" : "ProtocolError", thrown.message);
  assertEquals([thrown.statement, thrown.reasonCode], [statement, reasonCode], thrown.message);
}
