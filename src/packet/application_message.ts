/** An Application Message: what a PUBLISH carries, on its way from publisher to subscribers. Spec §1.2, §3.3.
 * In: a region of a read buffer (borrowed), or parts to be laid out (owned). Out: offsets into one buffer, so that
 * forwarding copies bytes and builds nothing. Room: pure; no clock, no session.
 * Three regions in this order: Topic Name (2+n) | forwarded Properties (no length) | Payload. In a borrowed buffer, and in
 * the copy of a frame that can be sent on, other bytes stand between them; otherwise an owned message has them in one
 * piece. @module */

import type { SharedBuffer } from "../base/buffer_pool.ts";
import { ByteReader } from "./byte_reader.ts";
import { ByteWriter } from "./byte_writer.ts";
import { PacketType, type ProtocolVersion, type QoS } from "./control_packet.ts";
import { copyBytes } from "./copy_bytes.ts";
import { type KnownTopic, knownTopics } from "./known_topics.ts";
import { canStay, copyFrame, copyRegions, layOut, REGIONS_BYTES, stay } from "./message_copy.ts";
import type { Piece, Tenant } from "./message_memory.ts";
import { decodeTopicName } from "./topic_name_bytes.ts";
import { Omit, type Properties, readPropertyList, type UserProperty, writePropertyList } from "./property.ts";

/** No Message Expiry Interval: the message never expires. */
export const NEVER_EXPIRES = -1;

let nextSerial = 1;

/** The serial of the newest message: all that have a larger one come after this call. */
export function newestSerial(): number {
  return nextSerial - 1;
}

/** Fields are written only by those who make a message (the decoder, `ApplicationMessage.create`); all else reads.
 *
 * Owner: a borrowed message belongs to the decoder and is valid until the turn that handles it ends. Who keeps one
 * longer keeps `owned()`. */
export class ApplicationMessage implements Tenant {
  /** undefined: nobody has asked for it yet. */
  #topicName: string | undefined = "";
  #knownTopic: KnownTopic | undefined = undefined;
  qos: QoS = 0;
  retain = false;
  /** Seconds as received, or NEVER_EXPIRES. */
  messageExpiryInterval = NEVER_EXPIRES;
  /** When the Server took the message: milliseconds of the broker's wall clock. Set by the broker. */
  receivedAtMs = 0;
  /** Tells two messages apart, also where one borrowed object is used again: frames made for one are not another's. */
  serial = 0;
  /** true: `buffer` is a read buffer that will be overwritten. */
  borrowed = false;
  buffer: Uint8Array = EMPTY;
  /** The Topic Name's UTF-8 without its length; the two bytes before `topicStart` are the length. Empty in the frame
   * (topicStart === topicEnd) when the PUBLISH used a Topic Alias: then `topicName` alone holds the topic. */
  topicStart = 0;
  topicEnd = 0;
  /** The properties that are passed on unchanged and in order, encoded: all but Topic Alias, Subscription Identifier
   * and Message Expiry Interval. If a received PUBLISH has one of those three in between, the decoder puts the rest
   * into `forwardedProperties` instead. */
  propertiesStart = 0;
  propertiesEnd = 0;
  /** Set instead of [propertiesStart, propertiesEnd) when the forwarded properties are not contiguous in `buffer`. */
  forwardedProperties: Uint8Array | undefined = undefined;
  /** Messages with the same number have the same properties to pass on, and need not be compared. 0 = nobody knows. */
  propertiesKey = 0;
  payloadStart = 0;
  payloadEnd = 0;
  /** The whole received frame, if it can be sent on to a subscriber of the same kind (`frameVersion`: 5, or 4 for both 3.x)
   * at the same QoS: no alias, no expiry, no Subscription Identifier. At QoS 0, and RETAIN 0, byte for byte; above, the
   * first byte and the Packet Identifier are the receiver's. frameEnd === 0: it cannot. */
  frameStart = 0;
  frameEnd = 0;
  frameVersion: 4 | 5 = 4;
  /** The store's key of this body, where several may share it. 0 = it has none. Only the store sets and reads it. */
  bodyKey = 0;
  /** Where its bytes lie together with those of others. */
  piece: Piece | undefined = undefined;
  pieceIndex = 0;
  /** A large message lies in a buffer of the pool, and may be referred to instead of copied: by who holds it. Of a borrowed
   * message: the decoder's, which it fills with another packet later if nobody else holds it. */
  shared: SharedBuffer | undefined = undefined;
  /** Those who said that they keep it. */
  #holders = 0;
  #owned: ApplicationMessage | undefined = undefined;

