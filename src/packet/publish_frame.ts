/** Application Message → the bytes of a PUBLISH, encoded once for each distinct layout. Spec §3.3.
 * Two subscribers of one message get equal bytes when protocol version, QoS, RETAIN, Subscription Identifiers and
 * remaining expiry are equal; only the Packet Identifier differs, and it is patched in the copy.
 * In: a message and the terms of one receiver. Out: where the bytes lie. Room: pure. @module */

import { type ApplicationMessage, NEVER_EXPIRES } from "./application_message.ts";
import { PacketType, type QoS } from "./control_packet.ts";
import { PublishLayout } from "./publish.ts";

/** Where one encoded PUBLISH lies. To be read before the next `encode`, and `buffer` must not be kept unless
 * `passThrough` says so. A frame larger than any Control Packet has a `size` above 0xFFFFFFFF and no bytes: every
 * comparison with a Maximum Packet Size refuses it. */
export interface PublishFrame {
  /** The read buffer itself for a frame that is sent on as received, else the encoder's scratch buffer. */
  buffer: Uint8Array;
  start: number;
  end: number;
  /** Offset in `buffer` of the two Packet Identifier bytes, or -1 at QoS 0. At QoS 1 and 2 `addressFrame` writes the
   * receiver's into the copy, and its first byte: in a frame that was received both are the sender's. */
  packetIdentifierAt: number;
  /** true: `buffer` is the message's own and [start, end) may be referred to until the message's turn ends.
   * false: copy now. */
  passThrough: boolean;
  /** Of the whole frame. More than `end - start`: a large Payload follows, which lies in the message and may be referred
   * to, by who holds `message.shared` if there is one. */
  size: number;
}

/** Without DUP, QoS and RETAIN. */
const PUBLISH_FIRST_BYTE = PacketType.Publish << 4;

/** Makes a QoS 1 or 2 frame the receiver's: its first byte and its Packet Identifier, in the copy of it at `at` of `copy`. */
export function addressFrame(
  copy: Uint8Array,
  at: number,
  frame: PublishFrame,
  qos: QoS,
  retain: boolean,
  dup: boolean,
  packetIdentifier: number,
): void {
  copy[at] = PUBLISH_FIRST_BYTE | (dup ? 0b1000 : 0) | (qos << 1) | (retain ? 1 : 0);
  const identifierAt = at + frame.packetIdentifierAt - frame.start;
  copy[identifierAt] = packetIdentifier >>> 8;
  copy[identifierAt + 1] = packetIdentifier;
}

/** (version, QoS, RETAIN) without identifiers: 2 × 3 × 2. */
const PLAIN_SLOTS = 12;
/** Subscription Identifiers come from few different subscriptions when many receivers share them. */
const IDENTIFIER_SLOTS = 8;
/** Beyond this many bytes for one message, further layouts are encoded anew each time instead of being kept. */
const KEPT_BYTES_MAX = 4 * 1024 * 1024;
/** A scratch buffer that grew beyond this is given back when the next message comes. */
const SCRATCH_RETAINED_BYTES_MAX = 1024 * 1024;
const SCRATCH_INITIAL_BYTES = 16 * 1024;
/** From here on a Payload is not copied, if its message stays: below, a second write costs more than the copy. */
export const SHARED_PAYLOAD_BYTES_MIN = 64 * 1024;
const NO_BYTES = new Uint8Array(0);

class Slot implements PublishFrame {
  buffer: Uint8Array = NO_BYTES;
  start = 0;
  end = 0;
  packetIdentifierAt = -1;
  passThrough = false;
  size = 0;
  /** The encoder's round that filled it; 0: holds nothing. */
  round = 0;
  expirySeconds = NEVER_EXPIRES;
  identifiers: readonly number[] | undefined = undefined;
  /** version, QoS and RETAIN in one number. */
  terms = 0;
}

export class PublishFrameEncoder {
  readonly #layout = new PublishLayout();
  readonly #plain: Slot[] = Array.from({ length: PLAIN_SLOTS }, () => new Slot());
  readonly #identified: Slot[] = Array.from({ length: IDENTIFIER_SLOTS }, () => new Slot());
  /** The frame behind the kept ones, overwritten by the next that is not kept. */
  readonly #passing = new Slot();
  readonly #asReceived = new Slot();
  readonly #asKept = new Slot();
  #scratch = NO_BYTES;
  /** Where the next frame goes: bytes at the front of `#scratch` that kept frames of the current message take. */
  #free = 0;
  /** Bytes of all kept frames of the current message, also of those in a scratch buffer that became too small. */
  #keptBytes = 0;
  /** Slots may refer to a former scratch buffer. */
  #grown = false;
  #serial = 0;
  /** Frames of the current message are heads, and its Payload stays where it is. */
  #isShared = false;
  /** Counts up with each change of message. Slots go by it and not by the serial: a message that comes again (a resend)
   * finds other bytes where its own were. */
  #round = 1;

  constructor() {
    this.#asReceived.passThrough = true;
    this.#asReceived.packetIdentifierAt = -1;
  }

