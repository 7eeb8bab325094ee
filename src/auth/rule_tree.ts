/** Which rules may speak of a topic: their Topic Filters level by level. It finds a rule too many where a leading wildcard
 * meets a topic that begins with $: who asks looks at what is found.
 * Not the trie of subscriptions (src/topic): that one is compiled for the subscriptions that it holds, and with rules in
 * another one each message with a new topic took a quarter longer. Room: pure; no recursion. @module */

const NUMBER_SIGN = "#";
const PLUS = "+";

class RuleNode<T> {
  literals: Map<string, RuleNode<T>> | undefined = undefined;
  plus: RuleNode<T> | undefined = undefined;
  /** Of filters that end here. */
  readonly ending: T[] = [];
  /** Of filters that go on with # alone. */
  readonly open: T[] = [];

  child(level: string): RuleNode<T> {
    if (level === PLUS) return this.plus ??= new RuleNode();
    this.literals ??= new Map();
    let child = this.literals.get(level);
    if (child === undefined) this.literals.set(level, child = new RuleNode());
    return child;
  }
}

export class RuleTree<T> {
  readonly #root = new RuleNode<T>();

  insert(topicFilter: string, rule: T): void {
    let node = this.#root;
    for (const level of topicFilter.split("/")) {
      if (level === NUMBER_SIGN) {
        node.open.push(rule);
        return;
      }
      node = node.child(level);
    }
    node.ending.push(rule);
  }

  /** Each rule whose filter matches, in no order. */
  match(topicName: string, visit: (rule: T) => void): void {
    const nodes = [this.#root];
    const starts = [0];
    for (let node = nodes.pop(); node !== undefined; node = nodes.pop()) {
      const start = starts.pop()!;
      node.open.forEach(visit);
      if (start > topicName.length) {
        node.ending.forEach(visit);
        continue;
      }
      const slash = topicName.indexOf("/", start);
      const end = slash === -1 ? topicName.length : slash;
      const literal = node.literals?.get(topicName.substring(start, end));
      for (const child of [node.plus, literal]) {
        if (child === undefined) continue;
        nodes.push(child);
        starts.push(end + 1);
      }
    }
  }
}
