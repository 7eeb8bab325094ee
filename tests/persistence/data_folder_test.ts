/** src/persistence/data_folder.ts, folder_lock.ts and integrity.ts: real files and real processes. @module */

import { assert, assertEquals, assertMatch, assertStringIncludes, assertThrows } from "@std/assert";
import { DatabaseSync } from "node:sqlite";
import { DataFolder, DataFolderError } from "../../src/persistence/data_folder.ts";
import { FolderLock } from "../../src/persistence/folder_lock.ts";
import { checkIntegrity, checkIntegrityFully, isDamage } from "../../src/persistence/integrity.ts";
import { migrate } from "../../src/persistence/schema.ts";
import { ProcessOutput } from "../support/process_output.ts";
import { hasModes, makeStoreFile, modeOf, overwriteMiddle, TemporaryFolder, truncate } from "../support/store_files.ts";
import { canMount, SmallDisk } from "./small_disk.ts";

function refused(path: string, options?: { newStore?: boolean }): string {
  return assertThrows(() => DataFolder.open(path, options).release(), DataFolderError).message;
}

function sessionsIn(file: string): number {
  const database = new DatabaseSync(file);
  try {
    migrate(database);
    return (database.prepare("SELECT count(*) AS count FROM session").get() as { count: number }).count;
  } finally {
    database.close();
  }
}

Deno.test("DataFolder.open() makes folder and store, for their owner only", () => {
  using parent = new TemporaryFolder();
  const folder = DataFolder.open(parent.file("a/b"));
  assertEquals(folder.storeFile, parent.file("a/b/quetzal.sqlite"));
  assertEquals(sessionsIn(folder.storeFile), 0);
  if (hasModes()) {
    assertEquals(modeOf(folder.path), "700");
    for (const { name } of Deno.readDirSync(folder.path)) assertEquals(modeOf(parent.file(`a/b/${name}`)), "600", name);
  }
  folder.release();
});

Deno.test("DataFolder.open() takes the permissions of others away from a store that is there", () => {
  using parent = new TemporaryFolder();
  makeStoreFile(parent.storeFile);
  const open = new DatabaseSync(parent.storeFile);
  open.exec("INSERT INTO incoming_qos2 VALUES (1, 1)");
  const files = ["", "-wal", "-shm"].map((suffix) => parent.storeFile + suffix);
  if (!hasModes()) return open.close();
  for (const file of files) Deno.chmodSync(file, 0o644);
  DataFolder.open(parent.path).release();
  assertEquals(files.map(modeOf), ["600", "600", "600"]);
  open.close();
  assertEquals(sessionsIn(parent.storeFile), 2);
});

Deno.test("DataFolder.open() refuses a second broker in the same process until the first one is gone", () => {
  using parent = new TemporaryFolder();
  const first = DataFolder.open(parent.path);
  assertStringIncludes(refused(parent.path), `is in use by the process ${Deno.pid}: another broker runs on it`);
  assertStringIncludes(refused(parent.path + "/../" + parent.path.split("/").at(-1)), "is in use by");
  assertEquals(FolderLock.share(parent.path), "taken");
  first.release();
  first.release();
  assertEquals(parent.names, ["quetzal.lock", "quetzal.sqlite"]);
  DataFolder.open(parent.path).release();
});

