/** An authorizer that goes by a table, which a test may change while the broker runs. Empty: all is allowed.
 * @module */

import type { Authorizer, ConnectRefusal, Identity } from "../../src/auth/authorizer.ts";
import { ReasonCode } from "../../src/packet/mod.ts";

/** One refusal. What is left out matches all. */
export interface Refusal {
  readonly may: "connect" | "publish" | "subscribe" | "receive";
  readonly clientId?: string;
  readonly userName?: string;
  /** The whole Topic Name or Topic Filter. */
  readonly topic?: string;
}

export class TableAuthorizer implements Authorizer {
  onChange: (() => void) | undefined = undefined;
  #refusals: readonly Refusal[];

  constructor(refusals: readonly Refusal[] = []) {
    this.#refusals = refusals;
  }

  /** Takes the place of the former table. */
  set refusals(refusals: readonly Refusal[]) {
    this.#refusals = refusals;
    this.onChange?.();
  }

  connectRefusal(identity: Identity): ConnectRefusal | undefined {
    if (this.#may("connect", identity, undefined)) return undefined;
    return { reasonCode: ReasonCode.NotAuthorized, why: "the table says no" };
  }

  mayPublish(identity: Identity, topicName: string): boolean {
    return this.#may("publish", identity, topicName);
  }

  maySubscribe(identity: Identity, topicFilter: string): boolean {
    return this.#may("subscribe", identity, topicFilter);
  }

  mayReceive(identity: Identity, topicName: string): boolean {
    return this.#may("receive", identity, topicName);
  }

  /** A refusal of a topic parts every filter, as far as this knows. */
  mayReceiveAll(identity: Identity): boolean | undefined {
    const refusals = this.#refusals.filter((refusal) => refusal.may === "receive" && isAbout(refusal, identity));
    return refusals.length === 0 ? true : refusals.some(({ topic }) => topic === undefined) ? false : undefined;
  }

  #may(what: Refusal["may"], identity: Identity, topic: string | undefined): boolean {
    return !this.#refusals.some((refusal) =>
      refusal.may === what && isAbout(refusal, identity) &&
      (refusal.topic === undefined || refusal.topic === topic)
    );
  }
}

function isAbout(refusal: Refusal, { clientId, userName }: Identity): boolean {
  return (refusal.clientId === undefined || refusal.clientId === clientId) &&
    (refusal.userName === undefined || refusal.userName === userName);
}
