/** The tables of the store's file, and how a file of an earlier version becomes one of this. SQLite.
 * Names and units are those of `store.ts`; times are milliseconds of the store's own time (`clock`). @module */

import { DatabaseSync } from "node:sqlite";

/** "Qztl": tells the file from SQLite files of others (`PRAGMA application_id`). */
export const APPLICATION_ID = 0x517a746c;

/** One step from version n to n + 1; the first makes the tables of version 1 in an empty file. Never changed once it is
 * released: another step is added. */
export type MigrationStep = (database: DatabaseSync) => void;

export const MIGRATION_STEPS: readonly MigrationStep[] = [
  (database) => database.exec(VERSION_1),
  (database) => database.exec(VERSION_2),
];

const VERSION_2 = `
-- Sessions that are gone, and have messages in "outgoing" that are still to be deleted (ended_sessions.ts).
CREATE TABLE ended_session (
  key INTEGER PRIMARY KEY
)`;

const VERSION_1 = `
-- The last time at which something was written: the store's own, and what the machine's clock said then.
CREATE TABLE clock (
  only INTEGER PRIMARY KEY CHECK (only = 1),
  store_ms INTEGER NOT NULL,
  machine_ms INTEGER NOT NULL,
  -- 1: each commit is synced before the next one is written, from this one on (log_check.ts).
  log_is_synced INTEGER NOT NULL
);
CREATE TABLE session (
  key INTEGER PRIMARY KEY,
  client_id TEXT NOT NULL UNIQUE,
  user_name TEXT,
  remote_host TEXT NOT NULL,
  is_connected INTEGER NOT NULL,
  session_expiry_interval INTEGER NOT NULL,
  -- NULL = never, or its Client is connected.
  expires_at_ms INTEGER,
  -- A message as message_codec.ts lays it out; NULL = no will.
  will BLOB,
  will_delay_interval INTEGER,
  will_due_at_ms INTEGER
);
CREATE TABLE subscription (
  session INTEGER NOT NULL,
  full_filter TEXT NOT NULL,
  qos INTEGER NOT NULL,
  no_local INTEGER NOT NULL,
  retain_as_published INTEGER NOT NULL,
  subscription_identifier INTEGER NOT NULL,
  PRIMARY KEY (session, full_filter)
) WITHOUT ROWID;
-- A message that several wait for, or a large one.
CREATE TABLE body (
  key INTEGER PRIMARY KEY,
  message BLOB NOT NULL
);
CREATE TABLE outgoing (
  session INTEGER NOT NULL,
  position INTEGER NOT NULL,
  state INTEGER NOT NULL,
  packet_identifier INTEGER NOT NULL,
  qos INTEGER NOT NULL,
  retain INTEGER NOT NULL,
  expires_at_ms INTEGER,
  shared_filter TEXT,
  -- JSON: [1, 2]
  subscription_identifiers TEXT,
  -- By deliveryBytes (application_message.ts).
  message_bytes INTEGER NOT NULL,
  -- Either is NULL.
  body INTEGER,
  message BLOB,
  PRIMARY KEY (session, position)
) WITHOUT ROWID;
-- At a start, those of Shared Subscriptions are asked for.
CREATE INDEX outgoing_shared ON outgoing (session) WHERE shared_filter IS NOT NULL;
CREATE INDEX outgoing_by_body ON outgoing (body) WHERE body IS NOT NULL;
CREATE TABLE incoming_qos2 (
  session INTEGER NOT NULL,
  packet_identifier INTEGER NOT NULL,
  PRIMARY KEY (session, packet_identifier)
) WITHOUT ROWID;
CREATE TABLE retained (
  topic_name TEXT PRIMARY KEY,
  body INTEGER,
  message BLOB
) WITHOUT ROWID;
CREATE INDEX retained_by_body ON retained (body) WHERE body IS NOT NULL;
-- A body goes with the last that refers to it: nothing has to be counted, so nothing can be miscounted.
CREATE TRIGGER outgoing_done AFTER DELETE ON outgoing WHEN old.body IS NOT NULL BEGIN
  DELETE FROM body WHERE key = old.body
    AND NOT EXISTS (SELECT 1 FROM outgoing WHERE body = old.body)
    AND NOT EXISTS (SELECT 1 FROM retained WHERE body = old.body);
END;
CREATE TRIGGER retained_gone AFTER DELETE ON retained WHEN old.body IS NOT NULL BEGIN
  DELETE FROM body WHERE key = old.body
    AND NOT EXISTS (SELECT 1 FROM outgoing WHERE body = old.body)
    AND NOT EXISTS (SELECT 1 FROM retained WHERE body = old.body);
END;
CREATE TRIGGER retained_replaced AFTER UPDATE OF body ON retained
  WHEN old.body IS NOT NULL AND old.body IS NOT new.body
BEGIN
  DELETE FROM body WHERE key = old.body
    AND NOT EXISTS (SELECT 1 FROM outgoing WHERE body = old.body)
    AND NOT EXISTS (SELECT 1 FROM retained WHERE body = old.body);
END;
`;

