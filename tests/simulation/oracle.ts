/** What a simulation knows of its world, and what must hold of it. Sees each packet in the instant in which the
 * dispatcher handles or sends it. In: those packets. Out: `Violation`s, thrown at once or by `checkAtEnd`.
 *
 * Topics under `s/` are for the one Shared Subscription, all others for ordinary ones, so that it is known by which way
 * a message came. Messages with RETAIN 1 are copies of retained ones (no subscription asks for Retain As Published):
 * they come anew with each SUBSCRIBE and are not counted. @module */

import type { QoS } from "../../src/packet/mod.ts";

export const SHARED_FILTER = "$share/group/s/#";
export class Violation extends Error {}

/** One Application Message, known by its number, which is its payload. */
export class SentMessage {
  /** The dispatcher got its PUBLISH (or the CONNECT with it as a Will Message) for the first time. */
  handledAt = Infinity;
  /** PUBACK or PUBREC below 0x80 left the broker. */
  acknowledgedAt = Infinity;
  /** Of a will: the broker died while its Client was connected, and this is when. */
  owedAt = Infinity;
  /** Seconds; Infinity = none. */
  messageExpiryInterval = Infinity;
  /** Milliseconds of the wall clock. */
  expiresAtMs = Infinity;

  constructor(
    readonly number: number,
    readonly topicName: string,
    readonly qos: QoS,
    readonly retain: boolean,
    readonly publisher: string,
    readonly isWill: boolean,
  ) {}

  /** From then on it must come to who had subscribed before `enteredAt`. */
  get promisedAt(): number {
    return this.isWill ? this.owedAt : this.acknowledgedAt;
  }

  /** When it entered the broker, if it is promised. */
  get enteredAt(): number {
    return this.isWill ? this.owedAt : this.handledAt;
  }
}

/** One subscription for as long as it may or must have an effect. Times are steps of the simulation. */
export class SubscriptionSpan {
  /** SUBACK left: from now on messages must come. */
  definiteAt = Infinity;
  /** UNSUBSCRIBE, or a SUBSCRIBE that replaces it, was handled: from now on they need not. */
  endingAt = Infinity;
  /** The answer to that left: new ones must not. */
  endedAt = Infinity;

  constructor(
    readonly topicFilter: string,
    readonly qos: QoS,
    readonly noLocal: boolean,
    /** SUBSCRIBE was handled: from now on messages may come. */
    readonly handledAt: number,
  ) {}
}

/** A session as its Client knows it: from a CONNACK without Session Present to the next one. */
export class ObservedSession {
  /** It must live until its Client ends it. */
  isGuaranteed: boolean;
  readonly spans: SubscriptionSpan[] = [];
  /** How often each message was delivered at each QoS, copies of retained ones left out. */
  readonly counts = new Map<number, [number, number, number]>();
  /** Messages that its Client refused: nothing more is known of them. */
  readonly refused = new Set<number>();
  /** The last number that came first, by topic, publisher, QoS published and QoS delivered. */
  readonly #lastNumbers = new Map<string, number>();
  /** Packet Identifiers that the broker has in use, and for which message. */
  readonly openIdentifiers = new Map<number, { number: number; qos: QoS }>();

  constructor(readonly clientId: string, isGuaranteed: boolean) {
    this.isGuaranteed = isGuaranteed;
  }

  /** One delivery, as its Client counts them: a repeated QoS 2 PUBLISH is none.
   * @param losesNothing no queue was too small: what is repeated by its publisher then came in its place before. */
  delivered(message: SentMessage, qos: QoS, losesNothing: boolean): void {
    const counts = this.counts.get(message.number) ?? [0, 0, 0];
    this.counts.set(message.number, counts);
    const isFirst = counts[0] + counts[1] + counts[2] === 0;
    counts[qos]++;
    const isShared = message.topicName.startsWith("s/");
    if (qos === 2 && counts[2] > 1) throw new Violation(`${this.clientId} got m${message.number} twice at QoS 2`);
    // A publisher repeats what it sent at QoS 1, and a Will Message may go out once more after a crash.
    if (qos === 0 && counts[0] > 1 && message.qos !== 1 && !message.isWill) {
      throw new Violation(`${this.clientId} got m${message.number} twice at QoS 0`);
    }
    // What is repeated because its publisher has no answer may come for the first time where it was dropped before.
    const mayBeDropped = !losesNothing || message.messageExpiryInterval !== Infinity;
    if (mayBeDropped || !isFirst || isShared || message.isWill || (qos === 0 && message.qos > 0)) return;
    // What its publisher repeats may be new here because the subscription is: then it is late, and not out of order.
    const isTimely = this.spans.some((span) =>
      span.definiteAt < message.handledAt && span.endingAt >= message.handledAt && span.qos >= qos &&
      matches(span.topicFilter, message.topicName) && !(span.noLocal && message.publisher === this.clientId)
    );
    if (!isTimely) return;
    const key = `${message.topicName} ${message.publisher} ${message.qos} ${qos}`;
    const last = this.#lastNumbers.get(key) ?? 0;
    if (last > message.number) throw new Violation(`${this.clientId} got m${message.number} after m${last} (${key})`);
    this.#lastNumbers.set(key, message.number);
  }
}

