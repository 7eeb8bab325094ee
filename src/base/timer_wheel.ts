/** Thousands of deadlines, O(1) each to set, move and cancel. Hierarchical timing wheels (Varghese & Lauck 1987).
 * The wheel has no clock: who owns it tells it the time. Room: pure.
 *
 * Time is counted in ticks from the wheel's origin, and a tick is written in digits to the base of 32. A timer lies
 * on the level of the highest digit in which its tick differs from the present one, in the slot of that digit:
 *
 *     present  …  0  3  7        level 0: ticks 0·3·7 – 0·3·31   (a slot is 1 tick)
 *     timer    …  0  3  9   →    level 0, slot 9
 *     timer    …  0  5  2   →    level 1, slot 5                 (a slot is 32 ticks)
 *     timer    …  2  0  0   →    level 2, slot 2                 (a slot is 1024 ticks)
 *
 * So everything on a level comes before everything on the levels above, and slots never wrap around: the first bit of
 * the first level that is not empty is the next thing to do, however far away. Empty stretches cost nothing. When the
 * present reaches a slot above level 0, its timers are dealt out anew, each to a lower level: at most nine times in a
 * timer's life, in practice two or three. @module */

import { invariant } from "./assert.ts";

const DIGIT_BITS = 5;
const SLOTS_PER_LEVEL = 1 << DIGIT_BITS;
const SLOT_MASK = SLOTS_PER_LEVEL - 1;
const LEVELS = 10;
/** Ticks exceed 32 bits (136 years have 86 thousand million ticks of 50 ms), so they are cut in two halves of 25 bits. */
const HALF_LEVELS = LEVELS / 2;
const HALF_SPAN = 2 ** (DIGIT_BITS * HALF_LEVELS);
/** What lies beyond (35,000 years with ticks of 1 ms) is put here, where the present never comes: it never rings. */
const TICK_MAX = 2 ** (DIGIT_BITS * LEVELS) - 1;
/** Ticks per slot, by level; one more for the whole wheel. */
const SPANS = Array.from({ length: LEVELS + 1 }, (_, level) => 2 ** (DIGIT_BITS * level));
/** In place of a slot: the timer is about to ring. */
const DUE = -1;

/** A ring of these is one slot: one fixed link, and the timers. */
class Link {
  next: Link = this;
  previous: Link = this;
}

/** One deadline. Make it once, schedule it as often as needed; scheduling again moves it, and allocates nothing. */
export class Timer extends Link {
  /** Where it is scheduled. Written by the wheel. */
  wheel: TimerWheel | undefined = undefined;
  /** level × 32 + slot, or DUE; meaningful while scheduled. Written by the wheel. */
  place = DUE;
  /** Milliseconds on the wheel's time line; meaningful while scheduled. Written by the wheel.
   * It begins as NaN because an integer first would make engines change the field's representation later. */
  deadlineMs = NaN;

  /** @param ring called by `advance` in the turn after the deadline; may schedule this or any other timer. */
  constructor(readonly ring: (timer: Timer) => void) {
    super();
  }

  get scheduled(): boolean {
    return this.wheel !== undefined;
  }
}

export class TimerWheel {
  readonly #originMs: number;
  readonly #tickMs: number;
  /** The present. Timers of this tick are here only if they were scheduled when it had come already. */
  #tick = 0;
  #size = 0;
  readonly #slots: Link[] = Array.from({ length: LEVELS * SLOTS_PER_LEVEL }, () => new Link());
  /** One word per level, one bit per slot that has timers. */
  readonly #occupied = new Int32Array(LEVELS);
  /** Ready to ring, in order. Empty between two calls of `advance`, unless a ring threw. */
  readonly #due = new Link();

  /** @param nowMs the present. @param tickMs resolution, default 50; a timer never rings early, at most one tick late. */
  constructor(nowMs: number, tickMs = 50) {
    invariant(Number.isFinite(nowMs) && tickMs > 0, "a wheel has a finite present and a positive tick");
    this.#originMs = nowMs;
    this.#tickMs = tickMs;
  }

  /** Number of scheduled timers. */
  get size(): number {
    return this.#size;
  }

  /** A deadline in the past rings at the next `advance`, also when scheduled from within a ring.
   * Any finite deadline is allowed (136 years ahead, too). */
  schedule(timer: Timer, deadlineMs: number): void {
    invariant(Number.isFinite(deadlineMs), "a deadline is finite");
    if (timer.wheel === undefined) {
      timer.wheel = this;
      this.#size++;
    } else {
      invariant(timer.wheel === this, "a timer is scheduled on one wheel at a time");
      this.#unlink(timer);
    }
    timer.deadlineMs = deadlineMs;
    this.#put(timer);
  }

  /** A no-op for a timer that is not scheduled. One that is due in the `advance` under way does not ring any more. */
  cancel(timer: Timer): void {
    if (timer.wheel === undefined) return;
    invariant(timer.wheel === this, "a timer is cancelled on its own wheel");
    this.#unlink(timer);
    this.#release(timer);
  }

