/** The nodes of the subscription trie, and how they hang together. See subscription_trie.ts for the shape. Room: pure.
 *
 * The literal children of a node stand in a table of our own, by a hash of their first level: a level of a topic is
 * looked up where it stands, without a string made of it, and a child costs two or four references. @module */

import { levelHash } from "./level_hash.ts";
import type { TopicLevels } from "./topic_levels.ts";

const PLUS = 0x2b;
const SLASH = 0x2f;

/** More than one value; one alone stands for itself, which spares most filters a Set. */
export class Several<T> {
  readonly values = new Set<T>();
}

export type Values<T> = T | Several<T> | undefined;

export class FilterNode<T> {
  /** One or more levels with the slashes between them. The root has none. A first level "" is an empty level. */
  text: string;
  /** Of the first level, while the node is in a table. */
  hash = 0;
  /** Another node in the table has, or had, the same hash. */
  hasTwin = false;
  /** The child whose first level is `+`. */
  plus: FilterNode<T> | undefined = undefined;
  /** The child with a literal first level, while it is the only one … */
  literal: FilterNode<T> | undefined = undefined;
  /** … and all of them by that level when there are several. */
  literals: ChildTable<T> | undefined = undefined;
  /** Of the filter that ends here. */
  ending: Values<T> = undefined;
  /** Of the filter that goes on with # alone. */
  open: Values<T> = undefined;

  constructor(text: string) {
    this.text = text;
  }
}

const SLOTS_MIN = 4;

/** Literal children by their first level: open addressing, at most half full, neighbours move up when one goes. */
export class ChildTable<T> {
  #slots: (FilterNode<T> | undefined)[] = slots(SLOTS_MIN);
  #mask = SLOTS_MIN - 1;
  #count = 0;

  get count(): number {
    return this.#count;
  }

  /** The child whose first level is text[start, end), of which `hash` is the hash; or one that only has the same hash: who
   * asks compares the node's text, which nearly always means to do it once. */
  find(hash: number, text: string, start: number, end: number): FilterNode<T> | undefined {
    const slots = this.#slots;
    const mask = this.#mask;
    for (let index = hash & mask;; index = (index + 1) & mask) {
      const node = slots[index];
      if (node === undefined) return undefined;
      if (node.hash === hash && (!node.hasTwin || beginsWithLevel(node.text, text, start, end))) return node;
    }
  }

  /** The same for a level of a topic. */
  findLevel(levels: TopicLevels, level: number): FilterNode<T> | undefined {
    const hash = levels.hashOf(level);
    const slots = this.#slots;
    const mask = this.#mask;
    for (let index = hash & mask;; index = (index + 1) & mask) {
      const node = slots[index];
      if (node === undefined) return undefined;
      if (node.hash !== hash) continue;
      if (!node.hasTwin) return node;
      const text = levels.textOf(level);
      return this.find(hash, text, 0, text.length);
    }
  }

  /** No child begins with the same level. */
  add(node: FilterNode<T>): void {
    node.hash = levelHash(node.text, 0, levelEnd(node.text, 0, node.text.length));
    if (++this.#count * 2 > this.#slots.length) this.#resize(this.#slots.length * 2);
    this.#put(node);
  }

  /** Both begin with the same level. */
  replace(former: FilterNode<T>, node: FilterNode<T>): void {
    node.hash = former.hash;
    node.hasTwin = former.hasTwin;
    this.#slots[this.#indexOf(former)] = node;
  }

  remove(node: FilterNode<T>): void {
    const slots = this.#slots;
    const mask = this.#mask;
    let hole = this.#indexOf(node);
    for (let index = (hole + 1) & mask;; index = (index + 1) & mask) {
      const next = slots[index];
      if (next === undefined) break;
      // It may move up to the hole unless that is before the place that its hash asks for.
      if (((index - next.hash) & mask) < ((index - hole) & mask)) continue;
      slots[hole] = next;
      hole = index;
    }
    slots[hole] = undefined;
    this.#count--;
    if (slots.length > SLOTS_MIN && this.#count * 8 < slots.length) this.#resize(slots.length / 4);
  }

  /** Of a table with one child: that one. */
  only(): FilterNode<T> {
    return this.#slots.find((node) => node !== undefined)!;
  }

  #indexOf(node: FilterNode<T>): number {
    let index = node.hash & this.#mask;
    while (this.#slots[index] !== node) index = (index + 1) & this.#mask;
    return index;
  }

  #put(node: FilterNode<T>): void {
    let index = node.hash & this.#mask;
    for (let other = this.#slots[index]; other !== undefined; other = this.#slots[index]) {
      if (other.hash === node.hash) other.hasTwin = node.hasTwin = true;
      index = (index + 1) & this.#mask;
    }
    this.#slots[index] = node;
  }

  #resize(length: number): void {
    const former = this.#slots;
    this.#slots = slots<T>(Math.max(length, SLOTS_MIN));
    this.#mask = this.#slots.length - 1;
    for (const node of former) if (node !== undefined) this.#put(node);
  }
}

