/** The thread of the SQLite store: the one that waits for the disk. Answers one request after the other. @module */

import { DatabaseSync } from "node:sqlite";
import { BatchCommit } from "./batch_commit.ts";
import { EndedSessions } from "./ended_sessions.ts";
import { checkIntegrity, isDamage } from "./integrity.ts";
import { checkLog, syncLog } from "./log_check.ts";
import { migrate, numberOf } from "./schema.ts";
import { StoreReader } from "./store_reader.ts";
import type { ClockMark } from "./store_time.ts";
import type { StoreAnswer, StoreRequest } from "./thread_messages.ts";

/** Pages of the write-ahead log after which they are copied into the file: 16 MiB, two seconds of writing at most. */
const CHECKPOINT_PAGES = 4096;
/** The log is cut back to this when a burst has made it longer. */
const LOG_BYTES_KEPT = 64 * 1024 * 1024;
/** Pages in memory, in KiB. */
const CACHE_KIB = 32 * 1024;
/** For as long another process may keep the file to itself. */
const BUSY_TIMEOUT_MS = 5_000;

interface Thread {
  onmessage: ((event: MessageEvent<StoreRequest>) => void) | null;
  postMessage(answer: StoreAnswer, transfer?: Transferable[]): void;
}
const thread = self as unknown as Thread;

let database: DatabaseSync;
let batchCommit: BatchCommit;
let ended: EndedSessions;
let sweepTimer: ReturnType<typeof setTimeout> | undefined;
let reader: StoreReader;
/** SQL to execute when the first commit is done. */
let afterFirstCommit: string | undefined;
let loading: Iterator<Uint8Array<ArrayBuffer>> | undefined;

thread.onmessage = ({ data: request }) => {
  switch (request.kind) {
    case "open":
      return orFail(() => open(request.file, request.durability));
    case "load":
      return orFail(loadNext);
    case "commit":
      return commit(request.batch);
    case "close":
      return close();
  }
};

function open(file: string, durability: "full" | "normal"): void {
  // Before SQLite opens it, and drops what it cannot read.
  const { damage, hasHole } = checkLog(file);
  if (damage !== undefined) return thread.postMessage({ kind: "failed", reason: damage, isDamaged: true });
  syncLog(file);
  database = new DatabaseSync(file, { timeout: BUSY_TIMEOUT_MS });
  // Before anything is written to it.
  const findings = checkIntegrity(database);
  if (findings !== undefined) {
    letGo();
    return thread.postMessage({ kind: "failed", reason: findings, isDamaged: true });
  }
  const { journal_mode: journalMode } = database.prepare("PRAGMA journal_mode = WAL").get() as Record<string, string>;
  if (journalMode !== "wal") throw new Error(`its folder is on a file system where SQLite has no log (${journalMode})`);
  // The fsync of macOS does not wait for the disk unless it is told to. The first commit is synced whatever the
  // durability: it notes whether those behind it are.
  database.exec(`
    PRAGMA synchronous = FULL;
    PRAGMA fullfsync = ON;
    PRAGMA wal_autocheckpoint = ${CHECKPOINT_PAGES};
    PRAGMA journal_size_limit = ${LOG_BYTES_KEPT};
    PRAGMA cache_size = -${CACHE_KIB};
    PRAGMA temp_store = MEMORY`);
  migrate(database);
  // What a power failure left behind the end of a log that was not synced would be taken for proof of damage later.
  const isLogSynced = durability === "full" && (!hasHole || beginLogAnew(file));
  if (durability === "normal") afterFirstCommit = "PRAGMA synchronous = NORMAL; PRAGMA fullfsync = OFF";
  ended = new EndedSessions(database, (sweep) => sweepTimer = setTimeout(sweep, 0));
  batchCommit = new BatchCommit(database, ended, isLogSynced);
  reader = new StoreReader(database);
  thread.postMessage({
    kind: "opened",
    lastSessionKey: numberOf(
      database,
      "SELECT coalesce(max(key), 0) FROM (SELECT key FROM session UNION ALL SELECT key FROM ended_session)",
    ),
    lastBodyKey: numberOf(database, "SELECT coalesce(max(key), 0) FROM body"),
    clock: database.prepare("SELECT store_ms AS storeMs, machine_ms AS machineMs FROM clock").get() as unknown as
      | ClockMark
      | undefined,
  });
}

/** @returns false: a tool reads it, or the disk is full. It goes on as it is. */
function beginLogAnew(file: string): boolean {
  try {
    database.exec("PRAGMA wal_checkpoint(TRUNCATE)");
  } catch { /* What is in the log says it. */ }
  return !checkLog(file).hasHole;
}

function loadNext(): void {
  loading ??= reader.load();
  const { value: records, done } = loading.next();
  if (done) return thread.postMessage({ kind: "loaded", records: new Uint8Array(0), isLast: true });
  thread.postMessage({ kind: "loaded", records, isLast: false }, [records.buffer]);
}

function commit(batch: Uint8Array<ArrayBuffer>): void {
  try {
    commitOrMakeRoom(batch);
  } catch (error) {
    return thread.postMessage({ kind: "refused", batch, reason: reasonOf(error) }, [batch.buffer]);
  }
  if (afterFirstCommit !== undefined) database.exec(afterFirstCommit);
  afterFirstCommit = undefined;
  thread.postMessage({ kind: "committed", batch }, [batch.buffer]);
  ended.sweepLater();
}

/** On a small disk the log may fill what is free with pages that are long out of date: written back into the file, they
 * take no room, and the log begins anew. */
function commitOrMakeRoom(batch: Uint8Array<ArrayBuffer>): void {
  try {
    return batchCommit.commit(batch);
  } catch {
    try {
      database.exec("PRAGMA wal_checkpoint(TRUNCATE)");
    } catch { /* The next try says why. */ }
  }
  batchCommit.commit(batch);
}

function close(): void {
  try {
    // A log that a copy is put beside later would be written into it: a store that has ended says that it has none.
    database.exec("PRAGMA journal_mode = DELETE");
  } catch { /* Somebody else has it open, or the disk is gone: the log stays, and is read at the next start. */ }
  letGo();
  thread.postMessage({ kind: "closed" });
}

function letGo(): void {
  loading = undefined;
  clearTimeout(sweepTimer);
  try {
    database.close(); // and what is in the log goes into the file
  } catch { /* It was never opened, is closed, or the disk is gone: what was committed is safe in the log. */ }
}

function orFail(action: () => void): void {
  try {
    action();
  } catch (error) {
    letGo();
    thread.postMessage({ kind: "failed", reason: reasonOf(error), isDamaged: isDamage(error) });
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
