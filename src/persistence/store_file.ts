/** The store's file in the hands of a tool: opened to read, beside a broker that may be writing. @module */

import { DatabaseSync } from "node:sqlite";
import { join, resolve } from "node:path";
import { hasForeignLog, noStore, STORE_FILE_NAME } from "./data_folder.ts";
import { FolderLock } from "./folder_lock.ts";
import { isDamage } from "./integrity.ts";
import { exists } from "./private_files.ts";
import { APPLICATION_ID, MIGRATION_STEPS, numberOf } from "./schema.ts";

/** For as long a broker that begins or ends may keep the file to itself. */
const BUSY_TIMEOUT_MS = 5_000;

/** A tool cannot do what it was asked for; the message says why. */
export class StoreToolError extends Error {
  override readonly name = "StoreToolError";
}

export class StoreFile implements Disposable {
  readonly path: string;
  /** Shows the store as it was when it was opened, whatever a broker writes meanwhile. */
  readonly database: DatabaseSync;
  readonly isBrokerRunning: boolean;

  /** @param folder the data folder. @throws DataFolderError: no store is there. StoreToolError: it is no store. */
  constructor(folder: string) {
    const absolute = resolve(folder);
    this.path = join(absolute, STORE_FILE_NAME);
    if (!exists(this.path)) throw noStore(absolute);
    if (hasForeignLog(this.path)) {
      throw new StoreToolError(
        `${this.path}-wal belongs to the store that was here before; a start of the broker, or \`store compact\`, ` +
          "moves it away",
      );
    }
    this.isBrokerRunning = FolderLock.isTaken(absolute);
    this.database = new DatabaseSync(this.path, { readOnly: true, timeout: BUSY_TIMEOUT_MS });
    try {
      // The first statement that reads takes the view that the transaction keeps.
      this.database.exec("BEGIN; SELECT 1 FROM sqlite_schema");
      requireStore(this.database, this.path);
    } catch (error) {
      this.database.close();
      throw explainRead(error, this.path);
    }
  }

  /** @throws StoreToolError when its tables are not those that this program knows. */
  requirePresentSchema(): void {
    const version = numberOf(this.database, "PRAGMA user_version");
    if (version === MIGRATION_STEPS.length) return;
    throw new StoreToolError(
      version > MIGRATION_STEPS.length
        ? `${this.path} was written by a later version of Quetzal (schema ${version}; this one knows up to ` +
          `${MIGRATION_STEPS.length}): use that one`
        : `${this.path} was written by an earlier version of Quetzal (schema ${version}); a start of the broker brings ` +
          `it to schema ${MIGRATION_STEPS.length}`,
    );
  }

  [Symbol.dispose](): void {
    this.database.close();
  }
}

/** @throws StoreToolError for an SQLite file of another program. */
export function requireStore(database: DatabaseSync, path: string): void {
  if (numberOf(database, "PRAGMA application_id") === APPLICATION_ID) return;
  throw new StoreToolError(`${path} is no store of Quetzal`);
}

/** What stands in a folder's way is told as it is; what SQLite or the operating system say, with the file's name. A bug
 * stays what it is. */
export function explainRead(error: unknown, path: string): unknown {
  if (!isOfTheWorld(error)) return error;
  return new StoreToolError(
    isDamage(error) ? `${path} is damaged: ${error.message}` : `${path} cannot be used: ${error.message}`,
  );
}

/** SQLite or the operating system says so. */
export function isOfTheWorld(error: unknown): error is Error {
  if (!(error instanceof Error)) return false;
  return (error as { code?: string }).code === "ERR_SQLITE_ERROR" || error.name in Deno.errors;
}
