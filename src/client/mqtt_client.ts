/** The client as a program holds it: the engine, with the waiting around it. @module */

import { type Clock, systemClock } from "../base/clock.ts";
import type { PacketObserver } from "../connection/packet_observer.ts";
import { WriteTurn } from "../connection/write_turn.ts";
import { NEVER_EXPIRES } from "../packet/application_message.ts";
import type { ProtocolVersion } from "../packet/control_packet.ts";
import { ReasonCode } from "../packet/reason_code.ts";
import { abortable } from "./abortable.ts";
import type { ActiveSubscription } from "./active_subscription.ts";
import { type Alarm, type NewAlarm, systemAlarm } from "./alarm.ts";
import type {
  Client,
  ClientState,
  DisconnectOptions,
  Message,
  PublishOptions,
  PublishResult,
  RequestOptions,
  ServerLimits,
  SubscribeOptions,
  Subscription,
} from "./client.ts";
import { ClientEngine, type EngineHost } from "./client_engine.ts";
import type { LostMessage } from "./client_observer.ts";
import type { ClientSettings } from "./client_settings.ts";
import { ConnectionLostError, NotConnectedError } from "./errors.ts";
import { Link, type LinkContext } from "./link.ts";
import { MessageMaker } from "./message_maker.ts";
import { MqttSubscription } from "./mqtt_subscription.ts";
import { checkFilters, newSubscription } from "./new_subscription.ts";
import { ObserverAdapter } from "./observer_adapter.ts";
import type { OpenStream } from "./open_stream.ts";
import { OutboxMessage } from "./outbox_message.ts";
import { Requester } from "./requester.ts";

/** What tests give in the place of the machine's. */
export interface ClientParts {
  readonly open: OpenStream;
  readonly clock?: Clock;
  readonly newAlarm?: NewAlarm;
  readonly random?: () => number;
}

export class MqttClient implements Client, EngineHost {
  readonly clock: Clock;
  readonly engine: ClientEngine;
  readonly #open: OpenStream;
  readonly #random: () => number;
  readonly #alarm: Alarm;
  readonly #linkContext: LinkContext;
  readonly #requester: Requester;
  readonly #messages = new MessageMaker();
  /** Of the connection that is being opened. */
  #opening: AbortController | undefined = undefined;
  /** The next Subscription Identifier. A session that goes on may know those of an earlier process: these begin elsewhere. */
  #subscriptionIdentifier: number;

