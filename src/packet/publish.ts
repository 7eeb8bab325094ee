/** PUBLISH: bytes ⇄ PublishPacket. Spec §3.3.
 * In: the body after the Fixed Header, and its flags. Out: a packet whose message is a VIEW of the read buffer, valid
 * until the turn that handles it ends; who keeps it longer keeps `message.owned()`. Room: pure; no clock, no session.
 * Layout: Topic Name (2+n) | Packet Identifier (2, QoS > 0) | Properties (5.0) | Payload (rest). @module */

import { ApplicationMessage, NEVER_EXPIRES } from "./application_message.ts";
import { illFormedString } from "./byte_reader.ts";
import type { ByteWriter } from "./byte_writer.ts";
import { PacketType, type ProtocolVersion, type QoS } from "./control_packet.ts";
import { copyBytes } from "./copy_bytes.ts";
import { MalformedPacketError, ProtocolError } from "./errors.ts";
import {
  badPropertyValue,
  propertyBits,
  repeatedProperty,
  tooManyUserProperties,
  unknownProperty,
} from "./property.ts";
import { KnownProperties } from "./known_properties.ts";
import { knownTopics } from "./known_topics.ts";
import { PublishLayout } from "./publish_layout.ts";
import { checkTopicName, checkTopicNameField } from "./topic_name_bytes.ts";
import { utf8Kind } from "./utf8.ts";
import { VARIABLE_BYTE_INTEGER_MAX } from "./variable_byte_integer.ts";

/** A PUBLISH on the wire. The decoder hands out the same object for each PUBLISH of a connection; it and its borrowed
 * message are valid until the turn that handles it ends. */
export interface PublishPacket {
  readonly type: typeof PacketType.Publish;
  dup: boolean;
  /** 0 at QoS 0, else 1–65535. */
  packetIdentifier: number;
  /** 0 = no Topic Alias. */
  topicAlias: number;
  /** Only in a PUBLISH that a Server sent; undefined = none. */
  subscriptionIdentifiers: readonly number[] | undefined;
  /** topicName, qos, retain, properties and payload. topicName is "" when only an alias was sent, until
   * connection/topic_aliases has resolved it. */
  message: ApplicationMessage;
}

const { bits: PUBLISH_BITS, repeats: PUBLISH_REPEATS } = propertyBits(PacketType.Publish);

/** Identifiers of the properties that a PUBLISH may carry. §3.3.2.3 */
const Id = {
  PayloadFormatIndicator: 0x01,
  MessageExpiryInterval: 0x02,
  ContentType: 0x03,
  ResponseTopic: 0x08,
  CorrelationData: 0x09,
  SubscriptionIdentifier: 0x0b,
  TopicAlias: 0x23,
  UserProperty: 0x26,
} as const;

/** Decodes the PUBLISH packets of one connection into one object that is used again. One pass, and no allocation for a
 * topic that the process has met before. */
