/** src/cli/client/topic_tree_view.ts @module */

import { assert, assertEquals } from "@std/assert";
import {
  beginningOf,
  type SeenMessage,
  seenMessage,
  TopicTreeView,
  TREE_LIMITS,
} from "../../../src/cli/client/topic_tree_view.ts";

function seen(text: string, options: Partial<SeenMessage> = {}): SeenMessage {
  const payload = new TextEncoder().encode(text);
  return { payload, payloadBytes: payload.length, qos: 0, retain: false, properties: {}, atMs: 0, ...options };
}

function treeOf(...topics: string[]): TopicTreeView {
  const tree = new TopicTreeView();
  for (const topic of topics) tree.take(topic, seen(topic));
  return tree;
}

function shown(tree: TopicTreeView, matches?: (topicName: string) => boolean): string[] {
  return tree.rows(matches).map((node) => " ".repeat(node.depth) + node.level);
}

Deno.test("TopicTreeView.rows() has each level once, numbers in their order", () => {
  const tree = treeOf("a/sensor-10", "a/sensor-2", "b", "a/sensor-2/x", "a", "/", "a/sensor-2");
  assertEquals(shown(tree), ["", " ", "a", " sensor-2", "  x", " sensor-10", "b"]);
  assertEquals(tree.topics, 6);
  tree.take("a/sensor-1", seen(""));
  assertEquals(shown(tree).slice(2, 4), ["a", " sensor-1"]);
});

Deno.test("TopicTreeView counts messages of a level and of all below it", () => {
  const tree = treeOf("a/b", "a/b/c", "a/b/c", "d");
  tree.take("a/b/c", seen(""), 5);
  const [a, b, c, d] = tree.rows();
  assertEquals([a, b, c, d, tree.root].map(({ count }) => count), [8, 8, 7, 1, 9]);
  assertEquals([a, b, c, d, tree.root].map(({ topics }) => topics), [2, 2, 1, 1, 3]);
  assertEquals([a.last, new TextDecoder().decode(b.last!.payload)], [undefined, "a/b"]);
});

Deno.test("TopicTreeView.foldAll() and isFolded leave out what is below", () => {
  const tree = treeOf("a/b/c", "d/e");
  tree.foldAll(true);
  assertEquals(shown(tree), ["a", "d"]);
  const [a] = tree.rows();
  a.isFolded = false;
  assertEquals(shown(tree), ["a", " b", "d"]);
  tree.foldAll(false, a);
  assertEquals(shown(tree), ["a", " b", "  c", "d"]);
});

Deno.test("TopicTreeView.rows() of a filter shows topics that match and what is above them, folded or not", () => {
  const tree = treeOf("a/b/c", "a/x", "d/e", "a/b");
  tree.foldAll(true);
  assertEquals(shown(tree, (topic) => topic.endsWith("c")), ["a", " b", "  c"]);
  assertEquals(shown(tree, (topic) => topic === "a"), [], "a is no topic: nothing was published on it");
});

Deno.test("TopicTreeView.sample() gives the rate of a level, and lets it fade", () => {
  const tree = treeOf();
  tree.sample(0);
  for (let i = 0; i < 50; i++) tree.take("a/b", seen(""));
  tree.sample(1000);
  const [a, b] = tree.rows();
  assertEquals([a.rate, b.rate, tree.root.rate], [50, 50, 50]);
  tree.sample(2000);
  assert(b.rate > 0 && b.rate < 50);
  for (let s = 3; s < 60; s++) tree.sample(1000 * s);
  assertEquals(b.rate, 0);
});

Deno.test("TopicTreeView has a bound: what there is no room for is counted, and leaves no half topic", () => {
  const tree = new TopicTreeView({ ...TREE_LIMITS, nodesMax: 4 });
  tree.take("a/b/c", seen(""));
  tree.take("x/y", seen(""), 3);
  tree.take("d", seen(""));
  tree.take("e", seen(""));
  tree.take("a/b/c", seen(""));
  assertEquals([shown(tree), tree.leftOut, tree.root.count], [["a", " b", "  c", "d"], 4, 3]);
});

Deno.test("TopicTreeView shows a topic of very many levels as a tree that is not very deep", () => {
  const tree = treeOf("/".repeat(65_535), "a/".repeat(40) + "end", "a/".repeat(40) + "other");
  const depths = tree.rows().map(({ depth }) => depth);
  assertEquals([Math.max(...depths), depths.length], [31, 32 + 33]);
  assertEquals(tree.rows().at(-1)!.topicName, "a/".repeat(40) + "other");
});

Deno.test("seenMessage() keeps the beginning of a long payload and of long properties, and no larger buffer", () => {
  const buffer = new Uint8Array(100_000);
  const message = {
    topicName: "t",
    payload: buffer.subarray(10, 20),
    qos: 1,
    retain: true,
    dup: false,
    packetIdentifier: 1,
    properties: {
      contentType: "c".repeat(1000),
      correlationData: new Uint8Array(1000),
      userProperties: Array.from({ length: 100 }, (): [string, string] => ["n".repeat(1000), "v"]),
      messageExpiryInterval: 5,
    },
    text: () => "",
    json: () => null,
  } as const;
  const kept = seenMessage(message, 7, TREE_LIMITS);
  assertEquals([kept.payload.length, kept.payload.buffer.byteLength, kept.payloadBytes], [10, 10, 10]);
  assertEquals([kept.qos, kept.retain, kept.atMs, kept.properties.messageExpiryInterval], [1, true, 7, 5]);
  assertEquals([kept.properties.contentType!.length, kept.properties.correlationData!.length], [256, 256]);
  assertEquals([kept.properties.userProperties!.length, kept.properties.userProperties![0][0].length], [16, 256]);
  const long = seenMessage({ ...message, payload: buffer }, 7, TREE_LIMITS);
  assertEquals([long.payload.length, long.payloadBytes], [4096, 100_000]);
});

Deno.test("beginningOf() cuts no character of UTF-8, and bytes where they are to be cut", () => {
  const bytes = new TextEncoder().encode("aü🌱b");
  const cuts = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9].map((bytesMax) => new TextDecoder().decode(beginningOf(bytes, bytesMax)));
  assertEquals(cuts, ["", "a", "a", "aü", "aü", "aü", "aü", "aü🌱", "aü🌱b", "aü🌱b"]);
  assertEquals(beginningOf(new Uint8Array(20).fill(0x80), 10).length, 10);
});
