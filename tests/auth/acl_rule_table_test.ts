/** Many rules in a tree give what going through them gives. @module */

import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { patternCovers, patternMatches, PatternTemplate } from "../../src/auth/acl_pattern.ts";
import {
  ACL_REQUESTS,
  type CompiledRule,
  RuleTable,
  type TemplateRule,
  TemplateTable,
} from "../../src/auth/acl_rule_table.ts";
import { topicFilter, topicName } from "../topic/arbitraries.ts";
import { rulesOf } from "./acl_support.ts";

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

function templatesOf(...lines: string[]): TemplateRule[] {
  return rulesOf(...lines).map((rule) => ({ rule, template: new PatternTemplate(rule.topicFilter) }));
}

function tableOf(templates: readonly TemplateRule[]): TemplateTable {
  const table = new TemplateTable();
  for (const template of templates) table.add(template);
  return table;
}

Deno.test("TemplateTable.find() gives the first rule of those that a table of its patterns would have", () => {
  const level = fc.constantFrom("a", "b", "", "+", "%u", "%c", "x%c", "${role}", "$x");
  const filter = fc.array(level, { minLength: 1, maxLength: 3 }).chain((levels) =>
    fc.constantFrom(...["", "/%c", "/%u/#"].map((end) => levels.join("/") + end))
  ).filter((filter) => /%|\{/.test(filter));
  const lines = fc.array(fc.tuple(action, filter).map((words) => words.join(" ")), {
    minLength: 1,
    maxLength: 30,
    size: "max",
  });
  const name = fc.constantFrom("a", "b", "a/b", "#", "$x", "", "x");
  const values = fc.record({
    userName: fc.option(name, { nil: undefined }),
    clientId: name,
    roles: fc.subarray(["a", "b"]),
  });
  const asked = fc.array(fc.constantFrom("a", "b", "", "xa", "xb", "x", "$x", "+"), { minLength: 1, maxLength: 4 })
    .chain((levels) => fc.constantFrom(levels.join("/") || "a", [...levels, "#"].join("/")));
  let found = 0;
  let lateFound = 0;
  fc.assert(
    fc.property(
      fc.constantFrom("allow", "deny" as const),
      lines,
      values,
      fc.array(asked, { minLength: 30, maxLength: 60 }),
      (effect, lines, values, asked) => {
        const templates = templatesOf(...lines.map((line) => `${effect} everyone ${line}`));
        const patterns = new RuleTable();
        for (const { rule, template } of templates) {
          for (const pattern of template.patterns(effect, values)) {
            patterns.add({ source: rule, action: rule.action, pattern, order: rule.number });
          }
        }
        const table = tableOf(templates);
        for (const [index, topic] of asked.entries()) {
          for (const request of /[+#]/.test(topic) ? ["subscribe" as const] : ACL_REQUESTS) {
            const expected = patterns.find(request, topic);
            assertEquals(table.find(request, topic, values), expected, `${request} ${topic}`);
            if (expected === undefined) continue;
            found++;
            if (index > 32 && templates.length > 16) lateFound++;
          }
        }
      },
    ),
    { numRuns: 1_000 },
  );
  assert(found > 1_000 && lateFound > 1_000, `only ${found} were found, ${lateFound} of them late`);
});

Deno.test("TemplateTable.find() fills in only what may be meant", () => {
  const templates = templatesOf(
    "allow everyone publish a/x%u",
    "deny everyone publish b/+/%u",
    "deny everyone publish %u",
  );
  const filledIn: string[] = [];
  for (const { template } of templates) {
    const { patterns } = template;
    template.patterns = (...values) => {
      filledIn.push(template.topicFilter);
      return patterns.apply(template, values);
    };
  }
  const table = tableOf(templates);
  const find = (topic: string) => table.find("publish", topic, { userName: undefined, clientId: "c", roles: [] });
  assertEquals(find("a/xu"), { ...find("z/z")!, pattern: "\0" });
  assertEquals(filledIn, ["a/x%u", "%u", "%u"]);
});
