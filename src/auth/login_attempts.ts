/** Logins that fail: counted by address, answered more and more slowly, and in the end not looked at for a while. The owner
 * reads in the log why; the Client only hears that it was wrong. Room: bounded tables; clock and timer are given.
 *
 * Failures count from the first one on for loginFailuresS; with loginFailuresMax of them the address is banned for
 * loginBanS, which attempts meanwhile do not prolong: a device with an old password must not shut out its neighbours
 * behind the same address for good. A success does not make failures undone: who has one account could try others. @module */

import type { Clock } from "../base/clock.ts";
import type { Log } from "../base/log.ts";
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

interface Failures {
  count: number;
  readonly sinceMs: number;
}

export class LoginAttempts {
  /** Called when an address is banned, with its key. */
  onBan: ((address: string) => void) | undefined = undefined;
  /** By address key, in the order of the last failure. */
  readonly #failures = new Map<string, Failures>();
  /** By address key: until when; in the order of their ends. */
  readonly #bans = new Map<string, number>();
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
    const key = addressKey(remoteHost);
    const untilMs = this.#bans.get(key);
    if (untilMs === undefined) return false;
    if (untilMs > this.#clock.monotonicMs()) return true;
    this.#bans.delete(key);
    return false;
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
    const user = userName === undefined ? "" : ` of u'${cut(userName)}'`;
    this.#log.info(`Login${user} from ${remoteHost} as ${cut(clientId)} failed: ${why}.`, {
      event: "login-failed",
      userName,
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
      this.#bans.set(key, nowMs + loginBanS * 1000);
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

/** What failures are counted by: an IPv4 address, or the network of an IPv6 address (one host has all of its /64).
 * "2001:db8:0:1::5" → "2001:db8:0:1::/64"; anything else stays as it is. */
export function addressKey(remoteHost: string): string {
  if (!remoteHost.includes(":")) return remoteHost;
  const address = remoteHost.toLowerCase().replace(/%.*$/, "");
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/.exec(address);
  if (mapped !== null) return mapped[1];
  const halves = address.split("::");
  if (halves.length > 2 || !/^[0-9a-f:.]+$/.test(address)) return remoteHost;
  const [front, back] = halves.map((half) => half === "" ? [] : half.split(":"));
  // An IPv4 address at the end stands for two groups.
  const groupsOf = (list: readonly string[]) => list.length + (list.at(-1)?.includes(".") ? 1 : 0);
  const gap = back === undefined ? 0 : 8 - groupsOf(front) - groupsOf(back);
  const groups = [...front, ...Array.from({ length: Math.max(gap, 0) }, () => "0"), ...back ?? []];
  return `${groups.slice(0, 4).map((group) => parseInt(group, 16).toString(16)).join(":")}::/64`;
}
