/** Which subscriptions match a Topic Name? Spec §4.7.1, §4.7.2. Literal filters stand in a map of their own, wildcards
 * in a trie. No recursion over levels. Room: pure.
 *
 * The trie is compressed: a node is not one level but all levels up to the next place where filters part or end.
 *
 *     sport/+/player1        (root)
 *     sport/+/#                ├─ "sport/+"   # → …
 *     sport/+/player2/score    │     ├─ "player1"         → …
 *     +/+                      │     └─ "player2/score"   → …
 *                              └─ "+/+"                   → …
 *
 * A filter that ends in # is kept at the node above, as what matches there and below. Every node but the root ends a
 * filter or has two children, so there are fewer than two nodes per filter however many levels the filters have, and
 * memory is that of the filters' text. A filter of 65,535 empty levels is one node.
 *
 * What a match costs: a node is reached by one way only, so it is looked at once at most; it costs the levels of its
 * text that agree with the topic. Where `+` and a literal child both stand, both are followed: an unlucky topic of n
 * levels (a/a/a/… against all mixtures of a and +) reaches up to 2ⁿ nodes, yet never more than there are, that is,
 * than twice the wildcard filters. What waits to be looked at is one node per such fork, at most as many as the topic
 * has levels. Each level of the topic is found once and, if needed as a key, cut out once per match. @module */

import { invariant } from "../base/assert.ts";
import { isServerTopic } from "./topic_name.ts";
import { hasWildcard } from "./topic_filter.ts";

const NUMBER_SIGN = 0x23;
const PLUS = 0x2b;
const SLASH = 0x2f;

/** More than one value; one alone stands for itself, which spares most filters a Set. */
class Several<T> {
  readonly values = new Set<T>();
}

type Values<T> = T | Several<T> | undefined;

class FilterNode<T> {
  /** One or more levels with the slashes between them. The root has none. A first level "" is an empty level. */
  text: string;
  /** The child whose first level is `+`. */
  plus: FilterNode<T> | undefined = undefined;
  /** The child with a literal first level, while it is the only one … */
  literal: FilterNode<T> | undefined = undefined;
  /** … and all of them by that level when there are several. */
  literals: Map<string, FilterNode<T>> | undefined = undefined;
  /** Of the filter that ends here. */
  ending: Values<T> = undefined;
  /** Of the filter that goes on with # alone. */
  open: Values<T> = undefined;

  constructor(text: string) {
    this.text = text;
  }
}

/** T is what a subscription is to the caller: an object compared by identity. One filter holds any number of them. */
export class SubscriptionTrie<T> {
  readonly #literalFilters = new Map<string, T | Several<T>>();
  readonly #root = new FilterNode<T>("");
  #wildcardFilters = 0;
  #nodes = 0;
  #size = 0;
  #version = 0;
  /** Taken by the match under way, so that a visitor may begin another one. */
  #walk: Walk<T> | undefined = new Walk<T>();

  /** Number of (filter, value) pairs. */
  get size(): number {
    return this.#size;
  }

  /** Number of filters and trie nodes; 0 when every subscription is gone: nothing leaks. */
  get nodeCount(): number {
    return this.#literalFilters.size + this.#wildcardFilters + this.#nodes;
  }

  /** Grows with each change: what was computed under another number is stale. */
  get version(): number {
    return this.#version;
  }

  /** `topicFilter` is valid (topic_filter.ts) and has no $share prefix. @returns false if the pair was there already.
   * O(bytes of the filter). */
  insert(topicFilter: string, value: T): boolean {
    invariant(value !== undefined, "undefined is no subscription");
    if (!hasWildcard(topicFilter)) {
      const values = this.#literalFilters.get(topicFilter);
      if (holds(values, value)) return false;
      if (!(values instanceof Several)) this.#literalFilters.set(topicFilter, withValue(values, value));
      else values.values.add(value);
    } else {
      const node = this.#nodeFor(topicFilter);
      const isOpen = endsInNumberSign(topicFilter);
      const values = isOpen ? node.open : node.ending;
      if (holds(values, value)) return false;
      if (values === undefined) this.#wildcardFilters++;
      if (isOpen) node.open = withValue(values, value);
      else node.ending = withValue(values, value);
    }
    this.#size++;
    this.#version++;
    return true;
  }

