/** What is found by levels is what a comparison with each filter finds. @module */

import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { RuleTree } from "../../src/auth/rule_tree.ts";
import { topicMatchesFilter } from "../../src/topic/topic_filter.ts";
import { topicFilter, topicName } from "../topic/arbitraries.ts";

Deno.test("RuleTree.match() gives each rule whose filter matches, and of others those that only $ keeps away", () => {
  let found = 0;
  let more = 0;
  fc.assert(
    fc.property(fc.array(topicFilter, { maxLength: 40 }), fc.array(topicName), (filters, names) => {
      const tree = new RuleTree<number>();
      filters.forEach((filter, index) => tree.insert(filter, index));
      for (const name of names) {
        const matching: number[] = [];
        tree.match(name, (index) => matching.push(index));
        const expected = [...filters.keys()].filter((index) => topicMatchesFilter(name, filters[index]));
        const others = matching.filter((index) => !expected.includes(index));
        assertEquals(matching.filter((index) => expected.includes(index)).sort((a, b) => a - b), expected, name);
        for (const index of others) {
          assert(name.startsWith("$") && /^[+#]/.test(filters[index]), `${name} ${filters[index]}`);
        }
        found += expected.length;
        more += others.length;
      }
    }),
    { numRuns: 500 },
  );
  assert(found > 1_000 && more > 10, `${found} ${more}`);
});

Deno.test("RuleTree takes 65,535 slashes", () => {
  const tree = new RuleTree<string>();
  tree.insert("/".repeat(65_535), "slashes");
  tree.insert("+/".repeat(32_767) + "#", "pluses");
  const matching: string[] = [];
  tree.match("/".repeat(65_535), (rule) => matching.push(rule));
  assertEquals(matching.sort(), ["pluses", "slashes"]);
});
