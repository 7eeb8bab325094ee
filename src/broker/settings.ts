/** What the operator decided about the protocol. Spec §3.2.2.3. Types only; config/ fills it. @module */

import type { ProtocolVersion, QoS } from "../packet/control_packet.ts";
import type { SharedSubscriptionStrategy } from "./shared_subscriptions.ts";

/** What may differ from one listener to the next. */
export interface DoorSettings {
  readonly protocolVersions: readonly ProtocolVersion[];
  /** Network Connections at once through this listener, beside the limit for all. */
  readonly connectionsMax: number;
  /** Bytes. */
  readonly maximumPacketSize: number;
  /** Seconds, 0 = as they ask. */
  readonly keepAliveMaxS: number;
}

export interface BrokerSettings {
  /** Those that are spoken; others get 0x84. */
  readonly protocolVersions: readonly ProtocolVersion[];
  readonly maximumQoS: QoS;
  readonly retainAvailable: boolean;
  readonly wildcardSubscriptionAvailable: boolean;
  readonly sharedSubscriptionAvailable: boolean;
  readonly subscriptionIdentifierAvailable: boolean;
  /** What a Client gets that asks for Response Information; `%c` becomes its Client Identifier. undefined = nothing. */
  readonly responseInformation?: string | undefined;
  readonly sharedSubscriptionStrategy: SharedSubscriptionStrategy;
  /** Seconds between two updates of $SYS; 0 = no $SYS. */
  readonly sysIntervalS: number;
  /** true: a payload that is not UTF-8 though its Payload Format Indicator says so is refused with 0x99. */
  readonly checkPayloadFormat: boolean;
  /** For `$SYS/broker/version`. */
  readonly version: string;
}
