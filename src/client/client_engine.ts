/** The client without sockets and without waiting: events in (a connection is there, a packet came, the connection ended, time
 * has passed, the program wants something), packets out. Everything that waits is outside: `mqtt_client.ts`. @module */

import type { Clock } from "../base/clock.ts";
import { Timer, TimerWheel } from "../base/timer_wheel.ts";
import type { PacketWriter } from "../connection/writer.ts";
import {
  type ConnackPacket,
  type ControlPacket,
  type DisconnectPacket,
  PacketType,
  type ProtocolVersion,
} from "../packet/control_packet.ts";
import type { PeerError } from "../packet/errors.ts";
import type { Properties } from "../packet/property.ts";
import { ReasonCode } from "../packet/reason_code.ts";
import { PacketIdentifiers } from "../session/packet_identifiers.ts";
import { Authentication } from "./authentication.ts";
import type { ClientState, ServerLimits } from "./client.ts";
import type { ClientSettings } from "./client_settings.ts";
import { DirectPublisher } from "./direct_publisher.ts";
import type { EngineContext } from "./engine_context.ts";
import { Turn } from "../base/turn.ts";
import {
  ClientClosedError,
  ConnectionLostError,
  ConnectRefusedError,
  DisconnectedError,
  MqttError,
  ServerProtocolError,
} from "./errors.ts";
import { Inbox } from "./inbox.ts";
import { Introduction } from "./introduction.ts";
import { KeepAlive, type Watched } from "./keep_alive.ts";
import type { Link } from "./link.ts";
import { Outbox } from "./outbox.ts";
import { ReadPause } from "./read_pause.ts";
import { Backoff, isFinalDisconnect, isFinalRefusal } from "./reconnection.ts";
import { SessionJournal } from "./session_journal.ts";
import { Subscriber } from "./subscriber.ts";
import { SubscriptionTable } from "./subscription_table.ts";

/** What the engine needs of the world. */
export interface EngineHost {
  readonly clock: Clock;
  /** 0 ≤ n < 1. */
  random(): number;
  /** Calls back after what is under way, before the event loop waits. */
  endOfTurn(callback: () => void): void;
  /** Opens a Network Connection, and tells `opened` or `openFailed`. One that was begun before is not wanted any more. */
  open(): void;
  /** No connection is wanted. */
  abandon(): void;
  /** `tick` is wanted at this time of the monotonic clock, and not before; Infinity = not at all. */
  wakeAt(ms: number): void;
  /** Called when everything that goes with the change is done: it may call back. */
  stateChanged(state: ClientState, cause: string): void;
}

const TICK_MS = 50;

export class ClientEngine implements EngineContext, Watched {
  state: ClientState = "connecting";
  server: ServerLimits;
  link: PacketWriter | undefined = undefined;
  readonly time: Turn;
  readonly wheel: TimerWheel;
  readonly journal: SessionJournal;
  readonly table = new SubscriptionTable();
  readonly subscriber: Subscriber;
  readonly outbox: Outbox;
  readonly inbox: Inbox;
  readonly direct: DirectPublisher;
  readonly #introduction: Introduction;
  readonly #pause: ReadPause;
  readonly #keepAlive: KeepAlive;
  readonly #authentication: Authentication;
  readonly #backoff: Backoff | undefined;
  readonly #connectTimer = new Timer(() => this.#connectTimedOut());
  readonly #retryTimer = new Timer(() => this.#open("the next attempt"));
  /** The connection, from its opening to its end. */
  #current: Link | undefined = undefined;
  #connectedAtMs = 0;
  /** Connections that were let go by DISCONNECT, and linger. */
  readonly #leaving = new Set<Link>();
  readonly #ready = Promise.withResolvers<void>();
  readonly #closed = Promise.withResolvers<void>();
  #error: Error | undefined = undefined;
  #wakeAtMs = Infinity;
  #expectsMessages = false;

