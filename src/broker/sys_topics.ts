/** `$SYS/broker/…`: what the broker tells about itself, under the names that Mosquitto made known. Retained, at QoS 0,
 * published again when a value has changed. @module */

import { ApplicationMessage } from "../packet/application_message.ts";
import type { Broker } from "./broker.ts";
import { routeOf } from "./publish.ts";
import { queuedMessages } from "./snapshot.ts";
import { routePublish } from "./route_publish.ts";

const encoder = new TextEncoder();

/** Minutes over which the load averages are smoothed. */
const LOAD_MINUTES = [1, 5, 15] as const;
/** What the load averages are of: events per minute. */
const LOADS = {
  "messages/received": (broker: Broker) => broker.traffic.packetsReceived,
  "messages/sent": (broker: Broker) => broker.traffic.packetsSent,
  "publish/received": (broker: Broker) => broker.traffic.publishesReceived,
  "publish/sent": (broker: Broker) => broker.traffic.publishesSent,
  "publish/dropped": droppedMessages,
  "bytes/received": (broker: Broker) => broker.traffic.bytesReceived,
  "bytes/sent": (broker: Broker) => broker.traffic.bytesSent,
  "sockets": (broker: Broker) => broker.statistics.connectionsOpened,
  "connections": (broker: Broker) => broker.statistics.connectsReceived,
} as const;

export class SysTopics {
  readonly #startedMs: number;
  readonly #published = new Map<string, string>();
  readonly #loads = new Map<string, { total: number; readonly perMinute: number[] }>();
  #updatedMs: number;

  /** Publishes nothing yet. */
  constructor(readonly broker: Broker) {
    this.#startedMs = this.#updatedMs = broker.turn.monotonicMs;
  }

  /** Publishes what has changed since the last time. */
  update(): void {
    const { broker } = this;
    const { traffic, statistics } = broker;
    const nowMs = broker.turn.monotonicMs;
    const sessions = broker.sessions.size;
    const connected = broker.connectedCount;
    const queued = queuedMessages(broker);
    const values: Record<string, number | string> = {
      "version": broker.settings.version,
      "uptime": `${Math.floor((nowMs - this.#startedMs) / 1000)} seconds`,
      "clients/total": sessions,
      "clients/connected": connected,
      "clients/active": connected,
      "clients/disconnected": sessions - connected,
      "clients/inactive": sessions - connected,
      "clients/maximum": statistics.clientsMaximum,
      "clients/expired": statistics.clientsExpired,
      "messages/received": traffic.packetsReceived,
      "messages/sent": traffic.packetsSent,
      "messages/stored": broker.retained.size + queued.count,
      "store/messages/count": broker.retained.size + queued.count,
      "store/messages/bytes": broker.retained.bytes + queued.bytes,
      ...this.#storeTrouble(),
      "publish/messages/received": traffic.publishesReceived,
      "publish/messages/sent": traffic.publishesSent,
      "publish/messages/dropped": droppedMessages(broker),
      "publish/bytes/received": traffic.publishBytesReceived,
      "publish/bytes/sent": traffic.publishBytesSent,
      "bytes/received": traffic.bytesReceived,
      "bytes/sent": traffic.bytesSent,
      "subscriptions/count": broker.subscriptionCount,
      "shared_subscriptions/count": broker.shared.size,
      "retained messages/count": broker.retained.size,
    };
    for (const [name, value] of Object.entries(values)) this.#publish(name, String(value));
    this.#updateLoads((nowMs - this.#updatedMs) / 60_000);
    this.#updatedMs = nowMs;
  }

  /** `store/trouble`: "ok", or why the disk refuses. Published when it changes, not only with the others. */
  updateTrouble(): void {
    for (const [name, value] of Object.entries(this.#storeTrouble())) this.#publish(name, value);
  }

  #storeTrouble(): Record<string, string> {
    return { "store/trouble": this.broker.store.trouble ?? "ok" };
  }

  /** Exponentially smoothed rates, as Mosquitto's: a step of `minutes` weighs e^(-minutes/n). */
  #updateLoads(minutes: number): void {
    for (const [name, totalOf] of Object.entries(LOADS)) {
      const total = totalOf(this.broker);
      let load = this.#loads.get(name);
      if (load === undefined) this.#loads.set(name, load = { total: 0, perMinute: [0, 0, 0] });
      const rate = minutes === 0 ? 0 : (total - load.total) / minutes;
      load.total = total;
      LOAD_MINUTES.forEach((n, i) => {
        const keep = Math.exp(-minutes / n);
        load.perMinute[i] = rate + keep * (load.perMinute[i] - rate);
        this.#publish(`load/${name}/${n}min`, load.perMinute[i].toFixed(2));
      });
    }
  }

  #publish(name: string, value: string): void {
    if (this.#published.get(name) === value) return;
    this.#published.set(name, value);
    const { broker } = this;
    const { wallMs, monotonicMs } = broker.turn;
    const message = ApplicationMessage.create({
      topicName: `$SYS/broker/${name}`,
      payload: encoder.encode(value),
      retain: true,
      receivedAtMs: wallMs,
    });
    // Not told to the store: after a restart they are made anew.
    broker.retained.set(message, Infinity, wallMs, monotonicMs);
    routePublish(broker, message, routeOf(broker, message), undefined, undefined);
  }
}

function droppedMessages(broker: Broker): number {
  const { queueDropped, messagesExpired } = broker.statistics;
  return broker.traffic.publishesDropped + queueDropped + messagesExpired;
}
