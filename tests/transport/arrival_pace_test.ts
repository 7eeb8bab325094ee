/** How many may arrive before somebody else has a turn. @module */

import { assert, assertEquals } from "@std/assert";
import { ArrivalPace } from "../../src/transport/arrival_pace.ts";

function arriveUntilFull(pace: ArrivalPace): number {
  let count = 0;
  for (; !pace.isFull; count++) pace.arrived();
  return count;
}

Deno.test("ArrivalPace takes no more than a turn can serve, and goes on as soon as half of them were heard", async () => {
  const pace = new ArrivalPace();
  const count = arriveUntilFull(pace);
  assert(count > 1 && count < 128, String(count));
  let hasRoom = false;
  const going = pace.room().then(() => hasRoom = true);
  for (let heard = 1; heard < count / 2; heard++) pace.heard(pace.round);
  await Promise.resolve();
  await Promise.resolve();
  assertEquals(hasRoom, false, "too few were heard");
  pace.heard(pace.round);
  await Promise.resolve();
  await Promise.resolve();
  assertEquals(hasRoom, true, "at once: no timer");
  await going;
  assertEquals(arriveUntilFull(pace), count / 2);
  pace.end();
});

Deno.test("ArrivalPace waits for those who say nothing no longer than a timer, and does not count them any more", async () => {
  const pace = new ArrivalPace();
  const count = arriveUntilFull(pace);
  const { round } = pace;
  await pace.room();
  assertEquals(arriveUntilFull(pace), count);
  // Late ones make no room that others take.
  for (let i = 0; i < count; i++) pace.heard(round);
  assertEquals(pace.isFull, true);
  pace.end();
});

Deno.test("ArrivalPace.end() lets go who waits", async () => {
  const pace = new ArrivalPace();
  arriveUntilFull(pace);
  const going = pace.room();
  pace.end();
  await going;
});

Deno.test("ArrivalPace: while others talk only a few arrive, and being heard does not hurry the next", async () => {
  const pace = new ArrivalPace();
  const usual = arriveUntilFull(pace);
  await pace.room();
  pace.othersTalk();
  const polite = arriveUntilFull(pace);
  assert(polite >= 1 && polite < usual / 2, String(polite));
  const { round } = pace;
  let hasRoom = false;
  const going = pace.room().then(() => hasRoom = true);
  for (let heard = 0; heard < polite; heard++) pace.heard(round);
  for (let i = 0; i < 10; i++) await Promise.resolve();
  assertEquals(hasRoom, false);
  await going; // a timer
  assertEquals(arriveUntilFull(pace), polite);
  pace.end();
});

Deno.test("ArrivalPace: when the others are silent for some time, all the room is for those who arrive", async () => {
  const pace = new ArrivalPace();
  const usual = arriveUntilFull(pace);
  pace.othersTalk();
  let rounds = 0;
  do {
    await pace.room();
    assert(++rounds < 1_000);
  } while (arriveUntilFull(pace) < usual);
  assert(rounds > 1);
  pace.end();
});
