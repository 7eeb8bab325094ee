/** TimerWheel against a sorted list. Times are of the wheel's own line; there is no clock. @module */

import { assert, assertEquals, assertFalse, assertLessOrEqual, assertThrows } from "@std/assert";
import fc from "fast-check";
import { InvariantError } from "../../src/base/assert.ts";
import { Timer, TimerWheel } from "../../src/base/timer_wheel.ts";

/** Timers that note their names when they ring. */
function noting(): { rung: string[]; timer: (name: string) => Timer } {
  const rung: string[] = [];
  return { rung, timer: (name) => new Timer(() => rung.push(name)) };
}

Deno.test("TimerWheel.advance() never rings early, and at most one tick late", () => {
  for (const deadlineMs of [1, 49, 50, 51, 1_599, 1_600, 1_601, 51_200, 51_201, 90_000, 3_600_000]) {
    const { rung, timer } = noting();
    const wheel = new TimerWheel(0, 50);
    wheel.schedule(timer("t"), deadlineMs);
    wheel.advance(deadlineMs - 1);
    assertEquals(rung, [], `${deadlineMs} early`);
    wheel.advance(deadlineMs + 50);
    assertEquals(rung, ["t"], `${deadlineMs} late`);
    assertEquals([wheel.size, wheel.nextDeadlineMs()], [0, Infinity]);
  }
});

Deno.test("TimerWheel.advance() rings in order of deadlines across all levels", () => {
  const { rung, timer } = noting();
  const wheel = new TimerWheel(1_000, 1);
  const deadlines = [5, 31, 32, 33, 1_023, 1_024, 1_025, 32_768, 2 ** 25 - 1, 2 ** 25, 2 ** 25 + 1, 2 ** 31, 2 ** 40];
  for (const deadline of deadlines.toReversed()) wheel.schedule(timer(`${deadline}`), 1_000 + deadline);
  wheel.advance(1_000 + 2 ** 41);
  assertEquals(rung, deadlines.map(String));
});

Deno.test("TimerWheel.schedule() takes 0xFFFFFFFF seconds, which is 136 years", () => {
  const { rung, timer } = noting();
  const wheel = new TimerWheel(0);
  const deadlineMs = 0xffff_ffff * 1_000;
  wheel.schedule(timer("t"), deadlineMs);
  for (let nowMs = 0; nowMs < deadlineMs; nowMs += deadlineMs / 1_000) wheel.advance(nowMs);
  assertEquals(rung, []);
  wheel.advance(deadlineMs - 1);
  assertEquals(rung, []);
  wheel.advance(deadlineMs + 50);
  assertEquals(rung, ["t"]);
});

Deno.test("TimerWheel.schedule() takes any finite deadline, and no other", () => {
  const { rung, timer } = noting();
  const wheel = new TimerWheel(0);
  const far = timer("far");
  wheel.schedule(far, Number.MAX_VALUE);
  wheel.advance(1e15);
  assert(far.scheduled);
  wheel.advance(Infinity);
  assert(far.scheduled);
  wheel.schedule(far, -Number.MAX_VALUE);
  wheel.advance(1e15);
  assertEquals(rung, ["far"]);
  for (const deadlineMs of [NaN, Infinity, -Infinity]) {
    assertThrows(() => wheel.schedule(far, deadlineMs), InvariantError);
  }
  assertFalse(far.scheduled);
  assertThrows(() => wheel.advance(NaN), InvariantError);
});

Deno.test("TimerWheel.advance() is exact where ticks are no whole numbers", () => {
  const buffer = new DataView(new ArrayBuffer(8));
  /** The double so many steps from a positive one. */
  const neighbour = (ms: number, steps: bigint) => {
    buffer.setFloat64(0, ms);
    buffer.setBigUint64(0, buffer.getBigUint64(0) + steps);
    return buffer.getFloat64(0);
  };
  for (const [originMs, tickMs] of [[0.3, 0.1], [0, 0.1], [1_234.5678, 0.7]]) {
    for (let tick = 1; tick < 500; tick++) {
      for (const steps of [-1n, 0n, 1n]) {
        const { rung, timer } = noting();
        const wheel = new TimerWheel(originMs, tickMs);
        const deadlineMs = neighbour(originMs + tick * tickMs, steps);
        wheel.schedule(timer("t"), deadlineMs);
        wheel.advance(neighbour(deadlineMs, -1n));
        assertEquals(rung, [], `${deadlineMs} early`);
        wheel.advance(originMs + (steps > 0n ? tick + 1 : tick) * tickMs);
        assertEquals(rung, ["t"], `${deadlineMs} late`);
      }
    }
  }
});

