/** Logins by user name and password against accounts in memory, with real hashes. @module */

import { assert, assertEquals, assertFalse, assertNotEquals } from "@std/assert";
import { createHash } from "node:crypto";
import type { AuthenticationVerdict } from "../../src/auth/authenticator.ts";
import type { Credentials } from "../../src/auth/credentials.ts";
import { makeCredentials } from "../../src/auth/password.ts";
import { ReasonCode } from "../../src/packet/mod.ts";
import {
  atOnce,
  attemptOf,
  login,
  type LoginOptions,
  makeLogins,
  PASSWORD,
  utf8,
  watchHashes,
  WEAK,
} from "./login_support.ts";

/** Refusals come at once. */
const quick = (options: LoginOptions = {}) => makeLogins({ after: atOnce, ...options });
const REFUSED: AuthenticationVerdict = {
  reasonCode: ReasonCode.BadUserNameOrPassword,
  userName: undefined,
  reasonString: "the user name or password is wrong",
};

/** What Mosquitto before 2.0 wrote. */
function oldCredentials(password: string): Credentials {
  const salt = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12);
  return { kind: "sha512", salt, hash: new Uint8Array(createHash("sha512").update(password).update(salt).digest()) };
}

Deno.test("A login with the right password, with the number of the credential", async () => {
  const { authenticator, accounts, log } = await quick();
  accounts.set("sensor-1", await makeCredentials(PASSWORD, WEAK));
  const verdict = await login(authenticator, attemptOf("sensor-1", PASSWORD));
  assertEquals(verdict, { reasonCode: ReasonCode.Success, userName: "sensor-1", credential: 2 });
  assertEquals(log.lines, []);
});

Deno.test("All who may not come in hear the same, and the log says why", async () => {
  const { authenticator, accounts, log } = await quick();
  accounts.set("off", await makeCredentials(PASSWORD, WEAK), { isDisabled: true });
  accounts.set("card-only", undefined);
  const cases = [
    ["sensor-1", "wrong", "the password is wrong"],
    ["sensor-1", "", "the password is wrong"],
    ["sensor-1", undefined, "the password is missing"],
    ["nobody", PASSWORD, "there is no such user"],
    ["Sensor-1", PASSWORD, "there is no such user"],
    ["off", PASSWORD, "the user is disabled"],
    ["card-only", "", "the user has no password"],
    [undefined, PASSWORD, "the user name is missing"],
  ] as const;
  for (const [at, [userName, password, why]] of cases.entries()) {
    const attempt = attemptOf(userName, password, { remoteHost: `192.0.2.${at}` });
    assertEquals(await login(authenticator, attempt), REFUSED, why);
    const user = userName === undefined ? "" : ` of u'${userName}'`;
    assertEquals(log.lines.at(-1), `Login${user} from 192.0.2.${at} as client-1 failed: ${why}.`);
  }
  assertFalse(log.lines.some((line) => line.includes(PASSWORD) || line.includes("wrong one")));
});

Deno.test("Whoever it is, and of whatever kind the record: a refusal costs one PBKDF2 of the present strength", async () => {
  const { authenticator, accounts } = await quick();
  accounts.set("off", await makeCredentials(PASSWORD, WEAK), { isDisabled: true });
  accounts.set("card-only", undefined);
  accounts.set("old", oldCredentials(PASSWORD));
  using hashes = watchHashes();
  for (const name of ["sensor-1", "nobody", "off", "card-only", "old"]) {
    assertEquals(await login(authenticator, attemptOf(name, "wrong")), REFUSED);
    assertEquals(hashes.iterations.splice(0), [WEAK.sha256Iterations], name);
  }
});

