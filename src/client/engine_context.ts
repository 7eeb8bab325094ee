/** What the parts of the engine know of it, and of each other. Types only. @module */

import type { TimerWheel } from "../base/timer_wheel.ts";
import type { PacketWriter } from "../connection/writer.ts";
import type { ReasonCode } from "../packet/reason_code.ts";
import type { ProtocolVersion } from "../packet/control_packet.ts";
import type { ServerLimits } from "./client.ts";
import type { ClientSettings } from "./client_settings.ts";
import type { Turn } from "../base/turn.ts";
import type { SessionJournal } from "./session_journal.ts";

export interface EngineContext {
  readonly settings: ClientSettings;
  readonly time: Turn;
  readonly wheel: TimerWheel;
  readonly journal: SessionJournal;
  readonly protocolVersion: ProtocolVersion;
  /** The Network Connection, from CONNACK to its end. */
  readonly link: PacketWriter | undefined;
  /** What the last CONNACK said. */
  readonly server: ServerLimits;
  /** Something is awaited that only the Server can give: an acknowledgement, room for what is to be written. */
  readonly awaitsAnswer: boolean;
  /** Something is awaited from now on without a packet of ours. */
  awaiting(): void;
  /** A packet was handed to the connection. @param isQuestion it awaits an answer. */
  sent(isQuestion: boolean): void;
  /** The Server broke the protocol: DISCONNECT says so, and the connection ends. Default Reason Code: Protocol Error. */
  violated(statement: string, message: string, reasonCode?: ReasonCode): void;
}
