/** One Subscription of one Session, with its options. Spec §3.8.3.1, §4.8.2. @module */

import type { QoS } from "../packet/control_packet.ts";
import type { Session } from "./session.ts";

export class Subscription<S extends Session = Session> {
  /** [identifier], or undefined: an array that frames can be cached by. */
  readonly subscriptionIdentifiers: readonly number[] | undefined;

  constructor(
    readonly session: S,
    /** As subscribed, with `$share/name/` if it is shared: the key within the session [MQTT-3.10.4-1]. */
    readonly fullFilter: string,
    /** undefined = not shared. */
    readonly shareName: string | undefined,
    /** Without `$share/name/`. */
    readonly topicFilter: string,
    /** The granted maximum. */
    readonly qos: QoS,
    readonly noLocal: boolean,
    readonly retainAsPublished: boolean,
    /** 0 = none. */
    readonly subscriptionIdentifier: number,
  ) {
    this.subscriptionIdentifiers = subscriptionIdentifier === 0 ? undefined : [subscriptionIdentifier];
  }
}
