/** MQTT.js, the client library of Node and browsers; it runs in the test's own process. @module */

import { Buffer } from "node:buffer";
import mqtt, { type IClientOptions, type IClientPublishOptions, type IPublishPacket, type MqttClient } from "mqtt";
import type { ProtocolVersion } from "../../src/packet/mod.ts";
import {
  type ClientProgram,
  type Message,
  type MessageProperties,
  patiently,
  type Subscriber,
  type SubscriberOptions,
} from "./client_program.ts";

let counter = 0;

export const mqttJs: ClientProgram = {
  name: "MQTT.js",
  missing: undefined,

  async publish(url, version, message) {
    const client = await connect(url, { ...versionOptions(version), clientId: `js-pub-${++counter}` });
    const { qos, retain } = message;
    const options: IClientPublishOptions = { qos, retain };
    if (version === 5) options.properties = propertiesToSend(message.properties);
    await client.publishAsync(message.topicName, bufferOf(message.payload), options);
    await client.endAsync();
  },

  async subscribe(url, options) {
    const subscriber = new MqttJsSubscriber(url, options);
    try {
      await patiently(subscriber.subscribed());
      return subscriber;
    } catch (error) {
      await subscriber.kill();
      throw error;
    }
  },
};

/** Each test says itself when to connect again. */
function versionOptions(version: ProtocolVersion): IClientOptions {
  return { protocolVersion: version, protocolId: version === 3 ? "MQIsdp" : "MQTT", reconnectPeriod: 0 };
}

async function connect(url: URL, options: IClientOptions): Promise<MqttClient> {
  return await mqtt.connectAsync(url.href, options);
}

class MqttJsSubscriber implements Subscriber {
  readonly #client: MqttClient;
  readonly #received: Message[] = [];
  readonly #connected: Promise<void>;
  #news = Promise.withResolvers<void>();
  #isClosed = false;

  constructor(url: URL, readonly options: SubscriberOptions) {
    const { version, clientId, cleanStart = true, sessionExpiryInterval, will } = options;
    this.#client = mqtt.connect(url.href, {
      ...versionOptions(version),
      clientId,
      clean: cleanStart,
      ...(version === 5 && sessionExpiryInterval !== undefined && { properties: { sessionExpiryInterval } }),
      ...(will && {
        will: { topic: will.topicName, payload: bufferOf(will.payload), qos: will.qos, retain: will.retain },
      }),
    });
    // From the beginning: messages of a resumed session come right after CONNACK.
    this.#client.on("message", (topicName, payload, packet) => {
      this.#received.push(messageOf(topicName, payload, packet));
      this.#tell();
    });
    this.#client.on("close", () => {
      this.#isClosed = true;
      this.#tell();
    });
    this.#connected = new Promise((resolve, reject) => {
      this.#client.once("connect", () => resolve());
      this.#client.on("error", reject);
      this.#client.once("close", () => reject(new Error("closed before CONNACK")));
    });
  }

  #tell(): void {
    const news = this.#news;
    this.#news = Promise.withResolvers();
    news.resolve();
  }

  async subscribed(): Promise<void> {
    await this.#connected;
    await this.#client.subscribeAsync([...this.options.topicFilters], { qos: this.options.qos });
  }

  async next(): Promise<Message> {
    for (;;) {
      const message = this.#received.shift();
      if (message !== undefined) return message;
      if (this.#isClosed) throw new Error("the connection was closed");
      await this.#news.promise;
    }
  }

  async kill(): Promise<void> {
    if (!this.#isClosed) {
      this.#client.stream.destroy();
      while (!this.#isClosed) await this.#news.promise;
    }
    // Ends its timers.
    await this.#client.endAsync(true);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }
}

/** MQTT.js asks for Node's Buffer: a view of the same bytes. */
function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer as ArrayBuffer, bytes.byteOffset, bytes.byteLength);
}

function propertiesToSend(properties: MessageProperties): IClientPublishOptions["properties"] {
  const { correlationData, userProperties, ...rest } = properties;
  const byName: Record<string, string[]> = {};
  for (const [name, value] of userProperties ?? []) (byName[name] ??= []).push(value);
  return {
    ...rest,
    ...(correlationData !== undefined && { correlationData: Buffer.from(correlationData) }),
    ...(userProperties !== undefined && { userProperties: byName }),
  };
}

function messageOf(topicName: string, payload: Uint8Array, packet: IPublishPacket): Message {
  const { contentType, responseTopic, correlationData, messageExpiryInterval, userProperties } = packet.properties ??
    {};
  return {
    topicName,
    payload: new Uint8Array(payload),
    qos: packet.qos,
    retain: packet.retain,
    properties: {
      ...(contentType !== undefined && { contentType }),
      ...(responseTopic !== undefined && { responseTopic }),
      ...(correlationData !== undefined && { correlationData: new TextDecoder().decode(correlationData) }),
      ...(messageExpiryInterval !== undefined && { messageExpiryInterval }),
      ...(userProperties !== undefined && {
        userProperties: Object.entries(userProperties).flatMap(([name, values]) =>
          [values].flat().map((value) => [name, value] as const)
        ),
      }),
    },
  };
}
