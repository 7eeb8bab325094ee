/** Which proof counts at which door. Exactly one authenticator judges an attempt, and its word is the last: a proof that is
 * wrong is not tried elsewhere, and nobody who shows one is let in as anonymous.
 *
 *     1. CONNECT names an Authentication Method: "accounts", if the door has them and there are any; else 0x8C.
 *     2. There are no accounts, and the door asks for neither tokens nor certificates: a user name is not believed,
 *        a password not looked at, and the Client is anonymous (5.).
 *     3. The first authenticator in the door's list for which there is something to judge:
 *          "certificate"  TLS has verified a certificate
 *          "jwt"          the password looks like a token
 *          "accounts"     there is a user name or a password, and it does not look like a token if the door takes tokens
 *     4. None, and CONNECT has a user name or a password: refused.
 *     5. Anonymous: let in if the door allows it. Where nobody said so, it does on loopback if it asks for neither tokens nor
 *        certificates, as long as there are no accounts; with the first one, those that came in so have to go.
 *
 * @module */

import type { Log } from "../base/log.ts";
import { ReasonCode } from "../packet/reason_code.ts";
import type { AccountsSource } from "./accounts.ts";
import type { AuthenticationExchange, AuthenticationVerdict, Authenticator, ConnectAttempt } from "./authenticator.ts";
import type { ConnectRefusal, Identity } from "./authorizer.ts";
import { looksLikeToken } from "./token_form.ts";

export const AUTHENTICATOR_KINDS = ["accounts", "jwt", "certificate"] as const;
export type AuthenticatorKind = typeof AUTHENTICATOR_KINDS[number];

/** A listener, as far as it matters here. */
export interface Door {
  /** undefined = on loopback, as long as nothing says who a Client is: neither accounts, nor tokens, nor certificates. */
  readonly allowAnonymous: boolean | undefined;
  readonly isLoopback: boolean;
  /** In the order in which they are asked whether there is something for them. */
  readonly authenticators: readonly AuthenticatorKind[];
}

/** Judges one kind of proof: `JwtAuthenticator`, `CertificateAuthenticator`. */
export type Judge = Pick<Authenticator, "authenticate">;

/** What a door lists must be here. */
export interface AuthenticatorChainParts {
  readonly source: AccountsSource;
  readonly accounts: Authenticator;
  readonly jwt?: Judge;
  readonly certificate?: Judge;
  readonly log: Log;
}

const NOTHING_SHOWN = "anonymous clients are not allowed on this listener";

export class AuthenticatorChain implements Authenticator {
  /** @param doors by `ConnectAttempt.listenerUrl`. */
  constructor(readonly doors: ReadonlyMap<string, Door>, readonly parts: AuthenticatorChainParts) {
    for (const [url, { authenticators }] of doors) {
      for (const kind of authenticators) {
        if (parts[kind] === undefined) throw new TypeError(`${url} asks for "${kind}", which is not set up`);
      }
    }
  }

  authenticate(attempt: ConnectAttempt, answer: (verdict: AuthenticationVerdict) => void): (() => void) | void {
    const door = this.doors.get(attempt.listenerUrl);
    if (door === undefined) return this.#refuseUnknownDoor(attempt, answer);
    const isNamed = attempt.userName !== undefined || attempt.password !== undefined;
    if (!this.parts.source.accounts.isClosed && isForAccountsOnly(door)) return this.#anonymous(door, answer);
    const kind = door.authenticators.find((kind) => hasProofFor(kind, attempt, door));
    if (kind !== undefined) return this.parts[kind]!.authenticate(attempt, answer);
    if (!isNamed) return this.#anonymous(door, answer);
    answer({
      reasonCode: ReasonCode.BadUserNameOrPassword,
      userName: undefined,
      reasonString: "this listener takes other proofs than the one that was shown",
    });
  }

  begin(method: string, attempt: ConnectAttempt): AuthenticationExchange | undefined {
    const door = this.doors.get(attempt.listenerUrl);
    const hasAccounts = this.parts.source.accounts.isClosed && door?.authenticators.includes("accounts");
    return hasAccounts ? this.parts.accounts.begin(method, attempt) : undefined;
  }

  /** Who has shown a proof is the authorizer's: a user may be disabled, or have another password. */
  presentRefusal({ userName }: Identity, listenerUrl: string): ConnectRefusal | undefined {
    const door = this.doors.get(listenerUrl);
    if (userName !== undefined || (door !== undefined && this.#allowsAnonymous(door))) return undefined;
    return { reasonCode: ReasonCode.NotAuthorized, why: NOTHING_SHOWN };
  }

  #allowsAnonymous(door: Door): boolean {
    return door.allowAnonymous ?? (door.isLoopback && isForAccountsOnly(door) && !this.parts.source.accounts.isClosed);
  }

  #anonymous(door: Door, answer: (verdict: AuthenticationVerdict) => void): void {
    if (this.#allowsAnonymous(door)) return answer({ reasonCode: ReasonCode.Success, userName: undefined });
    const reasonString = this.parts.source.accounts.isClosed || !isForAccountsOnly(door)
      ? NOTHING_SHOWN
      : `${NOTHING_SHOWN}, and there are no accounts`;
    answer({ reasonCode: ReasonCode.NotAuthorized, userName: undefined, reasonString });
  }

  #refuseUnknownDoor({ listenerUrl }: ConnectAttempt, answer: (verdict: AuthenticationVerdict) => void): void {
    this.parts.log.error(`Nobody has said who may come in through ${listenerUrl}: nobody may.`);
    const reasonString = "this listener lets nobody in";
    answer({ reasonCode: ReasonCode.NotAuthorized, userName: undefined, reasonString });
  }
}

function isForAccountsOnly({ authenticators }: Door): boolean {
  return !authenticators.includes("jwt") && !authenticators.includes("certificate");
}

function hasProofFor(kind: AuthenticatorKind, attempt: ConnectAttempt, door: Door): boolean {
  const { userName, password, peerCertificate } = attempt;
  const isToken = () => password !== undefined && looksLikeToken(password);
  switch (kind) {
    case "certificate":
      return peerCertificate !== undefined;
    case "jwt":
      return isToken();
    case "accounts":
      return (userName !== undefined || password !== undefined) && !(door.authenticators.includes("jwt") && isToken());
  }
}
