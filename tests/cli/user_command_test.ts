/** src/cli/{user,role,prompt}.ts in this process: what they say, and what they refuse. As a user calls them they are in
 * tests/system/accounts_command_test.ts. @module */

import { join } from "node:path";
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { Accounts, type Typed } from "./accounts_support.ts";

Deno.test("lists of accounts that are not there yet are empty, and say where they would be", async () => {
  using accounts = new Accounts();
  for (const what of ["user", "role", "acl", "ban", "client"]) {
    const result = await accounts.run([what, "list", "--json"]);
    const complaints = `warning: there are no accounts yet: ${accounts.place} does not exist`;
    assertEquals(result, { code: 0, printed: "[]", complaints });
  }
  await accounts.fails("user remove a", 1, `there are no accounts yet: ${accounts.place} does not exist`);
  assertEquals(accounts.folder.names, [], "looking makes nothing");
});

Deno.test("--accounts names another place than the data folder", async () => {
  using accounts = new Accounts();
  const place = accounts.folder.file("others.kv");
  await accounts.well(`role add reader --accounts ${place}`);
  assert(!accounts.folder.names.includes("accounts.kv"));
  assertStringIncludes(await accounts.well(`role list --accounts ${place}`), "reader");
});

Deno.test("a folder that a command had to make is named, once: another one may have been meant", async () => {
  using accounts = new Accounts();
  const folder = accounts.folder.file("misspelt");
  const line = `role add reader --accounts ${join(folder, "accounts.kv")}`.split(" ");
  const complaints = `warning: the folder ${folder} was not there, and was made`;
  assertEquals(await accounts.run(line), { code: 0, printed: 'added the role "reader"', complaints });
  assertEquals((await accounts.run(line.with(2, "writer"))).complaints, "");
});

Deno.test("user: from add to remove", async () => {
  using accounts = new Accounts();
  await accounts.well("role add reader");
  await accounts.well("role add writer");
  await accounts.well("acl allow --role reader subscribe a/#");
  assertEquals(
    await accounts.well("user add sensor-1 --role reader --client-id sensor-1-* --password-stdin", {
      input: "first\n",
    }),
    'added the user "sensor-1"',
  );
  assert(await accounts.passwordIs("sensor-1", "first"));
  const shown = await accounts.well("user show sensor-1");
  for (
    const line of [/^roles +reader$/m, /^client ids +sensor-1-\*$/m, /^password +set$/m, /^rule 1 +allow role reader /m]
  ) {
    assertMatch(shown, line);
  }

  await accounts.well("user passwd sensor-1", { secrets: ["second", "second"] });
  assert(await accounts.passwordIs("sensor-1", "second"));

  await accounts.well("user set sensor-1 --role writer --no-client-ids");
  await accounts.well("user disable sensor-1");
  interface Shown {
    readonly name: string;
    readonly isDisabled: boolean;
    readonly roles: string[];
    readonly clientIds: string[];
    readonly password: string;
  }
  const found = await accounts.json<Shown>("user show sensor-1");
  assertEquals([found.isDisabled, found.roles, found.clientIds, found.password], [true, ["writer"], [], "scram"]);
  await accounts.well("user enable sensor-1");
  await accounts.well("user set sensor-1 --role reader --role writer --role reader");
  const [listed] = await accounts.json<Shown[]>("user list");
  assertEquals([listed.isDisabled, listed.roles], [false, ["reader", "writer"]]);
  const json = JSON.stringify(await accounts.json("user show sensor-1"));
  for (const secret of ["storedKey", "serverKey", "salt", "hash"]) assert(!json.includes(secret), secret);

  await accounts.well("acl deny --user sensor-1 all b");
  const removed = await accounts.run(["user", "remove", "sensor-1"]);
  assertEquals(removed, {
    code: 0,
    printed: 'removed the user "sensor-1", and 1 rule for it',
    complaints: "warning: this was the last user; who is not known stays out all the same",
  });
  assertEquals(await accounts.well("user list"), "there are no users");
});

Deno.test("user add --json answers with the user, and warns when nothing is allowed from now on", async () => {
  using accounts = new Accounts();
  const { code, printed, complaints } = await accounts.run(["user", "add", "a b", "--no-password", "--json"]);
  assertEquals(code, 0);
  const user = JSON.parse(printed);
  assertEquals([user.name, user.password, user.roles, user.isDisabled], ["a b", null, [], false]);
  assertStringIncludes(complaints, "warning: from now on what no rule allows is refused, and no rule allows anything");
});

