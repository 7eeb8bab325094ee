/** What was published, acknowledged and delivered, and what must hold of it whatever happened to the broker in between.
 * In: each send, acknowledgement, SUBACK and delivery, as a client saw it. Out: `violations`.
 *
 * Time is a count of events, so that "before" means before and nothing depends on a clock. Only what a client has read
 * from its socket counts as acknowledged. Topics under `s/` are for the one Shared Subscription,
 * those under `u/` for publishers that may repeat out of order; a Will Message is a
 * message like any other, except that wills.ts knows whether it must come. @module */

import { matches, SHARED_FILTER } from "../simulation/oracle.ts";
import type { QoS } from "../../src/packet/mod.ts";

/** What went wrong, by kind: a broker without a disk must be shown to offend against each. */
export type ViolationKind =
  | "lost message"
  | "lost session"
  | "lost retained message"
  | "message sent twice"
  | "message out of order"
  | "message for nothing"
  | "wrong will"
  | "wrong expiry"
  | "refused"
  | "stall";

export interface Violation {
  readonly kind: ViolationKind;
  readonly life: number;
  readonly what: string;
}

/** Bytes before the filler: the number, and the length of the filler. */
const PAYLOAD_HEAD_BYTES = 8;

export class PublishedMessage {
  /** Its PUBLISH (or the CONNECT with it as a Will Message) was sent for the first time. */
  sentAt = Infinity;
  sentInLife = 0;
  /** PUBACK or PUBREC below 0x80 was read. */
  acknowledgedAt = Infinity;

  constructor(
    readonly number: number,
    readonly topicName: string,
    readonly qos: QoS,
    readonly publisher: string,
    readonly isWill: boolean,
    readonly fillerBytes: number,
  ) {}

  readonly retain = false;

  /** Made from the number, so that a receiver can tell whether it came whole. */
  get payload(): Uint8Array {
    const payload = new Uint8Array(PAYLOAD_HEAD_BYTES + this.fillerBytes);
    const view = new DataView(payload.buffer);
    view.setUint32(0, this.number);
    view.setUint32(4, this.fillerBytes);
    fill(payload, this.number);
    return payload;
  }
}

function fill(payload: Uint8Array, number: number): void {
  for (let i = PAYLOAD_HEAD_BYTES; i < payload.length; i++) payload[i] = number * 31 + i * 7;
}

/** One subscription for as long as it may or must have an effect. */
export interface SubscriptionSpan {
  readonly topicFilter: string;
  readonly qos: QoS;
  /** SUBSCRIBE was sent: from now on messages may come. */
  readonly sentAt: number;
  /** SUBACK was read: from now on they must. */
  definiteAt: number;
  /** UNSUBSCRIBE was sent: from now on they need not. */
  endingAt: number;
  /** UNSUBACK was read: new ones must not. */
  endedAt: number;
}

/** The session of one subscriber, which lasts as long as the run. */
export class Receiver {
  readonly spans: SubscriptionSpan[] = [];
  /** Deliveries by message number: QoS 1 in the low four bits, QoS 2 in the high ones; 15 = or more. */
  #counts = new Uint8Array(1024);
  /** The last number that came first, by topic, and there by QoS published × 3 + QoS delivered. */
  readonly #lastNumbers = new Map<string, number[]>();

  constructor(readonly ledger: Ledger, readonly clientId: string) {}

  subscribing(topicFilter: string, qos: QoS): SubscriptionSpan {
    const span = {
      topicFilter,
      qos,
      sentAt: this.ledger.tick(),
      definiteAt: Infinity,
      endingAt: Infinity,
      endedAt: Infinity,
    };
    this.spans.push(span);
    return span;
  }

  /** UNSUBSCRIBE is being sent. */
  unsubscribing(topicFilter: string): void {
    const now = this.ledger.tick();
    for (const span of this.spans) {
      if (span.topicFilter === topicFilter) span.endingAt = Math.min(span.endingAt, now);
    }
  }

  /** UNSUBACK was read. */
  unsubscribed(topicFilter: string): void {
    const now = this.ledger.tick();
    for (const span of this.spans) {
      if (span.topicFilter === topicFilter) span.endedAt = Math.min(span.endedAt, now);
    }
  }

