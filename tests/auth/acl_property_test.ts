/** Enforcement, explanation, and a third opinion: rules gone through one by one, each as a regular expression, and
 * coverage as "all names that there are". @module */

import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { AclAuthorizer } from "../../src/auth/acl_authorizer.ts";
import { type AclRule } from "../../src/auth/account_records.ts";
import type { Accounts } from "../../src/auth/accounts.ts";
import { ACL_REQUESTS, type AclRequest, decide } from "../../src/auth/acl_decision.ts";
import type { Grant, Identity } from "../../src/auth/authorizer.ts";
import { isValidTopicFilter } from "../../src/topic/topic_filter.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { accountsOf, ChangingAccounts, rolesOf, usersOf } from "./acl_support.ts";

const USERS = ["u", "#", "u/v"];
const CLIENT_IDS = ["c", "+", "$SYS", "u/c"];
const ROLES = ["r", "s", "r/s"];
/** Each host, and the subjects of rules that it is in. */
const HOSTS: Readonly<Record<string, readonly string[]>> = {
  "10.0.0.1": ["10.0.0.1", "10.0.0.0/8", "::ffff:10.0.0.0/104"],
  "::ffff:10.0.0.1": ["10.0.0.1", "10.0.0.0/8", "::ffff:10.0.0.0/104"],
  "10.9.9.9": ["10.0.0.0/8", "::ffff:10.0.0.0/104"],
  "fd00::1": ["fd00::/8"],
  "memory": ["memory"],
};

/** All names of one to four levels of what subscriptions name, and of "z", which none does. */
const TEXTS = ["a", "u", "c", "r", "$SYS", "z"];
const NAMES: string[] = [...TEXTS];
for (let at = 0; NAMES.length < 6 + 6 ** 2 + 6 ** 3 + 6 ** 4; at++) {
  for (const text of TEXTS) NAMES.push(`${NAMES[at]}/${text}`);
}

const ruleLevel = fc.constantFrom("a", "u", "c", "r", "+", "%u", "%c", "${role}", "${user}", "x-${client-id}", "$SYS");
const filterOf = (level: fc.Arbitrary<string>, maxLength: number) =>
  fc.tuple(fc.array(level, { maxLength }), fc.constantFrom([], [], ["#"]))
    .map(([levels, last]) => [...levels, ...last].join("/")).filter((filter) => filter !== "");
const ruleFilter = fc.oneof(
  { weight: 30, arbitrary: filterOf(ruleLevel, 3) },
  { weight: 1, arbitrary: fc.constantFrom("a/#/c", "${nobody}", "$share/g/a", "") },
);
const subscribed = filterOf(fc.constantFrom("a", "u", "c", "r", "+", "+", "$SYS"), 2);

const subject = fc.oneof(
  fc.constantFrom(...USERS, "nobody").map((name) => ["user", name] as const),
  fc.constantFrom(...CLIENT_IDS).map((name) => ["client-id", name] as const),
  fc.constantFrom(...ROLES, "gone").map((name) => ["role", name] as const),
  fc.constantFrom(...new Set(Object.values(HOSTS).flat())).map((name) => ["address", name] as const),
  fc.constant(["anonymous", ""] as const),
  fc.constant(["everyone", ""] as const),
);
const action = fc.constantFrom("publish", "subscribe", "retain", "all" as const);
const rule = fc.record({ effect: fc.constantFrom("allow", "deny" as const), subject, action, topicFilter: ruleFilter });
const accounts = fc.record({
  isClosed: fc.boolean(),
  // Few rules, and so many that they are looked for otherwise.
  rules: fc.oneof(fc.array(rule, { maxLength: 8 }), fc.array(rule, { minLength: 60, maxLength: 120 })),
  users: fc.tuple(...USERS.map((name) =>
    fc.record({
      name: fc.constant(name),
      isDisabled: fc.integer({ min: 0, max: 9 }).map((n) => n === 0),
      roles: fc.subarray([...ROLES, "gone"]),
    })
  )),
}).map(({ isClosed, rules, users }) =>
  accountsOf({
    isClosed,
    users: usersOf(...users),
    roles: rolesOf(...ROLES),
    rules: rules.map(({ effect, subject: [subjectKind, subjectName], action, topicFilter }, index): AclRule => ({
      number: index + 1,
      effect,
      subjectKind,
      subjectName,
      action: action as AclRule["action"],
      topicFilter,
    })),
  })
);

