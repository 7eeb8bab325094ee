/** src/cli/{acl,acl_explain}.ts in this process: rules, and what they decide. @module */

import { assertEquals, assertStringIncludes } from "@std/assert";
import { Accounts } from "./accounts_support.ts";

Deno.test("acl list shows the rules in the order in which they are asked", async () => {
  using accounts = new Accounts();
  await accounts.well("role add reader");
  const rules = [
    "deny --everyone publish x",
    "deny --anonymous all x",
    "allow --address ::ffff:10.1.2.3/104 all x",
    "allow --role reader subscribe a/%u/${role}/#",
    "allow --client-id c retain x",
    "deny --user a all +/x",
  ];
  await accounts.well("acl allow --everyone all x");
  await accounts.well("user add a --no-password");
  for (const rule of rules) await accounts.well(`acl ${rule}`);
  const rows = (await accounts.well("acl list")).split("\n").map((line) => line.replace(/ {2,}/g, " | "));
  assertEquals(rows, [
    "NUMBER | EFFECT | WHO | ACTION | FILTER",
    "7 | deny | user a | all | +/x",
    "6 | allow | client-id c | retain | x",
    "5 | allow | role reader | subscribe | a/%u/${role}/#",
    "4 | allow | address 10.0.0.0/8 | all | x",
    "3 | deny | anonymous | all | x",
    "2 | deny | everyone | publish | x",
    "1 | allow | everyone | all | x",
  ]);
  assertEquals(await accounts.well("acl allow --everyone all x"), "this is rule 1 already: allow everyone all x");
  assertEquals(
    await accounts.well("acl remove 2 1"),
    "removed rule 2: deny everyone publish x\nremoved rule 1: allow everyone all x",
  );
  await accounts.fails("acl remove 3 1", 1, "there is no rule 1; acl list shows them; nothing was removed");
  assertEquals((await accounts.json<{ number: number }[]>("acl list")).map(({ number }) => number), [7, 6, 5, 4, 3]);
});

Deno.test("acl list: what denies one role or network is asked before what allows another, as it is when a client has both", async () => {
  using accounts = new Accounts();
  for (const role of ["a", "b"]) await accounts.well(`role add ${role}`);
  await accounts.run("user add u --no-password --role a --role b".split(" "));
  const rules = [
    "allow --role a all x",
    "deny --role b all x",
    "allow --address 10.0.0.0/8 all x",
    "deny --address 10.1.0.0/16 all x",
    "allow --user v all x",
    "deny --user w all x",
    "deny --user v all x/y",
  ];
  for (const rule of rules) await accounts.run(["acl", ...rule.split(" ")]);
  const numbers = async () => (await accounts.json<{ number: number }[]>("acl list")).map(({ number }) => number);
  assertEquals(await numbers(), [7, 5, 6, 2, 1, 4, 3]);
  const refused = await accounts.run("acl explain --user u publish x".split(" "));
  assertEquals([refused.code, refused.printed], [1, "refused by rule 2: deny role b all x"]);
});

const SUBJECTS = "--user, --client-id, --role, --address, --anonymous, --everyone";
const REFUSED_RULES: [line: string, code: number, complaint: string][] = [
  ["acl allow publish a", 2, `exactly one of ${SUBJECTS} says whom the rule is for; none was given`],
  [
    "acl allow --user a --everyone publish a",
    2,
    `exactly one of ${SUBJECTS} says whom the rule is for; 2 were given: add a rule for each`,
  ],
  ["acl allow --user a --user b publish a", 2, "--user is given once only here"],
  ["acl allow --everyone publsh a", 2, '"publsh" is none of publish, subscribe, retain, all; did you mean publish?'],
  ["acl allow --everyone read a", 2, '"read" is none of publish, subscribe, retain, all'],
  ["acl allow --everyone publish a/b#", 2, '"a/b#": # stands for whole levels, and "b#" has more in it'],
  ["acl allow --everyone publish a/+b", 2, '"a/+b": + stands for a whole level, and "+b" has more in it'],
  ["acl allow --everyone publish #/a", 2, '"#/a": # stands at the end only'],
  [
    "acl allow --everyone subscribe $share/g/a",
    2,
    '"$share/g/a": a rule is about what comes after $share/name/: the same holds for shared and other subscriptions',
  ],
  [
    "acl allow --everyone publish a/%i",
    2,
    '"a/%i": %i is no variable; there are %u, %c, ${user}, ${client-id} and ${role}',
  ],
  [
    "acl allow --everyone publish a/${name}",
    2,
    '"a/${name}": ${name} is no variable; there are %u, %c, ${user}, ${client-id} and ${role}',
  ],
  [
    "acl allow --address 10.0.0.0/33 publish a",
    2,
    "--address 10.0.0.0/33: an address is one such as 192.0.2.7 or 2001:db8::7, or a network such as 10.0.0.0/8 or fd00::/8",
  ],
  ["acl allow --role r publish a", 1, 'there is no role "r": add it first'],
  ["acl remove x", 2, '"x" is no number of a rule; acl list shows them'],
  ["acl remove 0", 2, '"0" is no number of a rule; acl list shows them'],
];
for (const [line, code, complaint] of REFUSED_RULES) {
  Deno.test(`${line} is refused`, async () => {
    using accounts = new Accounts();
    await accounts.well("role add reader");
    await accounts.fails(line, code, complaint);
    assertEquals(await accounts.well("acl list"), "there are no rules");
  });
}

