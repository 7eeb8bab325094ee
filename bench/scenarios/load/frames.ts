/** The few MQTT 3.1.1 packets that the load generator sends, as bytes, and where the numbers in its payloads are.
 * Payload: nonce (4) | pair (4) | sequence number (4) | moment it was due, in ms (8) | filling | sequence number (4). The
 * number stands at both ends, so that bytes of two messages in one are noticed. @module */

export const NONCE_AT = 0;
export const PAIR_AT = 4;
export const SEQUENCE_AT = 8;
export const DUE_AT = 12;
/** From the end. */
export const SECOND_SEQUENCE_AT = 4;
export const PAYLOAD_BYTES_MIN = 24;

/** First bytes: type and flags. */
export const First = {
  Connack: 0x20,
  Puback: 0x40,
  Pubrec: 0x50,
  Pubrel: 0x62,
  Pubcomp: 0x70,
  Suback: 0x90,
} as const;

export const DISCONNECT = Uint8Array.of(0xe0, 0);

const encoder = new TextEncoder();

function text(value: string): number[] {
  const bytes = encoder.encode(value);
  return [bytes.length >> 8, bytes.length & 0xff, ...bytes];
}

function packet(firstByte: number, body: ArrayLike<number>): Uint8Array {
  const head = [firstByte];
  let rest = body.length;
  do {
    head.push((rest & 0x7f) | (rest > 0x7f ? 0x80 : 0));
    rest >>= 7;
  } while (rest > 0);
  const bytes = new Uint8Array(head.length + body.length);
  bytes.set(head);
  bytes.set(body, head.length);
  return bytes;
}

export interface Login {
  readonly userName: string;
  readonly password: string;
}

/** Keep Alive 0. A session of 5.0 that persists does so for an hour.
 * @param protocolVersion default 3.1.1. */
export function connectFrame(
  clientId: string,
  cleanSession: boolean,
  login?: Login,
  protocolVersion: 4 | 5 = 4,
): Uint8Array {
  const flags = (cleanSession ? 2 : 0) | (login === undefined ? 0 : 0xc0);
  const properties = protocolVersion === 4 ? [] : cleanSession ? [0] : [5, 0x11, 0, 0, 0x0e, 0x10];
  const account = login === undefined ? [] : [...text(login.userName), ...text(login.password)];
  return packet(0x10, [...text("MQTT"), protocolVersion, flags, 0, 0, ...properties, ...text(clientId), ...account]);
}

export function subscribeFrame(
  packetIdentifier: number,
  topicFilter: string,
  qos: 0 | 1 | 2,
  protocolVersion: 4 | 5 = 4,
): Uint8Array {
  const properties = protocolVersion === 4 ? [] : [0];
  return packet(0x82, [packetIdentifier >> 8, packetIdentifier & 0xff, ...properties, ...text(topicFilter), qos]);
}

/** A PUBLISH in which identifier, number and moment are written anew for each message. */
export interface PublishTemplate {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  /** At QoS 0 there is none. */
  readonly identifierAt: number;
  readonly payloadAt: number;
}

export function publishTemplate(
  topicName: string,
  qos: 0 | 1 | 2,
  payloadBytes: number,
  nonce: number,
  pair: number,
  protocolVersion: 4 | 5 = 4,
): PublishTemplate {
  const payload = new Uint8Array(payloadBytes).fill(0x71);
  const view = new DataView(payload.buffer);
  view.setUint32(NONCE_AT, nonce);
  view.setUint32(PAIR_AT, pair);
  const properties = protocolVersion === 4 ? [] : [0];
  const head = [...text(topicName), ...(qos === 0 ? [] : [0, 0]), ...properties];
  const body = new Uint8Array(head.length + payloadBytes);
  body.set(head);
  body.set(payload, head.length);
  const bytes = packet(0x30 | qos << 1, body);
  const payloadAt = bytes.length - payloadBytes;
  return { bytes, view: new DataView(bytes.buffer), identifierAt: payloadAt - properties.length - 2, payloadAt };
}
