/** Properties: their names, types, and the packets that may carry them. Spec §2.2.2.
 * In: a reader or a writer, and whose properties they are. Out: `Properties`, or their bytes. Room: pure.
 * PUBLISH, the hot path, scans its properties in place (publish.ts) by the same table. @module */

import type { ByteReader } from "./byte_reader.ts";
import type { ByteWriter } from "./byte_writer.ts";
import { PacketType } from "./control_packet.ts";
import { MalformedPacketError, ProtocolError } from "./errors.ts";
import { ReasonCode } from "./reason_code.ts";
import { checkTopicName } from "./topic_name_bytes.ts";

/** A User Property: name and value. The order of several is kept, equal names are allowed. */
export type UserProperty = readonly [name: string, value: string];

/** The properties of a packet other than PUBLISH's hot path; a field that is missing was not sent.
 * Values are as on the wire; bytes that can only be 0 or 1 and mean yes or no are booleans. */
export interface Properties {
  /** 0 = bytes, 1 = UTF-8 text. */
  payloadFormatIndicator?: 0 | 1;
  /** Seconds, 0–0xFFFFFFFF. */
  messageExpiryInterval?: number;
  contentType?: string;
  responseTopic?: string;
  correlationData?: Uint8Array;
  /** 1–268,435,455 each. One in SUBSCRIBE, any number in a PUBLISH of the Server. */
  subscriptionIdentifiers?: readonly number[];
  /** Seconds, 0xFFFFFFFF = never. */
  sessionExpiryInterval?: number;
  assignedClientIdentifier?: string;
  /** Seconds. */
  serverKeepAlive?: number;
  authenticationMethod?: string;
  authenticationData?: Uint8Array;
  requestProblemInformation?: boolean;
  /** Seconds. */
  willDelayInterval?: number;
  requestResponseInformation?: boolean;
  responseInformation?: string;
  serverReference?: string;
  reasonString?: string;
  /** 1–65535. */
  receiveMaximum?: number;
  topicAliasMaximum?: number;
  /** 1–65535. */
  topicAlias?: number;
  maximumQoS?: 0 | 1;
  retainAvailable?: boolean;
  userProperties?: UserProperty[];
  /** Bytes, 1–0xFFFFFFFF. */
  maximumPacketSize?: number;
  wildcardSubscriptionAvailable?: boolean;
  subscriptionIdentifierAvailable?: boolean;
  sharedSubscriptionAvailable?: boolean;
}

/** The properties of a packet that carries none. Shared and frozen: never written to. */
export const NO_PROPERTIES: Properties = Object.freeze({});

/** How a value lies on the wire. §2.2.2.2 */
const Wire = {
  /** One byte that is 0 or 1 and means no or yes. */
  Flag: 0,
  /** One byte that is 0 or 1 and stays a number. */
  Bit: 1,
  Uint16: 2,
  Uint32: 3,
  VariableByteInteger: 4,
  Text: 5,
  Binary: 6,
  TextPair: 7,
} as const;
type Wire = typeof Wire[keyof typeof Wire];

/** The Will Properties are a set of their own; no packet has the type 0, so its bit is free for them. */
export const WILL_PROPERTIES = 0;
const all = (...types: number[]) => types.reduce((bits, type) => bits | 1 << type, 0);
const MESSAGE = all(WILL_PROPERTIES, PacketType.Publish);
const CONNECTING = all(PacketType.Connect, PacketType.Connack);
const ACKNOWLEDGING = all(PacketType.Puback, PacketType.Pubrec, PacketType.Pubrel, PacketType.Pubcomp);

interface PropertyDefinition {
  readonly identifier: number;
  readonly name: keyof Properties;
  readonly wire: Wire;
  /** Bit n: allowed in the packet of type n; bit WILL_PROPERTIES: in a Will. */
  readonly packets: number;
  /** Where the specification forbids a second one, and a wrong value. */
  readonly section: string;
  /** 0 is a Protocol Error. */
  readonly nonZero?: true;
  /** Bit n: may occur several times in the packet of type n. */
  readonly repeats?: number;
}

