/** Tells the register of clients who came, who left, and what they did last.
 *
 * Who comes and who leaves is told at once. What those have done who stay is told by the way, a few of them at a time: each
 * note becomes a record on the disk, and ten thousand clients that do something in the same second must not make as many
 * of them. A PINGREQ says only that its Client is there, which is known of everybody who is connected; it is told for the case
 * that the broker dies, when the register says of each Client how long it was there at least. @module */

import { PacketType } from "../packet/control_packet.ts";
import type { ReasonCode } from "../packet/reason_code.ts";
import type { Broker } from "./broker.ts";
import type { Connection } from "./connection.ts";

/** A second's part of a round. */
const PART_MS = 1_000;
/** Connections that are looked at in it: about 0.05 ms. */
const PART_LOOKS = 1_000;
/** What the register writes in one batch. */
const PART_NOTES = 100;
/** Between two notes of one Client, at least. */
const ACTION_INTERVAL_MS = 60_000;
/** The same while it does nothing but PINGREQ. */
const PINGREQ_INTERVAL_MS = 3_600_000;

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

/** What connected Clients did last: goes round all of them, a part at a time. */
export class ActionRound {
  #partDueMs = 0;
  /** Where the next part begins; undefined = with a new round. */
  #rest: Iterator<Connection> | undefined = undefined;

  /** To be called with each tick. */
  goOn(broker: Broker): void {
    const { journal, turn, connections } = broker;
    if (journal === undefined || turn.monotonicMs < this.#partDueMs) return;
    this.#partDueMs = turn.monotonicMs + PART_MS;
    const rest = this.#rest ??= connections.values();
    for (let looks = 0, notes = 0; looks < PART_LOOKS && notes < PART_NOTES; looks++) {
      const { value: connection, done } = rest.next();
      if (done) {
        this.#rest = undefined;
        return;
      }
      if (!isDue(connection, turn.monotonicMs)) continue;
      connection.journaledMs = connection.lastReceivedMs;
      journal.acted(connection.clientId, actionOf(connection), wallMsOf(broker, connection.lastReceivedMs));
      notes++;
    }
  }
}

/** It has sent something since the last time, and that is long enough ago. */
function isDue(connection: Connection, nowMs: number): boolean {
  const { lastReceivedMs, journaledMs, lastPacketType } = connection;
  if (!connection.isConnected || lastReceivedMs <= journaledMs) return false;
  return nowMs - journaledMs >= (lastPacketType === PacketType.Pingreq ? PINGREQ_INTERVAL_MS : ACTION_INTERVAL_MS);
}

function actionOf(connection: Connection): string {
  return ACTIONS.get(connection.lastPacketType) ?? "";
}

function wallMsOf(broker: Broker, monotonicMs: number): number {
  return broker.turn.wallMs - (broker.turn.monotonicMs - monotonicMs);
}
