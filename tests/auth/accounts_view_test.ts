/** src/auth/accounts_view.ts: what a running broker sees of changes, and what it does when it cannot. @module */

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import fc from "fast-check";
import { NO_ACCOUNTS } from "../../src/auth/accounts.ts";
import { AccountsView } from "../../src/auth/accounts_view.ts";
import { AccountsStore } from "../../src/auth/accounts_store.ts";
import {
  AccountsFolder,
  accountsWhere,
  carryOut,
  comes,
  LineLog,
  oldCredentials,
  randomStep,
  refusal,
  rule,
  scramCredentials,
  sortedUsers,
} from "../support/accounts.ts";

/** Looks when it is told to, or as often as it may. */
const NEVER_MS = 2_000_000_000;
const ALWAYS_MS = 1;
/** A store that nobody has put anything into. */
const NONE_YET = { ...NO_ACCOUNTS, version: 1 };

class ViewedFolder extends AccountsFolder {
  readonly log = new LineLog();

  view({ create = true, pollMs = NEVER_MS } = {}): Promise<AccountsView> {
    return AccountsView.open({ place: this.place, create, pollMs, log: this.log });
  }
}

Deno.test("AccountsView sees what another program changes, by itself, and tells of it after it is in force", async () => {
  using folder = new ViewedFolder();
  const view = await folder.view({ pollMs: ALWAYS_MS });
  assertEquals(view.accounts, NONE_YET);
  const other = await folder.open();
  await other.addUser({ name: "reader" });
  const first = await accountsWhere(view, ({ isClosed }) => isClosed);
  assertEquals([...first.users.keys()], ["reader"]);
  await other.addRule(rule("b"));
  await other.addRule(rule("a", { effect: "deny" }));
  const second = await accountsWhere(view, ({ rules }) => rules.length === 2);
  assertEquals(second.rules.map(({ number }) => number), [1, 2]);
  assert(second.version > first.version);
  assertEquals(first.rules, [], "accounts that somebody holds do not change");
  assertEquals(folder.log.lines, []);
  await view.close();
});

Deno.test("AccountsView tells nobody when nothing has changed, and nobody who does not want to know any more", async () => {
  using folder = new ViewedFolder();
  const view = await folder.view();
  const other = await folder.open();
  const told: string[] = [];
  const tell = () => void told.push("both");
  const stopFirst = view.watch(tell);
  view.watch(tell);
  await view.refresh();
  assertEquals(told, []);
  await other.addRole("gardener");
  await view.refresh();
  await view.refresh();
  assertEquals(told, ["both", "both"]);
  stopFirst();
  stopFirst();
  await other.addRole("cook");
  await view.refresh();
  assertEquals(told, ["both", "both", "both"]);
  await view.close();
});

Deno.test("AccountsView tells the others when one of those who are told fails", async () => {
  using folder = new ViewedFolder();
  const view = await folder.view();
  view.watch(() => {
    throw new Error("a bug");
  });
  let told = 0;
  view.watch(() => told++);
  await (await folder.open()).addRole("gardener");
  await view.refresh();
  assertEquals(told, 1);
  assertMatch(folder.log.lines.join(), /^error: A change of accounts was not taken in everywhere: Error: a bug/);
  await view.close();
});

Deno.test("AccountsView is after any changes what a fresh full reading is", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.array(randomStep, { maxLength: 6 }), { maxLength: 8 }), async (rounds) => {
      using folder = new ViewedFolder();
      const other = await folder.open();
      const view = await folder.view();
      for (const steps of rounds) {
        for (const step of steps) await carryOut(other, step);
        await view.refresh();
        using reader = await AccountsStore.open(folder.place, { create: false });
        const { users, roles, rules, bans, isClosed } = await reader.read();
        const { accounts } = view;
        assertEquals(sortedUsers(accounts.users.values()), sortedUsers(users.values()));
        assertEquals(new Map(accounts.roles), new Map(roles));
        assertEquals(accounts.rules, [...rules.values()]);
        assertEquals(new Set(accounts.bans), new Set(bans.values()));
        assertEquals(accounts.isClosed, isClosed);
        for (const [name, user] of accounts.users) assertEquals(user.name, name);
      }
      await view.close();
    }),
    { numRuns: 25 },
  );
});

