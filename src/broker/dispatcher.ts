/** The inbox: everything that happens comes here, one after the other, and is decided at once. Never waits.
 * In: packets and ends of connections from the readers, events (event.ts). Out: calls of packet sinks and of the store.
 * Owns sessions, subscriptions, queues, retained messages and the timer wheel, by way of Broker. @module */

import { RingQueue } from "../base/ring_queue.ts";
import type { PacketSink } from "../connection/packet_sink.ts";
import { type ControlPacket, PacketType, type ProtocolVersion } from "../packet/control_packet.ts";
import { type PeerError, ProtocolError } from "../packet/errors.ts";
import { ReasonCode } from "../packet/reason_code.ts";
import { holdForStore, isDiskBehind, relieveFromStore, relieveIfCaughtUp } from "./back_pressure.ts";
import { Broker, type BrokerParts } from "./broker.ts";
import { Connection, ConnectionState } from "./connection.ts";
import { closeWith, connectTimedOut, endConnection, refuseConnect, setDeadline } from "./connections.ts";
import { pump } from "./deliver.ts";
import type { BrokerEvent } from "./event.ts";
import { handlePuback, handlePubcomp, handlePubrec, handlePubrel } from "./handle_acknowledgements.ts";
import { handleAuth, handleAuthenticationStep } from "./handle_auth.ts";
import { finishConnect, handleConnect } from "./handle_connect.ts";
import { handleDisconnect } from "./handle_disconnect.ts";
import { handlePublish } from "./handle_publish.ts";
import { handleSubscribe } from "./handle_subscribe.ts";
import { handleUnsubscribe } from "./handle_unsubscribe.ts";
import { ActionRound } from "./journal.ts";
import { type LoadReport, loadStore } from "./load_store.ts";
import { checkReadings, handleReadAgain, handleReadBack } from "./read_back.ts";
import { handleRightsChanged } from "./rights.ts";
import { forgetSafeDeletions } from "./sessions.ts";
import { type BrokerSnapshot, takeSnapshot } from "./snapshot.ts";
import { StoreTrouble } from "./store_trouble.ts";
import { SysTopics } from "./sys_topics.ts";

export class Dispatcher {
  readonly #broker: Broker;
  /** Events that came while another was handled. */
  readonly #inbox = new RingQueue<BrokerEvent>();
  #isHandling = false;
  #sys: SysTopics | undefined = undefined;
  #sysDueMs = Infinity;
  readonly #actionRound = new ActionRound();
  readonly #storeTrouble: StoreTrouble;

