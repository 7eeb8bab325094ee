/** src/auth/accounts_store_place.ts: files and their modes, places that are none, other people's files. @module */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { DatabaseSync } from "node:sqlite";
import { fileURLToPath } from "node:url";
import { AccountsStore } from "../../src/auth/accounts_store.ts";
import { withoutSecrets } from "../../src/auth/accounts_store_place.ts";
import { AccountsFolder, refusal } from "../support/accounts.ts";
import { hasModes, makeStoreFile, modeOf, TemporaryFolder } from "../support/store_files.ts";

function refused(place: string, create = true): Promise<string> {
  return refusal("unavailable", AccountsStore.open(place, { create }));
}

Deno.test("AccountsStore.open() makes the file and its folder, for their owner only", async () => {
  using parent = new TemporaryFolder();
  const place = parent.file("a/b/accounts.kv");
  using store = await AccountsStore.open(place, { create: true });
  await store.addUser({ name: "reader" });
  assertEquals(store.place, place);
  if (!hasModes()) return;
  assertEquals(modeOf(parent.file("a/b")), "700");
  const names = Array.from(Deno.readDirSync(parent.file("a/b")), ({ name }) => name).toSorted();
  assertEquals(names, ["accounts.kv", "accounts.kv-shm", "accounts.kv-wal"]);
  for (const name of names) assertEquals(modeOf(parent.file(`a/b/${name}`)), "600", name);
});

Deno.test("AccountsStore.open() takes the permissions of others away from files that are there", async () => {
  using folder = new AccountsFolder();
  const first = await folder.open();
  await first.addUser({ name: "reader" });
  const files = ["", "-wal", "-shm"].map((suffix) => folder.place + suffix);
  if (!hasModes()) return;
  for (const file of files) Deno.chmodSync(file, 0o644);
  const second = await folder.open(false);
  assertEquals(files.map(modeOf), ["600", "600", "600"]);
  assertEquals((await second.users()).length, 1);
});

Deno.test("AccountsStore.open() without `create` makes nothing", async () => {
  using parent = new TemporaryFolder();
  const message = await refusal("missing", AccountsStore.open(parent.file("a/accounts.kv"), { create: false }));
  assertStringIncludes(message, "there are no accounts yet");
  assertStringIncludes(message, parent.file("a/accounts.kv"));
  assertEquals(parent.names, []);
});

Deno.test("AccountsStore.open() takes an empty file for accounts that are being made", async () => {
  using folder = new AccountsFolder();
  Deno.writeTextFileSync(folder.place, "");
  const store = await folder.open(false);
  assertEquals(await store.users(), []);
  await store.addUser({ name: "reader" });
  store.close();
  assertEquals((await (await folder.open(false)).users()).length, 1);
});

Deno.test("AccountsKv.list() lets others have their turn, however many records there are and whatever each costs", async () => {
  using folder = new AccountsFolder();
  const { kv } = await folder.open();
  const operation = kv.atomic();
  for (let number = 0; number < 10; number++) operation.set(["x", number], number);
  await kv.commit(operation);
  let turns = 0;
  const timer = setInterval(() => turns++, 0);
  let listed = 0;
  for await (const _ of kv.list(["x"])) {
    listed++;
    for (const endMs = performance.now() + 10; performance.now() < endMs;);
  }
  clearInterval(timer);
  // Without them there is one at most, while the file is read.
  assert(turns >= 5, `${turns} turns`);
  assertEquals(listed, 10);
});

Deno.test("AccountsStore.open() leaves files of others as they are", async () => {
  using parent = new TemporaryFolder();
  Deno.writeTextFileSync(parent.file("text"), "no database\n".repeat(100));
  makeStoreFile(parent.storeFile);
  {
    using kv = await Deno.openKv(parent.file("other.kv"));
    await kv.set(["something", "else"], 1);
  }
  for (const file of [parent.file("text"), parent.storeFile, parent.file("other.kv")]) {
    const tables = tablesOf(file);
    const message = await refusal("damaged", AccountsStore.open(file, { create: true }));
    assertStringIncludes(message, `${file} holds no accounts: it is damaged, or belongs to another program`);
    assertEquals(tablesOf(file), tables);
  }
});

function tablesOf(file: string): unknown {
  try {
    using database = new DatabaseSync(file, { readOnly: true });
    return database.prepare("SELECT name FROM sqlite_schema ORDER BY name").all();
  } catch (error) {
    return (error as Error).message;
  }
}

Deno.test("AccountsStore says so when its file is damaged in the middle", async () => {
  using folder = new AccountsFolder();
  const store = await folder.open();
  const users = Array.from({ length: 500 }, (_, at) => ({ name: `sensor-${at}`, clientIds: ["x".repeat(500)] }));
  await store.import({ users, roles: [], rules: [], existingUsers: "keep" });
  store.close();
  const { size } = Deno.statSync(folder.place);
  {
    using file = Deno.openSync(folder.place, { write: true });
    file.seekSync(4096, Deno.SeekMode.Start);
    for (let at = 4096; at < size; at += 4096) file.writeSync(new Uint8Array(4096).fill(0xA5));
  }
  assertStringIncludes(
    await refusal("damaged", AccountsStore.open(folder.place, { create: false }).then((store) => store.read())),
    "holds no accounts: it is damaged",
  );
});

