/** Contract: who watches a client. Types only. Without an observer nothing is made for one. @module */

import type { ControlPacket } from "../packet/control_packet.ts";
import type { ClientState } from "./client.ts";

export interface LostMessage {
  readonly topicName: string;
  /** The caller's to keep. */
  readonly payload: Uint8Array;
  readonly qos: 1 | 2;
  readonly retain: boolean;
}

export interface ClientObserver {
  /** @param cause why, for people: "connection lost", "the Server refused: Not authorized". */
  state?(state: ClientState, cause: string): void;
  /** The outbox gave up a message that an earlier process left in it, so that no promise can say it: the error with which
   * `publish` would reject. A `SessionLostError` at QoS 2: whether the Server has it is not known. */
  lost?(message: LostMessage, why: Error): void;
  /** Each Control Packet, as it is sent or was received. A PUBLISH is a view: valid until this returns.
   * @param atMs milliseconds, monotonic. */
  packet?(direction: "sent" | "received", packet: ControlPacket, atMs: number): void;
}
