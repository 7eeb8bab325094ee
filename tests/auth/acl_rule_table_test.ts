/** Many rules in a trie give what going through them gives. @module */

import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { patternCovers, patternMatches } from "../../src/auth/acl_pattern.ts";
import { ACL_REQUESTS, type CompiledRule, RuleTable } from "../../src/auth/acl_rule_table.ts";
import { topicFilter, topicName } from "../topic/arbitraries.ts";

const ABOUT = {
  publish: ["publish", "retain"],
  retain: ["retain"],
  subscribe: ["subscribe", "receive"],
  all: ACL_REQUESTS as readonly string[],
};

const action = fc.constantFrom("publish", "retain", "subscribe", "all" as const);
const pattern = fc.oneof(
  { weight: 9, arbitrary: topicFilter },
  { weight: 1, arbitrary: topicFilter.map((filter) => `\0/${filter}`) },
);
const rules = fc.array(fc.record({ action, pattern }), { minLength: 17, maxLength: 60 }).map((rules) =>
  rules.map(({ action, pattern }, order): CompiledRule => ({
    source: { action: "all", topicFilter: pattern },
    action,
    pattern,
    order,
  }))
);
const requests = fc.array(fc.record({ request: fc.constantFrom(...ACL_REQUESTS), topicName, topicFilter }), {
  minLength: 40,
  maxLength: 80,
});

Deno.test("RuleTable.find() gives the first rule, the same the fortieth time as the first", () => {
  let found = 0;
  let lateFound = 0;
  fc.assert(
    fc.property(rules, requests, (rules, requests) => {
      const table = new RuleTable();
      for (const rule of rules) table.add(rule);
      for (const [index, { request, topicName, topicFilter }] of requests.entries()) {
        const isSubscribe = request === "subscribe";
        const expected = rules.find(({ action, pattern }) =>
          ABOUT[action].includes(request) &&
          (isSubscribe ? patternCovers(pattern, topicFilter) : patternMatches(pattern, topicName))
        );
        assertEquals(table.find(request, isSubscribe ? topicFilter : topicName), expected);
        if (expected === undefined) continue;
        found++;
        if (index > 32 && isSubscribe) lateFound++;
      }
    }),
    { numRuns: 300 },
  );
  assert(found > 1_000 && lateFound > 100, "both ways were gone");
});
