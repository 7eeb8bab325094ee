/** A Session and what the broker ties to it: its present connection and its deadlines. @module */

import type { Timer } from "../base/timer_wheel.ts";
import { Session } from "../session/session.ts";
import type { Connection } from "./connection.ts";
import type { Reading } from "./read_back.ts";
import type { RouteEntry } from "./route.ts";

export class ClientSession extends Session {
  /** undefined = its Client is away. */
  connection: Connection | undefined = undefined;
  /** Where its Client was last: rules may go by it when its Will Message is sent. */
  remoteHost = "";
  /** QoS 2 PUBLISHes that wait for the store; the next ones must not overtake them [MQTT-4.6.0-6]. */
  gatedSends = 0;
  /** The ticket that the last of them waits for. */
  gatedTicket = 0;
  /** The store knows it: it persists, or has a Will Message that is owed even if the broker dies. */
  isStored = false;
  /** It persists, or did: after a crash before its deletion is safe it would be resumed again. */
  hasPersisted = false;
  /** What was asked of the store, and not answered yet. */
  reading: Reading | undefined = undefined;
  willTimer: Timer | undefined = undefined;
  expiryTimer: Timer | undefined = undefined;
  /** The entry of the route that is being built, when `routeStamp` is that route's: merges overlapping subscriptions
   * without a map. */
  routeEntry: RouteEntry | undefined = undefined;
  routeStamp = 0;

  /** Its Client can be sent to now. */
  get isConnected(): boolean {
    return this.connection !== undefined && this.connection.isConnected;
  }
}
