/** Contract: what may this Client do? Synchronous: rules are in memory. Types only. @module */

import type { QoS } from "../packet/control_packet.ts";
import type { ReasonCode } from "../packet/reason_code.ts";

/** A right that a Client brought with it, as a token's claims do. "publish" includes retained messages; "subscribe"
 * includes receiving. */
export interface Grant {
  readonly action: "publish" | "subscribe" | "all";
  /** May hold `%u` and `%c`, as rules do. */
  readonly topicFilter: string;
}

/** Who acts, as authenticated. */
export interface Identity {
  readonly clientId: string;
  /** undefined = anonymous. */
  readonly userName: string | undefined;
  readonly remoteHost: string;
  readonly grants?: readonly Grant[];
  /** `AuthenticationVerdict.credential` of the login; undefined = it was not by a password that is kept here. */
  readonly credential?: number;
  /** true: of a session that came back from the store, and whose Client was not here since. Its grants are not known. */
  readonly isRestored?: boolean;
}

/** Why somebody may not be connected. */
export interface ConnectRefusal {
  /** NotAuthorized or Banned. */
  readonly reasonCode: ReasonCode;
  /** For the log and the Reason String. */
  readonly why: string;
  /** true: the Client Identifier belongs to others now. What this Client left behind under it does not keep them out. */
  readonly isClientIdOfOthers?: boolean;
}

export interface Authorizer {
  /** May this Client be connected, with this Client Identifier? Asked at CONNECT, and again of those that are connected when
   * rights have changed. */
  connectRefusal(identity: Identity): ConnectRefusal | undefined;
  /** `topicName` is the final one: aliases are resolved. The broker remembers a "yes" without `retain` as long as nothing
   * changes. */
  mayPublish(identity: Identity, topicName: string, qos: QoS, retain: boolean): boolean;
  /** A Topic Filter that matches `topicName`, and on all of whose topics `mayPublish` says "yes" without `retain`: then it is
   * not asked for each of them. undefined, or no such method: none is known. Asked when `mayPublish` has said "yes". */
  publishableFilter?(identity: Identity, topicName: string): string | undefined;
  /** `topicFilter` without `$share/name/`. */
  maySubscribe(identity: Identity, topicFilter: string, qos: QoS): boolean;
  /** Asked for each topic that has subscribers, and for each retained and queued message: a filter may be wider than the
   * right, and the right may have been revoked since. */
  mayReceive(identity: Identity, topicName: string): boolean;
  /** What `mayReceive` answers on each topic that `topicFilter` matches, if that is always the same: then it is not asked for
   * each of them. undefined, or no such method: it is. `topicFilter` without `$share/name/`. */
  mayReceiveAll?(identity: Identity, topicFilter: string): boolean | undefined;
  /** Set by the broker; to be called after any answer may have changed. */
  onChange: (() => void) | undefined;
}
