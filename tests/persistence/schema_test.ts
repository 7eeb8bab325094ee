/** Mirrors src/persistence/schema.ts. @module */

import { assertEquals, assertThrows } from "@std/assert";
import { DatabaseSync } from "node:sqlite";
import { isDamage } from "../../src/persistence/integrity.ts";
import {
  APPLICATION_ID,
  DamagedSchemaError,
  migrate,
  MIGRATION_STEPS,
  numberOf,
  requireSchema,
  SchemaError,
} from "../../src/persistence/schema.ts";

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
    "ended_session",
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
  const error = assertThrows(() => migrate(later), SchemaError, "later version of Quetzal");
  assertEquals(isDamage(error), false);
  using foreign = new DatabaseSync(":memory:");
  foreign.exec("CREATE TABLE theirs (a)");
  assertThrows(() => migrate(foreign), SchemaError, "another program");
  assertEquals(tablesOf(foreign), ["theirs"]);
});

const DAMAGED: [sql: string, message: string][] = [
  ["DROP TABLE clock", "the table clock is missing"],
  ["DROP TABLE outgoing", "the table outgoing is missing"],
  ["DROP TRIGGER retained_gone", "the trigger retained_gone is missing"],
  [
    "ALTER TABLE incoming_qos2 RENAME COLUMN packet_identifier TO id",
    "has the columns session, id, not session, packet",
  ],
  ["ALTER TABLE clock ADD COLUMN more", "the table clock has the columns only, "],
  ["PRAGMA user_version = 0", "it says that it has the schema 0, which there never was"],
  ["PRAGMA user_version = -1", "it says that it has the schema -1, which there never was"],
];
for (const [sql, message] of DAMAGED) {
  Deno.test(`migrate() takes it for damage, and changes nothing, after ${sql}`, () => {
    using database = new DatabaseSync(":memory:");
    migrate(database);
    database.exec(sql);
    const before = tablesOf(database);
    for (const use of [migrate, requireSchema]) {
      const error = assertThrows(() => use(database), DamagedSchemaError, message);
      assertEquals([isDamage(error), error.message.includes("\n")], [true, false]);
    }
    assertEquals(tablesOf(database), before);
  });
}

Deno.test("an empty file with the mark of a store is damaged, and gets no tables", () => {
  using database = new DatabaseSync(":memory:");
  database.exec(`PRAGMA application_id = ${APPLICATION_ID}`);
  assertThrows(() => migrate(database), DamagedSchemaError);
  assertEquals(tablesOf(database), []);
});

Deno.test("requireSchema() takes a file of an earlier version, and leaves it as it is", () => {
  using database = new DatabaseSync(":memory:");
  migrate(database);
  const later = (database: DatabaseSync) => database.exec("CREATE TABLE later (key INTEGER PRIMARY KEY)");
  assertEquals(requireSchema(database, [...MIGRATION_STEPS, later]), MIGRATION_STEPS.length);
  assertEquals(tablesOf(database).includes("later"), false);
});
