/** The queue in front of the slow hashes: turns, bounds, and what is remembered. The hashes are real, and weak. @module */

import { assert, assertEquals } from "@std/assert";
import type { Credentials } from "../../src/auth/credentials.ts";
import { makeCredentials } from "../../src/auth/password.ts";
import { type PasswordAnswer, PasswordChecks, type PasswordQuestion } from "../../src/auth/password_checks.ts";
import { DEFAULT_LIMITS, type Limits } from "../../src/config/limits.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { utf8, WEAK } from "./login_support.ts";

const credentials = await makeCredentials("right", WEAK);

function make(limits: Partial<Limits> = {}): { checks: PasswordChecks; clock: FakeClock; answers: string[]; ask: Ask } {
  const clock = new FakeClock();
  const checks = new PasswordChecks({ ...DEFAULT_LIMITS, ...limits }, clock, WEAK);
  const answers: string[] = [];
  const ask: Ask = (question, name = `${question.address}:${text(question.password)}`) => {
    let cancel = () => {};
    const answered = new Promise<PasswordAnswer>((resolve) => {
      cancel = checks.ask(question, (answer) => {
        answers.push(`${name} ${answer.kind}`);
        resolve(answer);
      });
    });
    return { answered, cancel };
  };
  return { checks, clock, answers, ask };
}
type Ask = (question: PasswordQuestion, name?: string) => { answered: Promise<PasswordAnswer>; cancel: () => void };

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

function question(password: string, address = "a", rest: Partial<PasswordQuestion> = {}): PasswordQuestion {
  return { userName: "sensor-1", credentials, password: utf8(password), address, ...rest };
}

Deno.test("PasswordChecks knows right from wrong, and remembers both", async () => {
  const { checks, ask, clock } = make();
  assertEquals(checks.remembered(question("right")), undefined);
  assertEquals((await ask(question("right")).answered).kind, "right");
  assertEquals((await ask(question("left")).answered).kind, "wrong");
  assertEquals([checks.remembered(question("right")), checks.remembered(question("left"))], [true, false]);
  assertEquals(checks.remembered(question("right", "b")), true, "the address does not matter");
  const known = () => ["a", "b"].map((address) => checks.isKnown(question("right", address)));
  assertEquals([checks.isKnown(question("left")), ...known()], [false, true, false], "but here it does");
  await ask(question("right", "b")).answered;
  assertEquals(known(), [true, true]);
  assertEquals(checks.remembered(question("right", "a", { userName: "sensor-2" })), undefined);
  clock.advance(DEFAULT_LIMITS.verdictRememberedS * 1000);
  assertEquals([checks.remembered(question("right")), checks.remembered(question("left"))], [undefined, undefined]);
});

Deno.test("PasswordChecks answers at once what it remembers", async () => {
  const { ask, answers } = make();
  await ask(question("right")).answered;
  ask(question("right"), "again");
  assertEquals(answers, ["a:right right", "again right"]);
});

Deno.test("PasswordChecks forgets with the credentials: a new password makes the old verdicts unknown", async () => {
  const { checks, ask } = make();
  await ask(question("right")).answered;
  const changed = await makeCredentials("left", WEAK);
  assertEquals((await ask(question("right", "a", { credentials: changed })).answered).kind, "wrong");
  assertEquals((await ask(question("left", "a", { credentials: changed })).answered).kind, "right");
  assertEquals(checks.remembered(question("right", "a", { credentials: undefined })), undefined);
});

Deno.test("PasswordChecks: no credentials are never right, and as slow: the answer comes later, and is remembered", async () => {
  const { checks, ask, answers } = make();
  const nobody = question("", "a", { credentials: undefined });
  const { answered } = ask(nobody);
  assertEquals(answers, []);
  assertEquals((await answered).kind, "wrong");
  assertEquals(checks.remembered(nobody), false);
});

Deno.test("PasswordChecks asks many equal questions once", async () => {
  const { checks, ask, answers } = make({ passwordChecksWaitingMax: 1 });
  ask(question("first"));
  const all = Array.from({ length: 5000 }, (_, i) => ask(question("right", `address-${i % 7}`), "equal").answered);
  assertEquals(checks.waiting, 1);
  await Promise.all(all);
  assertEquals(answers.filter((line) => line === "equal right").length, 5000);
});

Deno.test("PasswordChecks: addresses take turns", async () => {
  const { ask, answers } = make();
  const many = [1, 2, 3, 4].map((i) => ask(question(`x${i}`, "loud")).answered);
  const few = [ask(question("y1", "quiet")).answered, ask(question("z1", "other")).answered];
  await Promise.all([...many, ...few]);
  assertEquals(answers.map((line) => line.split(" ")[0]), [
    "loud:x1", // began before there was anybody else
    "loud:x2",
    "quiet:y1",
    "other:z1",
    "loud:x3",
    "loud:x4",
  ]);
});

Deno.test("PasswordChecks: when too many wait, the loudest address gives way to the others, not to itself", async () => {
  const { checks, ask, answers } = make({ passwordChecksWaitingMax: 4 });
  const loud = Array.from({ length: 10 }, (_, i) => ask(question(`x${i}`, "loud")).answered);
  assertEquals(answers, [5, 6, 7, 8, 9].map((i) => `loud:x${i} busy`));
  const quiet = ask(question("right", "quiet")).answered;
  assertEquals(answers.at(-1), "loud:x4 busy");
  assertEquals(checks.waiting, 4);
  assertEquals((await quiet).kind, "right");
  await Promise.all(loud);
  assertEquals(checks.waiting, 0);
});