  /** @returns false if there was no such pair. O(bytes of the filter), also with a million values on one filter. */
  remove(topicFilter: string, value: T): boolean {
    if (!hasWildcard(topicFilter)) {
      const values = this.#literalFilters.get(topicFilter);
      if (!holds(values, value)) return false;
      const rest = withoutValue(values, value);
      if (rest === undefined) this.#literalFilters.delete(topicFilter);
      else if (rest !== values) this.#literalFilters.set(topicFilter, rest);
    } else if (!this.#removeWildcard(topicFilter, value)) {
      return false;
    }
    this.#size--;
    this.#version++;
    return true;
  }

  /** Calls `visit` for each value whose filter matches; a value under several matching filters comes once for each.
   * A leading wildcard does not match a topic that begins with $ [MQTT-4.7.2-1].
   * `visit` may insert, remove and match; whether it meets what it changes is open. */
  match(topicName: string, visit: (value: T) => void): void {
    const literal = this.#literalFilters.get(topicName);
    if (this.#wildcardFilters === 0) {
      if (literal !== undefined) visitAll(literal, visit);
      return;
    }
    const walk = this.#walk ?? new Walk<T>();
    this.#walk = undefined;
    try {
      // First walk, then visit: no visitor can change the nodes under our feet.
      walk.run(this.#root, topicName);
      if (literal !== undefined) visitAll(literal, visit);
      for (let index = 0; index < walk.matches.length; index++) visitAll(walk.matches[index], visit);
    } finally {
      walk.reset();
      this.#walk = walk;
    }
  }

  /** The node of a filter, made if need be. Every way through here ends with values put on what it returns. */
  #nodeFor(topicFilter: string): FilterNode<T> {
    let node = this.#root;
    const end = levelsEnd(topicFilter);
    for (let at = 0; at <= end;) {
      const child = childFor(node, topicFilter, at, end);
      if (child === undefined) {
        const leaf = new FilterNode<T>(restOf(topicFilter, at, end));
        addChild(node, leaf);
        this.#nodes++;
        return leaf;
      }
      const shared = sharedLevels(child.text, topicFilter, at, end);
      if (shared < child.text.length) {
        // The filters part, or this one ends, within the child's text: a new node takes over the part they share.
        const upper = new FilterNode<T>(detached(child.text.substring(0, shared)));
        replaceChild(node, child, upper);
        child.text = detached(child.text.substring(shared + 1));
        addChild(upper, child);
        this.#nodes++;
        node = upper;
      } else {
        node = child;
      }
      at += shared + 1;
    }
    return node;
  }

  #removeWildcard(topicFilter: string, value: T): boolean {
    let above: FilterNode<T> | undefined;
    let parent: FilterNode<T> | undefined;
    let node = this.#root;
    const end = levelsEnd(topicFilter);
    for (let at = 0; at <= end;) {
      const child = childFor(node, topicFilter, at, end);
      if (child === undefined) return false;
      if (sharedLevels(child.text, topicFilter, at, end) < child.text.length) return false;
      at += child.text.length + 1;
      above = parent;
      parent = node;
      node = child;
    }
    const isOpen = endsInNumberSign(topicFilter);
    const values = isOpen ? node.open : node.ending;
    if (!holds(values, value)) return false;
    const rest = withoutValue(values, value);
    if (isOpen) node.open = rest;
    else node.ending = rest;
    if (rest === undefined) {
      this.#wildcardFilters--;
      // Only these two can have lost what they stood for: the node its filter, its parent one of two children.
      if (parent !== undefined) this.#tidy(parent, node);
      if (above !== undefined) this.#tidy(above, parent!);
    }
    return true;
  }

  /** A node that ends no filter goes when it has no child, and becomes one with its child when it has only one. */
  #tidy(parent: FilterNode<T>, node: FilterNode<T>): void {
    if (node.ending !== undefined || node.open !== undefined || node.literals !== undefined) return;
    const { plus, literal } = node;
    if (plus !== undefined && literal !== undefined) return;
    const child = plus ?? literal;
    if (child === undefined) {
      removeChild(parent, node);
    } else {
      child.text = detached(node.text + "/" + child.text);
      replaceChild(parent, node, child);
    }
    this.#nodes--;
  }
}

/** One match: the topic's levels, and the nodes that wait to be looked at. Kept from match to match, so that a match
 * allocates nothing but the keys it cuts. */
