/** src/persistence/store_check.ts, store_statistics.ts, store_compact.ts and store_backup.ts, on real files. @module */

import { assert, assertEquals, assertMatch, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import { DatabaseSync } from "node:sqlite";
import { join } from "node:path";
import { DataFolder, DataFolderError } from "../../src/persistence/data_folder.ts";
import { MIGRATION_STEPS, numberOf } from "../../src/persistence/schema.ts";
import { backUpStore } from "../../src/persistence/store_backup.ts";
import { checkStore } from "../../src/persistence/store_check.ts";
import { compactStore } from "../../src/persistence/store_compact.ts";
import { StoreFile, StoreToolError } from "../../src/persistence/store_file.ts";
import { readStatistics } from "../../src/persistence/store_statistics.ts";
import {
  bufferBytes,
  hasModes,
  makeStoreFile,
  modeOf,
  openStore,
  overwriteMiddle,
  storedMessage,
  TemporaryFolder,
  truncate,
} from "../support/store_files.ts";
import { canMount, SmallDisk } from "./small_disk.ts";

function change(parent: TemporaryFolder, sql: string, ...values: (string | number | Uint8Array | null)[]): void {
  const database = openStore(parent.storeFile);
  database.prepare(sql).run(...values);
  database.close();
}

function check(parent: TemporaryFolder): string[] {
  using store = new StoreFile(parent.path);
  return checkStore(store.database);
}

function statistics(parent: TemporaryFolder, machineMs = 0) {
  using store = new StoreFile(parent.path);
  return readStatistics(store, machineMs);
}

/** A second body, which both sessions and a retained message refer to. */
function addBody(parent: TemporaryFolder): void {
  const database = openStore(parent.storeFile);
  const message = storedMessage({ topicName: "c", receivedAtMs: 500 });
  database.prepare("INSERT INTO body VALUES (7, ?)").run(message);
  for (const session of [1, 2]) {
    database.prepare("INSERT INTO outgoing VALUES (?, 9000, 0, 0, 1, 0, NULL, NULL, NULL, 23, 7, NULL)").run(session);
  }
  database.exec("INSERT INTO retained VALUES ('c', 7, NULL); INSERT INTO incoming_qos2 VALUES (1, 77)");
  database.prepare("INSERT INTO retained VALUES ('a/b', NULL, ?)").run(storedMessage());
  database.close();
}

Deno.test("checkStore() finds nothing wrong with a store as the broker leaves it", () => {
  using parent = new TemporaryFolder();
  makeStoreFile(parent.storeFile);
  addBody(parent);
  change(parent, "UPDATE session SET will = ?, will_delay_interval = 5 WHERE key = 1", storedMessage());
  assertEquals(check(parent), []);
});

Deno.test("the store's tools pass over what a session that has ended still has in the file", () => {
  using parent = new TemporaryFolder();
  makeStoreFile(parent.storeFile, { sessions: 3, messages: 2 });
  const { messages, queuesTotal } = statistics(parent, 6_000);
  change(parent, "UPDATE outgoing SET session = 9 WHERE session = 3");
  change(parent, "INSERT INTO ended_session VALUES (9)");
  assertEquals(check(parent), []);
  const found = statistics(parent, 6_000);
  assertEquals([found.messages.bytes, found.queuesTotal], [messages.bytes * 2 / 3, queuesTotal - 1]);
  assertEquals(found.queues.map(({ clientId }) => clientId), ["client-1", "client-2"]);
});

const BROKEN: [string, string][] = [
  ["INSERT INTO subscription VALUES (9, 'a', 0, 0, 0, 0)", "1 subscriptions without a session (session such as 9)"],
  ["DELETE FROM session WHERE key = 2", "outgoing messages without a session (session such as 2)"],
  ["INSERT INTO ended_session VALUES (2)", "1 sessions that have ended, and are there (session such as 2)"],
  ["INSERT INTO incoming_qos2 VALUES (8, 1)", "1 incoming QoS 2 identifiers without a session (session such as 8)"],
  ["UPDATE outgoing SET body = 3 WHERE body = 7", "2 outgoing messages whose body is missing (body such as 3)"],
  ["DELETE FROM body", "1 retained messages whose body is missing (body such as 7)"],
  ["INSERT INTO body SELECT 8, message FROM body", "1 bodies that nothing refers to (body such as 8)"],
  ["UPDATE outgoing SET body = 7 WHERE session = 2", "3 outgoing messages with both a body and a message of their own"],
  ["UPDATE outgoing SET message = NULL WHERE session = 2 AND position = 1", "or neither (session such as 2)"],
  ["UPDATE retained SET message = NULL", "1 retained messages with both a body and a message of their own, or neither"],
  ["UPDATE outgoing SET state = 2 WHERE position = 1", "2 outgoing messages whose state does not go with their QoS"],
  ["UPDATE outgoing SET packet_identifier = 0", "2 outgoing messages whose state does not go with their QoS"],
  [
    "UPDATE outgoing SET state = 1, packet_identifier = 1 WHERE session = 2",
    "1 Packet Identifiers that two outgoing messages of a session have (session such as 2)",
  ],
  ["UPDATE session SET will = x'00' WHERE key = 1", "1 sessions with a part of a will (such as client-1)"],
  [
    "UPDATE session SET will = x'00', will_delay_interval = 0 WHERE key = 1",
    "the will of client-1 cannot be read: a message of 1 bytes",
  ],
  ["UPDATE body SET message = substr(message, 1, 18)", "the body of 7 cannot be read: a message of 18 bytes"],
  ["UPDATE body SET message = zeroblob(50)", "the body of 7 cannot be read: regions at"],
  ["UPDATE body SET message = 'text'", "the body of 7 cannot be read: it is no blob"],
  [
    "UPDATE outgoing SET message = substr(message, 1, length(message) - 1) WHERE session = 2 AND position = 3",
    "the outgoing message of session 2, position 3 cannot be read: its message_bytes says",
  ],
  ["UPDATE retained SET topic_name = 'x' WHERE topic_name = 'a/b'", "its topic_name says x, and the message a/b"],
];
for (const [sql, finding] of BROKEN) {
  Deno.test(`checkStore() says what is wrong after ${sql}`, () => {
    using parent = new TemporaryFolder();
    makeStoreFile(parent.storeFile);
    addBody(parent);
    change(parent, sql);
    const findings = check(parent);
    assert(findings.some((line) => line.includes(finding)), findings.join("\n"));
  });
}

for (const [what, damage] of [["overwritten", overwriteMiddle], ["cut off", truncate]] as const) {
  Deno.test(`checkStore() goes on to the end of a file that is ${what}`, () => {
    using parent = new TemporaryFolder();
    makeStoreFile(parent.storeFile, { messages: 300, payloadBytes: 500 });
    damage(parent.storeFile);
    const database = new DatabaseSync(parent.storeFile, { readOnly: true });
    const looked: string[] = [];
    const findings = checkStore(database, (text) => looked.push(text));
    database.close();
    assert(findings.length > 1, findings.join("\n"));
    assert(looked.includes("looking at each retained message"), looked.join("\n"));
  });
}

Deno.test("StoreFile shows the store of one instant, beside a broker that writes", () => {
  using parent = new TemporaryFolder();
  makeStoreFile(parent.storeFile);
  const folder = DataFolder.open(parent.path);
  using store = new StoreFile(parent.path);
  assert(store.isBrokerRunning);
  const writer = openStore(parent.storeFile);
  writer.exec("DELETE FROM subscription");
  assertEquals(numberOf(store.database, "SELECT count(*) FROM subscription"), 2);
  assertEquals(statistics(parent).subscriptions, 0);
  writer.close();
  folder.release();
});

Deno.test("StoreFile reads what a broker that was killed left in its log", () => {
  using running = new TemporaryFolder();
  using copy = new TemporaryFolder();
  makeStoreFile(running.storeFile);
  const writer = openStore(running.storeFile);
  writer.exec("INSERT INTO incoming_qos2 VALUES (1, 1)");
  for (const suffix of ["", "-wal"]) Deno.copyFileSync(running.storeFile + suffix, copy.storeFile + suffix);
  writer.close();
  assertEquals(statistics(copy).incomingQoS2, 1);
});

Deno.test("StoreFile makes nothing where there is no store, and takes none of which the beginning is missing", () => {
  using parent = new TemporaryFolder();
  assertStringIncludes(
    assertThrows(() => new StoreFile(parent.path), DataFolderError).message,
    `there is no store in ${parent.path}; name the broker's data folder with --data-dir`,
  );
  assertEquals(parent.names, []);
  makeStoreFile(parent.storeFile);
  truncate(parent.storeFile, 50);
  assertStringIncludes(assertThrows(() => new StoreFile(parent.path), StoreToolError).message, "is damaged");
});

Deno.test("StoreFile refuses to be read with the tables of an earlier version where they matter", () => {
  using parent = new TemporaryFolder();
  makeStoreFile(parent.storeFile);
  using store = new StoreFile(parent.path);
  store.requirePresentSchema();
  const { message } = assertThrows(() => store.requirePresentSchema([...MIGRATION_STEPS, () => {}]), StoreToolError);
  assertStringIncludes(message, "an earlier version of Quetzal");
});

const ALL: [name: string, use: (path: string) => unknown][] = [
  ["DataFolder.open()", (path) => DataFolder.open(path).release()],
  ["StoreFile", (path) => new StoreFile(path)[Symbol.dispose]()],
  ["compactStore()", compactStore],
  ["backUpStore()", (path) => backUpStore(path, join(path, "backup"))],
];
const NOT_TO_BE_USED: [string, (file: string) => void, message: RegExp][] = [
  [
    "a store of a later version",
    pragma("user_version = 99"),
    /was written by a later version of Quetzal.*use that one/,
  ],
  [
    "the store of another program",
    pragma("application_id = 5"),
    /file of another program: move it away, or choose another/,
  ],
  ["a folder with the store's name", (file) => Deno.mkdirSync(file), /is a folder: move it away, or choose another/],
  [
    "a link to nothing with the store's name",
    (file) => Deno.symlinkSync("nowhere", file),
    /is a symbolic link to nowhere: put the file itself here/,
  ],
];
for (const [what, make, expected] of NOT_TO_BE_USED) {
  for (const [name, use] of ALL) {
    Deno.test(`${name} refuses ${what}, says what to do, and leaves it as it is`, async () => {
      using parent = new TemporaryFolder();
      make(parent.storeFile);
      const content = () => Deno.lstatSync(parent.storeFile).isFile ? Deno.readFileSync(parent.storeFile) : undefined;
      const before = content();
      const error = await assertRejects(async () => await use(parent.path));
      assert(error instanceof DataFolderError || error instanceof StoreToolError);
      assertMatch(error.message, expected);
      assert(!error.message.includes("\n"));
      assertEquals(content(), before);
      assertEquals(parent.names.filter((name) => name !== "quetzal.lock"), ["quetzal.sqlite"]);
    });
  }
}

const TOOLS = ALL.slice(1);
const DAMAGED: [string, (file: string) => void, message: RegExp][] = [
  [
    "without a table",
    changed("DROP TABLE clock"),
    /is damaged: the table clock is missing; the next start .* --new-store/,
  ],
  [
    "of an impossible version",
    pragma("user_version = 0"),
    /is damaged: it says that it has the schema 0.*the next start/,
  ],
  ["that is empty", (file) => truncate(file, 0), /is damaged.*the file is empty/],
];
for (const [what, damage, expected] of DAMAGED) {
  for (const [name, use] of TOOLS) {
    Deno.test(`${name} calls a store ${what} damaged, in one line`, async () => {
      using parent = new TemporaryFolder();
      makeStoreFile(parent.storeFile);
      damage(parent.storeFile);
      const error = await assertRejects(async () => await use(parent.path));
      assert(error instanceof DataFolderError || error instanceof StoreToolError);
      assertMatch(error.message, expected);
      assert(!error.message.includes("\n"));
    });
  }
}

for (const [name, use] of TOOLS) {
  Deno.test(`${name} says that only the log of a store is there`, async () => {
    using parent = new TemporaryFolder();
    Deno.writeTextFileSync(parent.storeFile + "-wal", "what was written last");
    const error = await assertRejects(async () => await use(parent.path), DataFolderError);
    assertMatch(
      error.message,
      /quetzal\.sqlite is missing, and only its write-ahead log is there; bring the file back/,
    );
    assertEquals(parent.names, ["quetzal.sqlite-wal"]);
  });

  Deno.test(`${name} says that it was given a file for the data folder`, async () => {
    using parent = new TemporaryFolder();
    Deno.writeTextFileSync(parent.file("file"), "");
    const error = await assertRejects(async () => await use(parent.file("file")), DataFolderError);
    assertEquals(error.message, `${parent.file("file")} is a file; name the broker's data folder with --data-dir`);
  });
}

/** A broker was killed after three commits, and a byte of the first one has rotted since. */
function makeRottenLog(killed: TemporaryFolder): void {
  using running = new TemporaryFolder();
  makeStoreFile(running.storeFile);
  change(running, "UPDATE clock SET log_is_synced = 1");
  const writer = openStore(running.storeFile);
  for (let identifier = 1; identifier <= 3; identifier++) {
    writer.prepare("INSERT INTO incoming_qos2 VALUES (1, ?)").run(identifier);
  }
  for (const suffix of ["", "-wal"]) Deno.copyFileSync(running.storeFile + suffix, killed.storeFile + suffix);
  writer.close();
  const log = Deno.readFileSync(killed.storeFile + "-wal");
  log[100]++;
  Deno.writeFileSync(killed.storeFile + "-wal", log);
}

Deno.test("the tools do not pass over commits that a rotten log hides", async () => {
  using killed = new TemporaryFolder();
  makeRottenLog(killed);
  const log = Deno.readFileSync(killed.storeFile + "-wal");
  const damage = "its write-ahead log is damaged at byte 32";
  {
    using store = new StoreFile(killed.path);
    assertStringIncludes(store.logDamage!, damage);
    const { message } = assertThrows(() => store.requireWhole(), StoreToolError);
    assertMatch(message, /is damaged: its write-ahead log .*; the next start .*--new-store$/);
  }
  assertThrows(() => compactStore(killed.path), StoreToolError, damage);

  const file = killed.file("backup");
  const told: string[] = [];
  await backUpStore(killed.path, file, { incomplete: (damage) => told.push(damage) });
  assert(told.length === 1 && told[0].startsWith(damage), told.join());
  // It may take the place of none that is whole.
  Deno.writeTextFileSync(file, "the last whole one");
  await assertRejects(() => backUpStore(killed.path, file, { force: true }), StoreToolError, damage);
  assertEquals(Deno.readTextFileSync(file), "the last whole one");
  assertEquals(Deno.readFileSync(killed.storeFile + "-wal"), log);
});

/** @returns what leaves the file in the mode in which a broker has it. */
function pragma(assignment: string): (file: string) => void {
  return changed(`PRAGMA ${assignment}`);
}

function changed(sql: string): (file: string) => void {
  return (file) => {
    const database = openStore(file);
    database.exec(sql);
    database.close();
  };
}

/** As a broker leaves the folder that has ended. */
function makeRestingStore(parent: TemporaryFolder): void {
  DataFolder.open(parent.path).release();
  Deno.removeSync(parent.storeFile);
  makeStoreFile(parent.storeFile);
}

Deno.test("StoreFile and backUpStore() leave nothing beside a store at rest", async () => {
  using parent = new TemporaryFolder();
  using other = new TemporaryFolder();
  makeRestingStore(parent);
  assertEquals(statistics(parent).sessions.total, 2);
  assertEquals(check(parent), []);
  await backUpStore(parent.path, other.storeFile);
  assertEquals(statistics(other).sessions.total, 2);
  assertEquals([parent.names, other.names], [["quetzal.lock", "quetzal.sqlite"], ["quetzal.sqlite"]]);
});

Deno.test("StoreFile lets nobody write while it reads a store at rest, and others read", () => {
  using parent = new TemporaryFolder();
  makeRestingStore(parent);
  {
    using _first = new StoreFile(parent.path);
    using second = new StoreFile(parent.path);
    assertEquals(second.isBrokerRunning, false);
    assertThrows(() => DataFolder.open(parent.path), DataFolderError, "is in use by");
  }
  DataFolder.open(parent.path).release();
});

Deno.test("StoreFile reads a store on a disk that may only be read, and compactStore() says so", async () => {
  if (!canMount()) return;
  await using disk = await SmallDisk.mount(4);
  using other = new TemporaryFolder();
  DataFolder.open(disk.path).release();
  await disk.makeReadOnly();
  {
    using store = new StoreFile(disk.path);
    assertEquals(checkStore(store.database), []);
  }
  await backUpStore(disk.path, other.storeFile);
  assertEquals(check(other), []);
  const expected = "cannot be used: it is on a disk that may only be read: make that writable";
  assertThrows(() => compactStore(disk.path), StoreToolError, expected);
  assertThrows(() => DataFolder.open(disk.path), DataFolderError, expected);
});

Deno.test("readStatistics() counts what is there", () => {
  using parent = new TemporaryFolder();
  makeStoreFile(parent.storeFile, { sessions: 12, messages: 3 });
  addBody(parent);
  const database = openStore(parent.storeFile);
  const will = storedMessage();
  database.prepare("UPDATE session SET is_connected = 1, will = ? WHERE key = 1").run(will);
  database.prepare("UPDATE session SET will = ?, will_due_at_ms = 9 WHERE key IN (2, 3)").run(will);
  const expiries = [[4, 1_000], [5, 1_001], [6, 3_601_000], [7, 3_601_001], [8, 86_401_000], [9, 86_401_001]];
  const expire = database.prepare("UPDATE session SET expires_at_ms = ?2 WHERE key = ?1");
  for (const [key, ms] of expiries) expire.run(key, ms);
  database.exec("DELETE FROM outgoing WHERE session > 4 AND position > 1");
  // The machine's clock was 5 s ahead of the store's time.
  database.exec("UPDATE clock SET store_ms = 0, machine_ms = 5000");
  database.close();

  const found = statistics(parent, 6_000);
  assertEquals(found.file, parent.storeFile);
  assertEquals(found.isBrokerRunning, false);
  assertEquals(found.schemaVersion, MIGRATION_STEPS.length);
  assertEquals(found.fileBytes, found.pages * found.pageBytes);
  assertEquals(found.sessions, {
    total: 12,
    connected: 1,
    away: 11,
    expiry: { never: 5, laterThanADay: 1, withinADay: 2, withinAnHour: 2, over: 1 },
  });
  assertEquals(found.subscriptions, 12);
  const inlineBytes = bufferBytes(storedMessage());
  assertEquals(found.messages, { queued: 10, inFlight: 12, bytes: 20 * inlineBytes + 2 * 23 });
  assertEquals(found.bodies, { count: 1, bytes: storedMessage({ topicName: "c" }).length });
  assertEquals([found.retainedMessages, found.incomingQoS2], [2, 1]);
  assertEquals(found.wills, { held: 1, delayed: 2 });
  assertEquals([found.queuesTotal, found.queues.length], [12, 10]);
  assertEquals(found.queues.slice(0, 3).map(({ clientId, messages }) => [clientId, messages]), [
    ["client-1", 4],
    ["client-2", 4],
    ["client-3", 3],
  ]);
  assertEquals(found.queues[0].bytes, 3 * inlineBytes + 23);
  assertEquals(found.queues[0].oldestReceivedAtMs, 1_000);
});

Deno.test("readStatistics() takes the oldest message of a queue from its body, too", () => {
  using parent = new TemporaryFolder();
  makeStoreFile(parent.storeFile);
  addBody(parent);
  change(parent, "DELETE FROM outgoing WHERE session = 2 AND body IS NULL");
  assertEquals(statistics(parent).queues[1], {
    clientId: "client-2",
    messages: 1,
    bytes: 23,
    oldestReceivedAtMs: 500,
  });
});

Deno.test("readStatistics() goes on where a message cannot be read", () => {
  using parent = new TemporaryFolder();
  makeStoreFile(parent.storeFile, { sessions: 3 });
  change(parent, "UPDATE outgoing SET message = zeroblob(50) WHERE session = 2");
  change(parent, "UPDATE outgoing SET message = NULL, body = 5 WHERE session = 3");
  assertEquals(statistics(parent).queues.map((queue) => queue.oldestReceivedAtMs), [1_000, null, null]);
});

Deno.test("readStatistics() of a new store is all zeros", () => {
  using parent = new TemporaryFolder();
  DataFolder.open(parent.path).release();
  const found = statistics(parent);
  assertEquals(found.messages, { queued: 0, inFlight: 0, bytes: 0 });
  assertEquals(found.bodies, { count: 0, bytes: 0 });
  assertEquals(found.wills, { held: 0, delayed: 0 });
  assertEquals(found.sessions.total, 0);
  assertEquals(found.queues, []);
});

Deno.test("compactStore() gives free pages back, and keeps what is there", () => {
  using parent = new TemporaryFolder();
  makeStoreFile(parent.storeFile, { messages: 500, payloadBytes: 1000 });
  change(parent, "DELETE FROM outgoing WHERE position > 1");
  assert(statistics(parent).freePages > 100);
  const { bytesBefore, bytesAfter } = compactStore(parent.path);
  assert(bytesAfter < bytesBefore / 5, `${bytesBefore} → ${bytesAfter}`);
  const after = statistics(parent);
  assertEquals([after.freePages, after.messages.inFlight, after.fileBytes], [0, 2, bytesAfter]);
  assertEquals(check(parent), []);
});

Deno.test("compactStore() is refused while a broker runs on the folder", () => {
  using parent = new TemporaryFolder();
  const folder = DataFolder.open(parent.path);
  assertStringIncludes(assertThrows(() => compactStore(parent.path), DataFolderError).message, "is in use by");
  folder.release();
  compactStore(parent.path);
  DataFolder.open(parent.path).release();
});

Deno.test("backUpStore() is a whole store in one private file", async () => {
  using parent = new TemporaryFolder();
  using other = new TemporaryFolder();
  makeStoreFile(parent.storeFile, { messages: 500, payloadBytes: 10_000 });
  addBody(parent);
  const steps: [number, number][] = [];
  const bytes = await backUpStore(parent.path, other.storeFile, { progress: (...step) => steps.push(step) });
  assert(steps.length > 1 && steps.every(([done, total]) => done > 0 && done <= total), String(steps));
  assertEquals(other.names, ["quetzal.sqlite"]);
  assertEquals(Deno.statSync(other.storeFile).size, bytes);
  if (hasModes()) assertEquals(modeOf(other.storeFile), "600");
  const { file: _1, fileBytes: _2, logBytes: _3, ...expected } = statistics(parent);
  const { file: _4, fileBytes: _5, logBytes: _6, ...found } = statistics(other);
  assertEquals(found, expected);
  assertEquals(check(other), []);
});

Deno.test("backUpStore() is the store of the instant at which it began, whatever is written between its steps", async () => {
  using parent = new TemporaryFolder();
  using other = new TemporaryFolder();
  makeStoreFile(parent.storeFile, { messages: 500, payloadBytes: 10_000 });
  const writer = openStore(parent.storeFile);
  let steps = 0;
  await backUpStore(parent.path, other.storeFile, {
    progress: () => {
      steps++;
      // Moves every row: a copy of some old and some new pages would not be a store.
      writer.exec("UPDATE outgoing SET position = position + 1000, message = zeroblob(5000)");
      writer.exec(
        "INSERT INTO incoming_qos2 VALUES (1, (SELECT coalesce(max(packet_identifier), 0) + 1 FROM incoming_qos2))",
      );
    },
  });
  writer.close();
  assert(steps > 1);
  assertEquals(statistics(parent).incomingQoS2, steps);
  assertEquals(statistics(other).incomingQoS2, 0);
  assertEquals(statistics(other).messages, { ...statistics(other).messages, queued: 998, inFlight: 2 });
  assertEquals(check(other), []);
});

Deno.test("backUpStore() replaces a file only when it is told to", async () => {
  using parent = new TemporaryFolder();
  makeStoreFile(parent.storeFile);
  const file = parent.file("backup");
  Deno.writeTextFileSync(file, "mine");
  await assertRejects(() => backUpStore(parent.path, file), StoreToolError, "is there already; name another file, or");
  assertEquals(Deno.readTextFileSync(file), "mine");
  await backUpStore(parent.path, file, { force: true });
  using database = new DatabaseSync(file);
  assertEquals(numberOf(database, "SELECT count(*) FROM session"), 2);
});

Deno.test("backUpStore() leaves alone what has the name of its unfinished copy", async () => {
  using parent = new TemporaryFolder();
  makeStoreFile(parent.storeFile);
  const file = parent.file("backup");
  const partial = `${file}.partial-${Deno.pid}`;
  Deno.mkdirSync(partial);
  Deno.writeTextFileSync(join(partial, "mine"), "mine");
  Deno.mkdirSync(`${file}.partial`);
  await assertRejects(() => backUpStore(parent.path, file), StoreToolError, `${partial} is where the copy is to`);
  assertEquals(Deno.readTextFileSync(join(partial, "mine")), "mine");
  Deno.removeSync(partial, { recursive: true });
  await backUpStore(parent.path, file);
  assert(Deno.statSync(`${file}.partial`).isDirectory);
});

Deno.test({
  name: "backUpStore() writes to what a symbolic link points at, and replaces nothing that is no ordinary file",
  ignore: Deno.build.os === "windows",
  async fn() {
    using parent = new TemporaryFolder();
    makeStoreFile(parent.storeFile);
    const [pipe, link, target] = ["pipe", "link", "target"].map((name) => parent.file(name));
    assert((await new Deno.Command("mkfifo", { args: [pipe] }).output()).success);
    const refused = (message: string, file: string) =>
      assertRejects(() => backUpStore(parent.path, file, { force: true }), StoreToolError, message);
    await refused("is no ordinary file but a device or the like", pipe);
    Deno.symlinkSync(pipe, link);
    await refused("is no ordinary file but a device or the like", link);
    assert(Deno.statSync(pipe).isFifo);
    Deno.removeSync(link);
    Deno.symlinkSync(target, link);
    await refused(`is a symbolic link to ${target}, which is not there`, link);
    Deno.symlinkSync(parent.storeFile, parent.file("to-the-store"));
    await refused("belongs to the store itself", parent.file("to-the-store"));

    Deno.writeTextFileSync(target, "the last one");
    await backUpStore(parent.path, link, { force: true });
    assert(Deno.lstatSync(link).isSymlink);
    using database = new DatabaseSync(target);
    assertEquals(numberOf(database, "SELECT count(*) FROM session"), 2);
  },
});

Deno.test("StoreFile says why a log cannot be read on a disk that may only be read", async () => {
  if (!canMount()) return;
  using running = new TemporaryFolder();
  makeStoreFile(running.storeFile);
  const writer = openStore(running.storeFile);
  writer.exec("INSERT INTO incoming_qos2 VALUES (1, 1)");
  await using disk = await SmallDisk.mount(4);
  for (const suffix of ["", "-wal"]) {
    Deno.copyFileSync(running.storeFile + suffix, `${disk.path}/quetzal.sqlite${suffix}`);
  }
  writer.close();
  await disk.makeReadOnly();
  const { message } = assertThrows(() => new StoreFile(disk.path), StoreToolError);
  assertMatch(message, /what a broker that was killed left beside .* must be brought into it first/);
});

Deno.test("backUpStore() says that the disk is full, and leaves nothing there", async () => {
  if (!canMount()) return;
  using parent = new TemporaryFolder();
  makeStoreFile(parent.storeFile, { messages: 500, payloadBytes: 2_000 });
  await using disk = await SmallDisk.mount(1);
  const file = `${disk.path}/backup`;
  const { message } = await assertRejects(() => backUpStore(parent.path, file), StoreToolError);
  assertEquals(message, `the backup ${file} cannot be written: the disk is full: make room first`);
  assertEquals(Array.from(Deno.readDirSync(disk.path)), []);
});

Deno.test("backUpStore() refuses what is no place for a backup, and leaves nothing behind", async () => {
  using parent = new TemporaryFolder();
  makeStoreFile(parent.storeFile);
  const before = Deno.readFileSync(parent.storeFile);
  const refused: [string, string][] = [
    [parent.file("nowhere/backup"), "there is no folder"],
    [parent.path, "is a folder; name a file in it, such as"],
    [parent.storeFile, "belongs to the store itself"],
    [parent.file("QUETZAL.sqlite-wal"), "belongs to the store itself"],
  ];
  for (const [file, message] of refused) {
    await assertRejects(() => backUpStore(parent.path, file, { force: true }), StoreToolError, message);
  }
  await assertRejects(
    () => backUpStore(parent.file("nowhere"), parent.file("b")),
    DataFolderError,
    "there is no store",
  );
  assertEquals(parent.names.filter((name) => !name.startsWith("quetzal.sqlite")), []);
  assertEquals(Deno.readFileSync(parent.storeFile), before);
});

Deno.test("backUpStore() leaves no copy of a damaged store, and keeps the one that was there", async () => {
  using parent = new TemporaryFolder();
  makeStoreFile(parent.storeFile, { messages: 300, payloadBytes: 500 });
  overwriteMiddle(parent.storeFile);
  const file = parent.file("backup");
  Deno.writeTextFileSync(file, "the last good one");
  await assertRejects(() => backUpStore(parent.path, file, { force: true }), StoreToolError, "the copy is damaged");
  assertEquals(Deno.readTextFileSync(file), "the last good one");
  assertEquals(parent.names.filter((name) => name.includes("partial")), []);
});

function noticesOfStart(path: string): readonly string[] {
  const folder = DataFolder.open(path);
  folder.release();
  return folder.notices;
}

for (
  const [how, open] of [
    ["DataFolder.open()", noticesOfStart],
    ["compactStore()", (path: string) => compactStore(path).notices],
  ] as const
) {
  Deno.test(`${how} keeps the log of a killed broker from a backup that was put in its place`, async () => {
    using running = new TemporaryFolder();
    using killed = new TemporaryFolder();
    makeStoreFile(running.storeFile, { sessions: 3 });
    const backup = running.file("backup");
    await backUpStore(running.path, backup);
    const writer = openStore(running.storeFile);
    writer.exec("DELETE FROM session; DELETE FROM outgoing");
    for (const suffix of ["-wal", "-shm"]) Deno.copyFileSync(running.storeFile + suffix, killed.storeFile + suffix);
    writer.close();
    Deno.copyFileSync(backup, killed.storeFile);

    const { message } = assertThrows(() => new StoreFile(killed.path), StoreToolError);
    assertStringIncludes(message, "belongs to the store that was here before");
    const [notice, ...more] = open(killed.path);
    assertMatch(
      notice,
      /was put in the place of another store, .* is in .*\.replaced-.*-wal now, which may be removed$/,
    );
    assertEquals([more, open(killed.path)], [[], []]);
    assertEquals(statistics(killed).sessions.total, 3);
    assertEquals(check(killed), []);
    assert(killed.names.some((name) => /\.replaced-.*-wal$/.test(name)), "it is kept");
    // It is no damaged store: when the file is gone one day, a new one is begun.
    Deno.removeSync(killed.storeFile);
    DataFolder.open(killed.path).release();
  });
}