  /** An owned message of an earlier process, from the buffer that it had (kept, not copied) and where its regions begin.
   * It gets a serial of its own. @throws RangeError when the offsets do not fit the buffer;
   * PeerError when there is no Topic Name in it. */
  static restore(parts: {
    buffer: Uint8Array;
    propertiesStart: number;
    payloadStart: number;
    qos: QoS;
    retain: boolean;
    messageExpiryInterval: number;
    receivedAtMs: number;
  }): ApplicationMessage {
    const { buffer, propertiesStart, payloadStart } = parts;
    if (propertiesStart < 2 || payloadStart < propertiesStart || buffer.length < payloadStart) {
      throw new RangeError(`regions at ${propertiesStart} and ${payloadStart} of ${buffer.length} bytes`);
    }
    const message = new ApplicationMessage();
    message.renew();
    message.topicName = knownTopics.find(buffer, 2, propertiesStart)?.name ??
      decodeTopicName(buffer, 2, propertiesStart);
    message.qos = parts.qos;
    message.retain = parts.retain;
    message.messageExpiryInterval = parts.messageExpiryInterval;
    message.receivedAtMs = parts.receivedAtMs;
    layOut(message, buffer, 0, propertiesStart, payloadStart, buffer.length);
    return message;
  }

  /** Makes an owned message from its parts. Defaults: QoS 0, not retained, no properties.
   * `properties` may hold those of PUBLISH and Will; topicAlias, subscriptionIdentifiers and willDelayInterval are
   * ignored, messageExpiryInterval becomes the field. The payload is copied.
   * @throws RangeError when the Topic Name or a property exceeds 65,535 bytes, or another property is there. */
  static create(parts: {
    topicName: string;
    payload: Uint8Array;
    qos?: QoS;
    retain?: boolean;
    properties?: Properties;
    receivedAtMs?: number;
  }): ApplicationMessage {
    const { topicName, payload, qos = 0, retain = false, properties, receivedAtMs = 0 } = parts;
    const front = new ByteWriter();
    front.string(topicName);
    const topicEnd = front.length;
    const expiry = properties?.messageExpiryInterval ?? NEVER_EXPIRES;
    if (expiry !== NEVER_EXPIRES && !(Number.isInteger(expiry) && expiry >= 0 && expiry <= 0xffff_ffff)) {
      throw new RangeError(`a Message Expiry Interval of ${expiry}`);
    }
    if (properties !== undefined) writePropertyList(front, properties, PacketType.Publish, Omit.Nothing, NOT_FORWARDED);
    const buffer = new Uint8Array(front.length + payload.length);
    buffer.set(front.written);
    buffer.set(payload, front.length);

    const message = new ApplicationMessage();
    message.renew();
    message.topicName = topicName;
    message.qos = qos;
    message.retain = retain;
    message.messageExpiryInterval = expiry;
    message.receivedAtMs = receivedAtMs;
    layOut(message, buffer, 0, topicEnd, front.length, buffer.length);
    return message;
  }

  /** Starts a new message in a reused borrowed object: gives it a serial of its own and forgets the old copy. */
  renew(): void {
    this.serial = nextSerial++;
    this.bodyKey = 0;
    this.shared = undefined;
    this.#owned = undefined;
  }

  get topicName(): string {
    return this.#topicName ??= decodeTopicName(this.buffer, this.topicStart, this.topicEnd);
  }

  set topicName(topicName: string) {
    this.setTopic(undefined, topicName);
  }

  /** undefined: nobody has asked for it yet. */
  get knownTopicName(): string | undefined {
    return this.#topicName;
  }

  /** What is known of the topic, of a message that was just received: other things that are remembered of it are found by
   * its place. undefined = nothing. */
  get knownTopic(): KnownTopic | undefined {
    return this.#knownTopic;
  }

  /** @param topicName undefined: the one in the buffer, which is valid. It is only made a string of if somebody asks: a topic
   * that is met once may be matched, and sent on, without. */
  setTopic(knownTopic: KnownTopic | undefined, topicName: string | undefined): void {
    this.#knownTopic = knownTopic;
    this.#topicName = topicName;
  }

  get payload(): Uint8Array {
    return this.buffer.subarray(this.payloadStart, this.payloadEnd);
  }

  get payloadBytes(): number {
    return this.payloadEnd - this.payloadStart;
  }

  /** Of the three regions; of a message that a Topic Alias stands for, as `owned` it has more. */
  get bytes(): number {
    return this.topicEnd - this.topicStart + 2 + this.propertiesEnd - this.propertiesStart + this.payloadBytes;
  }

  /** Where an owned message begins in its buffer, with its frame if it has one; it ends with the Payload. */
  get spanStart(): number {
    return this.frameEnd !== 0 ? this.frameStart : this.topicStart - 2;
  }

  get spanEnd(): number {
    return this.payloadEnd;
  }

  /** Copies the three regions to `target` at `at`. @param this owned. @returns the offset behind them. */
  copyRegions(target: Uint8Array, at: number): number {
    at = copyBytes(target, at, this.buffer, this.topicStart - 2, this.topicEnd);
    at = copyBytes(target, at, this.buffer, this.propertiesStart, this.propertiesEnd);
    return copyBytes(target, at, this.buffer, this.payloadStart, this.payloadEnd);
  }