/** The file is not one that this program can use. The message goes on from "it". */
export class SchemaError extends Error {
  override readonly name: string = "SchemaError";
}

/** It bears our mark, and what it says of itself is not so: no version of this program has left it like that. */
export class DamagedSchemaError extends SchemaError {
  override readonly name = "DamagedSchemaError";
}

/** Brings an empty file, or one of an earlier version, to the present one: all steps or none.
 * @throws SchemaError as `requireSchema` does. */
export function migrate(database: DatabaseSync, steps: readonly MigrationStep[] = MIGRATION_STEPS): void {
  const isEmpty = numberOf(database, "PRAGMA application_id") === 0 &&
    numberOf(database, "PRAGMA user_version") === 0 &&
    numberOf(database, "SELECT count(*) FROM sqlite_schema") === 0;
  const version = isEmpty ? 0 : requireSchema(database, steps);
  if (version === steps.length) return;
  database.exec("BEGIN IMMEDIATE");
  try {
    for (const step of steps.slice(version)) step(database);
    database.exec(`PRAGMA application_id = ${APPLICATION_ID}; PRAGMA user_version = ${steps.length}`);
    database.exec("COMMIT");
  } catch (error) {
    try {
      database.exec("ROLLBACK");
    } catch { /* A full disk has done so already. */ }
    throw error;
  }
}

/** Writes nothing. @returns the version of the file, which may be an earlier one.
 * @throws SchemaError: it belongs to another program, or to a later version of this one. DamagedSchemaError: what its
 * version needs is not in it. */
export function requireSchema(database: DatabaseSync, steps: readonly MigrationStep[] = MIGRATION_STEPS): number {
  requireOurs(numberOf(database, "PRAGMA application_id"));
  const version = numberOf(database, "PRAGMA user_version");
  requireKnownVersion(version, steps);
  if (version < 1) throw new DamagedSchemaError(`it says that it has the schema ${version}, which there never was`);
  using expected = new DatabaseSync(":memory:");
  for (const step of steps.slice(0, version)) step(expected);
  const found = layoutOf(database);
  for (const [name, columns] of layoutOf(expected)) {
    const there = found.get(name);
    if (there === undefined) throw new DamagedSchemaError(`the ${name} is missing`);
    if (there !== columns) throw new DamagedSchemaError(`the ${name} has the columns ${there}, not ${columns}`);
  }
  return version;
}

/** @param applicationId what the file says. @throws SchemaError */
export function requireOurs(applicationId: number): void {
  if (applicationId === APPLICATION_ID) return;
  throw new SchemaError(
    "it is an SQLite file of another program: move it away, or choose another folder with --data-dir",
  );
}

/** @throws SchemaError for a later one. */
export function requireKnownVersion(version: number, steps: readonly MigrationStep[] = MIGRATION_STEPS): void {
  if (version <= steps.length) return;
  throw new SchemaError(
    `it was written by a later version of Quetzal (schema ${version}; this one knows up to ${steps.length}): use that one`,
  );
}

/** "table clock" → its columns in order; "trigger outgoing_done" → "". Without indexes: one that is missing costs time,
 * and nothing that is kept. */
function layoutOf(database: DatabaseSync): Map<string, string> {
  const rows = database.prepare(`
    SELECT type || ' ' || name AS name, coalesce(
      (SELECT group_concat(column.name, ', ' ORDER BY cid) FROM pragma_table_info(sqlite_schema.name) AS column), ''
    ) AS columns FROM sqlite_schema WHERE type IN ('table', 'trigger')`).all();
  return new Map(rows.map(({ name, columns }) => [String(name), String(columns)]));
}

/** The one number that a statement gives. */
export function numberOf(database: DatabaseSync, sql: string): number {
  const row = database.prepare(sql).get() as Record<string, number>;
  return Object.values(row)[0];
}
