/** What the store kept → sessions, subscriptions, queues and retained messages, before the first connection. @module */

import { invariant } from "../base/assert.ts";
import type { ApplicationMessage } from "../packet/application_message.ts";
import { NEVER_EXPIRES_S } from "../session/session.ts";
import { StoredRun } from "../session/stored_run.ts";
import { parseSharedFilter } from "../topic/shared_filter.ts";
import type { Broker } from "./broker.ts";
import { ClientSession } from "./client_session.ts";
import { outgoingOf } from "./read_back.ts";
import { restoredIdentity } from "./rights.ts";
import { ClientSubscription } from "./route.ts";
import { expiryOf } from "./route_publish.ts";
import { endSession, scheduleExpiry, storeSession } from "./sessions.ts";
import { queuedMessages } from "./snapshot.ts";
import { addSubscription } from "./subscriptions.ts";
import { publishWill, rescheduleWill } from "./wills.ts";

/** What came back, without what has ended or expired meanwhile. */
export interface LoadReport {
  readonly sessions: number;
  /** Queued and unfinished ones, those that are left on the disk included. */
  readonly messages: number;
  readonly retainedMessages: number;
}

export async function loadStore(broker: Broker): Promise<LoadReport> {
  broker.turn.begin();
  // What cannot be dealt with before all is there.
  const wasConnected: ClientSession[] = [];
  const retained: ApplicationMessage[] = [];
  const sessionOf = (clientId: string): ClientSession => {
    const session = broker.sessions.get(clientId);
    invariant(session !== undefined, "the store gives a session before what belongs to it");
    return session;
  };
  await broker.store.load({
    session(record) {
      const identity = restoredIdentity(record.clientId, record.userName, record.remoteHost);
      const session = new ClientSession(identity, broker.sessionLimits, broker.queueBudget);
      session.isStored = true;
      session.sessionExpiryInterval = record.sessionExpiryInterval;
      session.hasPersisted = session.persists;
      session.will = record.will;
      session.willDueAtMs = record.willDueAtMs;
      session.expiresAtMs = record.expiresAtMs;
      broker.sessions.set(record.clientId, session);
      if (record.isConnected) wasConnected.push(session);
    },
    subscription(clientId, record) {
      const shared = parseSharedFilter(record.fullFilter);
      invariant(shared !== "invalid", "a stored filter is well-formed");
      const subscription = new ClientSubscription(
        sessionOf(clientId),
        record.fullFilter,
        shared?.shareName,
        shared?.topicFilter ?? record.fullFilter,
        record.qos,
        record.noLocal,
        record.retainAsPublished,
        record.subscriptionIdentifier,
      );
      addSubscription(broker, subscription);
    },
    outgoing(clientId, record) {
      const session = sessionOf(clientId);
      const outgoing = outgoingOf(session, record);
      session.lastPosition = Math.max(session.lastPosition, record.position);
      // What was acknowledged to its publisher is kept, also beyond a limit that was lowered since.
      if (record.packetIdentifier === 0) session.pending.restore(outgoing);
      else session.window.restore(outgoing);
    },
    queuedRun(clientId, { firstPosition, lastPosition, messages, messageBytes }) {
      const session = sessionOf(clientId);
      session.lastPosition = Math.max(session.lastPosition, lastPosition);
      const run = new StoredRun(firstPosition, lastPosition);
      run.messages = messages;
      run.messageBytes = messageBytes;
      run.earliestExpiryMs = 0;
      session.pending.restoreRun(run);
    },
    incomingQoS2(clientId, packetIdentifier) {
      sessionOf(clientId).incomingQoS2.add(packetIdentifier);
    },
    retained(message) {
      retained.push(message);
    },
  });
  broker.turn.begin(); // loading takes time, and a turn does not outlast it
  // Deadlines are in the store's time, which is known only now.
  broker.turn.addToWall(broker.store.wallOffsetMs);
  const { wallMs, monotonicMs } = broker.turn;
  for (const message of retained) broker.retained.set(message, expiryOf(message), wallMs, monotonicMs);
  for (const session of [...broker.sessions.values()]) {
    if (holdToIntervals(broker, session)) storeSession(broker, session);
    scheduleExpiry(broker, session);
    rescheduleWill(broker, session);
  }
  for (const session of wasConnected) loseConnection(broker, session);
  return {
    sessions: broker.sessions.size,
    messages: queuedMessages(broker).count,
    retainedMessages: broker.retained.size,
  };
}

/** No deadline is further away than its interval: a clock that was set must not revive what has ended.
 * @returns whether one was. */
function holdToIntervals(broker: Broker, session: ClientSession): boolean {
  const { expiresAtMs, willDueAtMs, sessionExpiryInterval, will } = session;
  const { wallMs } = broker.turn;
  if (expiresAtMs !== Infinity) session.expiresAtMs = Math.min(expiresAtMs, wallMs + sessionExpiryInterval * 1000);
  if (willDueAtMs !== Infinity && will !== undefined) {
    session.willDueAtMs = Math.min(willDueAtMs, wallMs + will.willDelayInterval * 1000);
  }
  return session.expiresAtMs !== expiresAtMs || session.willDueAtMs !== willDueAtMs;
}

/** The broker ended while this Client was connected: for the session that was the end of the Network Connection, now.
 * Its deadlines count from the restart, which is when it can come back again. One that does not persist was kept for its
 * Will Message, which is sent. */
function loseConnection(broker: Broker, session: ClientSession): void {
  if (!session.persists) return endSession(broker, session);
  if (session.sessionExpiryInterval !== NEVER_EXPIRES_S) {
    session.expiresAtMs = broker.turn.wallMs + session.sessionExpiryInterval * 1000;
    scheduleExpiry(broker, session);
  }
  if (session.will !== undefined) {
    if (session.will.willDelayInterval === 0) publishWill(broker, session);
    else {
      session.willDueAtMs = broker.turn.wallMs + session.will.willDelayInterval * 1000;
      rescheduleWill(broker, session);
    }
  }
  storeSession(broker, session);
}
