/** Contract: what may this Client do? Synchronous: rules are in memory. Types only. @module */

import type { QoS } from "../packet/control_packet.ts";

/** Who acts, as authenticated. */
export interface Identity {
  readonly clientId: string;
  readonly userName: string | undefined;
  readonly remoteHost: string;
}

export interface Authorizer {
  /** May this Client be connected, with this Client Identifier? */
  mayConnect(identity: Identity): boolean;
  /** `topicName` is the final one: aliases are resolved. */
  mayPublish(identity: Identity, topicName: string, qos: QoS, retain: boolean): boolean;
  /** `topicFilter` without `$share/name/`. */
  maySubscribe(identity: Identity, topicFilter: string, qos: QoS): boolean;
  /** Asked for each retained and queued message: the right may have been revoked since the subscription was granted. */
  mayReceive(identity: Identity, topicName: string): boolean;
}