Deno.test("TimerWheel.schedule() with a deadline in the past rings at the next advance, also without time passing", () => {
  const { rung, timer } = noting();
  const wheel = new TimerWheel(1_000);
  wheel.schedule(timer("t"), 3);
  assertLessOrEqual(wheel.nextDeadlineMs(), 1_000);
  wheel.advance(1_000);
  assertEquals(rung, ["t"]);
});

Deno.test("TimerWheel.schedule() moves a timer that is scheduled, there and back", () => {
  const { rung, timer } = noting();
  const wheel = new TimerWheel(0);
  const moved = timer("moved");
  wheel.schedule(moved, 100);
  wheel.schedule(moved, 100_000);
  assertEquals([wheel.size, moved.deadlineMs], [1, 100_000]);
  wheel.advance(50_000);
  assertEquals(rung, []);
  wheel.schedule(moved, 50_100);
  wheel.advance(50_200);
  assertEquals(rung, ["moved"]);
  assertFalse(moved.scheduled);
});

Deno.test("TimerWheel.cancel() is a no-op for a timer that is not scheduled", () => {
  const { rung, timer } = noting();
  const wheel = new TimerWheel(0);
  const cancelled = timer("t");
  wheel.cancel(cancelled);
  wheel.schedule(cancelled, 10);
  wheel.cancel(cancelled);
  wheel.cancel(cancelled);
  wheel.advance(1_000);
  assertEquals([rung, wheel.size, wheel.nextDeadlineMs()], [[], 0, Infinity]);
});

Deno.test("TimerWheel.cancel() within a ring keeps a timer of the same advance, and of the same tick, from ringing", () => {
  for (const [firstMs, secondMs] of [[10, 5_000], [10, 11]]) {
    const wheel = new TimerWheel(0);
    const rung: string[] = [];
    const second = new Timer(() => rung.push("second"));
    const third = new Timer(() => rung.push("third"));
    const first = new Timer(() => {
      rung.push("first");
      assert(second.scheduled);
      wheel.cancel(second);
    });
    wheel.schedule(first, firstMs);
    wheel.schedule(second, secondMs);
    wheel.schedule(third, secondMs);
    wheel.advance(10_000);
    assertEquals(rung, ["first", "third"]);
    assertEquals(wheel.size, 0);
  }
});

Deno.test("TimerWheel.schedule() within a ring moves a timer of the same advance away", () => {
  const wheel = new TimerWheel(0);
  const rung: string[] = [];
  const second = new Timer(() => rung.push("second"));
  const first = new Timer(() => {
    rung.push("first");
    wheel.schedule(second, 20_000);
  });
  wheel.schedule(first, 10);
  wheel.schedule(second, 20);
  wheel.advance(10_000);
  assertEquals(rung, ["first"]);
  wheel.advance(20_050);
  assertEquals(rung, ["first", "second"]);
});

Deno.test("TimerWheel.schedule() within a ring waits for the next advance, even when its deadline has passed", () => {
  const wheel = new TimerWheel(0);
  let rings = 0;
  const timer = new Timer((timer) => {
    rings++;
    wheel.schedule(timer, 0);
  });
  wheel.schedule(timer, 100);
  wheel.advance(10_000);
  assertEquals([rings, wheel.size], [1, 1]);
  wheel.advance(10_000);
  assertEquals(rings, 2);
});

Deno.test("TimerWheel.advance() within a ring rings what is left, once", () => {
  const wheel = new TimerWheel(0);
  const rung: string[] = [];
  wheel.schedule(
    new Timer(() => {
      rung.push("first");
      wheel.advance(2_000);
    }),
    10,
  );
  wheel.schedule(new Timer(() => rung.push("second")), 500);
  wheel.schedule(new Timer(() => rung.push("third")), 1_500);
  wheel.advance(1_000);
  assertEquals(rung, ["first", "second", "third"]);
});

Deno.test("TimerWheel.advance() rings the rest at the next call when a ring threw", () => {
  const { rung, timer } = noting();
  const wheel = new TimerWheel(0);
  wheel.schedule(
    new Timer(() => {
      throw new Error("a bug in a ring");
    }),
    10,
  );
  wheel.schedule(timer("rest"), 100);
  assertThrows(() => wheel.advance(1_000), Error, "a bug in a ring");
  assertEquals([rung, wheel.size], [[], 1]);
  assertLessOrEqual(wheel.nextDeadlineMs(), 1_000);
  wheel.advance(1_000);
  assertEquals([rung, wheel.size], [["rest"], 0]);
});

