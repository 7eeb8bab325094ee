/** Accounts in memory, a timer that a test runs, a log that it reads, and the Client's side of SCRAM. @module */

import { Buffer } from "node:buffer";
import { createHash, createHmac, pbkdf2Sync } from "node:crypto";
import type { UserRecord } from "../../src/auth/account_records.ts";
import { type Accounts, type AccountsSource, NO_ACCOUNTS } from "../../src/auth/accounts.ts";
import { AccountsAuthenticator } from "../../src/auth/accounts_authenticator.ts";
import type {
  AuthenticationExchange,
  AuthenticationStep,
  AuthenticationVerdict,
  ConnectAttempt,
} from "../../src/auth/authenticator.ts";
import type { Credentials } from "../../src/auth/credentials.ts";
import { type After, LoginAttempts } from "../../src/auth/login_attempts.ts";
import { makeCredentials, type PasswordStrength } from "../../src/auth/password.ts";
import { PasswordChecks } from "../../src/auth/password_checks.ts";
import type { Log, LogProperties } from "../../src/base/log.ts";
import { DEFAULT_LIMITS, type Limits } from "../../src/config/limits.ts";
import { FakeClock } from "../support/fake_clock.ts";

/** As fast as SCRAM allows. */
export const WEAK: PasswordStrength = { sha256Iterations: 4096, sha512Iterations: 4096 };
export const utf8 = (text: string) => new TextEncoder().encode(text);
export const text = (bytes: Uint8Array | undefined) => new TextDecoder().decode(bytes);

export class TestLog implements Log {
  readonly lines: string[] = [];
  lastProperties: LogProperties | undefined;
  readonly isEnabled = () => true;
  readonly error = (line: string) => void this.lines.push(`error: ${line}`);
  readonly warning = (line: string) => void this.lines.push(`warning: ${line}`);
  readonly info = (line: string, properties?: LogProperties) => {
    this.lines.push(line);
    this.lastProperties = properties;
  };
  readonly debug = (line: string) => void this.lines.push(line);
}

/** Timers that ring when the test says so. */
export class ManualTimers {
  readonly waiting: { readonly delayMs: number; readonly ring: () => void }[] = [];
  readonly after: After = (delayMs, callback) => {
    const timer = { delayMs, ring: callback };
    this.waiting.push(timer);
    return () => {
      const at = this.waiting.indexOf(timer);
      if (at >= 0) this.waiting.splice(at, 1);
    };
  };

  get delaysMs(): number[] {
    return this.waiting.map(({ delayMs }) => delayMs);
  }

  ringAll(): void {
    for (const { ring } of this.waiting.splice(0)) ring();
  }
}

/** Rings at once: for tests in which it does not matter when. */
export const atOnce: After = (_delayMs, callback) => {
  callback();
  return () => {};
};

export class TestAccounts implements AccountsSource {
  accounts: Accounts = NO_ACCOUNTS;
  upgrades = 0;
  readonly #watchers = new Set<() => void>();

  watch(changed: () => void): () => void {
    this.#watchers.add(changed);
    return () => this.#watchers.delete(changed);
  }

  set(name: string, credentials: Credentials | undefined, rest: Partial<UserRecord> = {}): UserRecord {
    const before = this.accounts.users.get(name);
    const user: UserRecord = {
      name,
      isDisabled: false,
      roles: [],
      clientIds: [],
      credentials,
      credential: (before?.credential ?? 0) + 1,
      createdAtMs: 1,
      changedAtMs: 1,
      ...rest,
    };
    this.#replace(new Map(this.accounts.users).set(name, user));
    return user;
  }

  remove(name: string): void {
    const users = new Map(this.accounts.users);
    users.delete(name);
    this.#replace(users);
  }

  upgradeCredentials(user: UserRecord, credentials: Credentials): Promise<void> {
    this.upgrades++;
    const { credential, createdAtMs } = user;
    this.set(user.name, credentials, { credential, createdAtMs });
    return Promise.resolve();
  }

  #replace(users: Map<string, UserRecord>): void {
    this.accounts = { ...this.accounts, version: this.accounts.version + 1, isClosed: true, users };
    for (const changed of this.#watchers) changed();
  }
}

export interface Logins {
  readonly accounts: TestAccounts;
  readonly attempts: LoginAttempts;
  readonly checks: PasswordChecks;
  readonly authenticator: AccountsAuthenticator;
  readonly timers: ManualTimers;
  readonly clock: FakeClock;
  readonly log: TestLog;
  readonly limits: Limits;
}

