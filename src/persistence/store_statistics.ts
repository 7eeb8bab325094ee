/** How full the store is: the numbers of `store info`. Reads each table once. @module */

import type { DatabaseSync } from "node:sqlite";
import { readMessage } from "./message_codec.ts";
import { PackedReader } from "./packed_bytes.ts";
import { sizeOf } from "../base/files.ts";
import { numberOf } from "./schema.ts";
import type { StoreFile } from "./store_file.ts";
import { type ClockMark, offsetAfter } from "./store_time.ts";

const QUEUES_SHOWN_MAX = 10;
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** Field names are those of `store info --json`. */
export interface StoreStatistics {
  readonly file: string;
  readonly isBrokerRunning: boolean;
  readonly schemaVersion: number;
  readonly fileBytes: number;
  /** Of the write-ahead log. */
  readonly logBytes: number;
  readonly pages: number;
  readonly freePages: number;
  readonly pageBytes: number;
  readonly sessions: {
    readonly total: number;
    /** Without a broker: when it ended. */
    readonly connected: number;
    readonly away: number;
    /** Of those that are away. */
    readonly expiry: {
      readonly never: number;
      readonly laterThanADay: number;
      readonly withinADay: number;
      readonly withinAnHour: number;
      /** They end at the next start. */
      readonly over: number;
    };
  };
  readonly subscriptions: number;
  readonly messages: {
    readonly queued: number;
    readonly inFlight: number;
    /** Of all, as if each had a copy of its own. */
    readonly bytes: number;
  };
  /** Messages that several sessions wait for, or large ones. */
  readonly bodies: { readonly count: number; readonly bytes: number };
  readonly retainedMessages: number;
  readonly incomingQoS2: number;
  readonly wills: {
    /** Of Clients that are connected. */
    readonly held: number;
    /** Their Will Delay Interval runs. */
    readonly delayed: number;
  };
  /** How many sessions have messages queued or in flight. */
  readonly queuesTotal: number;
  /** The largest ones: ten at most. */
  readonly queues: readonly QueueStatistics[];
}

export interface QueueStatistics {
  readonly clientId: string;
  readonly messages: number;
  readonly bytes: number;
  /** When the oldest message came: milliseconds of the wall clock. null = it cannot be read. */
  readonly oldestReceivedAtMs: number | null;
}

/** Not of a session that has ended (ended_sessions.ts). */
const IS_KEPT = "session NOT IN (SELECT key FROM ended_session)";

export function readStatistics(store: StoreFile, machineMs: number): StoreStatistics {
  const { database } = store;
  const number = (sql: string) => numberOf(database, sql);
  return {
    file: store.path,
    isBrokerRunning: store.isBrokerRunning,
    schemaVersion: store.schemaVersion,
    fileBytes: sizeOf(store.path) ?? 0,
    logBytes: sizeOf(store.path + "-wal") ?? 0,
    pages: number("PRAGMA page_count"),
    freePages: number("PRAGMA freelist_count"),
    pageBytes: number("PRAGMA page_size"),
    sessions: readSessions(database, machineMs),
    subscriptions: number("SELECT count(*) FROM subscription"),
    messages: database.prepare(
      `SELECT coalesce(sum(state = 0), 0) AS queued, coalesce(sum(state <> 0), 0) AS inFlight,
         coalesce(sum(message_bytes), 0) AS bytes FROM outgoing WHERE ${IS_KEPT}`,
    ).get() as unknown as StoreStatistics["messages"],
    bodies: database.prepare("SELECT count(*) AS count, coalesce(sum(length(message)), 0) AS bytes FROM body")
      .get() as unknown as StoreStatistics["bodies"],
    retainedMessages: number("SELECT count(*) FROM retained"),
    incomingQoS2: number("SELECT count(*) FROM incoming_qos2"),
    wills: database.prepare(
      `SELECT coalesce(sum(is_connected), 0) AS held, coalesce(sum(NOT is_connected), 0) AS delayed
       FROM session WHERE will IS NOT NULL`,
    ).get() as unknown as StoreStatistics["wills"],
    queuesTotal: number(`SELECT count(DISTINCT session) FROM outgoing WHERE ${IS_KEPT}`),
    queues: readQueues(database),
  };
}

function readSessions(database: DatabaseSync, machineMs: number): StoreStatistics["sessions"] {
  const mark = database.prepare("SELECT store_ms AS storeMs, machine_ms AS machineMs FROM clock").get() as unknown as
    | ClockMark
    | undefined;
  // Deadlines are told in the store's own time.
  const nowMs = machineMs + offsetAfter(mark, machineMs);
  const row = database.prepare(`
    SELECT count(*) AS total, coalesce(sum(is_connected), 0) AS connected,
      coalesce(sum(NOT is_connected AND expires_at_ms IS NULL), 0) AS never,
      coalesce(sum(NOT is_connected AND expires_at_ms <= ?1), 0) AS over,
      coalesce(sum(NOT is_connected AND expires_at_ms > ?1 AND expires_at_ms <= ?2), 0) AS withinAnHour,
      coalesce(sum(NOT is_connected AND expires_at_ms > ?2 AND expires_at_ms <= ?3), 0) AS withinADay,
      coalesce(sum(NOT is_connected AND expires_at_ms > ?3), 0) AS laterThanADay
    FROM session`).get(nowMs, nowMs + HOUR_MS, nowMs + DAY_MS) as Record<string, number>;
  const { total, connected, never, over, withinAnHour, withinADay, laterThanADay } = row;
  return {
    total,
    connected,
    away: total - connected,
    expiry: { never, laterThanADay, withinADay, withinAnHour, over },
  };
}

function readQueues(database: DatabaseSync): QueueStatistics[] {
  const largest = database.prepare(`
    SELECT client_id AS clientId, session, messages, bytes, oldest FROM (
      SELECT session, count(*) AS messages, sum(message_bytes) AS bytes, min(position) AS oldest
      FROM outgoing WHERE ${IS_KEPT} GROUP BY session ORDER BY messages DESC, session LIMIT ${QUEUES_SHOWN_MAX}
    ) JOIN session ON session.key = session ORDER BY messages DESC, session`).all();
  const oldest = database.prepare(`
    SELECT coalesce(outgoing.message, body.message) AS message
    FROM outgoing LEFT JOIN body ON body.key = outgoing.body WHERE session = ? AND position = ?`);
  return largest.map((row) => {
    const { message } = oldest.get(row.session, row.oldest) as { message: unknown };
    return {
      clientId: row.clientId as string,
      messages: row.messages as number,
      bytes: row.bytes as number,
      oldestReceivedAtMs: receivedAtMs(message),
    };
  });
}

function receivedAtMs(message: unknown): number | null {
  if (!(message instanceof Uint8Array)) return null;
  try {
    return readMessage(new PackedReader(message), message.length).receivedAtMs;
  } catch {
    // That is for `store check` to say.
    return null;
  }
}