Deno.test("AccountsView reads only what was touched, and everything when that is forgotten", async () => {
  using folder = new ViewedFolder();
  const other = await folder.open();
  for (const name of ["reader", "writer"]) await other.addUser({ name });
  const view = await folder.view();
  const before = view.accounts.users.get("reader");
  await other.updateUser("writer", (user) => ({ ...user, isDisabled: true }));
  await view.refresh();
  assert(view.accounts.users.get("reader") === before);
  assertEquals(view.accounts.users.get("writer")!.isDisabled, true);
  const ban = { kind: "user", name: "writer", untilMs: undefined } as const;
  for (let number = 0; number <= 1000; number++) await other.addBan({ ...ban, reason: `${number}` });
  assertEquals((await other.kv.get(["change", 4])).value, null, "only the last 1,000 are kept");
  assert((await other.kv.get(["change", 5])).value !== null);
  await view.refresh();
  assertEquals(view.accounts.bans.map(({ reason }) => reason), ["1000"]);
  assert(view.accounts.users.get("reader") !== before);
  assertEquals(view.accounts.users.get("reader"), before);
  await view.close();
});

Deno.test("AccountsView sees an import that is too large to be named", async () => {
  using folder = new ViewedFolder();
  const view = await folder.view();
  const other = await folder.open();
  const users = Array.from({ length: 300 }, (_, at) => ({ name: `${"n".repeat(400)}${at}` }));
  await other.import({ users, roles: [], rules: [], existingUsers: "keep" });
  assertEquals((await other.kv.get(["change", 1])).value, "all");
  await view.refresh();
  assertEquals(view.accounts.users.size, 300);
  await view.close();
});

Deno.test("AccountsView keeps the old accounts while a new record is not valid, says so once, and goes on when it is", async () => {
  using folder = new ViewedFolder();
  const other = await folder.open();
  await other.addUser({ name: "reader" });
  await other.addRule(rule("a", { effect: "deny" }));
  const view = await folder.view();
  const before = view.accounts;
  let told = 0;
  view.watch(() => told++);
  await other.addRule(rule("b", { effect: "deny" }));
  const damaged = other.kv.atomic().set(["rule", 2], { effect: "deny", number: 2 });
  await other.kv.commit(damaged);
  for (let look = 0; look < 3; look++) await view.refresh();
  assertEquals([view.accounts, told], [before, 0]);
  assertEquals(folder.log.lines.length, 1);
  assertMatch(
    folder.log.lines[0],
    /^error: Changes of accounts are not seen: the record \["rule", 2\] in .* is not valid/,
  );
  await other.addUser({ name: "writer" });
  await other.removeRule(1);
  await view.refresh();
  assertEquals(view.accounts, before, "no half of the changes");
  assertEquals(folder.log.lines.length, 1);
  await other.removeRule(2);
  await view.refresh();
  assertEquals([view.accounts.rules, [...view.accounts.users.keys()], told], [[], ["reader", "writer"], 1]);
  assertStringIncludes(folder.log.lines[1], "are in order again");
  await other.kv.commit(damaged);
  await other.addRole("gardener");
  const { version } = (await other.kv.get(["version"])).value as { version: number };
  // Then everything is read.
  await other.kv.commit(other.kv.atomic().delete(["change", version]));
  await view.refresh();
  assertEquals(folder.log.lines.slice(2), [folder.log.lines[0]], "it is news again");
  await view.close();
});

