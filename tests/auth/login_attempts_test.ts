/** Failed logins: how they are counted, slowed down and banned. @module */

import { assertEquals, assertFalse } from "@std/assert";
import type { AuthenticationVerdict } from "../../src/auth/authenticator.ts";
import { LoginAttempts } from "../../src/auth/login_attempts.ts";
import { DEFAULT_LIMITS, type Limits } from "../../src/config/limits.ts";
import { ReasonCode } from "../../src/packet/mod.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { attemptOf, ManualTimers, TestLog } from "./login_support.ts";

function make(limits: Partial<Limits> = {}) {
  const clock = new FakeClock();
  const log = new TestLog();
  const timers = new ManualTimers();
  const attempts = new LoginAttempts({ ...DEFAULT_LIMITS, ...limits }, clock, log, timers.after);
  const verdicts: AuthenticationVerdict[] = [];
  const fail = (remoteHost: string, times = 1) => {
    for (let i = 0; i < times; i++) {
      const attempt = attemptOf("sensor-1", "secret", { remoteHost });
      attempts.fail(attempt, "sensor-1", "the password is wrong", (verdict) => verdicts.push(verdict));
    }
  };
  return { clock, log, timers, attempts, verdicts, fail };
}

Deno.test("LoginAttempts: answers to failures come later and later, 5 seconds at most", () => {
  const { fail, timers, verdicts } = make();
  fail("a", 9);
  assertEquals(timers.delaysMs, [100, 200, 400, 800, 1600, 3200, 5000, 5000, 5000]);
  fail("b");
  assertEquals(timers.delaysMs.at(-1), 100, "others do not wait");
  assertEquals(verdicts, []);
  timers.ringAll();
  assertEquals(verdicts.length, 10);
  assertEquals(new Set(verdicts.map(({ reasonCode }) => reasonCode)), new Set([ReasonCode.BadUserNameOrPassword]));
});

Deno.test("LoginAttempts: with the last failure allowed the address is banned, for as long as configured", () => {
  const { fail, attempts, clock, timers, verdicts, log } = make({ loginFailuresMax: 3, loginBanS: 30 });
  const banned: string[] = [];
  attempts.onBan = (address) => banned.push(address);
  fail("a", 2);
  assertEquals([attempts.isBanned("a"), banned], [false, []]);
  fail("a");
  assertEquals([attempts.isBanned("a"), attempts.isBanned("b"), banned], [true, false, ["a"]]);
  assertEquals(log.lines.at(-1), "warning: Address a is banned for 30 s after 3 failed logins.");
  // What was asked before the ban and fails only now: no further delay, and the ban is not prolonged.
  clock.advance(20_000);
  fail("a");
  assertEquals([verdicts.length, verdicts[0].reasonCode, timers.waiting.length], [1, ReasonCode.Banned, 3]);
  clock.advance(10_000);
  assertEquals(attempts.isBanned("a"), false);
  fail("a", 2);
  assertEquals(attempts.isBanned("a"), false, "counted from the beginning");
});

Deno.test("LoginAttempts: failures are forgotten after a while, counted from the first", () => {
  const { fail, attempts, clock } = make({ loginFailuresMax: 3, loginFailuresS: 10 });
  fail("a", 2);
  clock.advance(9_999);
  assertEquals(attempts.isBanned("a"), false);
  clock.advance(1);
  fail("a", 2);
  assertEquals(attempts.isBanned("a"), false);
  clock.advance(9_999);
  fail("a");
  assertEquals(attempts.isBanned("a"), true);
});

Deno.test("LoginAttempts: loginFailuresMax 0 bans nobody", () => {
  const { fail, attempts, timers } = make({ loginFailuresMax: 0 });
  fail("a", 2000);
  assertEquals([attempts.isBanned("a"), timers.delaysMs.at(-1)], [false, 5000]);
});

Deno.test("LoginAttempts: the tables are bounded; who failed last stays", () => {
  const { fail, attempts } = make({ loginAddressesMax: 100, loginFailuresMax: 2 });
  for (let i = 0; i < 1000; i++) fail(`a${i}`);
  assertEquals(attempts.size, 100);
  fail("a999");
  assertEquals(attempts.isBanned("a999"), true);
  for (let i = 0; i < 1000; i++) fail(`b${i}`, 2);
  assertEquals(attempts.size <= 200, true);
  assertEquals([attempts.isBanned("b999"), attempts.isBanned("b0")], [true, false]);
});

Deno.test("LoginAttempts: who has left is answered nothing", () => {
  const { attempts, timers } = make();
  const cancel = attempts.fail(attemptOf("sensor-1", "x"), "sensor-1", "x", () => {
    throw new Error("nobody is there");
  });
  cancel();
  assertEquals(timers.waiting.length, 0);
  timers.ringAll();
});

Deno.test("LoginAttempts: the log says who, from where and why, and a long name hides nothing", () => {
  const { attempts, log } = make();
  attempts.fail(attemptOf("x", "secret", { remoteHost: "::1" }), "u".repeat(5000), "there is no such user", () => {});
  assertEquals(log.lines, [`Login of u'${"u".repeat(100)}…' from ::1 as client-1 failed: there is no such user.`]);
  assertEquals(log.lastProperties?.userName, `${"u".repeat(100)}…`);
  assertFalse(JSON.stringify(log.lastProperties).includes("secret"));
});

Deno.test("LoginAttempts: a host with a whole /64 is one address", () => {
  const { fail, attempts } = make({ loginFailuresMax: 3 });
  for (const host of ["2001:db8::1", "2001:db8::2", "2001:db8::ffff:3"]) fail(host);
  assertEquals([attempts.isBanned("2001:db8::99"), attempts.isBanned("2001:db8:0:1::99")], [true, false]);
});

Deno.test("LoginAttempts.passesBan(): what was right before, until too much was tried for that user", () => {
  const { fail, attempts, clock } = make({ loginFailuresMax: 2, loginBanS: 60 });
  assertEquals(attempts.passesBan("a", "sensor-1", false), true, "there is no ban");
  for (let i = 0; i < 2; i++) fail("a");
  assertEquals(attempts.passesBan("a", "sensor-1", true), true);
  for (let i = 0; i < 2; i++) assertEquals(attempts.passesBan("a", "sensor-1", false), false);
  assertEquals([attempts.passesBan("a", "sensor-1", true), attempts.passesBan("a", "sensor-2", true)], [false, true]);
  for (let i = 0; i < 999; i++) attempts.passesBan("a", `user-${i}`, false);
  assertEquals(attempts.passesBan("a", "sensor-2", true), false, "nobody is counted any more, so nobody passes");
  assertEquals(attempts.passesBan("a", "user-998", true), true);
  clock.advance(60_000);
  for (let i = 0; i < 2; i++) fail("a");
  assertEquals(attempts.passesBan("a", "sensor-1", true), true, "another ban, another count");
});