Deno.test("DataFolder.open() refuses what another process uses, until that is killed", async () => {
  using parent = new TemporaryFolder();
  const module = new URL("../../src/persistence/data_folder.ts", import.meta.url).href;
  const process = new Deno.Command(Deno.execPath(), {
    args: [
      "eval",
      `import { DataFolder } from ${JSON.stringify(module)};
       DataFolder.open(${JSON.stringify(parent.path)});
       console.log("open");
       await Deno.stdin.read(new Uint8Array(1));`,
    ],
    stdin: "piped",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const output = new ProcessOutput(process.stdout);
  try {
    await output.until(/open/);
    assertStringIncludes(refused(parent.path), `is in use by the process ${process.pid}`);
  } finally {
    process.kill("SIGKILL");
    await process.status;
    await Promise.all([output.ended, process.stdin.close().catch(() => {})]);
  }
  // The number of the killed one is still there, and means nothing any more.
  assert(parent.names.includes("quetzal.pid"));
  DataFolder.open(parent.path).release();
});

Deno.test("DataFolder.setAside() keeps the damaged store, and no start goes on without it", () => {
  using parent = new TemporaryFolder();
  const folder = DataFolder.open(parent.path);
  for (const suffix of ["", "-wal", "-shm"]) Deno.writeTextFileSync(folder.storeFile + suffix, `damaged${suffix}`);
  const error = folder.setAside("page 7 is gone");
  assertMatch(error.message, /is damaged \(page 7 is gone\)\. It was set aside as .*; put a backup .*--new-store/);
  folder.release();

  const aside = parent.names.filter((name) => name.startsWith("quetzal.sqlite"));
  assertEquals(aside.length, 3);
  for (const name of aside) {
    assert(!name.includes(":"));
    const suffix = /^quetzal\.sqlite\.damaged-\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d\.\d{3}Z(-wal|-shm|)$/.exec(name)![1];
    assertEquals(Deno.readTextFileSync(parent.file(name)), `damaged${suffix}`);
  }
  const damaged = aside.find((name) => name.endsWith("Z"))!;
  const again = refused(parent.path);
  assertStringIncludes(again, `the store was damaged and was set aside as ${parent.file(damaged)}`);
  assertStringIncludes(again, "--new-store");
  assertEquals(parent.names.filter((name) => name.startsWith("quetzal.sqlite")), aside);
});

Deno.test("DataFolder.open() goes on with a backup that was put in the place of a damaged store", () => {
  using parent = new TemporaryFolder();
  const folder = DataFolder.open(parent.path);
  folder.setAside("it is torn");
  folder.release();
  makeStoreFile(parent.storeFile, { sessions: 5 });
  DataFolder.open(parent.path).release();
  assertEquals(sessionsIn(parent.storeFile), 5);
});

Deno.test("DataFolder.open() begins anew beside a damaged store only when it is told to, once", () => {
  using parent = new TemporaryFolder();
  const folder = DataFolder.open(parent.path);
  folder.setAside("it is torn");
  folder.release();
  const damaged = parent.names.find((name) => name.includes(".damaged-"))!;
  DataFolder.open(parent.path, { newStore: true }).release();
  assertEquals(sessionsIn(parent.storeFile), 0);
  assert(parent.names.includes(damaged));
  DataFolder.open(parent.path).release();
});

Deno.test("DataFolder.open() leaves a store that is there alone although it is told to begin anew", () => {
  using parent = new TemporaryFolder();
  makeStoreFile(parent.storeFile, { sessions: 4 });
  DataFolder.open(parent.path, { newStore: true }).release();
  assertEquals(sessionsIn(parent.storeFile), 4);
});

Deno.test("DataFolder.open() takes no empty file for a new store", () => {
  using parent = new TemporaryFolder();
  DataFolder.open(parent.path).release();
  truncate(parent.storeFile, 0);
  assertStringIncludes(refused(parent.path), "is damaged (the file is empty)");
  assertStringIncludes(refused(parent.path), "was damaged and was set aside");
});

Deno.test("DataFolder.open() takes no log without its file for a new store", () => {
  using parent = new TemporaryFolder();
  Deno.writeTextFileSync(parent.storeFile + "-wal", "what was written last");
  assertStringIncludes(refused(parent.path), "is missing, and only its write-ahead log is there");
  // Nor does a new store, or a backup, find the old log beside itself.
  assertEquals(parent.names.filter((name) => name === "quetzal.sqlite-wal"), []);
  const log = parent.names.find((name) => name.endsWith("-wal"))!;
  assertEquals(Deno.readTextFileSync(parent.file(log)), "what was written last");
  assertStringIncludes(refused(parent.path), "was set aside");
});

Deno.test("DataFolder.open() finishes nothing of a start that was cut off while it made the store", () => {
  using parent = new TemporaryFolder();
  Deno.writeTextFileSync(parent.storeFile + ".new", "half a store");
  DataFolder.open(parent.path).release();
  assertEquals(sessionsIn(parent.storeFile), 0);
  assertEquals(parent.names.filter((name) => name.includes(".new")), []);
});

Deno.test("DataFolder.open() says what to do about a file in the place of the folder", () => {
  using parent = new TemporaryFolder();
  Deno.writeTextFileSync(parent.file("data"), "");
  assertMatch(refused(parent.file("data")), /cannot be used: .*--data-dir/);
});

Deno.test({
  name: "DataFolder.open() says what to do about a folder that may not be written",
  ignore: Deno.build.os === "windows",
  async fn() {
    using parent = new TemporaryFolder();
    using home = new TemporaryFolder();
    // Root may write everywhere, and has to become somebody else.
    const isRoot = Deno.uid() === 0;
    if (isRoot) { for (const { path } of [parent, home]) Deno.chownSync(path, NOBODY, NOBODY); }
    const messageOf = async (path: string) =>
      isRoot ? (await asNobody(home, `DataFolder.open(${JSON.stringify(path)})`)).message : refused(path);
    Deno.chmodSync(parent.path, 0o500);
    assertMatch(
      await messageOf(parent.path),
      /this user \d+ may not use .*, which belongs to the user \d+.*; run as its owner/,
    );
    assertMatch(await messageOf(parent.file("inner")), /this user \d+ may not use /);
    Deno.chmodSync(parent.path, 0o700);
  },
});

Deno.test({
  name: "DataFolder.open() says whom a store belongs to that root has put there",
  // Only root can become somebody else.
  ignore: Deno.build.os !== "linux" || Deno.uid() !== 0,
  async fn() {
    using parent = new TemporaryFolder();
    Deno.chownSync(parent.path, NOBODY, NOBODY);
    makeStoreFile(parent.storeFile);
    Deno.chmodSync(parent.storeFile, 0o600);
    const { message } = await asNobody(parent, `DataFolder.open(${JSON.stringify(parent.path)})`);
    assertStringIncludes(
      message,
      `this user ${NOBODY} may not use ${parent.storeFile}, which belongs to the user 0 (root); run as its owner, or ` +
        "give it to this user (chown)",
    );
    using forbidden = new TemporaryFolder();
    const elsewhere = await asNobody(parent, `DataFolder.open(${JSON.stringify(forbidden.file("data"))})`);
    assertStringIncludes(
      elsewhere.message,
      `this user ${NOBODY} may not use ${forbidden.path}, which belongs to the user 0 (root)`,
    );
  },
});

const NOBODY = 65534;

/** What an expression throws when that user runs it. */
async function asNobody(home: TemporaryFolder, expression: string): Promise<{ message: string }> {
  const module = new URL("../../src/persistence/data_folder.ts", import.meta.url).href;
  const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "eval",
      `import { DataFolder } from ${JSON.stringify(module)};
       try { ${expression} } catch ({ message }) { console.log(JSON.stringify({ message })) }`,
    ],
    cwd: home.path,
    uid: NOBODY,
    gid: NOBODY,
    env: { DENO_DIR: home.file("deno"), HOME: home.path },
  }).output();
  assertEquals(new TextDecoder().decode(stderr), "");
  return JSON.parse(new TextDecoder().decode(stdout));
}

