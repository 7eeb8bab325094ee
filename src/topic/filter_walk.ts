/** One match of a Topic Name against the nodes of the subscription trie: the nodes that wait to be looked at. Kept from match
 * to match, so that a match allocates nothing. Room: pure; no recursion. @module */

import { type FilterNode, Several } from "./filter_node.ts";
import type { Matches } from "./matches.ts";
import type { TopicLevels } from "./topic_levels.ts";

const PLUS = 0x2b;
const SLASH = 0x2f;

/** Nodes that wait for which room is kept. */
const SCRATCH_KEPT = 64;

export class FilterWalk<T> {
  /** Nodes whose first level is to be compared with the level at the same place of #depths. */
  readonly #nodes: (FilterNode<T> | undefined)[] = [];
  readonly #depths: number[] = [];
  #waiting = 0;

  /** Adds to `matches` the values of all filters below `root` that match. */
  run(root: FilterNode<T>, levels: TopicLevels, matches: Matches<T>): void {
    this.#waiting = 0;
    this.#pushLiteral(root, levels, 0);
    if (!levels.isServerTopic) {
      if (root.plus !== undefined) this.#push(root.plus, 0);
      if (root.open !== undefined) addAll(root.open, matches);
    }
    while (this.#waiting > 0) {
      const node = this.#nodes[--this.#waiting]!;
      this.#nodes[this.#waiting] = undefined;
      const depth = depthAfter(node.text, levels, this.#depths[this.#waiting]);
      if (depth === 0) continue;
      if (node.open !== undefined) addAll(node.open, matches);
      if (depth === levels.count) {
        if (node.ending !== undefined) addAll(node.ending, matches);
        continue;
      }
      if (node.plus !== undefined) this.#push(node.plus, depth);
      this.#pushLiteral(node, levels, depth);
    }
    if (this.#nodes.length > SCRATCH_KEPT) this.#nodes.length = this.#depths.length = SCRATCH_KEPT;
  }

  #push(node: FilterNode<T>, depth: number): void {
    this.#nodes[this.#waiting] = node;
    this.#depths[this.#waiting] = depth;
    this.#waiting++;
  }

  #pushLiteral(node: FilterNode<T>, levels: TopicLevels, depth: number): void {
    // An only child is compared when its turn comes.
    if (node.literal !== undefined) {
      this.#push(node.literal, depth);
    } else if (node.literals !== undefined) {
      const child = node.literals.findLevel(levels, depth);
      if (child !== undefined) this.#push(child, depth);
    }
  }
}

/** Compares all levels of a node's text with the topic's from `depth` on, which the topic has.
 * @returns the depth after them, or 0 when they differ. */
function depthAfter(text: string, levels: TopicLevels, depth: number): number {
  const { units, ends, count } = levels;
  const textEnd = text.length;
  for (let textAt = 0; depth < count; depth++) {
    if (text.charCodeAt(textAt) === PLUS) {
      textAt++;
    } else {
      const end = ends[depth];
      // Within a level the topic has no slash; so the text's next slash, or its end, stops this as well.
      for (let at = levels.startOf(depth); at < end; at++, textAt++) {
        if (text.charCodeAt(textAt) !== units[at]) return 0;
      }
      if (textAt < textEnd && text.charCodeAt(textAt) !== SLASH) return 0;
    }
    if (textAt++ >= textEnd) return depth + 1;
  }
  return 0;
}

export function addAll<T>(values: T | Several<T>, matches: Matches<T>): void {
  if (values instanceof Several) {
    for (const value of values.values) matches.add(value);
  } else {
    matches.add(values);
  }
}