export class Oracle {
  readonly messages: SentMessage[] = [];
  readonly sessions: ObservedSession[] = [];
  /** The dispatcher was made anew: what was in memory alone is lost. */
  crashes = 0;

  publish(topicName: string, qos: QoS, retain: boolean, publisher: string, isWill: boolean): SentMessage {
    const message = new SentMessage(this.messages.length + 1, topicName, qos, retain, publisher, isWill);
    this.messages.push(message);
    return message;
  }

  message(number: number, topicName: string): SentMessage {
    const message = this.messages[number - 1];
    if (message === undefined) throw new Violation(`m${number} was never published`);
    if (message.topicName !== topicName) {
      throw new Violation(`m${number} of ${message.topicName} came with the topic ${topicName}`);
    }
    return message;
  }

  /** A PUBLISH leaves the broker: somebody must have asked for it. */
  checkWanted(session: ObservedSession, message: SentMessage, qos: QoS, retain: boolean, now: number): void {
    const isWanted = session.spans.some((span) =>
      matches(span.topicFilter, message.topicName) && span.handledAt <= now &&
      (span.endedAt >= message.handledAt) &&
      (span.qos >= qos) && (retain || !span.noLocal || message.publisher !== session.clientId)
    );
    if (!isWanted) throw new Violation(`${session.clientId} got m${message.number} (${message.topicName}) for nothing`);
    if (qos > message.qos) throw new Violation(`m${message.number} was sent at a higher QoS`);
    if (retain && !message.retain) throw new Violation(`m${message.number} came as retained, and was not`);
  }

  /** Everything has come to rest, and the Clients of all sessions that are left are connected.
   * @param sessions those sessions. @param losesNothing no queue was too small. */
  checkAtEnd(sessions: readonly ObservedSession[], losesNothing: boolean): void {
    for (const message of this.messages) {
      if (message.topicName.startsWith("s/")) this.#checkShared(message, sessions, losesNothing);
      else if (losesNothing) { for (const session of sessions) this.#checkReceived(message, session); }
    }
  }

  #checkReceived(message: SentMessage, session: ObservedSession): void {
    if (!session.isGuaranteed || message.promisedAt === Infinity || session.refused.has(message.number)) return;
    if (message.messageExpiryInterval !== Infinity) return;
    const certain = session.spans.filter((span) => isCertain(span, message, session));
    const qos = Math.min(message.qos, Math.max(0, ...certain.map((span) => span.qos)));
    if (qos === 0) return;
    const [qos0 = 0, qos1 = 0, qos2 = 0] = session.counts.get(message.number) ?? [];
    if (qos1 + qos2 === 0) {
      throw new Violation(`${session.clientId} never got m${message.number} (QoS ${qos}); ${qos0} times at QoS 0`);
    }
  }

  #checkShared(message: SentMessage, sessions: readonly ObservedSession[], losesNothing: boolean): void {
    let qos1 = 0;
    let qos2 = 0;
    for (const session of this.sessions) {
      if (session.refused.has(message.number)) return;
      const counts = session.counts.get(message.number);
      if (counts === undefined) continue;
      qos1 += counts[1];
      qos2 += counts[2];
    }
    if (qos2 > 1) throw new Violation(`the members of ${SHARED_FILTER} got m${message.number} ${qos2} times at QoS 2`);
    // What a member with a session that does not persist had in hand when the broker crashed is lost, and so is a
    // QoS 2 message in the middle of its delivery when a session ends [MQTT-4.8.2-5].
    if (!losesNothing || message.qos !== 1 || message.acknowledgedAt === Infinity || this.crashes > 0) return;
    if (message.messageExpiryInterval !== Infinity) return;
    if (this.sessions.some((session) => session.spans.some((span) => span.qos === 0))) return;
    const isKept = sessions.some((session) =>
      session.isGuaranteed &&
      session.spans.some((span) => span.endingAt === Infinity && isCertain(span, message, session))
    );
    if (isKept && qos1 + qos2 === 0) throw new Violation(`no member of ${SHARED_FILTER} ever got m${message.number}`);
  }
}

function isCertain(span: SubscriptionSpan, message: SentMessage, session: ObservedSession): boolean {
  return span.definiteAt < message.enteredAt && span.endingAt > message.promisedAt &&
    matches(span.topicFilter, message.topicName) && !(span.noLocal && message.publisher === session.clientId);
}

/** Written apart from src/topic on purpose: two different mistakes would have to agree. */
export function matches(fullFilter: string, topicName: string): boolean {
  const filter = (fullFilter === SHARED_FILTER ? "s/#" : fullFilter).split("/");
  const levels = topicName.split("/");
  if (topicName.startsWith("$") && !filter[0].startsWith("$")) return false;
  if (filter.at(-1) === "#") {
    filter.pop();
    levels.length = Math.min(levels.length, filter.length);
  }
  return filter.length === levels.length && filter.every((level, i) => level === "+" || level === levels[i]);
}
