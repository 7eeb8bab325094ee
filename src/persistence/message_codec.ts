/** An Application Message ⇄ the bytes of its `message` column.
 * Layout: flags (1: QoS in bits 0–1, RETAIN in bit 2, "has a Message Expiry Interval" in bit 3) | Message Expiry
 * Interval (4) | received at, milliseconds (8, double) | payload start in what follows (4) | the message's three regions,
 * which begin with the Topic Name's length. Big-endian. Room: pure. @module */

import { ApplicationMessage, NEVER_EXPIRES } from "../packet/application_message.ts";
import type { QoS } from "../packet/control_packet.ts";
import type { PackedReader, PackedWriter } from "./packed_bytes.ts";

/** Before the message's regions. */
export const HEADER_BYTES = 17;
const RETAIN = 4;
const HAS_EXPIRY = 8;

/** Length of what `writeMessage` writes. */
export function messageLength(message: ApplicationMessage): number {
  return HEADER_BYTES + message.bytes;
}

/** @param message owned. */
export function writeMessage(writer: PackedWriter, message: ApplicationMessage): void {
  const hasExpiry = message.messageExpiryInterval !== NEVER_EXPIRES;
  writer.uint8(message.qos | (message.retain ? RETAIN : 0) | (hasExpiry ? HAS_EXPIRY : 0));
  writer.uint32(hasExpiry ? message.messageExpiryInterval : 0);
  writer.float64(message.receivedAtMs);
  writer.uint32(message.bytes - message.payloadBytes);
  writer.message(message);
}

/** @param length as `messageLength` gave it. The message keeps a view of the reader's bytes.
 * @throws RangeError when these are not the bytes of a message. */
export function readMessage(reader: PackedReader, length: number): ApplicationMessage {
  if (length < HEADER_BYTES + 2) throw new RangeError(`a message of ${length} bytes`);
  const flags = reader.uint8();
  const messageExpiryInterval = reader.uint32();
  const receivedAtMs = reader.float64();
  const payloadStart = reader.uint32();
  const buffer = reader.raw(length - HEADER_BYTES);
  return ApplicationMessage.restore({
    buffer,
    propertiesStart: 2 + (buffer[0] << 8 | buffer[1]),
    payloadStart,
    qos: (flags & 3) as QoS,
    retain: (flags & RETAIN) !== 0,
    messageExpiryInterval: (flags & HAS_EXPIRY) !== 0 ? messageExpiryInterval : NEVER_EXPIRES,
    receivedAtMs,
  });
}
