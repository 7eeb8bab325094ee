/** Tokens as passwords: signed by jose or by hand, with keys of each kind. @module */

import { assertEquals, assertFalse, assertRejects } from "@std/assert";
import { exportJWK, exportSPKI, generateKeyPair, type JWTPayload, SignJWT } from "jose";
import type { AuthenticationVerdict, ConnectAttempt } from "../../src/auth/authenticator.ts";
import { JwtAuthenticator, type JwtSettings } from "../../src/auth/jwt.ts";
import { JwtKeyError, JwtKeyFile } from "../../src/auth/jwt_keys.ts";
import { LoginAttempts } from "../../src/auth/login_attempts.ts";
import { looksLikeToken } from "../../src/auth/token_form.ts";
import { DEFAULT_LIMITS, type Limits } from "../../src/config/limits.ts";
import { ReasonCode } from "../../src/packet/mod.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { atOnce, attemptOf, login, ManualTimers, TestAccounts, TestLog, utf8 } from "./login_support.ts";

const SECRET = "a secret of at least thirty-two bytes";
const rsa = await generateKeyPair("RS256", { extractable: true });
const ec = await generateKeyPair("ES256", { extractable: true });
const otherEc = await generateKeyPair("ES256", { extractable: true });
const rsaPem = await exportSPKI(rsa.publicKey);
const ecPem = await exportSPKI(ec.publicKey);
/** As the library has it: which CryptoKey that is depends on what else is loaded. */
type LibraryKey = typeof rsa.publicKey;
const jwk = async (key: LibraryKey, kid: string) => ({ ...await exportJWK(key), kid });

/** 2026-01-01, where the clock stands. */
const NOW_S = Date.UTC(2026, 0, 1) / 1000;

type Key = LibraryKey | Uint8Array;
function sign(payload: JWTPayload, alg = "HS256", key: Key = utf8(SECRET), kid?: string): Promise<string> {
  return new SignJWT(payload).setProtectedHeader({ alg, kid }).sign(key);
}

interface Opened extends AsyncDisposable {
  readonly jwt: JwtAuthenticator;
  readonly path: string;
  readonly clock: FakeClock;
  readonly log: TestLog;
  readonly accounts: TestAccounts;
  readonly attempts: LoginAttempts;
  readonly timers: ManualTimers;
}

interface OpenOptions {
  readonly file?: string;
  readonly settings?: Partial<JwtSettings>;
  readonly limits?: Partial<Limits>;
  readonly isSlow?: boolean;
}

async function open(options: OpenOptions = {}): Promise<Opened> {
  const { file = SECRET, settings } = options;
  const path = await Deno.makeTempFile();
  await Deno.writeTextFile(path, file);
  const clock = new FakeClock();
  const log = new TestLog();
  const accounts = new TestAccounts();
  const timers = new ManualTimers();
  const limits = { ...DEFAULT_LIMITS, loginFailuresMax: 0, ...options.limits };
  const attempts = new LoginAttempts(limits, clock, log, options.isSlow ? timers.after : atOnce);
  const jwt = await JwtAuthenticator.open({
    settings: { keyFile: path, keyKind: "secret", ...settings },
    accounts,
    attempts,
    limits,
    clock,
    log,
  });
  return { jwt, path, clock, log, accounts, attempts, timers, [Symbol.asyncDispose]: () => Deno.remove(path) };
}

function tryToken(it: Opened, token: string, rest: Partial<ConnectAttempt> = {}): Promise<AuthenticationVerdict> {
  return login(it.jwt, attemptOf(undefined, token, rest));
}

async function assertGood(it: Opened, token: string): Promise<void> {
  assertEquals((await tryToken(it, token)).reasonCode, ReasonCode.Success);
}

/** It is refused like any wrong password, and the log says why, without the token. */
async function assertBad(it: Opened, token: string, why: string, rest: Partial<ConnectAttempt> = {}): Promise<void> {
  const verdict = await tryToken(it, token, rest);
  assertEquals([verdict.reasonCode, verdict.userName], [ReasonCode.BadUserNameOrPassword, undefined], why);
  assertEquals(verdict.reasonString, "the user name or password is wrong");
  const line = it.log.lines.at(-1)!;
  assertEquals(line.includes(why), true, `${line} says ${why}`);
  assertFalse(it.log.lines.some((line) => line.includes(token)));
}

