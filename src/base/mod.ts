/** What every room may use: assertions about ourselves, time, queues. Imports nothing else of src. @module */

export { invariant, InvariantError } from "./assert.ts";
export { type Clock, systemClock } from "./clock.ts";
export { RingQueue } from "./ring_queue.ts";
export { Timer, TimerWheel } from "./timer_wheel.ts";