  /** Encodes `message`, or finds the layout that it encoded for it before (same `serial`).
   * `addressFrame` completes it at QoS 1 and 2.
   * @param version 5, or 4 for 3.1.1 and 3.1 (no properties).
   * @param subscriptionIdentifiers compared by identity: pass the same array for the same subscription.
   * @param expirySeconds what is left of the Message Expiry Interval, or NEVER_EXPIRES.
   * @param topicAlias 0 = none; else the alias is written, and the Topic Name only when `withTopic`. Not cached. */
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
    ) {
      const isShared = mayShare(message);
      const frame = qos === 0 && !isShared ? this.#asReceived : this.#asKept;
      frame.buffer = message.buffer;
      frame.start = message.frameStart;
      frame.end = isShared ? message.payloadStart : message.frameEnd;
      frame.size = message.frameEnd - message.frameStart;
      if (frame === this.#asKept) frame.packetIdentifierAt = qos === 0 ? -1 : message.topicEnd;
      return frame;
    }
    const isShared = mayShare(message);
    if (message.serial !== this.#serial || isShared !== this.#isShared) this.#begin(message.serial, isShared);
    if (topicAlias !== 0) {
      this.#passing.round = 0;
      return this.#fill(
        this.#passing,
        message,
        version,
        qos,
        retain,
        subscriptionIdentifiers,
        expirySeconds,
        topicAlias,
        withTopic,
      );
    }

    const terms = (version === 5 ? 6 : 0) + qos * 2 + (retain ? 1 : 0);
    let slot: Slot | undefined;
    if (subscriptionIdentifiers === undefined) {
      slot = this.#plain[terms];
      if (slot.round === this.#round && slot.expirySeconds === expirySeconds) return slot;
      // Another expiry for the same terms: the time passed on within one turn, or the caller is a test. Kept is one.
      if (slot.round === this.#round) slot = undefined;
    } else {
      for (let i = 0; i < IDENTIFIER_SLOTS; i++) {
        const candidate = this.#identified[i];
        if (candidate.round !== this.#round) {
          slot = candidate;
          break;
        }
        if (
          candidate.identifiers === subscriptionIdentifiers && candidate.terms === terms &&
          candidate.expirySeconds === expirySeconds
        ) return candidate;
      }
    }
    if (slot === undefined || this.#keptBytes >= KEPT_BYTES_MAX) {
      slot = this.#passing;
      if (
        slot.round === this.#round && slot.terms === terms && slot.identifiers === subscriptionIdentifiers &&
        slot.expirySeconds === expirySeconds
      ) return slot;
    }
    this.#fill(slot, message, version, qos, retain, subscriptionIdentifiers, expirySeconds, 0, true);
    slot.round = this.#round;
    slot.terms = terms;
    slot.identifiers = subscriptionIdentifiers;
    slot.expirySeconds = expirySeconds;
    if (slot !== this.#passing) {
      if (slot.buffer !== NO_BYTES) {
        this.#free = slot.end;
        this.#keptBytes += slot.end - slot.start;
      }
      this.#passing.round = 0;
    }
    return slot;
  }

  /** Gives a large scratch buffer back now, rather than when the next message comes. */
  trim(): void {
    this.#begin(0, false);
  }

  #begin(serial: number, isShared: boolean): void {
    this.#serial = serial;
    this.#isShared = isShared;
    this.#round++;
    this.#free = 0;
    this.#keptBytes = 0;
    if (this.#scratch.length > SCRATCH_RETAINED_BYTES_MAX) this.#scratch = NO_BYTES;
    if (this.#grown) {
      this.#grown = false;
      for (const slot of this.#plain) clear(slot);
      for (const slot of this.#identified) clear(slot);
      clear(this.#passing);
    }
  }

  #fill(
    slot: Slot,
    message: ApplicationMessage,
    version: 4 | 5,
    qos: QoS,
    retain: boolean,
    subscriptionIdentifiers: readonly number[] | undefined,
    expirySeconds: number,
    topicAlias: number,
    withTopic: boolean,
  ): PublishFrame {
    const layout = this.#layout;
    const hasTopic = topicAlias === 0 || withTopic;
    layout.measure(message, version, qos, subscriptionIdentifiers, expirySeconds, topicAlias, hasTopic);
    if (!layout.encodable) {
      slot.buffer = NO_BYTES;
      slot.start = 0;
      slot.end = 0;
      slot.size = 0x1_0000_0000;
      slot.packetIdentifierAt = -1;
      return slot;
    }
    const payloadEnd = this.#isShared ? message.payloadStart : message.payloadEnd;
    const bytes = layout.frameBytes - (message.payloadEnd - payloadEnd);
    if (this.#free + bytes > this.#scratch.length) this.#grow(bytes);
    const start = this.#free;
    layout.write(
      this.#scratch,
      start,
      message,
      version,
      qos,
      retain,
      subscriptionIdentifiers,
      expirySeconds,
      topicAlias,
      payloadEnd,
    );
    slot.buffer = this.#scratch;
    slot.start = start;
    slot.end = start + bytes;
    slot.size = layout.frameBytes;
    slot.packetIdentifierAt = qos === 0 ? -1 : start + layout.packetIdentifierAt;
    return slot;
  }

  /** Kept frames stay where they are: their slots refer to the old buffer until the next message. */
  #grow(frameBytes: number): void {
    const doubled = Math.max(SCRATCH_INITIAL_BYTES, Math.min(this.#scratch.length * 2, SCRATCH_RETAINED_BYTES_MAX));
    this.#scratch = new Uint8Array(Math.max(frameBytes, doubled));
    this.#free = 0;
    this.#grown = true;
  }
}

/** The Payload is large, and stays where it is for who holds it. */
function mayShare(message: ApplicationMessage): boolean {
  return message.payloadEnd - message.payloadStart >= SHARED_PAYLOAD_BYTES_MIN &&
    (!message.borrowed || message.shared !== undefined);
}

function clear(slot: Slot): void {
  slot.buffer = NO_BYTES;
  slot.round = 0;
  slot.identifiers = undefined;
}
