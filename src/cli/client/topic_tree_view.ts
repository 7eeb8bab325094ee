/** Topics as a tree of levels, as they come in: the last message of each, how many there were, and at what rate. Bounded: so
 * many levels in all, so many bytes of a payload; what is beyond is counted. Room: pure; the time is given to it.
 * @module */

import type { Message } from "../../client/client.ts";

/** What is kept of a message. */
export interface SeenMessage {
  /** Its beginning, if it is long. */
  readonly payload: Uint8Array;
  readonly payloadBytes: number;
  readonly qos: Message["qos"];
  readonly retain: boolean;
  readonly properties: Message["properties"];
  /** Of the wall clock. */
  readonly atMs: number;
}

export interface TreeLimits {
  /** Levels of the tree, each of which is a row. */
  readonly nodesMax: number;
  readonly payloadBytesMax: number;
}

export const TREE_LIMITS: TreeLimits = { nodesMax: 20_000, payloadBytesMax: 4096 };

/** What is deeper stands in one level, slashes and all. */
const DEPTH_MAX = 32;
const PROPERTY_LENGTH_MAX = 256;
const USER_PROPERTIES_MAX = 16;
const UTF8_CONTINUATION_MAX = 3;
/** Of the new rate in the one that is shown. */
const RATE_WEIGHT = 0.4;
/** Below this nothing is shown. */
const RATE_MIN = 0.005;

/** One level. */
export class TopicNode {
  readonly children = new Map<string, TopicNode>();
  last: SeenMessage | undefined;
  /** Messages on this topic, and on those below. */
  count = 0;
  /** Of `count`, a second. */
  rate = 0;
  /** Topics with a message, this one and those below. */
  topics = 0;
  isFolded = false;
  sampledCount = 0;

  constructor(
    readonly parent: TopicNode | undefined,
    readonly level: string,
    readonly topicName: string,
    readonly depth: number,
  ) {}
}

export class TopicTreeView {
  readonly root = new TopicNode(undefined, "", "", -1);
  /** Messages on topics that there was no room for. */
  leftOut = 0;
  readonly #byTopic = new Map<string, TopicNode>();
  #nodes = 0;
  #sampledAtMs: number | undefined;

  constructor(readonly limits: TreeLimits = TREE_LIMITS) {}

  get topics(): number {
    return this.#byTopic.size;
  }

  /** @param times how many messages it stands for. */
  take(topicName: string, message: SeenMessage, times = 1): void {
    const node = this.#byTopic.get(topicName) ?? this.#make(topicName);
    if (node === undefined) {
      this.leftOut += times;
      return;
    }
    node.last = message;
    for (let at: TopicNode | undefined = node; at !== undefined; at = at.parent) at.count += times;
  }

  /** Brings the rates up to date; called about once a second. */
  sample(nowMs: number): void {
    const seconds = this.#sampledAtMs === undefined ? 0 : (nowMs - this.#sampledAtMs) / 1000;
    this.#sampledAtMs = nowMs;
    for (const node of this.#all(this.root)) {
      const rate = seconds > 0 ? (node.count - node.sampledCount) / seconds : 0;
      node.rate = node.rate === 0 ? rate : node.rate + RATE_WEIGHT * (rate - node.rate);
      if (node.rate < RATE_MIN) node.rate = 0;
      node.sampledCount = node.count;
    }
  }

  /** Folds or unfolds all that is below. */
  foldAll(isFolded: boolean, below: TopicNode = this.root): void {
    for (const node of this.#all(below)) {
      if (node !== this.root && node.children.size > 0) node.isFolded = isFolded;
    }
  }

  /** Rows from top to bottom. @param matches undefined = all; otherwise those topics, and what is above them, unfolded. */
  rows(matches?: (topicName: string) => boolean): TopicNode[] {
    const rows: TopicNode[] = [];
    if (matches === undefined) this.#addRows(this.root, rows);
    else this.#addMatching(this.root, rows, matches);
    return rows;
  }

