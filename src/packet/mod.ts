/** The door of packet/: bytes ⇄ the 15 Control Packets of MQTT 5.0, 3.1.1 and 3.1. Spec §1.5, §2, §3.
 * In: bytes cut anywhere, or packets. Out: packets, or bytes. Room: pure; no I/O, no clock, no `await`.
 *
 * ```ts
 * import { ByteWriter, Decoder, encodePacket, NO_PROPERTIES, PacketType } from "./mod.ts";
 *
 * const writer = new ByteWriter();
 * encodePacket(writer, { type: PacketType.Pingreq }, 5, Infinity);
 * const decoder = new Decoder({ sender: "client", connectPacketSizeMax: 65_536, userPropertiesMax: 100 });
 * decoder.room().set(writer.written);
 * decoder.received(writer.length);
 * decoder.next(); // { type: PacketType.Pingreq }
 * ```
 * @module */

export * from "./application_message.ts";
export { ByteWriter } from "./byte_writer.ts";
export * from "./control_packet.ts";
export * from "./decoder.ts";
export * from "./encoder.ts";
export * from "./errors.ts";
export { NO_PROPERTIES, type Properties, type UserProperty } from "./property.ts";
export { PINGREQ, PINGRESP } from "./ping.ts";
export type { PublishPacket } from "./publish.ts";
export type { FrameReferrers, PublishFrame } from "./layout_frames.ts";
export { addressFrame, PublishFrameEncoder } from "./publish_frame.ts";
export { connackReturnCode, isReasonCodeOf, ReasonCode, reasonName } from "./reason_code.ts";
export { VARIABLE_BYTE_INTEGER_MAX } from "./variable_byte_integer.ts";
