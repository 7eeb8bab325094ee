/** A stream of bytes → Control Packets. Spec §2, §4.13.
 * In: bytes, cut anywhere. Out: whole packets, or the error that ends the connection. Room: pure; no clock, no socket.
 * @module */

import { largeBuffers, SharedBuffer } from "../base/buffer_pool.ts";
import { ByteBudget } from "../base/byte_budget.ts";
import { decodeAcknowledgement, decodePlainAcknowledgement } from "./acknowledgement.ts";
import { decodeAuth } from "./auth.ts";
import { FRONT_BYTES } from "./message_copy.ts";
import { ByteReader } from "./byte_reader.ts";
import { decodeConnack } from "./connack.ts";
import { decodeConnect } from "./connect.ts";
import { type ControlPacket, PacketType, type ProtocolVersion } from "./control_packet.ts";
import { decodeDisconnect } from "./disconnect.ts";
import { MalformedPacketError, ProtocolError } from "./errors.ts";
import { checkFirstByte, type FirstByteTables, firstByteTables } from "./fixed_header.ts";
import { decodePing, PINGREQ, PINGRESP } from "./ping.ts";
import { PublishReader } from "./publish.ts";
import { giveReadBuffer, READ_BUFFER_BYTES, takeReadBuffer } from "./read_buffers.ts";
import { ReasonCode } from "./reason_code.ts";
import { decodeSuback } from "./suback.ts";
import { decodeSubscribe } from "./subscribe.ts";
import { decodeUnsuback } from "./unsuback.ts";
import { decodeUnsubscribe } from "./unsubscribe.ts";

export interface DecoderOptions {
  /** Who sends: a "client" may not send CONNACK, SUBACK, …; a "server" not CONNECT, SUBSCRIBE, … */
  readonly sender: "client" | "server";
  /** Bytes of a whole packet before CONNECT was decoded. */
  readonly connectPacketSizeMax: number;
  readonly userPropertiesMax: number;
}

/** A busy connection holds this much: with more, a read is no faster. An idle one has READ_BUFFER_BYTES. */
const BUSY_BUFFER_BYTES = 64 * 1024;
/** A larger packet has a buffer of its own, and is read beyond its end by this much: the next one's head comes along. */
const LOOK_AHEAD_BYTES = 4096;
/** Buffers for what was announced and has not arrived, of all connections of the process together. While there is room, a
 * large packet has its whole buffer at once; then one that grows with what arrives, which takes copies. */
const announcedBytes = new ByteBudget(64 * 1024 * 1024);
/** Steps from the one to the other: 256 bytes, 2, 16, 64 KiB. */
const GROWTH = 8;
/** A read is quiet when it leaves the buffer filled to 1/16 at most; so many in a row make it small again. */
const QUIET_SHARE = 16;
const QUIET_READS = 8;
/** A packet begins with two bytes at least. */
const FIXED_HEADER_BYTES_MIN = 2;

const NO_BYTES = new Uint8Array(0);

/** Decoding is synchronous and never nested, so one cursor serves all connections of the process. */
const reader = new ByteReader();

/** Named states, no allocation for a packet that is not wholly there.
 *
 * Use: let the transport write into `room()`, call `received(n)`, then `next()` until it returns undefined, and only
 * when all that came out has been handled, `room()` again.
 * A peer that sends byte by byte costs O(1) a byte: an incomplete packet is not parsed again; only its length is
 * compared. The buffer starts small, grows for a busy connection, and shrinks when idle. A packet beyond 64 KiB has a
 * buffer of its own out of a pool, for which a claimed Remaining Length alone is not enough: all connections together have
 * 64 MiB of what has not arrived, beyond that it is doubled when it is full. A PUBLISH may be kept there (`message.shared`).
 *
 *     buffer  | handed out | not yet handed out | free (room) |
 *             0         position             filled       length
 */
export class Decoder {
  /** 5 until CONNECT says otherwise (sender "client"); set by the client side before CONNACK (sender "server").
   * After a CONNECT that was refused: the version to answer in. */
  protocolVersion: ProtocolVersion = 5;
  /** Bytes; of a whole packet, after CONNECT was accepted. Until it is set: `connectPacketSizeMax`. */
  maximumPacketSize: number;
  /** PacketType of the packet that was looked at last: of the one that was wrong, after an error. 0 = none yet. */
  packetType = 0;

  readonly #options: DecoderOptions;
  readonly #firstBytes: FirstByteTables;
  #buffer: Uint8Array = takeReadBuffer();
  #position = 0;
  #filled = 0;
  /** Bytes from `#position` on without which the packet there is not even looked at. */
  #needed = FIXED_HEADER_BYTES_MIN;
  /** The last read filled all the room that it was given: there is more where that came from. */
  #busy = false;
  #quietReads = 0;
  #connected: boolean;
  /** Of the pool: `#buffer` is for one large packet, at its front. */
  #shared: SharedBuffer | undefined = undefined;
  /** Of `announcedBytes`, for the packet under way. */
  #announcedBytes = 0;
  /** Made with the first PUBLISH: many connections never send one. */
  #publish: PublishReader | undefined = undefined;

