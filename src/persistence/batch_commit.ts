/** Carries out packed batches on the database: one transaction each. Runs in the store's thread. @module */

import type { DatabaseSync, SQLInputValue, StatementSync } from "node:sqlite";
import { Change } from "./change.ts";
import type { EndedSessions } from "./ended_sessions.ts";
import { PackedReader } from "./packed_bytes.ts";

export class BatchCommit {
  readonly #database: DatabaseSync;
  readonly #ended: EndedSessions;
  readonly #run: { readonly [change: number]: (reader: PackedReader) => void };
  readonly #begin: StatementSync;
  readonly #commit: StatementSync;
  readonly #rollBack: StatementSync;
  readonly #setClock: StatementSync;

  /** @param isLogSynced each commit is synced before the next one is written: noted for those that check the log. */
  constructor(database: DatabaseSync, ended: EndedSessions, isLogSynced: boolean) {
    this.#database = database;
    this.#ended = ended;
    const prepare = (sql: string) => database.prepare(sql);
    this.#begin = prepare("BEGIN IMMEDIATE");
    this.#commit = prepare("COMMIT");
    this.#rollBack = prepare("ROLLBACK");
    this.#setClock = prepare(
      `INSERT INTO clock VALUES (1, ?, ?, ${isLogSynced ? 1 : 0}) ON CONFLICT DO UPDATE SET
        store_ms = excluded.store_ms, machine_ms = excluded.machine_ms, log_is_synced = excluded.log_is_synced`,
    );
    this.#run = changesOf(prepare, ended);
  }

  /** @throws as SQLite does, when nothing of the batch was kept: it may be tried again. */
  commit(batch: Uint8Array): void {
    const reader = new PackedReader(batch);
    this.#begin.run();
    this.#ended.beginBatch();
    try {
      this.#setClock.run(reader.float64(), reader.float64());
      while (!reader.isAtEnd) this.#run[reader.uint8()](reader);
      this.#commit.run();
    } catch (error) {
      // After some errors SQLite has rolled back by itself.
      if (this.#database.isTransaction) this.#rollBack.run();
      throw error;
    }
  }
}

function changesOf(
  prepare: (sql: string) => StatementSync,
  ended: EndedSessions,
): { [change: number]: (reader: PackedReader) => void } {
  const putBody = prepare("INSERT OR IGNORE INTO body VALUES (?, ?)");
  const putOutgoing = prepare(`
    INSERT INTO outgoing VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET
      state = excluded.state, packet_identifier = excluded.packet_identifier`);
  const updateOutgoing = prepare(
    "UPDATE outgoing SET state = ?3, packet_identifier = ?4 WHERE session = ?1 AND position = ?2",
  );
  const deleteOutgoing = prepare("DELETE FROM outgoing WHERE session = ? AND position BETWEEN ? AND ?");
  const putRetained = prepare(
    "INSERT INTO retained VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET body = excluded.body, message = excluded.message",
  );
  const deleteRetained = prepare("DELETE FROM retained WHERE topic_name = ?");
  const putSession = prepare(`
    INSERT INTO session VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (key) DO UPDATE SET
      user_name = excluded.user_name, remote_host = excluded.remote_host, is_connected = excluded.is_connected,
      session_expiry_interval = excluded.session_expiry_interval, expires_at_ms = excluded.expires_at_ms,
      will = excluded.will, will_delay_interval = excluded.will_delay_interval, will_due_at_ms = excluded.will_due_at_ms`);
  const putSubscription = prepare("INSERT OR REPLACE INTO subscription VALUES (?, ?, ?, ?, ?, ?)");
  const deleteSubscription = prepare("DELETE FROM subscription WHERE session = ? AND full_filter = ?");
  const putIncomingQoS2 = prepare("INSERT OR IGNORE INTO incoming_qos2 VALUES (?, ?)");
  const deleteIncomingQoS2 = prepare("DELETE FROM incoming_qos2 WHERE session = ? AND packet_identifier = ?");

  return {
    [Change.PutBody]: (reader) => putBody.run(reader.float64(), messageOf(reader)),
    [Change.PutOutgoing]: (reader) => {
      const session = reader.float64();
      const position = reader.float64();
      const state = reader.uint8();
      const packetIdentifier = reader.uint16();
      const qos = reader.uint8();
      const retain = reader.uint8();
      const expiresAtMs = time(reader.float64());
      const sharedFilter = reader.string() || null;
      const identifiers = identifiersOf(reader);
      const messageBytes = reader.uint32();
      const bodyKey = reader.float64();
      putOutgoing.run(
        session,
        position,
        state,
        packetIdentifier,
        qos,
        retain,
        expiresAtMs,
        sharedFilter,
        identifiers,
        messageBytes,
        ...referenceOf(reader, bodyKey),
      );
    },
    [Change.UpdateOutgoing]: (reader) =>
      updateOutgoing.run(reader.float64(), reader.float64(), reader.uint8(), reader.uint16()),
    [Change.DeleteOutgoing]: (reader) => deleteOutgoing.run(reader.float64(), reader.float64(), reader.float64()),
    [Change.PutRetained]: (reader) => putRetained.run(reader.string(), ...referenceOf(reader, reader.float64())),
    [Change.DeleteRetained]: (reader) => deleteRetained.run(reader.string()),
    [Change.PutSession]: (reader) => {
      const key = reader.float64();
      const clientId = reader.string();
      const hasUserName = reader.uint8() === 1;
      const userName = reader.string();
      putSession.run(
        key,
        clientId,
        hasUserName ? userName : null,
        reader.string(),
        reader.uint8(),
        reader.uint32(),
        time(reader.float64()),
        ...willOf(reader),
      );
    },
    [Change.DeleteSession]: (reader) => ended.delete(reader.float64()),
    [Change.PutSubscription]: (reader) =>
      putSubscription.run(
        reader.float64(),
        reader.string(),
        reader.uint8(),
        reader.uint8(),
        reader.uint8(),
        reader.uint32(),
      ),
    [Change.DeleteSubscription]: (reader) => deleteSubscription.run(reader.float64(), reader.string()),
    [Change.PutIncomingQoS2]: (reader) => putIncomingQoS2.run(reader.float64(), reader.uint16()),
    [Change.DeleteIncomingQoS2]: (reader) => deleteIncomingQoS2.run(reader.float64(), reader.uint16()),
  };
}

/** NULL = never. */
function time(ms: number): number | null {
  return ms === Infinity ? null : ms;
}

function messageOf(reader: PackedReader): Uint8Array {
  return reader.raw(reader.uint32());
}

/** The columns `body` and `message`. */
function referenceOf(reader: PackedReader, bodyKey: number): [SQLInputValue, SQLInputValue] {
  return bodyKey === 0 ? [null, messageOf(reader)] : [bodyKey, null];
}

/** The columns `will`, `will_delay_interval` and `will_due_at_ms`. */
function willOf(reader: PackedReader): [SQLInputValue, SQLInputValue, SQLInputValue] {
  if (reader.uint8() === 0) return [null, null, null];
  const willDelayInterval = reader.uint32();
  const dueAtMs = time(reader.float64());
  return [messageOf(reader), willDelayInterval, dueAtMs];
}

function identifiersOf(reader: PackedReader): string | null {
  const count = reader.uint32();
  if (count === 0) return null;
  return JSON.stringify(Array.from({ length: count }, () => reader.uint32()));
}
