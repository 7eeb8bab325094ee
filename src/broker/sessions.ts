/** The life of Sessions: they begin with a CONNECT, wait while their Client is away, and end. Spec §4.1, §3.1.2.11.2.
 * @module */

import { Timer } from "../base/timer_wheel.ts";
import { NEVER_EXPIRES_S } from "../session/session.ts";
import type { Broker } from "./broker.ts";
import type { ClientSession } from "./client_session.ts";
import { endReading } from "./read_back.ts";
import type { ClientSubscription } from "./route.ts";
import { handOverShared } from "./shared_subscriptions.ts";
import { removeSubscription } from "./subscriptions.ts";
import { publishWill, scheduleWill } from "./wills.ts";

/** Its Client is connected again: nothing of it expires, and the old Will Message is not sent [MQTT-3.1.3-9]. */
export function attend(broker: Broker, session: ClientSession): void {
  if (session.willTimer !== undefined) broker.wheel.cancel(session.willTimer);
  if (session.expiryTimer !== undefined) broker.wheel.cancel(session.expiryTimer);
  session.willDueAtMs = Infinity;
  session.expiresAtMs = Infinity;
}

/** Its Client is gone: the session ends now or later [MQTT-3.1.2-23], and its Will Message is sent now or later
 * [MQTT-3.1.2-8]. */
export function leave(broker: Broker, session: ClientSession, sendsWill: boolean): void {
  if (!sendsWill) session.will = undefined;
  if (!session.persists) return endSession(broker, session);
  handOverShared(broker, session, false);
  if (session.sessionExpiryInterval !== NEVER_EXPIRES_S) {
    session.expiresAtMs = broker.turn.wallMs + session.sessionExpiryInterval * 1000;
  }
  scheduleExpiry(broker, session);
  scheduleWill(broker, session);
  storeSession(broker, session);
}

/** The session of this Client, if it has not ended. A timer rings up to a tick late, and after a restart not before the
 * first one: what is due by now is done now [MQTT-4.1.0-2], [MQTT-3.1.2-8]. */
export function currentSession(broker: Broker, clientId: string): ClientSession | undefined {
  const session = broker.sessions.get(clientId);
  if (session === undefined) return undefined;
  if (session.willDueAtMs <= broker.turn.wallMs) {
    publishWill(broker, session);
    storeSession(broker, session);
  }
  if (session.expiresAtMs > broker.turn.wallMs) return session;
  expire(broker, session);
  return undefined;
}

/** Sets the timer for `expiresAtMs`. */
export function scheduleExpiry(broker: Broker, session: ClientSession): void {
  if (session.expiresAtMs === Infinity) return;
  session.expiryTimer ??= new Timer(() => expire(broker, session));
  const delayMs = Math.max(0, session.expiresAtMs - broker.turn.wallMs);
  broker.wheel.schedule(session.expiryTimer, broker.turn.monotonicMs + delayMs);
}

function expire(broker: Broker, session: ClientSession): void {
  broker.statistics.clientsExpired++;
  broker.log.sessionExpired(session.clientId);
  endSession(broker, session);
}

/** Forgets everything [MQTT-4.1.0-2]. A Will Message that waits for its delay is sent now: the end of the session ends
 * the delay [MQTT-3.1.2-8]. */
export function endSession(broker: Broker, session: ClientSession): void {
  session.alive = false;
  attend(broker, session);
  broker.sessions.delete(session.clientId);
  // Subscriptions go first: a session that ended gets neither its own will nor what it hands over.
  for (const subscription of session.allSubscriptions()) {
    removeSubscription(broker, subscription as ClientSubscription);
  }
  handOverShared(broker, session, true);
  session.clearMessages();
  endReading(broker, session);
  unstoreSession(broker, session);
  publishWill(broker, session);
}

/** Tells the store how the session stands. Three kinds of sessions are its business: those that persist; those with a
 * Will Message, which a broker that dies owes all the same; and those that persisted and have queued messages on the disk
 * alone. Of the second kind it is told nothing else, and it ends with the next start. */
export function storeSession(broker: Broker, session: ClientSession): void {
  if (!session.persists && !session.hasRuns && !hasWillToStore(broker, session)) {
    return unstoreSession(broker, session);
  }
  session.isStored = true;
  if (session.persists) session.hasPersisted = true;
  broker.store.putSession({
    clientId: session.clientId,
    userName: session.userName,
    remoteHost: session.identity.remoteHost,
    isConnected: session.connection !== undefined,
    sessionExpiryInterval: session.sessionExpiryInterval,
    expiresAtMs: session.expiresAtMs,
    will: session.will,
    willDueAtMs: session.willDueAtMs,
  });
}

function unstoreSession(broker: Broker, session: ClientSession): void {
  if (!session.isStored) return;
  session.isStored = false;
  broker.store.deleteSession(session.clientId);
  const isUnsafe = broker.store.safe < broker.store.ticket;
  if (session.hasPersisted && isUnsafe) broker.deletedSessions.set(session.clientId, broker.store.ticket);
}

/** While the disk is in trouble no new ones: see store_trouble.ts. */
function hasWillToStore(broker: Broker, session: ClientSession): boolean {
  if (session.will === undefined) return false;
  if (session.isStored || broker.store.trouble === undefined) return true;
  broker.hasUntoldWills = true;
  return false;
}

/** The deletion of a session of this Client is not safe: after a crash it would be back. */
export function isDeletionUnsafe(broker: Broker, clientId: string): boolean {
  return (broker.deletedSessions.get(clientId) ?? 0) > broker.store.safe;
}

/** The store got safer. */
export function forgetSafeDeletions(broker: Broker): void {
  for (const [clientId, ticket] of broker.deletedSessions) {
    if (ticket <= broker.store.safe) broker.deletedSessions.delete(clientId);
  }
}