  constructor(readonly settings: ClientSettings, parts: ClientParts) {
    this.clock = parts.clock ?? systemClock;
    this.#open = parts.open;
    this.#random = parts.random ?? Math.random;
    this.#alarm = (parts.newAlarm ?? systemAlarm)(() => this.engine.tick(), this.clock);
    this.#linkContext = {
      settings,
      writeTurn: new WriteTurn(Infinity),
      observer: this.#packetObserver(),
    };
    this.#subscriptionIdentifier = settings.cleanStart ? 1 : 1 + Math.floor(this.#random() * 0xffff);
    this.#requester = new Requester(this, (requests) => this.engine.expectMessages(requests));
    this.engine = new ClientEngine(settings, this);
  }

  get state(): ClientState {
    return this.engine.state;
  }

  get clientId(): string {
    return this.engine.clientId;
  }

  get protocolVersion(): ProtocolVersion {
    return this.engine.protocolVersion;
  }

  get server(): ServerLimits {
    return this.engine.server;
  }

  get closed(): Promise<void> {
    return this.engine.closed;
  }

  get outboxLength(): number {
    return this.engine.outbox.length;
  }

  publish(topicName: string, payload: string | Uint8Array, options: PublishOptions = {}): Promise<PublishResult> {
    const { engine } = this;
    const { qos = 0, retain = false, signal } = options;
    try {
      if (engine.state === "closed") throw engine.closedError;
      signal?.throwIfAborted();
      const message = this.#messages.make(topicName, payload, options);
      if (qos === 0) return abortable(engine.direct.publish(message, retain), signal);
      engine.time.begin();
      const { messageExpiryInterval } = message;
      const expiresAtMs = messageExpiryInterval === NEVER_EXPIRES
        ? Infinity
        : engine.time.wallMs + messageExpiryInterval * 1000;
      const { promise, resolve, reject } = Promise.withResolvers<PublishResult>();
      engine.outbox.publish(new OutboxMessage(message, qos, retain, expiresAtMs, { resolve, reject }));
      return abortable(promise, signal);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  async subscribe(topicFilters: string | readonly string[], options: SubscribeOptions = {}): Promise<Subscription> {
    const { engine } = this;
    const { signal, onMessage } = options;
    if (engine.state === "closed") throw engine.closedError;
    signal?.throwIfAborted();
    const filters = typeof topicFilters === "string" ? [topicFilters] : topicFilters;
    const active = newSubscription(filters, options, this.#subscriptionIdentifier++, engine.inbox);
    engine.time.begin();
    const subscription = new MqttSubscription(active, engine.inbox, (ended) => this.#end(ended));
    // What came for it before goes before what comes from now on.
    engine.inbox.claim(active.queue, (topicName) => active.matches(topicName));
    try {
      await abortable(engine.subscriber.subscribe(active), signal);
    } catch (error) {
      // Given up, or refused: what is on its way nobody reads.
      subscription.unsubscribe().catch(() => {});
      throw error;
    }
    subscription.endBy(signal);
    if (onMessage !== undefined) {
      // What its callback throws, or why the Server refuses it after a lost session, would be lost otherwise.
      subscription.deliver(onMessage).catch((error) => engine.close(asError(error)));
    }
    return subscription;
  }

  async unsubscribe(topicFilters: string | readonly string[]): Promise<readonly ReasonCode[]> {
    const { engine } = this;
    if (engine.state === "closed") throw engine.closedError;
    const filters = typeof topicFilters === "string" ? [topicFilters] : [...topicFilters];
    checkFilters(filters);
    const held = filters.find((filter) => engine.table.isHeld(filter));
    if (held !== undefined) throw new TypeError(`a Subscription holds ${JSON.stringify(held)}: end that`);
    engine.time.begin();
    return await engine.subscriber.unsubscribe(filters);
  }

  request(topicName: string, payload: string | Uint8Array, options: RequestOptions = {}): Promise<Message> {
    return this.#requester.request(topicName, payload, options);
  }

  async reauthenticate(): Promise<void> {
    if (this.engine.state === "closed") throw this.engine.closedError;
    if (this.engine.link === undefined) throw new NotConnectedError("there is no connection to re-authenticate on");
    await this.engine.reauthenticate();
  }

  async disconnect(options: DisconnectOptions = {}): Promise<void> {
    const { reasonCode = ReasonCode.NormalDisconnection, sessionExpiryInterval, reasonString } = options;
    const isPlain = reasonCode === ReasonCode.NormalDisconnection && sessionExpiryInterval === undefined &&
      reasonString === undefined;
    if (this.protocolVersion !== 5 && !isPlain) throw new TypeError("DISCONNECT of 3.x says nothing else");
    if ((sessionExpiryInterval ?? 0) > 0 && this.server.sessionExpiryInterval === 0) {
      throw new TypeError("a session that ends with the connection cannot be kept by DISCONNECT [MQTT-3.14.2.2.2]");
    }
    this.engine.disconnect(reasonCode, { sessionExpiryInterval, reasonString });
    // Why it ended, if it had before, is what `closed` tells.
    await this.engine.closed.catch(() => {});
  }

  drop(): void {
    this.engine.close(undefined);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.disconnect();
  }

  // What the engine needs of the world.

  random(): number {
    return this.#random();
  }

  endOfTurn(callback: () => void): void {
    queueMicrotask(callback);
  }

  open(): void {
    this.abandon();
    const opening = this.#opening = new AbortController();
    Promise.resolve(opening.signal).then(this.#open).then((stream) => {
      if (this.#opening !== opening) return stream.close();
      // From now on it is the engine that ends it, and not at once when DISCONNECT is still to be written.
      this.#opening = undefined;
      const link = new Link(stream, this.#linkContext);
      this.engine.opened(link);
      link.read({
        received: (packet) => this.engine.received(link, packet),
        broke: (error) => this.engine.broke(link, error),
        failed: (error) => this.engine.failed(link, error),
        ended: (cause) => this.engine.ended(link, cause),
      }).catch((error) => this.engine.failed(link, error));
    }, (error) => {
      if (this.#opening !== opening) return;
      this.#opening = undefined;
      const what = `no connection to ${this.settings.url}: ${asError(error).message}`;
      this.engine.openFailed(new ConnectionLostError(what, { cause: error }));
    }).catch((error) => this.engine.close(asError(error)));
  }

  abandon(): void {
    const opening = this.#opening;
    this.#opening = undefined;
    opening?.abort();
  }

  wakeAt(ms: number): void {
    this.#alarm.set(ms);
  }

  stateChanged(state: ClientState, cause: string): void {
    try {
      this.settings.observer?.state?.(state, cause);
    } catch (error) {
      this.#observerFailed(error);
    }
  }

  /** Told when what is under way is done, as a promise would be. */
  lost(message: LostMessage, why: Error): void {
    queueMicrotask(() => {
      try {
        this.settings.observer?.lost?.(message, why);
      } catch (error) {
        this.#observerFailed(error);
      }
    });
  }

  /** Not in the middle of what is under way. */
  #observerFailed(error: unknown): void {
    queueMicrotask(() => this.engine.close(asError(error)));
  }

  #end(active: ActiveSubscription): Promise<void> {
    this.engine.time.begin();
    return this.engine.subscriber.end(active);
  }

  #packetObserver(): PacketObserver | undefined {
    const { observer } = this.settings;
    if (observer?.packet === undefined) return undefined;
    const observe = observer.packet.bind(observer);
    return new ObserverAdapter((direction, packet) => {
      try {
        observe(direction, packet, this.clock.monotonicMs());
      } catch (error) {
        this.#observerFailed(error);
      }
    });
  }
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
