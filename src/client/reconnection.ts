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

  constructor(readonly options: Required<ReconnectOptions>, readonly random: () => number) {}

  nextDelayMs(): number {
    const { delayMinMs, delayMaxMs } = this.options;
    const delayMs = Math.min(delayMaxMs, delayMinMs * 2 ** Math.min(this.#attempt++, 30));
    return delayMs * (0.5 + this.random() / 2);
  }

  /** A connection ended. @param lastedMs since CONNACK. One that ends at once is no better than none. */
  connectionEnded(lastedMs: number): void {
    if (lastedMs >= this.options.delayMinMs * 2 ** Math.min(this.#attempt, 10)) this.#attempt = 0;
  }
}