Deno.test("DataFolder.open() says that the disk is full, and leaves no process id there", async () => {
  if (!canMount()) return;
  await using disk = await SmallDisk.mount(1);
  disk.fill(0);
  assertStringIncludes(
    refused(disk.path),
    "the disk is full: make room first, choose another folder with --data-dir, or keep nothing with",
  );
  assertEquals(Array.from(Deno.readDirSync(disk.path), ({ name }) => name).filter((name) => name.endsWith(".pid")), []);
  disk.fill(16 * 1024);
  assertStringIncludes(refused(disk.path), "the disk is full: make room first");
  assertEquals(Array.from(Deno.readDirSync(disk.path), ({ name }) => name).toSorted(), ["ballast", "quetzal.lock"]);
  disk.empty();
  DataFolder.open(disk.path).release();
});

Deno.test("DataFolder.open() says what to do about a link to nothing in the place of the folder", () => {
  if (Deno.build.os === "windows") return console.log("skipped: making links needs a right there");
  using parent = new TemporaryFolder();
  Deno.symlinkSync(parent.file("nowhere"), parent.file("data"));
  assertStringIncludes(refused(parent.file("data")), "a link to nothing");
});

Deno.test("DataFolder.openExisting() makes nothing where there is no store", () => {
  using parent = new TemporaryFolder();
  for (const path of [parent.path, parent.file("nowhere")]) {
    const { message } = assertThrows(() => DataFolder.openExisting(path), DataFolderError);
    assertStringIncludes(message, `there is no store in ${path}`);
  }
  assertEquals(parent.names, []);
});

