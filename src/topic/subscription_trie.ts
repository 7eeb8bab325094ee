/** Which subscriptions match a Topic Name? Spec §4.7.1, §4.7.2. Literal filters stand in a table of their own, wildcards
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
 * has levels. Each level of the topic is found once and, if it is looked up in a table, hashed once per match. @module */

import { invariant } from "../base/assert.ts";
import {
  addChild,
  childFor,
  FilterNode,
  nodeText,
  removeChild,
  replaceChild,
  Several,
  sharedLevels,
  type Values,
} from "./filter_node.ts";
import { addAll, FilterWalk } from "./filter_walk.ts";
import { LiteralFilters } from "./literal_filters.ts";
import { Matches } from "./matches.ts";
import { TopicLevels } from "./topic_levels.ts";
import { hasWildcard, topicMatchesFilter } from "./topic_filter.ts";

const NUMBER_SIGN = 0x23;
/** Comparing a topic with so many filters takes about as long as a match; a power of two. */
const CHANGES_KEPT = 16;

/** Of the match under way, which calls nobody: one for all tries. */
const levels = new TopicLevels();

/** T is what a subscription is to the caller: an object compared by identity. One filter holds any number of them. */
export class SubscriptionTrie<T> {
  readonly #literalFilters = new LiteralFilters<T | Several<T>>();
  readonly #root = new FilterNode<T>("");
  #wildcardFilters = 0;
  #nodes = 0;
  #size = 0;
  #version = 0;
  /** Of the last changes, by their version. */
  readonly #changedFilters: string[] = new Array(CHANGES_KEPT).fill("");
  readonly #walk = new FilterWalk<T>();
  #matches: Matches<T> | undefined = new Matches<T>();

  /** Number of (filter, value) pairs. */
  get size(): number {
    return this.#size;
  }

  /** Number of filters and trie nodes; 0 when every subscription is gone: nothing leaks. */
  get nodeCount(): number {
    return this.#literalFilters.size + this.#wildcardFilters + this.#nodes;
  }

  /** Grows by one with each change: what was found under another number may be stale. */
  get version(): number {
    return this.#version;
  }

  /** Whether a match of the topic may have changed since version `since`: one of the filters that came or went matches it,
   * or there are more of them than a new match costs. */
  concern(topicName: string, since: number): boolean {
    if (this.#version - since > CHANGES_KEPT) return true;
    for (let version = since; version < this.#version; version++) {
      if (topicMatchesFilter(topicName, this.#changedFilters[version & (CHANGES_KEPT - 1)])) return true;
    }
    return false;
  }

  #changed(topicFilter: string): void {
    this.#changedFilters[this.#version++ & (CHANGES_KEPT - 1)] = topicFilter;
  }

  /** `topicFilter` is valid (topic_filter.ts) and has no $share prefix. @returns false if the pair was there already.
   * O(bytes of the filter). */
  insert(topicFilter: string, value: T): boolean {
    invariant(value !== undefined, "undefined is no subscription");
    if (!hasWildcard(topicFilter)) {
      const filter = this.#literalFilters.get(topicFilter);
      if (filter === undefined) this.#literalFilters.add(topicFilter, value);
      else if (holds(filter.values, value)) return false;
      else filter.values = withValue(filter.values, value);
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
    this.#changed(topicFilter);
    return true;
  }

  /** @returns false if there was no such pair. O(bytes of the filter), also with a million values on one filter. */
  remove(topicFilter: string, value: T): boolean {
    if (!hasWildcard(topicFilter)) {
      const filter = this.#literalFilters.get(topicFilter);
      if (filter === undefined || !holds(filter.values, value)) return false;
      const rest = withoutValue(filter.values, value);
      if (rest === undefined) this.#literalFilters.remove(filter);
      else filter.values = rest;
    } else if (!this.#removeWildcard(topicFilter, value)) {
      return false;
    }
    this.#size--;
    this.#changed(topicFilter);
    return true;
  }

  /** Adds to `matches` each value whose filter matches; a value under several matching filters comes once for each.
   * A leading wildcard does not match a topic that begins with $ [MQTT-4.7.2-1]. */
  collect(topicName: string, matches: Matches<T>): void {
    levels.read(topicName);
    this.#collect(matches);
  }

  /** The same for a Topic Name where it was read, without making a string of it: well-formed UTF-8. */
  collectBytes(buffer: Uint8Array, start: number, end: number, matches: Matches<T>): void {
    levels.readBytes(buffer, start, end);
    this.#collect(matches);
  }

  #collect(matches: Matches<T>): void {
    if (this.#literalFilters.size > 0) {
      const literal = this.#literalFilters.find(levels);
      if (literal !== undefined) addAll(literal.values, matches);
    }
    if (this.#wildcardFilters > 0) this.#walk.run(this.#root, levels, matches);
  }

  /** The same, one by one. `visit` may insert, remove and match; it does not meet what it inserts. */
  match(topicName: string, visit: (value: T) => void): void {
    // Taken by the match under way, so that a visitor may begin another one.
    const matches = this.#matches ?? new Matches<T>();
    this.#matches = undefined;
    try {
      // First all is found, then visited: no visitor can change the nodes under our feet.
      this.collect(topicName, matches);
      for (let index = 0; index < matches.count; index++) visit(matches.values[index]!);
    } finally {
      matches.clear();
      this.#matches = matches;
    }
  }

  /** The node of a filter, made if need be. Every way through here ends with values put on what it returns. */
  #nodeFor(topicFilter: string): FilterNode<T> {
    let node = this.#root;
    const end = levelsEnd(topicFilter);
    for (let at = 0; at <= end;) {
      const child = childFor(node, topicFilter, at, end);
      if (child === undefined) {
        const leaf = new FilterNode<T>(nodeText(topicFilter, at, end));
        addChild(node, leaf);
        this.#nodes++;
        return leaf;
      }
      const shared = sharedLevels(child.text, topicFilter, at, end);
      if (shared < child.text.length) {
        // The filters part, or this one ends, within the child's text: a new node takes over the part they share.
        const upper = new FilterNode<T>(nodeText(child.text, 0, shared));
        replaceChild(node, child, upper);
        child.text = nodeText(child.text, shared + 1, child.text.length);
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
      const text = `${node.text}/${child.text}`;
      child.text = nodeText(text, 0, text.length);
      replaceChild(parent, node, child);
    }
    this.#nodes--;
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
