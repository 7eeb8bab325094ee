/** Tells the register of clients who came, who left, and what they did last. @module */

import { PacketType } from "../packet/control_packet.ts";
import type { ReasonCode } from "../packet/reason_code.ts";
import type { Broker } from "./broker.ts";
import type { Connection } from "./connection.ts";

/** How often the register hears what connected Clients did last. */
export const JOURNAL_INTERVAL_MS = 10_000;

const ACTIONS: ReadonlyMap<number, string> = new Map(
  Object.entries(PacketType).map(([name, type]) => [type as number, name.toUpperCase()]),
);

export function noteConnected(broker: Broker, connection: Connection): void {
  connection.journaledMs = connection.lastReceivedMs;
  broker.journal?.connected({
    clientId: connection.clientId,
    userName: connection.identity!.userName,
    protocolVersion: connection.protocolVersion,
    keepAlive: connection.keepAlive,
    remoteAddress: connection.sink.remoteAddress,
    listenerUrl: connection.sink.listenerUrl,
    atMs: broker.turn.wallMs,
  });
}

/** A no-op for a connection that never was let in. */
export function noteDisconnected(broker: Broker, connection: Connection, reasonCode: ReasonCode, reason: string): void {
  if (broker.journal === undefined || !connection.isConnected) return;
  broker.journal.disconnected({
    clientId: connection.clientId,
    reasonCode,
    reason,
    lastAction: actionOf(connection),
    lastActionAtMs: wallMsOf(broker, connection.lastReceivedMs),
    atMs: broker.turn.wallMs,
  });
}

/** What those did last that have sent something since the last time. */
export function noteActions(broker: Broker): void {
  const { journal } = broker;
  if (journal === undefined) return;
  for (const connection of broker.connections) {
    if (!connection.isConnected || connection.lastReceivedMs <= connection.journaledMs) continue;
    connection.journaledMs = connection.lastReceivedMs;
    journal.acted(connection.clientId, actionOf(connection), wallMsOf(broker, connection.lastReceivedMs));
  }
}

function actionOf(connection: Connection): string {
  return ACTIONS.get(connection.lastPacketType) ?? "";
}

function wallMsOf(broker: Broker, monotonicMs: number): number {
  return broker.turn.wallMs - (broker.turn.monotonicMs - monotonicMs);
}