const DAMAGE: [string, (file: string) => void][] = [
  ["pages overwritten in the middle", (file) => overwriteMiddle(file)],
  ["the second half missing", (file) => truncate(file)],
  ["less than a page left", (file) => truncate(file, 50)],
  ["the first page overwritten", (file) => Deno.writeFileSync(file, Deno.readFileSync(file).fill(7, 100, 4096))],
  ["another content altogether", (file) => Deno.writeTextFileSync(file, "no database ".repeat(1000))],
];
for (const [what, damage] of DAMAGE) {
  Deno.test(`checkIntegrity() finds ${what}`, () => {
    using parent = new TemporaryFolder();
    makeStoreFile(parent.storeFile, { sessions: 3, messages: 300, payloadBytes: 500 });
    const sound = new DatabaseSync(parent.storeFile);
    assertEquals(checkIntegrity(sound), undefined);
    assertEquals(checkIntegrityFully(sound), undefined);
    sound.close();

    damage(parent.storeFile);
    const damaged = new DatabaseSync(parent.storeFile);
    for (const findings of [checkIntegrity(damaged), checkIntegrityFully(damaged)]) {
      assert(findings !== undefined && findings !== "" && !findings.includes("\n"), findings);
    }
    damaged.close();
  });
}

Deno.test("isDamage() tells damage from what may pass, however SQLite was called", () => {
  using parent = new TemporaryFolder();
  const errorOf = (file: string, use: (database: DatabaseSync) => void): unknown => {
    try {
      const database = new DatabaseSync(file);
      try {
        use(database);
      } finally {
        database.close();
      }
    } catch (error) {
      return error;
    }
    throw new Error("it works");
  };
  const other = parent.file("other");
  Deno.writeTextFileSync(other, "no database ".repeat(1000));
  assert(isDamage(errorOf(other, (database) => database.prepare("SELECT * FROM sqlite_schema").all())));
  assert(isDamage(errorOf(other, (database) => database.exec("PRAGMA journal_mode = WAL"))));
  const torn = parent.file("torn");
  makeStoreFile(torn, { messages: 300 });
  truncate(torn);
  assert(isDamage(errorOf(torn, (database) => database.prepare("SELECT * FROM outgoing").all())));
  assert(isDamage(errorOf(torn, (database) => database.exec("DELETE FROM outgoing"))));

  assert(!isDamage(errorOf(parent.path, () => {})));
  assert(!isDamage(errorOf(parent.file("new"), (database) => database.exec("no SQL"))));
  assert(!isDamage(errorOf(parent.file("new"), (database) => database.prepare("SELECT * FROM nothing"))));
  assert(!isDamage(new Error("something else")));
});
