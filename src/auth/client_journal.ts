/** Contract: who wants to know of Clients that come and go, and what they did last. Types only. All calls return at once;
 * what is kept is written behind, never in the way of a message. Times are milliseconds of the wall clock. @module */

import type { ProtocolVersion } from "../packet/control_packet.ts";

/** A Client was let in. */
export interface ClientArrival {
  readonly clientId: string;
  readonly userName: string | undefined;
  readonly protocolVersion: ProtocolVersion;
  /** Seconds in force, 0 = off. */
  readonly keepAlive: number;
  /** "127.0.0.1:50312" */
  readonly remoteAddress: string;
  readonly listenerUrl: string;
  readonly atMs: number;
}

/** It is gone, however that came about. */
export interface ClientDeparture {
  readonly clientId: string;
  /** What DISCONNECT said, or would have said. */
  readonly reasonCode: number;
  /** As in the log; nothing secret. */
  readonly reason: string;
  /** "PUBLISH": the last packet that it sent before it left, and when. */
  readonly lastAction: string;
  readonly lastActionAtMs: number;
  readonly atMs: number;
}

export interface ClientJournal {
  connected(arrival: ClientArrival): void;
  disconnected(departure: ClientDeparture): void;
  /** Now and then, of some of those that are connected and have sent something since: at most a hundred in a second. */
  acted(clientId: string, lastAction: string, lastActionAtMs: number): void;
}
