/** The frames of WebSocket: bytes ⇄ the payload of binary messages. RFC 6455 §5. Room: pure; no socket, no clock.
 *
 * Layout: FIN, RSV, opcode (1) | MASK, length (1) | extended length (0, 2, 8) | masking key (0, 4) | payload
 *
 * A frame may be of any length: nothing of a data frame is kept here, its payload is unmasked where it lies. Of control
 * frames, the newest ping is kept, and the closing. @module */

export const Opcode = { Continuation: 0, Text: 1, Binary: 2, Close: 8, Ping: 9, Pong: 10 } as const;
export type Opcode = typeof Opcode[keyof typeof Opcode];

/** Why a WebSocket ends. RFC 6455 §7.4.1. */
export const CloseCode = { Normal: 1000, ProtocolError: 1002, UnsupportedData: 1003, TooBig: 1009 } as const;

/** What the code of a Close is called that has none; it never travels itself (§7.1.5). */
export const NO_STATUS = 1005;
export const CONTROL_BYTES_MAX = 125;
export const FRAME_HEADER_BYTES_MAX = 14;
const FIN = 0x80;
const RSV = 0x70;
const MASK = 0x80;

/** Up to here a loop over bytes beats the view over words that more of them need; see the bench. */
const UNMASK_BY_BYTE_MAX = 64;

/** The peer breaks RFC 6455, or [MQTT-6.0.0-1]: it is closed with this code. */
export class WebSocketError extends Error {
  override readonly name = "WebSocketError";

  constructor(readonly closeCode: number, message: string) {
    super(message);
  }
}

/** Where the decoder is in a frame. */
const State = { Opcode: 0, Length: 1, ExtendedLength: 2, Mask: 3, Payload: 4, Ended: 5 } as const;

export class FrameDecoder {
  /** Why the peer was found to break the rules; nothing behind that is looked at. */
  failure: WebSocketError | undefined = undefined;
  /** What the newest ping carried, once it is whole; whoever answers it sets it back. */
  ping: Uint8Array | undefined = undefined;
  /** The peer's Close came: its code, or NO_STATUS. Nothing behind it is looked at. */
  closeCode: number | undefined = undefined;

  #state: typeof State[keyof typeof State] = State.Opcode;
  #opcode = 0;
  #isFinal = false;
  /** Frames of an unfinished message came before. */
  #isInMessage = false;
  #length = 0;
  #lengthBytesLeft = 0;
  #lengthMin = 0;
  #mask = 0;
  #maskBytesLeft = 0;
  /** Of the payload: how many bytes came, and are missing. */
  #position = 0;
  #bytesLeft = 0;
  readonly #expectsMask: boolean;
  /** The payload of a control frame; most peers never send one. */
  #control: Uint8Array | undefined = undefined;

  /** @param sender whose frames they are: those of a client are masked, those of a server are not (§5.1). */
  constructor(sender: "client" | "server") {
    this.#expectsMask = sender === "client";
  }

  get isEnded(): boolean {
    return this.#state === State.Ended;
  }

