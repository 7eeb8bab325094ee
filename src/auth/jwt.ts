/** A JSON Web Token in the place of the password. RFC 7519, 8725. Somebody else knows the users and signs what they may;
 * here it is verified, and what it says becomes the user's name, rights, and the end of the connection. @module */

import { errors, type JWTPayload, jwtVerify } from "jose";
import type { Clock } from "../base/clock.ts";
import type { Log } from "../base/log.ts";
import { ReasonCode } from "../packet/reason_code.ts";
import { isValidTopicFilter } from "../topic/topic_filter.ts";
import { isSharedFilter } from "../topic/shared_filter.ts";
import type { AccountsSource } from "./accounts.ts";
import type { AuthenticationVerdict, ConnectAttempt } from "./authenticator.ts";
import type { Grant } from "./authorizer.ts";
import { JwtKeyFile, type JwtKeyKind } from "./jwt_keys.ts";
import type { LoginAttempts } from "./login_attempts.ts";
import { isPlainName } from "./plain_name.ts";
import { type VerdictLimits, VerdictMemory } from "./verdict_memory.ts";

export interface JwtSettings {
  readonly keyFile: string;
  readonly keyKind: JwtKeyKind;
  /** `iss` must be this. Default: any. */
  readonly issuer?: string;
  /** `aud` must be or have this. Default: there must be none, since it would name somebody else. RFC 7519 §4.1.3 */
  readonly audience?: string;
  /** The claim that is the user's name. Default: "sub". */
  readonly userNameClaim?: string;
  /** The claim that the Client Identifier must equal. Default: none. */
  readonly clientIdClaim?: string;
  /** The claims that list the Topic Filters which the token permits, beside the rules. Default: "publish", "subscribe". */
  readonly publishClaim?: string;
  readonly subscribeClaim?: string;
  /** By how much clocks may differ. Seconds, default 0. */
  readonly clockToleranceS?: number;
}

export interface JwtParts {
  readonly settings: JwtSettings;
  readonly accounts: AccountsSource;
  readonly attempts: LoginAttempts;
  readonly limits: VerdictLimits;
  readonly clock: Clock;
  readonly log: Log;
}

/** Why a token is not good; for the log, without anything from it that is secret. */
class TokenError extends Error {}

const decoder = new TextDecoder("utf-8", { fatal: true });

export class JwtAuthenticator {
  readonly #parts: JwtParts;
  readonly #keyFile: JwtKeyFile;
  /** Tokens that were good: their Clients come in also while their address is banned for others' failures. */
  readonly #known: VerdictMemory;

  private constructor(parts: JwtParts, keyFile: JwtKeyFile) {
    this.#parts = parts;
    this.#keyFile = keyFile;
    this.#known = new VerdictMemory(parts.limits, parts.clock);
  }

  /** @throws JwtKeyError when the key file cannot be used. */
  static async open(parts: JwtParts): Promise<JwtAuthenticator> {
    const { settings, clock, log } = parts;
    return new JwtAuthenticator(parts, await JwtKeyFile.open(settings.keyFile, settings.keyKind, clock, log));
  }

  /** As `Authenticator.authenticate`. */
  authenticate(attempt: ConnectAttempt, answer: (verdict: AuthenticationVerdict) => void): () => void {
    const { attempts } = this.#parts;
    const password = attempt.password ?? new Uint8Array();
    const key = this.#known.keyOf(password);
    if (attempts.isBanned(attempt.remoteHost) && this.#known.recall(key) !== true) {
      answer(attempts.banned);
      return () => {};
    }
    let isGone = false;
    let cancel = (): void => void (isGone = true);
    this.#judge(attempt, password).then((verdict) => {
      if (isGone) return;
      this.#known.remember(key, true);
      answer(verdict);
    }, (error) => {
      if (isGone) return;
      cancel = attempts.fail(attempt, attempt.userName, `the token is not good: ${reasonOf(error)}`, answer);
    });
    return () => cancel();
  }

  /** @throws TokenError, or an error of jose. */
  async #judge(attempt: ConnectAttempt, password: Uint8Array): Promise<AuthenticationVerdict> {
    const { settings, clock, accounts } = this.#parts;
    const { algorithms, find } = await this.#keyFile.keys();
    const clockToleranceS = settings.clockToleranceS ?? 0;
    const { payload } = await jwtVerify(decoder.decode(password), find, {
      algorithms: [...algorithms],
      issuer: settings.issuer,
      audience: settings.audience,
      clockTolerance: clockToleranceS,
      currentDate: new Date(clock.wallMs()),
    });
    if (payload.aud !== undefined && settings.audience === undefined) {
      throw new TokenError("it is for an audience, and none is configured");
    }
    const userName = payload[settings.userNameClaim ?? "sub"];
    if (typeof userName !== "string" || !isPlainName(userName)) throw new TokenError("it names no user");
    if (attempt.userName !== undefined && attempt.userName !== userName) {
      throw new TokenError("it is another user's");
    }
    if (settings.clientIdClaim !== undefined && payload[settings.clientIdClaim] !== attempt.clientId) {
      throw new TokenError("it is for another Client Identifier");
    }
    if (accounts.accounts.users.get(userName)?.isDisabled) throw new TokenError("the user is disabled");
    const grants = [
      ...grantsOf(payload, settings.publishClaim ?? "publish", "publish"),
      ...grantsOf(payload, settings.subscribeClaim ?? "subscribe", "subscribe"),
    ];
    const validUntilMs = payload.exp === undefined ? undefined : (payload.exp + clockToleranceS) * 1000;
    return { reasonCode: ReasonCode.Success, userName, grants, validUntilMs };
  }
}

function grantsOf(payload: JWTPayload, claim: string, action: "publish" | "subscribe"): Grant[] {
  const filters = payload[claim];
  if (filters === undefined) return [];
  if (!Array.isArray(filters)) throw new TokenError(`its claim "${claim}" is no list`);
  return filters.map((topicFilter: unknown) => {
    const isGood = typeof topicFilter === "string" && isValidTopicFilter(topicFilter) && !isSharedFilter(topicFilter);
    if (!isGood) throw new TokenError(`its claim "${claim}" has something that is no Topic Filter`);
    return { action, topicFilter };
  });
}

/** Of errors whose text says nothing about the token's content but the name of a claim. */
function reasonOf(error: unknown): string {
  if (error instanceof TokenError || error instanceof errors.JOSEError) return error.message;
  return "it cannot be read";
}