const grant: fc.Arbitrary<Grant> = fc.record({
  action: fc.constantFrom("publish", "subscribe", "all" as const),
  topicFilter: ruleFilter,
});
const identity: fc.Arbitrary<Identity> = fc.record({
  clientId: fc.constantFrom(...CLIENT_IDS),
  userName: fc.constantFrom(...USERS, "nobody", undefined),
  remoteHost: fc.constantFrom(...Object.keys(HOSTS)),
  grants: fc.option(fc.array(grant, { maxLength: 2 }), { nil: undefined }),
  credential: fc.constantFrom(undefined, undefined, 1),
  isRestored: fc.integer({ min: 0, max: 4 }).map((n) => n === 0),
});
const request = fc.oneof(
  fc.record({ request: fc.constant<AclRequest>("subscribe"), topic: subscribed }),
  fc.record({
    request: fc.constantFrom(...ACL_REQUESTS.filter((request) => request !== "subscribe")),
    topic: fc.nat(800).map((at) => NAMES[at]),
  }),
);

/** What a filter matches, or undefined where it cannot apply. */
function expressionOf(filter: string): RegExp {
  const levels = filter.split("/");
  const isOpen = levels.at(-1) === "#";
  const fixed = (isOpen ? levels.slice(0, -1) : levels).map((level, index) => {
    if (level === "<any>") return "[^/]*(/[^/]*)*";
    if (level === "+") return index === 0 ? "(?!\\$)[^/]*" : "[^/]*";
    return level.replaceAll("$", "\\$");
  });
  const open = fixed.length === 0 ? "(?!\\$).*" : "(/.*)?";
  return new RegExp(`^${fixed.join("/")}${isOpen ? open : ""}$`);
}

const expressions = new Map<string, RegExp>();

function isMatchedBy(filter: string, request: AclRequest, topic: string): boolean {
  let expression = expressions.get(filter);
  if (expression === undefined) expressions.set(filter, expression = expressionOf(filter));
  if (request !== "subscribe") return expression.test(topic);
  const narrow = expressionOf(topic);
  return NAMES.every((name) => !narrow.test(name) || expression.test(name));
}

/** The filters that a rule has for somebody. */
function filtersFor(effect: "allow" | "deny", filter: string, identity: Identity, roles: readonly string[]): string[] {
  const known = /%u|%c|\$\{(user|client-id|role)\}/g;
  const isBroken = filter.includes("${nobody}") || filter.startsWith("$share/") ||
    !isValidTopicFilter(filter.replaceAll(known, "v"));
  if (isBroken) return effect === "allow" ? [] : ["<any>"];
  const filters = (roles.length === 0 ? [undefined] : roles).map((role) =>
    filter.split("/").map((level) => {
      let isUnsafe = false;
      const text = level.replaceAll(known, (variable) => {
        const value = variable === "${role}"
          ? role
          : ["%c", "${client-id}"].includes(variable)
          ? identity.clientId
          : identity.userName;
        if (value === undefined || value === "" || [..."/+#$\0"].some((unit) => value.includes(unit))) isUnsafe = true;
        return value ?? "";
      });
      return isUnsafe ? "<any>" : text;
    }).join("/")
  );
  return effect === "deny" ? filters : filters.filter((filter) => !filter.includes("<any>"));
}

const ABOUT: Readonly<Record<AclRequest, readonly string[]>> = {
  publish: ["publish", "all"],
  retain: ["publish", "retain", "all"],
  subscribe: ["subscribe", "all"],
  receive: ["subscribe", "all"],
};

/** docs/access.md, word by word. */
function thirdOpinion(accounts: Accounts, identity: Identity, request: AclRequest, topic: string): boolean {
  const { userName, clientId, remoteHost, grants = [] } = identity;
  const user = accounts.users.get(userName ?? "nobody");
  if (user?.isDisabled || (user === undefined && userName !== undefined && identity.credential !== undefined)) {
    return false;
  }
  const roles = (user?.roles ?? []).filter((role) => accounts.roles.has(role));
  const subjects: [kind: string, names: readonly string[]][] = [
    ["user", userName === undefined ? [] : [userName]],
    ["client-id", [clientId]],
    ["role", roles],
    ["address", HOSTS[remoteHost]],
    ["anonymous", userName === undefined ? [""] : []],
    ["everyone", [""]],
  ];
  const holds = (effect: "allow" | "deny", action: string, filter: string) =>
    ABOUT[request].includes(action) &&
    filtersFor(effect, filter, identity, roles).some((filter) => isMatchedBy(filter, request, topic));
  for (const [kind, names] of subjects) {
    for (const effect of ["deny", "allow"] as const) {
      for (const rule of accounts.rules) {
        if (rule.effect !== effect || rule.subjectKind !== kind || !names.includes(rule.subjectName)) continue;
        if (holds(effect, rule.action, rule.topicFilter)) return effect === "allow";
      }
    }
    if (kind !== "user") continue;
    if (request === "receive" && identity.isRestored) return true;
    if (grants.some((grant) => holds("allow", grant.action, grant.topicFilter))) return true;
  }
  return !accounts.isClosed && identity.grants === undefined;
}