class Walk<T> {
  /** What was found, one entry per filter. */
  readonly matches: (T | Several<T>)[] = [];
  #topicName = "";
  /** Where the levels end that were found so far. */
  readonly #ends: number[] = [];
  #found = 0;
  /** The levels that were cut out so far; holes are undefined. */
  readonly #keys: (string | undefined)[] = [];
  /** Nodes whose first level is to be compared with the level at the same place of #depths. */
  readonly #nodes: (FilterNode<T> | undefined)[] = [];
  readonly #depths: number[] = [];
  #waiting = 0;

  run(root: FilterNode<T>, topicName: string): void {
    this.#topicName = topicName;
    this.#pushLiteral(root, 0);
    if (!isServerTopic(topicName)) {
      if (root.plus !== undefined) this.#push(root.plus, 0);
      if (root.open !== undefined) this.matches.push(root.open);
    }
    while (this.#waiting > 0) {
      const node = this.#nodes[--this.#waiting]!;
      this.#nodes[this.#waiting] = undefined;
      const depth = this.#depthAfter(node.text, this.#depths[this.#waiting]);
      if (depth === 0) continue;
      if (node.open !== undefined) this.matches.push(node.open);
      if (!this.#hasLevel(depth)) {
        if (node.ending !== undefined) this.matches.push(node.ending);
        continue;
      }
      if (node.plus !== undefined) this.#push(node.plus, depth);
      this.#pushLiteral(node, depth);
    }
  }

