/** How a PUBLISH is laid out for one receiver. Spec §3.3.
 * In: a message and the terms of a receiver. Out: how many bytes, then those bytes. Room: pure.
 * What only concerns the receiver stands first among the properties, so that it is found again: in a frame that was
 * encoded for somebody else it is written over.
 *
 *     Fixed Header | Topic Name | Packet Identifier | Property Length | Topic Alias, Subscription Identifiers |
 *     Message Expiry Interval | the properties that are passed on | Payload
 *
 * @module */

import { type ApplicationMessage, NEVER_EXPIRES } from "./application_message.ts";
import type { QoS } from "./control_packet.ts";
import { copyBytes } from "./copy_bytes.ts";
import { STRING_BYTES_MAX, utf8Bytes, writeUtf8 } from "./utf8.ts";
import {
  VARIABLE_BYTE_INTEGER_MAX,
  variableByteIntegerBytes,
  writeVariableByteInteger,
} from "./variable_byte_integer.ts";

const MESSAGE_EXPIRY_INTERVAL = 0x02;
const SUBSCRIPTION_IDENTIFIER = 0x0b;
const TOPIC_ALIAS = 0x23;

/** Bytes of the properties that only concern one receiver. @param topicAlias 0 = none. */
export function ownPropertyBytes(topicAlias: number, subscriptionIdentifiers: readonly number[] | undefined): number {
  let bytes = topicAlias === 0 ? 0 : 3;
  if (subscriptionIdentifiers !== undefined) {
    for (let i = 0; i < subscriptionIdentifiers.length; i++) {
      bytes += 1 + variableByteIntegerBytes(subscriptionIdentifiers[i]);
    }
  }
  return bytes;
}

/** Writes them at `at`. @returns the offset behind them. */
export function writeOwnProperties(
  target: Uint8Array,
  at: number,
  topicAlias: number,
  subscriptionIdentifiers: readonly number[] | undefined,
): number {
  if (topicAlias !== 0) {
    target[at++] = TOPIC_ALIAS;
    target[at++] = topicAlias >>> 8;
    target[at++] = topicAlias;
  }
  if (subscriptionIdentifiers !== undefined) {
    for (let i = 0; i < subscriptionIdentifiers.length; i++) {
      target[at++] = SUBSCRIPTION_IDENTIFIER;
      at = writeVariableByteInteger(target, at, subscriptionIdentifiers[i]);
    }
  }
  return at;
}

/** Makes whole frames at QoS 0 in [at, end), of one layout with this receiver's, this receiver's. */
export function readdressFrames(
  frames: Uint8Array,
  at: number,
  end: number,
  topicAlias: number,
  subscriptionIdentifiers: readonly number[] | undefined,
): void {
  while (at < end) {
    let byte = frames[++at];
    let remainingLength = byte & 0x7f;
    for (let shift = 7; byte >= 0x80; shift += 7) {
      byte = frames[++at];
      remainingLength |= (byte & 0x7f) << shift;
    }
    const next = ++at + remainingLength;
    at += 2 + ((frames[at] << 8) | frames[at + 1]);
    while (frames[at++] >= 0x80); // the Property Length
    writeOwnProperties(frames, at, topicAlias, subscriptionIdentifiers);
    at = next;
  }
}

/** How one message is laid out as PUBLISH for one receiver, measured before it is written. One object is enough for
 * any number of messages: `measure`, then `write` at once. */
export class PublishLayout {
  /** Bytes of the whole packet. May exceed what a packet can have: then it must not be written. */
  frameBytes = 0;
  /** Offset of the Packet Identifier from the start of the frame, or -1. */
  packetIdentifierAt = -1;
  /** Offset of the properties that only concern the receiver. */
  ownPropertiesAt = 0;
  #remainingLength = 0;
  #topicBytes = 0;
  #propertyLength = 0;
  /** The Topic Name's bytes stand in the message's buffer. */
  #topicInBuffer = false;

