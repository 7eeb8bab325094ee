/** TimerWheel at the numbers of a busy broker: one deadline per connection, most of them moved, few that ring. @module */

import { Timer, TimerWheel } from "../../src/base/timer_wheel.ts";

/** @returns one run: each of `timers` deadlines is moved once; it returns how many are scheduled. */
export function scheduleWorkload(timers: number): () => number {
  const wheel = new TimerWheel(0);
  const all = Array.from({ length: timers }, () => new Timer(() => {}));
  let round = 0;
  return () => {
    round++;
    for (let index = 0; index < timers; index++) wheel.schedule(all[index], 60_000 + (index * 7 + round * 13) % 90_000);
    return wheel.size;
  };
}

/** @returns one run: an hour passes in steps of `stepMs` while each of `timers` rings about every 90 s and schedules
 * itself again; it returns how many rang. */
export function advanceWorkload(timers: number, stepMs: number): () => number {
  let nowMs = 0;
  let rung = 0;
  const wheel = new TimerWheel(nowMs);
  for (let index = 0; index < timers; index++) {
    const timer = new Timer((timer) => {
      rung++;
      wheel.schedule(timer, nowMs + 90_000);
    });
    wheel.schedule(timer, 1 + index * 17 % 90_000);
  }
  return () => {
    rung = 0;
    for (let step = 0; step < 3_600_000; step += stepMs) {
      nowMs += stepMs;
      wheel.advance(nowMs);
    }
    return rung;
  };
}

/** @returns one run: a single timer is set `aheadMs` ahead and the wheel jumps there; it returns how often it rang. */
export function jumpWorkload(aheadMs: number): () => number {
  let nowMs = 0;
  let rung = 0;
  const wheel = new TimerWheel(nowMs);
  const timer = new Timer(() => rung++);
  return () => {
    rung = 0;
    nowMs += aheadMs;
    wheel.schedule(timer, nowMs);
    wheel.advance(nowMs + 50);
    return rung;
  };
}

const schedule = scheduleWorkload(100_000);
Deno.bench("move 100,000 deadlines", () => void schedule());
const advance = advanceWorkload(1_000, 50);
Deno.bench("an hour of 1,000 timers of 90 s, in steps of 50 ms", () => void advance());
const jump = jumpWorkload(24 * 3_600_000);
Deno.bench("one timer, a jump of a day", () => void jump());
