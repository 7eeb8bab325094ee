/** Values at Topic Names (the retained messages), found by Topic Filter. Spec §3.3.1.3, §4.7. Room: pure.
 *
 * The names stand in the order of their code units, in pages, and beside them a map from name to value:
 *
 *     pages   [ "a/1/x", "a/1/y", "a/2/x" ]  [ "a/2/y", "b", … ]  …
 *     values  { "a/1/x" → …, … }
 *
 * A branch of the tree is then a range: all names below "a/1" begin with "a/1/" and stand together; the first that
 * comes after them is not before "a/10", since 0 is the character after the slash. A match walks the names in order,
 * and where one does not match, its first wrong level says which name is the next that can: it seeks that. So:
 *
 * - nothing is kept per level: a name of 65,535 slashes is one entry, and memory is a map entry, 8 to 16 bytes and the
 *   name's text;
 * - a walk is a name to go on after. It may rest as long as it likes, nothing that is set or deleted disturbs it, and
 *   no name can come twice;
 * - a name that is there already is set with one look-up; a new one costs some twenty comparisons and a shift within
 *   its page. @module */

import { invariant } from "../base/assert.ts";
import { hasWildcard } from "./topic_filter.ts";

const NUMBER_SIGN = 0x23;
const DOLLAR = 0x24;
const PLUS = 0x2b;
const SLASH = 0x2f;
/** Beyond all that begins with "$". */
const AFTER_DOLLAR = String.fromCharCode(DOLLAR + 1);
/** In place of a slash: beyond all that begins with what stands before and a slash. */
const AFTER_SLASH = String.fromCharCode(SLASH + 1);

/** Names on a page: few enough to shift, many enough that the list of pages of ten million names is short. */
const PAGE_NAMES_MAX = 256;
/** A page with fewer joins its neighbour, if both together leave room for new names. */
const PAGE_NAMES_MIN = PAGE_NAMES_MAX / 4;
const JOINED_NAMES_MAX = PAGE_NAMES_MAX * 3 / 4;

export class TopicTree<T> {
  readonly #values = new Map<string, T>();
  readonly #names = new SortedNames();

  /** Number of values. */
  get size(): number {
    return this.#values.size;
  }

  /** Pages of names. 0 when empty: emptied branches are removed. */
  get nodeCount(): number {
    return this.#names.pages.length;
  }

  get(topicName: string): T | undefined {
    return this.#values.get(topicName);
  }

  /** @returns the former value. */
  set(topicName: string, value: T): T | undefined {
    invariant(value !== undefined, "undefined is no value");
    const former = this.#values.get(topicName);
    if (former === undefined) this.#names.insert(topicName);
    this.#values.set(topicName, value);
    return former;
  }

  /** @returns the former value. */
  delete(topicName: string): T | undefined {
    const former = this.#values.get(topicName);
    if (former === undefined) return undefined;
    this.#values.delete(topicName);
    this.#names.remove(topicName);
    return former;
  }

  /** All [topicName, value] whose name matches, lazily and without recursion: a caller may stop after some and go on in
   * a later turn (`walk.next()`); values set or deleted meanwhile may or may not come, none comes twice, and the walk
   * never fails. A leading wildcard does not match names that begin with $. A filter without wildcards is one look-up.
   *
   * `next()` looks for as long as it takes to find one; who must not hold up the others uses `walk.advance()`. */
  match(topicFilter: string): TopicWalk<T> {
    return new TopicWalk(topicFilter, this.#values, this.#names);
  }
}

/** One match under way: the filter, and the name to go on after. Leaving a `for … of` early does not end it. */
export class TopicWalk<T> implements IterableIterator<[topicName: string, value: T]> {
  readonly #filter: string;
  readonly #isLiteral: boolean;
  readonly #values: ReadonlyMap<string, T>;
  readonly #names: SortedNames;
  #ended = false;
  /** Looked at next: the first name that is not before this one … */
  #position: string;
  /** … or, when this one was looked at itself, the first that is after it. */
  #isPassed = false;
  /** Where #position was found, valid while no name has come or gone. */
  #pageIndex = 0;
  #nameIndex = 0;
  #changes = -1;