function enforced(authorizer: AclAuthorizer, identity: Identity, request: AclRequest, topic: string): boolean {
  switch (request) {
    case "publish":
      return authorizer.mayPublish(identity, topic, 0, false);
    case "retain":
      return authorizer.mayPublish(identity, topic, 0, true);
    case "subscribe":
      return authorizer.maySubscribe(identity, topic);
    case "receive":
      return authorizer.mayReceive(identity, topic);
  }
}

const NAMES_OF = new Map<string, readonly string[]>();

function namesOf(filter: string): readonly string[] {
  const expression = expressionOf(filter);
  const names = NAMES_OF.get(filter) ?? NAMES.filter((name) => expression.test(name));
  NAMES_OF.set(filter, names);
  return names;
}

let publishable = 0;

/** Whatever filter it tells us is allowed throughout, and is about this topic. */
function checkPublishable(authorizer: AclAuthorizer, accounts: Accounts, identity: Identity, topic: string): void {
  const filter = authorizer.publishableFilter(identity, topic);
  if (filter === undefined) return;
  publishable++;
  assert(namesOf(filter).includes(topic), filter);
  for (const name of namesOf(filter).slice(0, 20)) {
    assert(thirdOpinion(accounts, identity, "publish", name), `${filter}: ${name}`);
  }
}

Deno.test("what AclAuthorizer enforces, what decide() explains, and what the documentation says agree", () => {
  const seen = new Map<string, number>();
  fc.assert(
    fc.property(
      accounts,
      accounts,
      fc.array(identity, { minLength: 1, maxLength: 3 }),
      fc.array(request, { minLength: 1, maxLength: 60 }),
      (first, second, identities, requests) => {
        const source = new ChangingAccounts(first);
        const authorizer = new AclAuthorizer({ source, clock: new FakeClock() });
        // One authorizer goes through both, so that nothing of the first is left in the second.
        for (const accounts of [first, second]) {
          if (accounts !== first) source.change(accounts);
          for (const [index, identity] of identities.entries()) {
            // Who has published before is known by the filters of rules, too.
            if (index > 0) {
              const names = NAMES.slice(0, 40);
              for (const name of names) authorizer.mayPublish(identity, name, 0, false);
              for (const name of names) checkPublishable(authorizer, accounts, identity, name);
            }
            for (const { request, topic } of requests) {
              const expected = thirdOpinion(accounts, identity, request, topic);
              const decision = decide(accounts, identity, request, topic);
              const what = `${request} ${topic}: ${decision.text}`;
              assertEquals(decision.allowed, expected, what);
              // The second time it is remembered.
              assertEquals(enforced(authorizer, identity, request, topic), expected, what);
              assertEquals(enforced(authorizer, identity, request, topic), expected, what);
              const kind = `${request} ${decision.allowed} ${decision.by}`;
              seen.set(kind, (seen.get(kind) ?? 0) + 1);
              if (decision.rule === undefined) continue;
              assertEquals(decision.rule.effect === "allow", decision.allowed, what);
              assert(isMatchedBy(decision.topicFilter!, request, topic), what);
            }
          }
        }
      },
    ),
    { numRuns: 200 },
  );
  assert(publishable > 100, `only ${publishable} filters were told of`);
  for (const request of ACL_REQUESTS) {
    for (const kind of ["true rule", "false rule", "true grant", "false default", "true default", "false account"]) {
      assert((seen.get(`${request} ${kind}`) ?? 0) > 0, `${request} ${kind} was met`);
    }
  }
});

Deno.test("what is judged of a subscription as a whole is what is judged of each topic that it matches", () => {
  const seen = { true: 0, false: 0, undefined: 0, "undefined of one answer": 0 };
  const filters = fc.array(subscribed, { minLength: 1, maxLength: 8 });
  const identities = fc.array(identity, { minLength: 1, maxLength: 3 });
  fc.assert(
    fc.property(accounts, accounts, identities, filters, (first, second, identities, filters) => {
      const source = new ChangingAccounts(first);
      const authorizer = new AclAuthorizer({ source, clock: new FakeClock() });
      for (const accounts of [first, second]) {
        if (accounts !== first) source.change(accounts);
        for (const identity of identities) {
          for (const filter of filters) {
            const answers = new Set(namesOf(filter).map((name) => authorizer.mayReceive(identity, name)));
            const answer = authorizer.mayReceiveAll(identity, filter);
            seen[`${answer}`]++;
            if (answer === undefined && answers.size === 1) seen["undefined of one answer"]++;
            if (answer !== undefined) assertEquals([...answers], [answer], filter);
          }
        }
      }
    }),
    { numRuns: 300 },
  );
  // No shortcut that is hardly ever taken, or that tells nothing apart.
  assert(seen.true > 200 && seen.false > 200 && seen.undefined > 100, JSON.stringify(seen));
  assert(seen["undefined of one answer"] < (seen.true + seen.false) / 2, JSON.stringify(seen));
});
