/** Which Topic Filter covers which, and which have a Topic Name in common. Spec §4.7. @module */

import { assert, assertEquals, assertFalse } from "@std/assert";
import fc from "fast-check";
import { filterCovers, filtersOverlap } from "../../src/topic/filter_cover.ts";
import { isValidTopicFilter, topicMatchesFilter } from "../../src/topic/topic_filter.ts";
import { ALL_NAMES } from "./all_names.ts";

/** wide, what it covers, what it does not. */
const COVERS: [wide: string, covered: string[], others: string[]][] = [
  ["#", ["#", "+/#", "+", "a", "/", "/#", "a/+/#", "a/$SYS"], ["$SYS", "$SYS/#", "$SYS/+/a", "$"]],
  ["+/#", ["#", "+/#", "+", "a", "a/#", "+/+"], ["$SYS/#", "$SYS"]],
  ["/+/#", ["/#", "//", "/a/#"], ["+/#", "a/#"]],
  ["+/+/#", ["+/+", "/#", "a/b/#", "+/a/#", "//#"], ["#", "+/#", "a", "a/#"]],
  ["a/#", ["a", "a/", "a/+", "a/#", "a/+/b/#", "a//#"], ["#", "+", "+/#", "ab", "ab/#", "/a", "A"]],
  ["a/+/#", ["a/b", "a/+", "a//", "a/b/#", "a/+/#"], ["a", "a/#", "#"]],
  ["a/+", ["a/b", "a/", "a/+"], ["a", "a/#", "a/b/c", "a/+/c", "a/b/#", "+/b", "a/b/"]],
  ["+", ["a", "+", "a$"], ["$SYS", "a/b", "#", "+/+", "/", "a/#"]],
  ["+/+", ["/", "a/b", "+/b", "+/+"], ["a", "$SYS/a", "+/#", "//"]],
  ["/", ["/"], ["+/", "/+", "a", "//", "/#"]],
  ["/+", ["/", "/a", "/+"], ["+/a", "/#", "+/+"]],
  ["a/b", ["a/b"], ["a/+", "+/b", "a/b/", "a", "a/b/#", "a/#", "a/bc"]],
  ["$SYS/#", ["$SYS", "$SYS/#", "$SYS/+/x"], ["#", "+/#", "$SYSTEM", "SYS"]],
  ["$SYS/+", ["$SYS/$x", "$SYS/+"], ["+/+", "$SYS/#", "$SYS"]],
];

Deno.test("filterCovers() says what a rule on one filter means for a subscription to another", () => {
  for (const [wide, covered, others] of COVERS) {
    for (const narrow of covered) assert(filterCovers(wide, narrow), `${wide} should cover ${narrow}`);
    for (const narrow of others) assertFalse(filterCovers(wide, narrow), `${wide} should not cover ${narrow}`);
  }
});

Deno.test("[MQTT-4.7.2-1] no filter that begins with a wildcard covers one that begins with $", () => {
  for (const wide of ["#", "+/#", "+/+", "+/monitor/#", "+"]) {
    for (const narrow of ["$SYS", "$SYS/#", "$SYS/monitor/Clients", "$SYS/monitor", "$share", "$/+"]) {
      assertFalse(filterCovers(wide, narrow), `${wide} ${narrow}`);
    }
  }
});

const text = fc.constantFrom("a", "b", "", "$", "+", "+");
const filter = fc.tuple(fc.array(text, { maxLength: 3 }), fc.constantFrom([], ["#"]))
  .map(([levels, last]) => [...levels, ...last].join("/")).filter(isValidTopicFilter);

const matching = new Map<string, readonly string[]>();

function matched(filter: string): readonly string[] {
  let names = matching.get(filter);
  if (names === undefined) matching.set(filter, names = ALL_NAMES.filter((name) => topicMatchesFilter(name, filter)));
  return names;
}

Deno.test("filterCovers() is true exactly when each name that the narrow one matches is matched by the wide one", () => {
  let covered = 0;
  fc.assert(
    fc.property(filter, filter, (wide, narrow) => {
      const expected = matched(narrow).every((name) => topicMatchesFilter(name, wide));
      if (expected && wide !== narrow) covered++;
      assertEquals(filterCovers(wide, narrow), expected, `${wide} ${narrow}`);
    }),
    { numRuns: 20_000 },
  );
  assert(covered > 1_000, "both answers were met");
});

Deno.test("filtersOverlap() is true exactly when there is a name that both match", () => {
  const answers = { true: 0, false: 0 };
  fc.assert(
    fc.property(filter, filter, (one, other) => {
      const expected = matched(one).some((name) => topicMatchesFilter(name, other));
      answers[`${expected}`]++;
      assertEquals(filtersOverlap(one, other), expected, `${one} ${other}`);
      assertEquals(filtersOverlap(other, one), expected, `${other} ${one}`);
    }),
    { numRuns: 20_000 },
  );
  assert(answers.true > 1_000 && answers.false > 1_000, "both answers were met");
});

Deno.test("[MQTT-4.7.2-1] no filter that begins with a wildcard has a name in common with one that begins with $", () => {
  for (const one of ["#", "+/#", "+/+", "+/monitor/#", "+"]) {
    for (const other of ["$SYS", "$SYS/#", "$SYS/monitor", "$/+"]) {
      assertFalse(filtersOverlap(one, other), `${one} ${other}`);
      assertFalse(filtersOverlap(other, one), `${other} ${one}`);
    }
  }
  assert(filtersOverlap("$SYS/#", "$SYS/+"));
});

Deno.test("filtersOverlap() takes 65,535 slashes", () => {
  const name = "/".repeat(65_535);
  const pluses = "+/".repeat(32_767) + "+";
  assert(filtersOverlap(pluses + "/#", name));
  assertFalse(filtersOverlap(pluses, name));
  assertFalse(filtersOverlap(name, pluses));
});

Deno.test("filterCovers() takes 65,535 slashes", () => {
  const name = "/".repeat(65_535);
  const pluses = "+/".repeat(32_767) + "#";
  assert(filterCovers(pluses, name));
  assert(filterCovers(pluses, pluses));
  assertFalse(filterCovers(name, pluses));
  assertFalse(filterCovers("+/".repeat(32_767) + "+", pluses));
  assert(filterCovers("+/".repeat(32_766) + "#", pluses));
});
