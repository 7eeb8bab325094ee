/** Will Messages: kept with the session, sent when its Client is gone without a word. Spec §3.1.2.5, §3.1.3.2.2.
 * @module */

import { Timer } from "../base/timer_wheel.ts";
import { ApplicationMessage } from "../packet/application_message.ts";
import type { ConnectWill } from "../packet/control_packet.ts";
import type { Will } from "../session/will.ts";
import type { Broker } from "./broker.ts";
import type { ClientSession } from "./client_session.ts";
import { publishFromServer } from "./publish.ts";
import { storeSession } from "./sessions.ts";

export function willOf(will: ConnectWill): Will {
  return {
    message: ApplicationMessage.create(will),
    willDelayInterval: will.properties.willDelayInterval ?? 0,
  };
}

/** The connection of a session that persists ended without DISCONNECT 0x00. */
export function scheduleWill(broker: Broker, session: ClientSession): void {
  const will = session.will;
  if (will === undefined) return;
  if (will.willDelayInterval === 0) return publishWill(broker, session);
  session.willDueAtMs = broker.turn.wallMs + will.willDelayInterval * 1000;
  rescheduleWill(broker, session);
}

/** Sets the timer for `willDueAtMs`. */
export function rescheduleWill(broker: Broker, session: ClientSession): void {
  if (session.willDueAtMs === Infinity) return;
  session.willTimer ??= new Timer(() => {
    publishWill(broker, session);
    storeSession(broker, session);
  });
  const delayMs = Math.max(0, session.willDueAtMs - broker.turn.wallMs);
  broker.wheel.schedule(session.willTimer, broker.turn.monotonicMs + delayMs);
}

/** Sends it, and forgets it [MQTT-3.1.2-10]. The right to do so is asked for again: it may have been revoked since
 * CONNECT. A no-op without a will. */
export function publishWill(broker: Broker, session: ClientSession): void {
  const will = session.will;
  if (will === undefined) return;
  session.will = undefined;
  session.willDueAtMs = Infinity;
  const { topicName, qos, retain } = will.message;
  if (!broker.authorizer.mayPublish(session.identity, topicName, qos, retain)) {
    broker.log.willRefused(session.clientId, topicName);
    return;
  }
  will.message.receivedAtMs = broker.turn.wallMs;
  will.message.renew(); // it enters the broker now, not when CONNECT brought it
  publishFromServer(broker, will.message, session);
}
