/** The Topic Filters of rules, and what a hostile name makes of them: nothing. @module */

import { assert, assertEquals, assertFalse } from "@std/assert";
import fc from "fast-check";
import {
  aclFilterProblem,
  patternCovers,
  patternMatches,
  PatternTemplate,
  patternText,
  type PatternValues,
} from "../../src/auth/acl_pattern.ts";
import { topicMatchesFilter } from "../../src/topic/topic_filter.ts";
import { ALL_NAMES } from "../topic/all_names.ts";

const greenhouse: PatternValues = { userName: "greenhouse", clientId: "sensor-1", roles: ["reader", "heater"] };

function texts(effect: "allow" | "deny", topicFilter: string, values: PatternValues): string[] {
  return new PatternTemplate(topicFilter).patterns(effect, values).map(patternText);
}

Deno.test("PatternTemplate puts names in the place of variables", () => {
  const cases: [topicFilter: string, patterns: string[]][] = [
    ["a/+/#", ["a/+/#"]],
    ["%u/%c", ["greenhouse/sensor-1"]],
    ["${user}/${client-id}/#", ["greenhouse/sensor-1/#"]],
    ["site/dev-%c-x/+", ["site/dev-sensor-1-x/+"]],
    ["%c%c/%u", ["sensor-1sensor-1/greenhouse"]],
    ["roles/${role}/#", ["roles/reader/#", "roles/heater/#"]],
    ["${role}/${role}", ["reader/reader", "heater/heater"]],
    ["100%/%x/$SYS/$/{user}", ["100%/%x/$SYS/$/{user}"]],
  ];
  for (const effect of ["allow", "deny"] as const) {
    for (const [topicFilter, patterns] of cases) assertEquals(texts(effect, topicFilter, greenhouse), patterns);
  }
});

Deno.test("a value is text: what looks like a variable in it stays as it is", () => {
  const values = { ...greenhouse, userName: "%c", clientId: "$&%u" };
  assertEquals(texts("allow", "%u/x", values), ["%c/x"]);
  assertEquals(texts("allow", "%u/x", { ...values, userName: "{client-id}" }), ["{client-id}/x"]);
  assertEquals(texts("deny", "%c/x", values), ["<any>/x"]);
});

const UNSAFE = ["#", "+", "/", "$SYS", "a/b", "a/#", "+/+", "", "a\0", "\0", "a$", "${role}", "//"];