Deno.test("Failures are slowed down, and then the address is banned before anything is hashed", async () => {
  const { authenticator, timers, checks, clock } = await makeLogins({ limits: { loginFailuresMax: 3 } });
  const verdicts: AuthenticationVerdict[] = [];
  const attempt = (password: string) =>
    login(authenticator, attemptOf("sensor-1", password)).then((verdict) => verdicts.push(verdict));
  using hashes = watchHashes();
  const all = [1, 2, 3, 4, 5].map((i) => attempt(`wrong ${i}`));
  // The last two waited for their turn when the third failed.
  await Promise.all(all.slice(3));
  assertEquals(verdicts.map(({ reasonCode }) => reasonCode), [ReasonCode.Banned, ReasonCode.Banned]);
  assertEquals(timers.delaysMs, [100, 200, 400]);
  assertEquals(checks.waiting, 0);
  timers.ringAll();
  await Promise.all(all);
  assertEquals(verdicts.slice(2), [REFUSED, REFUSED, REFUSED]);
  assertEquals(hashes.iterations.length, 3);
  const banned = await login(authenticator, attemptOf("sensor-1", PASSWORD));
  assertEquals(banned.reasonCode, ReasonCode.Banned);
  const elsewhere = await login(authenticator, attemptOf("sensor-1", PASSWORD, { remoteHost: "192.0.2.9" }));
  assertEquals(elsewhere.reasonCode, ReasonCode.Success);
  clock.advance(60_000);
  assertEquals((await login(authenticator, attemptOf("sensor-1", PASSWORD))).reasonCode, ReasonCode.Success);
});

Deno.test("A ban lets in those behind the same address who were here before, with exactly what they had", async () => {
  const { authenticator, accounts } = await quick({ limits: { loginFailuresMax: 2 } });
  accounts.set("sensor-2", await makeCredentials("other", WEAK));
  assertEquals((await login(authenticator, attemptOf("sensor-1", PASSWORD))).reasonCode, ReasonCode.Success);
  for (const password of ["a", "b"]) await login(authenticator, attemptOf("sensor-1", password));
  const codes = [];
  for (const [user, password] of [["sensor-1", PASSWORD], ["sensor-1", "a"], ["sensor-2", "other"], ["x", PASSWORD]]) {
    codes.push((await login(authenticator, attemptOf(user, password))).reasonCode);
  }
  assertEquals(codes, [ReasonCode.Success, ReasonCode.Banned, ReasonCode.Banned, ReasonCode.Banned]);
  accounts.set("sensor-1", accounts.accounts.users.get("sensor-1")!.credentials, { isDisabled: true });
  assertEquals((await login(authenticator, attemptOf("sensor-1", PASSWORD))).reasonCode, ReasonCode.Banned);
});

Deno.test("A ban is no place to try passwords at leisure: neither from elsewhere nor behind the user's own address", async () => {
  const { authenticator, accounts } = await quick({ limits: { loginFailuresMax: 2 } });
  const tryIt = async (user: string, password: string, remoteHost: string) =>
    (await login(authenticator, attemptOf(user, password, { remoteHost }))).reasonCode;
  accounts.set("sensor-2", await makeCredentials("other", WEAK));
  for (const [user, password] of [["sensor-1", PASSWORD], ["sensor-2", "other"]]) {
    assertEquals(await tryIt(user, password, "192.0.2.1"), ReasonCode.Success);
  }
  for (const host of ["192.0.2.1", "192.0.2.66"]) {
    for (const password of ["a", "b"]) await tryIt("sensor-1", password, host);
  }
  assertEquals(await tryIt("sensor-1", PASSWORD, "192.0.2.66"), ReasonCode.Banned, "right, and never from there");
  for (const guess of ["c", "d"]) assertEquals(await tryIt("sensor-1", guess, "192.0.2.1"), ReasonCode.Banned);
  assertEquals(await tryIt("sensor-1", PASSWORD, "192.0.2.1"), ReasonCode.Banned, "the third guess");
  assertEquals(await tryIt("sensor-2", "other", "192.0.2.1"), ReasonCode.Success, "whose password nobody tries");
});

Deno.test("Who leaves while a wrong password is being checked is counted, and so is banned", async () => {
  const limits = { loginFailuresMax: 2, passwordChecksAtOnceMax: 2 };
  const { authenticator, accounts, attempts, timers, checks } = await makeLogins({ limits });
  const { credentials } = accounts.accounts.users.get("sensor-1")!;
  const over = ["a", "b"].map((password) => {
    authenticator.authenticate(attemptOf("sensor-1", password), () => {
      throw new Error("nobody is there");
    })();
    // The same question is answered behind the first who asked it.
    const question = { userName: "sensor-1", credentials, password: utf8(password), address: "192.0.2.9" };
    return new Promise<void>((resolve) => checks.ask(question, () => resolve()));
  });
  await Promise.all(over);
  assertEquals([attempts.isBanned("192.0.2.1"), timers.waiting.length], [true, 0]);
});

