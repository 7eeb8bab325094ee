/** One Network Connection as the broker sees it: from its first packet to its end. Dies; the Session may outlive it.
 * @module */

import type { AuthenticationExchange } from "../auth/authenticator.ts";
import type { Identity } from "../auth/authorizer.ts";
import type { Timer } from "../base/timer_wheel.ts";
import type { PacketSink } from "../connection/packet_sink.ts";
import type { ConnectPacket, ProtocolVersion } from "../packet/control_packet.ts";
import type { Lag, Waste } from "./back_pressure.ts";
import type { ConnectionTimer } from "./connections.ts";
import type { Door } from "./door.ts";
import type { ClientSession } from "./client_session.ts";
import type { RetainedWalk } from "./retained_walk.ts";

export const ConnectionState = {
  /** Nothing but CONNECT is allowed. */
  AwaitingConnect: 0,
  /** CONNECT was well-formed; the authenticator decides. With an Authentication Method, AUTH is allowed. */
  Authenticating: 1,
  /** Let in; CONNACK waits for the store. */
  Accepting: 2,
  /** CONNACK 0x00 is on its way. */
  Connected: 3,
  Closed: 4,
} as const;
export type ConnectionState = typeof ConnectionState[keyof typeof ConnectionState];

export class Connection {
  state: ConnectionState = ConnectionState.AwaitingConnect;
  protocolVersion: ProtocolVersion = 5;
  clientId = "";
  /** Kept from CONNECT to CONNACK. */
  connectPacket: ConnectPacket | undefined = undefined;
  isClientIdAssigned = false;
  identity: Identity | undefined = undefined;
  session: ClientSession | undefined = undefined;
  /** Of an enhanced authentication that is under way. */
  exchange: AuthenticationExchange | undefined = undefined;
  /** The exchange has the Client's last Authentication Data and has not answered yet: it is the Server's turn. */
  isExchangeBusy = false;
  /** From CONNECT; every AUTH must name the same [MQTT-4.12.0-5]. */
  authenticationMethod: string | undefined = undefined;
  /** The last Authentication Data of the authenticator, for CONNACK. */
  authenticationData: Uint8Array | undefined = undefined;
  /** The Will Message goes out when this connection ends. Off after DISCONNECT 0x00. */
  sendsWill = true;

  /** Seconds in force, 0 = off. */
  keepAlive = 0;
  lastReceivedMs = 0;
  /** First the connect time-out, then Keep Alive: one at a time. */
  timer: ConnectionTimer | undefined = undefined;

  /** QoS 1 and 2 messages of this connection that are not answered in full: what the Server's Receive Maximum limits. */
  openIncoming = 0;
  /** The QoS 2 ones among them. */
  openIncomingQoS2: Set<number> | undefined = undefined;

  /** The right to publish by a route at a QoS, as remembered (rights.ts): the last one, and others. -1 = none. */
  lastPermit = -1;
  permits: Set<number> | undefined = undefined;
  /** It may publish, not retained, to all topics that this matches. */
  publishableFilter: string | undefined = undefined;
  /** The end of what it authenticated with, milliseconds of the wall clock; undefined = for ever. */
  validUntilMs: number | undefined = undefined;
  validityTimer: Timer | undefined = undefined;
  /** Tells the authenticator that nobody waits for its verdict any more. */
  cancelAuthentication: (() => void) | undefined = undefined;
  /** Type of the last packet that it sent. */
  lastPacketType = 0;
  /** `lastReceivedMs` when the journal was last told what it did. */
  journaledMs = 0;
  /** When a refused PUBLISH was last logged (milliseconds, monotonic). */
  refusalLoggedMs = -Infinity;

  /** How many connections this one waits for as a publisher. */
  holds = 0;
  /** Of one that publishers have waited for: most connections never have these two. */
  lag: Lag | undefined = undefined;
  /** Of a publisher that has waited for nothing. */
  waste: Waste | undefined = undefined;

  /** Retained messages that its subscriptions still have to get, by full filter; undefined = none. */
  retainedWalks: Map<string, RetainedWalk> | undefined = undefined;
  /** It has a place in the round of those that walk. */
  isWalking = false;

  constructor(readonly sink: PacketSink, readonly door: Door) {}

  get isConnected(): boolean {
    return this.state === ConnectionState.Connected;
  }
}
