/** Authenticators for tests: one that answers when the test says so, and one with a real challenge and response.
 * @module */

import type {
  AuthenticationExchange,
  AuthenticationStep,
  AuthenticationVerdict,
  Authenticator,
  ConnectAttempt,
} from "../../src/auth/authenticator.ts";
import { ReasonCode } from "../../src/packet/mod.ts";

/** A question that the broker asked and that nobody has answered yet. */
export interface OpenQuestion {
  readonly attempt: ConnectAttempt;
  answer(verdict: Partial<AuthenticationVerdict>): void;
}

/** Answers when the test does: as an authenticator that looks something up. */
export class LateAuthenticator implements Authenticator {
  readonly #questions: OpenQuestion[] = [];
  #wake: (() => void) | undefined;

  authenticate(attempt: ConnectAttempt, answer: (verdict: AuthenticationVerdict) => void): void {
    this.#questions.push({
      attempt,
      answer: (verdict) => answer({ reasonCode: ReasonCode.Success, userName: attempt.userName, ...verdict }),
    });
    this.#wake?.();
  }

  begin(): undefined {
    return undefined;
  }

  /** The next CONNECT that waits for a verdict. */
  async next(): Promise<OpenQuestion> {
    while (this.#questions.length === 0) await new Promise<void>((resolve) => this.#wake = resolve);
    return this.#questions.shift()!;
  }
}

/** Believes every user name, and answers at once: for tests in which it matters who somebody is. */
export class TrustingAuthenticator implements Authenticator {
  /** What CONNECTs said, in order. */
  readonly attempts: ConnectAttempt[] = [];

  authenticate(attempt: ConnectAttempt, answer: (verdict: AuthenticationVerdict) => void): void {
    this.attempts.push(attempt);
    answer({ reasonCode: ReasonCode.Success, userName: attempt.userName });
  }

  begin(): undefined {
    return undefined;
  }
}

export const CHALLENGE_METHOD = "CHALLENGE-SHA-256";

/** Enhanced authentication in three packets: CONNECT brings the user name as Authentication Data, the Server's AUTH a
 * nonce, the Client's AUTH SHA-256(nonce | secret), and CONNACK SHA-256(secret | nonce), by which the Server shows that
 * it knows the secret, too. Without a method: the secret is the password. */
export class ChallengeAuthenticator implements Authenticator {
  /** Exchanges whose Client left or took too long. */
  abandoned = 0;
  /** Methods that are begun; a test may take one away. */
  readonly methods = new Set([CHALLENGE_METHOD]);

  constructor(readonly secrets: ReadonlyMap<string, string>) {}

  authenticate(attempt: ConnectAttempt, answer: (verdict: AuthenticationVerdict) => void): void {
    const { userName, password } = attempt;
    const secret = this.secrets.get(userName ?? "");
    const isRight = secret !== undefined && secret === new TextDecoder().decode(password);
    const reasonCode = isRight ? ReasonCode.Success : ReasonCode.BadUserNameOrPassword;
    answer({ reasonCode, userName, reasonString: "a wrong user name or password" });
  }

  begin(method: string): AuthenticationExchange | undefined {
    return this.methods.has(method) ? new ChallengeExchange(this) : undefined;
  }
}

class ChallengeExchange implements AuthenticationExchange {
  #userName: string | undefined;
  readonly #nonce = crypto.getRandomValues(new Uint8Array(16));

  constructor(readonly owner: ChallengeAuthenticator) {}

  step(data: Uint8Array | undefined, answer: (step: AuthenticationStep) => void): void {
    if (this.#userName === undefined) {
      this.#userName = new TextDecoder().decode(data);
      return answer({ kind: "continue", data: this.#nonce });
    }
    this.#judge(this.#userName, data ?? new Uint8Array()).then(answer);
  }

  abandon(): void {
    this.owner.abandoned++;
  }

  /** Web Crypto answers in a later turn, as a real authenticator would. */
  async #judge(userName: string, response: Uint8Array): Promise<AuthenticationStep> {
    const secret = this.owner.secrets.get(userName) ?? "";
    const wanted = await respond(this.#nonce, secret);
    if (secret === "" || !wanted.every((byte, i) => byte === response[i])) {
      const verdict = {
        reasonCode: ReasonCode.BadUserNameOrPassword,
        userName: undefined,
        reasonString: "no such pair",
      };
      return { kind: "done", data: undefined, verdict };
    }
    const data = await prove(this.#nonce, secret);
    return { kind: "done", data, verdict: { reasonCode: ReasonCode.Success, userName } };
  }
}

/** What the Client answers to a nonce. */
export function respond(nonce: Uint8Array, secret: string): Promise<Uint8Array> {
  return sha256(nonce, new TextEncoder().encode(secret));
}

/** What the Server shows in return. */
export function prove(nonce: Uint8Array, secret: string): Promise<Uint8Array> {
  return sha256(new TextEncoder().encode(secret), nonce);
}

async function sha256(first: Uint8Array, second: Uint8Array): Promise<Uint8Array> {
  const both = new Uint8Array(first.length + second.length);
  both.set(first);
  both.set(second, first.length);
  return new Uint8Array(await crypto.subtle.digest("SHA-256", both));
}