  /** For the parameters see `PublishFrameEncoder.encode`. */
  measure(
    message: ApplicationMessage,
    version: 4 | 5,
    qos: QoS,
    subscriptionIdentifiers: readonly number[] | undefined,
    expirySeconds: number,
    topicAlias: number,
    withTopic: boolean,
  ): void {
    this.#topicInBuffer = message.topicEnd > message.topicStart;
    if (!withTopic) this.#topicBytes = 0;
    else if (this.#topicInBuffer) this.#topicBytes = message.topicEnd - message.topicStart;
    else {
      this.#topicBytes = utf8Bytes(message.topicName);
      if (this.#topicBytes <= 0 || this.#topicBytes > STRING_BYTES_MAX) {
        throw new RangeError(`a Topic Name that cannot be sent, ${message.topicName.length} characters`);
      }
    }
    const headBytes = 2 + this.#topicBytes + (qos === 0 ? 0 : 2);
    let length = headBytes + message.payloadEnd - message.payloadStart;
    let propertyLengthBytes = 0;
    if (version === 5) {
      let properties = message.forwardedProperties === undefined
        ? message.propertiesEnd - message.propertiesStart
        : message.forwardedProperties.length;
      if (expirySeconds !== NEVER_EXPIRES) properties += 5;
      properties += ownPropertyBytes(topicAlias, subscriptionIdentifiers);
      this.#propertyLength = properties;
      propertyLengthBytes = variableByteIntegerBytes(properties);
      length += properties + propertyLengthBytes;
    }
    this.#remainingLength = length;
    this.frameBytes = 1 + variableByteIntegerBytes(length) + length;
    const bodyAt = this.frameBytes - length;
    this.packetIdentifierAt = qos === 0 ? -1 : bodyAt + 2 + this.#topicBytes;
    this.ownPropertiesAt = bodyAt + headBytes + propertyLengthBytes;
  }

  /** Whether a Control Packet can be that long at all. */
  get encodable(): boolean {
    return this.#remainingLength <= VARIABLE_BYTE_INTEGER_MAX;
  }

  /** Writes what was measured, with DUP 0, at `at`; `target` must have the room. The Packet Identifier is 0.
   * @param payloadEnd that of the message; or its `payloadStart`, and the Payload is sent from where it lies. */
  write(
    target: Uint8Array,
    at: number,
    message: ApplicationMessage,
    version: 4 | 5,
    qos: QoS,
    retain: boolean,
    subscriptionIdentifiers: readonly number[] | undefined,
    expirySeconds: number,
    topicAlias: number,
    payloadEnd: number,
  ): void {
    const { buffer } = message;
    target[at++] = 0x30 | (qos << 1) | (retain ? 1 : 0);
    at = writeVariableByteInteger(target, at, this.#remainingLength);
    const topicBytes = this.#topicBytes;
    target[at++] = topicBytes >>> 8;
    target[at++] = topicBytes;
    if (topicBytes > 0) {
      at = this.#topicInBuffer
        ? copyBytes(target, at, buffer, message.topicStart, message.topicEnd)
        : writeUtf8(target, at, message.topicName, topicBytes);
    }
    if (qos !== 0) {
      target[at++] = 0;
      target[at++] = 0;
    }
    if (version === 5) {
      at = writeVariableByteInteger(target, at, this.#propertyLength);
      at = writeOwnProperties(target, at, topicAlias, subscriptionIdentifiers);
      if (expirySeconds !== NEVER_EXPIRES) {
        target[at++] = MESSAGE_EXPIRY_INTERVAL;
        target[at++] = expirySeconds >>> 24;
        target[at++] = expirySeconds >>> 16;
        target[at++] = expirySeconds >>> 8;
        target[at++] = expirySeconds;
      }
      const forwarded = message.forwardedProperties;
      if (forwarded !== undefined) {
        at = copyBytes(target, at, forwarded, 0, forwarded.length);
      } else if (message.propertiesEnd === message.payloadStart) {
        copyBytes(target, at, buffer, message.propertiesStart, payloadEnd);
        return;
      } else {
        at = copyBytes(target, at, buffer, message.propertiesStart, message.propertiesEnd);
      }
    }
    copyBytes(target, at, buffer, message.payloadStart, payloadEnd);
  }
}
