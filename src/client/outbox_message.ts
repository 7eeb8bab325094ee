/** A message of QoS 1 or 2 in the outbox, with the promise that waits for it. @module */

import type { ApplicationMessage } from "../packet/application_message.ts";
import type { Properties } from "../packet/property.ts";
import { ReasonCode } from "../packet/reason_code.ts";
import { OutgoingMessage } from "../session/outgoing_message.ts";
import type { PublishResult } from "./client.ts";
import { PublishRefusedError } from "./errors.ts";

/** Who waits: nobody, for a message of an earlier process. */
export interface PublishWaiter {
  resolve(result: PublishResult): void;
  reject(error: unknown): void;
}

const NONE: readonly never[] = [];
export const SUCCESS: PublishResult = Object.freeze({
  reasonCode: ReasonCode.Success,
  reasonString: undefined,
  userProperties: NONE,
});

export class OutboxMessage extends OutgoingMessage {
  /** When its last packet was handed to the present connection: milliseconds, monotonic; Infinity = none was. */
  sentAtMs = Infinity;
  /** What PUBREC said. */
  #result: PublishResult = SUCCESS;
  #waiter: PublishWaiter | undefined;

  constructor(
    message: ApplicationMessage,
    qos: 1 | 2,
    retain: boolean,
    expiresAtMs: number,
    waiter: PublishWaiter | undefined,
  ) {
    super(message, qos, retain, undefined, expiresAtMs, undefined);
    this.#waiter = waiter;
  }

  /** The end of QoS 1, or a refusal. */
  answered(reasonCode: ReasonCode, properties: Properties): void {
    if (reasonCode < 0x80) this.#waiter?.resolve(resultOf(reasonCode, properties));
    else {
      const what = `the Server refused a message to ${JSON.stringify(this.message.topicName)}`;
      this.#waiter?.reject(new PublishRefusedError(what, reasonCode, properties.reasonString));
    }
    this.#waiter = undefined;
  }

  /** PUBREC. */
  received(reasonCode: ReasonCode, properties: Properties): void {
    this.#result = resultOf(reasonCode, properties);
  }

  /** PUBCOMP. */
  completed(): void {
    this.#waiter?.resolve(this.#result);
    this.#waiter = undefined;
  }

  failed(error: unknown): void {
    this.#waiter?.reject(error);
    this.#waiter = undefined;
  }
}

function resultOf(reasonCode: ReasonCode, { reasonString, userProperties }: Properties): PublishResult {
  if (reasonCode === ReasonCode.Success && reasonString === undefined && userProperties === undefined) return SUCCESS;
  return { reasonCode, reasonString, userProperties: userProperties ?? NONE };
}