Deno.test("PasswordChecks: many addresses with one question each do not push each other out", async () => {
  const { ask, answers } = make({ passwordChecksWaitingMax: 3 });
  const all = Array.from({ length: 6 }, (_, i) => ask(question("wrong one", `a${i}`, { userName: `u${i}` })).answered);
  assertEquals(answers, ["a4:wrong one busy", "a5:wrong one busy"]);
  await Promise.all(all);
});

Deno.test("PasswordChecks: as many run at once as may", async () => {
  const { checks, ask } = make({ passwordChecksAtOnceMax: 3 });
  const all = Array.from({ length: 5 }, (_, i) => ask(question(`x${i}`)).answered);
  assertEquals(checks.waiting, 2);
  await Promise.all(all);
});

Deno.test("PasswordChecks: who has left leaves the queue, but not the check that runs already", async () => {
  const { checks, ask, answers } = make();
  const first = ask(question("x1"));
  const second = ask(question("x2"));
  const third = ask(question("x3"));
  assertEquals(checks.waiting, 2);
  second.cancel();
  second.cancel();
  assertEquals(checks.waiting, 1);
  first.cancel();
  await third.answered;
  assertEquals(answers, ["a:x1 wrong", "a:x3 wrong"]);
  assertEquals([checks.remembered(question("x1")), checks.remembered(question("x2"))], [false, undefined]);
});

Deno.test("PasswordChecks: one of those who ask the same may leave", async () => {
  const { checks, ask, answers } = make();
  ask(question("x1"));
  const one = ask(question("right"), "one");
  const two = ask(question("right", "b"), "two");
  one.cancel();
  assertEquals(checks.waiting, 1);
  await two.answered;
  assertEquals(answers, ["a:x1 wrong", "two right"]);
});

Deno.test("PasswordChecks: one of two of the same address who ask the same may leave", async () => {
  const { checks, ask, answers } = make();
  ask(question("x1"));
  const one = ask(question("right"), "one");
  const two = ask(question("right"), "two");
  one.cancel();
  assertEquals(checks.waiting, 1);
  await two.answered;
  assertEquals(answers, ["a:x1 wrong", "two right"]);
});

Deno.test("PasswordChecks.refuse() answers all of an address that wait, and nobody else", async () => {
  const { checks, ask, answers } = make();
  const running = ask(question("x0", "bad"));
  ask(question("x1", "bad"));
  ask(question("right", "bad"), "bad, too");
  const good = ask(question("right", "good"), "good");
  checks.refuse("bad");
  assertEquals(answers, ["bad:x1 refused", "bad, too refused"]);
  assertEquals(checks.waiting, 1);
  await Promise.all([running.answered, good.answered]);
  assertEquals(answers.slice(2), ["bad:x0 wrong", "good right"]);
});

Deno.test("PasswordChecks.refuse() answers many in several turns, so that others have theirs, and all in the end", async () => {
  const { checks, ask, answers } = make();
  const running = ask(question("x", "other"));
  const refused = Array.from({ length: 100 }, (_, i) => ask(question(`x${i}`, "bad")));
  checks.refuse("bad");
  assertEquals([checks.waiting, answers.length < 100], [0, true]);
  await Promise.all([running.answered, ...refused.map(({ answered }) => answered)]);
  assertEquals(answers.filter((answer) => answer.endsWith("refused")).length, 100);
});

Deno.test("PasswordChecks: a damaged record fails, is not remembered, and stops nobody", async () => {
  const { checks, ask } = make();
  const salt = new Uint8Array(16);
  const damaged: Credentials = { kind: "pbkdf2-sha512", iterations: 0, salt, hash: new Uint8Array(64) };
  const asked = question("right", "a", { credentials: damaged });
  const answer = await ask(asked).answered;
  assert(answer.kind === "failed" && answer.error instanceof RangeError);
  assertEquals(checks.remembered(asked), undefined);
  assertEquals((await ask(question("right")).answered).kind, "right");
});

Deno.test("PasswordChecks.whenIdle() waits until no check does, and takes one chore of a name", async () => {
  const { checks, ask, answers } = make();
  const done = Promise.withResolvers<void>();
  const note = (name: string) => () => {
    answers.push(name);
    return Promise.resolve();
  };
  const first = ask(question("x1"));
  checks.whenIdle("chore", note("chore"));
  checks.whenIdle("chore", note("the same"));
  checks.whenIdle("last", () => Promise.resolve(done.resolve()));
  const second = ask(question("x2"));
  await Promise.all([first.answered, second.answered, done.promise]);
  assertEquals(answers, ["a:x1 wrong", "a:x2 wrong", "chore"]);
});

Deno.test("PasswordChecks.whenIdle() takes no more than may wait", async () => {
  const { checks, ask, answers } = make({ passwordChecksWaitingMax: 2 });
  const first = ask(question("x1"));
  const done = Promise.withResolvers<void>();
  for (const name of ["one", "two", "three"]) {
    checks.whenIdle(name, () => {
      answers.push(name);
      if (name === "two") done.resolve();
      return Promise.resolve();
    });
  }
  await Promise.all([first.answered, done.promise]);
  await ask(question("right")).answered;
  assertEquals(answers, ["a:x1 wrong", "one", "two", "a:right right"]);
});

Deno.test("PasswordChecks gives everybody else a turn between many that asked the same, and forgets none", async () => {
  const { ask, answers } = make();
  const asked = Array.from({ length: 100 }, (_, number) => ask(question("right"), String(number)));
  let answersAtFirstTurn = 0;
  asked[0].answered.then(() => setTimeout(() => answersAtFirstTurn = answers.length, 0));
  await Promise.all(asked.map(({ answered }) => answered));
  assert(answersAtFirstTurn > 0 && answersAtFirstTurn <= 32, String(answersAtFirstTurn));
  assertEquals(answers, asked.map((_, number) => `${number} right`));
});