  /** An owned message is kept by one more, until that one lets go: what few keep of a piece is moved out of it. */
  hold(): void {
    if (this.#holders++ > 0) return;
    if (this.piece !== undefined) this.piece.hold(this);
    else if (this.shared !== undefined) this.shared.hold();
  }

  letGo(): void {
    if (--this.#holders > 0) return;
    if (this.piece !== undefined) this.piece.letGo(this);
    else if (this.shared !== undefined) this.shared.release();
  }

  /** Bytes before a large Payload that nobody needs when the turn has ended: what is written may put its head there. */
  get payloadFront(): number {
    return this.shared === undefined ? 0 : this.payloadStart - REGIONS_BYTES;
  }

  /** An owned message that will stay long: not in the company of others. */
  apart(): this {
    const { piece } = this;
    if (piece === undefined) return this;
    if (this.#holders > 0) piece.letGo(this);
    this.piece = undefined;
    this.moveTo(piece.bytes.slice(this.spanStart, this.spanEnd));
    return this;
  }

  /** This message in a buffer of its own, made once however many sessions keep it; itself when it is owned.
   * The copy has the same serial: it is the same message, so what was encoded for one is right for the other. */
  owned(): ApplicationMessage {
    const owned = this.leased();
    if (owned.shared !== undefined) {
      // For good: its buffer does not go back to the pool.
      owned.shared.hold();
      owned.shared = undefined;
    }
    return owned;
  }

  /** As `owned`, for who says `hold` as long as it needs the message. A large Payload then stays where it was read:
   *
   *     Topic Name (2+n) | forwarded Properties | free | the head that it came with | Payload
   */
  leased(): ApplicationMessage {
    if (!this.borrowed) return this;
    return this.#owned ??= this.#stay() ?? this.#copy();
  }

  /** @returns undefined when it cannot. */
  #stay(): ApplicationMessage | undefined {
    const { shared } = this;
    if (shared === undefined || !canStay(this)) return undefined;
    const message = this.#likeness();
    stay(this, message);
    shared.onReleased = () => message.#forget();
    return message;
  }

  /** The bytes are another's. Nobody should ask any more: who does finds none. */
  #forget(): void {
    layOut(this, EMPTY, -2, 0, 0, 0);
    this.topicStart = 0;
    this.shared = undefined;
  }

  #copy(): ApplicationMessage {
    const copy = this.#likeness();
    if (this.frameEnd !== 0) copyFrame(this, copy);
    else copyRegions(this, copy);
    return copy;
  }

  /** All but the bytes. */
  #likeness(): ApplicationMessage {
    const copy = new ApplicationMessage();
    copy.topicName = this.topicName;
    copy.qos = this.qos;
    copy.retain = this.retain;
    copy.messageExpiryInterval = this.messageExpiryInterval;
    copy.receivedAtMs = this.receivedAtMs;
    copy.serial = this.serial;
    return copy;
  }

  /** @see Tenant. */
  moveTo(own: Uint8Array): void {
    const by = this.spanStart;
    this.buffer = own;
    if (this.frameEnd !== 0) {
      this.frameStart -= by;
      this.frameEnd -= by;
    }
    this.topicStart -= by;
    this.topicEnd -= by;
    this.propertiesStart -= by;
    this.propertiesEnd -= by;
    this.payloadStart -= by;
    this.payloadEnd -= by;
  }

  /** The properties that are passed on, and the Message Expiry Interval, decoded. For tools and tests, not for the hot path. */
  get properties(): Properties & { userProperties?: UserProperty[] } {
    const reader = this.forwardedProperties === undefined
      ? new ByteReader().reset(this.buffer, this.propertiesStart, this.propertiesEnd)
      : new ByteReader().reset(this.forwardedProperties, 0, this.forwardedProperties.length);
    const properties = readPropertyList(reader, PacketType.Publish, Infinity);
    if (this.messageExpiryInterval !== NEVER_EXPIRES) properties.messageExpiryInterval = this.messageExpiryInterval;
    return properties;
  }
}

/** What a message and the Subscription Identifiers of one delivery take in memory, without the objects around them:
 * what limits of queues count. */
export function deliveryBytes(message: ApplicationMessage, identifiers: readonly number[] | undefined): number {
  return message.bytes + (identifiers === undefined ? 0 : identifiers.length * IDENTIFIER_BYTES);
}
const IDENTIFIER_BYTES = 8;

/** What a PUBLISH or a Will carries and an Application Message does not pass on with its other properties. */
const NOT_FORWARDED: ReadonlySet<keyof Properties> = new Set<keyof Properties>([
  "topicAlias",
  "subscriptionIdentifiers",
  "messageExpiryInterval",
  "willDelayInterval",
]);
const EMPTY = new Uint8Array(0);
export type { ProtocolVersion };