Deno.test("TimerWheel.advance() does not go back", () => {
  const { rung, timer } = noting();
  const wheel = new TimerWheel(0);
  wheel.advance(10_000);
  wheel.advance(5_000);
  wheel.schedule(timer("t"), 10_100);
  wheel.advance(10_000);
  assertEquals(rung, []);
  wheel.advance(10_150);
  assertEquals(rung, ["t"]);
});

Deno.test("TimerWheel refuses a timer that is scheduled on another wheel", () => {
  const { timer } = noting();
  const shared = timer("t");
  new TimerWheel(0).schedule(shared, 10);
  assertThrows(() => new TimerWheel(0).schedule(shared, 10), InvariantError);
  assertThrows(() => new TimerWheel(0).cancel(shared), InvariantError);
});

Deno.test("TimerWheel.nextDeadlineMs() leads to every deadline in few steps, however far it is", () => {
  const { rung, timer } = noting();
  const wheel = new TimerWheel(123.456, 50);
  wheel.schedule(timer("t"), 0xffff_ffff * 1_000);
  let steps = 0;
  for (; wheel.size > 0; steps++) wheel.advance(wheel.nextDeadlineMs());
  assertEquals(rung, ["t"]);
  assertLessOrEqual(steps, 10);
});

Deno.test("TimerWheel does what a sorted list does", () => {
  const aheadMs = fc.oneof(
    fc.integer({ min: -500, max: 500 }),
    fc.integer({ min: 0, max: 100_000 }),
    fc.integer({ min: 0, max: 2 ** 42 }),
    fc.double({ min: 0, max: 10_000, noNaN: true }),
  );
  const step = fc.oneof(
    { weight: 5, arbitrary: fc.record({ does: fc.constant("schedule" as const), which: fc.nat(19), aheadMs }) },
    { weight: 1, arbitrary: fc.record({ does: fc.constant("cancel" as const), which: fc.nat(19), aheadMs }) },
    { weight: 3, arbitrary: fc.record({ does: fc.constant("advance" as const), which: fc.nat(19), aheadMs }) },
    { weight: 2, arbitrary: fc.record({ does: fc.constant("next" as const), which: fc.nat(19), aheadMs }) },
  );
  const tickMs = fc.constantFrom(50, 1, 7, 0.1);
  const originMs = fc.oneof(fc.constant(0), fc.double({ min: 0, max: 1e9, noNaN: true }));
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), tickMs, originMs, (steps, tickMs, originMs) => {
      let nowMs = originMs;
      const wheel = new TimerWheel(originMs, tickMs);
      /** Scheduled timers: what counts as their deadline. */
      const model = new Map<number, number>();
      let lastMs = -Infinity;
      const timers = Array.from({ length: 20 }, (_, which) =>
        new Timer((timer) => {
          const deadlineMs = model.get(which);
          assert(deadlineMs !== undefined, "a timer rings that is not scheduled");
          assertLessOrEqual(deadlineMs, nowMs, "early");
          assertLessOrEqual(lastMs, deadlineMs + tickMs * 1.001, "out of order by more than a tick");
          lastMs = deadlineMs;
          model.delete(which);
          assertFalse(timer.scheduled);
        }));
      for (const { does, which, aheadMs } of steps) {
        if (does === "schedule") {
          wheel.schedule(timers[which], nowMs + aheadMs);
          model.set(which, Math.max(nowMs, nowMs + aheadMs));
        } else if (does === "cancel") {
          wheel.cancel(timers[which]);
          model.delete(which);
        } else {
          nowMs = does === "next" && wheel.size > 0
            ? Math.max(nowMs, wheel.nextDeadlineMs())
            : nowMs + Math.abs(aheadMs);
          lastMs = -Infinity;
          wheel.advance(nowMs);
          for (const deadlineMs of model.values()) {
            assert(deadlineMs > nowMs - tickMs * 1.001, "more than a tick late");
          }
        }
        assertEquals(wheel.size, model.size);
        for (let index = 0; index < timers.length; index++) assertEquals(timers[index].scheduled, model.has(index));
        let earliestMs = Infinity;
        for (const deadlineMs of model.values()) earliestMs = Math.min(earliestMs, deadlineMs);
        assertLessOrEqual(wheel.nextDeadlineMs(), earliestMs + tickMs * 1.001);
        if (model.size === 0) assertEquals(wheel.nextDeadlineMs(), Infinity);
      }
    }),
    { numRuns: 300 },
  );
});