  constructor(options: DecoderOptions) {
    this.#options = options;
    this.#firstBytes = firstByteTables(options.sender);
    this.#connected = options.sender === "server";
    this.maximumPacketSize = options.connectPacketSizeMax;
  }

  /** Bytes that the read buffer takes. */
  get bufferBytes(): number {
    return this.#buffer.length;
  }

  /** Bytes that were received and not yet handed out as packets. */
  get pendingBytes(): number {
    return this.#filled - this.#position;
  }

  /** The free part of the read buffer, at least one byte, to be filled by the transport.
   * Only here does the buffer move: views that `next()` gave out are invalid after this call. */
  room(): Uint8Array {
    if (this.#needed > BUSY_BUFFER_BYTES || this.#shared !== undefined) return this.#largeRoom();
    const size = this.#wantedSize();
    const unread = this.#filled - this.#position;
    if (size !== this.#buffer.length) {
      const isSmall = size === READ_BUFFER_BYTES;
      const buffer = isSmall
        ? takeReadBuffer()
        : size < BUSY_BUFFER_BYTES
        ? new Uint8Array(size)
        : largeBuffers.take(size);
      this.#move(buffer, 0, undefined);
    } else if (unread > 0 && this.#position > 0) {
      this.#buffer.copyWithin(0, this.#position, this.#filled);
    }
    this.#position = 0;
    this.#filled = unread;
    return unread === 0 ? this.#buffer : this.#buffer.subarray(unread);
  }

  /** Begins, goes on with or ends a buffer for one large packet. */
  #largeRoom(): Uint8Array {
    const unread = this.#filled - this.#position;
    const needed = this.#needed;
    const isLarge = needed > BUSY_BUFFER_BYTES;
    const size = isLarge ? this.#largeSize(unread) : BUSY_BUFFER_BYTES;
    const shared = this.#shared;
    const front = isLarge ? FRONT_BYTES : 0;
    // Nothing of it was handed out yet, or nobody else holds on to it.
    const isMine = shared !== undefined && (this.#position === FRONT_BYTES || shared.takeBack());
    if (isMine && isLarge && size <= this.#buffer.length) {
      if (this.#position > front) this.#buffer.copyWithin(front, this.#position, this.#filled);
    } else {
      const buffer = largeBuffers.take(size);
      this.#move(buffer, front, isLarge ? new SharedBuffer(buffer) : undefined);
    }
    this.#position = front;
    this.#filled = front + unread;
    const end = isLarge ? Math.min(this.#buffer.length, front + needed + LOOK_AHEAD_BYTES) : this.#buffer.length;
    return this.#buffer.subarray(this.#filled, end);
  }

  /** What the packet under way should have now. */
  #largeSize(unread: number): number {
    const whole = FRONT_BYTES + this.#needed + LOOK_AHEAD_BYTES;
    if (this.#announcedBytes > 0) return whole;
    const announced = this.#needed - unread;
    if (announcedBytes.hasRoomFor(announced)) {
      announcedBytes.take(announced);
      this.#announcedBytes = announced;
      return whole;
    }
    // Doubled only when full, so the buffer is never more than about twice what really arrived of the packet under way.
    const isUnderWay = this.#shared !== undefined && this.#position === FRONT_BYTES;
    const size = isUnderWay ? this.#buffer.length : BUSY_BUFFER_BYTES;
    return Math.min(whole, FRONT_BYTES + unread >= size ? size * 2 : size);
  }

  /** What is unread goes to `front` in `buffer`; the former one is anybody's. */
  #move(buffer: Uint8Array, front: number, shared: SharedBuffer | undefined): void {
    buffer.set(this.#buffer.subarray(this.#position, this.#filled), front);
    if (this.#shared !== undefined) this.#shared.release();
    else if (this.#buffer.length === READ_BUFFER_BYTES) giveReadBuffer(this.#buffer);
    else largeBuffers.giveBack(this.#buffer);
    this.#buffer = buffer;
    this.#shared = shared;
    this.#busy = false;
    this.#quietReads = 0;
  }

  /** No more is read, no read is under way, and all that was handed out has been handled. */
  close(): void {
    this.#forgetAnnounced();
    this.#position = this.#filled = 0;
    this.#move(NO_BYTES, 0, undefined);
  }

  #forgetAnnounced(): void {
    announcedBytes.giveBack(this.#announcedBytes);
    this.#announcedBytes = 0;
  }

  /** `count` bytes were written to `room()`. */
  received(count: number): void {
    const filled = this.#filled + count;
    const size = this.#buffer.length;
    if (!(count >= 0 && filled <= size)) throw new RangeError(`${count} bytes do not fit into the room`);
    this.#filled = filled;
    this.#busy = filled === size;
    this.#quietReads = filled * QUIET_SHARE <= size ? this.#quietReads + 1 : 0;
  }

  /** Makes the buffer as small as it can be now, for a connection known to be idle (`room()` does so by itself after
   * some reads that brought little). Invalidates views, as `room()` does; not while a read is under way. */
  trim(): void {
    this.#quietReads = QUIET_READS;
    this.#busy = false;
    this.room();
  }

  #wantedSize(): number {
    const size = this.#buffer.length;
    const unread = this.#filled - this.#position;
    if (this.#busy && size < BUSY_BUFFER_BYTES) return Math.min(size * GROWTH, BUSY_BUFFER_BYTES);
    if (this.#quietReads >= QUIET_READS && size > READ_BUFFER_BYTES && unread < READ_BUFFER_BYTES) {
      return READ_BUFFER_BYTES;
    }
    return size;
  }

  /** The next whole packet, or undefined when more bytes are needed. PUBLISH, and an acknowledgement without Reason Code, are reused objects.
   * @throws MalformedPacketError, ProtocolError; the decoder must not be used after that. */
  next(): ControlPacket | undefined {
    const position = this.#position;
    const available = this.#filled - position;
    if (available < this.#needed) return undefined;
    const buffer = this.#buffer;
    const first = buffer[position];
    this.packetType = first >>> 4;
    checkFirstByte(this.#firstBytes, first, this.#options.sender, this.protocolVersion);

    let at = position + 1;
    let remainingLength = buffer[at++];
    if (remainingLength >= 0x80) {
      remainingLength &= 0x7f;
      for (let shift = 7;; shift += 7) {
        if (shift === 28) {
          throw new MalformedPacketError("MQTT-1.5.5-1", "the Remaining Length has more than four bytes");
        }
        if (at === this.#filled) {
          this.#needed = available + 1;
          return undefined;
        }
        const byte = buffer[at++];
        remainingLength |= (byte & 0x7f) << shift;
        if (byte >= 0x80) continue;
        if (byte === 0) {
          throw new MalformedPacketError("MQTT-1.5.5-1", "the Remaining Length is not in its shortest form");
        }
        break;
      }
    }
    const end = at + remainingLength;
    this.#checkSize(end - position);
    if (end > this.#filled) {
      this.#needed = end - position;
      return undefined;
    }
    this.#needed = FIXED_HEADER_BYTES_MIN;
    this.#position = end;
    if (this.#announcedBytes > 0) this.#forgetAnnounced(); // it is all there
    const type = first >>> 4;
    if (type === PacketType.Publish) {
      const packet = this.#publishReader().decode(buffer, position, at, end, this.protocolVersion);
      if (this.#shared !== undefined && end - position > BUSY_BUFFER_BYTES) packet.message.shared = this.#shared;
      return packet;
    }
    if (remainingLength === 2 && type >= PacketType.Puback && type <= PacketType.Pubcomp) {
      return decodePlainAcknowledgement(buffer, at, type);
    }
    return this.#decode(type, reader.reset(buffer, at, end));
  }

  #checkSize(packetBytes: number): void {
    const max = this.#connected
      ? this.maximumPacketSize
      : Math.min(this.maximumPacketSize, this.#options.connectPacketSizeMax);
    if (packetBytes > max) {
      throw new ProtocolError(
        this.#options.sender === "client" ? "MQTT-3.2.2-15" : "MQTT-3.1.2-24",
        `a packet of ${packetBytes} bytes, more than ${max}`,
        ReasonCode.PacketTooLarge,
      );
    }
  }

  #publishReader(): PublishReader {
    return this.#publish ??= new PublishReader(this.#options.sender, this.#options.userPropertiesMax);
  }

  #decode(type: number, body: ByteReader): ControlPacket {
    const { sender, userPropertiesMax } = this.#options;
    const version = this.protocolVersion;
    switch (type) {
      case PacketType.Connect: {
        if (this.#connected) throw new ProtocolError("MQTT-3.1.0-2", "a second CONNECT");
        const packet = decodeConnect(body, this, userPropertiesMax);
        this.#connected = true;
        return packet;
      }
      case PacketType.Connack:
        return decodeConnack(body, version, userPropertiesMax);
      case PacketType.Puback:
      case PacketType.Pubrec:
      case PacketType.Pubrel:
      case PacketType.Pubcomp:
        return decodeAcknowledgement(body, type, version, sender, userPropertiesMax);
      case PacketType.Subscribe:
        return decodeSubscribe(body, version, userPropertiesMax);
      case PacketType.Suback:
        return decodeSuback(body, version, userPropertiesMax);
      case PacketType.Unsubscribe:
        return decodeUnsubscribe(body, version, userPropertiesMax);
      case PacketType.Unsuback:
        return decodeUnsuback(body, version, userPropertiesMax);
      case PacketType.Pingreq:
        return decodePing(body, PINGREQ);
      case PacketType.Pingresp:
        return decodePing(body, PINGRESP);
      case PacketType.Disconnect:
        return decodeDisconnect(body, version, sender, userPropertiesMax);
      case PacketType.Auth:
        return decodeAuth(body, sender, userPropertiesMax);
      default:
        throw new MalformedPacketError("§2.1.2", `Control Packet type ${type}`);
    }
  }
}