Deno.test("AccountsView keeps the old accounts when the disk fails in the middle of a reading", async () => {
  using folder = new ViewedFolder();
  const other = await folder.open();
  const view = await folder.view();
  await other.addUser({ name: "reader" });
  await other.addRule(rule("a"));
  const { kv } = view.store!;
  const getMany = kv.getMany.bind(kv);
  let calls = 0;
  kv.getMany = (keys) => ++calls === 3 ? Promise.reject(new Error("disk I/O error")) : getMany(keys);
  await view.refresh();
  assertEquals([view.accounts, calls], [NONE_YET, 3]);
  assertStringIncludes(folder.log.lines[0], "disk I/O error");
  await view.refresh();
  assertEquals([view.accounts.users.size, view.accounts.rules.length], [1, 1]);
  await view.close();
});

Deno.test("AccountsView never shows half of a change that comes while it reads", async () => {
  using folder = new ViewedFolder();
  const other = await folder.open();
  const store = await folder.open();
  let changes = 0;
  // A user and a rule in one operation: after the users were read, and before the rules are.
  const change = () => {
    const users = [{ name: `sensor-${++changes}` }];
    return other.import({ users, roles: [], rules: [rule(`t/${changes}`)], existingUsers: "keep" });
  };
  const list = store.kv.list.bind(store.kv);
  store.kv.list = async function* (prefix, limit) {
    if (prefix[0] === "rule") await change();
    yield* list(prefix, limit);
  };
  const getMany = store.kv.getMany.bind(store.kv);
  store.kv.getMany = async (keys) => {
    if (changes < 5) await change();
    return await getMany(keys);
  };
  const data = await store.read();
  assertEquals([data.users.size, data.rules.size, data.version], [changes, changes, changes]);
  assert(changes >= 5);
});

Deno.test("AccountsView without `create` has no accounts until somebody makes them", async () => {
  using folder = new ViewedFolder();
  const view = await folder.view({ create: false, pollMs: ALWAYS_MS });
  assertEquals([view.accounts, view.store], [NO_ACCOUNTS, undefined]);
  await view.refresh();
  assertEquals(folder.folder.names, []);
  await view.upgradeCredentials({ ...USER, name: "nobody" }, scramCredentials(1));
  const other = await folder.open();
  await other.addUser({ name: "reader" });
  assertEquals((await accountsWhere(view, ({ isClosed }) => isClosed)).users.size, 1);
  assertEquals(folder.log.lines, []);
  await view.close();
});

const USER = {
  name: "reader",
  isDisabled: false,
  roles: [],
  clientIds: [],
  credentials: undefined,
  credential: 1,
  createdAtMs: 0,
  changedAtMs: 0,
};

Deno.test("AccountsView.open() fails where there is something that cannot be used", async () => {
  using folder = new ViewedFolder();
  const other = await folder.open();
  await other.addRule(rule("a"));
  await other.kv.commit(other.kv.atomic().set(["rule", 1], 0));
  assertStringIncludes(await refusal("damaged", folder.view({ create: false })), '["rule", 1]');
  other.close();
  Deno.writeTextFileSync(folder.place, "no database");
  await refusal("damaged", folder.view({ create: false }));
  await refusal("damaged", folder.view());
});

Deno.test({
  name: "AccountsView keeps the old accounts when the file is removed or replaced, and says so",
  // Windows lets nobody remove a file that is open.
  ignore: Deno.build.os === "windows",
  fn: async () => {
    using folder = new ViewedFolder();
    const other = await folder.open();
    await other.addUser({ name: "reader" });
    const view = await folder.view({ pollMs: ALWAYS_MS });
    const before = view.accounts;
    other.close();
    Deno.renameSync(folder.place, folder.place + ".away");
    assertStringIncludes(await comes(folder.log.until(/are gone/)), "stay in force");
    for (const suffix of ["-wal", "-shm"]) Deno.renameSync(folder.place + suffix, folder.place + suffix + ".away");
    const fresh = await folder.open();
    await comes(folder.log.until(/were replaced by another file/));
    assertEquals(view.accounts, before);
    fresh.close();
    Deno.renameSync(folder.place + ".away", folder.place);
    await comes(folder.log.until(/are in order again/));
    assertEquals(folder.log.lines.length, 3, "each trouble is said once");
    assertEquals(view.accounts, before);
    await view.close();
  },
});