Deno.test("CVE-2017-7650: a name with + # / $ or U+0000, or none, gives no rights and takes no prohibition away", () => {
  for (const name of UNSAFE) {
    for (const topicFilter of ["%u/#", "a/%u", "a/x-%u/+", "%c/#", "a/%c-x", "${role}/a"]) {
      const values = { userName: name, clientId: name, roles: [name] };
      assertEquals(texts("allow", topicFilter, values), [], `${name} in ${topicFilter}`);
      const [pattern] = new PatternTemplate(topicFilter).patterns("deny", values);
      // What a broker that puts it in as it comes would forbid, is forbidden.
      const careless = topicFilter.replaceAll(/%u|%c|\$\{role\}/g, name).replaceAll(/[+#\0]/g, "x");
      if (careless !== "") assert(patternMatches(pattern, careless), `${patternText(pattern)} ${careless}`);
    }
  }
});

Deno.test("who has no user name, or no role, has no value for the variable", () => {
  const nobody = { userName: undefined, clientId: "sensor-1", roles: [] };
  assertEquals(texts("allow", "%u/%c/#", nobody), []);
  assertEquals(texts("deny", "%u/%c/#", nobody), ["<any>/sensor-1/#"]);
  assertEquals(texts("allow", "roles/${role}", nobody), []);
  assertEquals(texts("deny", "roles/${role}", nobody), ["roles/<any>"]);
});

Deno.test("of several roles each counts for itself", () => {
  const values = { ...greenhouse, roles: ["reader", "a/b", "reader"] };
  assertEquals(texts("allow", "roles/${role}", values), ["roles/reader"]);
  assertEquals(texts("deny", "roles/${role}", values), ["roles/reader", "roles/<any>"]);
});

Deno.test("aclFilterProblem() names what a rule may not say", () => {
  for (const filter of ["#", "a", "%u", "+/%c/#", "$SYS/#", "x${role}y/${user}", "a b", "%", "$share", "50%"]) {
    assertEquals(aclFilterProblem(filter), undefined, filter);
  }
  for (
    const filter of ["", "a/#/b", "a+", "%u+", "#%c", "+${role}", "a\0", "$share/g/a", "$share/", "${usr}", "${", "${}"]
  ) {
    assertEquals(typeof aclFilterProblem(filter), "string", filter);
  }
  assertEquals(
    aclFilterProblem("a/${usr}"),
    "${usr} is no variable; there are %u, %c, ${user}, ${client-id} and ${role}",
  );
});

Deno.test("a filter that is none allows nothing and forbids everything: it can only come from a damaged store", () => {
  for (const filter of ["", "a/#/b", "${usr}/#", "$share/g/secret"]) {
    const template = new PatternTemplate(filter);
    assertEquals(template.patterns("allow", greenhouse), []);
    const [pattern] = template.patterns("deny", greenhouse);
    for (const topic of ["a", "/", "$SYS/x", "#", "$SYS/#"]) assert(patternCovers(pattern, topic), topic);
  }
});

Deno.test("a prohibition for any value takes in what a value with / $ + # could have meant", () => {
  const denied = (topicFilter: string) =>
    new PatternTemplate(topicFilter).patterns("deny", { userName: undefined, clientId: "/", roles: [] })[0];
  const config = denied("dev/%c/config");
  for (const topic of ["dev/a/config", "dev//config", "dev/a/b/config", "dev/config/config", "dev/$x/config"]) {
    assert(patternMatches(config, topic), topic);
  }
  for (const topic of ["dev/config", "dev/a/config/x", "dev", "x/a/config"]) {
    assertFalse(patternMatches(config, topic), topic);
  }
  const first = denied("%c/#");
  for (const topic of ["a", "$SYS", "$SYS/a", "a/b/c"]) assert(patternMatches(first, topic), topic);
  for (const filter of ["#", "+/#", "$SYS/#", "a/+"]) assert(patternCovers(first, filter), filter);
  assert(patternCovers(config, "dev/+/config"));
  assertFalse(patternCovers(config, "dev/#"));
  assertFalse(patternCovers(config, "dev/+/+"));
  assert(patternCovers(denied("a/%c"), "a/+/#"));
  assertFalse(patternCovers(denied("a/%c"), "a/#"));
  assertFalse(patternMatches(denied("+/%c"), "$SYS/x"));
});

const level = fc.constantFrom("a", "b", "", "$", "+", "\0", "\0");
const anyPattern = fc.tuple(fc.array(level, { maxLength: 4 }), fc.constantFrom([], ["#"]))
  .map(([levels, last]) => [...levels, ...last].join("/")).filter((pattern) => pattern.includes("\0"));
const narrowLevel = fc.constantFrom("a", "b", "", "$", "+", "z");
// Two levels fewer than ALL_NAMES have, so that it shows what # means.
const topicFilter = fc.tuple(fc.array(narrowLevel, { maxLength: 3 }), fc.constantFrom([], ["#"]))
  .map(([levels, last]) => [...levels, ...last].join("/")).filter((filter) => filter !== "");

/** Another way to say what a pattern matches. */
function expressionOf(pattern: string): RegExp {
  const levels = pattern.split("/");
  const isOpen = levels.at(-1) === "#";
  const fixed = (isOpen ? levels.slice(0, -1) : levels).map((level, index) => {
    if (level === "\0") return "[^/]*(/[^/]*)*";
    if (level === "+") return index === 0 ? "(?!\\$)[^/]*" : "[^/]*";
    return level.replace("$", "\\$");
  });
  return new RegExp(`^${fixed.join("/")}${isOpen ? "(/.*)?" : ""}$`);
}

Deno.test("patternMatches() and patternCovers() do what the definition says", () => {
  let covered = 0;
  fc.assert(
    fc.property(anyPattern, topicFilter, fc.nat(ALL_NAMES.length - 1), (pattern, filter, nameAt) => {
      const expression = expressionOf(pattern);
      assertEquals(
        patternMatches(pattern, ALL_NAMES[nameAt]),
        expression.test(ALL_NAMES[nameAt]),
        `${pattern} ${ALL_NAMES[nameAt]}`,
      );
      const isCovered = ALL_NAMES.every((name) => !topicMatchesFilter(name, filter) || expression.test(name));
      if (isCovered) covered++;
      assertEquals(patternCovers(pattern, filter), isCovered, `${JSON.stringify(pattern)} ${filter}`);
    }),
    { numRuns: 5_000 },
  );
  assert(covered > 100, "both answers were met");
});

Deno.test("patternMatches() takes 65,535 slashes", () => {
  const [pattern] = new PatternTemplate("%c/a/%c/b").patterns("deny", {
    userName: undefined,
    clientId: "#",
    roles: [],
  });
  assertFalse(patternMatches(pattern, "/".repeat(65_535)));
  assert(patternMatches(pattern, "/".repeat(65_000) + "a" + "/".repeat(500) + "b"));
});
