/** Mirrors src/topic/topic_levels.ts. @module */

import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { levelHash } from "../../src/topic/level_hash.ts";
import { TopicLevels } from "../../src/topic/topic_levels.ts";
import { topicName } from "./arbitraries.ts";

const encoder = new TextEncoder();

function readAsBytes(levels: TopicLevels, name: string): void {
  const buffer = encoder.encode(`..${name}..`);
  levels.readBytes(buffer, 2, buffer.length - 2);
}

function assertLevels(levels: TopicLevels, name: string): void {
  const texts = name.split("/");
  assertEquals(levels.count, texts.length);
  assert(texts.every((text, level) => levels.textOf(level) === text), name);
  assertEquals([levels.length, levels.isServerTopic], [name.length, name.startsWith("$")]);
  const hashes = texts.map((text) => levelHash(text, 0, text.length));
  for (let times = 0; times < 2; times++) assert(hashes.every((hash, level) => levels.hashOf(level) === hash), name);
}

Deno.test("TopicLevels are the same of a string and of its bytes, one after the other in the same object", () => {
  const levels = new TopicLevels();
  fc.assert(fc.property(topicName, (name) => {
    levels.read(name);
    assertLevels(levels, name);
    const { wholeHash } = levels;
    readAsBytes(levels, name);
    assertLevels(levels, name);
    assertEquals([levels.wholeHash, wholeHash], [levelHash(name, 0, name.length), levels.wholeHash]);
  }));
});

Deno.test("TopicLevels take 65,535 slashes, long levels and none at all, and let go of the room", () => {
  const levels = new TopicLevels();
  for (const name of ["/".repeat(65_535), "x".repeat(65_535), "", "a/b", "$SYS/x", "/", "x".repeat(300) + "/y"]) {
    levels.read(name);
    assertLevels(levels, name);
    readAsBytes(levels, name);
    assertLevels(levels, name);
  }
  levels.read("a");
  assert(levels.units.length < 1_000 && levels.ends.length < 1_000);
});

Deno.test("TopicLevels.readBytes() reads whatever a string can hold that has a UTF-8", () => {
  const levels = new TopicLevels();
  const edges = ["\u007f", "\u0080", "\u07ff", "\u0800", "\ufeff", "\uffff", "\u{10000}", "\u{10ffff}"];
  for (const name of [...edges, edges.join("/"), "a/b/\u{1f600}/c", "\u00e9/x"]) {
    readAsBytes(levels, name);
    assertLevels(levels, name);
  }
  fc.assert(fc.property(fc.string({ unit: "binary" }), (name) => {
    readAsBytes(levels, name);
    assertLevels(levels, name);
  }));
});
