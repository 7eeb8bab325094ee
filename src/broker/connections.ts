/** How Network Connections end: refused, closed by us, or by the Client. Spec §3.14, §4.13. @module */

import { Timer } from "../base/timer_wheel.ts";
import { PacketType } from "../packet/control_packet.ts";
import { NO_PROPERTIES } from "../packet/property.ts";
import { ReasonCode } from "../packet/reason_code.ts";
import { endHold } from "./back_pressure.ts";
import type { Broker } from "./broker.ts";
import { type Connection, ConnectionState } from "./connection.ts";
import { noteDisconnected } from "./journal.ts";
import { stopWatchingValidity } from "./rights.ts";
import { leave } from "./sessions.ts";

/** Refuses a CONNECT: CONNACK with a Reason Code of 0x80 or more, and the end [MQTT-3.2.2-7]. */
export function refuseConnect(broker: Broker, connection: Connection, reasonCode: ReasonCode, why: string): void {
  broker.log.refused(connection, reasonCode, why);
  connection.sink.send({
    type: PacketType.Connack,
    sessionPresent: false, // [MQTT-3.2.2-6]
    reasonCode,
    properties: { reasonString: why },
  });
  connection.sink.close();
  forget(broker, connection);
}

/** Ends a connection for what its Client did, or for what became of us. A 5.0 Client that was let in hears why
 * [MQTT-4.13.1-1]; DISCONNECT from the Server does not exist before CONNACK [MQTT-3.14.0-1] nor before 5.0.
 * @param why for the log and the Reason String, without anything secret; "" when the Reason Code says it all. */
export function closeWith(broker: Broker, connection: Connection, reasonCode: ReasonCode, why: string): void {
  if (connection.state === ConnectionState.Closed) return;
  if (connection.isConnected && connection.protocolVersion === 5) {
    const properties = why === "" ? NO_PROPERTIES : { reasonString: why };
    connection.sink.send({ type: PacketType.Disconnect, reasonCode, properties });
  }
  endConnection(broker, connection, reasonCode, why);
}

/** The connection is over, whoever ended it. A no-op the second time.
 * @param reasonCode what DISCONNECT said or would say; `why` for the log.
 * @param hasSaidGoodbye the Client has sent DISCONNECT. */
export function endConnection(
  broker: Broker,
  connection: Connection,
  reasonCode: ReasonCode,
  why: string,
  hasSaidGoodbye = false,
): void {
  if (connection.state === ConnectionState.Closed) return;
  broker.log.ended(connection, reasonCode, why);
  noteDisconnected(broker, connection, reasonCode, why);
  connection.sink.close(hasSaidGoodbye);
  const session = connection.session;
  // A Client that never got CONNACK has no Will Message to leave behind.
  const sendsWill = connection.sendsWill && connection.isConnected;
  forget(broker, connection);
  if (session === undefined) return;
  connection.session = undefined;
  session.connection = undefined;
  broker.connectedCount--;
  if (session.alive) leave(broker, session, sendsWill);
}

/** The time for CONNECT is over: nothing came, or the authenticator or the store has not answered. */
export function connectTimedOut(broker: Broker, connection: Connection): void {
  switch (connection.state) {
    case ConnectionState.AwaitingConnect:
      return endConnection(broker, connection, ReasonCode.MaximumConnectTime, "no CONNECT in time");
    case ConnectionState.Authenticating:
      // The Client's turn in an exchange; else the Server is behind, and another attempt may be luckier.
      return connection.exchange !== undefined && !connection.isExchangeBusy
        ? refuseConnect(broker, connection, ReasonCode.NotAuthorized, "authentication took too long")
        : refuseConnect(broker, connection, ReasonCode.ServerBusy, "too many logins wait for their turn");
    default:
      return storeTimedOut(broker, connection);
  }
}

