/** Control Packets → bytes, for the protocol version and size limit of the receiver. Spec §2, §3.
 * In: a packet. Out: its bytes behind what the writer already holds. Room: pure. @module */

import { encodeAcknowledgementBody } from "./acknowledgement.ts";
import { encodeAuth } from "./auth.ts";
import type { ByteWriter } from "./byte_writer.ts";
import { encodeConnack } from "./connack.ts";
import { encodeConnect } from "./connect.ts";
import { type ControlPacket, PacketType, type ProtocolVersion } from "./control_packet.ts";
import { encodeDisconnect } from "./disconnect.ts";
import { firstByte } from "./fixed_header.ts";
import { Omit } from "./property.ts";
import { encodePublish, type PublishPacket } from "./publish.ts";
import { encodeSuback } from "./suback.ts";
import { encodeSubscribe } from "./subscribe.ts";
import { encodeUnsuback } from "./unsuback.ts";
import { encodeUnsubscribe } from "./unsubscribe.ts";

export { encodeAcknowledgement } from "./acknowledgement.ts";

/** Appends `packet` to `writer`. Reason String first, then User Properties are left out when the packet would exceed
 * `maximumPacketSize` [MQTT-3.2.2-19], [MQTT-3.4.2-2] … ; properties and Reason Codes are turned into what the
 * version has (3.x: none, return codes, 0x80 in SUBACK).
 * @param version of the connection; a CONNECT is written in its own `protocolVersion`.
 * @returns false, and nothing written, when the packet does not fit even so, or does not exist in that version
 * (AUTH, a Server's DISCONNECT in 3.x, a CONNACK whose reason 3.x has no return code for).
 * @throws RangeError when a field is not encodable: a string over 65,535 bytes, a Packet Identifier of 0, a property
 * that the packet does not have. Nothing is written then either. */
export function encodePacket(
  writer: ByteWriter,
  packet: ControlPacket,
  version: ProtocolVersion,
  maximumPacketSize: number,
): boolean {
  if (packet.type === PacketType.Publish) return encodePublish(writer, packet, version, maximumPacketSize);
  const start = writer.length;
  let written = false;
  try {
    const omitMax = mayOmit(packet) ? Omit.ReasonStringAndUserProperties : Omit.Nothing;
    for (let omit: Omit = Omit.Nothing; omit <= omitMax; omit++) {
      writer.length = start;
      writer.byte(firstByte(packet.type));
      const body = writer.openBlock();
      if (!encodeBody(writer, packet, version, omit as Omit)) return false;
      writer.closeBlock(body);
      if (writer.length - start <= maximumPacketSize) return written = true;
    }
    return false;
  } finally {
    if (!written) writer.length = start;
  }
}

/** What is left out for the sake of the size is left out of answers only: the User Properties of a CONNECT, SUBSCRIBE
 * or UNSUBSCRIBE may be what the Server goes by. */
function mayOmit({ type }: ControlPacket): boolean {
  return type !== PacketType.Connect && type !== PacketType.Subscribe && type !== PacketType.Unsubscribe;
}

function encodeBody(
  writer: ByteWriter,
  packet: Exclude<ControlPacket, PublishPacket>,
  version: ProtocolVersion,
  omit: Omit,
): boolean {
  switch (packet.type) {
    case PacketType.Connect:
      encodeConnect(writer, packet);
      return true;
    case PacketType.Connack:
      return encodeConnack(writer, packet, version, omit);
    case PacketType.Puback:
    case PacketType.Pubrec:
    case PacketType.Pubrel:
    case PacketType.Pubcomp:
      encodeAcknowledgementBody(writer, packet, version, omit);
      return true;
    case PacketType.Subscribe:
      encodeSubscribe(writer, packet, version);
      return true;
    case PacketType.Suback:
      encodeSuback(writer, packet, version, omit);
      return true;
    case PacketType.Unsubscribe:
      encodeUnsubscribe(writer, packet, version);
      return true;
    case PacketType.Unsuback:
      encodeUnsuback(writer, packet, version, omit);
      return true;
    case PacketType.Pingreq:
    case PacketType.Pingresp:
      return true;
    case PacketType.Disconnect:
      return encodeDisconnect(writer, packet, version, omit);
    case PacketType.Auth:
      if (version !== 5) return false;
      encodeAuth(writer, packet, omit);
      return true;
  }
}