Deno.test("A token is a name, rights, and an end", async () => {
  await using it = await open();
  const payload = { sub: "sensor-1", exp: NOW_S + 60, publish: ["s/%c/#"], subscribe: ["a/+", "b"] };
  assertEquals(await tryToken(it, await sign(payload)), {
    reasonCode: ReasonCode.Success,
    userName: "sensor-1",
    grants: [
      { action: "publish", topicFilter: "s/%c/#" },
      { action: "subscribe", topicFilter: "a/+" },
      { action: "subscribe", topicFilter: "b" },
    ],
    validUntilMs: (NOW_S + 60) * 1000,
  });
  const bare = await tryToken(it, await sign({ sub: "sensor-1" }));
  assertEquals([bare.grants, bare.validUntilMs], [[], undefined]);
});

Deno.test("A token is refused before its time and after it, but for the tolerance", async () => {
  await using strict = await open();
  await using tolerant = await open({ settings: { clockToleranceS: 10 } });
  const expired = await sign({ sub: "sensor-1", exp: NOW_S - 5 });
  const early = await sign({ sub: "sensor-1", nbf: NOW_S + 5 });
  await assertBad(strict, expired, `"exp" claim timestamp check failed`);
  await assertBad(strict, early, `"nbf" claim timestamp check failed`);
  await assertBad(strict, await sign({ sub: "sensor-1", exp: "never" as unknown as number }), "exp");
  assertEquals((await tryToken(tolerant, expired)).validUntilMs, (NOW_S + 5) * 1000);
  await assertGood(tolerant, early);
  tolerant.clock.advance(5_000);
  await assertBad(tolerant, expired, "exp");
});

Deno.test("Issuer and audience must be those that are configured", async () => {
  await using it = await open({ settings: { issuer: "https://id.example", audience: "quetzal" } });
  await assertGood(it, await sign({ sub: "x", iss: "https://id.example", aud: ["other", "quetzal"] }));
  await assertBad(it, await sign({ sub: "x", iss: "https://id.example", aud: "other" }), `"aud"`);
  await assertBad(it, await sign({ sub: "x", iss: "https://evil.example", aud: "quetzal" }), `"iss"`);
  await using without = await open();
  await assertBad(without, await sign({ sub: "x", aud: "other" }), "it is for an audience");
  await assertBad(it, await sign({ sub: "x" }), "");
});

Deno.test("The User Name of CONNECT, when there is one, must be the token's", async () => {
  await using it = await open({ settings: { userNameClaim: "name" } });
  const token = await sign({ sub: "other", name: "sensor-1" });
  assertEquals((await tryToken(it, token, { userName: "sensor-1" })).userName, "sensor-1");
  await assertBad(it, token, "it is another user's", { userName: "other" });
  await assertBad(it, token, "it is another user's", { userName: "" });
});

Deno.test("A token that names no user, or one that no user could have, is refused", async () => {
  await using it = await open();
  for (const sub of [undefined, "", 7, ["x"], "a\0b", "a\nb", "a\u202Eb", "\uD800", "x".repeat(65_536)]) {
    await assertBad(it, await sign({ sub } as JWTPayload), "it names no user");
  }
});

Deno.test("A token for another Client Identifier is refused, when that is asked for", async () => {
  await using it = await open({ settings: { clientIdClaim: "cid" } });
  await assertGood(it, await sign({ sub: "x", cid: "client-1" }));
  await assertBad(it, await sign({ sub: "x", cid: "client-2" }), "it is for another Client Identifier");
  await assertBad(it, await sign({ sub: "x" }), "it is for another Client Identifier");
});

Deno.test("Rights that are no list of Topic Filters refuse the login", async () => {
  await using it = await open({ settings: { publishClaim: "pub", subscribeClaim: "sub-to" } });
  for (const pub of ["a", 7, {}, null, [7], ["a", "b#"], [""], ["a\0"], ["$share/g/a"], ["a/+b"]]) {
    await assertBad(it, await sign({ sub: "x", pub }), `"pub"`);
    await assertBad(it, await sign({ sub: "x", "sub-to": pub }), `"sub-to"`);
  }
  const verdict = await tryToken(it, await sign({ sub: "x", publish: "nobody looks", pub: ["a"] }));
  assertEquals(verdict.grants, [{ action: "publish", topicFilter: "a" }]);
});

