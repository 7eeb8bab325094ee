/** Request and response: one subscription for all answers, which are told apart by Correlation Data. §4.10 @module */

import { ReasonCode } from "../packet/reason_code.ts";
import type { Client, Message, RequestOptions, Subscription } from "./client.ts";
import { ClientClosedError, MqttError, RequestTimeoutError } from "./errors.ts";

const TIMEOUT_MS = 10_000;
const TIMER_MS_MAX = 0x7fff_ffff;
/** Of the Response Topic, and of the Correlation Data: nobody guesses one. */
const RANDOM_BYTES = 16;

interface OpenRequest {
  resolve(answer: Message): void;
  reject(error: unknown): void;
}

export class Requester {
  /** By Correlation Data as hex. */
  readonly #open = new Map<string, OpenRequest>();
  #topicName: string | undefined = undefined;
  #subscription: Promise<Subscription> | undefined = undefined;
  #isWatching = false;

  /** @param waiting told how many requests wait for their answer. */
  constructor(readonly client: Client, readonly waiting: (requests: number) => void) {}

  async request(topicName: string, payload: string | Uint8Array, options: RequestOptions): Promise<Message> {
    const { timeoutMs = TIMEOUT_MS, signal, ...publishOptions } = options;
    if (this.client.protocolVersion !== 5) throw new MqttError("requests need MQTT 5.0");
    signal?.throwIfAborted();
    const { promise, resolve, reject } = Promise.withResolvers<Message>();
    const correlationData = crypto.getRandomValues(new Uint8Array(RANDOM_BYTES));
    const key = correlationData.toHex();
    const timeOut = () => reject(new RequestTimeoutError(`no answer within ${timeoutMs} ms`));
    // A timer of the machine takes what is beyond its range for 0.
    const timer = timeoutMs > TIMER_MS_MAX ? undefined : setTimeout(timeOut, timeoutMs);
    const abort = () => reject(signal!.reason);
    signal?.addEventListener("abort", abort, { once: true });
    this.#watchTheEnd();
    this.#open.set(key, { resolve, reject });
    this.waiting(this.#open.size);
    try {
      // A failure before the answer ends the waiting, too.
      this.#send(topicName, payload, publishOptions, correlationData, key).catch(reject);
      return await promise;
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener("abort", abort);
      this.#open.delete(key);
      this.waiting(this.#open.size);
    }
  }

  /** Of the client: once for all requests. */
  #watchTheEnd(): void {
    if (this.#isWatching) return;
    this.#isWatching = true;
    const end = (cause: unknown) => {
      for (const { reject } of this.#open.values()) reject(new ClientClosedError("the client has ended", { cause }));
    };
    this.client.closed.then(end, end);
  }

  async #send(
    topicName: string,
    payload: string | Uint8Array,
    options: RequestOptions,
    correlationData: Uint8Array,
    key: string,
  ): Promise<void> {
    await (this.#subscription ??= this.#subscribe());
    // The caller has been told that nothing came of it: it must not be done after all.
    if (!this.#open.has(key)) return;
    const properties = { ...options.properties, responseTopic: this.#topicName!, correlationData };
    const { reasonCode } = await this.client.publish(topicName, payload, { ...options, properties });
    if (reasonCode === ReasonCode.NoMatchingSubscribers) throw new MqttError("nobody takes requests there");
  }

  async #subscribe(): Promise<Subscription> {
    const random = crypto.getRandomValues(new Uint8Array(RANDOM_BYTES)).toHex();
    // Where the Server has a place for answers, it says so.
    this.#topicName = `${(this.client.server.responseInformation ?? "response").replace(/\/$/, "")}/${random}`;
    try {
      // QoS 0: messages that nobody reads must not hold up an answer at the Receive Maximum.
      return await this.client.subscribe(this.#topicName, { onMessage: (message) => this.#answered(message) });
    } catch (error) {
      this.#subscription = undefined;
      throw error;
    }
  }

  #answered(message: Message): void {
    const key = message.properties.correlationData?.toHex();
    if (key !== undefined) this.#open.get(key)?.resolve(message);
  }
}
