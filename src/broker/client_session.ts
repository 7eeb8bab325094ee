/** A Session and what the broker ties to it: its present connection and its deadlines. @module */

import type { Identity } from "../auth/authorizer.ts";
import type { ByteBudget } from "../base/byte_budget.ts";
import type { Timer } from "../base/timer_wheel.ts";
import { Session, type SessionLimits } from "../session/session.ts";
import type { Connection } from "./connection.ts";
import type { Reading } from "./read_back.ts";

let rightsVersions = 0;

export class ClientSession extends Session {
  /** undefined = its Client is away. */
  connection: Connection | undefined = undefined;
  /** Another number each time when what its Client may do may be something else. */
  rightsVersion = ++rightsVersions;
  #identity: Identity;
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
  /** Where it stands in the route that is being made, when `routeStamp` is that route's: merges overlapping subscriptions
   * without a map. */
  routeIndex = 0;
  routeStamp = 0;

  constructor(identity: Identity, limits: SessionLimits, queueBudget?: ByteBudget) {
    super(identity.clientId, identity.userName, limits, queueBudget);
    this.#identity = identity;
  }

  /** Its Client as it came in last: what it may receive, and whether its Will Message may be sent, go by it. */
  get identity(): Identity {
    return this.#identity;
  }

  set identity(identity: Identity) {
    this.#identity = identity;
    this.renewRights();
  }

  /** What was judged of its Client is to be judged anew. */
  renewRights(): void {
    this.rightsVersion = ++rightsVersions;
  }

  /** Its Client can be sent to now. */
  get isConnected(): boolean {
    return this.connection !== undefined && this.connection.isConnected;
  }
}
