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