/** Table 2-4. Decoding, encoding, and the checks of where and how often all read this table. */
const PROPERTIES: readonly PropertyDefinition[] = [
  { identifier: 0x01, name: "payloadFormatIndicator", wire: Wire.Bit, packets: MESSAGE, section: "§3.3.2.3.2" },
  { identifier: 0x02, name: "messageExpiryInterval", wire: Wire.Uint32, packets: MESSAGE, section: "§3.3.2.3.3" },
  { identifier: 0x03, name: "contentType", wire: Wire.Text, packets: MESSAGE, section: "§3.3.2.3.9" },
  { identifier: 0x08, name: "responseTopic", wire: Wire.Text, packets: MESSAGE, section: "§3.3.2.3.5" },
  { identifier: 0x09, name: "correlationData", wire: Wire.Binary, packets: MESSAGE, section: "§3.3.2.3.6" },
  {
    identifier: 0x0b,
    name: "subscriptionIdentifiers",
    wire: Wire.VariableByteInteger,
    packets: all(PacketType.Publish, PacketType.Subscribe),
    section: "§3.8.2.1.2",
    nonZero: true,
    repeats: all(PacketType.Publish),
  },
  {
    identifier: 0x11,
    name: "sessionExpiryInterval",
    wire: Wire.Uint32,
    packets: CONNECTING | all(PacketType.Disconnect),
    section: "§3.1.2.11.2",
  },
  {
    identifier: 0x12,
    name: "assignedClientIdentifier",
    wire: Wire.Text,
    packets: all(PacketType.Connack),
    section: "§3.2.2.3.7",
  },
  {
    identifier: 0x13,
    name: "serverKeepAlive",
    wire: Wire.Uint16,
    packets: all(PacketType.Connack),
    section: "§3.2.2.3.14",
  },
  {
    identifier: 0x15,
    name: "authenticationMethod",
    wire: Wire.Text,
    packets: CONNECTING | all(PacketType.Auth),
    section: "§3.1.2.11.9",
  },
  {
    identifier: 0x16,
    name: "authenticationData",
    wire: Wire.Binary,
    packets: CONNECTING | all(PacketType.Auth),
    section: "§3.1.2.11.10",
  },
  {
    identifier: 0x17,
    name: "requestProblemInformation",
    wire: Wire.Flag,
    packets: all(PacketType.Connect),
    section: "§3.1.2.11.7",
  },
  {
    identifier: 0x18,
    name: "willDelayInterval",
    wire: Wire.Uint32,
    packets: all(WILL_PROPERTIES),
    section: "§3.1.3.2.2",
  },
  {
    identifier: 0x19,
    name: "requestResponseInformation",
    wire: Wire.Flag,
    packets: all(PacketType.Connect),
    section: "§3.1.2.11.6",
  },
  {
    identifier: 0x1a,
    name: "responseInformation",
    wire: Wire.Text,
    packets: all(PacketType.Connack),
    section: "§3.2.2.3.15",
  },
  {
    identifier: 0x1c,
    name: "serverReference",
    wire: Wire.Text,
    packets: all(PacketType.Connack, PacketType.Disconnect),
    section: "§3.2.2.3.16",
  },
  {
    identifier: 0x1f,
    name: "reasonString",
    wire: Wire.Text,
    packets: ACKNOWLEDGING |
      all(PacketType.Connack, PacketType.Suback, PacketType.Unsuback, PacketType.Disconnect, PacketType.Auth),
    section: "§3.2.2.3.9",
  },
  {
    identifier: 0x21,
    name: "receiveMaximum",
    wire: Wire.Uint16,
    packets: CONNECTING,
    section: "§3.1.2.11.3",
    nonZero: true,
  },
  { identifier: 0x22, name: "topicAliasMaximum", wire: Wire.Uint16, packets: CONNECTING, section: "§3.1.2.11.5" },
  {
    identifier: 0x23,
    name: "topicAlias",
    wire: Wire.Uint16,
    packets: all(PacketType.Publish),
    section: "§3.3.2.3.4",
    nonZero: true,
  },
  { identifier: 0x24, name: "maximumQoS", wire: Wire.Bit, packets: all(PacketType.Connack), section: "§3.2.2.3.4" },
  {
    identifier: 0x25,
    name: "retainAvailable",
    wire: Wire.Flag,
    packets: all(PacketType.Connack),
    section: "§3.2.2.3.5",
  },
  {
    identifier: 0x26,
    name: "userProperties",
    wire: Wire.TextPair,
    packets: MESSAGE | CONNECTING | ACKNOWLEDGING | all(
      PacketType.Subscribe,
      PacketType.Suback,
      PacketType.Unsubscribe,
      PacketType.Unsuback,
      PacketType.Disconnect,
      PacketType.Auth,
    ),
    section: "§3.1.2.11.8",
    repeats: 0xffff,
  },
  {
    identifier: 0x27,
    name: "maximumPacketSize",
    wire: Wire.Uint32,
    packets: CONNECTING,
    section: "§3.1.2.11.4",
    nonZero: true,
  },
  {
    identifier: 0x28,
    name: "wildcardSubscriptionAvailable",
    wire: Wire.Flag,
    packets: all(PacketType.Connack),
    section: "§3.2.2.3.11",
  },
  {
    identifier: 0x29,
    name: "subscriptionIdentifierAvailable",
    wire: Wire.Flag,
    packets: all(PacketType.Connack),
    section: "§3.2.2.3.12",
  },
  {
    identifier: 0x2a,
    name: "sharedSubscriptionAvailable",
    wire: Wire.Flag,
    packets: all(PacketType.Connack),
    section: "§3.2.2.3.13",
  },
];

