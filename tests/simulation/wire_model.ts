/** What must come to each Client of a wire simulation, worked out the long way: no route, no cache, no frame is remembered.
 * Sees each packet as the reader hands it to the dispatcher. In: those packets. Out: the deliveries that each Client has to
 * get, in their order. @module */

import type { AclRule } from "../../src/auth/account_records.ts";
import { decide } from "../../src/auth/acl_decision.ts";
import type { PacketObserver } from "../../src/connection/packet_observer.ts";
import {
  ApplicationMessage,
  ByteWriter,
  type ControlPacket,
  encodePacket,
  PacketType,
  type Properties,
  type QoS,
  type SubscriptionRequest,
} from "../../src/packet/mod.ts";
import { topicMatchesFilter } from "../../src/topic/topic_filter.ts";
import type { ChangingAccounts } from "../auth/acl_support.ts";

/** A message as its publisher made it, known by its number, with which its Payload begins. */
export interface WireMessage {
  readonly number: number;
  readonly topicName: string;
  readonly qos: QoS;
  readonly retain: boolean;
  readonly payload: Uint8Array;
  /** Those of the publisher, without its Topic Alias. */
  readonly properties: Properties;
}

/** What one Client has to get of one message. */
export interface WireDelivery {
  readonly message: WireMessage;
  readonly qos: QoS;
  readonly retain: boolean;
  /** In rising order; none for 3.1.1. */
  readonly subscriptionIdentifiers: readonly number[];
  /** It comes only if an alias makes it as small as its Client wants it, or if nothing happened before its turn came. */
  isOptional: boolean;
}

/** Whom deliveries are for. */
export interface WireReceiver {
  readonly clientId: string;
  readonly protocolVersion: 4 | 5;
  readonly maximumPacketSize: number;
  /** It came with CONNACK, and has not left. */
  isConnected: boolean;
  /** What it has to get, by `laneOf`. */
  readonly due: readonly WireDelivery[][];
}

interface Asked extends SubscriptionRequest {
  readonly subscriptionIdentifier: number;
}

/** Those of one lane come in their order; of others some wait for the Client, or for the store [MQTT-4.6.0-6]. */
export const LANES = 9;

export function laneOf(qos: QoS, published: QoS): number {
  return qos * 3 + published;
}

export class WireModel implements PacketObserver {
  readonly messages: WireMessage[] = [];
  /** By Topic Name. */
  readonly retained = new Map<string, WireMessage>();
  readonly #accounts: ChangingAccounts;
  readonly #receivers = new Map<string, WireReceiver>();
  /** By Client Identifier and Topic Filter. */
  readonly #subscriptions = new Map<string, Map<string, Asked>>();

  constructor(accounts: ChangingAccounts) {
    this.#accounts = accounts;
  }

  /** Also in the place of one that has the same session: its subscriptions are there. */
  enter(receiver: WireReceiver): void {
    this.#receivers.set(receiver.clientId, receiver);
    if (!this.#subscriptions.has(receiver.clientId)) this.#subscriptions.set(receiver.clientId, new Map());
  }

  mayReceive(clientId: string, topicName: string): boolean {
    return this.#may(clientId, "receive", topicName);
  }

  /** Nobody looks any more at what it gets. */
  leave(receiver: WireReceiver): void {
    this.#receivers.delete(receiver.clientId);
  }

  received(clientId: string, packet: ControlPacket): void {
    const subscriptions = this.#subscriptions.get(clientId);
    if (subscriptions === undefined) return; // CONNECT: it has no name yet
    if (packet.type === PacketType.Subscribe) {
      const subscriptionIdentifier = packet.properties.subscriptionIdentifiers?.[0] ?? 0;
      for (const request of packet.subscriptions) {
        if (!this.#may(clientId, "subscribe", request.topicFilter)) continue;
        subscriptions.set(request.topicFilter, { ...request, subscriptionIdentifier });
      }
    } else if (packet.type === PacketType.Unsubscribe) {
      for (const topicFilter of packet.topicFilters) subscriptions.delete(topicFilter);
    } else if (packet.type === PacketType.Publish) {
      this.#published(clientId, this.messages[numberOf(packet.message.payload)]);
    }
  }

  /** What waits for its turn is judged again then. */
  changeRules(rules: AclRule[]): void {
    this.#accounts.change({ rules });
    for (const { clientId, due } of this.#receivers.values()) {
      for (const delivery of due.flat()) {
        if (delivery.qos > 0 && !this.#may(clientId, "receive", delivery.message.topicName)) delivery.isOptional = true;
      }
    }
  }

  sent(clientId: string, packet: { readonly type: number }): void {
    if (packet.type === PacketType.Connack) this.#receivers.get(clientId)!.isConnected = true;
  }

  acknowledged(): void {}
  delivered(): void {}

  #may(clientId: string, request: "publish" | "retain" | "subscribe" | "receive", topic: string): boolean {
    const identity = { clientId, userName: undefined, remoteHost: "memory" };
    return decide(this.#accounts.accounts, identity, request, topic).allowed;
  }

  #published(publisher: string, message: WireMessage): void {
    const { topicName, retain } = message;
    if (!this.#may(publisher, retain ? "retain" : "publish", topicName)) return;
    if (retain) this.retained.set(topicName, message);
    for (const receiver of this.#receivers.values()) {
      const matching = [...this.#subscriptions.get(receiver.clientId)!.values()].filter((asked) =>
        topicMatchesFilter(topicName, asked.topicFilter) && !(asked.noLocal && receiver.clientId === publisher)
      );
      if (matching.length === 0 || !this.#may(receiver.clientId, "receive", topicName)) continue;
      const delivery = deliveryOf(message, matching, receiver);
      if (delivery.qos === 0 && !receiver.isConnected) continue;
      // It may wait for the store, and is judged again then.
      if (delivery.qos === 0 && message.qos === 2) delivery.isOptional = true;
      receiver.due[laneOf(delivery.qos, message.qos)].push(delivery);
    }
  }
}

function deliveryOf(message: WireMessage, matching: readonly Asked[], receiver: WireReceiver): WireDelivery {
  const qos = Math.min(message.qos, Math.max(...matching.map((asked) => asked.qos))) as QoS;
  const retain = message.retain && matching.some((asked) => asked.retainAsPublished);
  const subscriptionIdentifiers = receiver.protocolVersion === 4
    ? []
    : matching.map((asked) => asked.subscriptionIdentifier).filter((one) => one !== 0).sort((a, b) => a - b);
  const packet: ControlPacket = {
    type: PacketType.Publish,
    dup: false,
    packetIdentifier: qos === 0 ? 0 : 1,
    topicAlias: 0,
    subscriptionIdentifiers,
    message: ApplicationMessage.create({ ...message, qos, retain }),
  };
  const fits = encodePacket(new ByteWriter(), packet, receiver.protocolVersion, receiver.maximumPacketSize);
  return { message, qos, retain, subscriptionIdentifiers, isOptional: !fits };
}

/** The first four bytes are the number of the message, the others follow from it. */
export function payloadOf(number: number, bytes: number): Uint8Array {
  const payload = new Uint8Array(4 + bytes);
  for (let at = 4; at < payload.length; at++) payload[at] = number + at;
  new DataView(payload.buffer).setUint32(0, number);
  return payload;
}

export function numberOf(payload: Uint8Array): number {
  return new DataView(payload.buffer, payload.byteOffset).getUint32(0);
}
