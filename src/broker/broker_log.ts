/** What the broker says, one line for each thing that happens to a Client; the words are Mosquitto's where people know
 * them. No payloads, no passwords, no Reason Strings of peers. @module */

import type { Log } from "../base/log.ts";
import type { ConnectPacket, SubscriptionRequest } from "../packet/control_packet.ts";
import type { PeerError } from "../packet/errors.ts";
import { ReasonCode, reasonName } from "../packet/reason_code.ts";
import { type Connection, ConnectionState } from "./connection.ts";

/** The same complaint about the whole broker comes at most once in this time. */
const REPEAT_MS = 60_000;
/** Filters that a line names; the rest is counted. */
const FILTERS_NAMED = 8;
/** A longer one is cut: it must not push the verdict out of the line. */
const FILTER_LENGTH_MAX = 100;

export class BrokerLog {
  #retainedFullAtMs = -Infinity;
  #readBackFailedAtMs = -Infinity;

  /** @param monotonicMs for the lines that come at most once a minute. */
  constructor(readonly log: Log, readonly monotonicMs: () => number) {}

  opened(connection: Connection): void {
    if (!this.log.isEnabled("debug")) return;
    const { remoteAddress, listenerUrl } = connection.sink;
    this.log.debug(`New connection from ${remoteAddress} on ${listenerUrl}.`, { remoteAddress, listenerUrl });
  }

  connected(connection: Connection, packet: ConnectPacket, sessionPresent: boolean): void {
    if (!this.log.isEnabled("info")) return;
    const { clientId, protocolVersion, keepAlive } = connection;
    const { remoteAddress } = connection.sink;
    const { cleanStart } = packet;
    // Without accounts nobody has checked the name that a Client gives itself.
    const isChecked = connection.identity?.userName !== undefined;
    const userName = connection.identity?.userName ?? packet.userName;
    const user = userName === undefined ? "" : `, u'${userName}'${isChecked ? "" : " unchecked"}`;
    const text = `New client connected from ${remoteAddress} as ${clientId} ` +
      `(p${protocolVersion}, c${cleanStart ? 1 : 0}, k${keepAlive}${user}).`;
    this.log.info(text, {
      event: "connect",
      clientId,
      remoteAddress,
      protocolVersion,
      cleanStart,
      keepAlive,
      userName,
      sessionPresent,
    });
  }

  refused(connection: Connection, reasonCode: ReasonCode, why: string): void {
    if (!this.log.isEnabled("info")) return;
    const { remoteAddress } = connection.sink;
    const { clientId } = connection;
    const who = clientId === "" ? "" : ` as ${clientId}`;
    const text = `Connection from ${remoteAddress}${who} refused: ${reasonName(reasonCode)} (${why}).`;
    this.log.info(text, { event: "refuse", clientId, remoteAddress, reasonCode, why });
  }

  /** A packet that breaks the protocol. */
  broke(connection: Connection, error: PeerError): void {
    if (!this.log.isEnabled("info")) return;
    const { remoteAddress } = connection.sink;
    const name = connection.clientId === "" ? remoteAddress : connection.clientId;
    const { reasonCode, statement, message } = error;
    const text = `${error.name} from ${name}: ${message} [${statement}].`;
    this.log.info(text, { event: "broke", clientId: connection.clientId, remoteAddress, reasonCode, statement });
  }

  /** @param why "" when the Client said DISCONNECT, and its Reason Code says it all. */
  ended(connection: Connection, reasonCode: ReasonCode, why: string): void {
    if (connection.state !== ConnectionState.Connected) {
      if (!this.log.isEnabled("debug")) return;
      const { remoteAddress } = connection.sink;
      return this.log.debug(`Connection from ${remoteAddress} ended: ${why}.`, { remoteAddress, why });
    }
    if (!this.log.isEnabled("info")) return;
    const { clientId } = connection;
    const code = reasonCode === ReasonCode.NormalDisconnection ? "" : reasonName(reasonCode);
    const reason = code !== "" && why !== "" ? `${code}, ${why}` : code + why;
    this.log.info(`Client ${clientId} disconnected${reason === "" ? "" : `: ${reason}`}.`, {
      event: "disconnect",
      clientId,
      reasonCode,
      why,
    });
  }

  subscribed(
    connection: Connection,
    requests: readonly SubscriptionRequest[],
    reasonCodes: readonly ReasonCode[],
  ): void {
    if (!this.log.isEnabled("info")) return;
    const { clientId } = connection;
    const filters = requests.slice(0, FILTERS_NAMED).map((request, i) => {
      const reasonCode = reasonCodes[i];
      const verdict = reasonCode < 0x80 ? `q${reasonCode}` : `refused: ${reasonName(reasonCode)}`;
      return `${cut(request.topicFilter)} (${verdict})`;
    });
    const text = `${clientId} subscribed: ${filters.join(", ")}${furtherOf(requests.length)}.`;
    this.log.info(text, { event: "subscribe", clientId, count: requests.length });
  }