Deno.test("Who leaves while the refusal of a remembered password waits is answered nothing", async () => {
  const { authenticator, timers } = await makeLogins();
  const first = login(authenticator, attemptOf("sensor-1", "wrong"));
  await login(authenticator, attemptOf("sensor-1", PASSWORD));
  timers.ringAll();
  await first;
  authenticator.authenticate(attemptOf("sensor-1", "wrong"), () => {
    throw new Error("nobody is there");
  })();
  assertEquals(timers.waiting.length, 0);
});

Deno.test("An account that changes while its password is being checked: the new state counts", async () => {
  const changes = [
    ["the user was removed meanwhile", (a: Accounts) => a.remove("sensor-1")],
    ["the user is disabled", (a: Accounts) => a.set("sensor-1", undefined, { isDisabled: true })],
    ["the password was changed meanwhile", (a: Accounts) => a.set("sensor-1", oldCredentials("new"))],
  ] as const;
  for (const [why, change] of changes) {
    const { authenticator, accounts, log } = await quick();
    const verdict = login(authenticator, attemptOf("sensor-1", PASSWORD));
    change(accounts);
    assertEquals(await verdict, REFUSED);
    assertEquals(log.lines.at(-1)?.endsWith(`failed: ${why}.`), true, log.lines.at(-1));
  }
});
type Accounts = Awaited<ReturnType<typeof quick>>["accounts"];

Deno.test("Old credentials are made anew at the next login, once, and the verdict is remembered", async () => {
  const { authenticator, accounts, checks } = await quick();
  const upgraded = new Promise<void>((resolve) => {
    accounts.set("old", oldCredentials(PASSWORD));
    accounts.watch(resolve);
  });
  const logins = [1, 2, 3].map((i) => login(authenticator, attemptOf("old", PASSWORD, { clientId: `c${i}` })));
  for (const verdict of await Promise.all(logins)) assertEquals([verdict.userName, verdict.credential], ["old", 1]);
  await upgraded;
  const { credentials, credential } = accounts.accounts.users.get("old")!;
  assert(credentials?.kind === "scram");
  assertEquals([credentials.sha256.iterations, credential, accounts.upgrades], [WEAK.sha256Iterations, 1, 1]);
  await Promise.resolve(); // the upgrade returns after its watchers were called
  const question = { userName: "old", credentials, password: utf8(PASSWORD), address: "x" };
  assertEquals(checks.remembered(question), true);
  assertEquals((await login(authenticator, attemptOf("old", PASSWORD))).reasonCode, ReasonCode.Success);
  assertEquals(accounts.upgrades, 1);
});

Deno.test("A login while the credentials are being made anew does not make them a second time", async () => {
  const { authenticator, accounts, checks } = await quick();
  accounts.set("old", oldCredentials(PASSWORD));
  const upgrade = accounts.upgradeCredentials.bind(accounts);
  accounts.upgradeCredentials = async (user, credentials) => {
    assertEquals((await login(authenticator, attemptOf("old", PASSWORD))).reasonCode, ReasonCode.Success);
    await upgrade(user, credentials);
  };
  await login(authenticator, attemptOf("old", PASSWORD));
  await new Promise<void>((resolve) => {
    checks.whenIdle("last", () => Promise.resolve(checks.whenIdle("after it", () => Promise.resolve(resolve()))));
  });
  assertEquals(accounts.upgrades, 1);
});

Deno.test("Passwords are checked also while better credentials wait for the disk, and are made once", async () => {
  const { authenticator, accounts } = await quick();
  accounts.set("old", oldCredentials(PASSWORD));
  const disk = Promise.withResolvers<void>();
  const asked = Promise.withResolvers<void>();
  let upgrades = 0;
  accounts.upgradeCredentials = () => {
    upgrades++;
    asked.resolve();
    return disk.promise;
  };
  await login(authenticator, attemptOf("old", PASSWORD));
  await asked.promise;
  using hashes = watchHashes();
  for (const user of ["old", "sensor-1"]) {
    assertEquals((await login(authenticator, attemptOf(user, PASSWORD))).reasonCode, ReasonCode.Success);
  }
  assertEquals([upgrades, hashes.iterations.length], [1, 1], "of sensor-1 alone");
  disk.resolve();
});

