/** One match of a Topic Name against the nodes of the subscription trie: the topic's levels, and the nodes that wait to be
 * looked at. Kept from match to match, so that a match allocates nothing. Room: pure; no recursion. @module */

import { type FilterNode, Several } from "./filter_node.ts";
import { levelHash } from "./level_hash.ts";
import type { Matches } from "./matches.ts";
import { isServerTopic } from "./topic_name.ts";

const PLUS = 0x2b;
const SLASH = 0x2f;

/** Levels of a topic for which scratch space is kept. */
const SCRATCH_KEPT = 64;

export class FilterWalk<T> {
  #topicName = "";
  /** Where the levels end that were found so far. */
  readonly #ends: number[] = [];
  #found = 0;
  /** Of the levels that were looked up so far; 0 = not yet. As many as there are ends. */
  readonly #hashes: number[] = [];
  /** Nodes whose first level is to be compared with the level at the same place of #depths. */
  readonly #nodes: (FilterNode<T> | undefined)[] = [];
  readonly #depths: number[] = [];
  #waiting = 0;

  /** Adds to `matches` the values of all filters below `root` that match. */
  run(root: FilterNode<T>, topicName: string, matches: Matches<T>): void {
    this.#topicName = topicName;
    this.#found = 0;
    this.#waiting = 0;
    this.#pushLiteral(root, 0);
    if (!isServerTopic(topicName)) {
      if (root.plus !== undefined) this.#push(root.plus, 0);
      if (root.open !== undefined) addAll(root.open, matches);
    }
    while (this.#waiting > 0) {
      const node = this.#nodes[--this.#waiting]!;
      this.#nodes[this.#waiting] = undefined;
      const depth = this.#depthAfter(node.text, this.#depths[this.#waiting]);
      if (depth === 0) continue;
      if (node.open !== undefined) addAll(node.open, matches);
      if (!this.#hasLevel(depth)) {
        if (node.ending !== undefined) addAll(node.ending, matches);
        continue;
      }
      if (node.plus !== undefined) this.#push(node.plus, depth);
      this.#pushLiteral(node, depth);
    }
    // Keeps neither the topic alive nor more room than usual topics need.
    this.#topicName = "";
    if (this.#ends.length > SCRATCH_KEPT) this.#trim();
  }

  #push(node: FilterNode<T>, depth: number): void {
    this.#nodes[this.#waiting] = node;
    this.#depths[this.#waiting] = depth;
    this.#waiting++;
  }

  #pushLiteral(node: FilterNode<T>, depth: number): void {
    // An only child is compared when its turn comes.
    if (node.literal !== undefined) {
      this.#push(node.literal, depth);
    } else if (node.literals !== undefined) {
      this.#hasLevel(depth);
      const start = this.#startOf(depth);
      const end = this.#ends[depth];
      let hash = this.#hashes[depth];
      if (hash === 0) hash = this.#hashes[depth] = levelHash(this.#topicName, start, end);
      const child = node.literals.find(hash, this.#topicName, start, end);
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
    this.#hashes[depth] = 0;
    this.#found = depth + 1;
    return true;
  }

  #startOf(depth: number): number {
    return depth === 0 ? 0 : this.#ends[depth - 1] + 1;
  }

  #trim(): void {
    this.#ends.length = SCRATCH_KEPT;
    this.#hashes.length = SCRATCH_KEPT;
    this.#nodes.length = Math.min(this.#nodes.length, SCRATCH_KEPT);
    this.#depths.length = Math.min(this.#depths.length, SCRATCH_KEPT);
  }
}

export function addAll<T>(values: T | Several<T>, matches: Matches<T>): void {
  if (values instanceof Several) {
    for (const value of values.values) matches.add(value);
  } else {
    matches.add(values);
  }
}
