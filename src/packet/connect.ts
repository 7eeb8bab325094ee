/** CONNECT: bytes ⇄ ConnectPacket. Spec §3.1.
 * In: the body after the Fixed Header. Out: a packet of copies, which outlives the read buffer. Room: pure.
 * Layout: Protocol Name | Version (1) | Flags (1) | Keep Alive (2) | Properties (5.0) | Client Identifier |
 * Will Properties (5.0), Will Topic, Will Payload | User Name | Password. @module */

import type { ByteReader } from "./byte_reader.ts";
import type { ByteWriter } from "./byte_writer.ts";
import { type ConnectPacket, type ConnectWill, PacketType, type ProtocolVersion, type QoS } from "./control_packet.ts";
import { MalformedPacketError, ProtocolError } from "./errors.ts";
import { NO_PROPERTIES, Omit, type Properties, readProperties, WILL_PROPERTIES, writeProperties } from "./property.ts";
import { ReasonCode } from "./reason_code.ts";
import { checkTopicName } from "./topic_name_bytes.ts";

const USER_NAME = 0x80;
const PASSWORD = 0x40;
const WILL_RETAIN = 0x20;
const WILL_QOS = 0x18;
const WILL = 0x04;
const CLEAN_START = 0x02;
const RESERVED = 0x01;

/** @param dialect its `protocolVersion` becomes that of the CONNECT as soon as the version byte was read, so that the
 * Server can answer a CONNECT it cannot accept in words the Client knows. */
export function decodeConnect(
  reader: ByteReader,
  dialect: { protocolVersion: ProtocolVersion },
  userPropertiesMax: number,
): ConnectPacket {
  const version = readVersion(reader, dialect);
  const flags = reader.byte();
  checkFlags(flags, version);
  const keepAlive = reader.uint16();
  const properties = version === 5 ? readProperties(reader, PacketType.Connect, userPropertiesMax) : NO_PROPERTIES;
  checkAuthentication(properties);

  const clientId = reader.string("MQTT-3.1.3-4");
  const will = (flags & WILL) !== 0 ? readWill(reader, flags, version, userPropertiesMax) : undefined;
  // 3.1 §3.1: the Remaining Length takes precedence over these two flags, for the sake of clients older than it.
  const userName = (flags & USER_NAME) !== 0 && (version !== 3 || reader.remaining > 0)
    ? reader.string("MQTT-3.1.3-12")
    : undefined;
  const password = (flags & PASSWORD) !== 0 && (version !== 3 || reader.remaining > 0) ? reader.binary() : undefined;
  reader.finish();
  return {
    type: PacketType.Connect,
    protocolVersion: version,
    cleanStart: (flags & CLEAN_START) !== 0,
    keepAlive,
    clientId,
    will,
    userName,
    password,
    properties,
  };
}

function readVersion(reader: ByteReader, dialect: { protocolVersion: ProtocolVersion }): ProtocolVersion {
  const name = reader.string();
  const level = reader.byte();
  if (name === "MQTT" && (level === 4 || level === 5) || name === "MQIsdp" && level === 3) {
    return dialect.protocolVersion = level;
  }
  // Bridges of Mosquitto set bit 7 of the level, and fall back to plain 3.1.1 when they are refused.
  dialect.protocolVersion = (level & 0x7f) < 5 ? 4 : 5;
  const statement = name === "MQTT" || name === "MQIsdp" ? "MQTT-3.1.2-2" : "MQTT-3.1.2-1";
  throw new ProtocolError(
    statement,
    `protocol ${JSON.stringify(name.slice(0, 16))} version ${level}`,
    ReasonCode.UnsupportedProtocolVersion,
  );
}

function checkFlags(flags: number, version: ProtocolVersion): void {
  // 3.1 leaves bit 0, and the Will bits without a Will, to the Client.
  if ((flags & RESERVED) !== 0 && version !== 3) {
    throw new MalformedPacketError("MQTT-3.1.2-3", "the reserved Connect Flag is 1");
  }
  if ((flags & WILL_QOS) === WILL_QOS) throw new MalformedPacketError("MQTT-3.1.2-12", "Will QoS is 3");
  if ((flags & WILL) === 0 && version !== 3) {
    if ((flags & WILL_QOS) !== 0) throw new MalformedPacketError("MQTT-3.1.2-11", "a Will QoS without a Will");
    if ((flags & WILL_RETAIN) !== 0) throw new MalformedPacketError("MQTT-3.1.2-13", "a Will Retain without a Will");
  }
  if ((flags & PASSWORD) !== 0 && (flags & USER_NAME) === 0 && version !== 5) {
    throw new MalformedPacketError("§3.1.2.9", "a Password without a User Name before MQTT 5.0");
  }
}

function readWill(reader: ByteReader, flags: number, version: ProtocolVersion, userPropertiesMax: number): ConnectWill {
  const properties = version === 5 ? readProperties(reader, WILL_PROPERTIES, userPropertiesMax) : NO_PROPERTIES;
  const start = reader.position + 2;
  const topicName = reader.string("MQTT-3.1.3-11");
  checkTopicName(reader.buffer, start, reader.position, "MQTT-4.7.0-1");
  return {
    topicName,
    payload: reader.binary(),
    qos: ((flags & WILL_QOS) >>> 3) as QoS,
    retain: (flags & WILL_RETAIN) !== 0,
    properties,
  };
}

/** Authentication Data belongs to a method. Holds in CONNECT, CONNACK and AUTH. */
export function checkAuthentication(properties: Properties): void {
  if (properties.authenticationData !== undefined && properties.authenticationMethod === undefined) {
    throw new ProtocolError("§3.1.2.11.10", "Authentication Data without an Authentication Method");
  }
}

/** @throws RangeError for a packet that the version cannot express. */
export function encodeConnect(writer: ByteWriter, packet: ConnectPacket): void {
  const { protocolVersion: version, will, userName, password } = packet;
  if (version !== 5 && password !== undefined && userName === undefined) {
    throw new RangeError("a Password without a User Name before MQTT 5.0");
  }
  writer.string(version === 3 ? "MQIsdp" : "MQTT");
  writer.byte(version);
  writer.byte(
    (userName !== undefined ? USER_NAME : 0) | (password !== undefined ? PASSWORD : 0) |
      (will === undefined ? 0 : WILL | (will.qos << 3) | (will.retain ? WILL_RETAIN : 0)) |
      (packet.cleanStart ? CLEAN_START : 0),
  );
  writer.uint16(packet.keepAlive);
  if (version === 5) writeProperties(writer, packet.properties, PacketType.Connect, Omit.Nothing);
  writer.string(packet.clientId);
  if (will !== undefined) {
    if (will.topicName === "") throw new RangeError("an empty Will Topic");
    if (version === 5) writeProperties(writer, will.properties, WILL_PROPERTIES, Omit.Nothing);
    writer.string(will.topicName);
    writer.binary(will.payload);
  }
  if (userName !== undefined) writer.string(userName);
  if (password !== undefined) writer.binary(password);
}
