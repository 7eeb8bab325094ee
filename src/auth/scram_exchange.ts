/** A SCRAM conversation in MQTT's AUTH packets, at CONNECT or as re-authentication. Spec §4.12.
 * CONNECT or AUTH 0x19 brings client-first, AUTH 0x18 server-first, AUTH 0x18 client-final, CONNACK or AUTH 0x00
 * server-final. Who does not exist has the same conversation as others, and fails at its end. @module */

import { ReasonCode } from "../packet/reason_code.ts";
import type { UserRecord } from "./account_records.ts";
import type {
  AuthenticationExchange,
  AuthenticationStep,
  AuthenticationVerdict,
  ConnectAttempt,
} from "./authenticator.ts";
import type { ScramKeys } from "./credentials.ts";
import type { LoginAttempts } from "./login_attempts.ts";
import type { ScramHash } from "./password.ts";
import { parseClientFirst, ScramConversation, ScramError } from "./scram.ts";

export interface ScramExchangeParts {
  readonly attempts: LoginAttempts;
  userOf(userName: string): UserRecord | undefined;
  /** Also of those that do not exist. */
  keysOf(userName: string, user: UserRecord | undefined): ScramKeys;
  /** Asked when the conversation is over, whatever the proof. @returns undefined = this user may come in with a proof. */
  whyNot(user: UserRecord | undefined): string | undefined;
}

type Answer = (step: AuthenticationStep) => void;
const NONCE_BYTES = 18;

export class ScramExchange implements AuthenticationExchange {
  readonly #attempt: ConnectAttempt;
  readonly #hash: ScramHash;
  readonly #parts: ScramExchangeParts;
  #userName: string | undefined;
  #user: UserRecord | undefined;
  #conversation: ScramConversation | undefined;
  #cancel = () => {};

  constructor(attempt: ConnectAttempt, hash: ScramHash, parts: ScramExchangeParts) {
    this.#attempt = attempt;
    this.#hash = hash;
    this.#parts = parts;
    this.#userName = attempt.userName;
  }

  step(data: Uint8Array | undefined, answer: Answer): void {
    if (this.#parts.attempts.isBanned(this.#attempt.remoteHost)) return done(answer, this.#parts.attempts.banned);
    try {
      if (data === undefined) throw new ScramError("the Authentication Data is missing");
      if (this.#conversation === undefined) this.#challenge(data, answer);
      else this.#conclude(this.#conversation, data, answer);
    } catch (error) {
      if (!(error instanceof ScramError)) throw error;
      this.#fail(`SCRAM: ${error.message}`, answer);
    }
  }

  abandon(): void {
    this.#cancel();
  }

  #challenge(data: Uint8Array, answer: Answer): void {
    const first = parseClientFirst(data);
    const claimed = this.#attempt.userName;
    this.#userName = first.userName;
    if (claimed !== undefined && claimed !== first.userName) {
      throw new ScramError("the User Name of CONNECT is another one");
    }
    this.#user = this.#parts.userOf(first.userName);
    const keys = this.#parts.keysOf(first.userName, this.#user);
    const nonce = btoa(String.fromCharCode(...crypto.getRandomValues(new Uint8Array(NONCE_BYTES))));
    this.#conversation = new ScramConversation(this.#hash, first, keys, nonce);
    answer({ kind: "continue", data: this.#conversation.challenge });
  }

  #conclude(conversation: ScramConversation, data: Uint8Array, answer: Answer): void {
    const serverFinal = conversation.prove(data);
    const why = this.#parts.whyNot(this.#user) ?? (serverFinal === undefined ? "the proof is wrong" : undefined);
    if (why !== undefined) return this.#fail(`SCRAM: ${why}`, answer);
    const { name, credential } = this.#user!;
    done(answer, { reasonCode: ReasonCode.Success, userName: name, credential }, serverFinal);
  }

  #fail(why: string, answer: Answer): void {
    this.#cancel = this.#parts.attempts.fail(this.#attempt, this.#userName, why, (verdict) => done(answer, verdict));
  }
}

function done(answer: Answer, verdict: AuthenticationVerdict, data?: Uint8Array): void {
  answer({ kind: "done", verdict, data });
}
