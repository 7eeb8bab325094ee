/** What the store kept → sessions, subscriptions, queues and retained messages, before the first connection. @module */

import { OutgoingMessage, type OutgoingState } from "../session/outgoing_message.ts";
import { NEVER_EXPIRES_S } from "../session/session.ts";
import { Subscription } from "../session/subscription.ts";
import { parseSharedFilter } from "../topic/shared_filter.ts";
import { invariant } from "../base/assert.ts";
import type { Broker } from "./broker.ts";
import { ClientSession } from "./client_session.ts";
import type { ClientSubscription } from "./route.ts";
import { expiryOf } from "./route_publish.ts";
import { endSession, scheduleExpiry, storeSession } from "./sessions.ts";
import { addSubscription } from "./subscriptions.ts";
import { publishWill, rescheduleWill } from "./wills.ts";

export interface LoadReport {
  readonly sessions: number;
  readonly messages: number;
  readonly retainedMessages: number;
}

export async function loadStore(broker: Broker): Promise<LoadReport> {
  let messages = 0;
  broker.turn.begin();
  const wasConnected: ClientSession[] = [];
  const sessionOf = (clientId: string): ClientSession => {
    const session = broker.sessions.get(clientId);
    invariant(session !== undefined, "the store gives a session before what belongs to it");
    return session;
  };
  await broker.store.load({
    session(record) {
      const session = new ClientSession(record.clientId, record.userName, broker.limits, broker.queueBudget);
      session.isStored = true;
      session.sessionExpiryInterval = record.sessionExpiryInterval;
      session.will = record.will;
      session.willDueAtMs = record.willDueAtMs;
      session.expiresAtMs = record.expiresAtMs;
      broker.sessions.set(record.clientId, session);
      session.remoteHost = record.remoteHost;
      if (record.isConnected) wasConnected.push(session);
    },
    subscription(clientId, record) {
      const shared = parseSharedFilter(record.fullFilter);
      invariant(shared !== "invalid", "a stored filter is well-formed");
      const subscription: ClientSubscription = new Subscription(
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
      const sharedBy = record.sharedFilter === undefined ? undefined : session.subscriptions.get(record.sharedFilter);
      const { message, qos, retain, subscriptionIdentifiers, expiresAtMs } = record;
      const outgoing = new OutgoingMessage(message, qos, retain, subscriptionIdentifiers, expiresAtMs, sharedBy);
      outgoing.position = record.position;
      session.lastPosition = Math.max(session.lastPosition, record.position);
      messages++;
      if (record.packetIdentifier !== 0) {
        outgoing.packetIdentifier = record.packetIdentifier;
        outgoing.state = record.state as OutgoingState;
        outgoing.wasSent = true;
        session.window.restore(outgoing);
      } else {
        // What was acknowledged to its publisher is kept, also beyond a limit that was lowered since.
        session.pending.restore(outgoing);
      }
    },
    queuedRun() {
      throw new Error("not yet");
    },
    incomingQoS2(clientId, packetIdentifier) {
      sessionOf(clientId).incomingQoS2.add(packetIdentifier);
    },
    retained(message) {
      const { wallMs, monotonicMs } = broker.turn;
      broker.retained.set(message, expiryOf(message), wallMs, monotonicMs);
    },
  });
  broker.turn.begin(); // loading takes time, and a turn does not outlast it
  for (const session of [...broker.sessions.values()]) {
    scheduleExpiry(broker, session);
    rescheduleWill(broker, session);
  }
  for (const session of wasConnected) loseConnection(broker, session);
  return { sessions: broker.sessions.size, messages, retainedMessages: broker.retained.size };
}

/** The broker ended while this Client was connected: for the session that was the end of the Network Connection, now.
 * Its deadlines count from the restart, which is when it can come back again. */
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