const PASSWORDS: [what: string, typed: Typed, password: string][] = [
  ["a line", { input: "correct horse\n" }, "correct horse"],
  ["a line of Windows", { input: "correct horse\r\n" }, "correct horse"],
  ["a text without a line end", { input: " x " }, " x "],
  ["a text with a byte order mark, as PowerShell gives it", { input: "\u{feff}x\r\n" }, "x"],
  ["the longest that there is", { input: "x".repeat(65_535) + "\r\n" }, "x".repeat(65_535)],
  ["what was typed twice", { secrets: ["Grüße", "Grüße"] }, "Grüße"],
];
for (const [what, typed, password] of PASSWORDS) {
  Deno.test(`user add takes as a password ${what}`, async () => {
    using accounts = new Accounts();
    await accounts.well("acl allow --everyone all #");
    await accounts.well(`user add a${typed.input === undefined ? "" : " --password-stdin"}`, typed);
    assert(await accounts.passwordIs("a", password));
  });
}

const REFUSED_PASSWORDS: [what: string, typed: Typed, code: number, complaint: string][] = [
  ["nothing", { input: "" }, 1, "an empty password is none; nothing was changed"],
  ["an empty line", { input: "\r\n" }, 1, "an empty password is none; nothing was changed"],
  [
    "two lines",
    { input: "hunter2\nb\n" },
    1,
    "standard input has more than one line; --password-stdin takes one, the password",
  ],
  [
    "bytes that are no text",
    { input: Uint8Array.of(0xff, 0xfe) },
    1,
    "the password on standard input is no UTF-8 text",
  ],
  ["a book", { input: "x".repeat(65_536) + "\n" }, 1, "a password has at most 65535 bytes; nothing was changed"],
  [
    "two different ones",
    { secrets: ["hunter2", "hunter3"] },
    1,
    "these were two different passwords; nothing was changed",
  ],
  ["an empty one, typed", { secrets: [""] }, 1, "an empty password is none; nothing was changed"],
  [
    "Ctrl+C on Windows",
    { secrets: ["hunter2\x03"] },
    1,
    "a key was typed that is no character of a password; nothing was changed",
  ],
  [
    "half a character",
    { secrets: ["hunter2\u{fffd}"] },
    1,
    "a key was typed that is no character of a password; nothing was changed",
  ],
  [
    "nobody's",
    {},
    2,
    "there is no terminal to ask for the password; give it on standard input, one line, with --password-stdin",
  ],
];
for (const [what, typed, code, complaint] of REFUSED_PASSWORDS) {
  Deno.test(`user add refuses as a password ${what}`, async () => {
    using accounts = new Accounts();
    const option = typed.input === undefined ? [] : ["--password-stdin"];
    const result = await accounts.run(["user", "add", "a", ...option], typed);
    assertEquals([result.code, result.complaints], [code, `quetzal: ${complaint}`]);
    assert(!`${result.printed}${result.complaints}`.includes("hunter"));
    assertEquals(await accounts.well("user list"), "there are no users");
  });
}

Deno.test("--password-stdin is refused where it would show what is typed", async () => {
  using accounts = new Accounts();
  const { code, complaints } = await accounts.run(["user", "add", "a", "--password-stdin"]);
  assertEquals(code, 2);
  assertStringIncludes(complaints, "--password-stdin is for scripts, and would show what is typed here");
});

Deno.test("user refuses what it cannot do, before it asks for a password", async () => {
  using accounts = new Accounts();
  await accounts.well("acl allow --everyone all #");
  await accounts.well("user add a --no-password");
  const asked = { secrets: [] };
  await accounts.fails(
    "user add a",
    1,
    'there is a user "a" already; user passwd sets its password, user set the rest',
    asked,
  );
  await accounts.fails(
    "user add b --role nothing",
    1,
    'there is no role "nothing"; role add adds it, role list shows those that are there',
    asked,
  );
  await accounts.fails("user passwd b", 1, 'there is no user "b"; user list shows them', asked);
  await accounts.fails("user show b", 1, 'there is no user "b"; user list shows them');
  await accounts.fails("user disable b", 1, 'there is no user "b"');
  await accounts.fails("user remove b", 1, 'there is no user "b"');
  await accounts.fails("user set a", 2, "user set needs one of --role, --no-roles, --client-id or --no-client-ids");
  await accounts.fails(
    "user set a --role x --no-roles",
    2,
    "--role and --no-roles exclude each other; leave one of them out",
  );
  await accounts.fails(
    "user add b --no-password --password-stdin",
    2,
    "--no-password and --password-stdin exclude each other; leave one of them out",
  );
  await accounts.fails("user add a\u{1b}b --no-password", 2, "a name has no control characters");
});

Deno.test("role: add, list and remove", async () => {
  using accounts = new Accounts();
  await accounts.well("role add reader");
  await accounts.fails("role add reader", 1, 'there is a role "reader" already');
  await accounts.well("acl allow --role reader all a");
  await accounts.well("user add a --role reader --no-password");
  assertEquals(await accounts.well("role list"), "NAME    USERS  RULES\nreader  1      1");
  assertEquals(await accounts.well("role remove reader"), 'removed the role "reader", from 1 user and with 1 rule');
  assertEquals(await accounts.well("role list"), "there are no roles");
  await accounts.fails("role remove reader", 1, 'there is no role "reader"; role list shows those that are there');
});
