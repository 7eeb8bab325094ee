/** Application Message → the bytes of a PUBLISH, encoded once for each distinct layout. Spec §3.3.
 * Two receivers of one message have the same layout when protocol version, QoS, RETAIN, what is left of the Message Expiry
 * Interval, and the number of bytes of their own properties (Topic Alias, Subscription Identifiers) are the same. What
 * then differs, their own properties and at QoS 1 and 2 the Packet Identifier, is written over in the copy.
 * In: a message and the terms of one receiver. Out: where the bytes lie. Room: pure.
 *
 * Frames of one layout stand side by side, message after message (layout_frames.ts): who gets all of them refers to one
 * run of bytes, as with frames that are sent on as received.
 * @module */

import { type ApplicationMessage, NEVER_EXPIRES } from "./application_message.ts";
import { PacketType, type QoS } from "./control_packet.ts";
import { type FrameReferrers, isOf, LAYOUT_BYTES_MAX, LayoutFrames, type PublishFrame } from "./layout_frames.ts";
import { ownPropertyBytes, PublishLayout, writeOwnProperties } from "./publish_layout.ts";

/** Without DUP, QoS and RETAIN. */
const PUBLISH_FIRST_BYTE = PacketType.Publish << 4;

/** Makes a QoS 1 or 2 frame the receiver's, in the copy of it at `at` of `copy`. */
export function addressFrame(
  copy: Uint8Array,
  at: number,
  frame: PublishFrame,
  qos: QoS,
  retain: boolean,
  dup: boolean,
  packetIdentifier: number,
  topicAlias: number,
  subscriptionIdentifiers: readonly number[] | undefined,
): void {
  copy[at] = PUBLISH_FIRST_BYTE | (dup ? 0b1000 : 0) | (qos << 1) | (retain ? 1 : 0);
  at += frame.packetIdentifierAt - frame.start;
  copy[at++] = packetIdentifier >>> 8;
  copy[at++] = packetIdentifier;
  if (isOf(frame, topicAlias, subscriptionIdentifiers)) return;
  while (copy[at++] >= 0x80); // the Property Length
  writeOwnProperties(copy, at, topicAlias, subscriptionIdentifiers);
}

/** Layouts in use at one time are few. One more takes the place of another. */
const LAYOUTS_MAX = 16;
/** From here on a Payload is not copied, if its message stays: below, a second write costs more than the copy. */
export const SHARED_PAYLOAD_BYTES_MIN = 64 * 1024;
const NO_BYTES = new Uint8Array(0);
const NOBODY: FrameReferrers = { isSettled: true, settle: () => {} };

export class PublishFrameEncoder {
  readonly #referrers: FrameReferrers;
  readonly #layout = new PublishLayout();
  readonly #layouts: LayoutFrames[] = [];
  /** The next whose place is taken by a new one. */
  #replaced = 0;
  /** A frame that is too large to stand beside others. */
  readonly #large = new LayoutFrames();
  readonly #asReceived = new LayoutFrames();
  #serial = 0;
  /** Frames of the current message are heads, and its Payload stays where it is. */
  #isShared = false;
  /** Counts up with each change of message. Frames go by it and not by the serial: a message that comes again (a resend)
   * finds other bytes where its own were. */
  #round = 1;

  /** @param referrers default: all who get a frame copy it at once. */
  constructor(referrers = NOBODY) {
    this.#referrers = referrers;
  }

