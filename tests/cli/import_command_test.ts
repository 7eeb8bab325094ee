/** src/cli/import.ts in this process: what comes of Mosquitto's files. @module */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { Accounts } from "./accounts_support.ts";

/** Of "password", with Argon2's reference implementation. */
const ARGON2ID = "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4";

const ACL = `
topic read public/#
user sensor-1
topic deny sensors/secret
topic write sensors/1/#
user ghost
topic readwrite ghost/#
pattern readwrite users/%u/#
`;

interface Imported {
  readonly dryRun: boolean;
  readonly users: { readonly name: string; readonly password: string; readonly isNew: boolean }[];
  readonly rules: { readonly effect: string; readonly topicFilter: string; readonly isNew: boolean }[];
  readonly report: Readonly<Record<string, number>> | null;
  readonly notes: string[];
}

function write(accounts: Accounts, name: string, text: string | Uint8Array): string {
  const path = accounts.folder.file(name);
  Deno.writeFileSync(path, typeof text === "string" ? new TextEncoder().encode(text) : text);
  return path;
}

Deno.test("import mosquitto: a trial changes nothing, and then users and rules are there, once", async () => {
  using accounts = new Accounts();
  const passwords = write(accounts, "passwd", `sensor-1:${ARGON2ID}\nreader:${ARGON2ID}\n`);
  const line = ["import", "mosquitto", "--passwd", passwords, "--acl", write(accounts, "acl", ACL)];

  const trial = await accounts.run([...line, "--dry-run"]);
  assertEquals(trial.code, 0);
  for (
    const text of [
      'would add the user "sensor-1" (argon2id)',
      "would add the rule: deny user sensor-1 all sensors/secret",
      "nothing was imported (--dry-run)",
      "note: a subscription to more than a rule allows is refused",
      "note: a user name or Client Identifier with / + # or $ in it",
      "note: rules for clients without a user name matter where allowAnonymous",
    ]
  ) assertStringIncludes(trial.printed, text);
  assertEquals(trial.complaints, "warning: there are rules for users that do not exist: ghost");
  assertEquals(accounts.folder.names, ["acl", "passwd"], "a trial makes no accounts");

  const first = await accounts.run([...line, "--json"]);
  assertEquals(first.code, 0);
  const imported: Imported = JSON.parse(first.printed);
  assertEquals(imported.dryRun, false);
  assertEquals(imported.report, { usersAdded: 2, usersKept: 0, rulesAdded: 5, rulesKnown: 0 });
  assertEquals(imported.users.map(({ name, password, isNew }) => [name, password, isNew]), [
    ["sensor-1", "argon2id", true],
    ["reader", "argon2id", true],
  ]);
  assert(!first.printed.includes("nf65EOg") && !first.printed.includes("c29tZXNhbHQ"), "no hashes are shown");
  assert(await accounts.passwordIs("sensor-1", "password"));
  const explained = async (line: string) => (await accounts.run(["acl", "explain", ...line.split(" ")])).printed;
  assertEquals(
    await explained("--user sensor-1 publish sensors/secret"),
    "refused by rule 1: deny user sensor-1 all sensors/secret",
  );
  assertStringIncludes(
    await explained("--user sensor-1 publish sensors/1/x"),
    "allowed by rule 3: allow user sensor-1",
  );
  assertStringIncludes(
    await explained("--user reader subscribe users/reader/#"),
    "allowed by rule 5: allow everyone all",
  );
  assertStringIncludes(await explained("subscribe public/a"), "allowed by rule 2: allow anonymous subscribe public/#");
  assertEquals(await explained("--user reader subscribe public/a"), "refused: no rule allows it");

  await accounts.well("user passwd reader --password-stdin", { input: "another\n" });
  const second = await accounts.run([...line, "--json"]);
  assertEquals(JSON.parse(second.printed).report, { usersAdded: 0, usersKept: 2, rulesAdded: 0, rulesKnown: 5 });
  assertStringIncludes(second.complaints, "already there, and left as they are: 2 users (sensor-1, reader)");
  assert(await accounts.passwordIs("reader", "another"));
});

Deno.test("import mosquitto: with an ACL file alone nothing is open that was shut, also when no rule is in it", async () => {
  for (const text of ["topic read public/#\n", "# nothing\n"]) {
    using accounts = new Accounts();
    const line = ["import", "mosquitto", "--acl", write(accounts, "acl", text)];
    const imported = await accounts.run(line);
    assertEquals(imported.code, 0);
    assertStringIncludes(imported.complaints, "from now on what no rule allows is refused");
    const explained = await accounts.run(["acl", "explain", "publish", "public/a"]);
    assertEquals([explained.code, explained.printed], [1, "refused: no rule allows it"]);
    assertEquals((await accounts.run(line)).complaints, "", "it is so already");
  }
});

Deno.test("import mosquitto says what a password file alone means", async () => {
  using accounts = new Accounts();
  const printed = await accounts.well(`import mosquitto --passwd ${write(accounts, "passwd", `a:${ARGON2ID}`)}`);
  assertStringIncludes(printed, "imported 1 user and 0 rules\n");
  assertStringIncludes(
    printed,
    "note: without an ACL file Mosquitto allows everything; here what no rule allows is refused",
  );
});

Deno.test("import mosquitto imports nothing when a line of either file is wrong, and names each", async () => {
  using accounts = new Accounts();
  const passwords = write(accounts, "passwd", `a:${ARGON2ID}\nhunter2\nb:$5$${"x".repeat(30)}$y\n`);
  const rules = write(accounts, "acl", "topic a\ntopic reed b\n");
  await accounts.well("role add reader");
  await accounts.fails(
    `import mosquitto --passwd ${passwords} --acl ${rules}`,
    1,
    [
      `${passwords}:2: there is no colon; a line is NAME:HASH, as mosquitto_passwd writes it`,
      `quetzal: ${passwords}:3: the kind of hash $5$ is not known; known are $6$, $7$ and $argon2id$`,
      `quetzal: ${rules}:2: "reed" is none of read, write, readwrite and deny`,
      "quetzal: nothing was imported",
    ].join("\n"),
  );
  assertEquals(await accounts.well("user list"), "there are no users");
  assertEquals(await accounts.well("acl list"), "there are no rules");
});

Deno.test("import mosquitto says which file it cannot read", async () => {
  using accounts = new Accounts();
  const missing = accounts.folder.file("nothing");
  const bytes = write(accounts, "bytes", Uint8Array.of(0x61, 0xff));
  const nothing = "quetzal: nothing was imported";
  await accounts.fails(
    `import mosquitto --passwd ${missing} --acl ${bytes}`,
    1,
    `there is no file ${missing}\nquetzal: ${bytes}: the file is no UTF-8 text\n${nothing}`,
  );
  await accounts.fails("import mosquitto", 2, "import mosquitto needs --passwd FILE, --acl FILE, or both");
});