Deno.test("A user who is disabled does not come in with a token either", async () => {
  await using it = await open();
  it.accounts.set("sensor-1", undefined, { isDisabled: true });
  await assertBad(it, await sign({ sub: "sensor-1" }), "the user is disabled");
});

Deno.test("Public keys: RS256 and ES256, each for its own algorithm only", async () => {
  await using withRsa = await open({ file: rsaPem, settings: { keyKind: "public-key" } });
  await using withEc = await open({ file: ecPem, settings: { keyKind: "public-key" } });
  const byRsa = await sign({ sub: "x" }, "RS256", rsa.privateKey);
  const byEc = await sign({ sub: "x" }, "ES256", ec.privateKey);
  await assertGood(withRsa, byRsa);
  await assertGood(withEc, byEc);
  await assertBad(withRsa, byEc, `"alg"`);
  await assertBad(withEc, byRsa, `"alg"`);
  await assertBad(withEc, await sign({ sub: "x" }, "ES256", otherEc.privateKey), "signature verification failed");
});

Deno.test("A token cannot choose its algorithm: no none, and no HS256 with the public key as secret", async () => {
  const encode = (value: unknown) => btoa(JSON.stringify(value)).replaceAll("=", "");
  for (const [file, keyKind] of [[rsaPem, "public-key"], [ecPem, "public-key"], [SECRET, "secret"]] as const) {
    await using it = await open({ file, settings: { keyKind } });
    for (const alg of ["none", "None", "NONE"]) {
      await assertBad(it, `${encode({ alg })}.${encode({ sub: "admin" })}.`, "");
    }
    if (keyKind === "public-key") await assertBad(it, await sign({ sub: "admin" }, "HS256", utf8(file)), `"alg"`);
    await assertBad(it, await sign({ sub: "admin" }, "HS512", utf8(SECRET.repeat(2))), `"alg"`);
  }
});

Deno.test("A token whose payload was changed is refused", async () => {
  await using it = await open();
  const [header, , signature] = (await sign({ sub: "x" })).split(".");
  const payload = btoa(JSON.stringify({ sub: "admin" })).replaceAll("=", "");
  await assertBad(it, `${header}.${payload}.${signature}`, "signature verification failed");
  await assertBad(it, `${header}.${payload}.`, "");
  await assertBad(it, "not a token", "");
  assertEquals((await login(it.jwt, attemptOf(undefined, Uint8Array.of(0xff)))).reasonCode, 0x86);
});

Deno.test("A key set: the key is found by its kid", async () => {
  const file = JSON.stringify({ keys: [await jwk(rsa.publicKey, "one"), await jwk(ec.publicKey, "two")] });
  await using it = await open({ file, settings: { keyKind: "jwks" } });
  await assertGood(it, await sign({ sub: "x" }, "RS256", rsa.privateKey, "one"));
  await assertGood(it, await sign({ sub: "x" }, "ES256", ec.privateKey, "two"));
  await assertBad(it, await sign({ sub: "x" }, "ES256", ec.privateKey, "three"), "no applicable key found");
  await assertBad(it, await sign({ sub: "x" }, "ES256", ec.privateKey, "one"), "no applicable key found");
  await assertBad(it, await sign({ sub: "x" }, "ES256", otherEc.privateKey, "two"), "signature verification failed");
  await assertBad(it, await sign({ sub: "x" }, "HS256", utf8(SECRET), "one"), `"alg"`);
});

Deno.test("The key file is read again when it changes; one that is no good changes nothing", async () => {
  await using it = await open();
  const old = await sign({ sub: "x" });
  const newSecret = SECRET + ", the next";
  const fresh = await sign({ sub: "x" }, "HS256", utf8(newSecret));
  await assertBad(it, fresh, "signature");
  await Deno.writeTextFile(it.path, "short");
  it.clock.advance(1_000);
  await assertGood(it, old);
  assertEquals(it.log.lines.at(-1)?.startsWith("warning: ") && it.log.lines.at(-1)?.includes("has 5 bytes"), true);
  it.clock.advance(1_000);
  const { length } = it.log.lines;
  await assertGood(it, old);
  assertEquals(it.log.lines.length, length, "said once");
  await Deno.remove(it.path);
  it.clock.advance(1_000);
  await assertGood(it, old);
  await Deno.writeTextFile(it.path, newSecret + "\r\n");
  it.clock.advance(999);
  await assertGood(it, old);
  it.clock.advance(1);
  await assertGood(it, fresh);
  await assertBad(it, old, "signature");
  it.clock.advance(1_000);
  await assertGood(it, fresh);
  assertEquals(it.log.lines.filter((line) => line.includes("were read again")).length, 1, "it has not changed since");
});

