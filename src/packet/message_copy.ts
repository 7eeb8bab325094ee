/** How the bytes of a message that is kept come to lie: as the frame that they came in, as regions side by side, or where
 * they were read. In: a borrowed message. Out: the fields of the one that is kept. Room: pure. @module */

import type { ApplicationMessage } from "./application_message.ts";
import { ByteWriter } from "./byte_writer.ts";
import { copyBytes, copyWords, viewOf } from "./copy_bytes.ts";
import { pieceFor, SMALL_MESSAGE_BYTES_MAX } from "./message_memory.ts";

/** At the front of a buffer for one large packet these stay free for the Topic Name and Properties of its message, as
 * far as they fit, and these for a longer head than it came with: whoever sends the Payload on puts it right before it. */
export const REGIONS_BYTES = 512;
const LONGER_HEAD_BYTES = 64;
export const FRONT_BYTES = REGIONS_BYTES + LONGER_HEAD_BYTES;

/** Three regions side by side: [start, topicEnd), [topicEnd, payloadStart), [payloadStart, end). */
export function layOut(
  message: ApplicationMessage,
  buffer: Uint8Array,
  start: number,
  topicEnd: number,
  payloadStart: number,
  end: number,
): void {
  message.buffer = buffer;
  message.topicStart = start + 2;
  message.topicEnd = topicEnd;
  message.propertiesStart = topicEnd;
  message.propertiesEnd = message.payloadStart = payloadStart;
  message.payloadEnd = end;
}

/** In one go, and so it can be sent on in one go. */
export function copyFrame(from: ApplicationMessage, copy: ApplicationMessage): void {
  const { frameStart, frameEnd } = from;
  const bytes = frameEnd - frameStart;
  let at = 0;
  if (bytes <= SMALL_MESSAGE_BYTES_MAX) {
    const piece = pieceFor(bytes);
    at = piece.used;
    piece.used = at + bytes;
    copyWords(piece.bytes, piece.view, at, from.buffer, viewOf(from.buffer), frameStart, frameEnd);
    copy.piece = piece;
    copy.buffer = piece.bytes;
  } else {
    copy.buffer = from.buffer.slice(frameStart, frameEnd);
  }
  const by = at - frameStart;
  copy.frameStart = at;
  copy.frameEnd = at + bytes;
  copy.frameVersion = from.frameVersion;
  copy.topicStart = from.topicStart + by;
  copy.topicEnd = from.topicEnd + by;
  copy.propertiesStart = from.propertiesStart + by;
  copy.propertiesEnd = from.propertiesEnd + by;
  copy.payloadStart = from.payloadStart + by;
  copy.payloadEnd = from.payloadEnd + by;
}

/** The regions alone: what stands between them is another receiver's, or nobody's. */
export function copyRegions(from: ApplicationMessage, copy: ApplicationMessage): void {
  // A PUBLISH with a Topic Alias alone brought no Topic Name: its bytes are made from the resolved name.
  const aliased = from.topicStart === from.topicEnd;
  const topic = aliased ? new ByteWriter(2 + from.topicName.length) : undefined;
  topic?.string(from.topicName);
  const topicBytes = topic === undefined ? 2 + from.topicEnd - from.topicStart : topic.length;
  const forwarded = from.forwardedProperties;
  const propertyBytes = forwarded === undefined ? from.propertiesEnd - from.propertiesStart : forwarded.length;
  const bytes = topicBytes + propertyBytes + from.payloadBytes;
  let start = 0;
  let buffer: Uint8Array;
  if (bytes <= SMALL_MESSAGE_BYTES_MAX) {
    const piece = copy.piece = pieceFor(bytes);
    buffer = piece.bytes;
    start = piece.used;
    piece.used += bytes;
  } else {
    buffer = new Uint8Array(bytes);
  }
  let at = topic === undefined
    ? copyBytes(buffer, start, from.buffer, from.topicStart - 2, from.topicEnd)
    : copyBytes(buffer, start, topic.buffer, 0, topic.length);
  at = forwarded === undefined
    ? copyBytes(buffer, at, from.buffer, from.propertiesStart, from.propertiesEnd)
    : copyBytes(buffer, at, forwarded, 0, forwarded.length);
  const end = copyBytes(buffer, at, from.buffer, from.payloadStart, from.payloadEnd);
  layOut(copy, buffer, start, start + topicBytes, at, end);
}

/** It lies in a buffer of its own, with room for its regions at the front. A Topic Alias stands for no region. */
export function canStay(from: ApplicationMessage): boolean {
  return from.shared !== undefined && from.topicStart !== from.topicEnd && frontBytes(from) <= REGIONS_BYTES;
}

/** The Payload stays where it is, and the other regions go to the front of its buffer. */
export function stay(from: ApplicationMessage, message: ApplicationMessage): void {
  const { buffer, forwardedProperties: forwarded } = from;
  const topicEnd = copyBytes(buffer, 0, buffer, from.topicStart - 2, from.topicEnd);
  const propertiesEnd = forwarded === undefined
    ? copyBytes(buffer, topicEnd, buffer, from.propertiesStart, from.propertiesEnd)
    : copyBytes(buffer, topicEnd, forwarded, 0, forwarded.length);
  layOut(message, buffer, 0, topicEnd, propertiesEnd, from.payloadEnd);
  message.payloadStart = from.payloadStart;
  message.shared = from.shared;
}

function frontBytes(from: ApplicationMessage): number {
  const propertyBytes = from.forwardedProperties?.length ?? from.propertiesEnd - from.propertiesStart;
  return 2 + from.topicEnd - from.topicStart + propertyBytes;
}