  /** Keeps no topic, node or key alive, and no more room than usual topics need. */
  reset(): void {
    this.matches.length = 0;
    this.#topicName = "";
    const keyCount = Math.min(this.#found, this.#keys.length);
    for (let depth = 0; depth < keyCount; depth++) this.#keys[depth] = undefined;
    this.#found = 0;
    trim(this.#ends);
    trim(this.#keys);
    trim(this.#nodes);
    trim(this.#depths);
  }

  #push(node: FilterNode<T>, depth: number): void {
    this.#nodes[this.#waiting] = node;
    this.#depths[this.#waiting] = depth;
    this.#waiting++;
  }

  #pushLiteral(node: FilterNode<T>, depth: number): void {
    // An only child is compared when its turn comes: no key is cut for it.
    if (node.literal !== undefined) {
      this.#push(node.literal, depth);
    } else if (node.literals !== undefined) {
      const child = node.literals.get(this.#key(depth));
      if (child !== undefined) this.#push(child, depth);
    }
  }

  /** Compares all levels of a node's text with the topic's from `depth` on.
   * @returns the depth after them, or 0 when they differ. */
  #depthAfter(text: string, depth: number): number {
    const topicName = this.#topicName;
    const textEnd = text.length;
    for (let textAt = 0;; textAt++, depth++) {
      if (!this.#hasLevel(depth)) return 0;
      if (text.charCodeAt(textAt) === PLUS) {
        textAt++;
      } else {
        const end = this.#ends[depth];
        // Within a level the topic has no slash; so the text's next slash, or its end, stops this as well.
        for (let at = this.#startOf(depth); at < end; at++, textAt++) {
          if (text.charCodeAt(textAt) !== topicName.charCodeAt(at)) return 0;
        }
        if (textAt < textEnd && text.charCodeAt(textAt) !== SLASH) return 0;
      }
      if (textAt >= textEnd) return depth + 1;
    }
  }

  /** Whether the topic has that many levels, found as far as that. Asked in order, without gaps. */
  #hasLevel(depth: number): boolean {
    if (depth < this.#found) return true;
    const topicName = this.#topicName;
    let at = this.#startOf(depth);
    if (at > topicName.length) return false;
    while (at < topicName.length && topicName.charCodeAt(at) !== SLASH) at++;
    this.#ends[depth] = at;
    this.#found = depth + 1;
    return true;
  }

  #startOf(depth: number): number {
    return depth === 0 ? 0 : this.#ends[depth - 1] + 1;
  }

  #key(depth: number): string {
    const known = this.#keys[depth];
    if (known !== undefined) return known;
    this.#hasLevel(depth);
    const key = this.#topicName.substring(this.#startOf(depth), this.#ends[depth]);
    while (this.#keys.length < depth) this.#keys.push(undefined);
    this.#keys[depth] = key;
    return key;
  }
}

/** Levels of a topic for which scratch space is kept. */
const SCRATCH_KEPT = 64;

function trim(scratch: unknown[]): void {
  if (scratch.length > SCRATCH_KEPT) scratch.length = SCRATCH_KEPT;
}

function visitAll<T>(values: T | Several<T>, visit: (value: T) => void): void {
  if (values instanceof Several) {
    for (const value of values.values) visit(value);
  } else {
    visit(values);
  }
}

function holds<T>(values: Values<T>, value: T): boolean {
  return values instanceof Several ? values.values.has(value) : values === value;
}

/** `value` is not among them. */
function withValue<T>(values: Values<T>, value: T): T | Several<T> {
  if (values === undefined) return value;
  if (values instanceof Several) {
    values.values.add(value);
    return values;
  }
  const several = new Several<T>();
  several.values.add(values);
  several.values.add(value);
  return several;
}

/** `value` is among them. */
function withoutValue<T>(values: Values<T>, value: T): Values<T> {
  if (!(values instanceof Several)) return undefined;
  values.values.delete(value);
  if (values.values.size > 1) return values;
  for (const last of values.values) return last;
}

function endsInNumberSign(topicFilter: string): boolean {
  return topicFilter.charCodeAt(topicFilter.length - 1) === NUMBER_SIGN;
}

/** Where the levels before a # end, or all of them; −1 for "#", which has none. */
function levelsEnd(topicFilter: string): number {
  return endsInNumberSign(topicFilter) ? topicFilter.length - 2 : topicFilter.length;
}

/** The child for the level of `filter` that begins at `at`. */
function childFor<T>(node: FilterNode<T>, filter: string, at: number, end: number): FilterNode<T> | undefined {
  if (at < end && filter.charCodeAt(at) === PLUS) return node.plus;
  if (node.literal !== undefined) {
    return sharedLevels(node.literal.text, filter, at, end) < 0 ? undefined : node.literal;
  }
  return node.literals?.get(filter.substring(at, levelEnd(filter, at, end)));
}

/** No child begins with the same level. */
function addChild<T>(node: FilterNode<T>, child: FilterNode<T>): void {
  if (child.text.charCodeAt(0) === PLUS) {
    node.plus = child;
  } else if (node.literals !== undefined) {
    node.literals.set(detached(firstLevel(child.text)), child);
  } else if (node.literal === undefined) {
    node.literal = child;
  } else {
    node.literals = new Map([
      [detached(firstLevel(node.literal.text)), node.literal],
      [detached(firstLevel(child.text)), child],
    ]);
    node.literal = undefined;
  }
}

/** Both begin with the same level. */
function replaceChild<T>(node: FilterNode<T>, former: FilterNode<T>, child: FilterNode<T>): void {
  if (former === node.plus) node.plus = child;
  else if (former === node.literal) node.literal = child;
  else node.literals!.set(firstLevel(child.text), child);
}

function removeChild<T>(node: FilterNode<T>, child: FilterNode<T>): void {
  if (child === node.plus) {
    node.plus = undefined;
  } else if (child === node.literal) {
    node.literal = undefined;
  } else {
    const literals = node.literals!;
    literals.delete(firstLevel(child.text));
    if (literals.size > 1) return;
    for (const last of literals.values()) node.literal = last;
    node.literals = undefined;
  }
}

/** How far a node's text agrees with the levels of `filter` in [at, end), in whole levels.
 * @returns the index in `text` where the last shared level ends, or −1 when not even the first is shared. */
function sharedLevels(text: string, filter: string, at: number, end: number): number {
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

function levelEnd(filter: string, at: number, end: number): number {
  while (at < end && filter.charCodeAt(at) !== SLASH) at++;
  return at;
}

function firstLevel(text: string): string {
  return text.substring(0, levelEnd(text, 0, text.length));
}

/** The levels of a filter from `at` on, for the node that ends it. While they are not much less than the whole, a view
 * is fine: whoever subscribed keeps the filter anyway. */
function restOf(filter: string, at: number, end: number): string {
  const rest = filter.substring(at, end);
  return rest.length * 4 >= filter.length ? rest : detached(rest);
}

/** The same text in memory of its own. An engine may make a long part of a string a view of the whole; a key that
 * outlives its filter would keep up to 64 KiB of it alive. Joining and cutting again makes a copy. */
function detached(part: string): string {
  return part.length < VIEWED_LENGTH_MIN ? part : (" " + part).slice(1);
}

/** V8 copies shorter parts anyway. */
const VIEWED_LENGTH_MIN = 13;
