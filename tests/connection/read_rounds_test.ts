/** Mirrors src/connection/read_rounds.ts. @module */

import { assertEquals } from "@std/assert";
import { ReadRounds, READS_OF_PASS_MAX } from "../../src/connection/read_rounds.ts";

/** A pass in which `count` connections were read, each of which asks when it may be read again. */
function pass(rounds: ReadRounds, count: number): (Promise<void> | undefined)[] {
  const asked = Array.from({ length: count }, () => {
    rounds.wasRead();
    return rounds.next();
  });
  rounds.endPass();
  return asked;
}

async function isOver(round: Promise<void>): Promise<boolean> {
  return await Promise.race([round.then(() => true), Promise.resolve().then(() => Promise.resolve(false))]);
}

Deno.test("ReadRounds lets everybody be read at once while a pass of the event loop serves all", () => {
  const rounds = new ReadRounds(() => false);
  for (let i = 0; i < 3; i++) {
    const asked = pass(rounds, READS_OF_PASS_MAX - 1);
    assertEquals(asked.filter((next) => next !== undefined), []);
  }
  assertEquals(rounds.next(), undefined);
});

Deno.test("ReadRounds lets who was read wait while passes are full, until one is not", async () => {
  let isWriting = true; // so that no timer ends the round
  const rounds = new ReadRounds(() => isWriting);
  pass(rounds, READS_OF_PASS_MAX);
  const waiting = pass(rounds, READS_OF_PASS_MAX);
  assertEquals(await isOver(waiting[0]!), false);
  const [last] = pass(rounds, 1);
  await Promise.all([...waiting, last]);
  // It was a large one, so the next begins at once, and ends with its first pass if nobody else is there.
  const next = rounds.next()!;
  assertEquals(await isOver(next), false);
  pass(rounds, 1);
  await next;
  assertEquals(rounds.next(), undefined);
  await quiet(rounds, () => isWriting = false);
});

Deno.test("ReadRounds takes a pass in which nothing was read for no end", async () => {
  let isWriting = true;
  const rounds = new ReadRounds(() => isWriting);
  pass(rounds, READS_OF_PASS_MAX);
  const round = rounds.next()!;
  rounds.endPass();
  assertEquals(await isOver(round), false);
  pass(rounds, 1);
  await round;
  await quiet(rounds, () => isWriting = false);
});

Deno.test("ReadRounds ends a round by itself when nothing else is there to be read", async () => {
  let isWriting = true;
  const rounds = new ReadRounds(() => {
    const was = isWriting;
    isWriting = false; // a second look finds everything written
    return was;
  });
  pass(rounds, READS_OF_PASS_MAX);
  await rounds.next();
  assertEquals([isWriting, rounds.next()], [false, undefined]);
});

Deno.test("ReadRounds lets nobody wait behind a large round after which all are quiet", async () => {
  const rounds = new ReadRounds(() => false);
  pass(rounds, READS_OF_PASS_MAX);
  await Promise.all(pass(rounds, READS_OF_PASS_MAX));
  // Held up until now, by its subscribers: nothing was read that would end the round.
  await rounds.next();
  assertEquals(rounds.next(), undefined);
});

/** The timers of the rounds are done: a test leaves nothing behind. */
async function quiet(rounds: ReadRounds, writesNoMore: () => void): Promise<void> {
  writesNoMore();
  pass(rounds, READS_OF_PASS_MAX);
  await rounds.next();
}
