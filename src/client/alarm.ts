/** Calls the engine when its next deadline has come: one timer of the machine, however many deadlines there are. @module */

import type { Clock } from "../base/clock.ts";

export interface Alarm {
  /** Rings once at this time of the monotonic clock or later; in the place of the time before. Infinity = never. */
  set(atMs: number): void;
}

/** @param ring @returns an alarm; a test has one that it rings by itself. */
export type NewAlarm = (ring: () => void, clock: Clock) => Alarm;

/** A timer of the machine holds 24.8 days; it is set anew before. */
const DELAY_MAX_MS = 86_400_000;

export const systemAlarm: NewAlarm = (ring, clock) => {
  let timer: ReturnType<typeof setTimeout> | undefined;
  return {
    set(atMs) {
      clearTimeout(timer);
      if (atMs !== Infinity) {
        timer = setTimeout(ring, Math.min(Math.max(0, Math.ceil(atMs - clock.monotonicMs())), DELAY_MAX_MS));
      }
    },
  };
};
