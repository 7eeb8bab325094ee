/** SUBSCRIBE and UNSUBSCRIBE: sent when there is a connection, again on the next one if it ended before the answer came, and
 * for all subscriptions when the Server has lost the session. Spec §3.8 – §3.11. @module */

import {
  PacketType,
  type SubackPacket,
  type SubscriptionRequest,
  type UnsubackPacket,
} from "../packet/control_packet.ts";
import type { Properties } from "../packet/property.ts";
import { ReasonCode } from "../packet/reason_code.ts";
import type { PacketIdentifiers } from "../session/packet_identifiers.ts";
import { hasWildcard } from "../topic/topic_filter.ts";
import { isSharedFilter } from "../topic/shared_filter.ts";
import type { ActiveSubscription } from "./active_subscription.ts";
import type { ServerLimits } from "./client.ts";
import type { EngineContext } from "./engine_context.ts";
import { MqttError, SubscribeRefusedError } from "./errors.ts";
import type { SubscriptionTable } from "./subscription_table.ts";

interface SubscribeRequest {
  readonly type: 8;
  readonly subscription: ActiveSubscription;
  readonly topicFilters: readonly string[];
  sentAtMs: number;
  resolve(): void;
  reject(error: Error): void;
}

interface UnsubscribeRequest {
  readonly type: 10;
  /** A subscription of the program has ended, which need not wait for a connection. */
  readonly isOfSubscription: boolean;
  readonly topicFilters: readonly string[];
  sentAtMs: number;
  resolve(reasonCodes: readonly ReasonCode[]): void;
  reject(error: Error): void;
}

type Request = SubscribeRequest | UnsubscribeRequest;

export class Subscriber {
  /** By Packet Identifier, in the order of sending. */
  readonly #open = new Map<number, Request>();
  #waiting: Request[] = [];

  constructor(
    readonly context: EngineContext,
    readonly identifiers: PacketIdentifiers,
    readonly table: SubscriptionTable,
  ) {}

  get awaitsAnswer(): boolean {
    return this.#open.size > 0;
  }

  /** As `Outbox.oldestSentMs`. */
  get oldestSentMs(): number {
    let oldest = Infinity;
    for (const { sentAtMs } of this.#open.values()) oldest = Math.min(oldest, sentAtMs);
    return oldest;
  }

  subscribe(subscription: ActiveSubscription): Promise<void> {
    this.table.add(subscription);
    return new Promise((resolve, reject) => this.#ask(subscribeRequest(subscription, resolve, reject)));
  }

  /** The subscription gets nothing any more from now on. Resolves with UNSUBACK or the end of the connection. */
  async end(subscription: ActiveSubscription): Promise<void> {
    subscription.isEnded = true;
    const topicFilters = this.table.ownFilters(subscription);
    this.table.remove(subscription);
    if (topicFilters.length > 0) await this.#unsubscribe(topicFilters, true);
  }

  /** Of what no subscription of the program holds. Resolves with UNSUBACK. */
  unsubscribe(topicFilters: readonly string[]): Promise<readonly ReasonCode[]> {
    return this.#unsubscribe(topicFilters, false);
  }

  /** CONNACK has come. */
  connected(sessionPresent: boolean): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    if (!sessionPresent) {
      for (const subscription of this.table.values()) if (subscription.isGranted) this.#restore(subscription);
    }
    for (const request of waiting) {
      if (sessionPresent) this.#ask(request);
      // Without the session there is nothing to end.
      else if (request.type === PacketType.Unsubscribe) {
        request.resolve(request.topicFilters.map(() => ReasonCode.NoSubscriptionExisted));
      } // One that was granted before is restored already.
      else if (!request.subscription.isGranted) this.#ask(request);
    }
  }

  disconnected(): void {
    for (const [packetIdentifier, request] of this.#open) {
      this.identifiers.release(packetIdentifier);
      request.sentAtMs = Infinity;
      this.#wait(request);
    }
    this.#open.clear();
  }

  suback({ packetIdentifier, reasonCodes, properties }: SubackPacket): void {
    const request = this.#take(packetIdentifier, PacketType.Subscribe, reasonCodes.length);
    if (request?.type !== PacketType.Subscribe) return;
    const { subscription } = request;
    const isFirst = !subscription.isGranted;
    if (isFirst) subscription.reasonCodes = reasonCodes;
    const granted = subscription.filters.filter((_, index) => reasonCodes[index] < 0x80);
    if (granted.length === 0) {
      return this.#refused(request, reasonCodes[0], properties.reasonString);
    }
    if (granted.length < subscription.filters.length) {
      subscription.filters = granted;
      this.table.changed();
    }
    subscription.isGranted = true;
    request.resolve();
  }

  unsuback({ packetIdentifier, reasonCodes }: UnsubackPacket): void {
    const hasCodes = this.context.protocolVersion === 5;
    const request = this.#take(packetIdentifier, PacketType.Unsubscribe, hasCodes ? reasonCodes.length : undefined);
    if (request?.type !== PacketType.Unsubscribe) return;
    request.resolve(hasCodes ? reasonCodes : request.topicFilters.map(() => ReasonCode.Success));
  }

  /** The client has ended. */
  close(error: Error): void {
    for (const request of [...this.#open.values(), ...this.#waiting]) {
      // What ends with the client has ended.
      if (request.type === PacketType.Unsubscribe && request.isOfSubscription) request.resolve([]);
      else request.reject(error);
    }
    this.#open.clear();
    this.#waiting = [];
  }

  #unsubscribe(topicFilters: readonly string[], isOfSubscription: boolean): Promise<readonly ReasonCode[]> {
    const type = PacketType.Unsubscribe;
    return new Promise((resolve, reject) => {
      this.#ask({ type, isOfSubscription, topicFilters, sentAtMs: Infinity, resolve, reject });
    });
  }

  /** For the next connection. */
  #wait(request: Request): void {
    this.#waiting.push(request);
    if (request.type === PacketType.Unsubscribe && request.isOfSubscription) request.resolve([]);
  }

