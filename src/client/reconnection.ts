/** Whether and when the client connects again. Room: pure. @module */

import { ReasonCode } from "../packet/reason_code.ts";
import type { ReconnectOptions } from "./client.ts";

/** What no later attempt would mend: the same CONNECT gets the same answer. What is a matter of accounts, rights or load may
 * change without us. */
const FINAL: ReadonlySet<ReasonCode> = new Set([
  ReasonCode.MalformedPacket,
  ReasonCode.ProtocolError,
  ReasonCode.UnsupportedProtocolVersion,
  ReasonCode.ClientIdentifierNotValid,
  ReasonCode.BadAuthenticationMethod,
  ReasonCode.TopicNameInvalid,
  ReasonCode.PacketTooLarge,
  ReasonCode.PayloadFormatInvalid,
  ReasonCode.RetainNotSupported,
  ReasonCode.QoSNotSupported,
  ReasonCode.ServerMoved,
]);

export function isFinalRefusal(reasonCode: ReasonCode): boolean {
  return FINAL.has(reasonCode);
}

/** After a DISCONNECT of the Server: another client with our identifier would be sent away by us, and we by it, for ever. */
export function isFinalDisconnect(reasonCode: ReasonCode): boolean {
  return reasonCode === ReasonCode.SessionTakenOver || reasonCode === ReasonCode.ServerMoved;
}

/** Exponential backoff, half of it at random, so that a thousand clients of one Server do not come back at once. */
export class Backoff {
  #attempt = 0;
  /** Before it was scattered. */
  #lastDelayMs = 0;

  constructor(readonly options: Required<ReconnectOptions>, readonly random: () => number) {}

  nextDelayMs(): number {
    const { delayMinMs, delayMaxMs } = this.options;
    this.#lastDelayMs = Math.min(delayMaxMs, delayMinMs * 2 ** Math.min(this.#attempt++, 30));
    return this.#lastDelayMs * (0.5 + this.random() / 2);
  }

  /** A connection ended. One that ended sooner than we had waited for it is no better than none. Nor is one, however long it
   * lasted, on which nothing got on: a Server that breaks down at a message gets the same message again.
   * @param lastedMs since CONNACK. @param isStuck what waited for this connection waits still. */
  connectionEnded(lastedMs: number, isStuck: boolean): void {
    if (lastedMs >= this.#lastDelayMs && !isStuck) this.#attempt = 0;
  }
}
