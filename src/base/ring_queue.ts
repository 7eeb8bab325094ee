/** First in, first out, without shifting: a growing power-of-two ring. Items in, the same items out in their order.
 * It begins with no slots at all (a session has several queues, and most stay empty), doubles when full, and halves
 * when seven eighths of it are free, so that a burst does not leave its memory behind. Room: pure. @module */

/** Up to this many slots a queue keeps what it has: halving would save little and cost on each burst. */
const SLOTS_KEPT = 64;
const SLOTS_FIRST = 8;

/** Of all queues that are empty yet; `push` makes them others. */
const NO_SLOTS: never[] = [];

export class RingQueue<T> {
  /** Its length is 0 or a power of two, so that `& (length - 1)` wraps an index. */
  #slots: (T | undefined)[] = NO_SLOTS;
  #head = 0;
  #length = 0;

  /** @param slotsKept for one that is filled and emptied again and again: up to so many stay. */
  constructor(readonly slotsKept = SLOTS_KEPT) {}

  get length(): number {
    return this.#length;
  }

  push(item: T): void {
    if (this.#length === this.#slots.length) this.#resize(this.#length * 2 || SLOTS_FIRST);
    this.#slots[(this.#head + this.#length) & (this.#slots.length - 1)] = item;
    this.#length++;
  }

  /** @returns undefined when empty. The slot is cleared, so that nothing is kept alive. */
  shift(): T | undefined {
    if (this.#length === 0) return undefined;
    const slots = this.#slots;
    const item = slots[this.#head];
    slots[this.#head] = undefined;
    this.#head = (this.#head + 1) & (slots.length - 1);
    this.#length--;
    if (slots.length > this.slotsKept && this.#length * 8 <= slots.length) this.#resize(slots.length / 2);
    return item;
  }

  peek(): T | undefined {
    return this.#length === 0 ? undefined : this.#slots[this.#head];
  }

  /** The item at `index` from the head. @throws RangeError out of range. */
  at(index: number): T {
    if (!Number.isInteger(index) || index < 0 || index >= this.#length) {
      throw new RangeError(`index ${index} of a queue of ${this.#length}`);
    }
    return this.#slots[(this.#head + index) & (this.#slots.length - 1)] as T;
  }

  clear(): void {
    this.#slots = NO_SLOTS;
    this.#head = 0;
    this.#length = 0;
  }

  /** From the head to the tail. What is pushed meanwhile comes, too; who shifts meanwhile skips as many. */
  *[Symbol.iterator](): Iterator<T> {
    for (let index = 0; index < this.#length; index++) {
      yield this.#slots[(this.#head + index) & (this.#slots.length - 1)] as T;
    }
  }

  #resize(slotCount: number): void {
    const former = this.#slots;
    const slots = new Array<T | undefined>(slotCount).fill(undefined);
    for (let index = 0; index < this.#length; index++) {
      slots[index] = former[(this.#head + index) & (former.length - 1)];
    }
    this.#slots = slots;
    this.#head = 0;
  }
}