  constructor(readonly settings: ClientSettings, readonly host: EngineHost) {
    this.#introduction = new Introduction(settings);
    this.time = new Turn(host.clock, host, () => this.#turnEnded());
    this.wheel = new TimerWheel(this.time.monotonicMs, TICK_MS);
    this.journal = new SessionJournal(settings.outbox, this.clientId, host.endOfTurn, (action) => {
      this.time.begin();
      action();
    });
    // A Server that goes on with a session may hold identifiers of QoS 2 from a process that ended in the middle: it would take
    // a new message under one of them for that one, and drop it.
    const identifiers = new PacketIdentifiers(settings.cleanStart ? 0 : Math.floor(host.random() * 0xffff));
    this.subscriber = new Subscriber(this, identifiers, this.table);
    this.outbox = new Outbox(this, identifiers);
    this.#pause = new ReadPause(this, () => this.inbox.unacknowledged, () => this.#keepAlive.resumed());
    this.inbox = new Inbox(this, this.table, this.#pause);
    this.direct = new DirectPublisher(this);
    this.#keepAlive = new KeepAlive(this, this);
    this.#authentication = new Authentication(this, settings.authentication, (link, error) => {
      if (this.#current?.writer === link) this.#leave(ReasonCode.UnspecifiedError, error);
    });
    this.#backoff = settings.reconnect && new Backoff(settings.reconnect, () => host.random());
    this.server = this.#introduction.limits(NO_CONNACK);
    this.#ready.promise.catch(() => {});
    this.#closed.promise.catch(() => {});
  }

  get protocolVersion(): ProtocolVersion {
    return this.#introduction.protocolVersion;
  }

  get clientId(): string {
    return this.#introduction.clientId;
  }

  /** Resolves with the first CONNACK; rejects when there never was one. */
  get ready(): Promise<void> {
    return this.#ready.promise;
  }

  get closed(): Promise<void> {
    return this.#closed.promise;
  }

  /** Why requests are refused. */
  get closedError(): Error {
    return new ClientClosedError("the client has ended", { cause: this.#error });
  }

  // What the connection says.

  start(): void {
    this.time.begin();
    if (this.journal.isKept) this.journal.putSession(this.#introduction.sessionExpiryInterval);
    this.#open("the first attempt");
  }

  /** A Network Connection is there: CONNECT goes out. */
  opened(link: Link): void {
    this.time.begin();
    this.#current = link;
    link.speak(this.protocolVersion);
    link.writer.listener = {
      relieved: () => {
        this.time.begin();
        if (this.link !== link.writer) return;
        this.direct.pump();
        this.outbox.pump();
      },
    };
    this.#authentication.begin(link.writer, (authenticationData) => {
      if (this.#current !== link) return;
      link.writer.send(this.#introduction.packet(authenticationData));
    });
  }

  openFailed(error: Error): void {
    this.time.begin();
    this.#lost(error);
  }

  received(link: Link, packet: ControlPacket): void {
    if (link !== this.#current) return;
    this.time.begin();
    if (this.link === undefined) return this.#receivedBefore(link, packet);
    switch (packet.type) {
      case PacketType.Publish:
        return this.inbox.publish(packet);
      case PacketType.Puback:
        this.outbox.puback(packet);
        break;
      case PacketType.Pubrec:
        this.outbox.pubrec(packet);
        break;
      case PacketType.Pubrel:
        return this.inbox.pubrel(packet);
      case PacketType.Pubcomp:
        this.outbox.pubcomp(packet);
        break;
      case PacketType.Suback:
        this.subscriber.suback(packet);
        break;
      case PacketType.Unsuback:
        this.subscriber.unsuback(packet);
        break;
      case PacketType.Pingresp:
        return this.#keepAlive.pingresp();
      case PacketType.Disconnect:
        return this.#receivedDisconnect(packet);
      case PacketType.Auth:
        this.#authentication.received(packet);
        break;
      case PacketType.Connack:
        return this.violated("MQTT-3.2.0-2", "a second CONNACK");
      default:
        return this.violated("§2.1.2", `a Server does not send Control Packet type ${packet.type}`);
    }
    // One answer less is awaited.
    this.#pause.update();
  }

  /** The reader found what cannot be. */
  broke(link: Link, error: PeerError): void {
    if (link !== this.#current) return link.writer.end();
    this.time.begin();
    // A Server of 3.x answers in its own words, which are none of 5.0.
    if (this.link === undefined && link.isAtConnack) {
      if (this.#fallBack(link)) return;
      if (error.reasonCode === ReasonCode.UnsupportedProtocolVersion) {
        link.writer.end();
        return this.close(new ConnectRefusedError("the Server refused", error.reasonCode, undefined));
      }
    }
    this.#violated(error.statement, error.message, error.reasonCode);
  }

  /** We, or the program's observer, have a bug. */
  failed(link: Link, error: unknown): void {
    if (link !== this.#current) return link.writer.end();
    this.time.begin();
    link.writer.end();
    this.close(error instanceof Error ? error : new MqttError(String(error)));
  }

  ended(link: Link, cause: string): void {
    this.time.begin();
    if (this.#leaving.delete(link) && this.state === "closed" && this.#leaving.size === 0) this.#settleClosed();
    if (link !== this.#current) return;
    if (this.link === undefined && this.#fallBack(link)) return;
    this.#lost(new ConnectionLostError(cause));
  }

  tick(): void {
    // A timer of the machine may ring a little early: then it is set again for what is still to come.
    this.#wakeAtMs = Infinity;
    this.time.begin();
    this.wheel.advance(this.time.monotonicMs);
  }

  // What the program wants.

  reauthenticate(): Promise<void> {
    this.time.begin();
    return this.#authentication.reauthenticate(this.link!);
  }

  /** So many requests wait for a message of somebody else: reading goes on for it. */
  expectMessages(requests: number): void {
    this.#expectsMessages = requests > 0;
    this.#pause.update();
  }

  /** DISCONNECT, and the end. */
  disconnect(reasonCode: ReasonCode, properties: Properties): void {
    this.time.begin();
    const link = this.#current;
    if (this.link !== undefined && link !== undefined) {
      this.link.send({ type: PacketType.Disconnect, reasonCode, properties });
      this.#leaving.add(link);
      link.writer.close();
    }
    this.close(undefined);
  }

  /** The end, for good. @param error undefined = the program wanted it. */
  close(error: Error | undefined): void {
    if (this.state === "closed") return;
    this.time.begin();
    this.#error = error;
    const link = this.#current;
    const isCut = link !== undefined && !this.#leaving.has(link);
    const wish = isCut && this.link !== undefined ? "cut without DISCONNECT, as asked" : "as asked";
    if (isCut) link.writer.end();
    this.#forgetLink(error ?? new ClientClosedError("the client has ended"));
    this.state = "closed";
    this.wheel.cancel(this.#retryTimer);
    this.host.abandon();
    const closedError = this.closedError;
    this.outbox.close(closedError);
    this.subscriber.close(closedError);
    this.inbox.close();
    for (const { queue } of this.table.values()) queue.end(error && closedError);
    this.journal.close();
    this.#ready.reject(error ?? closedError);
    if (this.#leaving.size === 0) this.#settleClosed();
    this.host.stateChanged("closed", error === undefined ? wish : error.message);
  }

  // What the parts ask.

  get awaitsAnswer(): boolean {
    return this.#expectsMessages || this.outbox.awaitsAnswer || this.subscriber.awaitsAnswer ||
      this.#authentication.awaitsAnswer || this.direct.isWaiting;
  }

  awaiting(): void {
    this.#pause.update();
  }

  sent(isQuestion: boolean): void {
    this.#keepAlive.lastSentMs = this.time.monotonicMs;
    if (!isQuestion) return;
    this.#keepAlive.asked();
    if (this.#pause.isPaused) this.#pause.update();
  }

  violated(statement: string, message: string, reasonCode: ReasonCode = ReasonCode.ProtocolError): void {
    this.#violated(statement, message, reasonCode);
  }

  get isReadingPaused(): boolean {
    return this.#pause.isPaused;
  }

  get oldestQuestionMs(): number {
    return Math.min(this.outbox.oldestSentMs, this.subscriber.oldestSentMs, this.#authentication.oldestSentMs);
  }

  get bytesReceived(): number {
    return this.#current?.traffic.bytesReceived ?? 0;
  }

  get bytesWritten(): number {
    return this.#current?.writer.bytesWritten ?? 0;
  }

  get isWriting(): boolean {
    return (this.#current?.writer.outboundBytes ?? 0) > 0;
  }

  silent(what: string): void {
    this.#current?.writer.end();
    this.#lost(new ConnectionLostError(`the Server is silent: ${what}`));
  }

  // CONNECT and CONNACK.

  #open(cause: string): void {
    this.state = "connecting";
    this.wheel.schedule(this.#connectTimer, this.time.monotonicMs + this.settings.connectTimeoutMs);
    this.host.open();
    this.host.stateChanged("connecting", cause);
  }

  #connectTimedOut(): void {
    this.host.abandon();
    this.#current?.writer.end();
    this.#lost(new ConnectionLostError(`no connection within ${this.settings.connectTimeoutMs} ms`));
  }

  #receivedBefore(link: Link, packet: ControlPacket): void {
    if (packet.type === PacketType.Auth) return this.#authentication.received(packet);
    if (packet.type !== PacketType.Connack) {
      return this.violated("MQTT-3.2.0-1", `Control Packet type ${packet.type} before CONNACK`);
    }
    const { reasonCode, properties } = packet;
    if (reasonCode !== ReasonCode.Success) {
      if (reasonCode === ReasonCode.UnsupportedProtocolVersion && this.#fallBack(link)) return;
      const error = new ConnectRefusedError("the Server refused", reasonCode, properties.reasonString);
      error.serverReference = properties.serverReference;
      link.writer.end();
      return isFinalRefusal(reasonCode) ? this.close(error) : this.#lost(error);
    }
    if (packet.sessionPresent && this.#introduction.cleanStart) {
      return this.violated("MQTT-3.2.2-2", "Session Present after Clean Start");
    }
    const { authenticationMethod, authenticationData } = properties;
    if (authenticationMethod !== this.settings.authentication?.name && authenticationMethod !== undefined) {
      return this.violated("MQTT-4.12.0-5", "CONNACK has another Authentication Method");
    }
    let isDone = false;
    this.#authentication.connack(authenticationData, () => {
      if (this.#current !== link) return;
      isDone = true;
      link.writer.resumeReading();
      this.#connected(link, packet);
    });
    // What comes behind waits until the Server has proved itself.
    if (!isDone && this.#current === link) link.writer.pauseReading();
  }

  #connected(link: Link, packet: ConnackPacket): void {
    const { protocolVersion } = this;
    this.wheel.cancel(this.#connectTimer);
    this.server = this.#introduction.limits(packet);
    this.#introduction.accepted(packet);
    link.configure(protocolVersion, this.server.maximumPacketSize, this.server.topicAliasMaximum);
    this.link = link.writer;
    this.#connectedAtMs = this.time.monotonicMs;
    this.#keepAlive.connected(this.server.keepAlive);
    this.state = "connected";
    const { session, subscriptions } = this.#introduction.resumes(packet);
    this.inbox.connected(session);
    this.subscriber.connected(subscriptions);
    this.outbox.connected(session);
    this.#pause.update();
    this.#ready.resolve();
    // Last: who is told may publish, and what was begun before goes first.
    this.host.stateChanged("connected", packet.sessionPresent ? "the session goes on" : "a new session");
  }

  /** @returns whether the Server is asked again in an older version. */
  #fallBack(link: Link): boolean {
    if (!this.#introduction.fallBack()) return false;
    link.writer.end();
    this.#forgetLink(new ConnectionLostError("the Server does not know MQTT 5.0"));
    this.#open("the Server does not know MQTT 5.0: once more with 3.1.1");
    return true;
  }

  // The end of a connection.

  #receivedDisconnect({ reasonCode, properties }: DisconnectPacket): void {
    const error = new DisconnectedError("the Server ended the connection", reasonCode, properties.reasonString);
    error.serverReference = properties.serverReference;
    this.#current!.writer.end();
    if (isFinalDisconnect(reasonCode)) this.close(error);
    else this.#lost(error);
  }

  #violated(statement: string, message: string, reasonCode: ReasonCode): void {
    this.#leave(reasonCode, new ServerProtocolError(message, reasonCode, statement));
  }

  /** Tells the Server why, and lets the connection go. */
  #leave(reasonCode: ReasonCode, error: Error): void {
    const link = this.#current;
    if (link === undefined) return;
    if (this.protocolVersion === 5) link.writer.send({ type: PacketType.Disconnect, reasonCode, properties: {} });
    link.writer.close();
    this.#leaving.add(link);
    this.#lost(error);
  }

  #lost(error: Error): void {
    if (this.state === "closed") return;
    const wasConnected = this.link !== undefined;
    this.#forgetLink(error);
    const mayRetry = this.#introduction.hasConnected || this.settings.startOffline;
    if (this.#backoff === undefined || !mayRetry) return this.close(error);
    if (wasConnected) {
      this.#backoff.connectionEnded(this.time.monotonicMs - this.#connectedAtMs, this.outbox.isStuck);
    }
    this.#introduction.lost();
    this.state = "waiting";
    this.wheel.schedule(this.#retryTimer, this.time.monotonicMs + this.#backoff.nextDelayMs());
    this.host.stateChanged("waiting", error.message);
  }

  #forgetLink(error: Error): void {
    const wasConnected = this.link !== undefined;
    this.#current = undefined;
    this.link = undefined;
    this.wheel.cancel(this.#connectTimer);
    this.#keepAlive.disconnected();
    this.#authentication.disconnected(error);
    if (!wasConnected) return;
    this.inbox.disconnected();
    this.subscriber.disconnected();
    this.outbox.disconnected();
    this.direct.disconnected();
    this.#pause.disconnected();
  }

  #settleClosed(): void {
    if (this.#error === undefined) this.#closed.resolve();
    else this.#closed.reject(this.#error);
  }

  #turnEnded(): void {
    const nextMs = this.wheel.nextDeadlineMs();
    if (nextMs === this.#wakeAtMs) return;
    this.#wakeAtMs = nextMs;
    this.host.wakeAt(nextMs);
  }
}

const NO_CONNACK: ConnackPacket = {
  type: PacketType.Connack,
  sessionPresent: false,
  reasonCode: ReasonCode.Success,
  properties: {},
};