/** Let in, but the store has not said that it knows: it is too slow, or in trouble since. */
function storeTimedOut(broker: Broker, connection: Connection): void {
  const { trouble } = broker.store;
  const reasonCode = trouble === undefined ? ReasonCode.ServerUnavailable : ReasonCode.QuotaExceeded;
  const why = trouble === undefined ? "the store is too slow" : `the store cannot be written to: ${trouble}`;
  refuseAccepted(broker, connection, reasonCode, why);
}

/** Let in, and its CONNACK waits for the store. What the store was told of this CONNECT stands: the session waits for the
 * Client's next one. */
export function refuseAccepted(broker: Broker, connection: Connection, reasonCode: ReasonCode, why: string): void {
  connection.sink.send({
    type: PacketType.Connack,
    sessionPresent: false,
    reasonCode,
    properties: { reasonString: why },
  });
  endConnection(broker, connection, reasonCode, why);
}

/** What happens when a deadline of a connection is over. */
export type Deadline = (broker: Broker, connection: Connection) => void;

/** Every connection has one: first for CONNECT, then for its Keep Alive, or for AUTH. The same timer serves all of them, and
 * no closures are made for it: it takes a tenth of the memory of an idle connection as it is. */
export class ConnectionTimer extends Timer {
  constructor(readonly broker: Broker, readonly connection: Connection, public deadline: Deadline) {
    super(isOver);
  }
}

function isOver(timer: Timer): void {
  const { broker, connection, deadline } = timer as ConnectionTimer;
  deadline(broker, connection);
}

/** In the place of the one that it had.
 * @param atMs milliseconds, monotonic. */
export function setDeadline(broker: Broker, connection: Connection, atMs: number, deadline: Deadline): void {
  const timer = connection.timer ??= new ConnectionTimer(broker, connection, deadline);
  timer.deadline = deadline;
  broker.wheel.schedule(timer, atMs);
}

function stopTimer(broker: Broker, connection: Connection): void {
  if (connection.timer !== undefined) broker.wheel.cancel(connection.timer);
  connection.timer = undefined;
}

/** Closes the connection when nothing arrived for 1.5 × Keep Alive. Unit: seconds, 0 = off. Spec: §3.1.2.10
 * [MQTT-3.1.2-22]. A packet only notes its time; the deadline looks at the note, and goes on. */
export function watchKeepAlive(broker: Broker, connection: Connection): void {
  if (connection.keepAlive === 0) return stopTimer(broker, connection);
  setDeadline(broker, connection, connection.lastReceivedMs + keepAliveMs(connection), keepAliveIsOver);
}

function keepAliveMs(connection: Connection): number {
  return connection.keepAlive * 1500;
}

function keepAliveIsOver(broker: Broker, connection: Connection): void {
  // While we do not read from it, it cannot be late. But while the disk refuses, which may take days, nobody would
  // notice that it is gone: it hears nothing of us either, and may go.
  const waits = connection.holds > 0 && !(broker.heldByStore.has(connection) && broker.store.trouble !== undefined);
  const sinceMs = waits ? broker.turn.monotonicMs : connection.lastReceivedMs;
  const dueMs = sinceMs + keepAliveMs(connection);
  if (dueMs > broker.turn.monotonicMs) return setDeadline(broker, connection, dueMs, keepAliveIsOver);
  const why = "nothing was received for 1.5 times the Keep Alive";
  closeWith(broker, connection, ReasonCode.KeepAliveTimeout, why);
}

function forget(broker: Broker, connection: Connection): void {
  connection.state = ConnectionState.Closed;
  broker.connections.delete(connection);
  connection.door.connectionCount--;
  stopTimer(broker, connection);
  stopWatchingValidity(broker, connection);
  connection.cancelAuthentication?.();
  connection.cancelAuthentication = undefined;
  connection.exchange?.abandon();
  connection.exchange = undefined;
  connection.connectPacket = undefined;
  endHold(broker, connection);
  broker.heldByStore.delete(connection);
  broker.retainedWalks.end(connection);
}
