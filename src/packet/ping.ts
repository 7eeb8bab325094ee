/** PINGREQ and PINGRESP: bytes → packets. Spec §3.12, §3.13.
 * In: the body, which is empty. Out: one of two constants; encoding them is the Fixed Header alone. Room: pure. @module */

import type { ByteReader } from "./byte_reader.ts";
import { PacketType, type PingreqPacket, type PingrespPacket } from "./control_packet.ts";

export const PINGREQ: PingreqPacket = Object.freeze({ type: PacketType.Pingreq });
export const PINGRESP: PingrespPacket = Object.freeze({ type: PacketType.Pingresp });

export function decodePing<T extends PingreqPacket | PingrespPacket>(reader: ByteReader, packet: T): T {
  reader.finish();
  return packet;
}
