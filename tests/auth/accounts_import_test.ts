/** src/auth/accounts_store_import.ts: many records at once, and what a crash between two operations leaves. @module */

import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import type { AccountsData, AccountsStore } from "../../src/auth/accounts_store.ts";
import { AccountsFolder, refusal, rule, scramCredentials } from "../support/accounts.ts";

function many(users: number, rules: number) {
  return {
    users: Array.from({ length: users }, (_, at) => ({ name: `sensor-${at}`, roles: ["device"] })),
    roles: ["device"],
    rules: Array.from({ length: rules }, (_, at) => rule(`t/${at}`, { effect: at % 2 === 0 ? "allow" : "deny" })),
    existingUsers: "keep",
  } as const;
}

Deno.test("AccountsStore.import() of a few records is one change", async () => {
  using folder = new AccountsFolder();
  const store = await folder.open();
  const report = await store.import(many(100, 50));
  assertEquals(report, {
    usersAdded: 100,
    usersReplaced: 0,
    usersKept: 0,
    rolesAdded: 1,
    rulesAdded: 50,
    rulesKnown: 0,
  });
  const data = await store.read();
  assertEquals([data.version, data.isClosed, data.users.size, data.rules.size], [1, true, 100, 50]);
  assertEquals(
    Array.from(data.rules.values(), ({ topicFilter }) => topicFilter),
    many(0, 50).rules.map((r) => r.topicFilter),
  );
});

Deno.test("AccountsStore.import() twice adds nothing the second time", async () => {
  using folder = new AccountsFolder();
  const store = await folder.open();
  await store.import(many(10, 10));
  const before = await store.read();
  const twice = { ...many(10, 10), rules: [...many(0, 10).rules, ...many(0, 10).rules] };
  assertEquals(await store.import(twice), {
    usersAdded: 0,
    usersReplaced: 0,
    usersKept: 10,
    rolesAdded: 0,
    rulesAdded: 0,
    rulesKnown: 20,
  });
  assertEquals(await store.read(before), before);
});

Deno.test("AccountsStore.import() replaces what it says of a user, and lets nobody in who is disabled", async () => {
  using folder = new AccountsFolder();
  const store = await folder.open(true, () => 1000);
  await store.addRole("device");
  const old = await store.addUser({
    name: "reader",
    isDisabled: true,
    roles: ["device"],
    credentials: scramCredentials(1),
  });
  const batch = { users: [{ name: "reader", credentials: scramCredentials(2) }], roles: [], rules: [] };
  assertEquals((await store.import({ ...batch, existingUsers: "keep" })).usersKept, 1);
  assertEquals(await store.user("reader"), old);
  assertEquals((await store.import({ ...batch, existingUsers: "replace" })).usersReplaced, 1);
  const replaced = await store.user("reader");
  assert(replaced !== undefined && replaced.credential > old.credential);
  assertEquals(replaced, { ...old, credentials: scramCredentials(2), credential: replaced.credential });
});

Deno.test("AccountsStore.import() refuses the whole of a batch with one record that is not fit", async () => {
  using folder = new AccountsFolder();
  const store = await folder.open();
  const empty = { users: [], roles: [], rules: [], existingUsers: "keep" } as const;
  const batches = [
    [{ ...empty, users: [{ name: "reader" }, { name: "a\0" }] }, "no control characters"],
    [{ ...empty, users: [{ name: "reader" }, { name: "reader" }] }, 'the user "reader" is here a second time'],
    [{ ...empty, users: [{ name: "reader", roles: ["x"] }] }, 'there is no role "x"'],
    [{ ...empty, rules: [rule("a"), rule("b", { subjectKind: "role", subjectName: "x" })] }, 'there is no role "x"'],
    [{ ...empty, rules: [rule("a"), rule("a/#/b")] }, "this is no Topic Filter: a/#/b"],
    [{ ...empty, roles: [""] }, "at least one character"],
  ] as const;
  for (const [batch, message] of batches) {
    assertStringIncludes(await refusal("refused", store.import(batch)), message);
    assertEquals((await store.read()).version, 0);
  }
});

/** Ends after so many operations, as a crash would. */
function crashAfter(store: AccountsStore, operations: number, each: () => void): void {
  const commit = store.kv.commit.bind(store.kv);
  let left = operations;
  store.kv.commit = async (operation) => {
    if (left-- === 0) throw new Error("crashed");
    const isDone = await commit(operation);
    each();
    return isDone;
  };
}

Deno.test("AccountsStore.import() that is cut off anywhere leaves less allowed, and goes on where it was", async () => {
  const batch = many(1000, 1000);
  for (let operations = 0;; operations++) {
    using folder = new AccountsFolder();
    const store = await folder.open();
    let made = 0;
    crashAfter(store, operations, () => made++);
    const importing = store.import(batch);
    const isWhole = await importing.then(() => true, () => false);
    if (!isWhole) await assertRejects(() => importing, Error, "crashed");
    store.close();
    const again = await folder.open();
    requireNoMoreOpen(await again.read(), made);
    await again.import(batch);
    const { users, rules, isClosed } = await again.read();
    assertEquals([users.size, rules.size, isClosed], [1000, 1000, true]);
    if (isWhole) {
      assert(operations >= 6, "the batch is larger than Deno KV takes at once");
      return;
    }
  }
});

function requireNoMoreOpen({ version, isClosed, users, rules }: AccountsData, operations: number): void {
  assertEquals(version, operations);
  if (operations > 0) assert(isClosed);
  const effects = Array.from(rules.values(), ({ effect }) => effect);
  const denials = effects.filter((effect) => effect === "deny").length;
  if (users.size > 0) assertEquals(denials, 500, "all denials before the first user");
  if (denials < effects.length) assertEquals(users.size, 1000, "all users before the first rule that allows");
}

Deno.test("AccountsStore.import() takes large records and long names, as many as come", async () => {
  using folder = new AccountsFolder();
  const store = await folder.open();
  const users = Array.from({ length: 300 }, (_, at) => ({
    name: `${at}-${"n".repeat(900)}`,
    clientIds: Array.from({ length: 5 }, (_, index) => `${index}${"c".repeat(8000)}`),
  }));
  assertEquals((await store.import({ users, roles: [], rules: [], existingUsers: "keep" })).usersAdded, 300);
  const data = await store.read();
  assertEquals(data.users.size, 300);
  const names = Array.from({ length: 500 }, (_, at) => ({ name: `${"ö".repeat(40)}-${at}` }));
  assertEquals((await store.import({ users: names, roles: [], rules: [], existingUsers: "keep" })).usersAdded, 500);
  assertEquals((await store.read(data)).users.size, 800);
});
