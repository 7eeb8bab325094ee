/** What a Topic Name may be. Spec §4.7. @module */

import { assert, assertEquals, assertFalse } from "@std/assert";
import fc from "fast-check";
import { fitsUtf8String, isServerTopic, isValidTopicName, topicLevels } from "../../src/topic/topic_name.ts";
import { topicName } from "./arbitraries.ts";

Deno.test("[MQTT-4.7.0-1] a Topic Name with a wildcard is none", () => {
  for (const name of ["+", "#", "a/+", "a/#", "+/a", "a+b", "a#", "a/b#c/d"]) assertFalse(isValidTopicName(name), name);
});

Deno.test("[MQTT-4.7.3-1] a Topic Name has at least one character", () => {
  assertFalse(isValidTopicName(""));
  for (const name of ["a", "/", " ", "//", "$", "\uFEFF", "\u{10FFFF}"]) assert(isValidTopicName(name), name);
});

Deno.test("[MQTT-4.7.3-2] a Topic Name has no U+0000", () => {
  for (const name of ["\0", "a\0", "\0a", "a/\0/b"]) assertFalse(isValidTopicName(name));
});

Deno.test("[MQTT-4.7.3-3] a Topic Name has at most 65,535 bytes of UTF-8", () => {
  const cases: [unit: string, bytes: number][] = [["a", 1], ["/", 1], ["é", 2], ["€", 3], ["😀", 4]];
  for (const [unit, bytes] of cases) {
    const count = Math.floor(65_535 / bytes);
    const rest = "a".repeat(65_535 - count * bytes);
    assert(isValidTopicName(unit.repeat(count) + rest), unit);
    assertFalse(isValidTopicName(unit.repeat(count) + rest + "a"), unit);
  }
});

Deno.test("isValidTopicName() refuses half a surrogate pair, which has no UTF-8", () => {
  for (const name of ["\uD800", "a/\uDC00", "\uDC00\uD800"]) assertFalse(isValidTopicName(name));
});

Deno.test("fitsUtf8String() counts the bytes that TextEncoder makes", () => {
  const encoder = new TextEncoder();
  const unit = fc.constantFrom("a", "é", "€", "😀", "\u07FF", "\u0800", "\uFFFF");
  fc.assert(fc.property(unit, unit, fc.integer({ min: 10_000, max: 40_000 }), (first, second, count) => {
    const text = (first + second).repeat(count / 2);
    assertEquals(fitsUtf8String(text), encoder.encode(text).length <= 65_535);
  }));
});

Deno.test("topicLevels() counts empty levels, too", () => {
  const cases: [name: string, levels: number][] = [["a", 1], ["/", 2], ["/a", 2], ["a/", 2], ["a//b", 3], ["a/b/#", 3]];
  for (const [name, levels] of cases) assertEquals(topicLevels(name), levels, name);
  assertEquals(topicLevels("/".repeat(65_535)), 65_536);
  fc.assert(fc.property(topicName, (name) => assertEquals(topicLevels(name), name.split("/").length)));
});

Deno.test("isServerTopic() is true for a leading $ only", () => {
  for (const name of ["$SYS", "$", "$SYS/a", "$share/x"]) assert(isServerTopic(name), name);
  for (const name of ["", "a", "/$SYS", "a$", "SYS"]) assertFalse(isServerTopic(name), name);
});
