/** What a match found, in an array that is used again: a match that is not remembered makes nothing to throw away.
 * Room: pure. @module */

/** Places that are kept when they are not in use. */
const PLACES_KEPT = 1024;

export class Matches<T> {
  /** Those from `count` on mean nothing. */
  readonly values: (T | undefined)[] = [];
  count = 0;

  add(value: T): void {
    this.values[this.count++] = value;
  }

  /** A list of just these. */
  toArray(): T[] {
    return this.values.slice(0, this.count) as T[];
  }

  /** Keeps none of the values alive. */
  clear(): void {
    if (this.values.length > PLACES_KEPT) {
      this.values.length = 0;
    } else {
      for (let index = 0; index < this.count; index++) this.values[index] = undefined;
    }
    this.count = 0;
  }
}
