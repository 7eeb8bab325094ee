/** What a Topic Filter may be, and which names it matches. Spec §4.7.1 – §4.7.3; most cases are the spec's own.
 * @module */

import { assert, assertEquals, assertFalse } from "@std/assert";
import fc from "fast-check";
import { hasWildcard, isValidTopicFilter, topicMatchesFilter } from "../../src/topic/topic_filter.ts";
import { topicFilter, topicName } from "./arbitraries.ts";

Deno.test("[MQTT-4.7.1-1] # stands alone or after a slash, and last", () => {
  for (const filter of ["#", "/#", "sport/tennis/#", "sport/#", "+/#", "//#", "$SYS/#"]) {
    assert(isValidTopicFilter(filter), filter);
  }
  for (
    const filter of ["sport/tennis#", "sport/tennis/#/ranking", "#/", "##", "#a", "a/#b", "/##", "+#", "#+", "a#/"]
  ) {
    assertFalse(isValidTopicFilter(filter), filter);
  }
});

Deno.test("[MQTT-4.7.1-2] + fills a whole level", () => {
  for (const filter of ["+", "+/tennis/#", "sport/+/player1", "/+", "+/", "+/+", "/+/", "a/+"]) {
    assert(isValidTopicFilter(filter), filter);
  }
  for (const filter of ["sport+", "+sport", "a/b+", "a/+b", "++", "a/++/b", "+a/b", "a+/b"]) {
    assertFalse(isValidTopicFilter(filter), filter);
  }
});

Deno.test("[MQTT-4.7.3-1] a Topic Filter has at least one character", () => {
  assertFalse(isValidTopicFilter(""));
  assert(isValidTopicFilter("/"));
});

Deno.test("[MQTT-4.7.3-2] a Topic Filter has no U+0000", () => {
  for (const filter of ["\0", "a/\0", "\0/+", "+/\0/#"]) assertFalse(isValidTopicFilter(filter));
});

Deno.test("[MQTT-4.7.3-3] a Topic Filter has at most 65,535 bytes of UTF-8", () => {
  assert(isValidTopicFilter("/".repeat(65_534) + "#"));
  assertFalse(isValidTopicFilter("/".repeat(65_535) + "#"));
  assert(isValidTopicFilter("€".repeat(21_845)));
  assertFalse(isValidTopicFilter("€".repeat(21_845) + "/"));
  assertFalse(isValidTopicFilter("a/\uD800/+"));
});

Deno.test("hasWildcard() is true for + and #", () => {
  for (const filter of ["+", "#", "a/+", "+/a", "a/#", "a/+/b"]) assert(hasWildcard(filter), filter);
  for (const filter of ["a", "/", "a/b/", "$SYS/a"]) assertFalse(hasWildcard(filter), filter);
});

/** filter, names that match, names that do not. */
const MATCHES: [filter: string, names: string[], others: string[]][] = [
  [
    "sport/tennis/player1/#",
    ["sport/tennis/player1", "sport/tennis/player1/ranking", "sport/tennis/player1/score/wimbledon"],
    ["sport/tennis", "sport/tennis/player10", "sport/tennis/player", "sport/tennis/player2/ranking"],
  ],
  ["sport/#", ["sport", "sport/", "sport/tennis", "sport//"], ["sports", "spor", "/sport", "Sport"]],
  ["#", ["a", "/", "a/b", "//", "sport/$x"], ["$SYS", "$SYS/a", "$"]],
  ["/#", ["/", "/a", "//", "/a/b", "/$SYS"], ["a", "a/b"]],
  ["sport/tennis/+", ["sport/tennis/player1", "sport/tennis/"], ["sport/tennis", "sport/tennis/player1/ranking"]],
  ["sport/+", ["sport/", "sport/tennis"], ["sport", "sport/tennis/player1"]],
  ["+/tennis/#", ["sport/tennis", "/tennis", "sport/tennis/a"], ["tennis", "sport/tenni", "$SYS/tennis", "a/b/tennis"]],
  ["+", ["finance", "a$"], ["/finance", "a/b", "$SYS", "a/"]],
  ["+/+", ["/finance", "a/b", "/", "a/"], ["finance", "a/b/c", "$SYS/a", "//"]],
  ["/+", ["/finance", "/"], ["finance", "/a/b", "a/finance"]],
  ["+/", ["a/", "/"], ["a", "a/b"]],
  ["a/+/c", ["a/b/c", "a//c"], ["a/c", "a/b/b/c", "a/b/c/", "a/b/cc", "a/b"]],
  ["+/+/#", ["a/b", "/", "a/b/c/d"], ["a", "$a/b"]],
  ["a/b", ["a/b"], ["a", "a/b/", "a/bc", "a/B", "/a/b", "b/a", "a//b"]],
  ["/", ["/"], ["a", "//", "/a"]],
  ["$SYS/#", ["$SYS", "$SYS/", "$SYS/monitor/Clients"], ["SYS", "$SYSTEM", "$sys/monitor"]],
  ["$SYS/monitor/+", ["$SYS/monitor/Clients"], ["$SYS/monitor"]],
  ["$SYS/+", ["$SYS/$x"], []],
];