function slots<T>(length: number): (FilterNode<T> | undefined)[] {
  return new Array(length).fill(undefined);
}

/** The child for the level of `filter` that begins at `at`. */
export function childFor<T>(node: FilterNode<T>, filter: string, at: number, end: number): FilterNode<T> | undefined {
  if (at < end && filter.charCodeAt(at) === PLUS) return node.plus;
  const atEnd = levelEnd(filter, at, end);
  const child = node.literal ?? node.literals?.find(levelHash(filter, at, atEnd), filter, at, atEnd);
  return child !== undefined && beginsWithLevel(child.text, filter, at, atEnd) ? child : undefined;
}

/** No child begins with the same level. */
export function addChild<T>(node: FilterNode<T>, child: FilterNode<T>): void {
  if (child.text.charCodeAt(0) === PLUS) {
    node.plus = child;
  } else if (node.literals !== undefined) {
    node.literals.add(child);
  } else if (node.literal === undefined) {
    node.literal = child;
  } else {
    node.literals = new ChildTable();
    node.literals.add(node.literal);
    node.literals.add(child);
    node.literal = undefined;
  }
}

/** Both begin with the same level. */
export function replaceChild<T>(node: FilterNode<T>, former: FilterNode<T>, child: FilterNode<T>): void {
  if (former === node.plus) node.plus = child;
  else if (former === node.literal) node.literal = child;
  else node.literals!.replace(former, child);
}

export function removeChild<T>(node: FilterNode<T>, child: FilterNode<T>): void {
  if (child === node.plus) {
    node.plus = undefined;
  } else if (child === node.literal) {
    node.literal = undefined;
  } else {
    const literals = node.literals!;
    literals.remove(child);
    if (literals.count > 1) return;
    node.literal = literals.only();
    node.literals = undefined;
  }
}

/** How far a node's text agrees with the levels of `filter` in [at, end), in whole levels.
 * @returns the index in `text` where the last shared level ends, or −1 when not even the first is shared. */
export function sharedLevels(text: string, filter: string, at: number, end: number): number {
  const length = Math.min(text.length, end - at);
  let shared = -1;
  let index = 0;
  for (; index < length; index++) {
    const unit = text.charCodeAt(index);
    if (unit !== filter.charCodeAt(at + index)) return shared;
    if (unit === SLASH) shared = index;
  }
  const textEnds = index === text.length || text.charCodeAt(index) === SLASH;
  const filterEnds = at + index === end || filter.charCodeAt(at + index) === SLASH;
  return textEnds && filterEnds ? index : shared;
}

/** Whether the first level of a node's text is text[start, end), which has no slash. */
function beginsWithLevel(nodeText: string, text: string, start: number, end: number): boolean {
  const length = end - start;
  if (nodeText.length < length) return false;
  for (let index = 0; index < length; index++) {
    if (nodeText.charCodeAt(index) !== text.charCodeAt(start + index)) return false;
  }
  return nodeText.length === length || nodeText.charCodeAt(length) === SLASH;
}

function levelEnd(text: string, at: number, end: number): number {
  while (at < end && text.charCodeAt(at) !== SLASH) at++;
  return at;
}

/** The levels text[start, end) for a node, which may outlive the filter that they are of: in memory of their own, or shared
 * with another node that has the same. */
export function nodeText(text: string, start: number, end: number): string {
  if (end - start > SHARED_LENGTH_MAX) return detached(text.substring(start, end));
  const place = levelHash(text, start, end) & (SHARED_TEXTS - 1);
  const shared = sharedTexts[place];
  if (shared.length === end - start && text.startsWith(shared, start)) return shared;
  return sharedTexts[place] = detached(text.substring(start, end));
}

/** Many filters end alike ("+/status"): such texts are one in memory, and in the processor's cache. The last that was met
 * for each place; a power of two. */
const SHARED_TEXTS = 1024;
const SHARED_LENGTH_MAX = 32;
const sharedTexts: string[] = new Array(SHARED_TEXTS).fill("");

/** An engine may make a long part of a string a view of the whole; a node would keep up to 64 KiB of it alive. Joining and
 * cutting again makes a copy. */
function detached(part: string): string {
  return part.length < VIEWED_LENGTH_MIN ? part : (" " + part).slice(1);
}

/** V8 copies shorter parts anyway. */
const VIEWED_LENGTH_MIN = 13;
