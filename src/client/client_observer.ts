/** Contract: who watches a client. Types only. Without an observer nothing is made for one. @module */

import type { ControlPacket } from "../packet/control_packet.ts";
import type { ClientState } from "./client.ts";

export interface ClientObserver {
  /** @param cause why, for people: "connection lost", "the Server refused: Not authorized". */
  state?(state: ClientState, cause: string): void;
  /** Each Control Packet, as it is sent or was received. A PUBLISH is a view: valid until this returns.
   * @param atMs milliseconds, monotonic. */
  packet?(direction: "sent" | "received", packet: ControlPacket, atMs: number): void;
}