/** identifier → index in PROPERTIES, -1 for one that does not exist. */
const INDEX = new Int8Array(256).fill(-1);
PROPERTIES.forEach((definition, index) => INDEX[definition.identifier] = index);

/** packet type → the definitions it may carry, in the order in which they are written. */
const ALLOWED: readonly PropertyDefinition[][] = Array.from(
  { length: 16 },
  (_, type) => PROPERTIES.filter((definition) => definition.packets & (1 << type)),
);

/** For scanners that build no objects: identifier → a bit of its own when the packet may carry it, else 0; and the bits
 * of those that may come several times. */
export function propertyBits(packetType: number): { bits: Uint32Array; repeats: number } {
  const bits = new Uint32Array(256);
  let repeats = 0;
  PROPERTIES.forEach(({ identifier, packets, repeats: repeatedIn = 0 }, index) => {
    if (packets & (1 << packetType)) bits[identifier] = 1 << index;
    if (repeatedIn & (1 << packetType)) repeats |= 1 << index;
  });
  return { bits, repeats };
}

/** The error for an identifier that does not exist or does not belong into the packet. §2.2.2.2 */
export function unknownProperty(identifier: number): MalformedPacketError {
  return new MalformedPacketError("§2.2.2.2", `property ${hex(identifier)} does not belong into this packet`);
}

/** The error for a second one of a property that may come once. */
export function repeatedProperty(identifier: number): ProtocolError {
  const { name, section } = PROPERTIES[INDEX[identifier]];
  return new ProtocolError(section, `${name} is there twice`);
}

/** The error for a value that the property may not have. */
export function badPropertyValue(identifier: number, value: number): ProtocolError {
  const { name, section } = PROPERTIES[INDEX[identifier]];
  if (name === "topicAlias") return new ProtocolError("MQTT-3.3.2-8", "Topic Alias 0", ReasonCode.TopicAliasInvalid);
  return new ProtocolError(section, `${name} is ${value}`);
}

/** The error for more User Properties than we take: a bound of ours, so that a packet cannot make a million strings. */
export function tooManyUserProperties(max: number): ProtocolError {
  return new ProtocolError("§4.13.1", `more than ${max} User Properties`, ReasonCode.QuotaExceeded);
}

/** Reads the Property Length and the Properties behind it.
 * @param packetType whose properties they are; WILL_PROPERTIES for those of a Will. */
export function readProperties(reader: ByteReader, packetType: number, userPropertiesMax: number): Properties {
  const length = reader.variableByteInteger();
  if (length === 0) return NO_PROPERTIES;
  const outer = reader.enter(length);
  const properties = readPropertyList(reader, packetType, userPropertiesMax);
  reader.leave(outer);
  return properties;
}

/** Reads Properties up to the end of the reader's range. */
export function readPropertyList(reader: ByteReader, packetType: number, userPropertiesMax: number): Properties {
  const properties: Properties = {};
  const values = properties as Record<string, unknown>;
  let seen = 0;
  let userProperties: UserProperty[] | undefined;
  while (reader.remaining > 0) {
    // The identifier is a Variable Byte Integer; all that exist fit into one byte.
    const identifier = reader.byte();
    const index = INDEX[identifier];
    if (index < 0) throw unknownProperty(identifier);
    const { name, wire, packets, nonZero, repeats = 0 } = PROPERTIES[index];
    if ((packets & (1 << packetType)) === 0) throw unknownProperty(identifier);
    if ((seen & (1 << index)) !== 0 && (repeats & (1 << packetType)) === 0) throw repeatedProperty(identifier);
    seen |= 1 << index;
    switch (wire) {
      case Wire.Flag:
      case Wire.Bit: {
        const value = reader.byte();
        if (value > 1) throw badPropertyValue(identifier, value);
        values[name] = wire === Wire.Flag ? value === 1 : value;
        break;
      }
      case Wire.Uint16:
      case Wire.Uint32: {
        const value = wire === Wire.Uint16 ? reader.uint16() : reader.uint32();
        if (value === 0 && nonZero) throw badPropertyValue(identifier, value);
        values[name] = value;
        break;
      }
      case Wire.VariableByteInteger: {
        const value = reader.variableByteInteger();
        if (value === 0) throw badPropertyValue(identifier, value);
        ((properties.subscriptionIdentifiers ??= []) as number[]).push(value);
        break;
      }
      case Wire.Text:
        if (name === "responseTopic") {
          const start = reader.position + 2;
          properties.responseTopic = reader.string("MQTT-3.3.2-13");
          checkTopicName(reader.buffer, start, reader.position, "MQTT-3.3.2-14");
        } else values[name] = reader.string(name === "contentType" ? "MQTT-3.3.2-19" : "MQTT-1.5.4-1");
        break;
      case Wire.Binary:
        values[name] = reader.binary();
        break;
      case Wire.TextPair:
        userProperties ??= properties.userProperties = [];
        if (userProperties.length >= userPropertiesMax) throw tooManyUserProperties(userPropertiesMax);
        userProperties.push([reader.string("MQTT-1.5.7-1"), reader.string("MQTT-1.5.7-1")]);
        break;
    }
  }
  return properties;
}

