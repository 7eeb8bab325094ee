/** CONNACK → what the Server can do; what it leaves out has the specification's default. §3.2.2.3 Room: pure. @module */

import type { ConnackPacket, ProtocolVersion } from "../packet/control_packet.ts";
import { PACKET_SIZE_MAX } from "./client_settings.ts";
import type { ServerLimits } from "./client.ts";

const RECEIVE_MAXIMUM = 65_535;

export interface Asked {
  readonly protocolVersion: ProtocolVersion;
  readonly keepAlive: number;
  readonly sessionExpiryInterval: number;
}

export function serverLimits({ sessionPresent, properties }: ConnackPacket, asked: Asked): ServerLimits {
  const isVersion5 = asked.protocolVersion === 5;
  return {
    sessionPresent,
    receiveMaximum: properties.receiveMaximum ?? RECEIVE_MAXIMUM,
    maximumQoS: properties.maximumQoS ?? 2,
    retainAvailable: properties.retainAvailable ?? true,
    maximumPacketSize: Math.min(properties.maximumPacketSize ?? PACKET_SIZE_MAX, PACKET_SIZE_MAX),
    topicAliasMaximum: properties.topicAliasMaximum ?? 0,
    wildcardSubscriptionAvailable: properties.wildcardSubscriptionAvailable ?? true,
    // 3.x has none, whatever it says of shared ones.
    subscriptionIdentifierAvailable: isVersion5 && (properties.subscriptionIdentifierAvailable ?? true),
    sharedSubscriptionAvailable: properties.sharedSubscriptionAvailable ?? true,
    keepAlive: properties.serverKeepAlive ?? asked.keepAlive,
    sessionExpiryInterval: properties.sessionExpiryInterval ?? asked.sessionExpiryInterval,
    responseInformation: properties.responseInformation,
    serverReference: properties.serverReference,
    reasonString: properties.reasonString,
    userProperties: properties.userProperties ?? [],
  };
}