  #addRows(node: TopicNode, rows: TopicNode[]): void {
    for (const child of inOrder(node)) {
      rows.push(child);
      if (!child.isFolded) this.#addRows(child, rows);
    }
  }

  /** @returns whether anything was added. */
  #addMatching(node: TopicNode, rows: TopicNode[], matches: (topicName: string) => boolean): boolean {
    const before = rows.length;
    for (const child of inOrder(node)) {
      const at = rows.length;
      rows.push(child);
      const isBelow = this.#addMatching(child, rows, matches);
      if (!isBelow && !(child.last !== undefined && matches(child.topicName))) rows.length = at;
    }
    return rows.length > before;
  }

  *#all(node: TopicNode): Generator<TopicNode> {
    yield node;
    for (const child of node.children.values()) yield* this.#all(child);
  }

  /** @returns undefined when the tree has no room for all its levels. */
  #make(topicName: string): TopicNode | undefined {
    const ends = levelEnds(topicName);
    let node = this.root;
    let depth = 0;
    let begin = 0;
    for (; depth < ends.length; depth++) {
      const child = node.children.get(topicName.slice(begin, ends[depth]));
      if (child === undefined) break;
      node = child;
      begin = ends[depth] + 1;
    }
    if (this.#nodes + ends.length - depth > this.limits.nodesMax) return undefined;
    for (; depth < ends.length; depth++) {
      const level = topicName.slice(begin, ends[depth]);
      const child = new TopicNode(node, level, topicName.slice(0, ends[depth]), depth);
      node.children.set(level, child);
      this.#nodes++;
      node = child;
      begin = ends[depth] + 1;
    }
    this.#byTopic.set(topicName, node);
    for (let at: TopicNode | undefined = node; at !== undefined; at = at.parent) at.topics++;
    return node;
  }
}

/** Where each level ends. */
function levelEnds(topicName: string): number[] {
  const ends: number[] = [];
  let slash = topicName.indexOf("/");
  while (slash >= 0 && ends.length < DEPTH_MAX - 1) {
    ends.push(slash);
    slash = topicName.indexOf("/", slash + 1);
  }
  ends.push(topicName.length);
  return ends;
}

/** Numbers by their value: sensor-2 before sensor-10. */
const collator = new Intl.Collator("en", { numeric: true });
const sorted = new WeakMap<TopicNode, TopicNode[]>();

/** Sorted again only when there are more of them: children never leave. */
function inOrder(node: TopicNode): TopicNode[] {
  const before = sorted.get(node);
  if (before?.length === node.children.size) return before;
  const children = [...node.children.values()].sort((a, b) => collator.compare(a.level, b.level));
  sorted.set(node, children);
  return children;
}

/** What is worth keeping of a message, in bounded memory. */
export function seenMessage(message: Message, atMs: number, { payloadBytesMax }: TreeLimits): SeenMessage {
  const { payload, qos, retain, properties } = message;
  // A view of a large buffer would keep all of that.
  const isOwn = payload.length <= payloadBytesMax && payload.buffer.byteLength <= 2 * payload.length + 64;
  return {
    payload: isOwn ? payload : beginningOf(payload, payloadBytesMax).slice(),
    payloadBytes: payload.length,
    qos,
    retain,
    properties: bounded(properties),
    atMs,
  };
}

/** At most so many bytes; of UTF-8 no part of a character, which would make it look like something else. */
export function beginningOf(payload: Uint8Array, bytesMax: number): Uint8Array {
  if (payload.length <= bytesMax) return payload;
  let end = bytesMax;
  // A character has at most three bytes of continuation.
  while (end > bytesMax - UTF8_CONTINUATION_MAX && end > 0 && (payload[end] & 0xc0) === 0x80) end--;
  return payload.subarray(0, (payload[end] & 0xc0) === 0x80 ? bytesMax : end);
}

function bounded(properties: Message["properties"]): Message["properties"] {
  const { contentType, responseTopic, correlationData, userProperties } = properties;
  return {
    ...properties,
    ...(contentType === undefined ? {} : { contentType: cut(contentType) }),
    ...(responseTopic === undefined ? {} : { responseTopic: cut(responseTopic) }),
    ...(correlationData === undefined ? {} : { correlationData: correlationData.slice(0, PROPERTY_LENGTH_MAX) }),
    ...(userProperties === undefined ? {} : {
      userProperties: userProperties.slice(0, USER_PROPERTIES_MAX).map(([name, value]) => [cut(name), cut(value)]),
    }),
  };
}

function cut(text: string): string {
  return text.length > PROPERTY_LENGTH_MAX ? text.slice(0, PROPERTY_LENGTH_MAX - 1) + "…" : text;
}