Deno.test("Key files that cannot be used say so at the start", async () => {
  const small = await crypto.subtle.generateKey(
    { name: "RSASSA-PKCS1-v1_5", modulusLength: 1024, publicExponent: Uint8Array.of(1, 0, 1), hash: "SHA-256" },
    true,
    ["sign", "verify"],
  );
  const p384 = await generateKeyPair("ES384", { extractable: true });
  const cases = [
    ["secret", "too short", "at least 32"],
    ["secret", rsaPem, `its kind is "public-key"`],
    [
      "secret",
      `Bag Attributes\n    localKeyID: 54 69 6D 65 20 31 36 38 31 30 37 34 30 30 30 30 30 30\n${rsaPem}`,
      "public-key",
    ],
    ["secret", `\n${JSON.stringify({ keys: [await jwk(ec.publicKey, "1")] }, null, 2)}`, `is "jwks"`],
    ["secret", JSON.stringify(await jwk(ec.publicKey, "1")), `is "jwks"`],
    ["public-key", SECRET, "BEGIN PUBLIC KEY"],
    ["public-key", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----", "a private key"],
    ["public-key", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----", "neither RSA nor"],
    ["public-key", await exportSPKI(small.publicKey), "1024 bits"],
    ["public-key", await exportSPKI(p384.publicKey), "neither RSA nor"],
    ["jwks", "{", "JSON Web Key Set"],
    ["jwks", `{"keys": 7}`, "JSON Web Key Set"],
    ["jwks", `{"keys": []}`, "no keys"],
    ["jwks", `{"keys": [{"kty": "oct", "k": "AAAA"}]}`, "public ones only"],
    ["jwks", JSON.stringify({ keys: [await exportJWK(ec.privateKey)] }), "public ones only"],
    ["jwks", " ".repeat(1024 * 1024 + 1), "too large"],
  ] as const;
  for (const [keyKind, file, why] of cases) {
    const error = await assertRejects(() => open({ file, settings: { keyKind } }), JwtKeyError, why);
    assertFalse(error.message.includes(SECRET));
  }
  const missing = () => JwtKeyFile.open("/nowhere/key", "secret", new FakeClock(), new TestLog());
  await assertRejects(missing, JwtKeyError, "/nowhere/key cannot be read");
});

Deno.test("Bad tokens are slowed down and banned as wrong passwords are; a token that was good comes in", async () => {
  await using it = await open({ limits: { loginFailuresMax: 2 } });
  const good = await sign({ sub: "x", exp: NOW_S + 100 });
  const stranger = await sign({ sub: "y" });
  await assertGood(it, good);
  for (const _ of [1, 2]) await tryToken(it, "eyJ.a.b");
  assertEquals((await tryToken(it, stranger)).reasonCode, ReasonCode.Banned);
  await assertGood(it, good);
  assertEquals((await tryToken(it, stranger, { remoteHost: "192.0.2.9" })).reasonCode, ReasonCode.Success);
});

Deno.test("Who leaves while a token is looked at, or while the refusal waits, is answered nothing", async () => {
  await using it = await open({ isSlow: true });
  const never = () => {
    throw new Error("nobody is there");
  };
  it.jwt.authenticate(attemptOf(undefined, "eyJ.a.b"), never)();
  const cancel = it.jwt.authenticate(attemptOf(undefined, "eyJ.a.b"), never);
  await assertGood(it, await sign({ sub: "x" }));
  assertEquals([it.timers.delaysMs, it.log.lines.length], [[100], 1]);
  cancel();
  assertEquals(it.timers.waiting, []);
});

Deno.test("looksLikeToken()", async () => {
  assertEquals(looksLikeToken(utf8(await sign({ sub: "x" }))), true);
  for (const password of ["", "eyJ", "eyJ.a", "eyJ.a.b.c", "eyJ.a b.c", "a.b.c", "eyJ.\u00FC.c"]) {
    assertEquals(looksLikeToken(utf8(password)), false, password);
  }
});