  #ask(request: Request): void {
    const { link, server, time } = this.context;
    // Ended before it was sent.
    if (request.type === PacketType.Subscribe && request.subscription.isEnded) return request.resolve();
    if (link === undefined) return this.#wait(request);
    if (request.type === PacketType.Subscribe) {
      const refusal = refusalBefore(server, request.topicFilters);
      if (refusal !== undefined) return this.#refused(request, ...refusal);
    }
    const packetIdentifier = this.identifiers.acquire();
    if (packetIdentifier === 0) return request.reject(new MqttError("no Packet Identifier is free"));
    this.#open.set(packetIdentifier, request);
    request.sentAtMs = time.monotonicMs;
    if (!this.#send(packetIdentifier, request)) {
      this.#open.delete(packetIdentifier);
      this.identifiers.release(packetIdentifier);
      const why = `the Server takes packets of ${server.maximumPacketSize} bytes at most`;
      this.#refused(request, ReasonCode.PacketTooLarge, why);
    } else this.context.sent(true);
  }

  #send(packetIdentifier: number, request: Request): boolean {
    const { type, topicFilters } = request;
    const link = this.context.link!;
    if (type === PacketType.Unsubscribe) return link.send({ type, packetIdentifier, topicFilters, properties: {} });
    const { subscription } = request;
    const userProperties = subscription.userProperties;
    const properties: Properties = userProperties === undefined ? {} : { userProperties: [...userProperties] };
    const { subscriptionIdentifierAvailable } = this.context.server;
    if (subscriptionIdentifierAvailable) properties.subscriptionIdentifiers = [subscription.identifier];
    this.table.announced(subscription, subscriptionIdentifierAvailable ? subscription.identifier : 0);
    const subscriptions = subscription.filters.map(({ request }) => this.#withHighestQoS(request));
    return link.send({ type, packetIdentifier, subscriptions, properties });
  }

  /** The Server knows one subscription for a filter; here several may share it, and none shall lose by that. */
  #withHighestQoS(request: SubscriptionRequest): SubscriptionRequest {
    let { qos } = request;
    for (const { filters } of this.table.values()) {
      for (const { request: other } of filters) {
        if (other.topicFilter === request.topicFilter && other.qos > qos) qos = other.qos;
      }
    }
    return qos === request.qos ? request : { ...request, qos };
  }

  #restore(subscription: ActiveSubscription): void {
    this.#ask(subscribeRequest(subscription, () => {}, (error) => subscription.queue.end(error)));
  }

  #refused(request: Request, reasonCode: ReasonCode, reasonString: string | undefined): void {
    let what = "unsubscribing from";
    if (request.type === PacketType.Subscribe) {
      what = "subscribing to";
      request.subscription.isEnded = true;
      this.table.remove(request.subscription);
    }
    const filters = request.topicFilters.map((filter) => JSON.stringify(filter)).join(", ");
    request.reject(new SubscribeRefusedError(`${what} ${filters}`, reasonCode, reasonString));
  }

  /** @param count of Reason Codes; undefined = the version has none. */
  #take(packetIdentifier: number, type: 8 | 10, count: number | undefined): Request | undefined {
    const request = this.#open.get(packetIdentifier);
    const name = type === PacketType.Subscribe ? "SUBACK" : "UNSUBACK";
    if (request === undefined || request.type !== type) {
      this.context.violated("§3.8.4", `${name} for identifier ${packetIdentifier}, which awaits none`);
      return undefined;
    }
    const expected = request.topicFilters.length;
    if (count !== undefined && count !== expected) {
      const statement = type === PacketType.Subscribe ? "MQTT-3.8.4-6" : "MQTT-3.11.3-1";
      this.context.violated(statement, `${name} has ${count} Reason Codes for ${expected} filters`);
      return undefined;
    }
    this.#open.delete(packetIdentifier);
    this.identifiers.release(packetIdentifier);
    return request;
  }
}

function subscribeRequest(
  subscription: ActiveSubscription,
  resolve: () => void,
  reject: (error: Error) => void,
): SubscribeRequest {
  const topicFilters = subscription.filters.map(({ request }) => request.topicFilter);
  return { type: PacketType.Subscribe, subscription, topicFilters, sentAtMs: Infinity, resolve, reject };
}

/** What the Server's CONNACK rules out. §3.2.2.3.11, §3.2.2.3.13 */
function refusalBefore(server: ServerLimits, topicFilters: readonly string[]): [ReasonCode, string] | undefined {
  if (!server.wildcardSubscriptionAvailable && topicFilters.some(hasWildcard)) {
    return [ReasonCode.WildcardSubscriptionsNotSupported, "the Server takes no wildcards"];
  }
  if (!server.sharedSubscriptionAvailable && topicFilters.some(isSharedFilter)) {
    return [ReasonCode.SharedSubscriptionsNotSupported, "the Server has no Shared Subscriptions"];
  }
  return undefined;
}