  countOf(number: number, qos: 1 | 2): number {
    const byte = this.#counts[number] ?? 0;
    return qos === 1 ? byte & 15 : byte >>> 4;
  }

  has(number: number): boolean {
    return (this.#counts[number] ?? 0) !== 0;
  }

  /** One delivery, as an application counts them: a QoS 2 PUBLISH that is repeated before PUBREL is none. */
  delivered(topicName: string, payload: Uint8Array, qos: QoS): void {
    const { ledger } = this;
    ledger.progress++;
    ledger.delivered++;
    const message = ledger.recognize(this.clientId, topicName, payload);
    if (message === undefined) return;
    const { number } = message;
    const name = `m${number} (${topicName}, QoS ${message.qos}, of ${message.publisher})`;
    if (qos === 0 || qos > message.qos) {
      ledger.violate("lost message", `${this.clientId} got ${name} at QoS ${qos}`);
      return;
    }
    const isFirst = !this.has(number);
    this.#count(number, qos);
    const isShared = topicName.startsWith("s/");
    if (!isFirst && qos === 1) ledger.repeatedQoS1++;
    const times = isShared ? ledger.countShared(number, qos) : this.countOf(number, 2);
    if (qos === 2 && times > 1) {
      ledger.repeatedQoS2++;
      ledger.violate("message sent twice", `${isShared ? SHARED_FILTER : this.clientId} got ${name} ${times} times`);
    }
    if (!this.spans.some((span) => isPossible(span, message, qos))) {
      ledger.violate("message for nothing", `${this.clientId} got ${name} without a subscription`);
    }
    const isOrdered = !isShared && !message.isWill && !topicName.startsWith("u/");
    if (isFirst && isOrdered) this.#checkOrder(message, qos, name);
  }

  #count(number: number, qos: 1 | 2): void {
    if (number >= this.#counts.length) {
      const grown = new Uint8Array(Math.max(number + 1, this.#counts.length * 2));
      grown.set(this.#counts);
      this.#counts = grown;
    }
    const shift = qos === 1 ? 0 : 4;
    if (((this.#counts[number] >>> shift) & 15) < 15) this.#counts[number] += 1 << shift;
  }

  #checkOrder(message: PublishedMessage, qos: 1 | 2, name: string): void {
    // What its publisher repeats may be new here because the subscription is: then it is late, and not out of order.
    const isTimely = this.spans.some((span) =>
      span.definiteAt < message.sentAt && span.endingAt > message.sentAt && span.qos >= qos &&
      matches(span.topicFilter, message.topicName)
    );
    if (!isTimely) return;
    let last = this.#lastNumbers.get(message.topicName);
    if (last === undefined) this.#lastNumbers.set(message.topicName, last = new Array(9).fill(0));
    const key = message.qos * 3 + qos;
    if (last[key] > message.number) {
      this.ledger.violate("message out of order", `${this.clientId} got ${name} after m${last[key]}`);
    }
    last[key] = message.number;
  }

  /** It must have come by now. */
  misses(message: PublishedMessage): boolean {
    return !this.has(message.number) && this.spans.some((span) => isCertain(span, message));
  }
}

function isPossible(span: SubscriptionSpan, message: PublishedMessage, qos: QoS): boolean {
  return span.qos >= qos && span.endedAt >= message.sentAt && matches(span.topicFilter, message.topicName);
}

function isCertain(span: SubscriptionSpan, message: PublishedMessage): boolean {
  return span.definiteAt < message.sentAt && span.endingAt > message.acknowledgedAt &&
    matches(span.topicFilter, message.topicName);
}

export class Ledger {
  /** By number; 0 is none. */
  readonly messages: (PublishedMessage | undefined)[] = [undefined];
  readonly receivers: Receiver[] = [];
  readonly violations: Violation[] = [];
  /** Broker processes so far. */
  life = 0;
  /** Deliveries and acknowledgements: as long as it grows, nothing stalls. */
  progress = 0;
  published = 0;
  acknowledged = 0;
  delivered = 0;
  repeatedQoS1 = 0;
  repeatedQoS2 = 0;
  #now = 0;
  /** Deliveries at QoS 1 and 2 to any member of the Shared Subscription, by number. */
  readonly #shared = new Map<number, [number, number]>();
  /** All before were checked when everything had come to rest. */
  #settled = 1;
  #settledAt = 0;

  tick(): number {
    return ++this.#now;
  }

  get now(): number {
    return this.#now;
  }

  receiver(clientId: string): Receiver {
    const receiver = new Receiver(this, clientId);
    this.receivers.push(receiver);
    return receiver;
  }

  violate(kind: ViolationKind, what: string): void {
    this.violations.push({ kind, life: this.life, what });
  }

  message(topicName: string, qos: QoS, publisher: string, fillerBytes: number, isWill = false): PublishedMessage {
    const message = new PublishedMessage(this.messages.length, topicName, qos, publisher, isWill, fillerBytes);
    this.messages.push(message);
    if (!isWill) this.published++;
    return message;
  }

  sent(message: PublishedMessage): void {
    if (message.sentAt !== Infinity) return;
    message.sentAt = this.tick();
    message.sentInLife = this.life;
  }

  acknowledge(message: PublishedMessage): void {
    if (message.acknowledgedAt !== Infinity) return;
    message.acknowledgedAt = this.tick();
    this.acknowledged++;
    this.progress++;
    // The changes that were made before it was sent are safe, too: they were told to the store before.
    if (message.sentInLife === this.life && message.sentAt > this.safeAt) {
      this.safeAt = message.sentAt;
      this.safeLife = this.life;
    }
  }

  /** What the broker had done by then is on its disk. Means something only as long as `safeLife` lasts. */
  safeAt = 0;
  safeLife = -1;

  recognize(clientId: string, topicName: string, payload: Uint8Array): PublishedMessage | undefined {
    const number = payload.length < PAYLOAD_HEAD_BYTES
      ? 0
      : new DataView(payload.buffer, payload.byteOffset).getUint32(0);
    const message = this.messages[number];
    if (message === undefined || message.sentAt === Infinity || message.topicName !== topicName) {
      this.violate("message for nothing", `${clientId} got m${number} of ${topicName}, which was never published`);
      return undefined;
    }
    const expected = message.payload;
    if (payload.length !== expected.length || payload.some((byte, i) => byte !== expected[i])) {
      this.violate("message for nothing", `${clientId} got m${number} of ${topicName} with another payload`);
    }
    return message;
  }

  /** @returns how often any member got it at `qos`. */
  countShared(number: number, qos: 1 | 2): number {
    const counts = this.#shared.get(number) ?? [0, 0];
    this.#shared.set(number, counts);
    return ++counts[qos - 1];
  }

  /** What must have come and has not, up to `max` texts. Wills are not among it: wills.ts knows which must come. */
  missing(max: number): string[] {
    const missing: string[] = [];
    for (let number = this.#settled; number < this.messages.length && missing.length < max; number++) {
      const message = this.messages[number]!;
      if (message.isWill || message.acknowledgedAt === Infinity) continue;
      const name = `m${number} (${message.topicName}, QoS ${message.qos}, sent in life ${message.sentInLife})`;
      if (message.topicName.startsWith("s/")) {
        const isOwed = this.receivers.some((receiver) => receiver.spans.some((span) => isCertain(span, message)));
        if (isOwed && !this.#shared.has(number)) missing.push(`no member of ${SHARED_FILTER} got ${name}`);
        continue;
      }
      for (const receiver of this.receivers) {
        if (receiver.misses(message)) missing.push(`${receiver.clientId} never got ${name}`);
      }
    }
    return missing;
  }

  /** Nothing is missing, and every publisher is done: what was sent so far need not be looked at again. */
  settle(): void {
    for (const { spans } of this.receivers) {
      // One that ended before the settling before: nothing can come by it any more.
      const kept = spans.filter(({ endedAt }) => endedAt > this.#settledAt);
      spans.splice(0, spans.length, ...kept);
    }
    this.#settledAt = this.tick();
    this.#settled = this.messages.length;
    this.#shared.clear();
  }
}