Deno.test("topicMatchesFilter() matches as the examples of §4.7.1 say", () => {
  for (const [filter, names, others] of MATCHES) {
    for (const name of names) assert(topicMatchesFilter(name, filter), `${name} should match ${filter}`);
    for (const name of others) assertFalse(topicMatchesFilter(name, filter), `${name} should not match ${filter}`);
  }
});

Deno.test("[MQTT-4.7.2-1] a filter that begins with a wildcard does not match a topic that begins with $", () => {
  for (const filter of ["#", "+/#", "+/monitor/Clients", "+/+/+", "+/monitor/#"]) {
    assertFalse(topicMatchesFilter("$SYS/monitor/Clients", filter), filter);
    assert(topicMatchesFilter("SYS/monitor/Clients", filter), filter);
  }
  for (const filter of ["$SYS/#", "$SYS/+/Clients", "$SYS/monitor/+", "$SYS/monitor/Clients"]) {
    assert(topicMatchesFilter("$SYS/monitor/Clients", filter), filter);
  }
});

Deno.test("[MQTT-4.7.3-4] matching normalises nothing and replaces nothing", () => {
  const pairs = [["\u00e9", "e\u0301"], ["ACCOUNTS", "Accounts"], ["a/b", "a//b"], ["a", "a "], ["ﬁ", "fi"]];
  for (const [one, other] of pairs) {
    assertFalse(topicMatchesFilter(one, other));
    assertFalse(topicMatchesFilter(`${one}/x`, `${other}/+`));
    assert(topicMatchesFilter(`${one}/x`, `${one}/+`));
  }
});

Deno.test("topicMatchesFilter() takes 65,535 slashes", () => {
  const name = "/".repeat(65_535);
  assert(topicMatchesFilter(name, name));
  assert(topicMatchesFilter(name, "+/".repeat(32_767) + "#"));
  assertFalse(topicMatchesFilter(name, "+/".repeat(32_767)));
  assertFalse(topicMatchesFilter("+/".repeat(100), name));
});

/** §4.7 word by word, with levels cut apart. */
function matchesByDefinition(name: string, filter: string): boolean {
  const nameLevels = name.split("/");
  const filterLevels = filter.split("/");
  if (name.startsWith("$") && ["+", "#"].includes(filterLevels[0])) return false;
  const isOpen = filterLevels.at(-1) === "#";
  const fixed = isOpen ? filterLevels.slice(0, -1) : filterLevels;
  if (isOpen ? nameLevels.length < fixed.length : nameLevels.length !== fixed.length) return false;
  return fixed.every((level, index) => level === "+" || level === nameLevels[index]);
}

Deno.test("topicMatchesFilter() does what the definition says", () => {
  fc.assert(
    fc.property(topicName, topicFilter, (name, filter) => {
      assert(isValidTopicFilter(filter));
      assertEquals(topicMatchesFilter(name, filter), matchesByDefinition(name, filter));
    }),
    { numRuns: 5_000 },
  );
});

Deno.test("isValidTopicFilter() does what the definition says", () => {
  const text = fc.string({ unit: fc.constantFrom("a", "/", "+", "#"), maxLength: 6 });
  fc.assert(
    fc.property(text, (filter) => {
      const levels = filter.split("/");
      const expected = filter !== "" &&
        levels.every((level, index) =>
          level === "+" || (level === "#" && index === levels.length - 1) || !/[+#]/.test(level)
        );
      assertEquals(isValidTopicFilter(filter), expected);
    }),
    { numRuns: 2_000 },
  );
});