export interface LoginOptions {
  readonly limits?: Partial<Limits>;
  readonly clock?: FakeClock;
  readonly after?: After;
  readonly pretenceSecret?: Uint8Array;
}

/** One user, "sensor-1", whose password is "open sesame". */
export async function makeLogins(options: LoginOptions = {}): Promise<Logins> {
  const { clock = new FakeClock(), after, pretenceSecret } = options;
  const limits = { ...DEFAULT_LIMITS, ...options.limits };
  const timers = new ManualTimers();
  const log = new TestLog();
  const accounts = new TestAccounts();
  const checks = new PasswordChecks(limits, clock, WEAK);
  const attempts = new LoginAttempts(limits, clock, log, after ?? timers.after);
  const parts = { accounts, checks, attempts, log, strength: WEAK, pretenceSecret };
  accounts.set("sensor-1", await makeCredentials(PASSWORD, WEAK));
  return { accounts, attempts, checks, authenticator: new AccountsAuthenticator(parts), timers, clock, log, limits };
}

export const PASSWORD = "open sesame";

/** Notes each PBKDF2 that is computed while it lives, by its iterations. */
export function watchHashes(): Disposable & { readonly iterations: number[] } {
  const { subtle } = crypto;
  const deriveBits = subtle.deriveBits;
  const iterations: number[] = [];
  subtle.deriveBits = (algorithm, ...rest) => {
    iterations.push((algorithm as Pbkdf2Params).iterations);
    return deriveBits.call(subtle, algorithm, ...rest);
  };
  return { iterations, [Symbol.dispose]: () => void (subtle.deriveBits = deriveBits) };
}

export function attemptOf(
  userName: string | undefined,
  password: string | Uint8Array | undefined,
  rest: Partial<ConnectAttempt> = {},
): ConnectAttempt {
  return {
    clientId: "client-1",
    userName,
    password: typeof password === "string" ? utf8(password) : password,
    protocolVersion: 5,
    remoteHost: "192.0.2.1",
    listenerUrl: "mqtt://127.0.0.1:1883",
    peerCertificate: undefined,
    ...rest,
  };
}

interface Asked {
  authenticate(
    attempt: ConnectAttempt,
    answer: (verdict: AuthenticationVerdict) => void,
  ): (() => void) | void;
}

export function login(authenticator: Asked, attempt: ConnectAttempt): Promise<AuthenticationVerdict> {
  return new Promise((resolve) => authenticator.authenticate(attempt, resolve));
}

export function stepOf(exchange: AuthenticationExchange, data: string | undefined): Promise<AuthenticationStep> {
  return new Promise((resolve) => exchange.step(data === undefined ? undefined : utf8(data), resolve));
}

/** The Client's side, by itself: it shares no line with the Server's. RFC 5802 §3. */
export class ScramClient {
  readonly first: string;
  readonly #bare: string;
  #serverSignature = "";

  constructor(
    readonly hash: "sha256" | "sha512",
    userName: string,
    readonly password: string,
    readonly header = "n,,",
    readonly nonce: string = btoa(String.fromCharCode(...crypto.getRandomValues(new Uint8Array(12)))),
  ) {
    this.#bare = `n=${userName.replaceAll("=", "=3D").replaceAll(",", "=2C")},r=${nonce}`;
    this.first = header + this.#bare;
  }

  final(serverFirst: string): string {
    const { nonce, salt, iterations } = /^r=(?<nonce>[^,]+),s=(?<salt>[^,]+),i=(?<iterations>\d+)$/
      .exec(serverFirst)!.groups as Record<string, string>;
    const bytes = this.hash === "sha256" ? 32 : 64;
    const salted = pbkdf2Sync(this.password, Buffer.from(salt, "base64"), Number(iterations), bytes, this.hash);
    const mac = (key: Uint8Array, data: string) => createHmac(this.hash, key).update(data).digest();
    const clientKey = mac(salted, "Client Key");
    const withoutProof = `c=${Buffer.from(this.header).toString("base64")},r=${nonce}`;
    const authMessage = `${this.#bare},${serverFirst},${withoutProof}`;
    const signature = mac(createHash(this.hash).update(clientKey).digest(), authMessage);
    const proof = clientKey.map((byte, i) => byte ^ signature[i]);
    this.#serverSignature = mac(mac(salted, "Server Key"), authMessage).toString("base64");
    return `${withoutProof},p=${Buffer.from(proof).toString("base64")}`;
  }

  /** Does the Server know the password, too? */
  isServerProven(serverFinal: string): boolean {
    return serverFinal === `v=${this.#serverSignature}`;
  }
}
