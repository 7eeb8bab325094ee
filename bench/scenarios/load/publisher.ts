/** A Client that publishes numbered messages, with a window of unacknowledged ones: flat out, or when it is told. At QoS 0
 * the window is of those that its subscriber, in this process, has not got yet. @module */

import { LoadClient } from "./client.ts";
import { DUE_AT, First, publishTemplate, SECOND_SEQUENCE_AT, SEQUENCE_AT } from "./frames.ts";
import type { PublishTemplate } from "./frames.ts";
import type { Run } from "./run.ts";

const Slot = { Free: 0, Published: 1, Released: 2 } as const;

export class Publisher extends LoadClient {
  published = 0;
  acknowledged = 0;
  #arrivals = 0;
  readonly #template: PublishTemplate;
  /** What became of each Packet Identifier, 1 to the window; the next one to use is the oldest. */
  readonly #slots: Uint8Array;
  readonly #dueAtMs: Float64Array;
  #nextIdentifier = 1;
  /** Moments of messages that are due and wait for the window. */
  readonly #owed: number[] = [];
  #isFlatOut = false;

  /** @param deliveriesEach how many subscribers take a message. */
  constructor(run: Run, pair: number, readonly topicName: string, readonly deliveriesEach: number) {
    super(run, `publisher-${run.job.nonce}-${pair}`, pair);
    const { qos, payloadBytes, nonce, window, protocolVersion } = run.job;
    this.#template = publishTemplate(topicName, qos, payloadBytes, nonce, pair, protocolVersion);
    this.#slots = new Uint8Array(window + 1);
    this.#dueAtMs = new Float64Array(window + 1);
  }

  /** As many as the window and `messagesMax` let through, until `stop`. */
  startFlatOut(): void {
    this.#isFlatOut = true;
    this.#pump();
    this.link.flush();
  }

  /** One message, now or when the window has room. */
  owe(dueAtMs: number): void {
    this.#owed.push(dueAtMs);
    this.#pump();
    this.link.flush();
  }

  /** QoS 0: a message is at a subscriber. */
  arrived(dueAtMs: number): void {
    if (++this.#arrivals % this.deliveriesEach !== 0) return;
    this.acknowledged++;
    this.run.acknowledged(dueAtMs);
  }

  /** QoS 0: there may be room in the window again. */
  goOn(): void {
    // Its subscribers hear from the broker before this client is connected.
    if (this.acknowledged > 0) this.readEnd();
  }

  stop(): void {
    this.#isFlatOut = false;
    this.#owed.length = 0;
  }

  override readEnd(): void {
    this.#pump();
    this.link.flush();
  }

  protected handle(firstByte: number, buffer: Uint8Array, start: number): void {
    const identifier = buffer[start] << 8 | buffer[start + 1];
    const slot = this.#slots[identifier] ?? Slot.Free;
    if (firstByte === First.Puback && this.run.job.qos === 1 && slot === Slot.Published) this.#done(identifier);
    else if (firstByte === First.Pubrec && this.run.job.qos === 2 && slot === Slot.Published) {
      this.#slots[identifier] = Slot.Released;
      this.link.appendAnswer(First.Pubrel, identifier);
    } else if (firstByte === First.Pubcomp && slot === Slot.Released) this.#done(identifier);
    else this.unexpected(firstByte);
  }

  #done(identifier: number): void {
    this.#slots[identifier] = Slot.Free;
    this.acknowledged++;
    this.run.acknowledged(this.#dueAtMs[identifier]);
  }

  #pump(): void {
    const messagesMax = this.run.job.messagesMax ?? Infinity;
    while (this.published < messagesMax && this.#hasRoom()) {
      if (this.#isFlatOut) this.#publish(0);
      else if (this.#owed.length > 0) this.#publish(this.#owed.shift()!);
      else return;
    }
  }

  #hasRoom(): boolean {
    const { qos, window } = this.run.job;
    if (qos === 0) return this.published - this.acknowledged < window;
    return this.#slots[this.#nextIdentifier] === Slot.Free;
  }

  #publish(dueAtMs: number): void {
    const { bytes, view, identifierAt, payloadAt } = this.#template;
    const sequence = this.published++;
    if (this.run.job.qos > 0) {
      const identifier = this.#nextIdentifier;
      this.#nextIdentifier = identifier === this.run.job.window ? 1 : identifier + 1;
      this.#slots[identifier] = Slot.Published;
      this.#dueAtMs[identifier] = dueAtMs;
      view.setUint16(identifierAt, identifier);
    }
    view.setUint32(payloadAt + SEQUENCE_AT, sequence);
    view.setFloat64(payloadAt + DUE_AT, dueAtMs);
    view.setUint32(bytes.length - SECOND_SEQUENCE_AT, sequence);
    this.link.append(bytes);
    this.run.published();
  }
}
