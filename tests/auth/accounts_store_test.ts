/** src/auth/accounts_store.ts with its changes: real files of Deno KV. @module */

import { assert, assertEquals, assertNotEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { AccountsError, AccountsStore } from "../../src/auth/accounts_store.ts";
import { keptSecret } from "../../src/auth/accounts_store_secret.ts";
import { AccountsFolder, numbersOf, oldCredentials, refusal, rule, scramCredentials } from "../support/accounts.ts";

Deno.test("AccountsStore keeps users, roles, rules and bans in its file", async () => {
  using folder = new AccountsFolder();
  let nowMs = 1000;
  const first = await folder.open(true, () => nowMs);
  await first.addRole("gardener");
  const added = await first.addUser({
    name: "reader",
    roles: ["gardener", "gardener"],
    clientIds: ["%u-*"],
    credentials: scramCredentials(7),
  });
  nowMs = 2000;
  const changed = await first.updateUser("reader", (user) => ({ ...user, isDisabled: true }));
  assertEquals(changed, { ...added, isDisabled: true, changedAtMs: 2000 });
  assertEquals(added.roles, ["gardener"]);
  const numbers = [
    await first.addRule(rule("a/#", { subjectKind: "role", subjectName: "gardener", effect: "deny" })),
    await first.addRule(rule("b/%u", { subjectKind: "address", subjectName: "10.0.0.0/8" })),
  ];
  await first.addBan({ kind: "client-id", name: "greenhouse", untilMs: 5000, reason: "too loud" });
  first.close();
  using second = await folder.open(false);
  assertEquals(await second.users(), [changed]);
  assertEquals(await second.user("reader"), changed);
  assertEquals(await second.user("writer"), undefined);
  assertEquals(await second.roles(), [{ name: "gardener", createdAtMs: 1000 }]);
  assertEquals(numbersOf(await second.rules()), numbers);
  assertEquals((await second.rules())[1].subjectName, "10.0.0.0/8");
  assertEquals(await second.bans(), [
    { kind: "client-id", name: "greenhouse", untilMs: 5000, reason: "too loud", createdAtMs: 2000 },
  ]);
  await second.removeBan("client-id", "greenhouse");
  assertEquals(await second.bans(), []);
});

Deno.test("AccountsStore is closed from its first user on, also when that one is removed", async () => {
  using folder = new AccountsFolder();
  const store = await folder.open();
  assertEquals(await store.read(), {
    version: 0,
    isClosed: false,
    users: new Map(),
    roles: new Map(),
    rules: new Map(),
    bans: new Map(),
  });
  await store.addRule(rule("secret/#", { effect: "deny" }));
  assertEquals((await store.read()).isClosed, false);
  await store.addUser({ name: "reader" });
  await store.removeUser("reader");
  const { users, isClosed, version } = await store.read();
  assertEquals([users.size, isClosed, version], [0, true, 3]);
});

Deno.test("AccountsStore refuses what does not fit what is there, and changes nothing then", async () => {
  using folder = new AccountsFolder();
  const store = await folder.open();
  await store.addUser({ name: "reader" });
  await store.addRole("gardener");
  const before = await store.read();
  const refusals: [() => Promise<unknown>, string][] = [
    [() => store.addUser({ name: "reader" }), 'there is a user "reader" already'],
    [() => store.addUser({ name: "writer", roles: ["nobody"] }), 'there is no role "nobody": add it first'],
    [() => store.addUser({ name: "a\nb" }), "a name has no control characters"],
    [() => store.addUser({ name: "" }), "a name has at least one character"],
    [() => store.addUser({ name: "x".repeat(1025) }), "a name has at most 1024 bytes, this one has 1025"],
    [() => store.addUser({ name: "\ud800" }), "without half a character"],
    [() => store.addUser({ name: "big", clientIds: Array(9).fill("x".repeat(8000)) }), "Deno KV takes 65536"],
    [() => store.updateUser("writer", (user) => user), 'there is no user "writer"'],
    [() => store.updateUser("reader", (user) => ({ ...user, name: "writer" })), "a user keeps its name"],
    [() => store.updateUser("reader", (user) => ({ ...user, roles: ["nobody"] })), 'there is no role "nobody"'],
    [() => store.removeUser("writer"), 'there is no user "writer"'],
    [() => store.addRole("gardener"), 'there is a role "gardener" already'],
    [() => store.removeRole("nobody"), 'there is no role "nobody"'],
    [() => store.addRule(rule("a/#/b")), "this is no Topic Filter"],
    [() => store.addRule(rule("$share/g/a")), "$share/name/"],
    [() => store.addRule(rule("a", { subjectKind: "role", subjectName: "nobody" })), 'there is no role "nobody"'],
    [() => store.addRule(rule("a", { subjectKind: "address", subjectName: "10.1.2.3/8" })), "it is 10.0.0.0/8"],
    [() => store.addRule(rule("a", { subjectKind: "everyone", subjectName: "reader" })), 'for "everyone" has no name'],
    [() => store.removeRule(1), "there is no rule 1"],
    [() => store.addBan({ kind: "address", name: "greenhouse", untilMs: undefined, reason: "" }), "such as 192.0.2.7"],
    [() => store.removeBan("user", "reader"), 'there is no ban of the user "reader"'],
  ];
  for (const [action, message] of refusals) assertStringIncludes(await refusal("refused", action()), message);
  assertEquals(await store.read(before), before);
});

Deno.test("AccountsStore.updateUser() counts passwords that were set, and a user who is added again has another one", async () => {
  using folder = new AccountsFolder();
  const store = await folder.open();
  const first = await store.addUser({ name: "reader", credentials: scramCredentials(1) });
  const disabled = await store.updateUser("reader", (user) => ({ ...user, isDisabled: true, credential: 99 }));
  assertEquals(disabled.credential, first.credential);
  const second = await store.updateUser("reader", (user) => ({ ...user, credentials: scramCredentials(2) }));
  assert(second.credential > first.credential);
  await store.removeUser("reader");
  const again = await store.addUser({ name: "reader", credentials: scramCredentials(1) });
  assert(again.credential > second.credential);
});

Deno.test("AccountsStore.addRule() gives each number once, and none to a rule that is there", async () => {
  using folder = new AccountsFolder();
  const store = await folder.open();
  assertEquals(await store.addRule(rule("a")), 1);
  assertEquals(await store.addRule(rule("b")), 2);
  assertEquals(await store.addRule(rule("a")), 1);
  await store.removeRule(2);
  assertEquals(await store.addRule(rule("b")), 3);
  assertEquals(await store.addRule(rule("a", { effect: "deny" })), 4);
  assertEquals(numbersOf(await store.rules()), [1, 3, 4]);
});

Deno.test("AccountsStore.removeUser() takes the user's rules along, and no others", async () => {
  using folder = new AccountsFolder();
  const store = await folder.open();
  await store.addUser({ name: "reader" });
  const own = { subjectKind: "user", subjectName: "reader" } as const;
  await store.addRule(rule("a", own));
  await store.addRule(rule("b", { ...own, effect: "deny" }));
  await store.addRule(rule("a", { subjectKind: "client-id", subjectName: "reader" }));
  assertEquals(await store.removeUser("reader"), 2);
  assertEquals(numbersOf(await store.rules()), [3]);
});

Deno.test("AccountsStore.removeUser() removes more rules than Deno KV takes at once: denials last", async () => {
  using folder = new AccountsFolder();
  const store = await folder.open();
  const own = { subjectKind: "user", subjectName: "reader" } as const;
  const rules = Array.from(
    { length: 1000 },
    (_, at) => rule(`t/${at}`, { ...own, effect: at % 2 === 0 ? "deny" : "allow" }),
  );
  await store.import({ users: [{ name: "reader" }], roles: [], rules, existingUsers: "keep" });
  let data = await store.read();
  const states: { allows: number; denials: number; hasUser: boolean }[] = [];
  // Between each two operations, as a crash would leave it.
  const commit = store.kv.commit.bind(store.kv);
  store.kv.commit = async (operation) => {
    const isDone = await commit(operation);
    data = await store.read(data);
    const own = [...data.rules.values()];
    const allows = own.filter(({ effect }) => effect === "allow").length;
    states.push({ allows, denials: own.length - allows, hasUser: data.users.has("reader") });
    return isDone;
  };
  assertEquals(await store.removeUser("reader"), 1000);
  assertEquals(states.length, 3);
  assertEquals(states[0], { allows: 100, denials: 500, hasUser: true });
  assertEquals([states[1].allows, states[1].hasUser], [0, false]);
  assertEquals(states[2], { allows: 0, denials: 0, hasUser: false });
});

Deno.test("AccountsStore.removeRole() takes it from more users than one operation can check", async () => {
  using folder = new AccountsFolder();
  const store = await folder.open();
  const users = Array.from({ length: 200 }, (_, at) => ({ name: `sensor-${at}`, roles: ["gone", "kept"] }));
  const rules = [
    rule("a", { subjectKind: "role", subjectName: "gone" }),
    rule("b", { subjectKind: "role", subjectName: "kept" }),
  ];
  await store.import({ users, roles: ["gone", "kept"], rules, existingUsers: "keep" });
  assertEquals(await store.removeRole("gone"), { users: 200, rules: 1 });
  assert((await store.users()).every(({ roles }) => roles.length === 1 && roles[0] === "kept"));
  assertEquals((await store.roles()).map(({ name }) => name), ["kept"]);
  assertEquals(numbersOf(await store.rules()), [2]);
});

Deno.test("AccountsStore.upgradeCredentials() replaces only what it was made of, and is no change of accounts", async () => {
  using folder = new AccountsFolder();
  const store = await folder.open();
  const old = await store.addUser({ name: "reader", credentials: oldCredentials(1) });
  const { version } = await store.read();
  const upgraded = await store.upgradeCredentials(old, scramCredentials(1));
  assertEquals(upgraded, { ...old, credentials: scramCredentials(1) });
  assertEquals(await store.user("reader"), upgraded);
  assertEquals((await store.read()).version, version);
  // Another broker has the old ones in memory still.
  assertEquals(await store.upgradeCredentials(old, scramCredentials(5)), upgraded);
  const changed = await store.updateUser("reader", (user) => ({ ...user, credentials: oldCredentials(1) }));
  assertEquals(await store.upgradeCredentials(old, scramCredentials(5)), changed, "the same bytes, set anew");
  await store.removeUser("reader");
  assertEquals(await store.upgradeCredentials(changed, scramCredentials(5)), undefined);
  assertEquals(await store.users(), []);
});

Deno.test("AccountsStore.upgradeCredentials() lets in nobody who is disabled or removed at that moment", async () => {
  using folder = new AccountsFolder();
  const store = await folder.open();
  const commit = store.kv.commit.bind(store.kv);
  const upgradeWhile = async (change: () => Promise<unknown>) => {
    const user = (await store.user("reader"))!;
    store.kv.commit = async (operation) => {
      store.kv.commit = commit;
      await change();
      return await commit(operation);
    };
    return await store.upgradeCredentials(user, scramCredentials(user.credential));
  };
  const { credential } = await store.addUser({ name: "reader", credentials: oldCredentials(1) });
  const disabled = await upgradeWhile(() => store.updateUser("reader", (user) => ({ ...user, isDisabled: true })));
  assertEquals([disabled?.isDisabled, disabled?.credentials], [true, scramCredentials(credential)]);
  assertEquals(await store.user("reader"), disabled);
  assertEquals(await upgradeWhile(() => store.removeUser("reader")), undefined);
  assertEquals(await store.users(), []);
});

Deno.test("AccountsStore.updateUser() does not undo an upgrade of credentials that comes in between", async () => {
  using folder = new AccountsFolder();
  const store = await folder.open();
  const old = await store.addUser({ name: "reader", credentials: oldCredentials(1) });
  const commit = store.kv.commit.bind(store.kv);
  store.kv.commit = async (operation) => {
    store.kv.commit = commit;
    await store.upgradeCredentials(old, scramCredentials(1));
    return await commit(operation);
  };
  const updated = await store.updateUser("reader", (user) => ({ ...user, isDisabled: true }));
  assertEquals([updated.isDisabled, updated.credentials], [true, scramCredentials(1)]);
  assertEquals(await store.user("reader"), updated);
});

Deno.test("AccountsStore holds names that are keys, prototypes, or long", async () => {
  using folder = new AccountsFolder();
  const store = await folder.open();
  const long = "ö".repeat(512);
  const names = ["__proto__", "constructor", long, long.slice(1) + "x", "a/b+#$", "\u{1F331}", "\uffff"];
  for (const name of names) await store.addUser({ name });
  assertEquals(new Set((await store.users()).map(({ name }) => name)), new Set(names));
  for (const name of names) assertEquals((await store.user(name))?.name, name);
  await store.removeUser(long);
  assertEquals(await store.user(long), undefined);
  assertNotEquals(await store.user(long.slice(1) + "x"), undefined);
  const clientId = "c".repeat(8192);
  await store.addBan({ kind: "client-id", name: clientId, untilMs: undefined, reason: "" });
  assertEquals((await store.bans())[0].name, clientId);
});

const DAMAGE: readonly { key: Deno.KvKey; value: unknown; message: string }[] = [
  { key: ["rule", 1], value: { effect: "deny" }, message: '["rule", 1]' },
  { key: ["rule", 1], value: { ...rule("a"), number: 2 }, message: 'it belongs under ["rule", 2]' },
  { key: ["rule", 1], value: { ...rule("a/#/b"), number: 1 }, message: "topicFilter: this is no Topic Filter" },
  { key: ["user", "reader"], value: "gone", message: '["user", "reader"]' },
  { key: ["user", "reader"], value: { name: "reader" }, message: "isDisabled: missing" },
  { key: ["role", "x"], value: { name: "x", createdAtMs: 1, rights: [] }, message: "rights: unknown" },
  { key: ["role", "x"], value: { name: "x", createdAtMs: "1" }, message: "createdAtMs: number expected" },
  { key: ["role", "x"], value: { name: "y", createdAtMs: 1 }, message: 'it belongs under ["role", "y"]' },
  { key: ["ban", "user", "x"], value: undefined, message: '["ban", "user", "x"]' },
  { key: ["version"], value: { version: -1 }, message: '["version"]' },
];

for (const { key, value, message } of DAMAGE) {
  Deno.test(`AccountsStore.read() names the record that is wrong: ${message}`, async () => {
    using folder = new AccountsFolder();
    const store = await folder.open();
    await store.addRule(rule("a"));
    await store.kv.commit(store.kv.atomic().set(key, value));
    const text = await refusal("damaged", store.read());
    assertStringIncludes(text, message);
    assertStringIncludes(text, folder.place);
  });
}

Deno.test("AccountsStore never shows a value that is wrong: it may be a key", async () => {
  using folder = new AccountsFolder();
  const store = await folder.open();
  const user = await store.addUser({ name: "reader", credentials: oldCredentials(1) });
  const credentials = { ...user.credentials, hash: "password-in-clear" };
  await store.kv.commit(store.kv.atomic().set(["user", "reader"], { ...user, credentials }));
  const text = await refusal("damaged", store.users());
  assertStringIncludes(text, "credentials.hash: Uint8Array expected");
  assert(!text.includes("password-in-clear"));
  // And it can be mended.
  assertEquals(await store.removeUser("reader"), 0);
  assertEquals(await store.users(), []);
});

Deno.test("AccountsStore refuses accounts of a newer program, also when they become so while it has them open", async () => {
  using folder = new AccountsFolder();
  const store = await folder.open();
  await store.kv.commit(store.kv.atomic().set(["quetzal", "format"], { schema: 2, more: true }));
  const message = "were written by a newer version of Quetzal (layout 2; this one knows 1)";
  assertStringIncludes(await refusal("unavailable", store.addUser({ name: "reader" })), message);
  assertStringIncludes(await refusal("unavailable", store.read()), message);
  store.close();
  assertStringIncludes(await refusal("unavailable", AccountsStore.open(folder.place, { create: true })), message);
});

Deno.test("AccountsStore writes nothing into accounts that become those of a newer program at that moment", async () => {
  using folder = new AccountsFolder();
  const store = await folder.open();
  const commit = store.kv.commit.bind(store.kv);
  store.kv.commit = async (operation) => {
    await commit(store.kv.atomic().set(["quetzal", "format"], { schema: 2 }));
    return await commit(operation);
  };
  assertStringIncludes(await refusal("unavailable", store.addUser({ name: "reader" })), "by a newer version");
  assertEquals((await store.kv.get(["user", "reader"])).value, null);
});

Deno.test("AccountsStore.read() reads everything when the file is an older copy of itself", async () => {
  using folder = new AccountsFolder();
  const store = await folder.open();
  await store.addUser({ name: "reader" });
  await store.addUser({ name: "writer" });
  const data = await store.read();
  const older = { version: 1, isClosed: true, lastRule: 0 };
  await store.kv.commit(store.kv.atomic().set(["version"], older).delete(["user", "writer"]));
  const { version, users } = await store.read(data);
  assertEquals([version, [...users.keys()]], [1, ["reader"]]);
});

Deno.test("AccountsStore says that it was closed, and may be closed again", async () => {
  using folder = new AccountsFolder();
  const store = await folder.open();
  store.close();
  store.close();
  await assertRejects(() => store.users(), AccountsError, "were closed");
});

Deno.test("keptSecret() is made once, however many ask, and is no change of accounts", async () => {
  using folder = new AccountsFolder();
  const stores = [await folder.open(), await folder.open()];
  const made = await Promise.all([...stores, ...stores].map(({ kv }) => keptSecret(kv)));
  assertEquals(new Set(made.map((secret) => secret.toHex())).size, 1);
  assertEquals(made[0].length, 32);
  assertNotEquals(made[0], new Uint8Array(32));
  assertEquals((await stores[0].read()).version, 0);
  for (const store of stores) store.close();
  const later = await folder.open(false);
  assertEquals(await keptSecret(later.kv), made[0]);
  await later.kv.commit(later.kv.atomic().set(["pretence-secret"], "damaged"));
  assertEquals((await keptSecret(later.kv)).length, 32);
});
