/** How the broker stands, as plain values: for dashboards, metrics and tests. Changes nothing. @module */

import type { Broker } from "./broker.ts";

export interface BrokerSnapshot {
  readonly connections: number;
  readonly connectedClients: number;
  readonly sessions: number;
  readonly subscriptions: number;
  readonly sharedGroups: number;
  /** Entries of the subscription index: 0 when nobody subscribes. */
  readonly subscriptionNodes: number;
  readonly retainedMessages: number;
  readonly retainedBytes: number;
  readonly retainedWalks: number;
  /** Queued and unfinished messages of all sessions. */
  readonly queuedMessages: number;
  readonly queuedBytes: number;
  /** Bytes that wait to be written to all clients. */
  readonly outboundBytes: number;
  readonly timers: number;
  /** Actions that wait for the store. */
  readonly heldActions: number;
  /** Sessions whose queued messages the store is asked for, or will be when it is their turn. */
  readonly readings: number;
  readonly isShuttingDown: boolean;
}

export function takeSnapshot(broker: Broker): BrokerSnapshot {
  const queued = queuedMessages(broker);
  let outboundBytes = 0;
  for (const connection of broker.connections) outboundBytes += connection.sink.outboundBytes;
  return {
    connections: broker.connections.size,
    connectedClients: broker.connectedCount,
    sessions: broker.sessions.size,
    subscriptions: broker.subscriptionCount,
    sharedGroups: broker.shared.size,
    subscriptionNodes: broker.subscriptions.nodeCount,
    retainedMessages: broker.retained.size,
    retainedBytes: broker.retained.bytes,
    retainedWalks: broker.retainedWalks.size,
    queuedMessages: queued.count,
    queuedBytes: queued.bytes,
    outboundBytes,
    timers: broker.wheel.size,
    heldActions: broker.gate.length,
    readings: broker.readingPlaces.size,
    isShuttingDown: broker.isShuttingDown,
  };
}

/** Queued and unfinished, over all sessions: a walk over sessions, not over messages. */
export function queuedMessages(broker: Broker): { count: number; bytes: number } {
  let count = 0;
  let bytes = 0;
  for (const session of broker.sessions.values()) {
    count += session.messageCount;
    bytes += session.messageBytes;
  }
  return { count, bytes };
}
