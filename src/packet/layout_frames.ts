/** PUBLISH packets of one layout, encoded side by side. Spec §3.3. Room: pure.
 *
 *     memory | frame 1 | frame 2 | … | free     anew from the front when nobody refers to it
 *
 * A publisher mostly sends the same Topic Name and properties with each message. Then the next frame begins with what the
 * last one begins with, up to the Payload, and that is copied instead of laid out again. @module */

import { type ApplicationMessage, NEVER_EXPIRES } from "./application_message.ts";
import { copyBytes, copyWords, viewOf } from "./copy_bytes.ts";
import { type PublishLayout, writeOwnProperties } from "./publish_layout.ts";

/** Who refers to frames that were not copied yet. */
export interface FrameReferrers {
  /** Nobody does. */
  readonly isSettled: boolean;
  /** Whoever does copies them now. */
  settle(): void;
}

/** Where one encoded PUBLISH lies. To be read before the next `encode`. A frame larger than any Control Packet has a `size`
 * above 0xFFFFFFFF and no bytes: every comparison with a Maximum Packet Size refuses it. */
export interface PublishFrame {
  readonly buffer: Uint8Array;
  readonly start: number;
  readonly end: number;
  /** Offset in `buffer` of the two Packet Identifier bytes, or -1 at QoS 0. At QoS 1 and 2 `addressFrame` writes the
   * receiver's into the copy, and its first byte: in a frame that was received both are the sender's. */
  readonly packetIdentifierAt: number;
  /** true: [start, end) may be referred to until the FrameReferrers settle. false: copy now. */
  readonly mayBeReferredTo: boolean;
  /** Whose they are: another receiver's are written over in the copy. */
  readonly topicAlias: number;
  readonly subscriptionIdentifiers: readonly number[] | undefined;
  /** Of the whole frame. More than `end - start`: a large Payload follows, which lies in the message and may be referred
   * to, by who holds `message.shared` if there is one. */
  readonly size: number;
}

/** Whether the frame has these own properties, and not another receiver's of the same layout. Lists are compared by
 * identity: that of one subscription is the same each time. */
export function isOf(
  frame: PublishFrame,
  topicAlias: number,
  subscriptionIdentifiers: readonly number[] | undefined,
): boolean {
  return frame.topicAlias === topicAlias && frame.subscriptionIdentifiers === subscriptionIdentifiers;
}

/** Memory of a layout: the first, and the most, which is what one read brings. */
const LAYOUT_BYTES_INITIAL = 4 * 1024;
export const LAYOUT_BYTES_MAX = 64 * 1024;
const NO_BYTES = new Uint8Array(0);
const NO_TERMS = -1;
/** As a `propertiesKey`. */
const NO_PROPERTIES = -1;

/** The last frame of one layout, and those before it that somebody may refer to. */
export class LayoutFrames implements PublishFrame {
  buffer: Uint8Array = NO_BYTES;
  start = 0;
  end = 0;
  packetIdentifierAt = -1;
  mayBeReferredTo = false;
  topicAlias = 0;
  subscriptionIdentifiers: readonly number[] | undefined = undefined;
  size = 0;
  /** The encoder's round that the frame is of; 0: none. */
  round = 0;
  expirySeconds = NEVER_EXPIRES;
  /** All else that the layout depends on, in one number. */
  terms = NO_TERMS;
  /** What the last frame begins with; 0 = it is not known well enough to be repeated. */
  #propertiesKey = 0;
  #topicName: string | undefined = undefined;
  /** Up to the Payload. */
  #headBytes = 0;
  #ownPropertiesAt = 0;

  /** A place for a frame of `bytes` behind the others, or at the front. */
  open(bytes: number, referrers: FrameReferrers): void {
    let start = referrers.isSettled ? 0 : this.end;
    if (start + bytes > this.buffer.length) {
      start = 0;
      if (this.buffer.length < LAYOUT_BYTES_MAX) this.#grow(bytes);
      else referrers.settle();
    }
    this.start = start;
    this.end = start + bytes;
  }

  /** Who refers to the former memory goes on doing so. */
  #grow(bytes: number): void {
    let size = Math.max(LAYOUT_BYTES_INITIAL, this.buffer.length * 4);
    while (size < bytes) size *= 4;
    this.buffer = new Uint8Array(size);
  }

  /** The frame that was just written is `message`'s, with all of its Payload: the next one may begin like it. */
  rememberHead(message: ApplicationMessage, version: 4 | 5, { ownPropertiesAt }: PublishLayout): void {
    this.#propertiesKey = propertiesKeyOf(message, version);
    this.#topicName = message.knownTopicName;
    this.#headBytes = this.end - this.start - message.payloadBytes;
    this.#ownPropertiesAt = ownPropertiesAt;
  }

  forgetHead(): void {
    this.#propertiesKey = 0;
  }

  /** Whether the frame of `message` begins like the last one, but for what is the receiver's own. */
  hasHeadOf(message: ApplicationMessage, version: 4 | 5, expirySeconds: number, hasTopic: boolean): boolean {
    const key = this.#propertiesKey;
    return key !== 0 && key === propertiesKeyOf(message, version) && this.expirySeconds === expirySeconds &&
      this.end - this.start - this.#headBytes === message.payloadBytes &&
      (!hasTopic || (this.#topicName !== undefined && this.#topicName === message.knownTopicName));
  }

  /** The next frame, if `hasHeadOf` says so, with own properties that are as long as those of the last one. */
  repeatHead(
    message: ApplicationMessage,
    referrers: FrameReferrers,
    topicAlias: number,
    subscriptionIdentifiers: readonly number[] | undefined,
  ): void {
    const { buffer: formerBuffer, start: formerStart } = this;
    const headBytes = this.#headBytes;
    this.open(this.end - formerStart, referrers);
    const { buffer, start } = this;
    if (buffer !== formerBuffer) copyBytes(buffer, start, formerBuffer, formerStart, formerStart + headBytes);
    else if (start > formerStart) {
      const view = viewOf(buffer);
      copyWords(buffer, view, start, buffer, view, formerStart, formerStart + headBytes);
    } else if (start < formerStart) buffer.copyWithin(start, formerStart, formerStart + headBytes); // may overlap
    copyBytes(buffer, start + headBytes, message.buffer, message.payloadStart, message.payloadEnd);
    if (this.packetIdentifierAt !== -1) this.packetIdentifierAt += start - formerStart;
    if (isOf(this, topicAlias, subscriptionIdentifiers)) return;
    writeOwnProperties(buffer, start + this.#ownPropertiesAt, topicAlias, subscriptionIdentifiers);
    this.topicAlias = topicAlias;
    this.subscriptionIdentifiers = subscriptionIdentifiers;
  }
}

/** By which two heads are compared; 0 = they cannot be. */
function propertiesKeyOf(message: ApplicationMessage, version: 4 | 5): number {
  if (version === 4) return NO_PROPERTIES;
  const hasNone = message.propertiesStart === message.propertiesEnd && message.forwardedProperties === undefined;
  return hasNone ? NO_PROPERTIES : message.propertiesKey;
}