  unsubscribed(connection: Connection, topicFilters: readonly string[]): void {
    if (!this.log.isEnabled("info")) return;
    const { clientId } = connection;
    const named = topicFilters.slice(0, FILTERS_NAMED).map(cut).join(", ");
    const text = `${clientId} unsubscribed: ${named}${furtherOf(topicFilters.length)}.`;
    this.log.info(text, { event: "unsubscribe", clientId, count: topicFilters.length });
  }

  publishRefused(connection: Connection, topicName: string, reasonCode: ReasonCode): void {
    const nowMs = this.monotonicMs();
    const isRepeated = nowMs - connection.refusalLoggedMs < REPEAT_MS;
    const level = isRepeated ? "debug" : "info";
    if (!this.log.isEnabled(level)) return;
    const { clientId } = connection;
    const userName = connection.identity?.userName;
    const facts = { event: "publish-refused", clientId, userName, topicName, reasonCode };
    const text = `PUBLISH of ${clientId}${userName === undefined ? "" : `, u'${userName}',`} to ${
      cut(topicName)
    } refused: ${reasonName(reasonCode)}.`;
    if (isRepeated) return this.log.debug(text, facts);
    connection.refusalLoggedMs = nowMs;
    this.log.info(`${text} Further ones of this client are not reported for a minute.`, facts);
  }

  retainedFull(topicName: string): void {
    const nowMs = this.monotonicMs();
    if (nowMs - this.#retainedFullAtMs < REPEAT_MS) return;
    this.#retainedFullAtMs = nowMs;
    const text =
      `A message on ${topicName} was not retained: limits.retainedMessagesMax or limits.retainedBytesMax is ` +
      `reached. Further ones are not reported for a minute.`;
    this.log.warning(text, { event: "retained-full", topicName });
  }

  /** The disk refuses: at the beginning and then once a minute. @param lastedMs 0 = it has just begun. */
  storeTrouble(trouble: string, lastedMs: number, waitingBytes: number): void {
    const since = lastedMs === 0 ? "" : ` for ${Math.round(lastedMs / 1000)} s`;
    const text = `The store cannot be written to${since}: ${trouble}. What needs the disk is refused or waits ` +
      `(${waitingBytes} bytes), the rest goes on; nothing that was acknowledged is lost.`;
    this.log.error(text, { event: "store-trouble", trouble, lastedMs, waitingBytes });
  }

  storeRecovered(lastedMs: number): void {
    const text = `The store can be written to again, after ${Math.round(lastedMs / 1000)} s.`;
    this.log.warning(text, { event: "store-recovered", lastedMs });
  }

  readBackFailed(clientId: string, error: Error): void {
    const nowMs = this.monotonicMs();
    if (nowMs - this.#readBackFailedAtMs < REPEAT_MS) return;
    this.#readBackFailedAtMs = nowMs;
    const text =
      `Queued messages of ${clientId} cannot be read from the store: ${error.message}. They stay there, and ` +
      `it is tried again every second. Further failures are not reported for a minute.`;
    this.log.error(text, { event: "read-back-failed", clientId });
  }

  /** The store has fewer than it had told. */
  messagesMissing(clientId: string, count: number): void {
    this.log.error(`${count} queued messages of ${clientId} are not in the store any more.`, {
      event: "messages-missing",
      clientId,
      count,
    });
  }

  willRefused(clientId: string, topicName: string): void {
    this.log.info(`The Will Message of ${clientId} was not sent: it may not publish to ${topicName} any more.`, {
      event: "will-refused",
      clientId,
      topicName,
    });
  }

  sessionExpired(clientId: string): void {
    if (!this.log.isEnabled("info")) return;
    this.log.info(`The session of ${clientId} has expired.`, { event: "expire", clientId });
  }

  lagging(connection: Connection): void {
    if (!this.log.isEnabled("info")) return;
    const { clientId } = connection;
    const { outboundBytes } = connection.sink;
    const text = `${clientId} reads too slowly (${outboundBytes} bytes wait): its publishers no longer wait for it.`;
    this.log.info(text, { event: "lagging", clientId, outboundBytes });
  }

  /** Our own bug. `connection` is closed, if there is one. */
  failed(connection: Connection | undefined, error: unknown): void {
    const text = error instanceof Error ? error.stack ?? String(error) : String(error);
    if (connection === undefined) return this.log.error(`Internal error. ${text}`, { event: "failed" });
    const { clientId } = connection;
    const name = clientId === "" ? connection.sink.remoteAddress : clientId;
    this.log.error(`Internal error while serving ${name}; its connection is closed. ${text}`, {
      event: "failed",
      clientId,
    });
  }
}

function cut(topicFilter: string): string {
  return topicFilter.length <= FILTER_LENGTH_MAX ? topicFilter : `${topicFilter.slice(0, FILTER_LENGTH_MAX)}…`;
}

function furtherOf(count: number): string {
  return count > FILTERS_NAMED ? ` and ${count - FILTERS_NAMED} more` : "";
}