Deno.test("A wrong password upgrades nothing", async () => {
  const { authenticator, accounts } = await quick();
  const before = accounts.set("old", oldCredentials(PASSWORD));
  await login(authenticator, attemptOf("old", "wrong"));
  await login(authenticator, attemptOf("sensor-1", PASSWORD));
  assertEquals(accounts.accounts.users.get("old"), before);
});

Deno.test("An upgrade that fails is logged, and the login is good", async () => {
  const { authenticator, accounts, log } = await quick();
  accounts.set("old", oldCredentials(PASSWORD));
  const failed = Promise.withResolvers<void>();
  accounts.upgradeCredentials = () => {
    queueMicrotask(() => queueMicrotask(failed.resolve));
    return Promise.reject(new Error("the disk is full"));
  };
  assertEquals((await login(authenticator, attemptOf("old", PASSWORD))).reasonCode, ReasonCode.Success);
  await failed.promise;
  assertEquals(log.lines.at(-1), "warning: The password of u'old' could not be kept anew: the disk is full");
});

Deno.test("A record that is damaged is an error of ours: 0x88, and the log says so", async () => {
  const { authenticator, accounts, log } = await quick();
  const salt = new Uint8Array(16);
  accounts.set("broken", { kind: "pbkdf2-sha512", iterations: 101, salt, hash: new Uint8Array() });
  const verdict = await login(authenticator, attemptOf("broken", ""));
  assertEquals(verdict.reasonCode, ReasonCode.ServerUnavailable);
  assertEquals(log.lines.at(-1)?.startsWith("error: The password of u'broken' cannot be checked: "), true);
});

Deno.test("When too many wait: 0x89, which counts as no failure", async () => {
  const limits = { passwordChecksWaitingMax: 0, loginFailuresMax: 1 };
  const { authenticator, attempts } = await quick({ limits });
  const first = login(authenticator, attemptOf("sensor-1", PASSWORD));
  assertEquals((await login(authenticator, attemptOf("sensor-1", "x"))).reasonCode, ReasonCode.ServerBusy);
  assertEquals((await first).reasonCode, ReasonCode.Success);
  assertEquals(attempts.isBanned("192.0.2.1"), false);
});

Deno.test("Who has left is answered nothing: neither in the queue nor while the answer waits", async () => {
  const { authenticator, checks, timers } = await makeLogins();
  const running = login(authenticator, attemptOf("sensor-1", PASSWORD));
  const never = () => {
    throw new Error("nobody is there");
  };
  authenticator.authenticate(attemptOf("sensor-1", "wrong"), never)();
  assertEquals(checks.waiting, 0);
  await running;
  const cancel = authenticator.authenticate(attemptOf("sensor-1", undefined), never);
  assertEquals(timers.waiting.length, 1);
  cancel();
  assertEquals(timers.waiting.length, 0);
});

Deno.test("10,000 wrong passwords of one address at once: a few hashes, and the others come in meanwhile", async () => {
  const { authenticator, checks } = await quick();
  const flood = Array.from({ length: 10_000 }, (_, i) => login(authenticator, attemptOf("sensor-1", `wrong ${i}`)));
  const other = login(authenticator, attemptOf("sensor-1", PASSWORD, { remoteHost: "192.0.2.9" }));
  assertEquals(checks.waiting, 1000);
  const first = await Promise.race([other, flood[2]]);
  assertEquals(first.reasonCode, ReasonCode.Success, "it is the second in turn, before the flood's third");
  const codes = (await Promise.all(flood)).map(({ reasonCode }) => reasonCode);
  const count = (code: ReasonCode) => codes.filter((other) => other === code).length;
  // One runs and 1,000 wait, of which one gave way to the other address.
  assertEquals([count(ReasonCode.BadUserNameOrPassword), count(ReasonCode.Banned), count(ReasonCode.ServerBusy)], [
    10,
    990,
    9000,
  ]);
});

Deno.test("Two spellings of a password are one for the login, too", async () => {
  const { authenticator, accounts } = await quick();
  accounts.set("reader", await makeCredentials("Schl\u00FCssel", WEAK));
  const verdict = await login(authenticator, attemptOf("reader", "Schlu\u0308ssel"));
  assertEquals(verdict.reasonCode, ReasonCode.Success);
  assertNotEquals(utf8("Schlu\u0308ssel"), utf8("Schl\u00FCssel"));
});