Deno.test("acl allow says when the user is not there yet", async () => {
  using accounts = new Accounts();
  const { code, complaints } = await accounts.run(["acl", "allow", "--user", "a", "all", "a"]);
  assertEquals([code, complaints], [0, 'warning: there is no user "a" yet; the rule holds as soon as there is']);
});

Deno.test("acl explain names the rule that decides, and its exit code is the answer", async () => {
  using accounts = new Accounts();
  assertStringIncludes((await accounts.run(["acl", "explain", "publish", "a"])).printed, "allowed: there are no users");
  await accounts.well("acl allow --everyone all a/%u/#");
  await accounts.well("acl deny --client-id c publish a/#");
  await accounts.well("acl deny --address 10.0.0.0/8 publish a/#");
  await accounts.well("user add u --no-password");
  await accounts.well("user add v --no-password --client-id v-*");
  const cases: [line: string, code: number, printed: string][] = [
    ["--user u publish a/u/b", 0, "allowed by rule 1: allow everyone all a/%u/# (here a/u/#)"],
    ["--user u retain a/u/b", 0, "allowed by rule 1: allow everyone all a/%u/# (here a/u/#)"],
    ["--user u subscribe $share/g/a/u/#", 0, "allowed by rule 1: allow everyone all a/%u/# (here a/u/#)"],
    ["--user u subscribe a/#", 1, "refused: no rule allows it"],
    ["publish a/u/b", 1, "refused: no rule allows it"],
    ["--user u --client-id c publish a/u/b", 1, "refused by rule 2: deny client-id c publish a/#"],
    ["--user u --address 10.9.8.7 publish a/u/b", 1, "refused by rule 3: deny address 10.0.0.0/8 publish a/#"],
    [
      "--user u --client-id v-1 publish a/u/b",
      1,
      "refused: it may not connect, since this Client Identifier belongs to another user\n" +
      "if it could: allowed by rule 1: allow everyone all a/%u/# (here a/u/#)",
    ],
  ];
  for (const [line, code, printed] of cases) {
    assertEquals(await accounts.run(["acl", "explain", ...line.split(" ")]), { code, printed, complaints: "" }, line);
  }
  const { code, printed } = await accounts.run("acl explain --user u publish a/u --json".split(" "));
  const { allowed, by, rule, topicFilter } = JSON.parse(printed);
  assertEquals([code, allowed, by, rule.number, topicFilter], [0, true, "rule", 1, "a/u/#"]);
  await accounts.fails(
    "acl explain publish a/#",
    2,
    '"a/#" is no Topic Name: it is not empty, and has no + and no # (a filter is for subscribe)',
  );
  await accounts.fails("acl explain all a", 2, '"all" is none of publish, subscribe, retain');
  await accounts.fails(
    "acl explain --address greenhouse publish a",
    2,
    "--address greenhouse: this is no IP address; write one such as 192.0.2.7 or 2001:db8::7",
  );
  const unknown = await accounts.run("acl explain --user x publish a/x".split(" "));
  assertEquals(unknown.complaints, 'warning: there is no user "x" here; only a token or a certificate could let it in');
});