Deno.test({
  name: "AccountsStore.open() by another name takes no locks away from those who have the file open",
  // Links are not for everybody there, and neither do files lose their locks.
  ignore: Deno.build.os === "windows",
  fn: async () => {
    using folder = new AccountsFolder();
    const first = await folder.open();
    await first.addUser({ name: "reader" });
    const link = folder.folder.file("link.kv");
    Deno.symlinkSync(folder.place, link);
    const locks = locksOf(folder.place);
    using second = await AccountsStore.open(link, { create: false });
    assertEquals((await second.users()).length, 1);
    second.close();
    assertEquals(locksOf(folder.place), locks);
    assert(Deno.build.os !== "linux" || locks.length > 0);
  },
});

/** Of this process; Linux only. */
function locksOf(file: string): string[] {
  if (Deno.build.os !== "linux") return [];
  const { ino } = Deno.statSync(file);
  return Deno.readTextFileSync("/proc/locks").split("\n").map((line) => line.trim().split(/\s+/).slice(1))
    .filter((lock) => lock[3] === `${Deno.pid}` && lock[4].endsWith(`:${ino}`)).map((lock) => lock.join(" "))
    .toSorted();
}

Deno.test("AccountsStore.open() says what to do about a place that cannot be used", async () => {
  using parent = new TemporaryFolder();
  Deno.writeTextFileSync(parent.file("file"), "");
  assertStringIncludes(await refused(parent.path), "Check that the path is a file");
  assertStringIncludes(await refused(parent.file("file/accounts.kv")), "Check that the path is a file");
});

/** As a user who may not, and as a program without Deno KV: processes of their own. */
async function run(options: readonly string[], place: string): Promise<string> {
  const module = new URL("../../src/auth/accounts_store.ts", import.meta.url).href;
  const program = `import { AccountsStore } from ${JSON.stringify(module)};
    try { await AccountsStore.open(${JSON.stringify(place)}, { create: true }); }
    catch (error) { console.log(error.name + ": " + error.message); }`;
  const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-check", ...options, `data:application/typescript,${encodeURIComponent(program)}`],
    env: { NO_COLOR: "1" },
  }).output();
  const printed = new TextDecoder().decode(stdout);
  return printed === "" ? new TextDecoder().decode(stderr) : printed;
}

const config = fileURLToPath(new URL("../../deno.json", import.meta.url));

Deno.test("AccountsStore.open() tells a program without Deno KV how to get it", async () => {
  using parent = new TemporaryFolder();
  const other = JSON.parse(Deno.readTextFileSync(config));
  const root = new URL("../../", import.meta.url).href;
  const imports = Object.fromEntries(
    Object.entries(other.imports as Record<string, string>)
      .map(([name, target]) => [name, target.startsWith("./") ? new URL(target, root).href : target]),
  );
  Deno.writeTextFileSync(parent.file("deno.json"), JSON.stringify({ imports, nodeModulesDir: "none", lock: false }));
  const printed = await run(["-A", "--cached-only", "--config", parent.file("deno.json")], parent.file("accounts.kv"));
  assertStringIncludes(
    printed,
    'AccountsError: accounts are kept in Deno KV, and this program runs without it: add "unstable": ["kv"]',
  );
});

Deno.test("AccountsStore.open() tells who must be allowed what", async () => {
  using parent = new TemporaryFolder();
  const printed = await run(["--config", config, "--allow-env", "--allow-sys"], parent.file("accounts.kv"));
  assertStringIncludes(printed, "AccountsError: ");
  assertStringIncludes(printed, "The user that runs this program must own the file");
});

Deno.test("AccountsStore.open() of a URL asks for the token, and shows no secret of the URL", async () => {
  const token = Deno.env.get("DENO_KV_ACCESS_TOKEN");
  try {
    Deno.env.delete("DENO_KV_ACCESS_TOKEN");
    const message = await refused("https://user:hidden@127.0.0.1:1/kv?key=hidden");
    assertStringIncludes(message, "https://127.0.0.1:1/kv need an access token");
    assertStringIncludes(message, "DENO_KV_ACCESS_TOKEN");
    assert(!message.includes("hidden"));
    Deno.env.set("DENO_KV_ACCESS_TOKEN", "hidden-token");
    const unreachable = await refused("http://127.0.0.1:1/kv?key=hidden");
    assertStringIncludes(unreachable, "the accounts at http://127.0.0.1:1/kv cannot be reached");
    assert(!unreachable.includes("hidden"));
  } finally {
    if (token === undefined) Deno.env.delete("DENO_KV_ACCESS_TOKEN");
    else Deno.env.set("DENO_KV_ACCESS_TOKEN", token);
  }
});

Deno.test("withoutSecrets() leaves paths and plain URLs as they are", () => {
  assertEquals(withoutSecrets("/data/accounts.kv"), "/data/accounts.kv");
  assertEquals(withoutSecrets("https://kv.example/databases/1"), "https://kv.example/databases/1");
  assertEquals(withoutSecrets("https://a:b@kv.example/1?c=d"), "https://kv.example/1");
});
