/** Mirrors src/persistence/schema.ts. @module */

import { assertEquals, assertThrows } from "@std/assert";
import { DatabaseSync } from "node:sqlite";
import { APPLICATION_ID, migrate, MIGRATION_STEPS, numberOf, SchemaError } from "../../src/persistence/schema.ts";

function tablesOf(database: DatabaseSync): string[] {
  const rows = database.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name").all();
  return rows.map(({ name }) => String(name));
}

const versionOf = (database: DatabaseSync) => numberOf(database, "PRAGMA user_version");

Deno.test("migrate() makes the tables of the present version in an empty file, once", () => {
  using database = new DatabaseSync(":memory:");
  migrate(database);
  const tables = tablesOf(database);
  assertEquals(tables, [
    "body",
    "clock",
    "incoming_qos2",
    "outgoing",
    "retained",
    "session",
    "subscription",
  ]);
  assertEquals([versionOf(database), numberOf(database, "PRAGMA application_id")], [
    MIGRATION_STEPS.length,
    APPLICATION_ID,
  ]);
  migrate(database);
  assertEquals(tablesOf(database), tables);
});

Deno.test("migrate() takes the steps that a file of an earlier version has not had, and keeps what is in it", () => {
  using database = new DatabaseSync(":memory:");
  migrate(database);
  database.exec("INSERT INTO incoming_qos2 VALUES (1, 7)");
  const steps = [
    ...MIGRATION_STEPS,
    (database: DatabaseSync) => database.exec("ALTER TABLE incoming_qos2 ADD COLUMN note TEXT NOT NULL DEFAULT 'old'"),
    (database: DatabaseSync) => database.exec("CREATE TABLE later (key INTEGER PRIMARY KEY)"),
  ];
  migrate(database, steps);
  assertEquals(versionOf(database), steps.length);
  assertEquals({ ...database.prepare("SELECT * FROM incoming_qos2").get() }, {
    session: 1,
    packet_identifier: 7,
    note: "old",
  });
  assertEquals(tablesOf(database).includes("later"), true);
});

Deno.test("a step that fails leaves the file as it was", () => {
  using database = new DatabaseSync(":memory:");
  migrate(database);
  const before = tablesOf(database);
  const steps = [
    ...MIGRATION_STEPS,
    (database: DatabaseSync) => database.exec("CREATE TABLE half (key INTEGER PRIMARY KEY)"),
    (database: DatabaseSync) => database.exec("INSERT INTO there_is_no_such_table VALUES (1)"),
  ];
  assertThrows(() => migrate(database, steps), Error, "there_is_no_such_table");
  assertEquals([tablesOf(database), versionOf(database)], [before, MIGRATION_STEPS.length]);
});

Deno.test("migrate() refuses a file of a later version, and one of another program", () => {
  using later = new DatabaseSync(":memory:");
  migrate(later);
  later.exec(`PRAGMA user_version = ${MIGRATION_STEPS.length + 1}`);
  assertThrows(() => migrate(later), SchemaError, "later version of Quetzal");
  using foreign = new DatabaseSync(":memory:");
  foreign.exec("CREATE TABLE theirs (a)");
  assertThrows(() => migrate(foreign), SchemaError, "another program");
  assertEquals(tablesOf(foreign), ["theirs"]);
});