  constructor(topicFilter: string, values: ReadonlyMap<string, T>, names: SortedNames) {
    this.#filter = topicFilter;
    this.#isLiteral = !hasWildcard(topicFilter);
    this.#values = values;
    this.#names = names;
    this.#position = literalPrefix(topicFilter);
  }

  /** true when there is nothing more to come. */
  get ended(): boolean {
    return this.#ended;
  }

  [Symbol.iterator](): this {
    return this;
  }

  next(): IteratorResult<[topicName: string, value: T], undefined> {
    while (!this.#ended) {
      const name = this.#look();
      if (name !== undefined) return { done: false, value: [name, this.#values.get(name)!] };
    }
    return { done: true, value: undefined };
  }

  /** Goes on until `looksMax` names were looked at (matching or not: that is what costs), or `visit` returns false.
   * @returns false when there is nothing more to come. */
  advance(looksMax: number, visit: (topicName: string, value: T) => boolean | void): boolean {
    for (let looks = 0; looks < looksMax && !this.#ended; looks++) {
      const name = this.#look();
      if (name !== undefined && visit(name, this.#values.get(name)!) === false) break;
    }
    return !this.#ended;
  }

  /** Looks at one name and moves on. @returns the name if it matches. */
  #look(): string | undefined {
    if (this.#isLiteral) {
      this.#ended = true;
      return this.#values.has(this.#filter) ? this.#filter : undefined;
    }
    if (this.#isPassed) this.#step();
    else this.#seek();
    const name = this.#nameHere();
    const next = name === undefined ? undefined : nextCandidate(name, this.#filter);
    if (next === undefined) {
      this.#ended = true;
      return undefined;
    }
    this.#isPassed = next === name || next === ANY;
    this.#position = this.#isPassed ? name! : next;
    return next === name ? name : undefined;
  }

  #nameHere(): string | undefined {
    const page = this.#names.pages[this.#pageIndex];
    return page === undefined || this.#nameIndex === page.length ? undefined : page[this.#nameIndex];
  }

  /** To the name after #position. */
  #step(): void {
    if (this.#changes !== this.#names.changes) {
      this.#seek();
      if (this.#nameHere() !== this.#position) return;
    }
    if (++this.#nameIndex < this.#names.pages[this.#pageIndex].length) return;
    this.#pageIndex++;
    this.#nameIndex = 0;
  }

  /** To the first name that is not before #position. */
  #seek(): void {
    const { pages, changes } = this.#names;
    const position = this.#position;
    const here = this.#changes === changes ? pages[this.#pageIndex] : undefined;
    // Most seeks stay on their page, ahead of where they are.
    if (here === undefined || here[here.length - 1] < position) {
      this.#pageIndex = this.#names.pageOf(position);
      this.#changes = changes;
    }
    const page = pages[this.#pageIndex];
    this.#nameIndex = page === undefined ? 0 : lowerBound(page, position);
    if (page === undefined || this.#nameIndex < page.length) return;
    this.#pageIndex++;
    this.#nameIndex = 0;
  }
}

/** What `nextCandidate` says when nothing better is known than the next name. No Topic Name is empty. */
const ANY = "";

/** Which name is the next, in order, that can match `filter`?
 * @returns `name` itself if it matches; else a text after `name` before which no other name matches; ANY; or undefined
 * when no name after this one matches. */
function nextCandidate(name: string, filter: string): string | undefined {
  const nameEnd = name.length;
  const filterEnd = filter.length;
  const first = filter.charCodeAt(0);
  if ((first === PLUS || first === NUMBER_SIGN) && name.charCodeAt(0) === DOLLAR) return AFTER_DOLLAR;
  /** Where the level ends that the latest + stands for; −1 before the first one. */
  let plusEnd = -1;
  // Each round compares one level; both indices stand at its start.
  for (let at = 0, filterAt = 0;; at++, filterAt++) {
    const unit = filter.charCodeAt(filterAt);
    if (unit === NUMBER_SIGN) return name;
    if (unit === PLUS) {
      filterAt++;
      while (at < nameEnd && name.charCodeAt(at) !== SLASH) at++;
      plusEnd = at;
    } else {
      const start = at;
      const filterStart = filterAt;
      while (filterAt < filterEnd && filter.charCodeAt(filterAt) !== SLASH) {
        if (at >= nameEnd || filter.charCodeAt(filterAt) !== name.charCodeAt(at)) {
          return candidateWithLevel(name, start, filter, filterStart, plusEnd);
        }
        filterAt++;
        at++;
      }
      if (at < nameEnd && name.charCodeAt(at) !== SLASH) {
        return candidateWithLevel(name, start, filter, filterStart, plusEnd);
      }
    }
    if (filterAt === filterEnd) return at === nameEnd ? name : candidateBeyond(name, plusEnd);
    if (at === nameEnd) {
      // "sport/#" matches "sport"; else longer names may match, but others may stand between.
      return filter.charCodeAt(filterAt + 1) === NUMBER_SIGN ? name : ANY;
    }
  }
}

/** The level of `name` at `start` is not the literal one that `filter` has at `filterStart`: those that have it and
 * agree in all levels before stand either ahead, or all behind. */
function candidateWithLevel(
  name: string,
  start: number,
  filter: string,
  filterStart: number,
  plusEnd: number,
): string | undefined {
  const slash = filter.indexOf("/", filterStart);
  const candidate = name.substring(0, start) + filter.substring(filterStart, slash < 0 ? filter.length : slash);
  if (name < candidate) return candidate;
  // "c!" stands between "c" and "c/…".
  if (slash >= 0 && name < candidate + "/") return candidate + "/";
  return candidateBeyond(name, plusEnd);
}

/** Nothing more with this choice for the latest +: on to the next one. */
function candidateBeyond(name: string, plusEnd: number): string | undefined {
  return plusEnd < 0 ? undefined : name.substring(0, plusEnd) + AFTER_SLASH;
}

/** What all names that match `filter` begin with, or are: "a/b" for "a/b/#" and for "a/b/+". */
function literalPrefix(filter: string): string {
  const plus = filter.indexOf("+");
  const end = plus >= 0 ? plus : filter.endsWith("#") ? filter.length - 1 : filter.length + 1;
  return filter.substring(0, end - 1);
}

/** Strings in the order of their code units, on pages that are never empty. */
class SortedNames {
  readonly pages: string[][] = [];
  /** Grows whenever names have moved. */
  changes = 0;

  /** The page where `name` is or would be; 0 when there is none. */
  pageOf(name: string): number {
    const pages = this.pages;
    let low = 0;
    let high = pages.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if (pages[middle][0] <= name) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  /** `name` is not there. */
  insert(name: string): void {
    this.changes++;
    const pages = this.pages;
    if (pages.length === 0) {
      pages.push([name]);
      return;
    }
    const pageIndex = this.pageOf(name);
    const page = pages[pageIndex];
    const nameIndex = lowerBound(page, name);
    if (page.length < PAGE_NAMES_MAX) {
      page.splice(nameIndex, 0, name);
    } else if (nameIndex === page.length) {
      // Names that come in order fill their pages.
      pages.splice(pageIndex + 1, 0, [name]);
    } else {
      const upper = page.splice(PAGE_NAMES_MAX / 2);
      pages.splice(pageIndex + 1, 0, upper);
      if (nameIndex <= page.length) page.splice(nameIndex, 0, name);
      else upper.splice(nameIndex - page.length, 0, name);
    }
  }

  /** `name` is there. */
  remove(name: string): void {
    this.changes++;
    const pages = this.pages;
    const pageIndex = this.pageOf(name);
    const page = pages[pageIndex];
    const nameIndex = lowerBound(page, name);
    invariant(page[nameIndex] === name, "every value's name is on a page");
    page.splice(nameIndex, 1);
    if (page.length === 0) {
      pages.splice(pageIndex, 1);
    } else if (page.length < PAGE_NAMES_MIN) {
      if (!this.#join(pageIndex)) this.#join(pageIndex - 1);
    }
  }

  /** Makes one page of this and the next one, if they are small enough. */
  #join(pageIndex: number): boolean {
    const page = this.pages[pageIndex];
    const next = this.pages[pageIndex + 1];
    if (page === undefined || next === undefined || page.length + next.length > JOINED_NAMES_MAX) return false;
    for (const name of next) page.push(name);
    this.pages.splice(pageIndex + 1, 1);
    return true;
  }
}

/** The index of the first name that is not before `name`. */
function lowerBound(page: readonly string[], name: string): number {
  let low = 0;
  let high = page.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (page[middle] < name) low = middle + 1;
    else high = middle;
  }
  return low;
}
