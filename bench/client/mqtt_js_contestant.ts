/** MQTT.js under test, by its callbacks, which are its quickest way. @module */

import { Buffer } from "node:buffer";
import mqtt from "mqtt";
import type { NewContestant } from "./contestant.ts";
import { TOPIC } from "./job.ts";

const AT_MOST_ONCE = { qos: 0 } as const;
const AT_LEAST_ONCE = { qos: 1 } as const;

export const newMqttJs: NewContestant = async ({ port }) => {
  const client = await mqtt.connectAsync(`mqtt://127.0.0.1:${port}`, { protocolVersion: 5, reconnectPeriod: 0 });
  client.on("error", () => {});
  return {
    publishBatch(payload, count) {
      const buffer = bufferOf(payload);
      for (let i = 1; i < count; i++) client.publish(TOPIC, buffer, AT_MOST_ONCE, nothing);
      return new Promise((resolve) => client.publish(TOPIC, buffer, AT_MOST_ONCE, () => resolve()));
    },
    publishAcknowledged(payload, done) {
      client.publish(TOPIC, bufferOf(payload), AT_LEAST_ONCE, done);
    },
    async subscribe(onMessage) {
      client.on("message", (_topicName, payload) => onMessage(payload.length));
      await client.subscribeAsync(TOPIC, AT_MOST_ONCE);
    },
    async settle() {
      await client.publishAsync("bench/client/end", "", AT_LEAST_ONCE);
    },
    end: () => client.end(true),
  };
};

function nothing(): void {}

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}
