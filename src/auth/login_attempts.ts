/** Logins that fail: counted by address, answered more and more slowly, and in the end not looked at for a while. The owner
 * reads in the log why; the Client only hears that it was wrong. Room: bounded tables; clock and timer are given.
 *
 * Failures count from the first one on for loginFailuresS; with loginFailuresMax of them the address is banned for
 * loginBanS, which attempts meanwhile do not prolong: a device with an old password must not shut out its neighbours
 * behind the same address for good. A success does not make failures undone: who has one account could try others. Those
 * neighbours come in also during a ban, with what was right before; but it is no place to try passwords without being
 * counted: see `passesBan`. @module */

import type { Clock } from "../base/clock.ts";
import type { Log } from "../base/log.ts";
import { addressKey } from "../base/networks.ts";
import { ReasonCode } from "../packet/reason_code.ts";
import type { AuthenticationVerdict, ConnectAttempt } from "./authenticator.ts";

/** Of `Limits`. */
export interface LoginLimits {
  readonly loginFailuresMax: number;
  readonly loginFailuresS: number;
  readonly loginBanS: number;
  readonly loginAddressesMax: number;
}

/** Calls back after a time. @returns what stops it. */
export type After = (delayMs: number, callback: () => void) => () => void;

/** The timers of the runtime; they keep no process alive. */
export const afterMs: After = (delayMs, callback) => {
  const timer = setTimeout(callback, delayMs);
  Deno.unrefTimer(timer);
  return () => clearTimeout(timer);
};

/** What the Client hears, whatever was wrong. */
export const WRONG = "the user name or password is wrong";

/** The answer to the first failure comes after this time, which nobody notices; it doubles with each further one. */
const DELAY_MIN_MS = 100;
const DELAY_MAX_MS = 5_000;
/** A longer name is cut in the log: it must not push the reason out of the line. */
const NAME_LENGTH_MAX = 100;

/** Users whose passwords were tried from a banned address are counted one by one up to so many. */
const GUESSED_USERS_MAX = 1000;

interface Ban {
  readonly untilMs: number;
  /** How many wrong passwords were shown for a user meanwhile. */
  readonly guesses: Map<string, number>;
}

interface Failures {
  count: number;
  readonly sinceMs: number;
}

export class LoginAttempts {
  /** Called when an address is banned, with its key. */
  onBan: ((address: string) => void) | undefined = undefined;
  /** By address key, in the order of the last failure. */
  readonly #failures = new Map<string, Failures>();
  /** By address key, in the order of their ends. */
  readonly #bans = new Map<string, Ban>();
  readonly #limits: LoginLimits;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #after: After;

  constructor(limits: LoginLimits, clock: Clock, log: Log, after: After = afterMs) {
    this.#limits = limits;
    this.#clock = clock;
    this.#log = log;
    this.#after = after;
  }

  /** Addresses that are known here. */
  get size(): number {
    return this.#failures.size + this.#bans.size;
  }

  isBanned(remoteHost: string): boolean {
    return this.#banOf(remoteHost) !== undefined;
  }

  /** Asked of a banned address. @param userName of a user that exists. @param isKnown whether the same was right before,
   * from there; if not, it may be a guess, and after loginFailuresMax of them nobody passes as this user. */
  passesBan(remoteHost: string, userName: string, isKnown: boolean): boolean {
    const guesses = this.#banOf(remoteHost)?.guesses;
    if (guesses === undefined) return true;
    const count = guesses.get(userName) ?? 0;
    if (!guesses.has(userName) && guesses.size >= GUESSED_USERS_MAX) return false;
    if (isKnown) return count < this.#limits.loginFailuresMax;
    guesses.set(userName, count + 1);
    return false;
  }

  #banOf(remoteHost: string): Ban | undefined {
    const key = addressKey(remoteHost);
    const ban = this.#bans.get(key);
    if (ban === undefined || ban.untilMs > this.#clock.monotonicMs()) return ban;
    this.#bans.delete(key);
    return undefined;
  }

  /** What those hear who come from a banned address. */
  get banned(): AuthenticationVerdict {
    return {
      reasonCode: ReasonCode.Banned,
      userName: undefined,
      reasonString: "too many failed logins from this address",
    };
  }

  /** Counts and logs a failed login, and answers it, later.
   * @param userName as the Client called itself. @param why for the log; nothing secret.
   * @returns what to call when the Client is gone before the answer. */
  fail(
    attempt: ConnectAttempt,
    userName: string | undefined,
    why: string,
    answer: (verdict: AuthenticationVerdict) => void,
  ): () => void {
    // It was asked before the ban began.
    if (this.isBanned(attempt.remoteHost)) {
      answer(this.banned);
      return () => {};
    }
    this.#note(attempt, userName, why);
    const count = this.#count(attempt.remoteHost);
    const verdict = { reasonCode: ReasonCode.BadUserNameOrPassword, userName: undefined, reasonString: WRONG };
    return this.#after(Math.min(DELAY_MIN_MS * 2 ** (count - 1), DELAY_MAX_MS), () => answer(verdict));
  }

  #note({ clientId, remoteHost, listenerUrl }: ConnectAttempt, userName: string | undefined, why: string): void {
    if (!this.#log.isEnabled("info")) return;
    const name = userName === undefined ? undefined : cut(userName);
    const user = name === undefined ? "" : ` of u'${name}'`;
    this.#log.info(`Login${user} from ${remoteHost} as ${cut(clientId)} failed: ${why}.`, {
      event: "login-failed",
      userName: name,
      remoteHost,
      clientId,
      listenerUrl,
      why,
    });
  }

  #count(remoteHost: string): number {
    const { loginFailuresMax, loginFailuresS, loginAddressesMax, loginBanS } = this.#limits;
    const key = addressKey(remoteHost);
    const nowMs = this.#clock.monotonicMs();
    let failures = this.#failures.get(key);
    if (failures === undefined || nowMs - failures.sinceMs >= loginFailuresS * 1000) {
      failures = { count: 0, sinceMs: nowMs };
    }
    failures.count++;
    // Behind all others; when there are too many, the one whose last failure is longest ago leaves.
    this.#failures.delete(key);
    if (loginFailuresMax > 0 && failures.count >= loginFailuresMax) {
      if (this.#bans.size >= loginAddressesMax) this.#bans.delete(this.#bans.keys().next().value!);
      this.#bans.delete(key);
      this.#bans.set(key, { untilMs: nowMs + loginBanS * 1000, guesses: new Map() });
      this.#log.warning(`Address ${key} is banned for ${loginBanS} s after ${failures.count} failed logins.`, {
        event: "login-ban",
        address: key,
      });
      this.onBan?.(key);
    } else {
      if (this.#failures.size >= loginAddressesMax) this.#failures.delete(this.#failures.keys().next().value!);
      this.#failures.set(key, failures);
    }
    return failures.count;
  }
}

function cut(name: string): string {
  return name.length > NAME_LENGTH_MAX ? `${name.slice(0, NAME_LENGTH_MAX)}…` : name;
}
