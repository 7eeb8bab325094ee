/** The store's file in the hands of a tool: opened to read, beside a broker that may be writing. @module */

import { DatabaseSync } from "node:sqlite";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { FolderLock } from "./folder_lock.ts";
import { isDamage } from "./integrity.ts";
import { checkLog } from "./log_check.ts";
import { sizeOf } from "../base/files.ts";
import { MIGRATION_STEPS, type MigrationStep, requireSchema, SchemaError } from "./schema.ts";
import { hasChangesBeside, hasForeignLog, requireOurFile } from "./store_header.ts";
import {
  damaged,
  DataFolderError,
  fileTrouble,
  requireStore,
  requireStoreFile,
  STORE_FILE_NAME,
} from "./store_trouble.ts";

/** For as long a broker that begins or ends may keep the file to itself. */
const BUSY_TIMEOUT_MS = 5_000;

/** A tool cannot do what it was asked for; the message says why. */
export class StoreToolError extends Error {
  override readonly name: string = "StoreToolError";
}

/** What is wrong with the store keeps a tool from reading it at all. */
export class StoreDamageError extends StoreToolError {
  constructor(readonly file: string, readonly finding: string) {
    super(damaged(file, finding));
  }
}

/** Not for a process that has the store open to write: looking at the file gives up SQLite's locks on it. */
export class StoreFile implements Disposable {
  readonly path: string;
  /** Shows the store as it was when it was opened, whatever a broker writes meanwhile. */
  readonly database: DatabaseSync;
  readonly isBrokerRunning: boolean;
  /** Of its tables: the present one, or an earlier one. */
  readonly schemaVersion: number;
  /** What of the write-ahead log cannot be read, and is not shown: SQLite leaves it out without a word. */
  readonly logDamage: string | undefined;
  /** Held while the file is read in a way that bears no writer. */
  readonly #lock: FolderLock | undefined;

  /** @param folder the data folder. @throws DataFolderError: no store is there. StoreToolError: it cannot be read, or this
   * program does not know its tables. */
  constructor(folder: string) {
    const absolute = resolve(folder);
    this.path = join(absolute, STORE_FILE_NAME);
    let lock: FolderLock | undefined;
    let database: DatabaseSync | undefined;
    try {
      requireStore(absolute);
      requireStoreFile(this.path, "read");
      if (sizeOf(this.path) === 0) throw new StoreDamageError(this.path, "the file is empty");
      requireOurFile(this.path);
      if (hasForeignLog(this.path)) {
        throw new StoreToolError(
          `${this.path}-wal belongs to the store that was here before; a start of the broker, or \`store compact\`, ` +
            "moves it away",
        );
      }
      this.logDamage = checkLog(this.path).damage;
      const shared = FolderLock.share(absolute);
      this.isBrokerRunning = shared === "taken";
      if (shared instanceof FolderLock) lock = shared;
      const isAtRest = lock !== undefined && !hasChangesBeside(this.path);
      if (!isAtRest) {
        lock?.release();
        lock = undefined;
      }
      database = openToRead(this.path, isAtRest);
      this.schemaVersion = requireSchema(database);
    } catch (error) {
      database?.close();
      lock?.release();
      throw explainTrouble(error, this.path);
    }
    this.database = database;
    this.#lock = lock;
  }

  /** Its tables are not brought up to date by who only reads.
   * @throws StoreToolError for those of an earlier version. */
  requirePresentSchema(steps: readonly MigrationStep[] = MIGRATION_STEPS): void {
    if (this.schemaVersion === steps.length) return;
    throw new StoreToolError(
      `${this.path} was written by an earlier version of Quetzal (schema ${this.schemaVersion}); a start of the broker ` +
        `brings it to schema ${steps.length}`,
    );
  }

  /** @throws StoreDamageError when something that was acknowledged is not shown. */
  requireWhole(): void {
    if (this.logDamage !== undefined) throw new StoreDamageError(this.path, this.logDamage);
  }

  [Symbol.dispose](): void {
    this.database.close();
    this.#lock?.release();
  }
}

/** @throws StoreDamageError */
export function requireWholeLog(path: string): void {
  const { damage } = checkLog(path);
  if (damage !== undefined) throw new StoreDamageError(path, damage);
}

/** @param isAtRest nobody writes, and everything is in the file itself: SQLite need not take part in what writers share,
 * for which it makes files beside it, and which it cannot do on a disk that may only be read. */
function openToRead(path: string, isAtRest: boolean): DatabaseSync {
  const url = pathToFileURL(path);
  if (isAtRest) url.searchParams.set("immutable", "1");
  const database = new DatabaseSync(url, { readOnly: true, timeout: BUSY_TIMEOUT_MS });
  try {
    // The first statement that reads takes the view that the transaction keeps.
    database.exec("BEGIN; SELECT 1 FROM sqlite_schema");
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

/** What stands in a tool's way is told as it is; what SQLite or the operating system say, with the file's name and what to
 * do. A bug stays what it is. */
export function explainTrouble(error: unknown, path: string): unknown {
  if (error instanceof DataFolderError || error instanceof StoreToolError) return error;
  if (!isOfTheWorld(error)) return error;
  if (isDamage(error)) return new StoreDamageError(path, error.message);
  return new StoreToolError(fileTrouble(error, path));
}

/** SQLite or the operating system says so, or the file itself. */
export function isOfTheWorld(error: unknown): error is Error {
  if (!(error instanceof Error)) return false;
  if (error instanceof SchemaError || error.name in Deno.errors) return true;
  // Deno has no class of its own for some of the system's, such as "ENOSPC".
  return /^(?:ERR_SQLITE_ERROR|E[A-Z]+)$/.test(String((error as { code?: unknown }).code));
}