/** What an encoder leaves out of a packet that is too large for its receiver: first the Reason String, then the User
 * Properties as well [MQTT-3.2.2-19], [MQTT-3.2.2-20] and their like. */
export const Omit = { Nothing: 0, ReasonString: 1, ReasonStringAndUserProperties: 2 } as const;
export type Omit = typeof Omit[keyof typeof Omit];

/** Whether nothing is left to write: then some packets have a shorter form. */
export function hasNoProperties(properties: Properties, omit: Omit): boolean {
  for (const name in properties) {
    if (isWritten(properties, name as keyof Properties, omit)) return false;
  }
  return true;
}

/** Writes the Property Length and the Properties.
 * @throws RangeError for a property that the packet does not have, or a value that it cannot hold. */
export function writeProperties(writer: ByteWriter, properties: Properties, packetType: number, omit: Omit): void {
  const opened = writer.openBlock();
  if (properties !== NO_PROPERTIES) writePropertyList(writer, properties, packetType, omit, NOTHING);
  writer.closeBlock(opened);
}
const NOTHING: ReadonlySet<keyof Properties> = new Set();

/** Writes Properties without their length. Those in `ignored` are passed over, also where they do not belong. */
export function writePropertyList(
  writer: ByteWriter,
  properties: Properties,
  packetType: number,
  omit: Omit,
  ignored: ReadonlySet<keyof Properties>,
): void {
  let expected = 0;
  for (const key in properties) {
    const name = key as keyof Properties;
    if (isWritten(properties, name, omit) && !ignored.has(name)) expected++;
  }
  for (const definition of ALLOWED[packetType]) {
    const { name } = definition;
    if (!isWritten(properties, name, omit) || ignored.has(name)) continue;
    expected--;
    writeProperty(writer, definition, properties[name]!, packetType);
  }
  if (expected !== 0) {
    const strangers = Object.keys(properties).filter((name) => !ALLOWED[packetType].some((d) => d.name === name));
    throw new RangeError(`properties that do not belong into this packet: ${strangers.join(", ")}`);
  }
}

function isWritten(properties: Properties, name: keyof Properties, omit: Omit): boolean {
  const value = properties[name];
  if (value === undefined) return false;
  if (name === "reasonString") return omit === Omit.Nothing;
  if (name === "userProperties") return omit !== Omit.ReasonStringAndUserProperties && (value as unknown[]).length > 0;
  if (name === "subscriptionIdentifiers") return (value as unknown[]).length > 0;
  return true;
}

function writeProperty(
  writer: ByteWriter,
  { identifier, name, wire, nonZero, repeats = 0 }: PropertyDefinition,
  value: NonNullable<Properties[keyof Properties]>,
  packetType: number,
): void {
  switch (wire) {
    case Wire.Flag:
    case Wire.Bit:
      if (Number(value) !== 0 && Number(value) !== 1) throw new RangeError(`${name} is ${value}`);
      writer.byte(identifier);
      writer.byte(Number(value));
      break;
    case Wire.Uint16:
    case Wire.Uint32:
      if (value === 0 && nonZero) throw new RangeError(`${name} is 0`);
      writer.byte(identifier);
      if (wire === Wire.Uint16) writer.uint16(value as number);
      else writer.uint32(value as number);
      break;
    case Wire.VariableByteInteger: {
      const numbers = value as number[];
      if (numbers.length > 1 && (repeats & (1 << packetType)) === 0) throw new RangeError(`${name}: only one allowed`);
      for (const number of numbers) {
        if (number === 0) throw new RangeError(`${name} holds 0`);
        writer.byte(identifier);
        writer.variableByteInteger(number);
      }
      break;
    }
    case Wire.Text:
      writer.byte(identifier);
      writer.string(value as string);
      break;
    case Wire.Binary:
      writer.byte(identifier);
      writer.binary(value as Uint8Array);
      break;
    case Wire.TextPair:
      for (const [key, text] of value as UserProperty[]) {
        writer.byte(identifier);
        writer.string(key);
        writer.string(text);
      }
      break;
  }
}

function hex(byte: number): string {
  return `0x${byte.toString(16).padStart(2, "0")}`;
}
