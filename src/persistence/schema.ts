/** The tables of the store's file, and how a file of an earlier version becomes one of this. SQLite.
 * Names and units are those of `store.ts`; times are milliseconds of the store's own time (`clock`). @module */

import type { DatabaseSync } from "node:sqlite";

/** "Qztl": tells the file from SQLite files of others (`PRAGMA application_id`). */
export const APPLICATION_ID = 0x517a746c;

/** One step from version n to n + 1; the first makes the tables of version 1 in an empty file. Never changed once it is
 * released: another step is added. */
export type MigrationStep = (database: DatabaseSync) => void;

export const MIGRATION_STEPS: readonly MigrationStep[] = [
  (database) => database.exec(VERSION_1),
];

const VERSION_1 = `
-- The last time at which something was written: the store's own, and what the machine's clock said then.
CREATE TABLE clock (
  only INTEGER PRIMARY KEY CHECK (only = 1),
  store_ms INTEGER NOT NULL,
  machine_ms INTEGER NOT NULL
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
  -- Of message.buffer.
  message_bytes INTEGER NOT NULL,
  -- Either is NULL.
  body INTEGER,
  message BLOB,
  PRIMARY KEY (session, position)
) WITHOUT ROWID;
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

/** The file is not one that this program can use. The message says what to do. */
export class SchemaError extends Error {}

/** Brings an empty file, or one of an earlier version, to the present one: all steps or none.
 * @throws SchemaError when the file belongs to another program or to a later version of this one. */
export function migrate(database: DatabaseSync, steps: readonly MigrationStep[] = MIGRATION_STEPS): void {
  const version = numberOf(database, "PRAGMA user_version");
  const applicationId = numberOf(database, "PRAGMA application_id");
  const isEmpty = version === 0 && numberOf(database, "SELECT count(*) FROM sqlite_schema") === 0;
  if (!isEmpty && applicationId !== APPLICATION_ID) {
    throw new SchemaError("it is an SQLite file of another program");
  }
  if (version > steps.length) {
    throw new SchemaError(
      `it was written by a later version of Quetzal (schema ${version}; this one knows up to ${steps.length}): use that one`,
    );
  }
  if (version === steps.length) return;
  database.exec("BEGIN IMMEDIATE");
  try {
    for (const step of steps.slice(version)) step(database);
    database.exec(`PRAGMA application_id = ${APPLICATION_ID}; PRAGMA user_version = ${steps.length}`);
    database.exec("COMMIT");
  } catch (error) {
    database.exec("ROLLBACK");
    throw error;
  }
}

/** The one number that a statement gives. */
export function numberOf(database: DatabaseSync, sql: string): number {
  const row = database.prepare(sql).get() as Record<string, number>;
  return Object.values(row)[0];
}
