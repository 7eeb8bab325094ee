/** What a peer did wrong, in the specification's two words. Spec §4.13.
 * Thrown in packet/ and connection/reader only, caught once in the reader and turned into an event. @module */

import { ReasonCode } from "./reason_code.ts";

/** The peer broke the protocol. `reasonCode` is what DISCONNECT (or CONNACK) says; `statement` the normative
 * statement of MQTT 5.0 that it broke, such as "MQTT-3.3.1-4", or a section such as "§3.3.2.3.4". */
export abstract class PeerError extends Error {
  constructor(readonly reasonCode: ReasonCode, readonly statement: string, message: string) {
    super(message);
  }
}

/** The bytes cannot be parsed by the rules of the specification. §1.2, default Reason Code 0x81. */
export class MalformedPacketError extends PeerError {
  override readonly name = "MalformedPacketError";
  constructor(statement: string, message: string, reasonCode: ReasonCode = ReasonCode.MalformedPacket) {
    super(reasonCode, statement, message);
  }
}

/** The packet parses and is not allowed: by its content, or in this state. §1.2, default Reason Code 0x82. */
export class ProtocolError extends PeerError {
  override readonly name = "ProtocolError";
  constructor(statement: string, message: string, reasonCode: ReasonCode = ReasonCode.ProtocolError) {
    super(reasonCode, statement, message);
  }
}
