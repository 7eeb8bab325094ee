/** Mirrors src/topic/topic_levels.ts. @module */

import { assert, assertEquals, assertFalse } from "@std/assert";
import fc from "fast-check";
import { levelHash } from "../../src/topic/level_hash.ts";
import { TopicLevels } from "../../src/topic/topic_levels.ts";
import { topicName } from "./arbitraries.ts";

const encoder = new TextEncoder();

/** @returns false when it takes the string. */
function readAsBytes(levels: TopicLevels, name: string): boolean {
  const buffer = encoder.encode(`..${name}..`);
  return levels.readBytes(buffer, 2, buffer.length - 2);
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
    const isAscii = encoder.encode(name).length === name.length;
    assertEquals(readAsBytes(levels, name), isAscii);
    if (isAscii) assertLevels(levels, name);
  }));
});

Deno.test("TopicLevels take 65,535 slashes, long levels and none at all, and let go of the room", () => {
  const levels = new TopicLevels();
  for (const name of ["/".repeat(65_535), "x".repeat(65_535), "", "a/b", "$SYS/x", "/", "x".repeat(300) + "/y"]) {
    levels.read(name);
    assertLevels(levels, name);
    assert(readAsBytes(levels, name));
    assertLevels(levels, name);
  }
  levels.read("a");
  assert(levels.units.length < 1_000 && levels.ends.length < 1_000);
});

Deno.test("TopicLevels.readBytes() leaves what is not ASCII to the string", () => {
  const levels = new TopicLevels();
  for (const name of ["\u00e9", "a/b/\u{1f600}", "\ufeff"]) assertFalse(readAsBytes(levels, name));
});
