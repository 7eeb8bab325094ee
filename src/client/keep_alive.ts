/** PINGREQ when nothing else was sent for the Keep Alive, and the end of a connection whose Server does not answer: neither
 * that nor a packet that awaits an acknowledgement. Spec §3.1.2.10, §3.12. @module */

import { Timer } from "../base/timer_wheel.ts";
import { PacketType } from "../packet/control_packet.ts";
import type { EngineContext } from "./engine_context.ts";

/** A ping leaves so much before the Keep Alive is over, half of it at most: it has a way to go. */
const MARGIN_MS = 500;
const PATIENCE_MIN_MS = 2_000;
const PATIENCE_MAX_MS = 30_000;
const EXTENSIONS_MAX = 10;

/** What the watch asks about the connection. */
export interface Watched {
  readonly isReadingPaused: boolean;
  /** Milliseconds, monotonic, of the oldest packet that awaits its acknowledgement; Infinity = none does. */
  readonly oldestQuestionMs: number;
  /** Bytes since the connection began. */
  readonly bytesReceived: number;
  readonly bytesWritten: number;
  /** Some wait to be written. */
  readonly isWriting: boolean;
  silent(what: string): void;
}

export class KeepAlive {
  lastSentMs = 0;
  #keepAliveMs = 0;
  #patienceMs = 0;
  /** When PINGREQ was sent that awaits its answer. */
  #pingedMs: number | undefined = undefined;
  /** How often PINGRESP was waited for once more, since something else moved. */
  #extensions = 0;
  #bytesReceived = 0;
  #bytesWritten = 0;
  readonly #pingTimer = new Timer(() => this.#ping());
  readonly #answerTimer = new Timer(() => this.#answerIsMissing());
  readonly #questionTimer = new Timer(() => this.#checkQuestions());

  constructor(readonly context: EngineContext, readonly watched: Watched) {}

  /** @param keepAlive seconds in force, 0 = off. */
  connected(keepAlive: number): void {
    this.#keepAliveMs = keepAlive * 1000 - Math.min(MARGIN_MS, keepAlive * 500);
    this.#patienceMs = Math.min(Math.max(keepAlive * 1000, PATIENCE_MIN_MS), PATIENCE_MAX_MS);
    this.lastSentMs = this.context.time.monotonicMs;
    if (keepAlive > 0) this.context.wheel.schedule(this.#pingTimer, this.lastSentMs + this.#keepAliveMs);
  }

  disconnected(): void {
    const { wheel } = this.context;
    wheel.cancel(this.#pingTimer);
    wheel.cancel(this.#answerTimer);
    wheel.cancel(this.#questionTimer);
    this.#pingedMs = undefined;
  }

  /** A packet that awaits an acknowledgement was sent. */
  asked(): void {
    if (this.#questionTimer.scheduled) return;
    const { wheel, time, settings } = this.context;
    if (settings.acknowledgementTimeoutMs === Infinity) return;
    this.#hasMoved();
    wheel.schedule(this.#questionTimer, time.monotonicMs + settings.acknowledgementTimeoutMs);
  }

  pingresp(): void {
    if (this.#pingedMs === undefined) {
      return this.context.violated("§3.13", "PINGRESP without PINGREQ");
    }
    this.#pingedMs = undefined;
    this.context.wheel.cancel(this.#answerTimer);
  }

  /** Reading goes on: what came meanwhile is only read now. */
  resumed(): void {
    if (this.#pingedMs === undefined) return;
    this.context.wheel.schedule(this.#answerTimer, this.context.time.monotonicMs + this.#patienceMs);
  }

  #ping(): void {
    const { wheel, time, link } = this.context;
    if (link === undefined) return;
    const dueMs = this.lastSentMs + this.#keepAliveMs;
    if (dueMs > time.monotonicMs) return wheel.schedule(this.#pingTimer, dueMs);
    link.send({ type: PacketType.Pingreq });
    this.context.sent(false);
    wheel.schedule(this.#pingTimer, time.monotonicMs + this.#keepAliveMs);
    // One that is unanswered is waited for from its own time on.
    if (this.#pingedMs !== undefined) return;
    this.#pingedMs = time.monotonicMs;
    this.#extensions = 0;
    this.#hasMoved();
    wheel.schedule(this.#answerTimer, time.monotonicMs + this.#patienceMs);
  }

  #answerIsMissing(): void {
    const { wheel, time } = this.context;
    // It is not read, or stands behind large packets in either direction: but those come to an end.
    if (this.watched.isReadingPaused || (this.#hasMoved() && ++this.#extensions <= EXTENSIONS_MAX)) {
      return wheel.schedule(this.#answerTimer, time.monotonicMs + this.#patienceMs);
    }
    this.watched.silent("PINGREQ was not answered");
  }

  #checkQuestions(): void {
    const { wheel, time, settings: { acknowledgementTimeoutMs } } = this.context;
    const oldestMs = this.watched.oldestQuestionMs;
    if (oldestMs === Infinity) return;
    const dueMs = oldestMs + acknowledgementTimeoutMs;
    if (dueMs > time.monotonicMs) return wheel.schedule(this.#questionTimer, dueMs);
    // A large packet is still on its way to the Server.
    if (this.watched.isWriting && this.#hasMoved()) {
      return wheel.schedule(this.#questionTimer, time.monotonicMs + acknowledgementTimeoutMs);
    }
    this.watched.silent(`nothing was acknowledged for ${acknowledgementTimeoutMs} ms`);
  }

  /** Since it was asked last, bytes came, or went where some wait to be written. */
  #hasMoved(): boolean {
    const { bytesReceived, bytesWritten, isWriting } = this.watched;
    const hasMoved = bytesReceived !== this.#bytesReceived || (isWriting && bytesWritten !== this.#bytesWritten);
    this.#bytesReceived = bytesReceived;
    this.#bytesWritten = bytesWritten;
    return hasMoved;
  }
}