  /** Rings everything due at `nowMs`, in order of deadline tick (one that had passed when it was set counts from that
   * moment; within a tick in no particular order). A jump of hours costs no tick-by-tick walk. A time before that of
   * an earlier call counts as that one: time does not go back.
   * When a ring throws, the rest of what is due rings at the next call. */
  advance(nowMs: number): void {
    invariant(!Number.isNaN(nowMs), "the present is a number");
    // First gather, then ring: so the present is already `nowMs` for what a ring schedules, and cannot be chased.
    this.#gather(Math.min(Math.max(this.#tick, this.#lastTickAt(nowMs)), TICK_MAX - 1));
    const due = this.#due;
    while (due.next !== due) {
      const timer = due.next as Timer;
      this.#unlink(timer);
      this.#release(timer);
      timer.ring(timer);
    }
  }

  /** The earliest moment at which `advance` may have work, or Infinity: a lower bound, cheap to ask. */
  nextDeadlineMs(): number {
    if (this.#size === 0) return Infinity;
    if (this.#due.next !== this.#due) return this.#msOf(this.#tick);
    return this.#msOf(this.#startTick(this.#firstPlace()));
  }

  /** Moves the present to `tick`, and all timers up to it to the due ones. */
  #gather(tick: number): void {
    for (;;) {
      const place = this.#firstPlace();
      if (place === DUE) break;
      const startTick = this.#startTick(place);
      if (startTick > tick) break;
      this.#tick = startTick;
      const slot = this.#slots[place];
      while (slot.next !== slot) {
        const timer = slot.next as Timer;
        this.#unlink(timer);
        if (place < SLOTS_PER_LEVEL) this.#append(timer, this.#due, DUE);
        else this.#put(timer);
      }
    }
    // No timer has to move for this: the slots between were empty, and the others keep their highest differing digit.
    this.#tick = tick;
  }

  /** The first slot that has timers, or DUE. */
  #firstPlace(): number {
    const occupied = this.#occupied;
    for (let level = 0; level < LEVELS; level++) {
      const bits = occupied[level];
      if (bits !== 0) return level * SLOTS_PER_LEVEL + (31 - Math.clz32(bits & -bits));
    }
    return DUE;
  }

  /** The first tick of a slot: the present's higher digits, the slot's digit, zeros. */
  #startTick(place: number): number {
    const level = place >> DIGIT_BITS;
    const above = SPANS[level + 1];
    return this.#tick - this.#tick % above + (place & SLOT_MASK) * SPANS[level];
  }

  /** Deals a timer to the slot of its deadline, seen from the present. */
  #put(timer: Timer): void {
    const now = this.#tick;
    const tick = Math.min(Math.max(now, this.#firstTickAfter(timer.deadlineMs)), TICK_MAX);
    const high = Math.floor(tick / HALF_SPAN);
    const nowHigh = Math.floor(now / HALF_SPAN);
    let half = high;
    let difference = high ^ nowHigh;
    let levelBelow = HALF_LEVELS;
    if (difference === 0) {
      half = tick - high * HALF_SPAN;
      difference = half ^ (now - nowHigh * HALF_SPAN);
      levelBelow = 0;
    }
    // Of no difference clz32 makes 32, and (31 − 32) / 5 truncates to 0.
    const digit = ((31 - Math.clz32(difference)) / DIGIT_BITS) | 0;
    const slot = (half >>> (digit * DIGIT_BITS)) & SLOT_MASK;
    const level = levelBelow + digit;
    const place = level * SLOTS_PER_LEVEL + slot;
    this.#occupied[level] |= 1 << slot;
    this.#append(timer, this.#slots[place], place);
  }

  #append(timer: Timer, slot: Link, place: number): void {
    const last = slot.previous;
    timer.place = place;
    timer.next = slot;
    timer.previous = last;
    last.next = timer;
    slot.previous = timer;
  }

  #unlink(timer: Timer): void {
    const { next, previous, place } = timer;
    next.previous = previous;
    previous.next = next;
    timer.next = timer;
    timer.previous = timer;
    // Its two neighbours were one link: the slot itself, which is empty now.
    if (next === previous && place !== DUE) this.#occupied[place >> DIGIT_BITS] &= ~(1 << (place & SLOT_MASK));
  }

  #release(timer: Timer): void {
    timer.wheel = undefined;
    this.#size--;
  }

  #msOf(tick: number): number {
    return this.#originMs + tick * this.#tickMs;
  }

  /** The greatest tick whose moment is not after `ms`. Divisions round; the comparisons make it exact. */
  #lastTickAt(ms: number): number {
    const tick = Math.floor((ms - this.#originMs) / this.#tickMs);
    if (this.#msOf(tick) > ms) return tick - 1;
    return this.#msOf(tick + 1) <= ms ? tick + 1 : tick;
  }

  /** The smallest tick whose moment is not before `ms`. */
  #firstTickAfter(ms: number): number {
    const tick = Math.ceil((ms - this.#originMs) / this.#tickMs);
    if (this.#msOf(tick) < ms) return tick + 1;
    return this.#msOf(tick - 1) >= ms ? tick - 1 : tick;
  }
}