export class PublishReader {
  readonly #sender: "client" | "server";
  readonly #userPropertiesMax: number;
  readonly #packet: PublishPacket = {
    type: PacketType.Publish,
    dup: false,
    packetIdentifier: 0,
    topicAlias: 0,
    subscriptionIdentifiers: undefined,
    message: new ApplicationMessage(),
  };
  /** Where the topic of the PUBLISH before is known: most often it is that one again. −1 = nowhere. */
  #topicPlace = -1;
  /** The Subscription Identifier of the PUBLISH before, as a list: most often it is that one again. */
  #identifiers: readonly number[] = [];
  /** Made with the first properties: many publishers never send any. */
  #known: KnownProperties | undefined = undefined;

  constructor(sender: "client" | "server", userPropertiesMax: number) {
    this.#sender = sender;
    this.#userPropertiesMax = userPropertiesMax;
  }

  /** @param frameStart offset of the Fixed Header, whose flags were checked. @param at offset of the body. */
  decode(buffer: Uint8Array, frameStart: number, at: number, end: number, version: ProtocolVersion): PublishPacket {
    const packet = this.#packet;
    const message = packet.message;
    message.renew();
    const flags = buffer[frameStart];
    const qos = ((flags >>> 1) & 3) as QoS;
    const retain = (flags & 1) !== 0;
    packet.dup = (flags & 8) !== 0;
    packet.topicAlias = 0;
    packet.subscriptionIdentifiers = undefined;
    message.qos = qos;
    message.retain = retain;
    message.messageExpiryInterval = NEVER_EXPIRES;
    message.borrowed = true;
    message.buffer = buffer;
    message.forwardedProperties = undefined;
    message.propertiesKey = 0;

    if (at + 2 > end) throw truncated();
    const topicStart = at + 2;
    const topicEnd = topicStart + ((buffer[at] << 8) | buffer[at + 1]);
    if (topicEnd > end) throw truncated();
    at = topicEnd;
    if (topicStart === topicEnd) message.setTopic(undefined, "");
    else if (this.#topicPlace >= 0 && knownTopics.holds(this.#topicPlace, buffer, topicStart, topicEnd)) {
      const topic = knownTopics.at(this.#topicPlace);
      message.setTopic(topic, topic.name);
    } else {
      const topic = knownTopics.find(buffer, topicStart, topicEnd);
      this.#topicPlace = topic === undefined ? -1 : topic.place;
      if (topic === undefined) checkTopicNameField(buffer, topicStart, topicEnd);
      message.setTopic(topic, topic?.name);
    }
    message.topicStart = topicStart;
    message.topicEnd = topicEnd;

    if (qos === 0) {
      packet.packetIdentifier = 0;
    } else {
      if (at + 2 > end) throw truncated();
      const packetIdentifier = (buffer[at] << 8) | buffer[at + 1];
      if (packetIdentifier === 0) {
        throw new ProtocolError(
          this.#sender === "client" ? "MQTT-2.2.1-3" : "MQTT-2.2.1-4",
          "the Packet Identifier is 0",
        );
      }
      packet.packetIdentifier = packetIdentifier;
      at += 2;
    }

    message.propertiesStart = at;
    message.propertiesEnd = at;
    if (version === 5) {
      if (at >= end) throw truncated();
      const length = buffer[at];
      if (length === 0) {
        message.propertiesStart = message.propertiesEnd = ++at;
      } else {
        at = this.#decodeProperties(buffer, at, end);
      }
    }
    if (topicStart === topicEnd && packet.topicAlias === 0) {
      throw version === 5
        ? new ProtocolError("§3.3.2.1", "neither a Topic Name nor a Topic Alias")
        : new ProtocolError("MQTT-4.7.3-1", "a Topic Name is empty");
    }
    message.payloadStart = at;
    message.payloadEnd = end;

    message.frameVersion = version === 5 ? 5 : 4;
    if (
      (qos !== 0 || !retain) && packet.topicAlias === 0 && packet.subscriptionIdentifiers === undefined &&
      message.messageExpiryInterval === NEVER_EXPIRES
    ) {
      message.frameStart = frameStart;
      message.frameEnd = end;
    } else {
      message.frameStart = message.frameEnd = 0;
    }
    return packet;
  }

  /** Checks the properties in place. @returns the offset of the payload. */
  #decodeProperties(buffer: Uint8Array, at: number, packetEnd: number): number {
    let length = 0;
    let shift = 0;
    for (;;) {
      if (at >= packetEnd) throw truncated();
      const byte = buffer[at++];
      length |= (byte & 0x7f) << shift;
      if (byte < 0x80) {
        if (byte === 0 && shift > 0) {
          throw new MalformedPacketError("MQTT-1.5.5-1", "the Property Length is not in its shortest form");
        }
        break;
      }
      shift += 7;
      if (shift === 28) throw new MalformedPacketError("MQTT-1.5.5-1", "the Property Length has more than four bytes");
    }
    const end = at + length;
    if (end > packetEnd) throw truncated();

    const packet = this.#packet;
    const message = packet.message;
    const known = this.#known;
    if (known !== undefined && known.are(buffer, at, end)) {
      message.propertiesKey = known.key;
      message.messageExpiryInterval = known.messageExpiryInterval;
      packet.topicAlias = known.topicAlias;
      message.forwardedProperties = known.forwarded;
      message.propertiesStart = at + known.keptStart;
      message.propertiesEnd = at + known.keptEnd;
      return end;
    }
    const first = at;
    let seen = 0;
    let userProperties = 0;
    // What is passed on is one range as long as the properties that are cut stand at its edges; `scattered` when not.
    let keptStart = at;
    let keptEnd = at;
    let keptBytes = 0;
    let scattered = false;
    while (at < end) {
      const start = at;
      const identifier = buffer[at++];
      const bit = PUBLISH_BITS[identifier];
      if (bit === 0) throw unknownProperty(identifier);
      if ((seen & bit) !== 0 && (PUBLISH_REPEATS & bit) === 0) throw repeatedProperty(identifier);
      seen |= bit;
      switch (identifier) {
        case Id.PayloadFormatIndicator:
          if (at >= end) throw truncated();
          if (buffer[at] > 1) throw badPropertyValue(identifier, buffer[at]);
          at++;
          break;
        case Id.ContentType:
          at = skipText(buffer, at, end, "MQTT-3.3.2-19");
          break;
        case Id.ResponseTopic: {
          const text = at + 2;
          at = skipText(buffer, at, end, "MQTT-3.3.2-13");
          checkTopicName(buffer, text, at, "MQTT-3.3.2-14");
          break;
        }
        case Id.CorrelationData:
          if (at + 2 > end) throw truncated();
          at += 2 + ((buffer[at] << 8) | buffer[at + 1]);
          if (at > end) throw truncated();
          break;
        case Id.UserProperty:
          if (++userProperties > this.#userPropertiesMax) throw tooManyUserProperties(this.#userPropertiesMax);
          at = skipText(buffer, at, end, "MQTT-1.5.7-1");
          at = skipText(buffer, at, end, "MQTT-1.5.7-1");
          break;
        case Id.MessageExpiryInterval:
          if (at + 4 > end) throw truncated();
          message.messageExpiryInterval =
            ((buffer[at] << 24) | (buffer[at + 1] << 16) | (buffer[at + 2] << 8) | buffer[at + 3]) >>> 0;
          at += 4;
          continue;
        case Id.TopicAlias:
          if (at + 2 > end) throw truncated();
          packet.topicAlias = (buffer[at] << 8) | buffer[at + 1];
          if (packet.topicAlias === 0) throw badPropertyValue(identifier, 0);
          at += 2;
          continue;
        case Id.SubscriptionIdentifier:
          at = this.#subscriptionIdentifier(buffer, at, end);
          continue;
      }
      // Here stand only properties that are passed on.
      if (keptBytes === 0) keptStart = start;
      else if (start !== keptEnd) scattered = true;
      keptEnd = at;
      keptBytes += at - start;
    }
    if (scattered) {
      message.forwardedProperties = gather(buffer, first, end, keptBytes);
      message.propertiesStart = message.propertiesEnd = end;
    } else {
      message.propertiesStart = keptStart;
      message.propertiesEnd = keptEnd;
    }
    if (packet.subscriptionIdentifiers === undefined) {
      (this.#known ??= new KnownProperties()).miss(packet, first, end);
    }
    return end;
  }

  #subscriptionIdentifier(buffer: Uint8Array, at: number, end: number): number {
    if (this.#sender === "client") {
      throw new ProtocolError("MQTT-3.3.4-6", "a Client's PUBLISH carries a Subscription Identifier");
    }
    let value = 0;
    for (let shift = 0; shift < 28; shift += 7) {
      if (at >= end) throw truncated();
      const byte = buffer[at++];
      value |= (byte & 0x7f) << shift;
      if (byte >= 0x80) continue;
      if (byte === 0 && shift > 0) break;
      if (value === 0) throw badPropertyValue(Id.SubscriptionIdentifier, 0);
      this.#addIdentifier(value);
      return at;
    }
    throw new MalformedPacketError("MQTT-1.5.5-1", "a Subscription Identifier is not a Variable Byte Integer");
  }

  /** One alone, which is the rule, comes in a list that several packets share. */
  #addIdentifier(value: number): void {
    const packet = this.#packet;
    const former = packet.subscriptionIdentifiers;
    if (former === undefined) {
      if (this.#identifiers[0] !== value) this.#identifiers = Object.freeze([value]);
      packet.subscriptionIdentifiers = this.#identifiers;
    } else if (former === this.#identifiers) packet.subscriptionIdentifiers = [former[0], value];
    else (former as number[]).push(value);
  }
}

function truncated(): MalformedPacketError {
  return new MalformedPacketError("§2.1.4", "the PUBLISH ends within a field");
}

function skipText(buffer: Uint8Array, at: number, end: number, statement: string): number {
  if (at + 2 > end) throw truncated();
  const start = at + 2;
  const textEnd = start + ((buffer[at] << 8) | buffer[at + 1]);
  if (textEnd > end) throw truncated();
  const kind = utf8Kind(buffer, start, textEnd);
  if (kind < 0) throw illFormedString(kind, statement);
  return textEnd;
}

/** Copies the properties that are passed on out of a list that was checked before. */
function gather(buffer: Uint8Array, at: number, end: number, keptBytes: number): Uint8Array {
  const kept = new Uint8Array(keptBytes);
  let to = 0;
  while (at < end) {
    const start = at;
    const identifier = buffer[at++];
    switch (identifier) {
      case Id.MessageExpiryInterval:
        at += 4;
        continue;
      case Id.TopicAlias:
        at += 2;
        continue;
      case Id.SubscriptionIdentifier:
        while (buffer[at++] >= 0x80);
        continue;
      case Id.PayloadFormatIndicator:
        at++;
        break;
      case Id.UserProperty:
        at += 2 + ((buffer[at] << 8) | buffer[at + 1]);
        at += 2 + ((buffer[at] << 8) | buffer[at + 1]);
        break;
      default:
        at += 2 + ((buffer[at] << 8) | buffer[at + 1]);
    }
    to = copyBytes(kept, to, buffer, start, at);
  }
  return kept;
}

const layout = new PublishLayout();

/** Appends a PUBLISH as it stands, with its DUP, Packet Identifier, alias and identifiers. For the client side; the
 * broker's deliveries go through publish_frame.ts.
 * @returns false when it does not fit into `maximumPacketSize`.
 * @throws RangeError for a packet that cannot be encoded. */
export function encodePublish(
  writer: ByteWriter,
  packet: PublishPacket,
  version: ProtocolVersion,
  maximumPacketSize: number,
): boolean {
  const { message, packetIdentifier, subscriptionIdentifiers } = packet;
  const { qos, retain, messageExpiryInterval } = message;
  const alias = version === 5 ? packet.topicAlias : 0;
  if (qos === 0 && packet.dup) throw new RangeError("DUP at QoS 0");
  if (qos !== 0 && !isUint16(packetIdentifier)) throw new RangeError(`${packetIdentifier} is not a Packet Identifier`);
  if (alias !== 0 && !isUint16(alias)) throw new RangeError(`${alias} is not a Topic Alias`);
  for (const identifier of subscriptionIdentifiers ?? []) {
    if (!(Number.isInteger(identifier) && identifier >= 1 && identifier <= VARIABLE_BYTE_INTEGER_MAX)) {
      throw new RangeError(`${identifier} is not a Subscription Identifier`);
    }
  }
  const frameVersion = version === 5 ? 5 : 4;
  const withTopic = alias === 0 || message.topicName !== "";
  layout.measure(message, frameVersion, qos, subscriptionIdentifiers, messageExpiryInterval, alias, withTopic);
  if (!layout.encodable) throw new RangeError(`${layout.frameBytes} bytes, more than a Control Packet can have`);
  if (layout.frameBytes > maximumPacketSize) return false;
  writer.reserve(layout.frameBytes);
  const at = writer.length;
  layout.write(
    writer.buffer,
    at,
    message,
    frameVersion,
    qos,
    retain,
    subscriptionIdentifiers,
    messageExpiryInterval,
    alias,
    message.payloadEnd,
  );
  if (packet.dup) writer.buffer[at] |= 8;
  if (qos !== 0) {
    writer.buffer[at + layout.packetIdentifierAt] = packetIdentifier >>> 8;
    writer.buffer[at + layout.packetIdentifierAt + 1] = packetIdentifier;
  }
  writer.length = at + layout.frameBytes;
  return true;
}

function isUint16(value: number): boolean {
  return Number.isInteger(value) && value >= 1 && value <= 0xffff;
}