  /** Encodes `message`, or finds a frame of the same layout that it encoded for it before (same `serial`). It may have own
   * properties of another receiver. `addressFrame` completes it at QoS 1 and 2.
   * @param version 5, or 4 for 3.1.1 and 3.1 (no properties).
   * @param expirySeconds what is left of the Message Expiry Interval, or NEVER_EXPIRES.
   * @param topicAlias 0 = none; else the alias is written, and the Topic Name only when `withTopic`. */
  encode(
    message: ApplicationMessage,
    version: 4 | 5,
    qos: QoS,
    retain: boolean,
    subscriptionIdentifiers: readonly number[] | undefined,
    expirySeconds: number,
    topicAlias: number,
    withTopic: boolean,
  ): PublishFrame {
    if (version === 4) {
      // 3.x has no properties: whatever the terms say, the bytes are the same.
      subscriptionIdentifiers = undefined;
      expirySeconds = NEVER_EXPIRES;
      topicAlias = 0;
    }
    if (
      message.frameEnd !== 0 && qos === message.qos && message.frameVersion === version &&
      subscriptionIdentifiers === undefined && topicAlias === 0 && expirySeconds === NEVER_EXPIRES &&
      (qos !== 0 || !retain)
    ) return this.#sendOn(message, qos);
    const isShared = mayShare(message);
    if (message.serial !== this.#serial || isShared !== this.#isShared) this.#begin(message.serial, isShared);
    const ownBytes = ownPropertyBytes(topicAlias, subscriptionIdentifiers);
    const hasTopic = topicAlias === 0 || withTopic;
    const terms = termsOf(version, qos, retain, topicAlias !== 0, hasTopic, ownBytes);
    let frames = this.#framesOf(terms);
    if (frames.round === this.#round && frames.expirySeconds === expirySeconds) return frames;
    if (!isShared && frames.hasHeadOf(message, version, expirySeconds, hasTopic)) {
      frames.repeatHead(message, this.#referrers, topicAlias, subscriptionIdentifiers);
      frames.round = this.#round;
      return frames;
    }
    const layout = this.#layout;
    layout.measure(message, version, qos, subscriptionIdentifiers, expirySeconds, topicAlias, hasTopic);
    const payloadEnd = isShared ? message.payloadStart : message.payloadEnd;
    const bytes = layout.frameBytes - (message.payloadEnd - payloadEnd);
    if (bytes > LAYOUT_BYTES_MAX) {
      frames = this.#large;
      if (frames.round === this.#round && frames.expirySeconds === expirySeconds && frames.terms === terms) {
        return frames;
      }
      // A buffer of its own, which goes with the message.
      frames.buffer = layout.encodable ? new Uint8Array(bytes) : NO_BYTES;
      frames.start = 0;
      frames.end = frames.buffer.length;
    } else frames.open(layout.encodable ? bytes : 0, this.#referrers);
    frames.size = layout.encodable ? layout.frameBytes : 0x1_0000_0000;
    frames.round = this.#round;
    frames.terms = terms;
    frames.expirySeconds = expirySeconds;
    frames.topicAlias = topicAlias;
    frames.subscriptionIdentifiers = subscriptionIdentifiers;
    frames.packetIdentifierAt = qos === 0 ? -1 : frames.start + layout.packetIdentifierAt;
    frames.mayBeReferredTo = qos === 0 && !isShared && frames !== this.#large;
    frames.forgetHead();
    if (!layout.encodable) return frames;
    layout.write(
      frames.buffer,
      frames.start,
      message,
      version,
      qos,
      retain,
      subscriptionIdentifiers,
      expirySeconds,
      topicAlias,
      payloadEnd,
    );
    if (!isShared && frames !== this.#large) frames.rememberHead(message, version, layout);
    return frames;
  }

  /** As it was received: of a large one its head. */
  #sendOn(message: ApplicationMessage, qos: QoS): PublishFrame {
    const isShared = mayShare(message);
    const frame = this.#asReceived;
    frame.buffer = message.buffer;
    frame.start = message.frameStart;
    frame.end = isShared ? message.payloadStart : message.frameEnd;
    frame.size = message.frameEnd - message.frameStart;
    frame.packetIdentifierAt = qos === 0 ? -1 : message.topicEnd;
    frame.mayBeReferredTo = qos === 0 && !isShared;
    return frame;
  }

  #begin(serial: number, isShared: boolean): void {
    this.#serial = serial;
    this.#isShared = isShared;
    this.#round++;
    if (this.#large.round !== 0) {
      this.#large.round = 0;
      this.#large.buffer = NO_BYTES;
    }
  }

  #framesOf(terms: number): LayoutFrames {
    const layouts = this.#layouts;
    for (let i = 0; i < layouts.length; i++) if (layouts[i].terms === terms) return layouts[i];
    let frames: LayoutFrames;
    if (layouts.length < LAYOUTS_MAX) layouts.push(frames = new LayoutFrames());
    else frames = layouts[this.#replaced++ % LAYOUTS_MAX];
    frames.round = 0;
    frames.terms = terms;
    frames.forgetHead();
    return frames;
  }
}

/** Two layouts with the same terms differ at most by what is left of the Message Expiry Interval. */
function termsOf(
  version: 4 | 5,
  qos: QoS,
  retain: boolean,
  hasAlias: boolean,
  hasTopic: boolean,
  ownBytes: number,
): number {
  return ownBytes * 64 + (version === 5 ? 32 : 0) + (hasAlias ? 16 : 0) + (hasTopic ? 8 : 0) + qos * 2 +
    (retain ? 1 : 0);
}

/** The Payload is large, and stays where it is for who holds it. */
function mayShare(message: ApplicationMessage): boolean {
  return message.payloadEnd - message.payloadStart >= SHARED_PAYLOAD_BYTES_MIN &&
    (!message.borrowed || message.shared !== undefined);
}
