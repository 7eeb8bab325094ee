/** User name and password, or SCRAM, against the accounts that are kept here. Everybody who is not let in hears the same,
 * after the same time: whether the name is unknown, the password wrong, or the user disabled. The log says which. @module */

import type { Log } from "../base/log.ts";
import { addressKey } from "../base/networks.ts";
import { ReasonCode } from "../packet/reason_code.ts";
import type { UserRecord } from "./account_records.ts";
import type { AccountsSource } from "./accounts.ts";
import type { AuthenticationExchange, AuthenticationVerdict, Authenticator, ConnectAttempt } from "./authenticator.ts";
import type { Credentials, ScramKeys } from "./credentials.ts";
import type { LoginAttempts } from "./login_attempts.ts";
import {
  hmac,
  isOutdated,
  makeCredentials,
  type PasswordStrength,
  PRESENT_STRENGTH,
  type ScramHash,
} from "./password.ts";
import type { PasswordAnswer, PasswordChecks, PasswordQuestion } from "./password_checks.ts";
import { ScramExchange } from "./scram_exchange.ts";

export interface AccountsAuthenticatorParts {
  readonly accounts: AccountsSource;
  readonly checks: PasswordChecks;
  readonly attempts: LoginAttempts;
  readonly log: Log;
  /** Of credentials that are made here, and of those that are pretended. */
  readonly strength?: PasswordStrength;
  /** What the salts of unknown users are made from. Kept over restarts, it hides even from patient observers who exists;
   * default: one for this process. */
  readonly pretenceSecret?: Uint8Array;
}

const METHODS: ReadonlyMap<string, ScramHash> = new Map([["SCRAM-SHA-256", "SHA-256"], ["SCRAM-SHA-512", "SHA-512"]]);

export class AccountsAuthenticator implements Authenticator {
  readonly #accounts: AccountsSource;
  readonly #checks: PasswordChecks;
  readonly #attempts: LoginAttempts;
  readonly #log: Log;
  readonly #strength: PasswordStrength;
  readonly #pretenceSecret: Uint8Array;
  /** Users whose better credentials are on their way to the disk. */
  readonly #keeping = new Set<string>();

  constructor(parts: AccountsAuthenticatorParts) {
    this.#accounts = parts.accounts;
    this.#checks = parts.checks;
    this.#attempts = parts.attempts;
    this.#log = parts.log;
    this.#strength = parts.strength ?? PRESENT_STRENGTH;
    this.#pretenceSecret = parts.pretenceSecret ?? crypto.getRandomValues(new Uint8Array(32));
    // Those of the address that wait already are not worth a check any more.
    this.#attempts.onBan = (address) => this.#checks.refuse(address);
  }

  authenticate(attempt: ConnectAttempt, answer: (verdict: AuthenticationVerdict) => void): () => void {
    const { userName, password, remoteHost } = attempt;
    let isGone = false;
    let cancel = () => {};
    const tell = (verdict: AuthenticationVerdict) => void (isGone || answer(verdict));
    const fail = (why: string) => {
      cancel = this.#attempts.fail(attempt, userName, why, tell);
      // Who left while it was checked is counted all the same.
      if (isGone) cancel();
    };
    const user = userName === undefined ? undefined : this.#accounts.accounts.users.get(userName);
    const question: PasswordQuestion = {
      userName: userName ?? "",
      credentials: user?.isDisabled ? undefined : user?.credentials,
      password: password ?? new Uint8Array(),
      address: addressKey(remoteHost),
    };
    let leave = () => {};
    if (this.#attempts.isBanned(remoteHost) && !this.#passesBan(user, question, remoteHost)) {
      answer(this.#attempts.banned);
    } else if (userName === undefined || password === undefined) {
      fail(`the ${userName === undefined ? "user name" : "password"} is missing`);
    } else {
      leave = this.#checks.ask(question, (found) => this.#conclude(user, question, found, fail, tell));
    }
    return () => {
      isGone = true;
      leave();
      cancel();
    };
  }

  /** A neighbour behind the same address, who was here before, need not suffer from a ban. */
  #passesBan(user: UserRecord | undefined, question: PasswordQuestion, remoteHost: string): boolean {
    return user !== undefined && this.#attempts.passesBan(remoteHost, user.name, this.#checks.isKnown(question));
  }

