/** RingQueue against an array. @module */

import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { RingQueue } from "../../src/base/ring_queue.ts";

Deno.test("RingQueue.shift() and peek() of an empty queue are undefined", () => {
  const queue = new RingQueue<number>();
  assertEquals([queue.length, queue.shift(), queue.peek(), queue.length], [0, undefined, undefined, 0]);
});

Deno.test("RingQueue.push() keeps the order while it grows around the end of the ring", () => {
  const queue = new RingQueue<number>();
  for (let item = 0; item < 6; item++) queue.push(item);
  for (let item = 0; item < 5; item++) assertEquals(queue.shift(), item);
  for (let item = 6; item < 100; item++) queue.push(item);
  assertEquals([...queue], Array.from({ length: 95 }, (_, index) => index + 5));
});

Deno.test("RingQueue.at() refuses what is out of range", () => {
  const queue = new RingQueue<string>();
  queue.push("a");
  assertEquals(queue.at(0), "a");
  for (const index of [-1, 1, 0.5, NaN, Infinity]) assertThrows(() => queue.at(index), RangeError);
});

Deno.test("RingQueue holds undefined like any other item", () => {
  const queue = new RingQueue<number | undefined>();
  queue.push(undefined);
  queue.push(1);
  assertEquals([queue.length, queue.at(0), queue.shift(), queue.length, queue.shift()], [
    2,
    undefined,
    undefined,
    1,
    1,
  ]);
});

Deno.test("RingQueue keeps its order through a burst of 100,000 and back", () => {
  const queue = new RingQueue<number>();
  for (let item = 0; item < 100_000; item++) queue.push(item);
  for (let item = 0; item < 100_000; item++) {
    if (queue.shift() !== item) throw new Error(`item ${item} is out of order`);
  }
  assertEquals(queue.length, 0);
});

Deno.test("RingQueue does what an array does", () => {
  const step = fc.oneof(
    { weight: 4, arbitrary: fc.record({ does: fc.constant("push" as const), count: fc.integer({ min: 1, max: 40 }) }) },
    {
      weight: 3,
      arbitrary: fc.record({ does: fc.constant("shift" as const), count: fc.integer({ min: 1, max: 60 }) }),
    },
    { weight: 1, arbitrary: fc.record({ does: fc.constant("clear" as const), count: fc.constant(1) }) },
  );
  fc.assert(fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
    const queue = new RingQueue<number>();
    const model: number[] = [];
    let item = 0;
    for (const { does, count } of steps) {
      for (let round = 0; round < count; round++) {
        item++;
        if (does === "push") {
          queue.push(item);
          model.push(item);
        } else if (does === "shift") {
          assertEquals(queue.shift(), model.shift());
        } else {
          queue.clear();
          model.length = 0;
        }
      }
      assertEquals(queue.length, model.length);
      assertEquals(queue.peek(), model[0]);
      assertEquals([...queue], model);
      if (model.length > 0) assertEquals(queue.at(model.length - 1), model[model.length - 1]);
    }
  }));
});