  /** @param setTimer calls back after `delayMs`, in a turn of its own. */
  constructor(parts: BrokerParts, setTimer: (callback: () => void, delayMs: number) => void) {
    this.#broker = new Broker(
      parts,
      (event) => this.post(event),
      (event, delayMs) => setTimer(() => this.post(event), delayMs),
    );
    this.#storeTrouble = new StoreTrouble(this.#broker);
    parts.store.onSafe = () => this.post({ kind: "safe" });
    parts.authorizer.onChange = () => this.post({ kind: "rights-changed" });
  }

  /** Takes in what an earlier broker left; before the first connection. @throws as the store does. */
  async load(): Promise<LoadReport> {
    const report = await loadStore(this.#broker);
    this.#begin();
    const { sysIntervalS } = this.#broker.settings;
    if (sysIntervalS > 0) {
      this.#sys = new SysTopics(this.#broker);
      // Not before the broker listens: it takes as long as all the rest of this.
      this.#sysDueMs = this.#broker.turn.monotonicMs;
    }
    this.#finish();
    return report;
  }

  /** A Network Connection was opened. Its packets are `received` under the Connection that is returned. */
  open(sink: PacketSink): Connection {
    this.#begin();
    const broker = this.#broker;
    // The first one finds them published.
    this.#updateSysIfDue();
    const connection = new Connection(sink, broker.doors.get(sink.listenerUrl));
    connection.door.connectionCount++;
    connection.lastReceivedMs = broker.turn.monotonicMs;
    broker.connections.add(connection);
    broker.statistics.connectionsOpened++;
    broker.log.opened(connection);
    // Twice the limit: a Client beyond it may still be told so, by CONNACK; a flood beyond that is not listened to.
    if (broker.connections.size > broker.limits.connectionsMax * 2) {
      endConnection(broker, connection, ReasonCode.ServerBusy, "far too many connections");
    } else {
      setDeadline(broker, connection, broker.turn.monotonicMs + broker.limits.connectTimeoutMs, connectTimedOut);
    }
    this.#finish();
    return connection;
  }

  /** The sink of this connection was congested, and no longer is. */
  relieved(connection: Connection): void {
    this.post({ kind: "relief", connection });
  }

  /** One decoded packet. Its views are valid until this call returns. */
  received(connection: Connection, packet: ControlPacket): void {
    if (connection.state === ConnectionState.Closed) return;
    this.#begin();
    const broker = this.#broker;
    connection.lastReceivedMs = broker.turn.monotonicMs;
    connection.lastPacketType = packet.type;
    const changes = broker.store.changes;
    const held = broker.gate.length;
    try {
      this.#handle(connection, packet);
    } catch (error) {
      this.#failed(connection, error);
    }
    // Acknowledgements only make less of what waits.
    const isMore = (broker.store.changes !== changes || broker.gate.length > held) && !isAcknowledgement(packet);
    if (isMore && isDiskBehind(broker)) holdForStore(broker, connection);
    this.#finish();
  }

  /** The Client broke the protocol: it hears why, if it can, and is gone [MQTT-4.13.1-1].
   * @param connectVersion what to answer in, if the packet was a CONNECT; undefined for any other. */
  broke(connection: Connection, error: PeerError, connectVersion: ProtocolVersion | undefined): void {
    if (connection.state === ConnectionState.Closed) return;
    this.#begin();
    try {
      this.#broke(connection, error, connectVersion);
    } catch (next) {
      this.#failed(connection, next);
    }
    this.#finish();
  }

  /** We have a bug: the connection ends, the others go on. */
  failed(connection: Connection, error: unknown): void {
    this.#begin();
    this.#failed(connection, error);
    this.#finish();
  }

  /** The Network Connection ended without our doing. A no-op after any other end. */
  ended(connection: Connection, cause: string): void {
    if (connection.state === ConnectionState.Closed) return;
    this.#begin();
    try {
      endConnection(this.#broker, connection, ReasonCode.NormalDisconnection, cause);
    } catch (error) {
      this.#failed(connection, error);
    }
    this.#finish();
  }

  /** An answer that came later, or time. One that is posted while another event is handled comes next. */
  post(event: BrokerEvent): void {
    if (this.#isHandling) {
      this.#inbox.push(event);
      return;
    }
    this.#begin();
    this.#inbox.push(event);
    this.#finish();
  }

  /** Time has passed: to be called every few tens of milliseconds. */
  tick(): void {
    this.post({ kind: "tick" });
  }

  /** Says good-bye to every Client: DISCONNECT 0x8B to those that know it; wills are sent, sessions stay. */
  shutDown(): void {
    this.#begin();
    const broker = this.#broker;
    broker.isShuttingDown = true;
    for (const connection of [...broker.connections]) {
      try {
        closeWith(broker, connection, ReasonCode.ServerShuttingDown, "");
      } catch (error) {
        this.#failed(connection, error);
      }
    }
    this.#finish();
  }

  /** How the broker stands, as plain values. */
  snapshot(): BrokerSnapshot {
    return takeSnapshot(this.#broker);
  }

  #begin(): void {
    this.#isHandling = true;
    this.#broker.turn.begin();
  }

  #finish(): void {
    for (let event = this.#inbox.shift(); event !== undefined; event = this.#inbox.shift()) {
      try {
        this.#handleEvent(event);
      } catch (error) {
        this.#failed("connection" in event ? event.connection : undefined, error);
      }
    }
    this.#isHandling = false;
  }

  /** We have a bug, or a part that was given to us has. Its connection ends, if there is one, and the others go on. */
  #failed(connection: Connection | undefined, error: unknown): void {
    this.#broker.log.failed(connection, error);
    if (connection === undefined) return;
    try {
      closeWith(this.#broker, connection, ReasonCode.UnspecifiedError, "internal error");
    } catch (next) {
      // What its end brought about failed, too: a will, a hand-over. The connection itself is closed by now.
      this.#broker.log.failed(connection, next);
    }
  }

  #handle(connection: Connection, packet: ControlPacket): void {
    const broker = this.#broker;
    if (connection.state !== ConnectionState.Connected) return this.#handleBeforeConnack(connection, packet);
    switch (packet.type) {
      case PacketType.Publish:
        return handlePublish(broker, connection, packet);
      case PacketType.Puback:
        return handlePuback(broker, connection, packet);
      case PacketType.Pubrec:
        return handlePubrec(broker, connection, packet);
      case PacketType.Pubrel:
        return handlePubrel(broker, connection, packet);
      case PacketType.Pubcomp:
        return handlePubcomp(broker, connection, packet);
      case PacketType.Subscribe:
        return handleSubscribe(broker, connection, packet);
      case PacketType.Unsubscribe:
        return handleUnsubscribe(broker, connection, packet);
      case PacketType.Pingreq:
        connection.sink.send({ type: PacketType.Pingresp });
        return;
      case PacketType.Connect:
        return handleConnect(broker, connection, packet);
      case PacketType.Disconnect:
        return handleDisconnect(broker, connection, packet);
      case PacketType.Auth:
        return handleAuth(broker, connection, packet);
      default:
        // The decoder refuses what only a Server sends.
        return this.#broke(connection, new ProtocolError("§2.1.2", "a packet that only a Server sends"), undefined);
    }
  }

  /** CONNECT, once; then AUTH in the exchange that CONNECT began, or DISCONNECT of a Client that gives it up
   * [MQTT-3.1.2-30]. */
  #handleBeforeConnack(connection: Connection, packet: ControlPacket): void {
    const broker = this.#broker;
    const isFirst = connection.state === ConnectionState.AwaitingConnect;
    if (packet.type === PacketType.Connect) return handleConnect(broker, connection, packet);
    if (!isFirst && packet.type === PacketType.Auth) return handleAuth(broker, connection, packet);
    if (!isFirst && packet.type === PacketType.Disconnect) {
      return endConnection(broker, connection, packet.reasonCode, "disconnected before CONNACK");
    }
    const what = isFirst ? "the first packet is not CONNECT" : "a packet that is not AUTH before CONNACK";
    this.#broke(connection, new ProtocolError(isFirst ? "MQTT-3.1.0-1" : "MQTT-3.1.2-30", what), undefined);
  }

  #broke(connection: Connection, error: PeerError, connectVersion: ProtocolVersion | undefined): void {
    const broker = this.#broker;
    if (connection.state === ConnectionState.AwaitingConnect && connectVersion !== undefined) {
      connection.protocolVersion = connectVersion;
      connection.sink.configure({
        protocolVersion: connectVersion,
        maximumPacketSize: 0xffff_ffff,
        topicAliasMaximum: 0,
        requestProblemInformation: true,
      });
      refuseConnect(broker, connection, error.reasonCode, `${error.message} [${error.statement}]`);
    } else {
      broker.log.broke(connection, error);
      closeWith(broker, connection, error.reasonCode, `${error.message} [${error.statement}]`);
    }
  }

  #checkStore(): void {
    if (this.#storeTrouble.check()) this.#sys?.updateTrouble();
  }

  #handleEvent(event: BrokerEvent): void {
    const broker = this.#broker;
    switch (event.kind) {
      case "authenticated":
        return finishConnect(broker, event.connection, event.verdict);
      case "authentication-step":
        return handleAuthenticationStep(broker, event.connection, event.step);
      case "rights-changed":
        return handleRightsChanged(broker, (connection, error) => this.#failed(connection, error));
      case "safe":
        broker.gate.release((error) => this.#failed(undefined, error));
        forgetSafeDeletions(broker);
        this.#checkStore();
        return relieveFromStore(broker);
      case "read-back":
        return handleReadBack(broker, event.session, event.answer);
      case "read-again":
        return handleReadAgain(broker, event.session);
      case "relief":
        if (event.connection.session !== undefined) pump(broker, event.connection.session);
        return relieveIfCaughtUp(broker, event.connection);
      case "walk":
        return broker.retainedWalks.goOn((connection, error) => this.#failed(connection, error));
      case "tick":
        broker.wheel.advance(broker.turn.monotonicMs);
        this.#checkStore();
        checkReadings(broker);
        this.#actionRound.goOn(broker);
        return this.#updateSysIfDue();
    }
  }

  #updateSysIfDue(): void {
    const { turn, settings } = this.#broker;
    if (turn.monotonicMs < this.#sysDueMs) return;
    this.#sysDueMs = turn.monotonicMs + settings.sysIntervalS * 1000;
    this.#sys!.update();
  }
}

/** Of what the Server has sent. */
function isAcknowledgement({ type }: ControlPacket): boolean {
  return type === PacketType.Puback || type === PacketType.Pubrec || type === PacketType.Pubcomp;
}