  /** Goes on with the bytes [0, end), and moves what they carry to the front.
   * @returns how many bytes of payload are there now. */
  decode(bytes: Uint8Array, end: number): number {
    let to = 0;
    for (let at = 0; at < end;) {
      switch (this.#state) {
        case State.Opcode:
          this.#begin(bytes[at++]);
          break;
        case State.Length:
          this.#firstLength(bytes[at++]);
          break;
        case State.ExtendedLength:
          this.#furtherLength(bytes[at++]);
          break;
        case State.Mask:
          this.#mask = (this.#mask << 8) | bytes[at++];
          if (--this.#maskBytesLeft === 0) this.#beginPayload();
          break;
        case State.Payload: {
          const count = Math.min(end - at, this.#bytesLeft);
          if (this.#opcode < Opcode.Close) {
            unmask(bytes, at, at + count, to, this.#mask, this.#position);
            to += count;
          } else {
            this.#control!.set(bytes.subarray(at, at + count), this.#position);
          }
          at += count;
          this.#position += count;
          this.#bytesLeft -= count;
          if (this.#bytesLeft === 0) this.#endPayload();
          break;
        }
        case State.Ended:
          return to;
      }
    }
    return to;
  }

  #begin(byte: number): void {
    const opcode = byte & 0x0f;
    this.#isFinal = (byte & FIN) !== 0;
    // No extension was agreed on: nothing is compressed.
    if ((byte & RSV) !== 0) return this.#fail("a reserved bit is set, and no extension was agreed on");
    if (opcode === Opcode.Close || opcode === Opcode.Ping || opcode === Opcode.Pong) {
      if (!this.#isFinal) return this.#fail("a control frame is fragmented");
    } else if (opcode === Opcode.Continuation) {
      if (!this.#isInMessage) return this.#fail("a continuation of nothing");
    } else if (opcode === Opcode.Binary || opcode === Opcode.Text) {
      if (this.#isInMessage) return this.#fail("a message begins within another");
      if (opcode === Opcode.Text) return this.#fail("MQTT travels in binary frames", CloseCode.UnsupportedData);
    } else return this.#fail(`opcode ${opcode} means nothing`);
    this.#opcode = opcode;
    this.#state = State.Length;
  }

  #firstLength(byte: number): void {
    if (((byte & MASK) !== 0) !== this.#expectsMask) {
      return this.#fail(this.#expectsMask ? "a client's frame is not masked" : "a server's frame is masked");
    }
    const length = byte & 0x7f;
    this.#length = length;
    if (length <= CONTROL_BYTES_MAX) return this.#lengthKnown();
    if (this.#opcode >= Opcode.Close) return this.#fail(`a control frame of more than ${CONTROL_BYTES_MAX} bytes`);
    this.#length = 0;
    this.#lengthBytesLeft = length === 126 ? 2 : 8;
    this.#lengthMin = length === 126 ? 126 : 65_536;
    this.#state = State.ExtendedLength;
  }

  #furtherLength(byte: number): void {
    if (this.#lengthBytesLeft === 8 && byte >= 0x80) return this.#fail("a length of 2^63 or more");
    this.#length = this.#length * 256 + byte;
    if (--this.#lengthBytesLeft > 0) return;
    if (this.#length < this.#lengthMin) return this.#fail("a length in more bytes than it needs");
    if (this.#length > Number.MAX_SAFE_INTEGER) return this.#fail("a frame of petabytes", CloseCode.TooBig);
    this.#lengthKnown();
  }

  #lengthKnown(): void {
    if (!this.#expectsMask) return this.#beginPayload();
    this.#mask = 0;
    this.#maskBytesLeft = 4;
    this.#state = State.Mask;
  }

  #beginPayload(): void {
    this.#position = 0;
    this.#bytesLeft = this.#length;
    if (this.#opcode >= Opcode.Close) this.#control ??= new Uint8Array(CONTROL_BYTES_MAX);
    if (this.#length === 0) this.#endPayload();
    else this.#state = State.Payload;
  }

  #endPayload(): void {
    this.#state = State.Opcode;
    if (this.#opcode < Opcode.Close) {
      this.#isInMessage = !this.#isFinal;
      return;
    }
    if (this.#opcode === Opcode.Pong) return; // nobody asked
    const data = this.#control!.slice(0, this.#length);
    unmask(data, 0, data.length, 0, this.#mask, 0);
    if (this.#opcode === Opcode.Ping) this.ping = data;
    else this.#close(data);
  }

  #close(data: Uint8Array): void {
    // One byte is no code.
    const code = data.length === 0 ? NO_STATUS : data.length === 1 ? 0 : data[0] << 8 | data[1];
    if (data.length > 0 && !isCloseCode(code)) return this.#fail("a Close with a code that means nothing");
    this.closeCode = code;
    this.#state = State.Ended;
  }

  #fail(why: string, closeCode: number = CloseCode.ProtocolError): void {
    this.failure = new WebSocketError(closeCode, `WebSocket: ${why}`);
    this.#state = State.Ended;
  }
}

/** The reserved ones never travel: 1004 to 1006, 1015. */
function isCloseCode(code: number): boolean {
  return (code >= 1000 && code <= 1014 && (code < 1004 || code > 1006)) || (code >= 3000 && code <= 4999);
}

const keyBytes = new Uint8Array(4);
const keyWord = new Uint32Array(keyBytes.buffer);

/** XORs [from, end) with the key, which is read as a big-endian number, and moves it to `to`, at or before `from`.
 * @param position of `from` in the payload of its frame: the key goes on where it was. */
export function unmask(
  bytes: Uint8Array,
  from: number,
  end: number,
  to: number,
  key: number,
  position: number,
): void {
  if (key === 0) {
    if (to !== from) bytes.copyWithin(to, from, end);
    return;
  }
  // The key from here on, in the machine's order of bytes.
  for (let i = 0; i < 4; i++) keyBytes[i] = key >>> (24 - 8 * ((position + i) & 3));
  if (end - from <= UNMASK_BY_BYTE_MAX) {
    for (let at = from, i = 0; at < end; at++, i++) bytes[to + i] = bytes[at] ^ keyBytes[i & 3];
    return;
  }
  // Words must lie at multiples of four, so a few bytes before and behind them are left.
  const lead = -(bytes.byteOffset + from) & 3;
  for (let i = 0; i < lead; i++) bytes[from + i] ^= keyBytes[i];
  const count = (end - from - lead) >>> 2;
  const words = new Uint32Array(bytes.buffer, bytes.byteOffset + from + lead, count);
  for (let i = 0; i < 4; i++) keyBytes[i] = key >>> (24 - 8 * ((position + lead + i) & 3));
  const word = keyWord[0];
  for (let i = 0; i < count; i++) words[i] ^= word;
  for (let at = from + lead + count * 4, i = 0; at < end; at++, i++) bytes[at] ^= keyBytes[i];
  if (to !== from) bytes.copyWithin(to, from, end);
}

/** Writes the header of an unfragmented frame to the front of `into`.
 * @param key for a client's frame; undefined for a server's.
 * @returns its length. */
export function writeFrameHeader(
  into: Uint8Array,
  opcode: Opcode,
  length: number,
  key: number | undefined,
): number {
  const mask = key === undefined ? 0 : MASK;
  into[0] = FIN | opcode;
  let at = 2;
  if (length <= 125) into[1] = mask | length;
  else if (length < 65_536) {
    into[1] = mask | 126;
    into[at++] = length >>> 8;
    into[at++] = length;
  } else {
    into[1] = mask | 127;
    for (let shift = 7; shift >= 0; shift--) into[at++] = Math.floor(length / 256 ** shift);
  }
  if (key !== undefined) { for (let shift = 24; shift >= 0; shift -= 8) into[at++] = key >>> shift; }
  return at;
}

/** A whole frame, for what is short. */
export function frameOf(opcode: Opcode, payload: Uint8Array, key: number | undefined): Uint8Array {
  const frame = new Uint8Array(FRAME_HEADER_BYTES_MAX + payload.length);
  const start = writeFrameHeader(frame, opcode, payload.length, key);
  frame.set(payload, start);
  if (key !== undefined) unmask(frame, start, start + payload.length, start, key, 0);
  return frame.subarray(0, start + payload.length);
}