  begin(method: string, attempt: ConnectAttempt): AuthenticationExchange | undefined {
    const hash = METHODS.get(method);
    if (hash === undefined) return undefined;
    return new ScramExchange(attempt, hash, {
      attempts: this.#attempts,
      userOf: (userName) => this.#accounts.accounts.users.get(userName),
      keysOf: (userName, user) => {
        // Also for those who have keys: the time must not tell.
        const pretended = this.#pretendedKeys(userName, hash);
        return scramKeysOf(user, hash) ?? pretended;
      },
      whyNot: (user) => this.#whyNotAnyMore(user) ?? (scramKeysOf(user, hash) ? undefined : noScram(user)),
    });
  }

  #conclude(
    user: UserRecord | undefined,
    question: PasswordQuestion,
    found: PasswordAnswer,
    fail: (why: string) => void,
    answer: (verdict: AuthenticationVerdict) => void,
  ): void {
    switch (found.kind) {
      case "right": {
        const why = this.#whyNotAnyMore(user);
        if (why !== undefined) return fail(why);
        this.#upgrade(user!, question);
        return answer({ reasonCode: ReasonCode.Success, userName: user!.name, credential: user!.credential });
      }
      case "wrong":
        return fail(user === undefined ? UNKNOWN : user.isDisabled ? DISABLED : wrongPassword(user));
      case "refused":
        return answer(this.#attempts.banned);
      case "busy": {
        const reasonString = "too many passwords wait for being checked";
        return answer({ reasonCode: ReasonCode.ServerBusy, userName: undefined, reasonString });
      }
      case "failed": {
        this.#log.error(`The password of u'${question.userName}' cannot be checked: ${messageOf(found.error)}`);
        const reasonString = "the password cannot be checked";
        return answer({ reasonCode: ReasonCode.ServerUnavailable, userName: undefined, reasonString });
      }
    }
  }

  /** Of a user who has just proven to be the one, as of the time of the question. @returns what has changed since. */
  #whyNotAnyMore(user: UserRecord | undefined): string | undefined {
    if (user === undefined) return UNKNOWN;
    const present = this.#accounts.accounts.users.get(user.name);
    if (present === undefined) return "the user was removed meanwhile";
    if (present.isDisabled) return DISABLED;
    // Also of a user who was removed and added again.
    return present.credential === user.credential ? undefined : "the password was changed meanwhile";
  }

  /** The password is known for this moment: time to keep it as passwords are kept today. */
  #upgrade(user: UserRecord, question: PasswordQuestion): void {
    const { credentials, password } = question;
    if (credentials === undefined || !isOutdated(credentials, this.#strength) || password.length === 0) return;
    this.#checks.whenIdle(user.name, async () => {
      // Another login may have done it while this one waited.
      const present = this.#accounts.accounts.users.get(user.name)?.credentials;
      if (present === undefined || !isOutdated(present, this.#strength) || this.#keeping.has(user.name)) return;
      const credentials = await makeCredentials(password, this.#strength);
      // Not waited for: while another program holds the accounts, passwords are checked all the same.
      this.#keep(user, { ...question, credentials });
    });
  }

  async #keep(user: UserRecord, question: PasswordQuestion & { readonly credentials: Credentials }): Promise<void> {
    this.#keeping.add(user.name);
    try {
      await this.#accounts.upgradeCredentials(user, question.credentials);
      this.#checks.remember(question, true);
    } catch (error) {
      this.#log.warning(`The password of u'${user.name}' could not be kept anew: ${messageOf(error)}`);
    } finally {
      this.#keeping.delete(user.name);
    }
  }

  /** What a user would have who does not exist, the same at each time. No proof fits it. */
  #pretendedKeys(userName: string, hash: ScramHash): ScramKeys {
    const make = (what: string) => hmac(hash, this.#pretenceSecret, `${what} ${userName}`);
    const { sha256Iterations, sha512Iterations } = this.#strength;
    const iterations = hash === "SHA-256" ? sha256Iterations : sha512Iterations;
    return { iterations, salt: make("salt").slice(0, 16), storedKey: make("stored"), serverKey: make("server") };
  }
}

const UNKNOWN = "there is no such user";
const DISABLED = "the user is disabled";
const NO_PASSWORD = "the user has no password";

function wrongPassword(user: UserRecord): string {
  return user.credentials === undefined ? NO_PASSWORD : "the password is wrong";
}

function noScram(user: UserRecord | undefined): string {
  if (user?.credentials === undefined) return NO_PASSWORD;
  return "the user has no SCRAM credentials; a login with the plain password makes them";
}

function scramKeysOf(user: UserRecord | undefined, hash: ScramHash): ScramKeys | undefined {
  if (user?.credentials?.kind !== "scram") return undefined;
  return hash === "SHA-256" ? user.credentials.sha256 : user.credentials.sha512;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