Deno.test("AccountsView does not open up when the accounts in its file are others, without any user", async () => {
  using folder = new ViewedFolder();
  const other = await folder.open();
  await other.addUser({ name: "reader" });
  const view = await folder.view();
  const before = view.accounts;
  await other.kv.commit(
    other.kv.atomic().delete(["user", "reader"]).set(["version"], { version: 0, isClosed: false, lastRule: 0 }),
  );
  await view.refresh();
  assertEquals(view.accounts, before);
  assertStringIncludes(folder.log.lines[0], "which would let everybody in");
  await view.close();
});

Deno.test("AccountsView.upgradeCredentials() changes what is in memory and in the store, and tells nobody", async () => {
  using folder = new ViewedFolder();
  const other = await folder.open();
  const old = await other.addUser({ name: "reader", credentials: oldCredentials(1) });
  const view = await folder.view();
  let told = 0;
  view.watch(() => told++);
  const before = view.accounts;
  const { version } = before;
  await view.upgradeCredentials(old, scramCredentials(1));
  assert(view.accounts === before, "nobody has to work out rights anew");
  const upgraded = { ...old, credentials: scramCredentials(1) };
  assertEquals(view.accounts.users.get("reader"), upgraded);
  assertEquals(await other.user("reader"), upgraded);
  await view.refresh();
  assertEquals([view.accounts.version, told], [version, 0]);
  // One that comes too late: the password was set meanwhile.
  const changed = await other.updateUser("reader", (user) => ({ ...user, credentials: oldCredentials(9) }));
  await view.upgradeCredentials(upgraded, scramCredentials(2));
  assertEquals(await other.user("reader"), changed);
  assertEquals(view.accounts.users.get("reader"), upgraded, "the next look brings it");
  await view.refresh();
  assertEquals(view.accounts.users.get("reader"), changed);
  assertEquals(told, 1);
  await view.close();
});

Deno.test("AccountsView.upgradeCredentials() that fails leaves the old ones, and says so once", async () => {
  using folder = new ViewedFolder();
  const other = await folder.open();
  const user = await other.addUser({ name: "reader", credentials: oldCredentials(1) });
  const view = await folder.view();
  view.store!.kv.commit = () => Promise.reject(new Error("disk full"));
  for (let time = 0; time < 2; time++) await view.upgradeCredentials(user, scramCredentials(1));
  assertEquals(view.accounts.users.get("reader"), user);
  assertEquals(folder.log.lines.length, 1);
  assertMatch(folder.log.lines[0], /^error: Better credentials are not kept: Error: disk full/);
  await view.close();
});

Deno.test("AccountsView.close() ends the looking, may be called again, and leaves the accounts", async () => {
  using folder = new ViewedFolder();
  const other = await folder.open();
  await other.addUser({ name: "reader" });
  const view = await folder.view({ pollMs: ALWAYS_MS });
  await Promise.all([view.refresh(), view.close(), view.close()]);
  await other.addUser({ name: "writer" });
  await view.refresh();
  await view.upgradeCredentials(view.accounts.users.get("reader")!, scramCredentials(1));
  assertEquals([...view.accounts.users.keys()], ["reader"]);
  assertEquals(folder.log.lines, []);
});

Deno.test("AccountsView keeps no process alive", async () => {
  using folder = new AccountsFolder();
  const view = new URL("../../src/auth/accounts_view.ts", import.meta.url).href;
  const program = `import { AccountsView } from ${JSON.stringify(view)};
    const log = { isEnabled: () => false, error() {}, warning() {}, info() {}, debug() {} };
    await AccountsView.open({ place: ${JSON.stringify(folder.place)}, create: true, pollMs: 50, log });
    console.log("opened");`;
  const { code, stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["eval", "--ext=ts", "--no-check", program],
    cwd: new URL("../../", import.meta.url),
  }).output();
  assertEquals([code, new TextDecoder().decode(stdout).trim()], [0, "opened"]);
});
