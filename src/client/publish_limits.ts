/** What a Server does not take, said before it is sent [MQTT-3.2.2-11] [MQTT-3.2.2-14] [MQTT-3.2.2-15]. Room: pure. @module */

import type { QoS } from "../packet/control_packet.ts";
import { ReasonCode } from "../packet/reason_code.ts";
import type { ServerLimits } from "./client.ts";
import { PublishRefusedError } from "./errors.ts";

const WHAT = "not sent";

/** @returns undefined when nothing speaks against it. */
export function refusalBefore(server: ServerLimits, qos: QoS, retain: boolean): PublishRefusedError | undefined {
  if (qos > server.maximumQoS) {
    const why = `the Server takes QoS ${server.maximumQoS} at most`;
    return new PublishRefusedError(WHAT, ReasonCode.QoSNotSupported, why);
  }
  if (retain && !server.retainAvailable) {
    return new PublishRefusedError(WHAT, ReasonCode.RetainNotSupported, "the Server keeps no retained messages");
  }
  return undefined;
}

export function sizeRefusal(server: ServerLimits): PublishRefusedError {
  const why = `the Server takes packets of ${server.maximumPacketSize} bytes at most`;
  return new PublishRefusedError(WHAT, ReasonCode.PacketTooLarge, why);
}
